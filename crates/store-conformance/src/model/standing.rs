//! How tenants and selections stand: their runs, and how much is missing.

use std::collections::BTreeMap;

use lastseen_model::{Confidence, ListingOutcome, Reference, RunStatus, Selection, SelectionHash, TenantId, Tenants};
use lastseen_store::{Counted, FleetState, MissingCounts, SelectionState};

use super::{MissingSaid, Model, Tenant};

impl Model {
    /// Where every selection of these tenants stands.
    pub(crate) fn fleet_state(&self, tenants: &Tenants) -> FleetState {
        let asked = self.tenants.iter().filter(|(tenant, known)| tenants.has(**tenant) && !known.record.is_removed());
        let selections = asked.flat_map(|(_, known)| known.used().into_keys().filter_map(|selection| known.state(selection)));
        FleetState { now: self.now, selections: selections.collect() }
    }

    /// How much is missing for each selection that a tenant has used.
    pub(crate) fn missing_counts(&self, tenant: TenantId, reference: Reference) -> Vec<MissingCounts> {
        let used = self.tenants.get(&tenant).map(Tenant::used).unwrap_or_default();
        let row = |(selection_hash, selection_payload): (SelectionHash, &Selection)| MissingCounts {
            tenant_id: tenant,
            selection_hash,
            selection_payload: selection_payload.clone(),
            counts: self.missing(tenant, selection_hash, reference).as_ref().map(counted),
        };
        used.into_iter().map(row).collect()
    }
}

impl Tenant {
    /// The selections of its runs.
    fn used(&self) -> BTreeMap<SelectionHash, &Selection> {
        self.runs.iter().map(|run| (run.record.selection_hash, &run.record.selection_payload)).collect()
    }

    fn state(&self, selection: SelectionHash) -> Option<SelectionState> {
        let completed = self.completed(selection);
        let success = completed.iter().rfind(|run| run.record.status == RunStatus::Success);
        Some(SelectionState {
            newest: self.runs.iter().rfind(|run| run.record.selection_hash == selection)?.record.clone(),
            live_run: self
                .runs
                .iter()
                .find(|run| run.record.selection_hash == selection && run.record.status.is_live())
                .map(|run| run.record.clone()),
            latest_completed: completed.last().map(|run| run.record.clone()),
            latest_success_run_id: success.map(|run| run.record.run_id),
            latest_success_at: success.and_then(|run| run.record.finished_at),
        })
    }
}

/// The numbers of an answer about missing.
fn counted(said: &MissingSaid) -> Counted {
    let items = |confidence| said.items.iter().filter(|item| item.confidence == confidence).count() as u64;
    let listings = |outcome| said.coverage.iter().filter(|row| row.outcome == outcome).count() as u64;
    Counted {
        reference: said.reference.clone(),
        high: items(Confidence::High),
        low: items(Confidence::Low),
        acknowledged: said.items.iter().filter(|item| item.acknowledged_at.is_some()).count() as u64,
        listings: said.coverage.len() as u64,
        listings_complete: listings(ListingOutcome::Complete),
        listings_unavailable: listings(ListingOutcome::Unavailable),
    }
}
