//! Ending a run before it ends by itself.

use lastseen_model::{ErrorCode, RunId, RunStatus};
use lastseen_store::{Cancelled, Result, TenantScope};

use crate::PostgresStore;
use crate::error::of_statement;
use crate::rows::Stored;
use crate::start::{detail, skip};

pub(crate) async fn cancel_run(store: &PostgresStore, scope: &TenantScope, run: RunId) -> Result<Cancelled> {
    let mut tx = store.write(scope).await?;
    let (tenant, id) = (tx.tenant, run.as_uuid());
    // As firmly as a removal holds a run, and no firmer: a claim waits, a page of a running one does not.
    let status = sqlx::query_scalar!("SELECT status FROM sync_runs WHERE tenant_id = $1 AND run_id = $2 FOR NO KEY UPDATE", tenant, id)
        .fetch_optional(tx.db())
        .await
        .map_err(of_statement)?;
    let Some(status) = status else { return Ok(Cancelled::NoSuchRun) };
    tx.now_again().await?;
    let key = id.to_string();
    let cancelled = match (Stored { table: "sync_runs", key: &key }).word("status", &status)? {
        RunStatus::Pending => {
            skip(&mut tx, id, ErrorCode::Cancelled).await?;
            Cancelled::Ended(detail(&mut tx, id, "cancel_run").await?)
        }
        RunStatus::Running => {
            let now = tx.now_sql();
            sqlx::query!(
                "UPDATE sync_runs SET cancel_asked_at = $3 WHERE tenant_id = $1 AND run_id = $2 AND cancel_asked_at IS NULL",
                tenant,
                id,
                now as _,
            )
            .execute(tx.db())
            .await
            .map_err(of_statement)?;
            Cancelled::Asked(detail(&mut tx, id, "cancel_run").await?)
        }
        RunStatus::Skipped | RunStatus::Failed | RunStatus::Partial | RunStatus::Success => {
            Cancelled::Over(detail(&mut tx, id, "cancel_run").await?)
        }
    };
    tx.commit().await?;
    Ok(cancelled)
}
