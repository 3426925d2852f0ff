//! A clock that stands until it is told to go on.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use lastseen_engine::Timer;

/// The time of day at which every test begins, in seconds since 1970.
pub(crate) const BEGIN: u64 = 1_700_000_000;

/// Its monotonic time is the time since the test began.
#[derive(Default)]
pub(crate) struct Clock(AtomicU64);

impl Clock {
    pub(crate) fn pass(&self, time: Duration) {
        self.0.fetch_add(time.as_secs(), Ordering::SeqCst);
    }
}

#[async_trait]
impl Timer for Clock {
    /// Nothing comes about by waiting.
    async fn pause(&self, _: Duration) {
        std::future::pending::<()>().await;
    }
    fn now(&self) -> Duration {
        Duration::from_secs(self.0.load(Ordering::SeqCst))
    }
    fn time_of_day(&self) -> Duration {
        Duration::from_secs(BEGIN) + self.now()
    }
}
