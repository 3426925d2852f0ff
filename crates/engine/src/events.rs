//! What a run tells whoever watches it.

use std::time::Duration;

use lastseen_model::{ErrorCode, ListingOutcome, PolicyType, RunId};

/// Something that happened in a run. Events are for people who wait; nothing is decided by them.
#[derive(Debug, Clone)]
pub enum Event {
    /// A limit is reached, and the start waits for a slot.
    Waiting {
        /// Which limit.
        code: ErrorCode,
    },
    /// The run was claimed.
    Claimed {
        /// The run.
        run_id: RunId,
        /// Its scope, in registry order.
        types: Vec<PolicyType>,
    },
    /// A path was begun.
    Began {
        /// Its types in scope.
        types: Vec<PolicyType>,
    },
    /// A page was committed.
    Page {
        /// How many objects of each type it held.
        observed: Vec<(PolicyType, u64)>,
        /// Its number within its path.
        page: u32,
    },
    /// A path ended.
    Ended {
        /// Its types in scope.
        types: Vec<PolicyType>,
        /// How.
        outcome: ListingOutcome,
        /// Why it is not complete.
        code: Option<ErrorCode>,
        /// How long it took.
        took: Duration,
    },
}

/// Whoever watches a run. Called from the run's tasks; must not block.
pub trait Observer: Send + Sync {
    /// Something happened.
    fn on(&self, event: Event);
}

/// Nobody watches.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Observer for Silent {
    fn on(&self, _event: Event) {}
}
