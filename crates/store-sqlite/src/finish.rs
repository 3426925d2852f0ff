//! How listings and runs end, and what is kept of errors.

use std::collections::BTreeSet;

use lastseen_model::error_code::RUN_ERRORS_KEPT;
use lastseen_model::{Ending, ErrorCode, ErrorContext, ListingOutcome, RunStatus};
use lastseen_store::{FinishRun, Lease, ListingFailure, Result, RunDetail, RunError, StoreError, TenantScope, Traffic};

use crate::SqliteStore;
use crate::error::of_statement;
use crate::history::read_run;
use crate::lease::check;
use crate::rows::Stored;
use crate::transaction::{WriteTx, met};

pub(crate) async fn fail_listings(store: &SqliteStore, scope: &TenantScope, lease: &Lease, failure: &ListingFailure) -> Result<()> {
    let mut tx = store.write().await?;
    check(&mut tx, scope, lease).await?;
    let (tenant, run) = (scope.tenant().to_string(), lease.run_id.to_string());
    let now = tx.now;
    let mut broken = false;
    for policy_type in &failure.types {
        let row = sqlx::query!(
            "SELECT pages, outcome FROM listings WHERE tenant_id = ?1 AND run_id = ?2 AND policy_type = ?3",
            tenant,
            run,
            policy_type.as_str(),
        )
        .fetch_optional(tx.db())
        .await
        .map_err(of_statement)?
        .ok_or_else(|| StoreError::ListingNotOpen(policy_type.clone()))?;
        let listing = Stored { table: "listings", key: policy_type.as_str() };
        if listing.option_word::<ListingOutcome>("outcome", row.outcome.as_deref())?.is_some() {
            continue;
        }
        let outcome = ListingOutcome::after_failure(failure.code, listing.number("pages", row.pages)?);
        broken |= outcome != ListingOutcome::Unavailable;
        let done = sqlx::query!(
            "UPDATE listings SET outcome = ?4, error_code = ?5, ended_at = ?6
             WHERE tenant_id = ?1 AND run_id = ?2 AND policy_type = ?3 AND outcome IS NULL",
            tenant,
            run,
            policy_type.as_str(),
            outcome.as_str(),
            failure.code.as_str(),
            now,
        )
        .execute(tx.db())
        .await
        .map_err(of_statement)?;
        met("fail_listings", 1, done.rows_affected())?;
    }
    if broken {
        // One path broke off once, however many types share it.
        let context = ErrorContext { policy_type: failure.types.first().cloned(), ..failure.context.clone() };
        record_error(&mut tx, &tenant, &run, failure.code, &context).await?;
    }
    tx.commit().await
}

pub(crate) async fn finish_run(store: &SqliteStore, scope: &TenantScope, lease: &Lease, finish: &FinishRun) -> Result<RunDetail> {
    let mut tx = store.write().await?;
    check(&mut tx, scope, lease).await?;
    let end = RunEnd { ending: finish.ending, error: finish.error.as_ref(), traffic: finish.traffic };
    end_run(&mut tx, &scope.tenant().to_string(), &lease.run_id.to_string(), &end).await?;
    let detail = read_run(tx.db(), scope, lease.run_id).await?;
    tx.commit().await?;
    detail.ok_or(StoreError::RowsAffected { verb: "finish_run", expected: 1, actual: 0 })
}

/// How a running run ends: by its worker, or by the one who reaps it.
pub(crate) struct RunEnd<'a> {
    pub(crate) ending: Ending,
    pub(crate) error: Option<&'a RunError>,
    pub(crate) traffic: Traffic,
}

/// Ends a running run: its open listings, its errors, its status and counts. The lock is free after it.
pub(crate) async fn end_run(tx: &mut WriteTx, tenant: &str, run: &str, end: &RunEnd<'_>) -> Result<()> {
    let open_code = end.error.map_or_else(|| end.ending.code(), |error| error.code);
    end_open_listings(tx, tenant, run, open_code).await?;
    let outcomes = outcomes(tx, tenant, run).await?;
    let status = RunStatus::conclude(end.ending, outcomes.iter().copied());

    if let Some(error) = end.error {
        record_error(tx, tenant, run, error.code, &error.context).await?;
    }
    // A condition of the tenant is no error, unless nothing else is left of the run.
    let nothing_available = outcomes.iter().all(|outcome| *outcome == ListingOutcome::Unavailable);
    if nothing_available && !matches!(end.ending, Ending::WorkerLost | Ending::SignInFailed) {
        record_error(tx, tenant, run, ErrorCode::GraphFeatureUnavailable, &ErrorContext::default()).await?;
    }

    let now = tx.now;
    let count = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
    let done = sqlx::query!(
        "UPDATE sync_runs SET
             status = ?3, finished_at = ?4, lease_until = NULL,
             -- Every item that was observed is persisted, or its page would not have been.
             items_observed = c.observed, items_upserted = c.observed, items_created = c.created, items_changed = c.changed,
             items_unseen = c.unseen, items_rejected = c.rejected,
             requests = ?5, retries = ?6, throttled = ?7, bytes_received = ?8, meta_keys_dropped = ?9
         FROM (SELECT coalesce(sum(items_observed), 0) AS observed, coalesce(sum(items_created), 0) AS created,
                      coalesce(sum(items_changed), 0) AS changed, coalesce(sum(items_unseen), 0) AS unseen,
                      coalesce(sum(items_rejected), 0) AS rejected
               FROM listings WHERE tenant_id = ?1 AND run_id = ?2) AS c
         WHERE tenant_id = ?1 AND run_id = ?2 AND status = 'running'",
        tenant,
        run,
        status.as_str(),
        now,
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
async fn end_open_listings(tx: &mut WriteTx, tenant: &str, run: &str, code: ErrorCode) -> Result<()> {
    let now = tx.now;
    sqlx::query!(
        "UPDATE listings SET outcome = iif(started_at IS NULL, ?3, ?4), error_code = iif(started_at IS NULL, NULL, ?5), ended_at = ?6
         WHERE tenant_id = ?1 AND run_id = ?2 AND outcome IS NULL",
        tenant,
        run,
        ListingOutcome::when_run_ends(false).as_str(),
        ListingOutcome::when_run_ends(true).as_str(),
        code.as_str(),
        now,
    )
    .execute(tx.db())
    .await
    .map_err(of_statement)?;
    Ok(())
}

async fn outcomes(tx: &mut WriteTx, tenant: &str, run: &str) -> Result<Vec<ListingOutcome>> {
    let rows = sqlx::query!("SELECT policy_type, outcome FROM listings WHERE tenant_id = ?1 AND run_id = ?2", tenant, run)
        .fetch_all(tx.db())
        .await
        .map_err(of_statement)?;
    rows.into_iter()
        .map(|row| {
            let listing = Stored { table: "listings", key: &row.policy_type };
            listing.word("outcome", &listing.there("outcome", row.outcome)?)
        })
        .collect()
}

/// Counts an error of a run, adds its code, and keeps it when it is among the first.
pub(crate) async fn record_error(tx: &mut WriteTx, tenant: &str, run: &str, code: ErrorCode, context: &ErrorContext) -> Result<()> {
    let row = sqlx::query!("SELECT errors_count, error_codes FROM sync_runs WHERE tenant_id = ?1 AND run_id = ?2", tenant, run)
        .fetch_one(tx.db())
        .await
        .map_err(of_statement)?;
    let n = row.errors_count + 1;
    // Sorted by text, which is not the order of the enum.
    let codes: Vec<ErrorCode> = Stored { table: "sync_runs", key: run }.json("error_codes", &row.error_codes)?;
    let codes: BTreeSet<&str> = codes.iter().copied().chain([code]).map(ErrorCode::as_str).collect();
    let codes: serde_json::Value = codes.into_iter().collect();

    let done = sqlx::query!(
        "UPDATE sync_runs SET errors_count = ?3, error_codes = ?4 WHERE tenant_id = ?1 AND run_id = ?2",
        tenant,
        run,
        n,
        codes.to_string(),
    )
    .execute(tx.db())
    .await
    .map_err(of_statement)?;
    met("record_error", 1, done.rows_affected())?;

    if usize::try_from(n).is_ok_and(|n| n <= RUN_ERRORS_KEPT) {
        let context = serde_json::to_string(context).map_err(|error| StoreError::Refused(error.into()))?;
        sqlx::query!(
            "INSERT INTO run_errors (tenant_id, run_id, n, code, context) VALUES (?1, ?2, ?3, ?4, ?5)",
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
