//! A worker: takes what is queued, run by run, until it is told to end.
//!
//! It polls, because a database behind a pooler can't call. Each look reaps first, so that a dead worker's runs end while any other worker
//! lives. What the queue shows is a hint; the claim decides, and holds the limits.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use lastseen_model::{ErrorCode, PolicyType, RunId, Selection, TenantId};
use lastseen_store::{QueuedRun, RunDetail, StoreError, TenantScope};
use tokio::task::{JoinError, JoinSet};
use tokio_util::sync::CancellationToken;

use crate::claim::Slot;
use crate::events::Silent;
use crate::polling;
use crate::run::{Engine, SyncError};
use crate::settings::WorkerSettings;

/// How many queued runs a look brings, beyond those that this program can't do.
const LOOK_AHEAD: u32 = 64;
/// How many of the runs that it can't do a worker remembers, so that it says so once.
const REMEMBERED: usize = 1_000;

/// Something that a worker does.
#[derive(Debug)]
pub enum WorkerEvent {
    /// It claimed a run.
    Took {
        /// Whose run.
        tenant_id: TenantId,
        /// The run.
        run_id: RunId,
        /// What the run lists.
        selection: Selection,
    },
    /// A run of its own ended.
    Ended {
        /// Whose run.
        tenant_id: TenantId,
        /// The run.
        run_id: RunId,
        /// The run's record, or why there is none to show.
        outcome: Result<Box<RunDetail>, SyncError>,
    },
    /// Another worker is gone, and its run was ended for it.
    Reaped {
        /// Whose run.
        tenant_id: TenantId,
        /// The run.
        run_id: RunId,
    },
    /// It takes no more runs, and waits for those that it has.
    Draining {
        /// How many it has.
        runs: usize,
    },
    /// Its runs took too long to end, and are cancelled.
    DrainedTooLong {
        /// How many it still had.
        runs: usize,
    },
}

/// Whoever watches a worker. Called from its tasks; must not block.
pub trait WorkerObserver: Send + Sync {
    /// Something happened.
    fn on(&self, event: WorkerEvent);
}

impl Engine {
    /// Works on queued runs of all tenants until `drain` or `stop`.
    ///
    /// Once `drain` is cancelled nothing more is claimed; what runs may go on for [`WorkerSettings::drain_for`] and is then cancelled in
    /// good order. `stop` cancels at once. A database that is away is asked again, less and less often, and never ends the worker.
    pub async fn work_queue(
        &self,
        settings: &WorkerSettings,
        observer: Arc<dyn WorkerObserver>,
        drain: CancellationToken,
        stop: CancellationToken,
    ) {
        let cancel = stop.child_token();
        let mut worker = Worker { engine: self, settings, observer, runs: JoinSet::new(), cancel, unknown: BTreeSet::new(), failures: 0 };
        let over = || drain.is_cancelled() || stop.is_cancelled();
        while !over() {
            let pause = worker.look(over).await;
            tokio::select! {
                biased;
                () = drain.cancelled() => break,
                () = stop.cancelled() => break,
                // A slot is free: there may be a run for it.
                Some(ended) = worker.runs.join_next() => worker.ended(ended),
                () = self.timer.pause(pause) => {}
            }
        }
        worker.end().await;
    }
}

/// What came of a run, for whoever spawned it.
type Ended = (TenantId, RunId, Result<RunDetail, SyncError>);

/// A worker at work.
struct Worker<'a> {
    engine: &'a Engine,
    settings: &'a WorkerSettings,
    observer: Arc<dyn WorkerObserver>,
    runs: JoinSet<Ended>,
    /// Cancels every run in good order.
    cancel: CancellationToken,
    /// Queued runs whose selection this program does not know.
    unknown: BTreeSet<RunId>,
    /// How many looks in a row failed.
    failures: u32,
}

impl Worker<'_> {
    /// Looks at the queue once, and says how long to wait for the next look.
    async fn look(&mut self, over: impl Fn() -> bool) -> Duration {
        match self.take(over).await {
            Ok(()) => self.failures = 0,
            Err(error) => {
                tracing::warn!(code = %error.code(), error = %error, "the queue can't be looked at; trying again");
                self.failures = self.failures.saturating_add(1);
            }
        }
        polling::pause(self.settings.poll_every, self.failures)
    }

    /// Claims queued runs, oldest first, while there are slots for them.
    async fn take(&mut self, over: impl Fn() -> bool) -> Result<(), StoreError> {
        for (tenant_id, run_id) in self.engine.store.reap_expired().await?.failed {
            self.observer.on(WorkerEvent::Reaped { tenant_id, run_id });
        }
        if self.runs.len() >= self.settings.runs_at_once {
            return Ok(());
        }
        if self.unknown.len() > REMEMBERED {
            self.unknown.clear();
        }
        let at_most = LOOK_AHEAD.saturating_add(u32::try_from(self.unknown.len()).unwrap_or(u32::MAX));
        let mut full = BTreeSet::new();
        for queued in self.engine.store.queued_runs(self.engine.settings.limits, at_most).await? {
            if self.runs.len() >= self.settings.runs_at_once || over() {
                break;
            }
            if full.contains(&queued.tenant_id) {
                continue;
            }
            let Some(types) = self.types_of(&queued) else { continue };
            let (scope, terms) = (scope_of(&queued), self.engine.terms(&types));
            match self.engine.claim(&scope, queued.run_id, &terms).await? {
                Slot::Claimed(claimed, asked_at) => {
                    let QueuedRun { tenant_id, run_id, correlation_id, selection } = queued;
                    self.observer.on(WorkerEvent::Took { tenant_id, run_id, selection });
                    let (engine, cancel) = (self.engine.clone(), self.cancel.child_token());
                    self.runs.spawn(async move {
                        let work = engine.work(&scope, (claimed, asked_at), correlation_id, &types, Arc::new(Silent), cancel);
                        (tenant_id, run_id, work.await)
                    });
                }
                Slot::Waiting(ErrorCode::ConcurrencyLimitTenant) => drop(full.insert(queued.tenant_id)),
                Slot::Waiting(_) => break,
                // Another worker was quicker, or somebody cancelled it.
                Slot::Ended(_) | Slot::NoSuchRun => {}
            }
        }
        Ok(())
    }

    /// The types of a queued run's selection; none where this program does not know them, because a newer one put it there.
    fn types_of(&mut self, queued: &QueuedRun) -> Option<Vec<PolicyType>> {
        match self.engine.registry.vocabulary().scope(&queued.selection) {
            Ok(types) => Some(types),
            Err(error) => {
                if self.unknown.insert(queued.run_id) {
                    tracing::warn!(run = %queued.run_id, error = %error, "a queued run is left for a newer worker");
                }
                None
            }
        }
    }

    fn ended(&self, ended: Result<Ended, JoinError>) {
        match ended {
            Ok((tenant_id, run_id, outcome)) => {
                self.observer.on(WorkerEvent::Ended { tenant_id, run_id, outcome: outcome.map(Box::new) });
            }
            Err(_panicked) => tracing::error!(code = "internal", "a run ended by a bug; it is recorded as failed when its lease expires"),
        }
    }

    /// Waits for the runs that are left, and cancels them when that takes too long.
    async fn end(mut self) {
        if !self.runs.is_empty() {
            self.observer.on(WorkerEvent::Draining { runs: self.runs.len() });
        }
        let mut patience = self.engine.timer.pause(self.settings.drain_for);
        let mut waiting = true;
        loop {
            tokio::select! {
                biased;
                ended = self.runs.join_next() => match ended {
                    Some(ended) => self.ended(ended),
                    None => return,
                },
                () = &mut patience, if waiting => {
                    waiting = false;
                    if !self.cancel.is_cancelled() {
                        self.observer.on(WorkerEvent::DrainedTooLong { runs: self.runs.len() });
                    }
                    self.cancel.cancel();
                }
            }
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "a worker acts for the tenant whose run it is about to claim")]
fn scope_of(queued: &QueuedRun) -> TenantScope {
    TenantScope::assume(queued.tenant_id)
}
