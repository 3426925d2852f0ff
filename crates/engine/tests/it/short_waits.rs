//! A clock by which polls go on and heartbeats stand still.

use std::future::pending;
use std::time::Duration;

use async_trait::async_trait;
use lastseen_graph::Timer;

/// A timer whose short waits are over at once and whose long ones never end: polls go on, heartbeats stand still.
pub(crate) struct ShortWaits;

/// The longest of the short waits.
pub(crate) const SHORT: Duration = Duration::from_secs(5);

#[async_trait]
impl Timer for ShortWaits {
    async fn pause(&self, duration: Duration) {
        if duration > SHORT {
            pending::<()>().await;
        }
        tokio::task::yield_now().await;
    }
    fn now(&self) -> Duration {
        Duration::ZERO
    }
}
