//! Which listings retention may drop. Dropping only marks them here.

use std::collections::{BTreeMap, BTreeSet};

use lastseen_model::{PolicyType, RunId, RunStatus, SelectionHash, TenantId, Timestamp};
use lastseen_store::{Pruned, Retention};

use super::answers::newest_complete;
use super::{Listing, Model, Run, Tenant};

/// A listing's place in a tenant.
type Place = (RunId, PolicyType);

impl Model {
    /// Drops what is beyond the limits and no answer needs.
    pub(crate) fn prune(&mut self, tenant: TenantId, retention: &Retention) -> Pruned {
        let now = self.now;
        let Some(known) = self.tenants.get_mut(&tenant) else { return Pruned::default() };
        let beyond = known.beyond(retention, now);
        let needed = known.needed();
        let dropped: BTreeSet<Place> = beyond.difference(&needed).cloned().collect();
        let kept_as_proof = (beyond.len() - dropped.len()) as u64;
        let proven_by_dropped =
            |key: &&super::Key| known.last_sighting(key).is_some_and(|sighting| dropped.contains(&(sighting.run_id, key.0.clone())));
        let cold_facts = known.items.keys().filter(proven_by_dropped).count() as u64;
        for run in &mut known.runs {
            let run_id = run.record.run_id;
            for listing in run.listings.iter_mut().filter(|listing| dropped.contains(&(run_id, listing.scoped.policy_type.clone()))) {
                listing.dropped = true;
            }
        }
        Pruned { listings: dropped.len() as u64, cold_facts, kept_as_proof }
    }
}

impl Tenant {
    /// The listings of ended runs that are beyond a limit.
    fn beyond(&self, retention: &Retention, now: Timestamp) -> BTreeSet<Place> {
        let mut newer: BTreeMap<SelectionHash, u32> = BTreeMap::new();
        let mut ended: Vec<&Run> = self.runs.iter().filter(|run| run.record.status.is_completed()).collect();
        ended.sort_by_key(|run| std::cmp::Reverse(run.no));
        let mut beyond = BTreeSet::new();
        for run in ended {
            let place = newer.entry(run.record.selection_hash).or_default();
            *place += 1;
            let too_many = retention.keep_runs.is_some_and(|keep| *place > keep);
            let too_old = retention.older_than.zip(run.record.finished_at).is_some_and(|(age, finished)| finished < now - age);
            if too_many || too_old {
                beyond.extend(run.listings.iter().filter(|listing| !listing.dropped).map(|listing| place_of(run, listing)));
            }
        }
        beyond
    }

    /// The listings that an answer needs, now or when a live run ends.
    fn needed(&self) -> BTreeSet<Place> {
        let mut needed = BTreeSet::new();
        let selections: BTreeSet<SelectionHash> = self.runs.iter().map(|run| run.record.selection_hash).collect();
        for selection in selections {
            let completed = self.completed(selection);
            let mut answering: Vec<(&Run, &Listing)> = Vec::new();
            let success = completed.iter().rfind(|run| run.record.status == RunStatus::Success);
            for run in completed.last().into_iter().chain(success) {
                answering.extend(run.listings.iter().map(|listing| (*run, listing)));
            }
            let types: BTreeSet<&PolicyType> =
                completed.iter().flat_map(|run| &run.listings).map(|listing| &listing.scoped.policy_type).collect();
            answering.extend(types.into_iter().filter_map(|policy_type| newest_complete(&completed, policy_type)));
            for (run, listing) in answering {
                needed.insert(place_of(run, listing));
                needed.extend(self.base_place(run, listing));
                needed.extend(self.proofs_of_missing_since(&completed, run, listing));
            }
        }
        let types: BTreeSet<&PolicyType> = self.items.keys().map(|key| &key.0).collect();
        for policy_type in types {
            let complete =
                self.runs.iter().filter_map(|run| run.listing(policy_type).filter(|listing| listing.is_complete()).zip(Some(run)));
            needed.extend(
                complete.max_by_key(|(listing, _)| listing.last_page.map(|page| page.0)).map(|(listing, run)| place_of(run, listing)),
            );
        }
        // A live run's listings will be measured against what was complete when it was claimed.
        for run in self.runs.iter().filter(|run| run.record.status == RunStatus::Running) {
            needed.extend(run.listings.iter().filter_map(|listing| self.base_place(run, listing)));
        }
        needed
    }

    fn base_place(&self, run: &Run, listing: &Listing) -> Option<Place> {
        let base = self.base(run, listing)?;
        let holds = |other: &&Run| other.listing(&base.scoped.policy_type).is_some_and(|listing| std::ptr::eq(listing, base));
        self.runs.iter().find(holds).map(|run| place_of(run, base))
    }

    fn proofs_of_missing_since(&self, completed: &[&Run], run: &Run, listing: &Listing) -> BTreeSet<Place> {
        let proof = |external_id: &lastseen_model::ExternalId| {
            let key = (listing.scoped.policy_type.clone(), external_id.clone());
            let seen_no = self.last_sighting(&key)?.no;
            let first = completed.iter().find(|earlier| {
                earlier.no <= run.no
                    && earlier.no > Some(seen_no)
                    && earlier.listing(&key.0).is_some_and(|listing| listing.is_complete() && listing.knew_and_missed(external_id))
            })?;
            first.listing(&key.0).map(|listing| place_of(first, listing))
        };
        listing.unseen().filter_map(proof).collect()
    }
}

fn place_of(run: &Run, listing: &Listing) -> Place {
    (run.record.run_id, listing.scoped.policy_type.clone())
}
