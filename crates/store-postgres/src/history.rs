//! Runs and selections, as they were.

use lastseen_model::RunId;
use lastseen_store::{
    ListingRecord, Result, RunDetail, RunError, RunLookup, RunQuery, RunRecord, SelectionRecord, TenantScope, run_id_part,
};
use uuid::Uuid;

use crate::PostgresStore;
use crate::error::of_statement;
use crate::rows::{ListingRow, RunRow, Stored};
use crate::transaction::TenantTx;

pub(crate) async fn runs(store: &PostgresStore, scope: &TenantScope, query: &RunQuery) -> Result<Vec<RunRecord>> {
    let mut tx = store.read(scope).await?;
    records(&mut tx, None, query).await
}

/// Records of runs, newest first by creation: of one run, or of those that a query names.
async fn records(tx: &mut TenantTx, only: Option<Uuid>, query: &RunQuery) -> Result<Vec<RunRecord>> {
    let tenant = tx.tenant;
    let rows = sqlx::query_as!(
        RunRow,
        r#"SELECT tenant_id, run_id, run_no, selection_hash, selection_payload, status, correlation_id, "trigger", created_at, started_at,
                  finished_at, worker, guard_min_items, guard_percent, errors_count, error_codes, items_observed, items_upserted,
                  items_created, items_changed, items_unseen, items_rejected, requests, retries, throttled, bytes_received,
                  meta_keys_dropped
           FROM sync_runs
           WHERE tenant_id = $1
             AND ($2::uuid IS NULL OR run_id = $2)
             AND ($3::text IS NULL OR selection_hash = $3)
             AND ($4::text IS NULL OR status = $4)
             AND ($5::uuid IS NULL OR created_no < (SELECT created_no FROM sync_runs WHERE tenant_id = $1 AND run_id = $5))
           ORDER BY created_no DESC LIMIT $6"#,
        tenant,
        only,
        query.selection.map(|hash| hash.to_string()),
        query.status.map(lastseen_model::RunStatus::as_str),
        query.before.map(RunId::as_uuid),
        i64::from(query.limit.clamp(1, 1_000)),
    )
    .fetch_all(tx.db())
    .await
    .map_err(of_statement)?;
    rows.into_iter().map(RunRecord::try_from).collect()
}

pub(crate) async fn run(store: &PostgresStore, scope: &TenantScope, run: RunId) -> Result<Option<RunDetail>> {
    let mut tx = store.read(scope).await?;
    read_run(&mut tx, run.as_uuid()).await
}

/// A run with its listings and errors, in whatever transaction the caller is.
pub(crate) async fn read_run(tx: &mut TenantTx, run: Uuid) -> Result<Option<RunDetail>> {
    let Some(record) = records(tx, Some(run), &RunQuery { limit: 1, ..RunQuery::default() }).await?.pop() else { return Ok(None) };
    let tenant = tx.tenant;
    // All but the bitmap, which can be large.
    let listings = sqlx::query_as!(
        ListingRow,
        "SELECT policy_type, outcome, error_code, items_observed, items_created, items_changed, items_unseen, items_rejected, pages,
                known_before, contract_hash, started_at, ended_at
         FROM listings WHERE tenant_id = $1 AND run_id = $2 ORDER BY position",
        tenant,
        run,
    )
    .fetch_all(tx.db())
    .await
    .map_err(of_statement)?;
    let errors = sqlx::query!("SELECT code, context FROM run_errors WHERE tenant_id = $1 AND run_id = $2 ORDER BY n", tenant, run)
        .fetch_all(tx.db())
        .await
        .map_err(of_statement)?;
    let key = run.to_string();
    let stored = Stored { table: "run_errors", key: &key };
    let errors =
        errors.into_iter().map(|row| Ok(RunError { code: stored.word("code", &row.code)?, context: stored.json("context", row.context)? }));
    Ok(Some(RunDetail {
        record,
        listings: listings.into_iter().map(ListingRecord::try_from).collect::<Result<_>>()?,
        errors: errors.collect::<Result<_>>()?,
    }))
}

pub(crate) async fn find_run(store: &PostgresStore, scope: &TenantScope, part: &str) -> Result<RunLookup> {
    let Some(part) = run_id_part(part) else { return Ok(RunLookup::None) };
    let mut tx = store.read(scope).await?;
    let tenant = tx.tenant;
    let found = sqlx::query_scalar!(
        "SELECT run_id FROM sync_runs
         WHERE tenant_id = $1 AND (starts_with(run_id::text, $2) OR right(run_id::text, length($2)) = $2)",
        tenant,
        part,
    )
    .fetch_all(tx.db())
    .await
    .map_err(of_statement)?;
    match found.as_slice() {
        [] => Ok(RunLookup::None),
        [run] => Ok(read_run(&mut tx, *run).await?.map_or(RunLookup::None, |detail| RunLookup::One(Box::new(detail)))),
        several => Ok(RunLookup::Several(several.len() as u64)),
    }
}

pub(crate) async fn selections(store: &PostgresStore, scope: &TenantScope) -> Result<Vec<SelectionRecord>> {
    let mut tx = store.read(scope).await?;
    let tenant = tx.tenant;
    let rows = sqlx::query!(
        "SELECT q.selection_hash, q.selection_payload, q.first_used_at, r.run_id, r.status, r.created_at
         FROM selections q
         CROSS JOIN LATERAL (
             SELECT x.run_id, x.status, x.created_at, x.created_no FROM sync_runs x
             WHERE x.tenant_id = q.tenant_id AND x.selection_hash = q.selection_hash
             ORDER BY x.created_no DESC LIMIT 1
         ) r
         WHERE q.tenant_id = $1
         ORDER BY r.created_no DESC",
        tenant,
    )
    .fetch_all(tx.db())
    .await
    .map_err(of_statement)?;
    rows.into_iter()
        .map(|row| {
            let selection = Stored { table: "selections", key: &row.selection_hash };
            Ok(SelectionRecord {
                selection_hash: selection.word("selection_hash", &row.selection_hash)?,
                selection_payload: selection.json("selection_payload", row.selection_payload)?,
                first_used_at: row.first_used_at.to_jiff(),
                last_run_id: selection.id("run_id", row.run_id)?,
                last_run_status: selection.word("status", &row.status)?,
                last_run_at: row.created_at.to_jiff(),
            })
        })
        .collect()
}
