//! The reference model: what the rules say, in maps and sets of external ids.
//!
//! It has no ordinals, no bitmaps, no SQL and no retention of its own evidence: a listing that a database dropped is only
//! marked, and every derived answer is worked out from all listings that ever were. So a prune that changes an answer shows
//! as a difference. The pure rules (reasons, guard, status, outcomes) are those of `lastseen-model`.

mod answers;
mod diff;
mod pages;
mod prune;
mod runs;
mod standing;
mod tenants;

use std::collections::{BTreeMap, BTreeSet};

use lastseen_model::{
    Category, ContractHash, ContractVersion, ErrorCode, ExternalId, ListingOutcome, Observation, OnLimit, PolicyType, RunId, SelectionHash,
    SequenceNo, StartKey, TenantId, Timestamp,
};
use lastseen_store::{RegistryType, RunError, RunRecord, ScopedType, TenantRecord};

pub(crate) use answers::MissingSaid;
pub(crate) use diff::{DiffSaid, Difference};
pub(crate) use runs::{CancelSaid, ClaimSaid, EnqueueSaid, Refusal, StartSaid};

/// An item's place in a tenant.
pub(crate) type Key = (PolicyType, ExternalId);

/// All that the rules need to remember.
pub(crate) struct Model {
    /// The database's clock.
    pub(crate) now: Timestamp,
    /// The last number of the one sequence that was given out.
    last_no: SequenceNo,
    /// The newest run number that a database told: its numbers may have gaps that the model's have not.
    newest_told: SequenceNo,
    categories: BTreeMap<PolicyType, Category>,
    tenants: BTreeMap<TenantId, Tenant>,
}

/// One tenant.
pub(crate) struct Tenant {
    /// What is known of it.
    pub(crate) record: TenantRecord,
    /// In the order they were asked for.
    pub(crate) runs: Vec<Run>,
    items: BTreeMap<Key, ItemRow>,
    notes: BTreeMap<Key, Note>,
}

/// A run.
pub(crate) struct Run {
    /// Its record; counts and codes are filled in when it ends.
    pub(crate) record: RunRecord,
    /// Its number in the model's own sequence.
    pub(crate) no: Option<SequenceNo>,
    /// Whether any worker may claim it, and not its starter alone.
    pub(crate) for_worker: bool,
    /// What it was asked for as, if its caller named it.
    asked_as: Option<Wish>,
    /// Whether it is to be cancelled by its worker.
    cancel_asked: bool,
    /// When its place in the queue, or its lease, is over.
    expires: Timestamp,
    /// Every error, in order.
    errors: Vec<RunError>,
    /// In scope order.
    pub(crate) listings: Vec<Listing>,
}

/// What a caller named a start.
#[derive(PartialEq, Eq)]
struct Wish {
    key: StartKey,
    on_limit: OnLimit,
}

/// What one run learned about one type.
pub(crate) struct Listing {
    /// The type, and how it is listed.
    pub(crate) scoped: ScopedType,
    /// The items that were known when the run was claimed.
    known: BTreeSet<ExternalId>,
    /// The items it saw.
    seen: BTreeSet<ExternalId>,
    /// The ids that its run saw on the path under a type outside the scope.
    passed_over: BTreeSet<ExternalId>,
    /// Its newest page: number and time.
    last_page: Option<(SequenceNo, Timestamp)>,
    /// How it ended.
    pub(crate) outcome: Option<ListingOutcome>,
    code: Option<ErrorCode>,
    /// Pages stored.
    pub(crate) pages: u32,
    created: u64,
    changed: u64,
    rejected: u64,
    started_at: Option<Timestamp>,
    finished_at: Option<Timestamp>,
    /// Retention dropped it; it still counts here.
    dropped: bool,
}

/// An item as it was last observed.
struct ItemRow {
    observation: Observation,
    version: ContractVersion,
    first_seen_at: Timestamp,
    first_seen_run_id: RunId,
    changed_at: Timestamp,
}

/// A person's note.
struct Note {
    at: Timestamp,
    /// The item's last sighting when it was noted.
    after_no: SequenceNo,
}

/// An item's last sighting.
struct Sighting {
    no: SequenceNo,
    at: Timestamp,
    run_id: RunId,
    contract: ContractHash,
}

impl Model {
    /// A database that knows a registry and nothing else.
    pub(crate) fn new(now: Timestamp, registry: &[RegistryType]) -> Self {
        let categories = registry.iter().map(|known| (known.policy_type.clone(), known.category.clone())).collect();
        Self { now, last_no: 0, newest_told: 0, categories, tenants: BTreeMap::new() }
    }

    /// A tenant's runs, in the order they were asked for.
    pub(crate) fn runs_of(&self, tenant: TenantId) -> &[Run] {
        self.tenants.get(&tenant).map_or(&[], |tenant| &tenant.runs)
    }

    /// A tenant's items.
    pub(crate) fn keys_of(&self, tenant: TenantId) -> impl Iterator<Item = &Key> {
        self.tenants.get(&tenant).into_iter().flat_map(|tenant| tenant.items.keys())
    }

    /// A run.
    pub(crate) fn run(&self, tenant: TenantId, run: RunId) -> Option<&Run> {
        self.runs_of(tenant).iter().find(|known| known.record.run_id == run)
    }

    fn run_mut(&mut self, tenant: TenantId, run: RunId) -> Option<&mut Run> {
        self.tenants.get_mut(&tenant)?.runs.iter_mut().find(|known| known.record.run_id == run)
    }

    /// Takes over the number that a database gave a run; whether it is newer than all before.
    pub(crate) fn told_number(&mut self, tenant: TenantId, run: RunId, run_no: SequenceNo) -> bool {
        let newer = run_no > self.newest_told;
        self.newest_told = self.newest_told.max(run_no);
        if let Some(run) = self.run_mut(tenant, run) {
            run.record.run_no = Some(run_no);
        }
        newer
    }

    /// Puts a note beside an item; whether the item exists.
    pub(crate) fn acknowledge(&mut self, tenant: TenantId, key: Key) -> bool {
        let at = self.now;
        let Some(known) = self.tenants.get_mut(&tenant).filter(|known| known.items.contains_key(&key)) else { return false };
        let after_no = known.last_sighting(&key).map_or(0, |sighting| sighting.no);
        known.notes.insert(key, Note { at, after_no });
        true
    }

    /// Takes a note back; whether there was one.
    pub(crate) fn unacknowledge(&mut self, tenant: TenantId, key: &Key) -> bool {
        self.tenants.get_mut(&tenant).and_then(|known| known.notes.remove(key)).is_some()
    }

    fn next_no(&mut self) -> SequenceNo {
        self.last_no += 1;
        self.last_no
    }
}

impl Tenant {
    /// The completed runs of a selection, oldest claim first.
    fn completed(&self, selection: SelectionHash) -> Vec<&Run> {
        let of_it = |run: &&Run| run.record.selection_hash == selection && run.record.status.is_completed();
        let mut runs: Vec<&Run> = self.runs.iter().filter(of_it).collect();
        runs.sort_by_key(|run| run.no);
        runs
    }

    /// The newest sighting of an item over all listings that ever were.
    fn last_sighting(&self, key: &Key) -> Option<Sighting> {
        let of_run = |run: &'_ Run| {
            let (no, at) = run.listing(&key.0).filter(|listing| listing.seen.contains(&key.1))?.last_page?;
            Some(Sighting { no, at, run_id: run.record.run_id, contract: run.listing(&key.0)?.scoped.contract_hash })
        };
        self.runs.iter().filter_map(of_run).max_by_key(|sighting| sighting.no)
    }

    /// Whether a note is in force: nothing was seen since.
    fn acknowledged_at(&self, key: &Key) -> Option<Timestamp> {
        let note = self.notes.get(key)?;
        let seen_since = self.last_sighting(key).is_some_and(|sighting| sighting.no > note.after_no);
        (!seen_since).then_some(note.at)
    }
}

impl Run {
    /// Its listing of a type.
    pub(crate) fn listing(&self, policy_type: &PolicyType) -> Option<&Listing> {
        self.listings.iter().find(|listing| listing.scoped.policy_type == *policy_type)
    }
}

impl Listing {
    fn is_complete(&self) -> bool {
        self.outcome == Some(ListingOutcome::Complete)
    }

    /// Known before and not seen.
    fn unseen(&self) -> impl Iterator<Item = &ExternalId> {
        self.known.difference(&self.seen)
    }

    fn knew_and_missed(&self, external_id: &ExternalId) -> bool {
        self.known.contains(external_id) && !self.seen.contains(external_id)
    }
}
