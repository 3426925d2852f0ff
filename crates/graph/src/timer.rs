//! The clock that waits are measured and made by.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use tokio::time::Instant;

/// A monotonic clock that can wait. Tests inject one that notes the waits and returns at once.
///
/// It orders nothing that is stored: that is the database's clock.
#[async_trait]
pub trait Timer: Send + Sync {
    /// Returns when `duration` has passed. Dropping the future ends the wait.
    async fn pause(&self, duration: Duration);
    /// The time since some origin; never goes back.
    fn now(&self) -> Duration;
    /// The time of day, since 1970. An assertion and a certificate name it, and nothing else is measured by it.
    #[expect(clippy::disallowed_methods, reason = "the injected clock itself")]
    fn time_of_day(&self) -> Duration {
        SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
    }
}

/// The real one.
#[derive(Debug, Clone, Copy)]
pub struct TokioTimer {
    origin: Instant,
}

impl TokioTimer {
    /// A timer whose origin is now.
    pub fn new() -> Self {
        Self { origin: Instant::now() }
    }
}

impl Default for TokioTimer {
    fn default() -> Self {
        Self::new()
    }
}

#[async_trait]
impl Timer for TokioTimer {
    #[expect(clippy::disallowed_methods, reason = "the injected timer itself")]
    async fn pause(&self, duration: Duration) {
        tokio::time::sleep(duration).await;
    }
    fn now(&self) -> Duration {
        self.origin.elapsed()
    }
}
