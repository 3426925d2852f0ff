//! Runs that are left to workers: put into the queue, found there, and cancelled.

use lastseen_model::{CorrelationId, Guard, Limits, RunId, Selection, TenantId};

use crate::run::RunDetail;

/// What whoever puts a run into the queue brings.
#[derive(Debug, Clone, Copy)]
pub struct EnqueueTerms {
    /// The guard's thresholds, kept with the run until its claim brings its own.
    pub guard: Guard,
    /// The limits in force, for a run that does not wait at one.
    pub limits: Limits,
}

/// What came of putting a run into the queue.
#[derive(Debug, Clone)]
pub enum Enqueued {
    /// It is there, `pending`, until a worker claims it or its time is over.
    Queued(Box<RunDetail>),
    /// It was recorded as skipped: the selection has a live run.
    Contended(Box<RunDetail>),
    /// It was recorded as skipped with the code of the limit: one is reached, and the run was not to wait.
    Limited(Box<RunDetail>),
    /// The same was asked for under this key before; that run, as it is now. Nothing was written.
    Repeated(Box<RunDetail>),
    /// Another selection, or another wish at a limit, was asked for under this key before; that run. Nothing was written.
    KeyTaken(RunId),
}

/// A run that waits for a worker of any process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueuedRun {
    /// Whose it is.
    pub tenant_id: TenantId,
    /// The run.
    pub run_id: RunId,
    /// What ties its requests together.
    pub correlation_id: CorrelationId,
    /// What it lists.
    pub selection: Selection,
}

/// What came of a wish to cancel a run; the run as it is now.
#[derive(Debug, Clone)]
pub enum Cancelled {
    /// It was pending, and is skipped with `cancelled`.
    Ended(Box<RunDetail>),
    /// It is running: its worker hears of it when it renews its lease, and ends it in good order.
    Asked(Box<RunDetail>),
    /// It had ended by itself.
    Over(Box<RunDetail>),
    /// The tenant has no such run.
    NoSuchRun,
}
