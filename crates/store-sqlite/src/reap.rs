//! Ending what has expired.

use lastseen_model::{Ending, ErrorCode, ErrorContext, RunId, TenantId};
use lastseen_store::{Reaped, Result, RunError, Traffic};

use crate::SqliteStore;
use crate::error::of_statement;
use crate::finish::{RunEnd, end_run};
use crate::rows::Stored;
use crate::start::skip;
use crate::transaction::WriteTx;

pub(crate) async fn reap_expired(store: &SqliteStore) -> Result<Reaped> {
    let mut tx = store.write().await?;
    let reaped = reap(&mut tx).await?;
    tx.commit().await?;
    Ok(reaped)
}

/// Ends every expired run of every tenant, oldest first. A listed exception to the tenant scope: leases of all tenants expire.
pub(crate) async fn reap(tx: &mut WriteTx) -> Result<Reaped> {
    let now = tx.now;
    // The first condition is the partial index's own, so that only live runs are read.
    let rows = sqlx::query!(
        r#"SELECT tenant_id, run_id, status = 'running' AS "running!: bool" FROM sync_runs
           WHERE status IN ('pending', 'running') AND (lease_until <= ?1 OR pending_until <= ?1)
           ORDER BY created_no"#,
        now,
    )
    .fetch_all(tx.db())
    .await
    .map_err(of_statement)?;

    let mut reaped = Reaped::default();
    for row in &rows {
        let expired = Stored { table: "sync_runs", key: &row.run_id };
        let (tenant, run): (TenantId, RunId) = (expired.word("tenant_id", &row.tenant_id)?, expired.word("run_id", &row.run_id)?);
        if row.running {
            let error = RunError { code: ErrorCode::WorkerLost, context: ErrorContext::default() };
            let end = RunEnd { ending: Ending::WorkerLost, error: Some(&error), traffic: Traffic::default() };
            end_run(tx, &tenant.to_string(), &run.to_string(), &end).await?;
            reaped.failed.push((tenant, run));
        } else {
            skip(tx, &tenant.to_string(), &run.to_string(), ErrorCode::WorkerLost).await?;
            reaped.skipped.push((tenant, run));
        }
    }
    Ok(reaped)
}
