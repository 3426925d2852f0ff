//! Two runs of one selection, held against each other.

use lastseen_model::{
    Category, ChangeKind, Confidence, ExternalId, ListingOutcome, PolicyType, Reason, RunId, RunStatus, SelectionHash, SequenceNo,
    Timestamp,
};
use serde::Serialize;

use crate::read::Cursor;

/// What is asked about two runs.
#[derive(Debug, Clone)]
pub struct DiffQuery {
    /// The two runs, in any order: the one that was claimed first is the older.
    pub runs: [RunId; 2],
    /// Only these kinds; empty for all.
    pub kinds: Vec<ChangeKind>,
    /// Only of these types; empty for all.
    pub types: Vec<PolicyType>,
    /// Only with this confidence.
    pub confidence: Option<Confidence>,
    /// Go on after this one.
    pub after: Option<Cursor>,
    /// At most this many, 1 to 10,000.
    pub limit: u32,
}

/// The answer about two runs.
#[derive(Debug, Clone)]
pub enum Diff {
    /// The tenant has no such run.
    NoSuchRun(RunId),
    /// This run has not completed, so it says nothing yet, or never will.
    NotCompleted(RunId, RunStatus),
    /// They list different selections.
    OtherSelections,
    /// What they say.
    Answer(Box<DiffAnswer>),
}

/// What two runs say.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct DiffAnswer {
    /// The selection of both.
    pub selection_hash: SelectionHash,
    /// The run that was claimed first.
    pub older: DiffRun,
    /// The other.
    pub newer: DiffRun,
    /// Each type that one of them covers, by type, with how many changes there are of it, whatever the page and the filters.
    pub listings: Vec<DiffListing>,
    /// The changes, in the order type, external id.
    pub changes: Vec<DiffItem>,
    /// How many there are in all, whatever the page and the filters.
    pub counts: DiffCounts,
    /// Where to go on; none on the last page.
    pub next_cursor: Option<Cursor>,
}

/// One of the two runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct DiffRun {
    /// The run.
    pub run_id: RunId,
    /// Its number.
    pub run_no: SequenceNo,
    /// How it ended.
    pub status: RunStatus,
    /// When it was claimed.
    #[serde(serialize_with = "lastseen_model::time::serialize")]
    pub started_at: Timestamp,
    /// When it ended.
    #[serde(serialize_with = "lastseen_model::time::serialize")]
    pub finished_at: Timestamp,
}

/// What a run has to say of a type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum DiffSide {
    /// Every page was listed.
    Complete,
    /// The listing broke off.
    Incomplete,
    /// The tenant had no such feature.
    Unavailable,
    /// The run ended first.
    NotStarted,
    /// The run did not cover the type.
    NotInScope,
    /// It covered it, and retention has dropped the listing since.
    Dropped,
}

impl From<ListingOutcome> for DiffSide {
    fn from(outcome: ListingOutcome) -> Self {
        match outcome {
            ListingOutcome::Complete => Self::Complete,
            ListingOutcome::Incomplete => Self::Incomplete,
            ListingOutcome::Unavailable => Self::Unavailable,
            ListingOutcome::NotStarted => Self::NotStarted,
        }
    }
}

impl DiffSide {
    /// Whether there is a listing to compare.
    pub fn is_there(self) -> bool {
        !matches!(self, Self::NotInScope | Self::Dropped)
    }
}

/// A type, in both runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct DiffListing {
    /// The type.
    pub policy_type: PolicyType,
    /// In the older run.
    pub older: DiffSide,
    /// In the newer run.
    pub newer: DiffSide,
    /// How many changes; all 0 where one of the two is not there to compare, which says nothing.
    #[serde(flatten)]
    pub counts: DiffCounts,
}

/// How many changes of each kind.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct DiffCounts {
    /// With high confidence.
    pub appeared: u64,
    /// With low confidence.
    pub appeared_low: u64,
    /// With high confidence.
    pub gone: u64,
    /// With low confidence.
    pub gone_low: u64,
    /// With high confidence.
    pub reappeared: u64,
    /// With low confidence.
    pub reappeared_low: u64,
    /// Changed between the two sightings, and not since.
    pub changed: u64,
    /// Seen by both and changed after the newer one saw it: whether between the two as well is not kept, so they are no changes here.
    pub changed_since: u64,
}

/// A change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct DiffItem {
    /// The type.
    pub policy_type: PolicyType,
    /// Graph's id.
    pub external_id: ExternalId,
    /// The type's category.
    pub category: Category,
    /// The name people saw last.
    pub display_name: Option<String>,
    /// The platform.
    pub platform: Option<String>,
    /// What became of it.
    pub change: ChangeKind,
    /// How far that can be trusted. A comparison is one of listings, so what is about a whole run has no say: that another type could not
    /// be read is nothing against this one. What is gone is judged as what is missing would be, by the newer run's listing. What
    /// reappeared is judged in the same way by the older run's, which missed it, but for its having been seen since. What appeared is low
    /// where the older listing, which did not know it, may have left it out: it was not complete, was of another contract, pages by
    /// offset, or the guard against mass disappearance tripped on it. Where retention has dropped what a listing was measured against,
    /// that guard counts as tripped. What changed is high.
    pub confidence: Confidence,
    /// What speaks against it, in the order of the semantics.
    pub reasons: Vec<Reason>,
    /// When it was first seen.
    #[serde(serialize_with = "lastseen_model::time::serialize")]
    pub first_seen_at: Timestamp,
    /// When an observed field last differed.
    #[serde(serialize_with = "lastseen_model::time::serialize")]
    pub changed_at: Timestamp,
    /// The last sighting, by whichever run.
    #[serde(serialize_with = "lastseen_model::time::serialize")]
    pub last_seen_at: Timestamp,
}
