//! Tenants: known, changed, removed.

use lastseen_model::{ErrorCode, RunId, RunStatus};
use lastseen_store::{REQUESTS_AT_ONCE, RUNS_AT_ONCE, Removal, Result, StoreError, TenantChange, TenantRecord, TenantScope};

use crate::SqliteStore;
use crate::error::of_statement;
use crate::rows::Stored;
use crate::start::skip;
use crate::transaction::{WriteTx, met};

/// A row of `tenants`.
struct TenantRow {
    tenant_id: String,
    name: Option<String>,
    cloud: Option<String>,
    client_id: Option<String>,
    credential: Option<String>,
    runs_at_once: Option<i64>,
    requests_at_once: Option<i64>,
    registered_at: i64,
    removed_at: Option<i64>,
}

impl TryFrom<TenantRow> for TenantRecord {
    type Error = StoreError;

    fn try_from(row: TenantRow) -> Result<Self> {
        let tenant = Stored { table: "tenants", key: &row.tenant_id };
        Ok(Self {
            tenant_id: tenant.word("tenant_id", &row.tenant_id)?,
            name: row.name,
            cloud: tenant.option_word("cloud", row.cloud.as_deref())?,
            client_id: tenant.option_word("client_id", row.client_id.as_deref())?,
            credential: tenant.option_word("credential", row.credential.as_deref())?,
            runs_at_once: tenant.limit("runs_at_once", row.runs_at_once, &RUNS_AT_ONCE)?,
            requests_at_once: tenant.limit("requests_at_once", row.requests_at_once, &REQUESTS_AT_ONCE)?,
            registered_at: tenant.time("registered_at", row.registered_at)?,
            removed_at: tenant.option_time("removed_at", row.removed_at)?,
        })
    }
}

pub(crate) async fn tenants(store: &SqliteStore) -> Result<Vec<TenantRecord>> {
    let mut tx = store.read().await?;
    // Tenants without a name come last: a name is what a person looks for.
    let rows = sqlx::query_as!(
        TenantRow,
        "SELECT tenant_id, name, cloud, client_id, credential, runs_at_once, requests_at_once, registered_at, removed_at
         FROM tenants ORDER BY name IS NULL, name, tenant_id"
    )
    .fetch_all(tx.db())
    .await
    .map_err(of_statement)?;
    rows.into_iter().map(TenantRecord::try_from).collect()
}

pub(crate) async fn tenant(store: &SqliteStore, scope: &TenantScope) -> Result<Option<TenantRecord>> {
    let mut tx = store.read().await?;
    read_tenant(tx.db(), scope).await
}

async fn read_tenant(db: &mut sqlx::SqliteConnection, scope: &TenantScope) -> Result<Option<TenantRecord>> {
    let row = sqlx::query_as!(
        TenantRow,
        "SELECT tenant_id, name, cloud, client_id, credential, runs_at_once, requests_at_once, registered_at, removed_at
         FROM tenants WHERE tenant_id = ?1",
        scope.tenant().to_string(),
    )
    .fetch_optional(db)
    .await
    .map_err(of_statement)?;
    row.map(TenantRecord::try_from).transpose()
}

pub(crate) async fn register_tenant(store: &SqliteStore, scope: &TenantScope, name: Option<&str>) -> Result<()> {
    let mut tx = store.write().await?;
    know_tenant(&mut tx, scope, name).await?;
    tx.commit().await
}

/// Makes the tenant known; a name that is given replaces an older one.
pub(crate) async fn know_tenant(tx: &mut WriteTx, scope: &TenantScope, name: Option<&str>) -> Result<()> {
    let (tenant, now) = (scope.tenant().to_string(), tx.now);
    sqlx::query!(
        "INSERT INTO tenants (tenant_id, name, registered_at) VALUES (?1, ?2, ?3)
         ON CONFLICT (tenant_id) DO UPDATE SET name = excluded.name WHERE excluded.name IS NOT NULL",
        tenant,
        name,
        now,
    )
    .execute(tx.db())
    .await
    .map_err(of_statement)?;
    Ok(())
}

pub(crate) async fn set_tenant(store: &SqliteStore, scope: &TenantScope, change: &TenantChange) -> Result<TenantRecord> {
    let mut tx = store.write().await?;
    let now = tx.now;
    sqlx::query!(
        "INSERT INTO tenants (tenant_id, registered_at, name, cloud, client_id, credential, runs_at_once, requests_at_once)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
         ON CONFLICT (tenant_id) DO UPDATE SET
             name = iif(?9, name, excluded.name), cloud = iif(?10, cloud, excluded.cloud),
             client_id = iif(?11, client_id, excluded.client_id), credential = iif(?12, credential, excluded.credential),
             runs_at_once = iif(?13, runs_at_once, excluded.runs_at_once),
             requests_at_once = iif(?14, requests_at_once, excluded.requests_at_once),
             removed_at = NULL",
        scope.tenant().to_string(),
        now,
        change.name.value(),
        change.cloud.value().map(|cloud| cloud.as_str()),
        change.client_id.value().map(lastseen_model::ClientId::as_str),
        change.credential.value().map(ToString::to_string),
        change.runs_at_once.value(),
        change.requests_at_once.value(),
        change.name.leaves(),
        change.cloud.leaves(),
        change.client_id.leaves(),
        change.credential.leaves(),
        change.runs_at_once.leaves(),
        change.requests_at_once.leaves(),
    )
    .execute(tx.db())
    .await
    .map_err(of_statement)?;
    let record = read_tenant(tx.db(), scope).await?.ok_or(StoreError::RowsAffected { verb: "set_tenant", expected: 1, actual: 0 })?;
    tx.commit().await?;
    Ok(record)
}

pub(crate) async fn remove_tenant(store: &SqliteStore, scope: &TenantScope) -> Result<Option<Removal>> {
    let mut tx = store.write().await?;
    let Some(known) = read_tenant(tx.db(), scope).await? else { return Ok(None) };
    let (tenant, now) = (scope.tenant().to_string(), tx.now);
    let removed_at = if let Some(since) = known.removed_at {
        since
    } else {
        let done = sqlx::query!("UPDATE tenants SET removed_at = ?2 WHERE tenant_id = ?1", tenant, now)
            .execute(tx.db())
            .await
            .map_err(of_statement)?;
        met("remove_tenant", 1, done.rows_affected())?;
        // Once it is brought back, every schedule reckons anew: what was due while it was away is not made up for.
        sqlx::query!("UPDATE schedule_tenants SET next_due_at = NULL WHERE tenant_id = ?1", tenant)
            .execute(tx.db())
            .await
            .map_err(of_statement)?;
        Stored { table: "tenants", key: &tenant }.time("removed_at", now)?
    };
    let live = sqlx::query!(
        "SELECT run_id, status FROM sync_runs WHERE tenant_id = ?1 AND status IN ('pending', 'running') ORDER BY created_no",
        tenant,
    )
    .fetch_all(tx.db())
    .await
    .map_err(of_statement)?;
    let mut removal = Removal { removed_at, cancelled: Vec::new(), running: Vec::new() };
    for row in &live {
        let run = Stored { table: "sync_runs", key: &row.run_id };
        let run_id: RunId = run.word("run_id", &row.run_id)?;
        if run.word::<RunStatus>("status", &row.status)? == RunStatus::Pending {
            skip(&mut tx, &tenant, &row.run_id, ErrorCode::Cancelled).await?;
            removal.cancelled.push(run_id);
        } else {
            removal.running.push(run_id);
        }
    }
    tx.commit().await?;
    Ok(Some(removal))
}

/// The transaction again, unless the tenant was removed: then it ends here. What was reaped in it stays reaped.
pub(crate) async fn unless_removed(mut tx: WriteTx, scope: &TenantScope) -> Result<WriteTx> {
    let removed = sqlx::query_scalar!(
        r#"SELECT 1 AS "one!: i64" FROM tenants WHERE tenant_id = ?1 AND removed_at IS NOT NULL"#,
        scope.tenant().to_string(),
    )
    .fetch_optional(tx.db())
    .await
    .map_err(of_statement)?;
    if removed.is_some() {
        tx.commit().await?;
        return Err(StoreError::TenantRemoved);
    }
    Ok(tx)
}
