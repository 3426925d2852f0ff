//! Tenants: known, changed, removed.

use std::collections::BTreeSet;

use lastseen_model::error_code::RUN_ERRORS_KEPT;
use lastseen_model::{ErrorCode, RunId, RunStatus, TenantId, Timestamp};
use lastseen_store::{Change, Purged, PurgedTable, Removal, TenantChange, TenantRecord};

use super::{Model, Run, Tenant};

impl Model {
    /// Makes a tenant known.
    pub(crate) fn know(&mut self, tenant: TenantId) -> &mut Tenant {
        let now = self.now;
        self.tenants.entry(tenant).or_insert_with(|| Tenant::new(tenant, now))
    }

    /// What is known of a tenant.
    pub(crate) fn tenant(&self, tenant: TenantId) -> Option<TenantRecord> {
        self.tenants.get(&tenant).map(|known| known.record.clone())
    }

    /// Every tenant, by name and then id.
    pub(crate) fn all_tenants(&self) -> Vec<TenantRecord> {
        let mut records: Vec<TenantRecord> = self.tenants.values().map(|known| known.record.clone()).collect();
        records.sort_by_key(|record| (record.name.is_none(), record.name.clone(), record.tenant_id));
        records
    }

    /// Whether a tenant was removed.
    pub(crate) fn is_removed(&self, tenant: TenantId) -> bool {
        self.tenants.get(&tenant).is_some_and(|known| known.record.is_removed())
    }

    /// Adds or changes a tenant, and brings it back.
    pub(crate) fn set_tenant(&mut self, tenant: TenantId, change: &TenantChange) -> TenantRecord {
        let record = &mut self.know(tenant).record;
        apply(&mut record.name, &change.name);
        apply(&mut record.cloud, &change.cloud);
        apply(&mut record.client_id, &change.client_id);
        apply(&mut record.credential, &change.credential);
        apply(&mut record.runs_at_once, &change.runs_at_once);
        apply(&mut record.requests_at_once, &change.requests_at_once);
        record.removed_at = None;
        record.clone()
    }

    /// Removes a tenant.
    pub(crate) fn remove_tenant(&mut self, tenant: TenantId) -> Option<Removal> {
        let now = self.now;
        let known = self.tenants.get_mut(&tenant)?;
        let removed_at = *known.record.removed_at.get_or_insert(now);
        let with = |known: &Tenant, status: RunStatus| -> Vec<RunId> {
            known.runs.iter().filter(|run| run.record.status == status).map(|run| run.record.run_id).collect()
        };
        let removal = Removal { removed_at, cancelled: with(known, RunStatus::Pending), running: with(known, RunStatus::Running) };
        let pending = |run: &&mut Run| run.record.status == RunStatus::Pending;
        known.runs.iter_mut().filter(pending).for_each(|run| run.skip(ErrorCode::Cancelled, now));
        Some(removal)
    }
}

impl Model {
    /// Takes a tenant away; or the running run that keeps it here.
    pub(crate) fn purge(&mut self, tenant: TenantId) -> Result<Purged, RunId> {
        let known = self.tenants.get(&tenant);
        let held = |run: &&Run| run.record.status == RunStatus::Running && self.now < run.expires;
        if let Some(run) = known.and_then(|known| known.runs.iter().find(held)) {
            return Err(run.record.run_id);
        }
        let rows = |of: fn(&Tenant) -> usize| known.map_or(0, of) as u64;
        let tables = vec![
            PurgedTable { table: "acknowledgements", rows: rows(|known| known.notes.len()) },
            PurgedTable { table: "listings", rows: rows(|known| known.runs.iter().map(Run::listings_kept).sum()) },
            PurgedTable {
                table: "run_errors",
                rows: rows(|known| known.runs.iter().map(|run| run.errors.len().min(RUN_ERRORS_KEPT)).sum()),
            },
            PurgedTable { table: "catalogue", rows: rows(|known| known.items.len()) },
            PurgedTable { table: "ordinals", rows: rows(|known| known.items.keys().map(|key| &key.0).collect::<BTreeSet<_>>().len()) },
            PurgedTable { table: "sync_runs", rows: rows(|known| known.runs.len()) },
            PurgedTable {
                table: "selections",
                rows: rows(|known| known.runs.iter().map(|run| run.record.selection_hash).collect::<BTreeSet<_>>().len()),
            },
            // No history has a token or a schedule.
            PurgedTable { table: "schedule_tenants", rows: 0 },
            PurgedTable { table: "api_token_tenants", rows: 0 },
            PurgedTable { table: "tenants", rows: rows(|_| 1) },
        ];
        self.tenants.remove(&tenant);
        Ok(Purged { tables })
    }
}

impl Run {
    fn listings_kept(&self) -> usize {
        self.listings.iter().filter(|listing| !listing.dropped).count()
    }
}

impl Tenant {
    fn new(tenant_id: TenantId, registered_at: Timestamp) -> Self {
        let record = TenantRecord {
            tenant_id,
            name: None,
            cloud: None,
            client_id: None,
            credential: None,
            runs_at_once: None,
            requests_at_once: None,
            registered_at,
            removed_at: None,
        };
        Self { record, runs: Vec::new(), items: std::collections::BTreeMap::new(), notes: std::collections::BTreeMap::new() }
    }
}

fn apply<T: Clone>(value: &mut Option<T>, change: &Change<T>) {
    match change {
        Change::Leave => {}
        Change::Set(new) => *value = Some(new.clone()),
        Change::Clear => *value = None,
    }
}
