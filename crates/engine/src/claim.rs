//! Getting a run, also where the database goes away while it is asked for one.
//!
//! A database that goes away while it commits leaves open whether it did. So whoever asks again takes a running run with its own name
//! for its own: a worker's name belongs to one process, and that asks for a run until it has an answer, and not again.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use lastseen_model::{ErrorCode, RunId, RunStatus};
use lastseen_store::{Cancelled, Claim, ClaimTerms, ClaimedRun, Lease, NewRun, RunDetail, Start, StoreError, TenantScope};
use tokio_util::sync::CancellationToken;

use crate::events::{Event, Observer};
use crate::patience::Patience;
use crate::run::Engine;

/// What came of asking for a run.
pub(crate) enum Slot {
    /// It is this worker's; and a time by the timer that is not later than its claim, so that the lease is never thought younger than
    /// it is.
    Claimed(ClaimedRun, Duration),
    /// A limit is reached; which.
    Waiting(ErrorCode),
    /// It ended, or is another worker's.
    Ended(Box<RunDetail>),
    /// The tenant has no such run.
    NoSuchRun,
}

impl Engine {
    /// Starts a run, and waits for its slot where it may. Where that fails, or is cancelled, the run does not stay pending: it would
    /// hold the lock, and nobody would claim it.
    pub(crate) async fn start_and_wait(
        &self,
        scope: &TenantScope,
        run: &NewRun,
        terms: &ClaimTerms,
        observer: &Arc<dyn Observer>,
        cancel: &CancellationToken,
    ) -> Result<Slot, StoreError> {
        let slot = self.wait_for_slot(scope, run, terms, observer, cancel).await;
        if slot.is_err() && self.store.cancel_run(scope, run.run_id).await.is_err() {
            tracing::warn!(run = %run.run_id, "a run that waits could not be cancelled; it is skipped when its time is over");
        }
        slot
    }

    async fn wait_for_slot(
        &self,
        scope: &TenantScope,
        run: &NewRun,
        terms: &ClaimTerms,
        observer: &Arc<dyn Observer>,
        cancel: &CancellationToken,
    ) -> Result<Slot, StoreError> {
        let mut slot = self.start(scope, run, terms).await?;
        while let Slot::Waiting(code) = slot {
            observer.on(Event::Waiting { code });
            tokio::select! {
                () = self.timer.pause(self.settings.poll_every) => {}
                () = cancel.cancelled() => return self.cancel_waiting(scope, run.run_id).await,
            }
            slot = self.claim(scope, run.run_id, terms).await?;
        }
        Ok(slot)
    }

    async fn start(&self, scope: &TenantScope, run: &NewRun, terms: &ClaimTerms) -> Result<Slot, StoreError> {
        let (asked_first, again) = (self.timer.now(), AtomicBool::new(false));
        let attempt = || async {
            // An earlier try may have recorded the run. A claim finds it, whatever became of it.
            if again.swap(true, Ordering::Relaxed) {
                let found = self.claim_once(scope, run.run_id, terms, asked_first).await?;
                if !matches!(found, Slot::NoSuchRun) {
                    return Ok(found);
                }
            }
            let asked_at = self.timer.now();
            Ok(match self.store.start_run(scope, run, terms).await? {
                Start::Claimed(claimed) => Slot::Claimed(claimed, asked_at),
                Start::Waiting(code) => Slot::Waiting(code),
                Start::Skipped(detail) => Slot::Ended(detail),
            })
        };
        self.patience_without_lease().call(attempt).await
    }

    /// Claims a pending run. Once begun it goes on until it has an answer, for as long as its patience lasts: a claim whose answer
    /// nobody heard would be a run that nobody leads.
    pub(crate) async fn claim(&self, scope: &TenantScope, run: RunId, terms: &ClaimTerms) -> Result<Slot, StoreError> {
        let asked_first = self.timer.now();
        self.patience_without_lease().call(|| self.claim_once(scope, run, terms, asked_first)).await
    }

    async fn claim_once(&self, scope: &TenantScope, run: RunId, terms: &ClaimTerms, asked_first: Duration) -> Result<Slot, StoreError> {
        let asked_at = self.timer.now();
        Ok(match self.store.claim_run(scope, run, terms).await? {
            Claim::Claimed(claimed) => Slot::Claimed(claimed, asked_at),
            Claim::Waiting(code) => Slot::Waiting(code),
            Claim::Ended(detail) => match claimed_by(terms, &detail) {
                // Any of the tries may have been the one.
                Some(claimed) => Slot::Claimed(claimed, asked_first),
                None => Slot::Ended(detail),
            },
            Claim::NoSuchRun => Slot::NoSuchRun,
        })
    }

    async fn cancel_waiting(&self, scope: &TenantScope, run: RunId) -> Result<Slot, StoreError> {
        let cancelled = self.patience_without_lease().call(|| self.store.cancel_run(scope, run)).await?;
        Ok(match cancelled {
            Cancelled::Ended(detail) | Cancelled::Asked(detail) | Cancelled::Over(detail) => Slot::Ended(detail),
            Cancelled::NoSuchRun => Slot::NoSuchRun,
        })
    }

    /// Before a claim there is no lease to lose.
    fn patience_without_lease(&self) -> Patience {
        self.patience(&CancellationToken::new())
    }
}

/// A running run as its claim would have answered it, if it is the run of who brings these terms.
fn claimed_by(terms: &ClaimTerms, run: &RunDetail) -> Option<ClaimedRun> {
    let run = &run.record;
    if run.status != RunStatus::Running || run.worker.as_deref() != Some(terms.worker.as_str()) {
        return None;
    }
    // A run is claimed once at most, so its number is its fence.
    let (run_no, started_at) = (run.run_no?, run.started_at?);
    Some(ClaimedRun { lease: Lease { run_id: run.run_id, worker: terms.worker.clone(), fence: run_no }, run_no, started_at })
}
