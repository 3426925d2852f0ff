//! Runs and selections, as they were.

use lastseen_model::RunId;
use lastseen_store::{
    ListingRecord, Result, RunDetail, RunError, RunLookup, RunQuery, RunRecord, SelectionRecord, TenantScope, run_id_part,
};
use sqlx::SqliteConnection;

use crate::SqliteStore;
use crate::error::of_statement;
use crate::rows::{ListingRow, RunRow, Stored};

pub(crate) async fn runs(store: &SqliteStore, scope: &TenantScope, query: &RunQuery) -> Result<Vec<RunRecord>> {
    let mut tx = store.read().await?;
    let rows = sqlx::query_as!(
        RunRow,
        r#"SELECT tenant_id, run_id, run_no, selection_hash, selection_payload, status, correlation_id, "trigger", created_at, started_at,
                  finished_at, worker, guard_min_items, guard_percent, errors_count, error_codes, items_observed, items_upserted,
                  items_created, items_changed, items_unseen, items_rejected, requests, retries, throttled, bytes_received,
                  meta_keys_dropped
           FROM sync_runs
           WHERE tenant_id = ?1
             AND (?2 IS NULL OR selection_hash = ?2)
             AND (?3 IS NULL OR status = ?3)
             AND (?4 IS NULL OR created_no < (SELECT created_no FROM sync_runs WHERE tenant_id = ?1 AND run_id = ?4))
           ORDER BY created_no DESC LIMIT ?5"#,
        scope.tenant().to_string(),
        query.selection.map(|hash| hash.to_string()),
        query.status.map(lastseen_model::RunStatus::as_str),
        query.before.map(|run| run.to_string()),
        query.limit.clamp(1, 1_000),
    )
    .fetch_all(tx.db())
    .await
    .map_err(of_statement)?;
    rows.into_iter().map(RunRecord::try_from).collect()
}

pub(crate) async fn run(store: &SqliteStore, scope: &TenantScope, run: RunId) -> Result<Option<RunDetail>> {
    let mut tx = store.read().await?;
    read_run(tx.db(), scope, run).await
}

/// A run with its listings and errors, in whatever transaction the caller is.
pub(crate) async fn read_run(db: &mut SqliteConnection, scope: &TenantScope, run: RunId) -> Result<Option<RunDetail>> {
    let (tenant, run) = (scope.tenant().to_string(), run.to_string());
    let row = sqlx::query_as!(
        RunRow,
        r#"SELECT tenant_id, run_id, run_no, selection_hash, selection_payload, status, correlation_id, "trigger", created_at, started_at,
                  finished_at, worker, guard_min_items, guard_percent, errors_count, error_codes, items_observed, items_upserted,
                  items_created, items_changed, items_unseen, items_rejected, requests, retries, throttled, bytes_received,
                  meta_keys_dropped
           FROM sync_runs
           WHERE tenant_id = ?1 AND run_id = ?2"#,
        tenant,
        run,
    )
    .fetch_optional(&mut *db)
    .await
    .map_err(of_statement)?;
    let Some(record) = row.map(RunRecord::try_from).transpose()? else { return Ok(None) };
    // All but the bitmap, which can be large.
    let listings = sqlx::query_as!(
        ListingRow,
        "SELECT policy_type, outcome, error_code, items_observed, items_created, items_changed, items_unseen, items_rejected, pages,
                known_before, contract_hash, started_at, ended_at
         FROM listings WHERE tenant_id = ?1 AND run_id = ?2 ORDER BY position",
        tenant,
        run,
    )
    .fetch_all(&mut *db)
    .await
    .map_err(of_statement)?;
    let errors = sqlx::query!("SELECT code, context FROM run_errors WHERE tenant_id = ?1 AND run_id = ?2 ORDER BY n", tenant, run)
        .fetch_all(db)
        .await
        .map_err(of_statement)?;
    let stored = Stored { table: "run_errors", key: &run };
    let errors =
        errors.iter().map(|row| Ok(RunError { code: stored.word("code", &row.code)?, context: stored.json("context", &row.context)? }));
    Ok(Some(RunDetail {
        record,
        listings: listings.into_iter().map(ListingRecord::try_from).collect::<Result<_>>()?,
        errors: errors.collect::<Result<_>>()?,
    }))
}

pub(crate) async fn find_run(store: &SqliteStore, scope: &TenantScope, part: &str) -> Result<RunLookup> {
    let Some(part) = run_id_part(part) else { return Ok(RunLookup::None) };
    let mut tx = store.read().await?;
    let runs = sqlx::query_scalar!(
        "SELECT run_id FROM sync_runs
         WHERE tenant_id = ?1 AND (substr(run_id, 1, length(?2)) = ?2 OR substr(run_id, -length(?2)) = ?2)",
        scope.tenant().to_string(),
        part,
    )
    .fetch_all(tx.db())
    .await
    .map_err(of_statement)?;
    match runs.as_slice() {
        [] => Ok(RunLookup::None),
        [run] => {
            let run = Stored { table: "sync_runs", key: run }.word("run_id", run)?;
            Ok(read_run(tx.db(), scope, run).await?.map_or(RunLookup::None, |detail| RunLookup::One(Box::new(detail))))
        }
        several => Ok(RunLookup::Several(several.len() as u64)),
    }
}

pub(crate) async fn selections(store: &SqliteStore, scope: &TenantScope) -> Result<Vec<SelectionRecord>> {
    let mut tx = store.read().await?;
    let rows = sqlx::query!(
        "SELECT q.selection_hash, q.selection_payload, q.first_used_at, r.run_id, r.status, r.created_at
         FROM selections q
         JOIN sync_runs r ON r.created_no = (
             SELECT max(x.created_no) FROM sync_runs x WHERE x.tenant_id = q.tenant_id AND x.selection_hash = q.selection_hash
         )
         WHERE q.tenant_id = ?1
         ORDER BY r.created_no DESC",
        scope.tenant().to_string(),
    )
    .fetch_all(tx.db())
    .await
    .map_err(of_statement)?;
    rows.iter()
        .map(|row| {
            let selection = Stored { table: "selections", key: &row.selection_hash };
            Ok(SelectionRecord {
                selection_hash: selection.word("selection_hash", &row.selection_hash)?,
                selection_payload: selection.json("selection_payload", &row.selection_payload)?,
                first_used_at: selection.time("first_used_at", row.first_used_at)?,
                last_run_id: selection.word("run_id", &row.run_id)?,
                last_run_status: selection.word("status", &row.status)?,
                last_run_at: selection.time("created_at", row.created_at)?,
            })
        })
        .collect()
}
