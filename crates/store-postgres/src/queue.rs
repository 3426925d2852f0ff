//! Runs that are left to workers: put into the queue, and found there.

use lastseen_model::{Guard, Limits, OnLimit};
use lastseen_store::{EnqueueTerms, Enqueued, NewRun, QueuedRun, Result, StoreError, TenantScope};

use crate::PostgresStore;
use crate::error::of_statement;
use crate::reap::reap_expired;
use crate::rows::Stored;
use crate::start::{Taker, detail, enqueue, limit_reached, pass_gate, record_contended, skip};
use crate::tenants::hold_active;
use crate::transaction::TenantTx;

pub(crate) async fn enqueue_run(store: &PostgresStore, scope: &TenantScope, run: &NewRun, terms: &EnqueueTerms) -> Result<Enqueued> {
    reap_expired(store).await?;
    let limits = (run.on_limit == OnLimit::Skip).then_some(terms.limits);
    // Only who counts against the limits looks at the runs of others.
    let mut tx = if limits.is_some() { store.claiming(scope).await? } else { store.write(scope).await? };
    let enqueued = ask_for(&mut tx, run, terms.guard, limits).await?;
    // What stood in the way of the insert may have come after the selection was made known. Where nothing was asked for, nothing stays.
    if !matches!(enqueued, Enqueued::Repeated(_) | Enqueued::KeyTaken(_)) {
        tx.commit().await?;
    }
    Ok(enqueued)
}

/// Puts a run into the queue within a transaction; without limits it waits at any.
pub(crate) async fn ask_for(tx: &mut TenantTx, run: &NewRun, guard: Guard, limits: Option<Limits>) -> Result<Enqueued> {
    hold_active(tx).await?;
    if let Some(known) = started_before(tx, run).await? {
        return Ok(known);
    }
    if enqueue(tx, run, guard, Taker::Worker).await? {
        return queued_within(tx, run, limits).await;
    }
    // What was in the way may be the same start, which somebody made in between: a repetition, and no contention.
    if let Some(known) = started_before(tx, run).await? {
        return Ok(known);
    }
    match record_contended(tx, run, guard).await? {
        Some(skipped) => Ok(Enqueued::Contended(skipped)),
        None => started_before(tx, run).await?.ok_or(StoreError::RowsAffected { verb: "enqueue_run", expected: 1, actual: 0 }),
    }
}

/// The run that has just been put into the queue, unless a limit is reached: then it is skipped.
async fn queued_within(tx: &mut TenantTx, run: &NewRun, limits: Option<Limits>) -> Result<Enqueued> {
    let id = run.run_id.as_uuid();
    let reached = match limits {
        None => None,
        Some(limits) => {
            pass_gate(tx).await?;
            limit_reached(tx, limits).await?
        }
    };
    let Some(code) = reached else { return detail(tx, id, "enqueue_run").await.map(Enqueued::Queued) };
    skip(tx, id, code).await?;
    detail(tx, id, "enqueue_run").await.map(Enqueued::Limited)
}

/// What the run's start key stands for, if it has one that is known.
async fn started_before(tx: &mut TenantTx, run: &NewRun) -> Result<Option<Enqueued>> {
    let Some(key) = &run.start_key else { return Ok(None) };
    let tenant = tx.tenant;
    let row = sqlx::query!(
        "SELECT run_id, selection_hash, start_on_limit FROM sync_runs WHERE tenant_id = $1 AND start_key = $2",
        tenant,
        key.as_str(),
    )
    .fetch_optional(tx.db())
    .await
    .map_err(of_statement)?;
    let Some(row) = row else { return Ok(None) };
    if row.selection_hash == run.selection.hash().to_string() && row.start_on_limit.as_deref() == Some(run.on_limit.as_str()) {
        return Ok(Some(Enqueued::Repeated(detail(tx, row.run_id, "enqueue_run").await?)));
    }
    let known = row.run_id.to_string();
    Ok(Some(Enqueued::KeyTaken(Stored { table: "sync_runs", key: &known }.id("run_id", row.run_id)?)))
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
