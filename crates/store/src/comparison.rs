//! Two runs held against each other, as far as it takes no database: which of them is the older, and what became of each item by the
//! bitmaps of their listings. A backend brings what is stored, and asks for the items of the page alone.

use std::collections::{BTreeMap, BTreeSet};

use lastseen_model::{
    ChangeKind, Confidence, ContractHash, ListingOutcome, Ordinal, OrdinalBitmap, PolicyType, Reason, RunId, RunStatus, SelectionHash,
    SequenceNo, Timestamp,
};

use crate::diff::{Diff, DiffAnswer, DiffCounts, DiffItem, DiffListing, DiffQuery, DiffRun, DiffSide};
use crate::read::Cursor;

/// A run that a [`DiffQuery`] names, as it is stored.
#[derive(Debug, Clone)]
pub struct NamedRun {
    /// The run.
    pub run_id: RunId,
    /// Its number; none until it is claimed.
    pub run_no: Option<SequenceNo>,
    /// Its selection.
    pub selection_hash: SelectionHash,
    /// Its status.
    pub status: RunStatus,
    /// When it was claimed.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub finished_at: Option<Timestamp>,
    /// The types it covers.
    pub scope: Vec<PolicyType>,
}

/// What a listing of a completed run says of its type.
#[derive(Debug, Clone)]
pub struct Listed {
    /// How it ended.
    pub outcome: ListingOutcome,
    /// The next free ordinal when its run was claimed.
    pub known_before: Ordinal,
    /// When its newest page was stored; none where there was none.
    pub last_page_at: Option<Timestamp>,
    /// The items it saw.
    pub observed: OrdinalBitmap,
    /// The contract it was listed under.
    pub contract_hash: ContractHash,
    /// Whether its path pages by offset.
    pub pages_by_offset: bool,
    /// Whether the guard against mass disappearance tripped on it.
    pub guard_tripped: bool,
    /// Whether it was measured against a base that retention has dropped since: then the guard can't be asked any more.
    pub base_dropped: bool,
}

/// The older and the newer of two completed runs of one selection.
#[derive(Debug, Clone)]
pub struct Pair {
    selection_hash: SelectionHash,
    older: (DiffRun, BTreeSet<PolicyType>),
    newer: (DiffRun, BTreeSet<PolicyType>),
}

impl DiffQuery {
    /// How many changes a page holds, within its bounds.
    pub fn page_size(&self) -> usize {
        self.limit.clamp(1, 10_000) as usize
    }

    /// The two runs in their order, by those of them that the tenant has.
    ///
    /// # Errors
    /// The answer, where they can't be held against each other.
    pub fn pair(&self, found: &[NamedRun]) -> Result<Pair, Diff> {
        let named = |id: RunId| found.iter().find(|run| run.run_id == id).ok_or(Diff::NoSuchRun(id));
        let [one, other] = self.runs;
        let (one, other) = (named(one)?, named(other)?);
        let selection_hash = one.selection_hash;
        let of_other_selection = other.selection_hash != selection_hash;
        let (one, other) = (completed(one)?, completed(other)?);
        if of_other_selection {
            return Err(Diff::OtherSelections);
        }
        let (older, newer) = if one.0.run_no <= other.0.run_no { (one, other) } else { (other, one) };
        Ok(Pair { selection_hash, older, newer })
    }
}

fn completed(run: &NamedRun) -> Result<(DiffRun, BTreeSet<PolicyType>), Diff> {
    let NamedRun { run_id, status, .. } = *run;
    match (run.run_no, run.started_at, run.finished_at) {
        (Some(run_no), Some(started_at), Some(finished_at)) if status.is_completed() => {
            Ok((DiffRun { run_id, run_no, status, started_at, finished_at }, run.scope.iter().cloned().collect()))
        }
        _ => Err(Diff::NotCompleted(run_id, status)),
    }
}

impl Pair {
    /// The run that was claimed first.
    pub fn older(&self) -> RunId {
        self.older.0.run_id
    }

    /// The other.
    pub fn newer(&self) -> RunId {
        self.newer.0.run_id
    }

    /// The run that missed what has this change: the newer what is gone, the older what reappeared.
    pub fn missed_by(&self, kind: ChangeKind) -> RunId {
        if kind == ChangeKind::Gone { self.newer() } else { self.older() }
    }

    /// Every type that one of the two covers, by type, with what there is to compare, by the listings that are still there.
    pub fn types(&self, listings: &BTreeMap<(RunId, PolicyType), Listed>) -> Vec<TypeDiff> {
        let side = |(run, scope): &(DiffRun, BTreeSet<PolicyType>), policy_type: &PolicyType| {
            let listed = listings.get(&(run.run_id, policy_type.clone()));
            let gone = if scope.contains(policy_type) { DiffSide::Dropped } else { DiffSide::NotInScope };
            (listed.map_or(gone, |listed| listed.outcome.into()), listed.cloned())
        };
        let of_type = |policy_type: &PolicyType| {
            let ((older, older_listed), (newer, newer_listed)) = (side(&self.older, policy_type), side(&self.newer, policy_type));
            let comparison = older_listed.zip(newer_listed).map(|(older, newer)| Comparison::between(older, newer));
            TypeDiff { policy_type: policy_type.clone(), older, newer, comparison }
        };
        self.older.1.union(&self.newer.1).map(of_type).collect()
    }

    /// The answer, by all types and the changes of a page; one change more than a page holds says that there is a next.
    pub fn answer(self, query: &DiffQuery, types: &[TypeDiff], mut changes: Vec<DiffItem>) -> DiffAnswer {
        let more = changes.len() > query.page_size();
        changes.truncate(query.page_size());
        let last = changes.last().filter(|_| more);
        let next_cursor = last.map(|item| Cursor { policy_type: item.policy_type.clone(), external_id: item.external_id.clone() });
        let listings: Vec<DiffListing> = types.iter().map(TypeDiff::listing).collect();
        let counts = listings.iter().fold(DiffCounts::default(), |sum, listing| sum.plus(listing.counts));
        let Self { selection_hash, older: (older, _), newer: (newer, _) } = self;
        DiffAnswer { selection_hash, older, newer, listings, changes, counts, next_cursor }
    }
}

/// A type, in two runs.
#[derive(Debug)]
pub struct TypeDiff {
    /// The type.
    pub policy_type: PolicyType,
    older: DiffSide,
    newer: DiffSide,
    /// What there is to compare; none where one of the two has no listing any more, or never had.
    pub comparison: Option<Comparison>,
}

impl TypeDiff {
    fn listing(&self) -> DiffListing {
        let counts = self.comparison.as_ref().map(Comparison::counts).unwrap_or_default();
        DiffListing { policy_type: self.policy_type.clone(), older: self.older, newer: self.newer, counts }
    }

    /// The items of this type that a question asks for, those before its cursor too where the cursor stands within the type.
    pub fn wanted(&self, query: &DiffQuery) -> Vec<Ordinal> {
        let of_type = query.types.is_empty() || query.types.contains(&self.policy_type);
        let ahead = query.after.as_ref().is_none_or(|cursor| cursor.policy_type <= self.policy_type);
        let changes = self.comparison.iter().filter(|_| of_type && ahead).flat_map(|comparison| &comparison.changes);
        let asked = |(_, (kind, confidence)): &(&Ordinal, &(ChangeKind, Confidence))| {
            (query.kinds.is_empty() || query.kinds.contains(kind)) && query.confidence.is_none_or(|wanted| wanted == *confidence)
        };
        changes.filter(asked).map(|(ordinal, _)| *ordinal).collect()
    }
}

/// The changes that say that a listing missed what it knew: the newer one, or the older.
pub const MISSED: [ChangeKind; 2] = [ChangeKind::Gone, ChangeKind::Reappeared];

/// Two listings of one type, held against each other.
#[derive(Debug)]
pub struct Comparison {
    older: Listed,
    newer: Listed,
    changes: BTreeMap<Ordinal, (ChangeKind, Confidence)>,
    changed_since: u64,
}

impl Comparison {
    /// What the bitmaps say. Whether what one of the two missed was not there for certain, and what has changed, is still to be told.
    fn between(older: Listed, newer: Listed) -> Self {
        let mut comparison = Self { older, newer, changes: BTreeMap::new(), changed_since: 0 };
        let confidence = Confidence::from_reasons(&comparison.why_it_may_have_been_there());
        let come = comparison.newer.observed.without(&comparison.older.observed);
        let appeared = come.iter().filter(|ordinal| *ordinal >= comparison.older.known_before);
        comparison.changes.extend(appeared.map(|ordinal| (ordinal, (ChangeKind::Appeared, confidence))));
        for kind in MISSED {
            comparison.changes.extend(comparison.missed(kind).iter().map(|ordinal| (ordinal, (kind, Confidence::Low))));
        }
        comparison
    }

    /// The items that one of the two listings knew and did not see, and the other saw: those that are gone, or those that reappeared.
    pub fn missed(&self, kind: ChangeKind) -> OrdinalBitmap {
        match kind {
            ChangeKind::Gone => self.older.observed.without(&self.newer.observed),
            ChangeKind::Reappeared => {
                let come = self.newer.observed.without(&self.older.observed);
                come.iter().filter(|ordinal| *ordinal < self.older.known_before).collect()
            }
            ChangeKind::Appeared | ChangeKind::Changed => OrdinalBitmap::new(),
        }
    }

    /// Takes down that nothing is known to speak against an item's absence from the listing that missed it.
    pub fn nothing_speaks_against(&mut self, missed: Ordinal) {
        if let Some((kind, confidence)) = self.changes.get_mut(&missed)
            && MISSED.contains(kind)
        {
            let listing = if *kind == ChangeKind::Gone { &self.newer } else { &self.older };
            *confidence = if listing.guard_is_unknown() { Confidence::Low } else { Confidence::High };
        }
    }

    /// Where to look for items that have changed: those that changed after this time and have an ordinal below this one. None where no
    /// item was seen by both.
    pub fn changed_after(&self) -> Option<(Timestamp, Ordinal)> {
        let by_both = self.older.observed.len() > self.missed(ChangeKind::Gone).len();
        self.older.last_page_at.filter(|_| by_both).map(|since| (since, self.older.observed.end()))
    }

    /// Takes down when an item changed last.
    pub fn changed(&mut self, ordinal: Ordinal, at: Timestamp) {
        let by_both = self.older.observed.contains(ordinal) && self.newer.observed.contains(ordinal);
        if by_both && Some(at) > self.older.last_page_at {
            if Some(at) <= self.newer.last_page_at {
                self.changes.insert(ordinal, (ChangeKind::Changed, Confidence::High));
            } else {
                self.changed_since += 1;
            }
        }
    }

    /// What became of an item that is among the changes.
    pub fn kind(&self, ordinal: Ordinal) -> Option<ChangeKind> {
        self.changes.get(&ordinal).map(|(kind, _)| *kind)
    }

    /// The reasons of an item that is gone or that reappeared, by those that missing gives it for the listing that missed it.
    pub fn why_it_was_missed(&self, kind: ChangeKind, missing: Vec<Reason>) -> Vec<Reason> {
        let back = kind == ChangeKind::Reappeared;
        let listing = if back { &self.older } else { &self.newer };
        // That it was seen since is what its coming back says. The guard's is the last reason in the order of the semantics.
        let judged = missing.into_iter().filter(|reason| !(back && *reason == Reason::SeenSince));
        judged.chain(listing.guard_is_unknown().then_some(Reason::MassDisappearance)).collect()
    }

    /// Why what appeared may have been there already when the older listing, that did not know it, did not see it either.
    pub fn why_it_may_have_been_there(&self) -> Vec<Reason> {
        let Self { older, newer, .. } = self;
        let holds = |reason: &Reason| match reason {
            Reason::ListingIncomplete => older.outcome == ListingOutcome::Incomplete,
            Reason::ListingUnavailable => older.outcome == ListingOutcome::Unavailable,
            Reason::ListingNotStarted => older.outcome == ListingOutcome::NotStarted,
            Reason::ContractChanged => older.contract_hash != newer.contract_hash,
            Reason::Unconfirmed => older.pages_by_offset,
            Reason::MassDisappearance => older.guard_tripped || older.guard_is_unknown(),
            // What a run is to have seen elsewhere or since it must have known, and what is about a whole run is about no listing.
            Reason::SeenSince | Reason::SeenAsOtherType | Reason::RunPartial | Reason::RunFailed | Reason::RunHadErrors => false,
        };
        Reason::ALL.iter().copied().filter(holds).collect()
    }

    fn counts(&self) -> DiffCounts {
        let mut counts = DiffCounts { changed_since: self.changed_since, ..DiffCounts::default() };
        for (kind, confidence) in self.changes.values() {
            *match (kind, confidence) {
                (ChangeKind::Appeared, Confidence::High) => &mut counts.appeared,
                (ChangeKind::Appeared, Confidence::Low) => &mut counts.appeared_low,
                (ChangeKind::Gone, Confidence::High) => &mut counts.gone,
                (ChangeKind::Gone, Confidence::Low) => &mut counts.gone_low,
                (ChangeKind::Reappeared, Confidence::High) => &mut counts.reappeared,
                (ChangeKind::Reappeared, Confidence::Low) => &mut counts.reappeared_low,
                (ChangeKind::Changed, _) => &mut counts.changed,
            } += 1;
        }
        counts
    }
}

impl Listed {
    /// Whether a mass disappearance could not be told from any other: what can't be ruled out is in doubt.
    fn guard_is_unknown(&self) -> bool {
        self.base_dropped && self.outcome == ListingOutcome::Complete
    }
}

impl DiffCounts {
    fn plus(self, other: Self) -> Self {
        Self {
            appeared: self.appeared + other.appeared,
            appeared_low: self.appeared_low + other.appeared_low,
            gone: self.gone + other.gone,
            gone_low: self.gone_low + other.gone_low,
            reappeared: self.reappeared + other.reappeared,
            reappeared_low: self.reappeared_low + other.reappeared_low,
            changed: self.changed + other.changed,
            changed_since: self.changed_since + other.changed_since,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).expect("a time")
    }

    fn listed(observed: &[Ordinal], known_before: Ordinal, second: i64) -> Listed {
        Listed {
            outcome: ListingOutcome::Complete,
            known_before,
            last_page_at: Some(at(second)),
            observed: observed.iter().copied().collect(),
            contract_hash: ContractHash::from_bytes([1; 16]),
            pages_by_offset: false,
            guard_tripped: false,
            base_dropped: false,
        }
    }

    #[test]
    fn known_before_tells_what_reappeared_from_what_appeared() {
        let comparison = Comparison::between(listed(&[0], 2, 1), listed(&[0, 1, 2], 2, 2));
        assert_eq!(comparison.kind(0), None);
        assert_eq!((comparison.kind(1), comparison.kind(2)), (Some(ChangeKind::Reappeared), Some(ChangeKind::Appeared)));
    }

    #[test]
    fn i01_what_was_missed_is_in_doubt_until_it_is_said_that_nothing_speaks_against_it() {
        let mut comparison = Comparison::between(listed(&[0, 1, 2], 5, 1), listed(&[0, 3, 4, 5], 5, 2));
        let missed = |kind| comparison.missed(kind).iter().collect::<Vec<_>>();
        assert_eq!((missed(ChangeKind::Gone), missed(ChangeKind::Reappeared)), (vec![1, 2], vec![3, 4]));
        let at_first = DiffCounts { appeared: 1, gone_low: 2, reappeared_low: 2, ..DiffCounts::default() };
        assert_eq!(comparison.counts(), at_first);
        for ordinal in [1, 4, 5, 6] {
            comparison.nothing_speaks_against(ordinal);
        }
        let counts = DiffCounts { appeared: 1, gone: 1, gone_low: 1, reappeared: 1, reappeared_low: 1, ..DiffCounts::default() };
        assert_eq!(comparison.counts(), counts, "and of nothing but what was missed");
    }

    #[test]
    fn i24_without_the_base_of_a_complete_listing_nothing_that_it_missed_is_certain() {
        let without_base = |outcome| Listed { outcome, base_dropped: true, ..listed(&[], 1, 2) };
        let mut gone = Comparison::between(listed(&[0], 0, 1), without_base(ListingOutcome::Complete));
        gone.nothing_speaks_against(0);
        assert_eq!((gone.counts().gone, gone.counts().gone_low), (0, 1));
        let why = |comparison: &Comparison, kind, missing| comparison.why_it_was_missed(kind, missing);
        let both = vec![Reason::ContractChanged, Reason::MassDisappearance];
        assert_eq!(why(&gone, ChangeKind::Gone, vec![Reason::ContractChanged]), both);

        let mut back = Comparison::between(without_base(ListingOutcome::Complete), listed(&[0, 1], 1, 3));
        back.nothing_speaks_against(0);
        assert_eq!(back.counts(), DiffCounts { appeared_low: 1, reappeared_low: 1, ..DiffCounts::default() });
        assert_eq!(why(&back, ChangeKind::Reappeared, vec![Reason::SeenSince, Reason::ContractChanged]), both, "seen since it is anyway");

        let broken_off = Comparison::between(listed(&[0], 0, 1), without_base(ListingOutcome::Incomplete));
        let incomplete = vec![Reason::ListingIncomplete];
        assert_eq!(why(&broken_off, ChangeKind::Gone, incomplete.clone()), incomplete, "the guard has no say");
    }

    #[test]
    fn what_appeared_is_in_doubt_for_what_speaks_against_the_older_listing_as_a_whole() {
        let why = |older: Listed| Comparison::between(older, listed(&[0], 1, 2)).why_it_may_have_been_there();
        let plain = || listed(&[], 0, 1);
        assert_eq!(why(plain()), []);
        assert_eq!(why(Listed { outcome: ListingOutcome::Incomplete, ..plain() }), [Reason::ListingIncomplete]);
        assert_eq!(why(Listed { contract_hash: ContractHash::from_bytes([2; 16]), ..plain() }), [Reason::ContractChanged]);
        assert_eq!(why(Listed { pages_by_offset: true, ..plain() }), [Reason::Unconfirmed]);
        assert_eq!(why(Listed { guard_tripped: true, ..plain() }), [Reason::MassDisappearance]);
        assert_eq!(why(Listed { base_dropped: true, ..plain() }), [Reason::MassDisappearance]);
    }

    #[test]
    fn an_item_has_changed_after_the_older_last_page_and_up_to_the_newer() {
        let compared = |ordinal, second| {
            let mut comparison = Comparison::between(listed(&[0, 1], 2, 10), listed(&[0, 2], 2, 20));
            comparison.changed(ordinal, at(second));
            (comparison.counts().changed, comparison.counts().changed_since)
        };
        assert_eq!([compared(0, 10), compared(0, 11), compared(0, 20), compared(0, 21)], [(0, 0), (1, 0), (1, 0), (0, 1)]);
        assert_eq!([compared(1, 15), compared(2, 15), compared(1, 25)], [(0, 0); 3], "only what both saw");
    }

    #[test]
    fn changes_are_looked_for_as_far_as_the_older_run_saw_and_not_at_all_where_no_item_was_seen_by_both() {
        let looked = |older: &[Ordinal], newer: &[Ordinal]| Comparison::between(listed(older, 0, 1), listed(newer, 0, 2)).changed_after();
        assert_eq!(looked(&[0, 9], &[9]), Some((at(1), 16)));
        assert_eq!(looked(&[0, 9], &[1]), None);
        assert_eq!(looked(&[], &[1]), None);
    }
}
