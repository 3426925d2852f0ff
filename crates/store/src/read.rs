//! Answers. The names of the fields are those of the SQL contract, so that program, API and database say the same.

use lastseen_model::{
    Category, Confidence, ErrorCode, ExternalId, ListingOutcome, PolicyType, Reason, Reference, RunId, RunStatus, Selection, SelectionHash,
    SequenceNo, TenantId, Timestamp,
};
use serde::Serialize;
use serde_json::value::RawValue;

/// A selection that was used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SelectionRecord {
    /// Its hash.
    pub selection_hash: SelectionHash,
    /// What it selects.
    pub selection_payload: Selection,
    /// When a run of it was first asked for.
    #[serde(serialize_with = "lastseen_model::time::serialize")]
    pub first_used_at: Timestamp,
    /// Its newest run by creation.
    pub last_run_id: RunId,
    /// That run's status.
    pub last_run_status: RunStatus,
    /// When that run was created.
    #[serde(serialize_with = "lastseen_model::time::serialize")]
    pub last_run_at: Timestamp,
}

/// A row of `inventory_items`.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Item {
    /// The tenant.
    pub tenant_id: TenantId,
    /// The type.
    pub policy_type: PolicyType,
    /// Graph's id.
    pub external_id: ExternalId,
    /// The type's category.
    pub category: Category,
    /// The name people see.
    pub display_name: Option<String>,
    /// The platform.
    pub platform: Option<String>,
    /// Whitelisted metadata.
    #[cfg_attr(feature = "openapi", schema(value_type = Object))]
    pub meta_jsonb: Box<RawValue>,
    /// How many assignments; none when not read.
    pub assignment_count: Option<u32>,
    /// When it was first seen.
    #[serde(serialize_with = "lastseen_model::time::serialize")]
    pub first_seen_at: Timestamp,
    /// By which run.
    pub first_seen_run_id: RunId,
    /// When an observed field last differed.
    #[serde(serialize_with = "lastseen_model::time::serialize")]
    pub changed_at: Timestamp,
    /// The last sighting.
    #[serde(serialize_with = "lastseen_model::time::serialize")]
    pub last_seen_at: Timestamp,
    /// By which run.
    pub last_seen_run_id: RunId,
}

/// Where a page of items ended: opaque to callers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cursor {
    /// The last type.
    pub policy_type: PolicyType,
    /// The last id.
    pub external_id: ExternalId,
}

/// A text that is no cursor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the cursor is not one that Lastseen gave out; begin without one")]
pub struct CursorError;

impl std::fmt::Display for Cursor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:", self.policy_type)?;
        self.external_id.as_str().bytes().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl std::str::FromStr for Cursor {
    type Err = CursorError;
    fn from_str(text: &str) -> Result<Self, CursorError> {
        let (policy_type, hex) = text.split_once(':').ok_or(CursorError)?;
        let digits = hex.as_bytes();
        if digits.len() % 2 != 0 || !hex.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')) {
            return Err(CursorError);
        }
        let byte = |pair: &[u8]| std::str::from_utf8(pair).ok().and_then(|pair| u8::from_str_radix(pair, 16).ok());
        let bytes: Option<Vec<u8>> = digits.chunks_exact(2).map(byte).collect();
        let id = bytes.and_then(|bytes| String::from_utf8(bytes).ok()).ok_or(CursorError)?;
        Ok(Self { policy_type: policy_type.parse().map_err(|_| CursorError)?, external_id: id.try_into().map_err(|_| CursorError)? })
    }
}

impl Serialize for Cursor {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Which items to show. Filters narrow each other.
#[derive(Debug, Clone, Default)]
pub struct ItemQuery {
    /// Only of these types; empty for all.
    pub types: Vec<PolicyType>,
    /// Only of these categories; empty for all.
    pub categories: Vec<Category>,
    /// Only of this platform.
    pub platform: Option<String>,
    /// Only whose name or id holds this text, whatever the case.
    pub search: Option<String>,
    /// Only those last seen before this time.
    pub not_seen_since: Option<Timestamp>,
    /// Go on after this one.
    pub after: Option<Cursor>,
    /// At most this many, 1 to 10,000.
    pub limit: u32,
}

impl ItemQuery {
    /// How many items a page holds, within its bounds.
    pub fn page_size(&self) -> usize {
        page_size(self.limit)
    }
}

fn page_size(limit: u32) -> usize {
    limit.clamp(1, 10_000) as usize
}

/// A page of items.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ItemPage {
    /// The items.
    pub items: Vec<Item>,
    /// Where to go on; none on the last page.
    pub next_cursor: Option<Cursor>,
}

/// What is asked about missing.
#[derive(Debug, Clone)]
pub struct MissingQuery {
    /// Of which selection.
    pub selection: SelectionHash,
    /// Against which run.
    pub reference: Reference,
    /// Only with this confidence.
    pub confidence: Option<Confidence>,
    /// Only those missing since this time or later (`missing_since` at or after it).
    pub since: Option<Timestamp>,
    /// Also those that a person has acknowledged.
    pub acknowledged: bool,
    /// Go on after this one.
    pub after: Option<Cursor>,
    /// At most this many, 1 to 10,000.
    pub limit: u32,
}

impl MissingQuery {
    /// What to ask for the totals alone: they stand beside any page.
    pub fn totals(selection: SelectionHash, reference: Reference) -> Self {
        Self { selection, reference, confidence: None, since: None, acknowledged: true, after: None, limit: 1 }
    }

    /// How many items a page holds, within its bounds.
    pub fn page_size(&self) -> usize {
        page_size(self.limit)
    }

    /// The listings that the answer is made of, by the coverage of the reference run: that run's own, or for each of its types the
    /// newest complete one.
    pub fn listings<'a>(&self, coverage: &'a [Coverage]) -> Vec<(&'a PolicyType, RunId)> {
        let listing = |row: &'a Coverage| match self.reference {
            Reference::LatestCompleted | Reference::LatestSuccess => Some((&row.policy_type, row.reference.reference_run_id)),
            Reference::LatestComplete => Some((&row.policy_type, row.latest_complete_run_id?)),
        };
        coverage.iter().filter_map(listing).collect()
    }
}

/// The answer about missing.
#[derive(Debug, Clone)]
pub enum Missing {
    /// The selection has no run to refer to. That is not an empty list.
    NoBaseline,
    /// What the reference says.
    Answer(Box<MissingAnswer>),
}

/// What a reference run says is missing.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct MissingAnswer {
    /// The run; for the reference *latest complete* the latest completed one, whose scope is answered.
    #[serde(flatten)]
    pub reference: ReferenceRun,
    /// The outcome of every listing of the reference, by type: the rows of `inventory_coverage`.
    pub coverage: Vec<Coverage>,
    /// The items, in the order type, external id.
    #[serde(rename = "missing")]
    pub items: Vec<MissingItem>,
    /// How many there are with high confidence in all, whatever the page and the filters `confidence` and `since`.
    pub high: u64,
    /// How many with low.
    pub low: u64,
    /// How many of all are acknowledged.
    pub acknowledged: u64,
    /// Where to go on; none on the last page.
    pub next_cursor: Option<Cursor>,
}

/// The reference run of an answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ReferenceRun {
    /// The run.
    pub reference_run_id: RunId,
    /// Its status.
    pub reference_status: RunStatus,
    /// When it ended.
    #[serde(serialize_with = "lastseen_model::time::serialize")]
    pub reference_finished_at: Timestamp,
}

/// A row of `inventory_coverage`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Coverage {
    /// The tenant.
    pub tenant_id: TenantId,
    /// The selection.
    pub selection_hash: SelectionHash,
    /// The type.
    pub policy_type: PolicyType,
    /// The run whose listing this is.
    #[serde(flatten)]
    pub reference: ReferenceRun,
    /// How it ended.
    pub outcome: ListingOutcome,
    /// Why it is not complete.
    pub error_code: Option<ErrorCode>,
    /// Distinct items observed.
    pub items_observed: u64,
    /// Known before and not observed.
    pub items_unseen: u64,
    /// The newest completed run of the selection that completed this type.
    pub latest_complete_run_id: Option<RunId>,
    /// When that listing ended.
    #[serde(serialize_with = "lastseen_model::time::serialize_option")]
    pub latest_complete_at: Option<Timestamp>,
}

/// A row of `inventory_missing`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct MissingItem {
    /// The tenant.
    pub tenant_id: TenantId,
    /// The selection.
    pub selection_hash: SelectionHash,
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
    /// How far it can be trusted.
    pub confidence: Confidence,
    /// What speaks against it, in the order of the semantics.
    pub reasons: Vec<Reason>,
    /// How the type's listing ended.
    pub listing_outcome: ListingOutcome,
    /// The run whose listing did not see it.
    #[serde(flatten)]
    pub reference: ReferenceRun,
    /// When it was first seen.
    #[serde(serialize_with = "lastseen_model::time::serialize")]
    pub first_seen_at: Timestamp,
    /// The last sighting.
    #[serde(serialize_with = "lastseen_model::time::serialize")]
    pub last_seen_at: Timestamp,
    /// By which run.
    pub last_seen_run_id: RunId,
    /// When the first complete listing since the last sighting did not see it any more: its run's finish.
    #[serde(serialize_with = "lastseen_model::time::serialize_option")]
    pub missing_since: Option<Timestamp>,
    /// That run.
    pub missing_since_run_id: Option<RunId>,
    /// When a person acknowledged it; none once it was seen again.
    #[serde(serialize_with = "lastseen_model::time::serialize_option")]
    pub acknowledged_at: Option<Timestamp>,
    /// What it may live on as, under another type and a new id: at most [`SUCCESSORS_NAMED`] items of the tenant of another type, with the
    /// same name (one without a name has none) and the same platform, which a run saw for the first time that was claimed after this
    /// item's last sighting. By that run's number, then type, then id. A hint for people: it changes no confidence.
    pub possible_successors: Vec<PossibleSuccessor>,
}

/// How many [`MissingItem::possible_successors`] there are at most.
pub const SUCCESSORS_NAMED: usize = 3;

/// An item that a missing one may live on as.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PossibleSuccessor {
    /// Its type.
    pub policy_type: PolicyType,
    /// Graph's id.
    pub external_id: ExternalId,
    /// When it was first seen.
    #[serde(serialize_with = "lastseen_model::time::serialize")]
    pub first_seen_at: Timestamp,
    /// By which run.
    pub first_seen_run_id: RunId,
}

/// One item, and why it counts as it does.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Explanation {
    /// The item.
    #[serde(flatten)]
    pub item: Item,
    /// Every listing that bears on it, newest claim first, at most 200.
    pub listings: Vec<SightingRow>,
    /// Where it stands for each selection whose latest completed run covers its type, by hash.
    pub standing: Vec<StandingRow>,
    /// The note in force.
    pub acknowledgement: Option<Acknowledgement>,
}

/// One listing, seen from one item.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SightingRow {
    /// The run.
    pub run_id: RunId,
    /// Its number.
    pub run_no: SequenceNo,
    /// Its status.
    pub run_status: RunStatus,
    /// When it was claimed.
    #[serde(serialize_with = "lastseen_model::time::serialize")]
    pub started_at: Timestamp,
    /// Its selection.
    pub selection_hash: SelectionHash,
    /// How the listing ended; none while it is open.
    pub outcome: Option<ListingOutcome>,
    /// Why it is not complete.
    pub error_code: Option<ErrorCode>,
    /// Pages stored.
    pub pages: u32,
    /// Whether the listing saw the item; none where it can't tell, because it was not complete and did not see it.
    pub seen: Option<bool>,
    /// Whether the item was known when the run was claimed.
    pub known_before: bool,
    /// Whether this is the reference of its selection.
    pub is_reference: bool,
}

/// Where an item stands for one selection.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct StandingRow {
    /// The selection.
    pub selection_hash: SelectionHash,
    /// What it selects.
    pub selection_payload: Selection,
    /// Its missing row; none when it is not missing for this selection.
    pub missing: Option<MissingItem>,
}

/// A person's note on a missing item.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Acknowledgement {
    /// The type.
    pub policy_type: PolicyType,
    /// Graph's id.
    pub external_id: ExternalId,
    /// Who.
    pub author: String,
    /// What they said, at most 1,000 characters.
    pub note: String,
    /// When, by the database's clock; none when it is about to be stored.
    #[serde(serialize_with = "lastseen_model::time::serialize_option")]
    pub acknowledged_at: Option<Timestamp>,
}

#[cfg(test)]
mod tests {
    use super::Cursor;

    #[test]
    fn a_cursor_survives_any_external_id_and_refuses_what_it_did_not_give() {
        for id in ["a", "名 / ?&", "x:y"] {
            let cursor = Cursor { policy_type: "mobileApp".parse().expect("key"), external_id: id.parse().expect("id") };
            assert_eq!(cursor.to_string().parse(), Ok(cursor));
        }
        for wrong in ["", "mobileApp", "mobileApp:", "mobileApp:6", "mobileApp:zz", "mobileApp:ff", "mobileApp:00", ":61"] {
            assert!(wrong.parse::<Cursor>().is_err(), "{wrong}");
        }
    }
}
