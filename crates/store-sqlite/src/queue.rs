//! The queue: how a run gets into it, and what a worker finds there.

use lastseen_model::{ErrorCode, Guard, Limits};
use lastseen_store::{Enqueued, NewRun, QueuedRun, Result, TenantScope};

use crate::SqliteStore;
use crate::error::of_statement;
use crate::history::read_run;
use crate::lease::micros;
use crate::reap::reap;
use crate::rows::Stored;
use crate::start::{gone, skip};
use crate::tenants::{know_tenant, unless_removed};
use crate::transaction::{WriteTx, met};

/// Who may claim a pending run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Taker {
    /// Whoever started it, and waits for it.
    Starter,
    /// Any worker.
    Worker,
}

pub(crate) async fn enqueue_run(store: &SqliteStore, scope: &TenantScope, run: &NewRun, guard: Guard) -> Result<Enqueued> {
    let mut tx = store.write().await?;
    reap(&mut tx).await?;
    let mut tx = unless_removed(tx, scope).await?;
    let queued = enqueue(&mut tx, scope, run, guard, Taker::Worker).await?;
    if !queued {
        skip(&mut tx, &scope.tenant().to_string(), &run.run_id.to_string(), ErrorCode::LockContended).await?;
    }
    let detail = read_run(tx.db(), scope, run.run_id).await?;
    let detail = Box::new(detail.ok_or_else(|| gone("enqueue_run"))?);
    tx.commit().await?;
    Ok(if queued { Enqueued::Queued(detail) } else { Enqueued::Contended(detail) })
}

/// A listed exception to the tenant scope: a worker takes runs of all tenants. The limits are those of the claim, asked for many runs at
/// once; that a claim may come in between is no harm, because it asks again.
pub(crate) async fn queued_runs(store: &SqliteStore, limits: Limits, at_most: u32) -> Result<Vec<QueuedRun>> {
    let mut tx = store.read().await?;
    let rows = sqlx::query!(
        "WITH running AS (
             -- The first condition is the partial index's own, so that only live runs are read.
             SELECT tenant_id FROM sync_runs WHERE status IN ('pending', 'running') AND status = 'running'
         )
         SELECT q.tenant_id, q.run_id, q.correlation_id, q.selection_payload
         FROM sync_runs q CROSS JOIN tenants t ON t.tenant_id = q.tenant_id AND t.removed_at IS NULL
         WHERE q.status = 'pending' AND q.for_worker = 1
           AND (SELECT count(*) FROM running) < ?1
           AND (SELECT count(*) FROM running r WHERE r.tenant_id = q.tenant_id) < coalesce(t.runs_at_once, ?2)
         ORDER BY q.created_no LIMIT ?3",
        limits.global,
        limits.per_tenant,
        at_most,
    )
    .fetch_all(tx.db())
    .await
    .map_err(of_statement)?;
    let mut queued = Vec::with_capacity(rows.len());
    for row in &rows {
        let run = Stored { table: "sync_runs", key: &row.run_id };
        // What a newer program selects may have words that this one can't read. It is left to a worker that can, and stops nobody.
        let Ok(selection) = run.json("selection_payload", &row.selection_payload) else { continue };
        queued.push(QueuedRun {
            tenant_id: run.word("tenant_id", &row.tenant_id)?,
            run_id: run.word("run_id", &row.run_id)?,
            correlation_id: run.word("correlation_id", &row.correlation_id)?,
            selection,
        });
    }
    Ok(queued)
}

/// Makes tenant and selection known and puts the run into the queue, for `taker`. Where the selection has a live run, it is recorded
/// beside it instead, and the answer is no; [`skip`] adds the code.
pub(crate) async fn enqueue(tx: &mut WriteTx, scope: &TenantScope, run: &NewRun, guard: Guard, taker: Taker) -> Result<bool> {
    know_tenant(tx, scope, None).await?;
    know_selection(tx, scope, run).await?;
    let queued = insert_pending(tx, scope, run, guard, taker).await?;
    if !queued {
        record_contended(tx, scope, run, guard).await?;
    }
    Ok(queued)
}

async fn know_selection(tx: &mut WriteTx, scope: &TenantScope, run: &NewRun) -> Result<()> {
    let now = tx.now;
    sqlx::query!(
        "INSERT INTO selections (tenant_id, selection_hash, selection_payload, first_used_at) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT (tenant_id, selection_hash) DO NOTHING",
        scope.tenant().to_string(),
        run.selection.hash().to_string(),
        run.selection.canonical(),
        now,
    )
    .execute(tx.db())
    .await
    .map_err(of_statement)?;
    Ok(())
}

/// Inserts the run as pending, unless a live run of the selection is there: the partial unique index is the lock.
async fn insert_pending(tx: &mut WriteTx, scope: &TenantScope, run: &NewRun, guard: Guard, taker: Taker) -> Result<bool> {
    let now = tx.now;
    let done = sqlx::query!(
        "INSERT INTO sync_runs (tenant_id, run_id, selection_hash, selection_payload, status, correlation_id, \"trigger\",
                                created_at, pending_until, guard_min_items, guard_percent, for_worker)
         VALUES (?1, ?2, ?3, ?4, 'pending', ?5, ?6, ?7, ?8, ?9, ?10, ?11)
         ON CONFLICT (tenant_id, selection_hash) WHERE status IN ('pending', 'running') DO NOTHING",
        scope.tenant().to_string(),
        run.run_id.to_string(),
        run.selection.hash().to_string(),
        run.selection.canonical(),
        run.correlation_id.to_string(),
        run.trigger.as_str(),
        now,
        now.saturating_add(micros(run.pending_for)),
        guard.min_items,
        guard.percent,
        taker == Taker::Worker,
    )
    .execute(tx.db())
    .await
    .map_err(of_statement)?;
    Ok(done.rows_affected() == 1)
}

/// Records a start that met a live run: skipped from its first moment, because it must never look live. [`skip`] adds the code.
async fn record_contended(tx: &mut WriteTx, scope: &TenantScope, run: &NewRun, guard: Guard) -> Result<()> {
    let now = tx.now;
    let done = sqlx::query!(
        "INSERT INTO sync_runs (tenant_id, run_id, selection_hash, selection_payload, status, correlation_id, \"trigger\",
                                created_at, finished_at, guard_min_items, guard_percent)
         VALUES (?1, ?2, ?3, ?4, 'skipped', ?5, ?6, ?7, ?7, ?8, ?9)",
        scope.tenant().to_string(),
        run.run_id.to_string(),
        run.selection.hash().to_string(),
        run.selection.canonical(),
        run.correlation_id.to_string(),
        run.trigger.as_str(),
        now,
        guard.min_items,
        guard.percent,
    )
    .execute(tx.db())
    .await
    .map_err(of_statement)?;
    met("start_run", 1, done.rows_affected())
}
