//! Keeping a lease.
//!
//! The worker trusts its lease only until the start of the last renewal that succeeded, plus the lease's length, minus a
//! margin, on its own monotonic clock: a slow answer can't stretch it. Past that the run stops by itself; what it would
//! write after that the store refuses anyway, because every write names the fence.

use std::sync::Arc;
use std::time::Duration;

use lastseen_graph::Timer;
use lastseen_store::{Lease, Renewal, Store, StoreError, TenantScope};
use tokio_util::sync::CancellationToken;

use crate::settings::EngineSettings;

/// What a heartbeat needs to know.
pub(crate) struct Heartbeat {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) timer: Arc<dyn Timer>,
    pub(crate) scope: TenantScope,
    pub(crate) lease: Lease,
    pub(crate) settings: EngineSettings,
    /// When, by the timer, the claim was asked for.
    pub(crate) claimed_at: Duration,
}

impl Heartbeat {
    /// Renews until `stop`; cancels `lost` when the lease can't be trusted any more. Cancels `cancel` when it hears that the run is to be
    /// cancelled, and renews on: the run must be held until it has ended in good order.
    pub(crate) async fn beat(self, stop: CancellationToken, lost: CancellationToken, cancel: CancellationToken) {
        let term = self.settings.lease.saturating_sub(self.settings.lease_margin);
        let mut trusted_until = self.claimed_at + term;
        loop {
            let rest = trusted_until.saturating_sub(self.timer.now());
            if rest.is_zero() {
                return lost.cancel();
            }
            tokio::select! {
                () = stop.cancelled() => return,
                () = self.timer.pause(self.settings.renew_every.min(rest)) => {}
            }
            let attempt = self.timer.now();
            let renewal = self.store.renew_lease(&self.scope, &self.lease, self.settings.lease);
            let answer = tokio::select! {
                () = stop.cancelled() => return,
                answer = renewal => answer,
                () = self.timer.pause(trusted_until.saturating_sub(attempt)) => return lost.cancel(),
            };
            match answer {
                Ok(renewal) => {
                    trusted_until = attempt + term;
                    if renewal == Renewal::CancelAsked {
                        cancel.cancel();
                    }
                }
                Err(StoreError::LeaseLost) => return lost.cancel(),
                Err(error) => tracing::warn!(transient = error.is_transient(), "the lease could not be renewed; trying again"),
            }
        }
    }
}
