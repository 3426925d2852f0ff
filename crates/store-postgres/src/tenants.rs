//! Tenants: known, changed, removed.

use jiff_sqlx::Timestamp as SqlTimestamp;
use lastseen_model::{ErrorCode, RunStatus};
use lastseen_store::{REQUESTS_AT_ONCE, RUNS_AT_ONCE, Removal, Result, StoreError, TenantChange, TenantRecord, TenantScope};
use uuid::Uuid;

use crate::PostgresStore;
use crate::error::of_statement;
use crate::rows::{Stored, time};
use crate::start::skip;
use crate::transaction::{TenantTx, met};

/// A row of `tenants`.
struct TenantRow {
    tenant_id: Uuid,
    name: Option<String>,
    cloud: Option<String>,
    client_id: Option<String>,
    credential: Option<String>,
    runs_at_once: Option<i32>,
    requests_at_once: Option<i32>,
    registered_at: SqlTimestamp,
    removed_at: Option<SqlTimestamp>,
}

impl TryFrom<TenantRow> for TenantRecord {
    type Error = StoreError;

    fn try_from(row: TenantRow) -> Result<Self> {
        let key = row.tenant_id.to_string();
        let tenant = Stored { table: "tenants", key: &key };
        Ok(Self {
            tenant_id: tenant.id("tenant_id", row.tenant_id)?,
            name: row.name,
            cloud: tenant.option_word("cloud", row.cloud.as_deref())?,
            client_id: tenant.option_word("client_id", row.client_id.as_deref())?,
            credential: tenant.option_word("credential", row.credential.as_deref())?,
            runs_at_once: tenant.limit("runs_at_once", row.runs_at_once, &RUNS_AT_ONCE)?,
            requests_at_once: tenant.limit("requests_at_once", row.requests_at_once, &REQUESTS_AT_ONCE)?,
            registered_at: row.registered_at.to_jiff(),
            removed_at: time(row.removed_at),
        })
    }
}

pub(crate) async fn tenants(store: &PostgresStore) -> Result<Vec<TenantRecord>> {
    let mut tx = store.fleet().await?;
    // Tenants without a name come last: a name is what a person looks for.
    let rows = sqlx::query_as!(
        TenantRow,
        "SELECT tenant_id, name, cloud, client_id, credential, runs_at_once, requests_at_once, registered_at, removed_at
         FROM tenants ORDER BY name NULLS LAST, tenant_id"
    )
    .fetch_all(tx.db())
    .await
    .map_err(of_statement)?;
    rows.into_iter().map(TenantRecord::try_from).collect()
}

pub(crate) async fn tenant(store: &PostgresStore, scope: &TenantScope) -> Result<Option<TenantRecord>> {
    let mut tx = store.read(scope).await?;
    let tenant = tx.tenant;
    let row = sqlx::query_as!(
        TenantRow,
        "SELECT tenant_id, name, cloud, client_id, credential, runs_at_once, requests_at_once, registered_at, removed_at
         FROM tenants WHERE tenant_id = $1",
        tenant,
    )
    .fetch_optional(tx.db())
    .await
    .map_err(of_statement)?;
    row.map(TenantRecord::try_from).transpose()
}

pub(crate) async fn register_tenant(store: &PostgresStore, scope: &TenantScope, name: Option<&str>) -> Result<()> {
    let mut tx = store.write(scope).await?;
    know_tenant(&mut tx, name).await?;
    tx.commit().await
}

/// Makes the tenant known; a name that is given replaces an older one.
async fn know_tenant(tx: &mut TenantTx, name: Option<&str>) -> Result<()> {
    let (tenant, now) = (tx.tenant, tx.now_sql());
    sqlx::query!(
        "INSERT INTO tenants (tenant_id, name, registered_at) VALUES ($1, $2, $3) ON CONFLICT (tenant_id) DO NOTHING",
        tenant,
        name,
        now as _,
    )
    .execute(tx.db())
    .await
    .map_err(of_statement)?;
    if name.is_some() {
        sqlx::query!("UPDATE tenants SET name = $2 WHERE tenant_id = $1 AND name IS DISTINCT FROM $2", tenant, name)
            .execute(tx.db())
            .await
            .map_err(of_statement)?;
    }
    Ok(())
}

/// A tenant whose row is held: nobody removes, prunes or purges it until the transaction ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Held {
    /// Runs of it may be made.
    Active,
    /// It was removed before.
    Removed,
}

/// Holds the tenant's row; none where there is none. A prune must not drop what a claim is about to be measured against, and nothing may
/// be added to a tenant that goes.
pub(crate) async fn hold_tenant(tx: &mut TenantTx) -> Result<Option<Held>> {
    let tenant = tx.tenant;
    let removed = sqlx::query_scalar!(r#"SELECT removed_at IS NOT NULL AS "removed!" FROM tenants WHERE tenant_id = $1 FOR SHARE"#, tenant)
        .fetch_optional(tx.db())
        .await
        .map_err(of_statement)?;
    Ok(removed.map(|removed| if removed { Held::Removed } else { Held::Active }))
}

/// Makes the tenant known, and holds its row. Where it was purged in between, it becomes known anew. [`StoreError::TenantRemoved`] where
/// no run of it may be made.
pub(crate) async fn hold_active(tx: &mut TenantTx) -> Result<()> {
    for _ in 0..8 {
        match hold_tenant(tx).await? {
            Some(Held::Active) => return Ok(()),
            Some(Held::Removed) => return Err(StoreError::TenantRemoved),
            None => know_tenant(tx, None).await?,
        }
    }
    Err(StoreError::RowsAffected { verb: "know_tenant", expected: 1, actual: 0 })
}

pub(crate) async fn set_tenant(store: &PostgresStore, scope: &TenantScope, change: &TenantChange) -> Result<TenantRecord> {
    let mut tx = store.write(scope).await?;
    let (tenant, now) = (tx.tenant, tx.now_sql());
    // What does not fit the column is what its check refuses, too.
    let limit = |limit: Option<&u32>| limit.map(|limit| i32::try_from(*limit).unwrap_or(i32::MAX));
    let row = sqlx::query_as!(
        TenantRow,
        "INSERT INTO tenants AS t (tenant_id, registered_at, name, cloud, client_id, credential, runs_at_once, requests_at_once)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
         ON CONFLICT (tenant_id) DO UPDATE SET
             name = CASE WHEN $9 THEN t.name ELSE excluded.name END, cloud = CASE WHEN $10 THEN t.cloud ELSE excluded.cloud END,
             client_id = CASE WHEN $11 THEN t.client_id ELSE excluded.client_id END,
             credential = CASE WHEN $12 THEN t.credential ELSE excluded.credential END,
             runs_at_once = CASE WHEN $13 THEN t.runs_at_once ELSE excluded.runs_at_once END,
             requests_at_once = CASE WHEN $14 THEN t.requests_at_once ELSE excluded.requests_at_once END,
             removed_at = NULL
         RETURNING tenant_id, name, cloud, client_id, credential, runs_at_once, requests_at_once, registered_at, removed_at",
        tenant,
        now as _,
        change.name.value(),
        change.cloud.value().map(|cloud| cloud.as_str()),
        change.client_id.value().map(lastseen_model::ClientId::as_str),
        change.credential.value().map(ToString::to_string),
        limit(change.runs_at_once.value()),
        limit(change.requests_at_once.value()),
        change.name.leaves(),
        change.cloud.leaves(),
        change.client_id.leaves(),
        change.credential.leaves(),
        change.runs_at_once.leaves(),
        change.requests_at_once.leaves(),
    )
    .fetch_one(tx.db())
    .await
    .map_err(of_statement)?;
    let record = row.try_into()?;
    tx.commit().await?;
    Ok(record)
}

/// Locks the tenant's row first, as starts and claims do, and then its live runs in their order.
pub(crate) async fn remove_tenant(store: &PostgresStore, scope: &TenantScope) -> Result<Option<Removal>> {
    let mut tx = store.write(scope).await?;
    let tenant = tx.tenant;
    let known = sqlx::query!("SELECT removed_at FROM tenants WHERE tenant_id = $1 FOR NO KEY UPDATE", tenant)
        .fetch_optional(tx.db())
        .await
        .map_err(of_statement)?;
    let Some(known) = known else { return Ok(None) };
    let live = sqlx::query!(
        "SELECT run_id, status FROM sync_runs WHERE tenant_id = $1 AND status IN ('pending', 'running') ORDER BY created_no
         FOR NO KEY UPDATE",
        tenant,
    )
    .fetch_all(tx.db())
    .await
    .map_err(of_statement)?;
    tx.now_again().await?;
    let removed_at = if let Some(since) = time(known.removed_at) {
        since
    } else {
        let now = tx.now_sql();
        let done = sqlx::query!("UPDATE tenants SET removed_at = $2 WHERE tenant_id = $1", tenant, now as _)
            .execute(tx.db())
            .await
            .map_err(of_statement)?;
        met("remove_tenant", 1, done.rows_affected())?;
        forget_next_times(&mut tx).await?;
        tx.now
    };
    let mut removal = Removal { removed_at, cancelled: Vec::new(), running: Vec::new() };
    for row in live {
        let key = row.run_id.to_string();
        let run = Stored { table: "sync_runs", key: &key };
        if run.word::<RunStatus>("status", &row.status)? == RunStatus::Pending {
            skip(&mut tx, row.run_id, ErrorCode::Cancelled).await?;
            removal.cancelled.push(run.id("run_id", row.run_id)?);
        } else {
            removal.running.push(run.id("run_id", row.run_id)?);
        }
    }
    tx.commit().await?;
    Ok(Some(removal))
}

/// Once the tenant is brought back, every schedule reckons anew: what was due while it was away is not made up for. In the order of the
/// schedules, so that removals and pauses do not wait for each other in a circle.
async fn forget_next_times(tx: &mut TenantTx) -> Result<()> {
    let tenant = tx.tenant;
    sqlx::query!("SELECT schedule_id FROM schedule_tenants WHERE tenant_id = $1 ORDER BY schedule_id FOR NO KEY UPDATE", tenant)
        .fetch_all(tx.db())
        .await
        .map_err(of_statement)?;
    sqlx::query!("UPDATE schedule_tenants SET next_due_at = NULL WHERE tenant_id = $1 AND next_due_at IS NOT NULL", tenant)
        .execute(tx.db())
        .await
        .map_err(of_statement)?;
    Ok(())
}
