//! Ending a run, also where the database goes away while it is being ended.

use std::sync::atomic::{AtomicBool, Ordering};

use lastseen_model::ErrorCode;
use lastseen_store::{FinishRun, Lease, RunDetail, StoreError, TenantScope};
use tokio_util::sync::CancellationToken;

use crate::run::Engine;

impl Engine {
    /// Ends the run, and answers its record.
    ///
    /// A database that goes away while it commits leaves open whether it did. If it did, the next try meets a run that has ended and
    /// answers that the lease is lost, as does the renewal beside it. So whoever could not be sure looks: a run that has ended and was
    /// not reaped was ended here, because nobody else writes under this lease.
    pub(crate) async fn finish(
        &self,
        scope: &TenantScope,
        lease: &Lease,
        finish: &FinishRun,
        lost: &CancellationToken,
    ) -> Result<RunDetail, StoreError> {
        let unsure = AtomicBool::new(false);
        let attempt = || async {
            let answer = self.store.finish_run(scope, lease, finish).await;
            if answer.as_ref().is_err_and(StoreError::is_transient) {
                unsure.store(true, Ordering::Relaxed);
            }
            answer
        };
        match self.patience(lost).call(attempt).await {
            Err(StoreError::LeaseLost) if unsure.load(Ordering::Relaxed) => {
                // The lease may count as lost by now; looking needs none.
                let found = self.patience(&CancellationToken::new()).call(|| self.store.run(scope, lease.run_id)).await;
                found.ok().flatten().filter(ended_by_its_worker).ok_or(StoreError::LeaseLost)
            }
            answer => answer,
        }
    }
}

fn ended_by_its_worker(run: &RunDetail) -> bool {
    run.record.status.is_completed() && !run.record.error_codes.contains(&ErrorCode::WorkerLost)
}
