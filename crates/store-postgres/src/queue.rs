//! Runs that are left to workers: put into the queue, and found there.

use lastseen_model::{Guard, Limits};
use lastseen_store::{Enqueued, NewRun, QueuedRun, Result, TenantScope};

use crate::PostgresStore;
use crate::error::of_statement;
use crate::reap::reap_expired;
use crate::rows::Stored;
use crate::start::{Taker, detail, enqueue, record_contended};

pub(crate) async fn enqueue_run(store: &PostgresStore, scope: &TenantScope, run: &NewRun, guard: Guard) -> Result<Enqueued> {
    reap_expired(store).await?;
    let mut tx = store.write(scope).await?;
    let enqueued = if enqueue(&mut tx, run, guard, Taker::Worker).await? {
        Enqueued::Queued(detail(&mut tx, run.run_id.as_uuid(), "enqueue_run").await?)
    } else {
        Enqueued::Contended(record_contended(&mut tx, run, guard).await?)
    };
    tx.commit().await?;
    Ok(enqueued)
}

/// The limits are those of the claim, asked for many runs at once; that a claim may come in between is no harm, because it asks again.
pub(crate) async fn queued_runs(store: &PostgresStore, limits: Limits, at_most: u32) -> Result<Vec<QueuedRun>> {
    let mut fleet = store.fleet().await?;
    let rows = sqlx::query_file!("src/sql/claim.sql", i64::from(limits.global), i64::from(limits.per_tenant), i64::from(at_most),)
        .fetch_all(fleet.db())
        .await
        .map_err(of_statement)?;
    let mut queued = Vec::with_capacity(rows.len());
    for row in rows {
        let key = row.run_id.to_string();
        let run = Stored { table: "sync_runs", key: &key };
        // What a newer program selects may have words that this one can't read. It is left to a worker that can, and stops nobody.
        let Ok(selection) = run.json("selection_payload", row.selection_payload) else { continue };
        queued.push(QueuedRun {
            tenant_id: run.id("tenant_id", row.tenant_id)?,
            run_id: run.id("run_id", row.run_id)?,
            correlation_id: run.id("correlation_id", row.correlation_id)?,
            selection,
        });
    }
    Ok(queued)
}
