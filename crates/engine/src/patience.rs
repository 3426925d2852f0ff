//! Trying a verb again while the database is away.

use std::sync::Arc;
use std::time::Duration;

use lastseen_graph::Timer;
use lastseen_store::StoreError;
use rand::RngExt;
use tokio_util::sync::CancellationToken;

/// How long, and until what.
#[derive(Clone)]
pub(crate) struct Patience {
    pub(crate) timer: Arc<dyn Timer>,
    pub(crate) budget: Duration,
    /// Ends every wait: the lease is lost, so trying again is pointless.
    pub(crate) lost: CancellationToken,
}

const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

impl Patience {
    /// Calls `verb` until it answers something else than a transient failure, or the budget is spent. Only for verbs that
    /// may be repeated: a page has a number, a listing ends once.
    pub(crate) async fn call<T, F>(&self, mut verb: impl FnMut() -> F) -> Result<T, StoreError>
    where
        F: Future<Output = Result<T, StoreError>>,
    {
        let began = self.timer.now();
        let mut longest = FIRST_PAUSE;
        loop {
            match verb().await {
                Err(error) if error.is_transient() && self.timer.now().saturating_sub(began) < self.budget => {
                    tracing::warn!(code = "store_unavailable", "the database did not answer; trying again");
                    let pause = rand::rng().random_range(Duration::ZERO..=longest).max(FIRST_PAUSE / 4);
                    tokio::select! {
                        () = self.timer.pause(pause) => {}
                        () = self.lost.cancelled() => return Err(StoreError::LeaseLost),
                    }
                    longest = (longest * 2).min(LONGEST_PAUSE);
                }
                answer => return answer,
            }
        }
    }
}
