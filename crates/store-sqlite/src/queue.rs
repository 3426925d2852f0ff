//! The queue: how a run gets into it, and what a worker finds there.

use lastseen_model::{ErrorCode, Guard, Limits, OnLimit, StartKey};
use lastseen_store::{EnqueueTerms, Enqueued, NewRun, QueuedRun, Result, TenantScope};

use crate::SqliteStore;
use crate::error::of_statement;
use crate::history::read_run;
use crate::lease::micros;
use crate::reap::reap;
use crate::rows::Stored;
use crate::start::{gone, limit_reached, skip};
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

pub(crate) async fn enqueue_run(store: &SqliteStore, scope: &TenantScope, run: &NewRun, terms: &EnqueueTerms) -> Result<Enqueued> {
    let mut tx = store.write().await?;
    reap(&mut tx).await?;
    let mut tx = unless_removed(tx, scope).await?;
    let limits = (run.on_limit == OnLimit::Skip).then_some(terms.limits);
    let enqueued = ask_for(&mut tx, scope, run, terms.guard, limits).await?;
    // Also where nothing was asked for: what was reaped stays reaped.
    tx.commit().await?;
    Ok(enqueued)
}

/// Puts a run into the queue within a transaction; without limits it waits at any.
pub(crate) async fn ask_for(tx: &mut WriteTx, scope: &TenantScope, run: &NewRun, guard: Guard, limits: Option<Limits>) -> Result<Enqueued> {
    if let Some(known) = started_before(tx, scope, run).await? {
        return Ok(known);
    }
    let queued = enqueue(tx, scope, run, guard, Taker::Worker).await?;
    let refused = match limits {
        _ if !queued => Some(ErrorCode::LockContended),
        Some(limits) => limit_reached(tx, scope, limits).await?,
        None => None,
    };
    if let Some(code) = refused {
        skip(tx, &scope.tenant().to_string(), &run.run_id.to_string(), code).await?;
    }
    let detail = Box::new(read_run(tx.db(), scope, run.run_id).await?.ok_or_else(|| gone("enqueue_run"))?);
    Ok(match refused {
        None => Enqueued::Queued(detail),
        Some(ErrorCode::LockContended) => Enqueued::Contended(detail),
        Some(_) => Enqueued::Limited(detail),
    })
}

/// What the run's start key stands for, if it has one that is known.
async fn started_before(tx: &mut WriteTx, scope: &TenantScope, run: &NewRun) -> Result<Option<Enqueued>> {
    let Some(key) = &run.start_key else { return Ok(None) };
    let row = sqlx::query!(
        "SELECT run_id, selection_hash, start_on_limit FROM sync_runs WHERE tenant_id = ?1 AND start_key = ?2",
        scope.tenant().to_string(),
        key.as_str(),
    )
    .fetch_optional(tx.db())
    .await
    .map_err(of_statement)?;
    let Some(row) = row else { return Ok(None) };
    let run_id = Stored { table: "sync_runs", key: &row.run_id }.word("run_id", &row.run_id)?;
    if row.selection_hash != run.selection.hash().to_string() || row.start_on_limit.as_deref() != Some(run.on_limit.as_str()) {
        return Ok(Some(Enqueued::KeyTaken(run_id)));
    }
    let detail = read_run(tx.db(), scope, run_id).await?;
    Ok(Some(Enqueued::Repeated(Box::new(detail.ok_or_else(|| gone("enqueue_run"))?))))
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
                                created_at, pending_until, guard_min_items, guard_percent, for_worker, start_key, start_on_limit)
         VALUES (?1, ?2, ?3, ?4, 'pending', ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)
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
        run.start_key.as_ref().map(StartKey::as_str),
        run.start_key.as_ref().map(|_| run.on_limit.as_str()),
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
                                created_at, finished_at, guard_min_items, guard_percent, start_key, start_on_limit)
         VALUES (?1, ?2, ?3, ?4, 'skipped', ?5, ?6, ?7, ?7, ?8, ?9, ?10, ?11)",
        scope.tenant().to_string(),
        run.run_id.to_string(),
        run.selection.hash().to_string(),
        run.selection.canonical(),
        run.correlation_id.to_string(),
        run.trigger.as_str(),
        now,
        guard.min_items,
        guard.percent,
        run.start_key.as_ref().map(StartKey::as_str),
        run.start_key.as_ref().map(|_| run.on_limit.as_str()),
    )
    .execute(tx.db())
    .await
    .map_err(of_statement)?;
    met("start_run", 1, done.rows_affected())
}
