//! The database's clock: the only one that decides expiry and is written beside evidence.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use lastseen_model::Timestamp;

/// Which clock a backend's verbs read. Tests hand a backend a [`ManualClock`] so that leases expire without sleeping.
#[derive(Debug, Clone, Default)]
pub enum DatabaseClock {
    /// The database's own.
    #[default]
    Database,
    /// A test's.
    Manual(ManualClock),
}

/// A clock that moves only when it is told to. Clones share the time.
#[derive(Debug, Clone)]
pub struct ManualClock(Arc<AtomicI64>);

impl ManualClock {
    /// A clock that stands at `now`, cut to microseconds.
    pub fn starting_at(now: Timestamp) -> Self {
        Self(Arc::new(AtomicI64::new(now.as_microsecond())))
    }

    /// Moves the clock on.
    pub fn advance(&self, by: Duration) {
        self.0.fetch_add(i64::try_from(by.as_micros()).unwrap_or(i64::MAX), Ordering::SeqCst);
    }

    /// Microseconds since the epoch.
    pub fn now_micros(&self) -> i64 {
        self.0.load(Ordering::SeqCst)
    }
}
