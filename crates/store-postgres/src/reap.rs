//! Ending what has expired.

use lastseen_model::{Ending, ErrorCode, ErrorContext};
use lastseen_store::{Reaped, Result, RunError, Traffic};
use uuid::Uuid;

use crate::PostgresStore;
use crate::error::of_statement;
use crate::finish::{RunEnd, end_run};
use crate::rows::Stored;
use crate::start::skip;

/// Ends every expired run of every tenant, oldest first, each in a transaction of its own: the walls keep a look across tenants from
/// writing. What another process reaps at the same moment, or what a page is being added to, is left to it and to the next reaping.
pub(crate) async fn reap_expired(store: &PostgresStore) -> Result<Reaped> {
    let mut fleet = store.fleet().await?;
    let now: jiff_sqlx::Timestamp = fleet.now.into();
    // The first condition is the partial index's own, so that only live runs are read.
    let expired = sqlx::query!(
        "SELECT tenant_id, run_id FROM sync_runs
         WHERE status IN ('pending', 'running') AND (lease_until <= $1 OR pending_until <= $1)
         ORDER BY created_no",
        now as _,
    )
    .fetch_all(fleet.db())
    .await
    .map_err(of_statement)?;
    drop(fleet);

    let mut reaped = Reaped::default();
    for row in expired {
        // One run that can't be ended now, because somebody holds a row of it or has damaged one, must not keep all others from starting.
        if let Err(error) = reap(store, row.tenant_id, row.run_id, &mut reaped).await {
            tracing::error!(tenant_id = %row.tenant_id, run_id = %row.run_id, code = %error.code(), %error, "an expired run could not be ended");
        }
    }
    Ok(reaped)
}

async fn reap(store: &PostgresStore, tenant: Uuid, run: Uuid, reaped: &mut Reaped) -> Result<()> {
    let mut tx = store.reaping(tenant).await?;
    let now = tx.now_sql();
    let status = sqlx::query_scalar!(
        "SELECT status FROM sync_runs
         WHERE tenant_id = $1 AND run_id = $2 AND status IN ('pending', 'running') AND (lease_until <= $3 OR pending_until <= $3)
         FOR UPDATE SKIP LOCKED",
        tenant,
        run,
        now as _,
    )
    .fetch_optional(tx.db())
    .await
    .map_err(of_statement)?;
    let Some(status) = status else { return Ok(()) };
    let key = run.to_string();
    let stored = Stored { table: "sync_runs", key: &key };
    let expired = (stored.id("tenant_id", tenant)?, stored.id("run_id", run)?);
    if status == "running" {
        let error = RunError { code: ErrorCode::WorkerLost, context: ErrorContext::default() };
        let end = RunEnd { ending: Ending::WorkerLost, error: Some(&error), traffic: Traffic::default() };
        end_run(&mut tx, run, &end).await?;
        tx.commit().await?;
        reaped.failed.push(expired);
    } else {
        skip(&mut tx, run, ErrorCode::WorkerLost).await?;
        tx.commit().await?;
        reaped.skipped.push(expired);
    }
    Ok(())
}
