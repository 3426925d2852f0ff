//! Holds what the database says of two runs against what the model says.

use lastseen_model::{ChangeKind, Confidence, RunId, TenantId};
use lastseen_store::{Diff, DiffAnswer, DiffItem, DiffQuery, DiffSide, Store};
use proptest::{prop_assert, prop_assert_eq};

use super::player::{Played, Player, tenant_of};
use super::same::same;
use crate::model::{DiffSaid, Difference};
use crate::world;

/// Everything about two runs, on one page.
pub(super) fn everything_about(runs: [RunId; 2]) -> DiffQuery {
    DiffQuery { runs, kinds: Vec::new(), types: Vec::new(), confidence: None, after: None, limit: 10_000 }
}

impl Player<'_> {
    /// Asks about any two runs, whoever's they are and however far they have come; also page by page, and narrowed.
    pub(super) async fn compare_any_two_runs(&mut self) -> Played<()> {
        let run = |place: usize| self.pick(u8::try_from(place % 256).unwrap_or_default(), |_| true);
        let (Some((tenant, one)), Some((_, other))) = (run(self.chance), run(self.chance / 256)) else { return Ok(()) };
        let tenant = tenant_of(tenant);
        let said = self.model.diff(tenant, [one, other]);
        self.tally.diff(&said);
        let chance = self.chance / (256 * 256);
        let Some(database) = &mut self.database else { return Ok(()) };
        let store = database.store();
        compare(&*store, tenant, [one, other], &said).await?;
        if let DiffSaid::Answer(said) = &said {
            page_by_page(&*store, tenant, said, chance).await?;
        }
        Ok(())
    }

    /// Asks about two completed runs of one selection.
    pub(super) async fn compare_a_pair(&mut self, tenant: TenantId) -> Played<()> {
        let completed: Vec<_> = self.model.runs_of(tenant).iter().filter(|run| run.record.status.is_completed()).collect();
        let Some(one) = completed.get(self.chance % completed.len().max(1)) else { return Ok(()) };
        let alike: Vec<_> = completed.iter().filter(|run| run.record.selection_hash == one.record.selection_hash).collect();
        let other = alike[self.chance / completed.len() % alike.len()];
        let pair = [one.record.run_id, other.record.run_id];
        let said = self.model.diff(tenant, pair);
        self.tally.diff(&said);
        let Some(database) = &mut self.database else { return Ok(()) };
        compare(&*database.store(), tenant, pair, &said).await
    }
}

async fn compare(store: &dyn Store, tenant: TenantId, runs: [RunId; 2], said: &DiffSaid) -> Played<()> {
    let found = store.diff(&world::scope_of(tenant), &everything_about(runs)).await.expect("a diff");
    let (found, said) = match (found, said) {
        (Diff::Answer(found), DiffSaid::Answer(said)) => (found, said),
        (Diff::NoSuchRun(found), DiffSaid::NoSuchRun(said)) => return same("the run that is not there", &found, said),
        (Diff::NotCompleted(run, status), DiffSaid::NotCompleted(said, its)) => {
            return same("the run that has not completed", &(run, status), &(*said, *its));
        }
        (Diff::OtherSelections, DiffSaid::OtherSelections) => return Ok(()),
        (found, _) => {
            prop_assert!(false, "another kind of answer: {:?}", found);
            return Ok(());
        }
    };
    let DiffAnswer { selection_hash, older, newer, listings, changes, counts, next_cursor } = *found;
    same("the runs", &(selection_hash, older, newer), &(said.selection_hash, said.older.clone(), said.newer.clone()))?;
    same("the types", &listings, &said.listings)?;
    same("the changes", &changes, &said.changes)?;
    prop_assert_eq!(next_cursor, None);
    let sum = said.listings.iter().map(|listing| listing.counts.gone + listing.counts.gone_low).sum::<u64>();
    prop_assert_eq!(counts.gone + counts.gone_low, sum);
    for listing in listings.iter().filter(|listing| listing.newer != DiffSide::Complete) {
        prop_assert_eq!(listing.counts.gone, 0, "I01: nothing is gone for certain where the newer run did not see everything");
    }
    for listing in listings.iter().filter(|listing| listing.older != DiffSide::Complete) {
        let certain = listing.counts.appeared + listing.counts.reappeared;
        prop_assert_eq!(certain, 0, "I01: nor has anything come for certain where the older run did not");
    }
    Ok(())
}

/// A few changes a page, all of them, or of some kinds, or with one confidence: each of them once, with the numbers of all.
async fn page_by_page(store: &dyn Store, tenant: TenantId, said: &Difference, chance: usize) -> Played<()> {
    let limit = u32::try_from(chance % 4).unwrap_or_default() + 1;
    let all = DiffQuery { limit, ..everything_about([said.newer.run_id, said.older.run_id]) };
    let mut query = match chance / 4 % 3 {
        0 => all,
        1 => DiffQuery { kinds: vec![ChangeKind::Gone, ChangeKind::Changed], ..all },
        _ => DiffQuery { confidence: Some(Confidence::Low), ..all },
    };
    let asked = |item: &&DiffItem| {
        (query.kinds.is_empty() || query.kinds.contains(&item.change)) && query.confidence.is_none_or(|wanted| wanted == item.confidence)
    };
    let wanted: Vec<DiffItem> = said.changes.iter().filter(asked).cloned().collect();
    let mut given = Vec::new();
    loop {
        let Diff::Answer(page) = store.diff(&world::scope_of(tenant), &query).await.expect("a diff") else {
            prop_assert!(false, "the first question had an answer");
            return Ok(());
        };
        prop_assert!(page.changes.len() <= limit as usize);
        same("the types beside a page", &page.listings, &said.listings)?;
        given.extend(page.changes);
        let Some(next) = page.next_cursor else { break };
        query.after = Some(next);
    }
    same(("the changes page by page", &query), &given, &wanted)?;
    Ok(())
}
