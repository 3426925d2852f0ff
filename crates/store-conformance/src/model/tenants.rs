//! Tenants: known, changed, removed.

use lastseen_model::{ErrorCode, RunId, RunStatus, TenantId, Timestamp};
use lastseen_store::{Change, Removal, TenantChange, TenantRecord};

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
