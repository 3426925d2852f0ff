//! What became of each item between two runs: from the sets of ids that each of them saw and knew.

use std::collections::{BTreeMap, BTreeSet};

use lastseen_model::{ChangeKind, Confidence, ExternalId, ListingOutcome, PolicyType, Reason, RunId, RunStatus, SelectionHash, TenantId};
use lastseen_store::{DiffCounts, DiffItem, DiffListing, DiffRun, DiffSide};

use super::{Listing, Model, Run, Tenant};

/// What is said of two runs.
pub(crate) enum DiffSaid {
    NoSuchRun(RunId),
    NotCompleted(RunId, RunStatus),
    OtherSelections,
    Answer(Box<Difference>),
}

/// What two runs say.
pub(crate) struct Difference {
    pub(crate) selection_hash: SelectionHash,
    pub(crate) older: DiffRun,
    pub(crate) newer: DiffRun,
    pub(crate) listings: Vec<DiffListing>,
    /// All of them, in order.
    pub(crate) changes: Vec<DiffItem>,
}

impl Model {
    /// Two runs of a tenant, held against each other.
    pub(crate) fn diff(&self, tenant: TenantId, runs: [RunId; 2]) -> DiffSaid {
        let mut found = Vec::new();
        for run in runs {
            match self.run(tenant, run) {
                None => return DiffSaid::NoSuchRun(run),
                Some(known) => found.push(known),
            }
        }
        if let Some(run) = found.iter().find(|run| !run.record.status.is_completed()) {
            return DiffSaid::NotCompleted(run.record.run_id, run.record.status);
        }
        found.sort_by_key(|run| run.no);
        let [older, newer] = found[..] else { unreachable!("two were asked for") };
        if older.record.selection_hash != newer.record.selection_hash {
            return DiffSaid::OtherSelections;
        }
        let tenant = &self.tenants[&tenant];
        let types: BTreeSet<&PolicyType> =
            older.listings.iter().chain(&newer.listings).map(|listing| &listing.scoped.policy_type).collect();
        let (mut listings, mut changes) = (Vec::new(), Vec::new());
        for policy_type in types {
            let (one, other) = (there(older, policy_type), there(newer, policy_type));
            let mut counts = DiffCounts::default();
            if let (Ok(one), Ok(other)) = (one, other) {
                let found = self.changes(tenant, (older, one), (newer, other));
                counts = count(&found);
                counts.changed_since = changed_in_both(tenant, one, other).filter(|(_, changed)| Some(*changed) > at(other)).count() as u64;
                changes.extend(found);
            }
            let side = |listing: Result<&Listing, DiffSide>| listing.map_or_else(|side| side, |listing| ended(listing).into());
            listings.push(DiffListing { policy_type: policy_type.clone(), older: side(one), newer: side(other), counts });
        }
        let selection_hash = newer.record.selection_hash;
        DiffSaid::Answer(Box::new(Difference { selection_hash, older: head(older), newer: head(newer), listings, changes }))
    }

    /// The changes of one type, in order.
    fn changes(&self, tenant: &Tenant, (older_run, older): (&Run, &Listing), (newer_run, newer): (&Run, &Listing)) -> Vec<DiffItem> {
        let policy_type = &newer.scoped.policy_type;
        let tenant_id = newer_run.record.tenant_id;
        let unseen_then = self.doubts_of_absence(tenant, older_run, older);
        let unseen_now = self.doubts_of_absence(tenant, newer_run, newer);
        let item = |external_id: &ExternalId, change, reasons: Vec<Reason>| {
            let item = self.item(tenant_id, tenant, &(policy_type.clone(), external_id.clone())).expect("what was seen is an item");
            DiffItem {
                policy_type: item.policy_type,
                external_id: item.external_id,
                category: item.category,
                display_name: item.display_name,
                platform: item.platform,
                change,
                confidence: Confidence::from_reasons(&reasons),
                reasons,
                first_seen_at: item.first_seen_at,
                changed_at: item.changed_at,
                last_seen_at: item.last_seen_at,
            }
        };
        let come = newer.seen.difference(&older.seen).map(|id| {
            let Some(doubts) = unseen_then.get(id) else {
                return item(id, ChangeKind::Appeared, doubts_of_the_unknown(tenant, older_run, older, newer));
            };
            // That it was seen since is what the change says.
            let doubts = doubts.iter().copied().filter(|reason| *reason != Reason::SeenSince);
            item(id, ChangeKind::Reappeared, doubts.collect())
        });
        let gone = older.seen.difference(&newer.seen).map(|id| item(id, ChangeKind::Gone, unseen_now[id].clone()));
        let changed = changed_in_both(tenant, older, newer)
            .filter(|(_, changed)| Some(*changed) <= at(newer))
            .map(|(id, _)| item(id, ChangeKind::Changed, Vec::new()));
        let mut all: Vec<DiffItem> = come.chain(gone).chain(changed).collect();
        all.sort_by(|one, two| one.external_id.cmp(&two.external_id));
        all
    }

    /// Why each item that a listing knew and did not see may have been there, by the listing alone.
    fn doubts_of_absence(&self, tenant: &Tenant, run: &Run, listing: &Listing) -> BTreeMap<ExternalId, Vec<Reason>> {
        let missing = self.unseen(tenant, &tenant.completed(run.record.selection_hash), run, listing, false);
        missing.into_iter().map(|item| (item.external_id, without_base(tenant, run, listing, item.reasons))).collect()
    }
}

/// A run's listing of a type, or why there is none.
fn there<'a>(run: &'a Run, policy_type: &PolicyType) -> Result<&'a Listing, DiffSide> {
    match run.listing(policy_type) {
        None => Err(DiffSide::NotInScope),
        Some(listing) if listing.dropped => Err(DiffSide::Dropped),
        Some(listing) => Ok(listing),
    }
}

fn ended(listing: &Listing) -> ListingOutcome {
    listing.outcome.expect("a listing of a run that has ended")
}

fn at(listing: &Listing) -> Option<lastseen_model::Timestamp> {
    listing.last_page.map(|(_, at)| at)
}

/// What both saw and what changed after the older one's last page, with the time.
fn changed_in_both<'a>(
    tenant: &'a Tenant,
    older: &'a Listing,
    newer: &'a Listing,
) -> impl Iterator<Item = (&'a ExternalId, lastseen_model::Timestamp)> {
    let changed = |id: &'a ExternalId| Some((id, tenant.items.get(&(newer.scoped.policy_type.clone(), id.clone()))?.changed_at));
    older.seen.intersection(&newer.seen).filter_map(changed).filter(|(_, changed)| Some(*changed) > at(older))
}

/// Why the older run may have left out what it did not know of either.
fn doubts_of_the_unknown(tenant: &Tenant, run: &Run, older: &Listing, newer: &Listing) -> Vec<Reason> {
    let base = tenant.base(run, older);
    let too_few = base.is_some_and(|base| {
        let unseen = base.seen.difference(&older.seen).count() as u64;
        base.dropped || run.record.guard.trips(base.seen.len() as u64, unseen)
    });
    let holds = |reason: &Reason| match reason {
        Reason::ListingIncomplete => ended(older) == ListingOutcome::Incomplete,
        Reason::ListingUnavailable => ended(older) == ListingOutcome::Unavailable,
        Reason::ListingNotStarted => ended(older) == ListingOutcome::NotStarted,
        Reason::ContractChanged => older.scoped.contract_hash != newer.scoped.contract_hash,
        Reason::Unconfirmed => older.scoped.pages_by_offset,
        Reason::MassDisappearance => older.is_complete() && too_few,
        _ => false,
    };
    Reason::ALL.iter().copied().filter(holds).collect()
}

/// What a listing's base was can't be asked once it was dropped: neither whether it missed the item too, nor whether too many are gone.
fn without_base(tenant: &Tenant, run: &Run, listing: &Listing, reasons: Vec<Reason>) -> Vec<Reason> {
    if !tenant.base(run, listing).is_some_and(|base| base.dropped) {
        return reasons;
    }
    let holds = |reason: &Reason| match reason {
        Reason::Unconfirmed => listing.scoped.pages_by_offset,
        Reason::MassDisappearance => listing.is_complete(),
        other => reasons.contains(other),
    };
    Reason::ALL.iter().copied().filter(holds).collect()
}

fn head(run: &Run) -> DiffRun {
    let record = &run.record;
    DiffRun {
        run_id: record.run_id,
        run_no: record.run_no.expect("a claimed run"),
        status: record.status,
        started_at: record.started_at.expect("a claimed run"),
        finished_at: record.finished_at.expect("an ended run"),
    }
}

fn count(changes: &[DiffItem]) -> DiffCounts {
    let of = |kind, confidence| changes.iter().filter(|item| item.change == kind && item.confidence == confidence).count() as u64;
    DiffCounts {
        appeared: of(ChangeKind::Appeared, Confidence::High),
        appeared_low: of(ChangeKind::Appeared, Confidence::Low),
        gone: of(ChangeKind::Gone, Confidence::High),
        gone_low: of(ChangeKind::Gone, Confidence::Low),
        reappeared: of(ChangeKind::Reappeared, Confidence::High),
        reappeared_low: of(ChangeKind::Reappeared, Confidence::Low),
        changed: of(ChangeKind::Changed, Confidence::High),
        changed_since: 0,
    }
}
