//! One item over the runs: what each listing that bears on it says, a strip for each selection. Pure; the evidence is the store's.

use std::collections::BTreeMap;

use lastseen_model::{ExternalId, PolicyType, RunId, RunStatus, Selection, SelectionHash, TenantId, Timestamp};
use lastseen_store::{Explanation, SelectionRecord, SightingRow};
use serde::Serialize;

/// What a listing says of an item.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Mark {
    /// It saw it.
    Seen,
    /// It was complete and did not see it, though it was known.
    NotThere,
    /// It was not complete, or is not yet, and has not seen it.
    CouldNotTell,
    /// The item was not known when the run was claimed.
    NotKnownThen,
}

/// A listing on a strip.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Marked {
    /// Its run.
    pub run_id: RunId,
    /// How that ended, or where it is.
    pub run_status: RunStatus,
    /// When it was claimed.
    #[serde(serialize_with = "lastseen_model::time::serialize")]
    pub started_at: Timestamp,
    /// What it says.
    pub mark: Mark,
}

/// What turned between two listings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum TurnKind {
    /// The first sighting there ever was.
    FirstSeen,
    /// The first sighting on this strip. Another selection, or a listing that is no longer kept, saw the item before.
    Seen,
    /// The first complete listing since then that does not see it.
    Gone,
    /// The first sighting since it was gone.
    Reappeared,
}

impl TurnKind {
    /// Its words.
    pub fn phrase(self) -> &'static str {
        match self {
            Self::FirstSeen => "first seen",
            Self::Seen => "seen",
            Self::Gone => "gone",
            Self::Reappeared => "reappeared",
        }
    }
}

/// A turn.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Turn {
    /// What turned.
    pub turn: TurnKind,
    /// The listing that shows it.
    #[serde(flatten)]
    pub at: Marked,
}

/// The listings of one selection, oldest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Strip {
    /// The selection.
    pub selection_hash: SelectionHash,
    /// Its listings.
    pub listings: Vec<Marked>,
    /// Where the item turned.
    pub turns: Vec<Turn>,
}

/// A strip, and what its selection lists.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct NamedStrip {
    /// The strip.
    #[serde(flatten)]
    pub strip: Strip,
    /// What the selection lists; none where no run of it is kept.
    pub selection_payload: Option<Selection>,
}

/// An item over the runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Timeline {
    /// Its tenant.
    pub tenant_id: TenantId,
    /// Its type.
    pub policy_type: PolicyType,
    /// Its id.
    pub external_id: ExternalId,
    /// Its name, when it was last seen.
    pub display_name: Option<String>,
    /// A strip for each selection: the one with the newest listing first.
    pub strips: Vec<NamedStrip>,
}

impl Timeline {
    /// The item of this explanation, whose tenant has used these selections.
    pub fn of(explanation: &Explanation, used: Vec<SelectionRecord>) -> Self {
        let item = &explanation.item;
        let mut payloads: BTreeMap<SelectionHash, Selection> =
            used.into_iter().map(|record| (record.selection_hash, record.selection_payload)).collect();
        let named = |strip: Strip| NamedStrip { selection_payload: payloads.remove(&strip.selection_hash), strip };
        Self {
            tenant_id: item.tenant_id,
            policy_type: item.policy_type.clone(),
            external_id: item.external_id.clone(),
            display_name: item.display_name.clone(),
            strips: strips(&explanation.listings, item.first_seen_run_id).into_iter().map(named).collect(),
        }
    }
}

/// The strips of an item that `first_seen` saw first, by the listings of its explanation, newest first: the selection with the newest
/// listing first.
fn strips(listings: &[SightingRow], first_seen: RunId) -> Vec<Strip> {
    let mut by_selection: BTreeMap<SelectionHash, Vec<&SightingRow>> = BTreeMap::new();
    for row in listings {
        by_selection.entry(row.selection_hash).or_default().push(row);
    }
    let mut strips: Vec<_> = by_selection.into_iter().collect();
    strips.sort_by_key(|(hash, rows)| (std::cmp::Reverse(rows.first().map(|row| row.run_no)), *hash));
    let strip = |(selection_hash, rows): (SelectionHash, Vec<&SightingRow>)| {
        let listings: Vec<Marked> = rows.into_iter().rev().map(marked).collect();
        let turns = turns(&listings, first_seen);
        Strip { selection_hash, listings, turns }
    };
    strips.into_iter().map(strip).collect()
}

fn marked(row: &SightingRow) -> Marked {
    let mark = match (row.seen, row.known_before) {
        (Some(true), _) => Mark::Seen,
        (_, false) => Mark::NotKnownThen,
        (Some(false), true) => Mark::NotThere,
        (None, true) => Mark::CouldNotTell,
    };
    Marked { run_id: row.run_id, run_status: row.run_status, started_at: row.started_at, mark }
}

fn turns(listings: &[Marked], first_seen: RunId) -> Vec<Turn> {
    let (mut there, mut turns) = (None, Vec::new());
    for listing in listings {
        let is = match listing.mark {
            Mark::Seen => true,
            Mark::NotThere => false,
            // Neither says that anything turned.
            Mark::CouldNotTell | Mark::NotKnownThen => continue,
        };
        if there == Some(is) {
            continue;
        }
        let turn = match (is, there) {
            (true, None) if listing.run_id == first_seen => TurnKind::FirstSeen,
            (true, None) => TurnKind::Seen,
            (true, Some(_)) => TurnKind::Reappeared,
            (false, _) => TurnKind::Gone,
        };
        turns.push(Turn { turn, at: listing.clone() });
        there = Some(is);
    }
    turns
}

#[cfg(test)]
#[path = "timeline_tests.rs"]
mod tests;
