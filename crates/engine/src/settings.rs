//! The engine's bounds.

use std::time::Duration;

use lastseen_model::{Guard, Limits};

/// How a run is led. Every wait and every number of things at once has its bound here or in the Graph client's settings.
#[derive(Debug, Clone)]
pub struct EngineSettings {
    /// How long a lease runs.
    pub lease: Duration,
    /// How often it is renewed; well below `lease`.
    pub renew_every: Duration,
    /// How long before its expiry a worker stops trusting a lease that it could not renew.
    pub lease_margin: Duration,
    /// How long a pending run lives unless its starter asks again.
    pub pending_for: Duration,
    /// How long a queued run waits for a worker.
    pub queued_for: Duration,
    /// How often a waiting start asks again.
    pub poll_every: Duration,
    /// How long a verb is tried again while the database is away.
    pub store_patience: Duration,
    /// How many paths of one run are listed side by side.
    pub paths_at_once: usize,
    /// How many runs may be running.
    pub limits: Limits,
    /// The guard's thresholds, stored with every run.
    pub guard: Guard,
}

impl Default for EngineSettings {
    fn default() -> Self {
        Self {
            lease: Duration::from_mins(1),
            renew_every: Duration::from_secs(15),
            lease_margin: Duration::from_secs(5),
            pending_for: Duration::from_mins(1),
            queued_for: Duration::from_hours(24),
            poll_every: Duration::from_secs(2),
            store_patience: Duration::from_secs(30),
            paths_at_once: 8,
            limits: Limits::default(),
            guard: Guard::default(),
        }
    }
}

/// How a worker takes runs from the queue.
#[derive(Debug, Clone)]
pub struct WorkerSettings {
    /// How many runs it has at once.
    pub runs_at_once: usize,
    /// How often it looks at the queue, at least half of that and with jitter; less often while the database is away.
    pub poll_every: Duration,
    /// How long its runs may go on once it is told to end.
    pub drain_for: Duration,
}

impl Default for WorkerSettings {
    fn default() -> Self {
        Self { runs_at_once: 4, poll_every: Duration::from_secs(2), drain_for: Duration::from_secs(25) }
    }
}
