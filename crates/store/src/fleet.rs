//! How things stand, over many tenants or over all selections of one.

use lastseen_model::{ListingOutcome, RunId, Selection, SelectionHash, TenantId, Timestamp};
use serde::Serialize;

use crate::read::{Coverage, ReferenceRun};
use crate::run::RunRecord;

/// The runs of many tenants, at one moment of the database's clock.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct FleetState {
    /// That moment.
    #[serde(serialize_with = "lastseen_model::time::serialize")]
    pub now: Timestamp,
    /// Each selection that a tenant has used, by tenant and hash. Tenants that were removed are not among them.
    pub selections: Vec<SelectionState>,
}

impl FleetState {
    /// Leaves only these selections, of whichever tenant; none of them named leaves all.
    pub fn only(&mut self, selections: &[SelectionHash]) {
        self.selections.retain(|state| selections.is_empty() || selections.contains(&state.newest.selection_hash));
    }
}

/// Where a selection of a tenant stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SelectionState {
    /// The newest run by creation. Not always the live one: a start that meets a live run is recorded as skipped, and is newer.
    pub newest: RunRecord,
    /// The run that is pending or running.
    pub live_run: Option<RunRecord>,
    /// The latest completed run.
    pub latest_completed: Option<RunRecord>,
    /// The latest run that succeeded.
    pub latest_success_run_id: Option<RunId>,
    /// When that one ended.
    #[serde(serialize_with = "lastseen_model::time::serialize_option")]
    pub latest_success_at: Option<Timestamp>,
}

/// How much is missing for a selection of a tenant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct MissingCounts {
    /// The tenant.
    pub tenant_id: TenantId,
    /// The selection.
    pub selection_hash: SelectionHash,
    /// What it selects.
    pub selection_payload: Selection,
    /// The counts; none where the selection has no baseline, which is not zero.
    pub counts: Option<Counted>,
}

/// What a reference run says, in numbers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Counted {
    /// The run, as in [`crate::MissingAnswer::reference`].
    #[serde(flatten)]
    pub reference: ReferenceRun,
    /// How many are missing with high confidence.
    pub high: u64,
    /// How many with low.
    pub low: u64,
    /// How many of all are acknowledged.
    pub acknowledged: u64,
    /// How many listings the answer is made of: rows of the coverage.
    pub listings: u64,
    /// How many of those are complete.
    pub listings_complete: u64,
    /// How many of those are unavailable.
    pub listings_unavailable: u64,
}

impl Counted {
    /// A reference with its coverage and the totals of what is missing.
    pub fn new(reference: ReferenceRun, coverage: &[Coverage], high: u64, low: u64, acknowledged: u64) -> Self {
        let ended = |outcome| coverage.iter().filter(|row| row.outcome == outcome).count() as u64;
        Self {
            reference,
            high,
            low,
            acknowledged,
            listings: coverage.len() as u64,
            listings_complete: ended(ListingOutcome::Complete),
            listings_unavailable: ended(ListingOutcome::Unavailable),
        }
    }
}
