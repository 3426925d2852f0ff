//! How listings and runs end, and what is kept of errors.

use lastseen_model::error_code::RUN_ERRORS_KEPT;
use lastseen_model::{Ending, ErrorCode, ErrorContext, ListingOutcome, RunStatus};
use lastseen_store::{FinishRun, Lease, ListingFailure, Result, RunDetail, RunError, StoreError, TenantScope, Traffic};
use uuid::Uuid;

use crate::PostgresStore;
use crate::error::of_statement;
use crate::lease::{Hold, hold};
use crate::rows::Stored;
use crate::start::detail;
use crate::transaction::{TenantTx, met};

pub(crate) async fn fail_listings(store: &PostgresStore, scope: &TenantScope, lease: &Lease, failure: &ListingFailure) -> Result<()> {
    let mut tx = store.write(scope).await?;
    hold(&mut tx, lease, Hold::Shared).await?;
    let (tenant, run, now) = (tx.tenant, lease.run_id.as_uuid(), tx.now_sql());
    let mut broken = false;
    for policy_type in &failure.types {
        let listing = sqlx::query!(
            "SELECT pages, outcome FROM listings WHERE tenant_id = $1 AND run_id = $2 AND policy_type = $3 FOR UPDATE",
            tenant,
            run,
            policy_type.as_str(),
        )
        .fetch_optional(tx.db())
        .await
        .map_err(of_statement)?
        .ok_or_else(|| StoreError::ListingNotOpen(policy_type.clone()))?;
        if listing.outcome.is_some() {
            continue;
        }
        let pages = Stored { table: "listings", key: policy_type.as_str() }.number("pages", listing.pages)?;
        let outcome = ListingOutcome::after_failure(failure.code, pages);
        broken |= outcome != ListingOutcome::Unavailable;
        let done = sqlx::query!(
            "UPDATE listings SET outcome = $4, error_code = $5, ended_at = $6
             WHERE tenant_id = $1 AND run_id = $2 AND policy_type = $3 AND outcome IS NULL",
            tenant,
            run,
            policy_type.as_str(),
            outcome.as_str(),
            failure.code.as_str(),
            now as _,
        )
        .execute(tx.db())
        .await
        .map_err(of_statement)?;
        met("fail_listings", 1, done.rows_affected())?;
    }
    if broken {
        // One path broke off once, however many types share it.
        let context = ErrorContext { policy_type: failure.types.first().cloned(), ..failure.context.clone() };
        record_error(&mut tx, run, failure.code, &context).await?;
    }
    tx.commit().await
}

pub(crate) async fn finish_run(store: &PostgresStore, scope: &TenantScope, lease: &Lease, finish: &FinishRun) -> Result<RunDetail> {
    let mut tx = store.write(scope).await?;
    hold(&mut tx, lease, Hold::Alone).await?;
    let run = lease.run_id.as_uuid();
    let end = RunEnd { ending: finish.ending, error: finish.error.as_ref(), traffic: finish.traffic };
    end_run(&mut tx, run, &end).await?;
    let detail = detail(&mut tx, run, "finish_run").await?;
    tx.commit().await?;
    Ok(*detail)
}

/// How a running run ends: by its worker, or by the one who reaps it.
pub(crate) struct RunEnd<'a> {
    pub(crate) ending: Ending,
    pub(crate) error: Option<&'a RunError>,
    pub(crate) traffic: Traffic,
}

/// Ends a running run, which the transaction has locked alone: its open listings, its errors, its status and counts. The lock on the
/// selection is free after it.
pub(crate) async fn end_run(tx: &mut TenantTx, run: Uuid, end: &RunEnd<'_>) -> Result<()> {
    let open_code = end.error.map_or_else(|| end.ending.code(), |error| error.code);
    end_open_listings(tx, run, open_code).await?;
    let outcomes = outcomes(tx, run).await?;
    let status = RunStatus::conclude(end.ending, outcomes.iter().copied());

    if let Some(error) = end.error {
        record_error(tx, run, error.code, &error.context).await?;
    }
    // A condition of the tenant is no error, unless nothing else is left of the run.
    let nothing_available = outcomes.iter().all(|outcome| *outcome == ListingOutcome::Unavailable);
    if nothing_available && !matches!(end.ending, Ending::WorkerLost | Ending::SignInFailed) {
        record_error(tx, run, ErrorCode::GraphFeatureUnavailable, &ErrorContext::default()).await?;
    }

    let (tenant, now) = (tx.tenant, tx.now_sql());
    let count = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
    let done = sqlx::query!(
        "UPDATE sync_runs SET
             status = $3, finished_at = $4, lease_until = NULL,
             -- Every item that was observed is persisted, or its page would not have been.
             items_observed = c.observed, items_upserted = c.observed, items_created = c.created, items_changed = c.changed,
             items_unseen = c.unseen, items_rejected = c.rejected,
             requests = $5, retries = $6, throttled = $7, bytes_received = $8, meta_keys_dropped = $9
         FROM (SELECT coalesce(sum(items_observed), 0) AS observed, coalesce(sum(items_created), 0) AS created,
                      coalesce(sum(items_changed), 0) AS changed, coalesce(sum(items_unseen), 0) AS unseen,
                      coalesce(sum(items_rejected), 0) AS rejected
               FROM listings WHERE tenant_id = $1 AND run_id = $2) AS c
         WHERE tenant_id = $1 AND run_id = $2 AND status = 'running'",
        tenant,
        run,
        status.as_str(),
        now as _,
        count(end.traffic.requests),
        count(end.traffic.retries),
        count(end.traffic.throttled),
        count(end.traffic.bytes_received),
        count(end.traffic.meta_keys_dropped),
    )
    .execute(tx.db())
    .await
    .map_err(of_statement)?;
    met("finish_run", 1, done.rows_affected())
}

/// Ends the listings that the worker left open; those that were begun get the code of what ended the run.
async fn end_open_listings(tx: &mut TenantTx, run: Uuid, code: ErrorCode) -> Result<()> {
    let (tenant, now) = (tx.tenant, tx.now_sql());
    sqlx::query!(
        "UPDATE listings SET outcome = CASE WHEN started_at IS NULL THEN $3 ELSE $4 END,
                             error_code = CASE WHEN started_at IS NULL THEN NULL ELSE $5 END, ended_at = $6
         WHERE tenant_id = $1 AND run_id = $2 AND outcome IS NULL",
        tenant,
        run,
        ListingOutcome::when_run_ends(false).as_str(),
        ListingOutcome::when_run_ends(true).as_str(),
        code.as_str(),
        now as _,
    )
    .execute(tx.db())
    .await
    .map_err(of_statement)?;
    Ok(())
}

async fn outcomes(tx: &mut TenantTx, run: Uuid) -> Result<Vec<ListingOutcome>> {
    let tenant = tx.tenant;
    let rows = sqlx::query!("SELECT policy_type, outcome FROM listings WHERE tenant_id = $1 AND run_id = $2", tenant, run)
        .fetch_all(tx.db())
        .await
        .map_err(of_statement)?;
    let outcome = |policy_type: &str, outcome: Option<&str>| {
        Stored { table: "listings", key: policy_type }.word("outcome", outcome.unwrap_or_default())
    };
    rows.iter().map(|row| outcome(&row.policy_type, row.outcome.as_deref())).collect()
}

/// Counts an error of a run, adds its code, and keeps it when it is among the first. One statement, because paths of one run may fail
/// at the same moment.
pub(crate) async fn record_error(tx: &mut TenantTx, run: Uuid, code: ErrorCode, context: &ErrorContext) -> Result<()> {
    let tenant = tx.tenant;
    let n = sqlx::query_scalar!(
        "UPDATE sync_runs SET
             errors_count = errors_count + 1,
             error_codes = ARRAY(SELECT DISTINCT code COLLATE \"C\" FROM unnest(error_codes || $3::text) AS u (code) ORDER BY 1)
         WHERE tenant_id = $1 AND run_id = $2
         RETURNING errors_count",
        tenant,
        run,
        code.as_str(),
    )
    .fetch_optional(tx.db())
    .await
    .map_err(of_statement)?
    .ok_or(StoreError::RowsAffected { verb: "record_error", expected: 1, actual: 0 })?;
    let Ok(n) = i32::try_from(n) else { return Ok(()) };
    if usize::try_from(n).is_ok_and(|n| n <= RUN_ERRORS_KEPT) {
        let context = serde_json::to_value(context).map_err(|error| StoreError::Refused(error.into()))?;
        sqlx::query!(
            "INSERT INTO run_errors (tenant_id, run_id, n, code, context) VALUES ($1, $2, $3, $4, $5)",
            tenant,
            run,
            n,
            code.as_str(),
            context,
        )
        .execute(tx.db())
        .await
        .map_err(of_statement)?;
    }
    Ok(())
}
