//! What retention may drop.

use std::time::Duration;

use serde::Serialize;

/// Limits; a listing goes when it is beyond either of those that are set, and no derived answer needs it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Retention {
    /// Keep the listings of this many newest ended runs of each selection.
    pub keep_runs: Option<u32>,
    /// Drop listings of runs that ended longer ago than this.
    pub older_than: Option<Duration>,
}

/// What a prune did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Pruned {
    /// Listings dropped.
    pub listings: u64,
    /// Items whose last sighting was written down before its proof was dropped.
    pub cold_facts: u64,
    /// Listings beyond the limits that stay because an answer needs them.
    pub kept_as_proof: u64,
}
