//! What a history asks of a database, and what came of it: the common words of model and store.

use std::time::Duration;

use lastseen_model::{ExternalId, PolicyType, RunId, TenantId};
use lastseen_store::{
    Acknowledgement, ClaimTerms, EnqueueTerms, FinishRun, ListingFailure, NewRun, PageRecord, PageStored, Pruned, Purged, Reaped, Removal,
    Renewal, Retention, RunDetail, TenantChange, TenantRecord,
};

use crate::model::{CancelSaid, ClaimSaid, EnqueueSaid, Model, Refusal, StartSaid};

/// A verb with what it is given. A run is named by its id; who holds its lease is the caller's affair.
#[derive(Debug, Clone)]
pub(crate) enum Command {
    /// `start_run`
    Start(NewRun, ClaimTerms),
    /// `enqueue_run`
    Enqueue(NewRun, EnqueueTerms),
    /// `claim_run`
    Claim(RunId, ClaimTerms),
    /// `cancel_run`
    Cancel(RunId),
    /// `renew_lease`
    Renew(RunId, Duration),
    /// `begin_listings`
    Begin(RunId, Vec<PolicyType>),
    /// `record_page`
    Page(RunId, PageRecord),
    /// `fail_listings`
    Fail(RunId, ListingFailure),
    /// `finish_run`
    Finish(RunId, FinishRun),
    /// `reap_expired`
    Reap,
    /// `acknowledge`
    Acknowledge(Acknowledgement),
    /// `unacknowledge`
    Unacknowledge(PolicyType, ExternalId),
    /// `prune`
    Prune(Retention),
    /// `set_tenant`
    SetTenant(TenantChange),
    /// `remove_tenant`
    RemoveTenant,
    /// The owner's `purge`
    Purge,
}

/// What came of a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Effect {
    /// A start or claim gave the run to the worker.
    Claimed,
    /// A start was recorded as skipped, or a claim found the run not pending; the run as it is.
    NotClaimed(Box<RunDetail>),
    /// A run for the queue was recorded as skipped, because of a live one; the run as it is.
    Contended(Box<RunDetail>),
    /// A run for the queue was recorded as skipped at a limit; the run as it is.
    Limited(Box<RunDetail>),
    /// The same was asked for under its key before; that run as it is.
    Repeated(Box<RunDetail>),
    /// Something else was asked for under its key before; that run.
    KeyTaken(RunId),
    /// A pending run was cancelled; the run as it is.
    Cancelled(Box<RunDetail>),
    /// A running run is to be cancelled by its worker; the run as it is.
    CancelAsked(Box<RunDetail>),
    /// A run that was to be cancelled had ended; the run as it is.
    Over(Box<RunDetail>),
    /// A lease was renewed.
    Renewed(Renewal),
    /// It is in the queue; the run as it is.
    Queued(Box<RunDetail>),
    /// It waits.
    Waiting(lastseen_model::ErrorCode),
    /// The tenant has no such run.
    NoSuchRun,
    /// Yes or no.
    Flag(bool),
    /// Done, with nothing to say.
    Done,
    /// A page.
    Page(PageStored),
    /// The run that ended.
    Finished(Box<RunDetail>),
    /// What was reaped.
    Reaped(Reaped),
    /// What was pruned.
    Pruned(Pruned),
    /// The tenant as it is.
    Tenant(Box<TenantRecord>),
    /// What a removal did.
    Removed(Option<Removal>),
    /// What a purge took away.
    Purged(Purged),
    /// The running run that keeps a purge away.
    Busy(RunId),
    /// Nothing was written.
    Refused(Refusal),
}

impl Model {
    /// Does what a command says, as the rules say it.
    pub(crate) fn apply(&mut self, tenant: TenantId, command: &Command) -> Effect {
        let told = |model: &Self, run: RunId, effect: fn(Box<RunDetail>) -> Effect| {
            model.detail(tenant, run).map_or(Effect::NoSuchRun, |run| effect(Box::new(run)))
        };
        let done = |result: Result<(), Refusal>| result.map_or_else(Effect::Refused, |()| Effect::Done);
        match command {
            Command::Start(new, terms) => match self.start(tenant, new, terms) {
                StartSaid::Claimed => Effect::Claimed,
                StartSaid::Skipped => told(self, new.run_id, Effect::NotClaimed),
                StartSaid::Waiting(code) => Effect::Waiting(code),
                StartSaid::TenantRemoved => Effect::Refused(Refusal::TenantRemoved),
            },
            Command::Enqueue(new, terms) => match self.enqueue(tenant, new, terms) {
                EnqueueSaid::Queued => told(self, new.run_id, Effect::Queued),
                EnqueueSaid::Contended => told(self, new.run_id, Effect::Contended),
                EnqueueSaid::Limited => told(self, new.run_id, Effect::Limited),
                EnqueueSaid::Repeated(run) => told(self, run, Effect::Repeated),
                EnqueueSaid::KeyTaken(run) => Effect::KeyTaken(run),
                EnqueueSaid::TenantRemoved => Effect::Refused(Refusal::TenantRemoved),
            },
            Command::Claim(run, terms) => match self.claim(tenant, *run, terms) {
                ClaimSaid::Claimed => Effect::Claimed,
                ClaimSaid::Ended => told(self, *run, Effect::NotClaimed),
                ClaimSaid::Waiting(code) => Effect::Waiting(code),
                ClaimSaid::NoSuchRun => Effect::NoSuchRun,
            },
            Command::Cancel(run) => match self.cancel(tenant, *run) {
                CancelSaid::Ended => told(self, *run, Effect::Cancelled),
                CancelSaid::Asked => told(self, *run, Effect::CancelAsked),
                CancelSaid::Over => told(self, *run, Effect::Over),
                CancelSaid::NoSuchRun => Effect::NoSuchRun,
            },
            Command::Renew(run, for_) => self.renew(tenant, *run, *for_).map_or_else(Effect::Refused, Effect::Renewed),
            Command::Begin(run, types) => done(self.begin(tenant, *run, types)),
            Command::Page(run, page) => self.page(tenant, *run, page).map_or_else(Effect::Refused, Effect::Page),
            Command::Fail(run, failure) => done(self.fail(tenant, *run, failure)),
            Command::Finish(run, finish) => match self.finish(tenant, *run, finish) {
                Ok(()) => self.detail(tenant, *run).map_or(Effect::NoSuchRun, |run| Effect::Finished(Box::new(run))),
                Err(refusal) => Effect::Refused(refusal),
            },
            Command::Reap => Effect::Reaped(self.reap()),
            Command::Acknowledge(note) => Effect::Flag(self.acknowledge(tenant, (note.policy_type.clone(), note.external_id.clone()))),
            Command::Unacknowledge(policy_type, external_id) => {
                Effect::Flag(self.unacknowledge(tenant, &(policy_type.clone(), external_id.clone())))
            }
            Command::Prune(retention) => Effect::Pruned(self.prune(tenant, retention)),
            Command::SetTenant(change) => Effect::Tenant(Box::new(self.set_tenant(tenant, change))),
            Command::RemoveTenant => Effect::Removed(self.remove_tenant(tenant)),
            Command::Purge => self.purge(tenant).map_or_else(Effect::Busy, Effect::Purged),
        }
    }
}
