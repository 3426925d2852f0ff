//! Taking a whole tenant away: the one place where items go. An administrator's act, and no verb of the store.

use lastseen_store::{Purged, PurgedTable, Result, StoreError, TenantScope};

use crate::SqliteStore;
use crate::error::of_statement;
use crate::rows::Stored;
use crate::transaction::WriteTx;

impl SqliteStore {
    /// Takes away everything of a tenant, in one transaction, and says how much that was. What it held can't be had back, and for a large
    /// tenant it takes a while, in which nobody writes to the file.
    ///
    /// # Errors
    /// [`StoreError::TenantBusy`] while a run of the tenant is running; a run whose lease is over goes with the rest.
    pub async fn purge(&self, scope: &TenantScope) -> Result<Purged> {
        let mut tx = self.write().await?;
        let tenant = scope.tenant().to_string();
        refuse_while_running(&mut tx, &tenant).await?;
        // Who refers to a row goes before it.
        let gone = [
            ("acknowledgements", sqlx::query!("DELETE FROM acknowledgements WHERE tenant_id = ?1", tenant).execute(tx.db()).await),
            ("listings", sqlx::query!("DELETE FROM listings WHERE tenant_id = ?1", tenant).execute(tx.db()).await),
            ("run_errors", sqlx::query!("DELETE FROM run_errors WHERE tenant_id = ?1", tenant).execute(tx.db()).await),
            ("catalogue", sqlx::query!("DELETE FROM catalogue WHERE tenant_id = ?1", tenant).execute(tx.db()).await),
            ("ordinals", sqlx::query!("DELETE FROM ordinals WHERE tenant_id = ?1", tenant).execute(tx.db()).await),
            ("sync_runs", sqlx::query!("DELETE FROM sync_runs WHERE tenant_id = ?1", tenant).execute(tx.db()).await),
            ("selections", sqlx::query!("DELETE FROM selections WHERE tenant_id = ?1", tenant).execute(tx.db()).await),
            ("schedule_tenants", sqlx::query!("DELETE FROM schedule_tenants WHERE tenant_id = ?1", tenant).execute(tx.db()).await),
            ("api_token_tenants", sqlx::query!("DELETE FROM api_token_tenants WHERE tenant_id = ?1", tenant).execute(tx.db()).await),
            ("tenants", sqlx::query!("DELETE FROM tenants WHERE tenant_id = ?1", tenant).execute(tx.db()).await),
        ];
        let rows = |(table, done): (_, sqlx::Result<sqlx::sqlite::SqliteQueryResult>)| {
            Ok(PurgedTable { table, rows: done.map_err(of_statement)?.rows_affected() })
        };
        let tables = gone.into_iter().map(rows).collect::<Result<_>>()?;
        tx.commit().await?;
        Ok(Purged { tables })
    }
}

async fn refuse_while_running(tx: &mut WriteTx, tenant: &str) -> Result<()> {
    let now = tx.now;
    let running = sqlx::query_scalar!(
        "SELECT run_id FROM sync_runs WHERE tenant_id = ?1 AND status = 'running' AND lease_until > ?2 ORDER BY created_no LIMIT 1",
        tenant,
        now,
    )
    .fetch_optional(tx.db())
    .await
    .map_err(of_statement)?;
    match running {
        None => Ok(()),
        Some(run) => Err(StoreError::TenantBusy { run: Stored { table: "sync_runs", key: &run }.word("run_id", &run)? }),
    }
}
