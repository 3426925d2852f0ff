//! The life of a run: starts, claims, leases, ends.

use std::collections::BTreeSet;
use std::time::Duration;

use lastseen_model::{
    Ending, ErrorCode, ErrorContext, Guard, Limits, ListingOutcome, OnLimit, RunId, RunStatus, StartKey, TenantId, Timestamp,
};
use lastseen_store::{ClaimTerms, EnqueueTerms, FinishRun, NewRun, Reaped, Renewal, RunCounts, RunError, RunRecord, Traffic};

use super::{Listing, Model, Run, Tenant, Wish};

/// What a start comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StartSaid {
    /// The run is the worker's.
    Claimed,
    /// It was recorded as skipped.
    Skipped,
    /// It waits for a slot.
    Waiting(ErrorCode),
    /// The tenant was removed.
    TenantRemoved,
}

/// What an asking for the queue comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum EnqueueSaid {
    /// It is in the queue.
    Queued,
    /// It was recorded as skipped: the selection has a live run.
    Contended,
    /// It was recorded as skipped: a limit is reached.
    Limited,
    /// The same was asked for under its key before; the run.
    Repeated(RunId),
    /// Something else was asked for under its key before; the run.
    KeyTaken(RunId),
    /// The tenant was removed.
    TenantRemoved,
}

/// What a cancellation comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CancelSaid {
    /// It was pending, and has ended.
    Ended,
    /// It is its worker's to end.
    Asked,
    /// It had ended.
    Over,
    /// The tenant has no such run.
    NoSuchRun,
}

/// What a claim comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ClaimSaid {
    /// The run is the worker's.
    Claimed,
    /// A limit is still reached.
    Waiting(ErrorCode),
    /// It is not pending any more.
    Ended,
    /// The tenant has no such run.
    NoSuchRun,
}

/// Why a verb wrote nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// The run is not the worker's any more.
    LeaseLost,
    /// A page left a gap, or its listing has ended.
    OutOfOrder,
    /// A type is not in the run's scope.
    NotOpen,
    /// The tenant was removed.
    TenantRemoved,
}

impl Model {
    /// Ends what has expired.
    pub(crate) fn reap(&mut self) -> Reaped {
        let mut reaped = Reaped::default();
        let now = self.now;
        for (tenant, known) in &mut self.tenants {
            for run in known.runs.iter_mut().filter(|run| run.record.status.is_live() && run.expires <= now) {
                let entry = (*tenant, run.record.run_id);
                if run.record.status == RunStatus::Pending {
                    run.skip(ErrorCode::WorkerLost, now);
                    reaped.skipped.push(entry);
                } else {
                    run.end(Ending::WorkerLost, Some(bare(ErrorCode::WorkerLost)), Traffic::default(), now);
                    reaped.failed.push(entry);
                }
            }
        }
        reaped
    }

    /// Enqueues and claims.
    pub(crate) fn start(&mut self, tenant: TenantId, new: &NewRun, terms: &ClaimTerms) -> StartSaid {
        self.reap();
        if self.is_removed(tenant) {
            return StartSaid::TenantRemoved;
        }
        if !self.put(tenant, new, terms.guard, false) {
            return StartSaid::Skipped;
        }
        match (self.limit_reached(tenant, terms.limits), new.on_limit) {
            (None, _) => {
                self.give(tenant, new.run_id, terms);
                StartSaid::Claimed
            }
            (Some(code), OnLimit::Wait) => StartSaid::Waiting(code),
            (Some(code), OnLimit::Skip) => {
                let now = self.now;
                if let Some(run) = self.run_mut(tenant, new.run_id) {
                    run.skip(code, now);
                }
                StartSaid::Skipped
            }
        }
    }

    /// Enqueues for any worker.
    pub(crate) fn enqueue(&mut self, tenant: TenantId, new: &NewRun, terms: &EnqueueTerms) -> EnqueueSaid {
        self.reap();
        if self.is_removed(tenant) {
            return EnqueueSaid::TenantRemoved;
        }
        let wish = |key: &StartKey| Wish { key: key.clone(), on_limit: new.on_limit };
        let known = new.start_key.as_ref().and_then(|key| self.started_by(tenant, key));
        if let Some(run) = known {
            let same = run.record.selection_hash == new.selection.hash() && run.asked_as == new.start_key.as_ref().map(wish);
            let run = run.record.run_id;
            return if same { EnqueueSaid::Repeated(run) } else { EnqueueSaid::KeyTaken(run) };
        }
        let queued = self.put(tenant, new, terms.guard, true);
        let limit = self.limit_reached(tenant, terms.limits).filter(|_| queued && new.on_limit == OnLimit::Skip);
        let now = self.now;
        if let Some(run) = self.run_mut(tenant, new.run_id) {
            run.asked_as = new.start_key.as_ref().map(wish);
            if let Some(code) = limit {
                run.skip(code, now);
                return EnqueueSaid::Limited;
            }
        }
        if queued { EnqueueSaid::Queued } else { EnqueueSaid::Contended }
    }

    fn started_by(&self, tenant: TenantId, key: &StartKey) -> Option<&Run> {
        self.runs_of(tenant).iter().find(|run| run.asked_as.as_ref().is_some_and(|wish| wish.key == *key))
    }

    /// The queued runs that a worker may try to claim, in the order of their ids.
    pub(crate) fn queued(&self, limits: Limits) -> Vec<RunId> {
        let may = |(tenant, _): &(&TenantId, &Tenant)| self.limit_reached(**tenant, limits).is_none();
        let queued = |run: &&Run| run.record.status == RunStatus::Pending && run.for_worker;
        let runs = self.tenants.iter().filter(may).flat_map(|(_, known)| known.runs.iter().filter(queued));
        let mut ids: Vec<RunId> = runs.map(|run| run.record.run_id).collect();
        ids.sort_unstable();
        ids
    }

    /// Makes a run, pending where no live one of its selection is there; whether it is.
    fn put(&mut self, tenant: TenantId, new: &NewRun, guard: Guard, for_worker: bool) -> bool {
        let hash = new.selection.hash();
        let contended = self.runs_of(tenant).iter().any(|run| run.record.selection_hash == hash && run.record.status.is_live());
        let now = self.now;
        let mut run = Run {
            record: RunRecord {
                tenant_id: tenant,
                run_id: new.run_id,
                run_no: None,
                selection_hash: hash,
                selection_payload: new.selection.clone(),
                status: RunStatus::Pending,
                had_errors: false,
                correlation_id: new.correlation_id,
                trigger: new.trigger,
                created_at: now,
                started_at: None,
                finished_at: None,
                worker: None,
                guard,
                counts: RunCounts::default(),
                error_codes: Vec::new(),
            },
            no: None,
            for_worker,
            asked_as: None,
            cancel_asked: false,
            expires: now + new.pending_for,
            errors: Vec::new(),
            listings: Vec::new(),
        };
        if contended {
            run.skip(ErrorCode::LockContended, now);
        }
        self.know(tenant).runs.push(run);
        !contended
    }

    /// Claims a pending run.
    pub(crate) fn claim(&mut self, tenant: TenantId, run: RunId, terms: &ClaimTerms) -> ClaimSaid {
        self.reap();
        let limit = self.limit_reached(tenant, terms.limits);
        let now = self.now;
        match (self.run_mut(tenant, run), limit) {
            (None, _) => ClaimSaid::NoSuchRun,
            (Some(run), _) if run.record.status != RunStatus::Pending => ClaimSaid::Ended,
            (Some(run), Some(code)) => {
                run.expires = run.expires.max(now + terms.pending_for);
                ClaimSaid::Waiting(code)
            }
            (Some(_), None) => {
                self.give(tenant, run, terms);
                ClaimSaid::Claimed
            }
        }
    }

    /// Ends a pending run, or asks for the end of a running one.
    pub(crate) fn cancel(&mut self, tenant: TenantId, run: RunId) -> CancelSaid {
        let now = self.now;
        let Some(run) = self.run_mut(tenant, run) else { return CancelSaid::NoSuchRun };
        match run.record.status {
            RunStatus::Pending => {
                run.skip(ErrorCode::Cancelled, now);
                CancelSaid::Ended
            }
            RunStatus::Running => {
                run.cancel_asked = true;
                CancelSaid::Asked
            }
            RunStatus::Skipped | RunStatus::Failed | RunStatus::Partial | RunStatus::Success => CancelSaid::Over,
        }
    }

    /// Lets the lease run on from now.
    pub(crate) fn renew(&mut self, tenant: TenantId, run: RunId, for_: Duration) -> Result<Renewal, Refusal> {
        let now = self.now;
        let run = self.leased(tenant, run)?;
        run.expires = now + for_;
        Ok(if run.cancel_asked { Renewal::CancelAsked } else { Renewal::Held })
    }

    /// Ends a run.
    pub(crate) fn finish(&mut self, tenant: TenantId, run: RunId, finish: &FinishRun) -> Result<(), Refusal> {
        let now = self.now;
        self.leased(tenant, run)?.end(finish.ending, finish.error.clone(), finish.traffic, now);
        Ok(())
    }

    /// The run, when its worker still holds it.
    pub(super) fn leased(&mut self, tenant: TenantId, run: RunId) -> Result<&mut Run, Refusal> {
        let now = self.now;
        let held = |run: &&mut Run| run.record.status == RunStatus::Running && now < run.expires;
        self.run_mut(tenant, run).filter(held).ok_or(Refusal::LeaseLost)
    }

    fn limit_reached(&self, tenant: TenantId, limits: Limits) -> Option<ErrorCode> {
        let running = |runs: &[Run]| runs.iter().filter(|run| run.record.status == RunStatus::Running).count();
        let in_all: usize = self.tenants.values().map(|tenant| running(&tenant.runs)).sum();
        if in_all >= limits.global as usize {
            return Some(ErrorCode::ConcurrencyLimitGlobal);
        }
        let own = self.tenants.get(&tenant).and_then(|known| known.record.runs_at_once).unwrap_or(limits.per_tenant);
        (running(self.runs_of(tenant)) >= own as usize).then_some(ErrorCode::ConcurrencyLimitTenant)
    }

    fn give(&mut self, tenant: TenantId, run: RunId, terms: &ClaimTerms) {
        let no = self.next_no();
        let now = self.now;
        let Some(known) = self.tenants.get_mut(&tenant) else { return };
        let listings = terms
            .types
            .iter()
            .map(|scoped| Listing {
                scoped: scoped.clone(),
                known: known.items.keys().filter(|key| key.0 == scoped.policy_type).map(|key| key.1.clone()).collect(),
                seen: BTreeSet::new(),
                passed_over: BTreeSet::new(),
                last_page: None,
                outcome: None,
                code: None,
                pages: 0,
                created: 0,
                changed: 0,
                rejected: 0,
                started_at: None,
                finished_at: None,
                dropped: false,
            })
            .collect();
        if let Some(run) = known.runs.iter_mut().find(|known| known.record.run_id == run) {
            run.no = Some(no);
            run.record.run_no = Some(no);
            run.expires = now + terms.lease_for;
            run.listings = listings;
            run.record.status = RunStatus::Running;
            run.record.started_at = Some(now);
            run.record.worker = Some(terms.worker.as_str().to_owned());
            run.record.guard = terms.guard;
        }
    }
}

impl Run {
    pub(super) fn note_error(&mut self, error: RunError) {
        self.errors.push(error);
        self.record.had_errors = !self.errors.is_empty();
        let codes: BTreeSet<&str> = self.errors.iter().map(|error| error.code.as_str()).collect();
        self.record.error_codes = codes.into_iter().filter_map(|code| code.parse().ok()).collect();
    }

    pub(super) fn skip(&mut self, code: ErrorCode, now: Timestamp) {
        self.note_error(bare(code));
        self.record.status = RunStatus::Skipped;
        self.record.finished_at = Some(now);
        self.sum_up(Traffic::default());
    }

    fn end(&mut self, ending: Ending, error: Option<RunError>, traffic: Traffic, now: Timestamp) {
        // A listing that broke off has a code, also where the worker gave none.
        let code = error.as_ref().map(|error| error.code).or(match ending {
            Ending::WorkerLost => Some(ErrorCode::WorkerLost),
            Ending::SignInFailed => Some(ErrorCode::AuthFailed),
            Ending::Cancelled => Some(ErrorCode::Cancelled),
            Ending::Finished | Ending::Internal => Some(ErrorCode::Internal),
        });
        for listing in self.listings.iter_mut().filter(|listing| listing.outcome.is_none()) {
            let begun = listing.started_at.is_some();
            listing.outcome = Some(ListingOutcome::when_run_ends(begun));
            listing.code = code.filter(|_| begun);
            listing.finished_at = Some(now);
        }
        if let Some(error) = error {
            self.note_error(error);
        }
        let outcomes: Vec<ListingOutcome> = self.listings.iter().filter_map(|listing| listing.outcome).collect();
        let by_its_listings = !matches!(ending, Ending::WorkerLost | Ending::SignInFailed);
        if by_its_listings && outcomes.iter().all(|outcome| *outcome == ListingOutcome::Unavailable) {
            self.note_error(bare(ErrorCode::GraphFeatureUnavailable));
        }
        self.record.status = RunStatus::conclude(ending, outcomes);
        self.record.finished_at = Some(now);
        self.sum_up(traffic);
    }

    fn sum_up(&mut self, traffic: Traffic) {
        let sum = |of: fn(&Listing) -> u64| self.listings.iter().map(of).sum::<u64>();
        let observed = sum(|listing| listing.seen.len() as u64);
        self.record.counts = RunCounts {
            items_observed: observed,
            items_upserted: observed,
            items_created: sum(|listing| listing.created),
            items_changed: sum(|listing| listing.changed),
            items_unseen: sum(|listing| listing.unseen().count() as u64),
            items_rejected: sum(|listing| listing.rejected),
            errors: self.errors.len() as u64,
            traffic,
        };
    }
}

fn bare(code: ErrorCode) -> RunError {
    RunError { code, context: ErrorContext::default() }
}
