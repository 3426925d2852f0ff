//! What goes in and out of a run's verbs.

use std::collections::HashMap;
use std::time::Duration;

use lastseen_model::{
    Category, ContractHash, ContractVersion, CorrelationId, Ending, ErrorCode, ErrorContext, ExternalId, Fence, Guard, Limits,
    ListingOutcome, Observation, OnLimit, Ordinal, PageEnd, PolicyType, RunId, RunStatus, Selection, SelectionHash, SequenceNo, StartKey,
    TenantId, Timestamp, Trigger, WorkerId,
};
use serde::Serialize;

/// One type of the registry, as the database's readers see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegistryType {
    /// Its key.
    pub policy_type: PolicyType,
    /// Its category.
    pub category: Category,
    /// Its name for people, singular.
    pub display_name: String,
    /// Its path at Graph.
    pub path: String,
    /// `v1.0` or `beta`.
    pub api_version: String,
}

/// A run to be.
#[derive(Debug, Clone)]
pub struct NewRun {
    /// Its id (UUIDv7), made by the caller.
    pub run_id: RunId,
    /// What ties its requests together.
    pub correlation_id: CorrelationId,
    /// What it lists.
    pub selection: Selection,
    /// Who asked.
    pub trigger: Trigger,
    /// What to do at a limit.
    pub on_limit: OnLimit,
    /// How long it may be pending before it expires.
    pub pending_for: Duration,
    /// What its caller calls this start, so that asking again finds its run and makes no other. [`crate::Store::enqueue_run`] alone
    /// answers one that is known; where a run is started, there is none.
    pub start_key: Option<StartKey>,
}

/// What a worker brings to a claim.
#[derive(Debug, Clone)]
pub struct ClaimTerms {
    /// Who claims.
    pub worker: WorkerId,
    /// How long the lease runs.
    pub lease_for: Duration,
    /// How long from now a run that has to wait on stays pending at least.
    pub pending_for: Duration,
    /// The limits in force.
    pub limits: Limits,
    /// The guard's thresholds, stored with the run.
    pub guard: Guard,
    /// The selection's types, resolved by the registry that will list them. Never empty.
    pub types: Vec<ScopedType>,
}

/// One type of a run's scope.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScopedType {
    /// The type.
    pub policy_type: PolicyType,
    /// How it is listed, in a hash.
    pub contract_hash: ContractHash,
    /// How its objects become observations, in a hash.
    pub contract_version: ContractVersion,
    /// Whether its path pages by offset.
    pub pages_by_offset: bool,
}

/// What came of a start.
#[derive(Debug, Clone)]
pub enum Start {
    /// The run is this worker's.
    Claimed(ClaimedRun),
    /// It was recorded as skipped.
    Skipped(Box<RunDetail>),
    /// It waits for a slot; [`crate::Store::claim_run`] asks again.
    Waiting(ErrorCode),
}

/// What came of a claim.
#[derive(Debug, Clone)]
pub enum Claim {
    /// The run is this worker's.
    Claimed(ClaimedRun),
    /// A limit is still reached; which.
    Waiting(ErrorCode),
    /// It is not pending any more; what it is.
    Ended(Box<RunDetail>),
    /// The tenant has no such run.
    NoSuchRun,
}

/// The right to write for a run: worthless once the run has ended or another fence was given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// The run.
    pub run_id: RunId,
    /// Who holds it.
    pub worker: WorkerId,
    /// The claim's number.
    pub fence: Fence,
}

/// What a renewal of a lease tells its worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Renewal {
    /// The lease runs on.
    Held,
    /// The lease runs on, and somebody asked for the run to be cancelled: its worker is to end it in good order.
    CancelAsked,
}

/// A run that was claimed.
#[derive(Debug, Clone)]
pub struct ClaimedRun {
    /// The right to write for it.
    pub lease: Lease,
    /// Its number in the one sequence.
    pub run_no: SequenceNo,
    /// When it was claimed, by the database's clock.
    pub started_at: Timestamp,
}

/// One page of a path.
#[derive(Debug, Clone)]
pub struct PageRecord {
    /// Its number within its path, from 1; goes on where a listing was begun again.
    pub page: u32,
    /// What it holds, for every type of the path that is in scope; also for those it holds nothing of.
    pub listings: Vec<ListingPage>,
    /// The ids of its objects that sorted to a type of the path outside the scope, as they came. No item is made of them and none
    /// counts as observed; but an item that is known under one of these ids as a type in scope is not gone: it has another type now.
    pub passed_over: Vec<ExternalId>,
    /// Objects of this page that could not be identified or sorted. Counted on the path's first listing.
    pub rejected: u32,
    /// Set on the last page: every listing of the path gets its outcome in this transaction. [`PageEnd::Rejected`] ends them
    /// `incomplete` with `item_rejected`.
    pub end: Option<PageEnd>,
}

impl PageRecord {
    /// How the page ends its listings. Whatever the caller says, a path on which an object was rejected, on this page or before it,
    /// is not complete.
    pub fn ends(&self, rejected_before: bool) -> Option<PageEnd> {
        self.end.map(|end| if self.rejected > 0 || rejected_before { PageEnd::Rejected } else { end })
    }
}

/// What a page holds of one type.
#[derive(Debug, Clone)]
pub struct ListingPage {
    /// The type.
    pub policy_type: PolicyType,
    /// Its objects on this page. An id that comes twice counts once, with what came last.
    pub observations: Vec<Observation>,
}

impl ListingPage {
    /// Each id once, where it came first, with what came last.
    pub fn each_once(&self) -> Vec<&Observation> {
        let mut places = HashMap::with_capacity(self.observations.len());
        let mut kept: Vec<&Observation> = Vec::with_capacity(self.observations.len());
        for observation in &self.observations {
            let place = *places.entry(observation.external_id.as_str()).or_insert(kept.len());
            match kept.get_mut(place) {
                Some(earlier) => *earlier = observation,
                None => kept.push(observation),
            }
        }
        kept
    }
}

/// What came of a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PageStored {
    /// Committed.
    Stored {
        /// Items seen for the first time ever.
        created: u32,
        /// Items whose observed fields differ, under the same contract version.
        changed: u32,
    },
    /// It was stored before; nothing changed.
    AlreadyStored,
}

/// A path that broke off.
#[derive(Debug, Clone)]
pub struct ListingFailure {
    /// Its types in scope.
    pub types: Vec<PolicyType>,
    /// Why.
    pub code: ErrorCode,
    /// What is kept of it; `policy_type` is filled in by the store with the first of the types.
    pub context: ErrorContext,
}

/// What only the worker knows when a run ends.
#[derive(Debug, Clone)]
pub struct FinishRun {
    /// Why it ends.
    pub ending: Ending,
    /// The error of the run itself: a refused sign-in, a cancellation, a bug. Recorded, and given as code to the listings that
    /// were begun and are open.
    pub error: Option<RunError>,
    /// What was asked of Graph.
    pub traffic: Traffic,
}

/// What a run asked of Graph and got.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Traffic {
    /// Requests sent, retries and sign-in included.
    pub requests: u64,
    /// Requests that were sent again.
    pub retries: u64,
    /// Answers 429.
    pub throttled: u64,
    /// Bytes of bodies received, as they came over the wire.
    pub bytes_received: u64,
    /// Keys of objects that no whitelist names, or whose value is of the wrong kind.
    pub meta_keys_dropped: u64,
}

/// A recorded error.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RunError {
    /// Its code.
    pub code: ErrorCode,
    /// What is kept of it.
    #[serde(flatten)]
    pub context: ErrorContext,
}

/// A run's counts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RunCounts {
    /// Distinct items observed.
    pub items_observed: u64,
    /// Items whose observation is persisted.
    pub items_upserted: u64,
    /// Of those, seen for the first time ever.
    pub items_created: u64,
    /// Of those, changed.
    pub items_changed: u64,
    /// Known before and not observed: a count, not a verdict.
    pub items_unseen: u64,
    /// Objects that could not be identified or sorted.
    pub items_rejected: u64,
    /// Errors, those beyond the kept ones too.
    pub errors: u64,
    /// What was asked of Graph.
    #[serde(flatten)]
    pub traffic: Traffic,
}

/// The record of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RunRecord {
    /// The tenant.
    pub tenant_id: TenantId,
    /// The run.
    pub run_id: RunId,
    /// Its number; none until it is claimed.
    pub run_no: Option<SequenceNo>,
    /// The selection's hash.
    pub selection_hash: SelectionHash,
    /// The selection.
    pub selection_payload: Selection,
    /// Where it is, or how it ended.
    pub status: RunStatus,
    /// Whether any error was recorded; true for every skipped run.
    pub had_errors: bool,
    /// What ties its requests together.
    pub correlation_id: CorrelationId,
    /// Who asked.
    pub trigger: Trigger,
    /// When it was asked for.
    #[serde(serialize_with = "lastseen_model::time::serialize")]
    pub created_at: Timestamp,
    /// When it was claimed.
    #[serde(serialize_with = "lastseen_model::time::serialize_option")]
    pub started_at: Option<Timestamp>,
    /// When it ended.
    #[serde(serialize_with = "lastseen_model::time::serialize_option")]
    pub finished_at: Option<Timestamp>,
    /// Who claimed it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub worker: Option<String>,
    /// The guard's thresholds in force.
    pub guard: Guard,
    /// Its counts; all 0 until it ends.
    pub counts: RunCounts,
    /// The distinct codes of its errors, sorted by text.
    pub error_codes: Vec<ErrorCode>,
}

/// What a run learned about one type.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ListingRecord {
    /// The type.
    pub policy_type: PolicyType,
    /// How it ended; none while it is open.
    pub outcome: Option<ListingOutcome>,
    /// Why it is not complete.
    pub error_code: Option<ErrorCode>,
    /// Distinct items observed.
    pub observed: u64,
    /// Of those, new.
    pub created: u64,
    /// Of those, changed.
    pub changed: u64,
    /// Known before and not observed.
    pub unseen: u64,
    /// Objects rejected; those of a shared path stand on its first listing.
    pub rejected: u64,
    /// Pages stored.
    pub pages: u32,
    /// The next free ordinal when the run was claimed.
    pub known_before: Ordinal,
    /// How it was listed, in a hash.
    pub contract_hash: ContractHash,
    /// When it was begun.
    #[serde(serialize_with = "lastseen_model::time::serialize_option")]
    pub started_at: Option<Timestamp>,
    /// When it ended.
    #[serde(serialize_with = "lastseen_model::time::serialize_option")]
    pub finished_at: Option<Timestamp>,
}

/// A run with its listings (in scope order) and kept errors (in order).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RunDetail {
    /// The record.
    #[serde(flatten)]
    pub record: RunRecord,
    /// Its listings; those that retention dropped are not here.
    pub listings: Vec<ListingRecord>,
    /// Its first errors.
    pub errors: Vec<RunError>,
}

/// Which runs to show.
#[derive(Debug, Clone, Default)]
pub struct RunQuery {
    /// Only of this selection.
    pub selection: Option<SelectionHash>,
    /// Only with this status.
    pub status: Option<RunStatus>,
    /// Only created before this run (keyset).
    pub before: Option<RunId>,
    /// At most this many, 1 to 1,000.
    pub limit: u32,
}

/// A part of a run id as it is looked for, in lower case; none where it is no part of one, or so short that it would be a guess.
pub fn run_id_part(part: &str) -> Option<String> {
    const MIN_CHARS: usize = 4;
    let part = part.to_ascii_lowercase();
    let is_part = part.len() >= MIN_CHARS && part.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-');
    is_part.then_some(part)
}

/// What a part of a run id stands for.
#[derive(Debug, Clone)]
pub enum RunLookup {
    /// One run.
    One(Box<RunDetail>),
    /// No run of this tenant.
    None,
    /// Several; how many.
    Several(u64),
}

/// What a reaping ended.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reaped {
    /// Running runs whose lease had expired.
    pub failed: Vec<(TenantId, RunId)>,
    /// Pending runs past their expiry.
    pub skipped: Vec<(TenantId, RunId)>,
}
