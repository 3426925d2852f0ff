//! What the evidence says: items, runs, selections, missing, coverage.

use std::collections::{BTreeMap, BTreeSet};

use lastseen_model::missing::Facts;
use lastseen_model::{
    Category, Confidence, ExternalId, ListingOutcome, Ordinal, PolicyType, Reference, RunId, RunStatus, SelectionHash, SequenceNo, TenantId,
};
use lastseen_store::{
    Coverage, Item, ListingRecord, MissingItem, PossibleSuccessor, ReferenceRun, RunDetail, RunRecord, SUCCESSORS_NAMED, SelectionRecord,
    SightingRow,
};

use super::{ItemRow, Key, Listing, Model, Run, Tenant};

/// The answer about missing; nothing where there is no baseline.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct MissingSaid {
    /// The reference run.
    pub(crate) reference: ReferenceRun,
    /// Its listings.
    pub(crate) coverage: Vec<Coverage>,
    /// Every missing item, acknowledged ones too.
    pub(crate) items: Vec<MissingItem>,
}

impl Model {
    /// Every item of a tenant.
    pub(crate) fn items(&self, tenant: TenantId) -> Vec<Item> {
        let Some(known) = self.tenants.get(&tenant) else { return Vec::new() };
        known.items.keys().filter_map(|key| self.item(tenant, known, key)).collect()
    }

    pub(super) fn item(&self, tenant_id: TenantId, tenant: &Tenant, key: &Key) -> Option<Item> {
        let row = tenant.items.get(key)?;
        let sighting = tenant.last_sighting(key)?;
        Some(Item {
            tenant_id,
            policy_type: key.0.clone(),
            external_id: key.1.clone(),
            category: self.category(&key.0),
            display_name: row.observation.display_name.clone(),
            platform: row.observation.platform.clone(),
            meta_jsonb: serde_json::value::RawValue::from_string(row.observation.meta.clone()).ok()?,
            assignment_count: row.observation.assignment_count,
            first_seen_at: row.first_seen_at,
            first_seen_run_id: row.first_seen_run_id,
            changed_at: row.changed_at,
            last_seen_at: sighting.at,
            last_seen_run_id: sighting.run_id,
        })
    }

    /// A tenant's runs, newest first.
    pub(crate) fn records(&self, tenant: TenantId) -> Vec<RunRecord> {
        self.runs_of(tenant).iter().rev().map(|run| run.record.clone()).collect()
    }

    /// One run.
    pub(crate) fn detail(&self, tenant: TenantId, run: RunId) -> Option<RunDetail> {
        let run = self.run(tenant, run)?;
        let listings = run.listings.iter().filter(|listing| !listing.dropped).map(Listing::record).collect();
        let errors = run.errors.iter().take(lastseen_model::error_code::RUN_ERRORS_KEPT).cloned().collect();
        Some(RunDetail { record: run.record.clone(), listings, errors })
    }

    /// The selections a tenant has used, newest first.
    pub(crate) fn selections(&self, tenant: TenantId) -> Vec<SelectionRecord> {
        let runs = self.runs_of(tenant);
        let mut newest: Vec<&Run> = Vec::new();
        for run in runs.iter().rev() {
            if newest.iter().all(|known| known.record.selection_hash != run.record.selection_hash) {
                newest.push(run);
            }
        }
        let first = |hash| runs.iter().find(|run| run.record.selection_hash == hash).map(|run| run.record.created_at);
        newest
            .into_iter()
            .filter_map(|last| {
                Some(SelectionRecord {
                    selection_hash: last.record.selection_hash,
                    selection_payload: last.record.selection_payload.clone(),
                    first_used_at: first(last.record.selection_hash)?,
                    last_run_id: last.record.run_id,
                    last_run_status: last.record.status,
                    last_run_at: last.record.created_at,
                })
            })
            .collect()
    }

    /// What is missing for a selection; nothing where there is no baseline.
    pub(crate) fn missing(&self, tenant: TenantId, selection: SelectionHash, reference: Reference) -> Option<MissingSaid> {
        let known = self.tenants.get(&tenant)?;
        let completed = known.completed(selection);
        let latest = *match reference {
            Reference::LatestCompleted | Reference::LatestComplete => completed.last(),
            Reference::LatestSuccess => completed.iter().rfind(|run| run.record.status == RunStatus::Success),
        }?;
        let coverage = sorted(latest).into_iter().filter_map(|listing| coverage(&completed, latest, listing)).collect();
        let items = sorted(latest).into_iter().flat_map(|listing| match reference {
            Reference::LatestCompleted | Reference::LatestSuccess => self.unseen(known, &completed, latest, listing, true),
            Reference::LatestComplete => newest_complete(&completed, &listing.scoped.policy_type)
                .map(|(run, listing)| self.unseen(known, &completed, run, listing, false))
                .unwrap_or_default(),
        });
        Some(MissingSaid { reference: latest.reference()?, items: items.collect(), coverage })
    }

    /// How many items are missing for a selection of which only its latest completed run knows that they have another type now: it
    /// passed over their ids, and no listing saw them under another type since it was claimed.
    pub(crate) fn known_by_passing_over(&self, tenant: TenantId, selection: SelectionHash) -> usize {
        let Some(known) = self.tenants.get(&tenant) else { return 0 };
        let Some(run) = known.completed(selection).pop() else { return 0 };
        let passed_over = run.listings.iter().flat_map(|listing| {
            let ids = listing.unseen().filter(|id| listing.passed_over.contains(*id));
            ids.map(|id| (listing.scoped.policy_type.clone(), id.clone()))
        });
        passed_over.filter(|key| known.seen_as_other_type(key) <= run.no).count()
    }

    /// The listings that bear on an item, newest claim first; those that retention dropped are not among them.
    pub(crate) fn sightings(&self, tenant: TenantId, policy_type: &PolicyType, external_id: &ExternalId) -> Vec<SightingRow> {
        let Some(known) = self.tenants.get(&tenant) else { return Vec::new() };
        let mut runs: Vec<&Run> = known.runs.iter().collect();
        runs.sort_by_key(|run| std::cmp::Reverse(run.no));
        let row = |run: &Run| {
            // A listing that neither knew nor saw the item says nothing about it.
            let bears = |listing: &&Listing| listing.known.contains(external_id) || listing.seen.contains(external_id);
            let listing = run.listing(policy_type).filter(|listing| !listing.dropped).filter(bears)?;
            let latest = known.completed(run.record.selection_hash).last().map(|latest| latest.record.run_id);
            Some(SightingRow {
                run_id: run.record.run_id,
                run_no: run.record.run_no?,
                run_status: run.record.status,
                started_at: run.record.started_at?,
                selection_hash: run.record.selection_hash,
                outcome: listing.outcome,
                error_code: listing.code,
                pages: listing.pages,
                seen: ListingOutcome::tells(listing.outcome, listing.seen.contains(external_id)),
                known_before: listing.known.contains(external_id),
                is_reference: latest == Some(run.record.run_id),
            })
        };
        runs.into_iter().filter_map(row).collect()
    }

    /// Where an item stands for each selection whose latest completed run covers its type.
    pub(crate) fn standing(
        &self,
        tenant: TenantId,
        policy_type: &PolicyType,
        external_id: &ExternalId,
    ) -> BTreeMap<SelectionHash, Option<MissingItem>> {
        let hashes: BTreeSet<SelectionHash> = self.runs_of(tenant).iter().map(|run| run.record.selection_hash).collect();
        let of = |hash: SelectionHash| {
            let said = self.missing(tenant, hash, Reference::LatestCompleted)?;
            said.coverage.iter().find(|row| row.policy_type == *policy_type)?;
            let is_it = |item: &MissingItem| item.policy_type == *policy_type && item.external_id == *external_id;
            Some((hash, said.items.into_iter().find(is_it)))
        };
        hashes.into_iter().filter_map(of).collect()
    }

    /// The missing items of one listing.
    pub(super) fn unseen(&self, tenant: &Tenant, completed: &[&Run], run: &Run, listing: &Listing, with_run: bool) -> Vec<MissingItem> {
        let (Some(claimed_no), Some(outcome), Some(reference)) = (run.no, listing.outcome, run.reference()) else { return Vec::new() };
        let base = tenant.base(run, listing);
        let guard_tripped = base.is_some_and(|base| {
            let gone = base.seen.difference(&listing.seen).count() as u64;
            run.record.guard.trips(base.seen.len() as u64, gone)
        });
        let row = |external_id: &ExternalId| {
            let key = (listing.scoped.policy_type.clone(), external_id.clone());
            let (item, sighting) = (tenant.items.get(&key)?, tenant.last_sighting(&key)?);
            let facts = Facts {
                run_status: with_run.then_some(run.record.status),
                run_had_errors: with_run && run.record.had_errors,
                outcome,
                claimed_no,
                last_seen_no: Some(sighting.no),
                other_type_seen_no: tenant.seen_as_other_type(&key),
                passed_over: listing.passed_over.contains(external_id),
                contract_differs: sighting.contract != listing.scoped.contract_hash,
                pages_by_offset: listing.scoped.pages_by_offset,
                base_missed_it_too: base.is_some_and(|base| base.knew_and_missed(external_id)),
                guard_tripped: guard_tripped && base.is_some_and(|base| base.seen.contains(external_id)),
            };
            let reasons = facts.reasons();
            let since = completed.iter().find(|earlier| {
                earlier.no <= run.no
                    && earlier.no > Some(sighting.no)
                    && earlier.listing(&key.0).is_some_and(|listing| listing.is_complete() && listing.knew_and_missed(external_id))
            });
            Some(MissingItem {
                tenant_id: run.record.tenant_id,
                selection_hash: run.record.selection_hash,
                category: self.category(&key.0),
                display_name: item.observation.display_name.clone(),
                platform: item.observation.platform.clone(),
                confidence: Confidence::from_reasons(&reasons),
                reasons,
                listing_outcome: outcome,
                reference: reference.clone(),
                first_seen_at: item.first_seen_at,
                last_seen_at: sighting.at,
                last_seen_run_id: sighting.run_id,
                missing_since: since.and_then(|run| run.record.finished_at),
                missing_since_run_id: since.map(|run| run.record.run_id),
                acknowledged_at: tenant.acknowledged_at(&key),
                possible_successors: tenant.possible_successors(&key, sighting.no),
                policy_type: key.0,
                external_id: key.1,
            })
        };
        listing.unseen().filter_map(row).collect()
    }

    fn category(&self, policy_type: &PolicyType) -> Category {
        self.categories[policy_type].clone()
    }
}

impl Tenant {
    /// The complete listing that a listing is measured against.
    pub(super) fn base(&self, run: &Run, listing: &Listing) -> Option<&Listing> {
        let policy_type = &listing.scoped.policy_type;
        let complete = |other: &'_ Run| other.listing(policy_type).is_some_and(Listing::is_complete);
        let before = |other: &&Run| other.no < run.no && complete(other);
        let own = self.completed(run.record.selection_hash).into_iter().rfind(before);
        let ended_before = |other: &'_ &Run| {
            let last_no = other.listing(policy_type).and_then(|listing| listing.last_page).map(|page| page.0);
            complete(other) && last_no.is_some() && last_no < run.no
        };
        let last_no = |other: &&Run| other.listing(policy_type).and_then(|listing| listing.last_page).map(|page| page.0);
        own.or_else(|| self.runs.iter().filter(ended_before).max_by_key(last_no))?.listing(policy_type)
    }

    fn seen_as_other_type(&self, key: &Key) -> Option<SequenceNo> {
        let others = self.items.keys().filter(|other| other.1 == key.1 && other.0 != key.0);
        others.filter_map(|other| self.last_sighting(other)).map(|sighting| sighting.no).max()
    }
}

impl Tenant {
    /// What an item may live on as that was last seen with this number.
    fn possible_successors(&self, key: &Key, last_no: SequenceNo) -> Vec<PossibleSuccessor> {
        let Some(gone) = self.items.get(key).filter(|item| item.observation.display_name.is_some()) else { return Vec::new() };
        let alike = |other: &(&Key, &ItemRow)| {
            let (one, two) = (&gone.observation, &other.1.observation);
            other.0.0 != key.0 && one.display_name == two.display_name && one.platform == two.platform
        };
        let first_no = |item: &ItemRow| self.runs.iter().find(|run| run.record.run_id == item.first_seen_run_id)?.no;
        let since = self.items.iter().filter(alike).filter_map(|(other, item)| Some((first_no(item)?, other, item)));
        let mut since: Vec<(SequenceNo, &Key, &ItemRow)> = since.filter(|(no, _, _)| *no > last_no).collect();
        since.sort_by_key(|(no, other, _)| (*no, *other));
        let named = since.into_iter().take(SUCCESSORS_NAMED).map(|(_, other, item)| PossibleSuccessor {
            policy_type: other.0.clone(),
            external_id: other.1.clone(),
            first_seen_at: item.first_seen_at,
            first_seen_run_id: item.first_seen_run_id,
        });
        named.collect()
    }
}

impl Run {
    fn reference(&self) -> Option<ReferenceRun> {
        Some(ReferenceRun {
            reference_run_id: self.record.run_id,
            reference_status: self.record.status,
            reference_finished_at: self.record.finished_at?,
        })
    }
}

impl Listing {
    fn record(&self) -> ListingRecord {
        ListingRecord {
            policy_type: self.scoped.policy_type.clone(),
            outcome: self.outcome,
            error_code: self.code,
            observed: self.seen.len() as u64,
            created: self.created,
            changed: self.changed,
            unseen: self.unseen().count() as u64,
            rejected: self.rejected,
            pages: self.pages,
            known_before: Ordinal::try_from(self.known.len()).unwrap_or(Ordinal::MAX),
            contract_hash: self.scoped.contract_hash,
            started_at: self.started_at,
            finished_at: self.finished_at,
        }
    }
}

fn coverage(completed: &[&Run], run: &Run, listing: &Listing) -> Option<Coverage> {
    let complete = newest_complete(completed, &listing.scoped.policy_type);
    Some(Coverage {
        tenant_id: run.record.tenant_id,
        selection_hash: run.record.selection_hash,
        policy_type: listing.scoped.policy_type.clone(),
        reference: run.reference()?,
        outcome: listing.outcome?,
        error_code: listing.code,
        items_observed: listing.seen.len() as u64,
        items_unseen: listing.unseen().count() as u64,
        latest_complete_run_id: complete.map(|(run, _)| run.record.run_id),
        latest_complete_at: complete.and_then(|(_, listing)| listing.finished_at),
    })
}

/// A run's listings by type.
fn sorted(run: &Run) -> Vec<&Listing> {
    let mut listings: Vec<&Listing> = run.listings.iter().collect();
    listings.sort_by(|one, two| one.scoped.policy_type.cmp(&two.scoped.policy_type));
    listings
}

/// The newest of these runs that completed a type.
pub(super) fn newest_complete<'a>(completed: &[&'a Run], policy_type: &PolicyType) -> Option<(&'a Run, &'a Listing)> {
    let complete = |run: &&'a Run| run.listing(policy_type).filter(|listing| listing.is_complete()).map(|listing| (*run, listing));
    completed.iter().rev().find_map(complete)
}
