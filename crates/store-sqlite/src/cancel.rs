//! Ending a run before it ends by itself.

use lastseen_model::{ErrorCode, RunId, RunStatus};
use lastseen_store::{Cancelled, Result, RunDetail, TenantScope};

use crate::SqliteStore;
use crate::error::of_statement;
use crate::history::read_run;
use crate::rows::Stored;
use crate::start::{gone, skip};
use crate::transaction::WriteTx;

pub(crate) async fn cancel_run(store: &SqliteStore, scope: &TenantScope, run: RunId) -> Result<Cancelled> {
    let mut tx = store.write().await?;
    let (tenant, id, now) = (scope.tenant().to_string(), run.to_string(), tx.now);
    let status = sqlx::query_scalar!("SELECT status FROM sync_runs WHERE tenant_id = ?1 AND run_id = ?2", tenant, id)
        .fetch_optional(tx.db())
        .await
        .map_err(of_statement)?;
    let Some(status) = status else { return Ok(Cancelled::NoSuchRun) };
    let cancelled = match (Stored { table: "sync_runs", key: &id }).word("status", &status)? {
        RunStatus::Pending => {
            skip(&mut tx, &tenant, &id, ErrorCode::Cancelled).await?;
            Cancelled::Ended(detail(&mut tx, scope, run).await?)
        }
        RunStatus::Running => {
            sqlx::query!(
                "UPDATE sync_runs SET cancel_asked_at = ?3 WHERE tenant_id = ?1 AND run_id = ?2 AND cancel_asked_at IS NULL",
                tenant,
                id,
                now,
            )
            .execute(tx.db())
            .await
            .map_err(of_statement)?;
            Cancelled::Asked(detail(&mut tx, scope, run).await?)
        }
        RunStatus::Skipped | RunStatus::Failed | RunStatus::Partial | RunStatus::Success => {
            Cancelled::Over(detail(&mut tx, scope, run).await?)
        }
    };
    tx.commit().await?;
    Ok(cancelled)
}

async fn detail(tx: &mut WriteTx, scope: &TenantScope, run: RunId) -> Result<Box<RunDetail>> {
    read_run(tx.db(), scope, run).await?.map(Box::new).ok_or_else(|| gone("cancel_run"))
}
