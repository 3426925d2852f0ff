//! Runs and selections, as they were.

use lastseen_model::RunId;
use lastseen_store::{Result, RunDetail, RunError, RunLookup, RunQuery, RunRecord, SelectionRecord, TenantScope};
use sqlx::SqliteConnection;

use crate::SqliteStore;
use crate::error::of_statement;
use crate::rows::{Fields, listing_record, run_record};

/// Fewer characters of an id are no look up but a guess.
const PART_MIN_CHARS: usize = 4;

pub(crate) async fn runs(store: &SqliteStore, scope: &TenantScope, query: &RunQuery) -> Result<Vec<RunRecord>> {
    let mut tx = store.read().await?;
    let rows = sqlx::query(
        "SELECT * FROM sync_runs
         WHERE tenant_id = ?1
           AND (?2 IS NULL OR selection_hash = ?2)
           AND (?3 IS NULL OR status = ?3)
           AND (?4 IS NULL OR created_no < (SELECT created_no FROM sync_runs WHERE tenant_id = ?1 AND run_id = ?4))
         ORDER BY created_no DESC LIMIT ?5",
    )
    .bind(scope.tenant().to_string())
    .bind(query.selection.map(|hash| hash.to_string()))
    .bind(query.status.map(lastseen_model::RunStatus::as_str))
    .bind(query.before.map(|run| run.to_string()))
    .bind(query.limit.clamp(1, 1_000))
    .fetch_all(tx.db())
    .await
    .map_err(of_statement)?;
    rows.iter().map(run_record).collect()
}

pub(crate) async fn run(store: &SqliteStore, scope: &TenantScope, run: RunId) -> Result<Option<RunDetail>> {
    let mut tx = store.read().await?;
    read_run(tx.db(), scope, run).await
}

/// A run with its listings and errors, in whatever transaction the caller is.
pub(crate) async fn read_run(db: &mut SqliteConnection, scope: &TenantScope, run: RunId) -> Result<Option<RunDetail>> {
    let (tenant, run) = (scope.tenant().to_string(), run.to_string());
    let row = sqlx::query("SELECT * FROM sync_runs WHERE tenant_id = ?1 AND run_id = ?2")
        .bind(&tenant)
        .bind(&run)
        .fetch_optional(&mut *db)
        .await
        .map_err(of_statement)?;
    let Some(record) = row.as_ref().map(run_record).transpose()? else { return Ok(None) };
    // All but the bitmap, which can be large.
    let listings = sqlx::query(
        "SELECT policy_type, outcome, error_code, items_observed, items_created, items_changed, items_unseen, items_rejected, pages,
                known_before, contract_hash, started_at, ended_at
         FROM listings WHERE tenant_id = ?1 AND run_id = ?2 ORDER BY position",
    )
    .bind(&tenant)
    .bind(&run)
    .fetch_all(&mut *db)
    .await
    .map_err(of_statement)?;
    let errors = sqlx::query("SELECT run_id, code, context FROM run_errors WHERE tenant_id = ?1 AND run_id = ?2 ORDER BY n")
        .bind(&tenant)
        .bind(&run)
        .fetch_all(db)
        .await
        .map_err(of_statement)?;
    let error = |row| {
        let error = Fields::of(row, "run_errors", "run_id");
        Ok(RunError { code: error.word("code")?, context: error.json("context")? })
    };
    Ok(Some(RunDetail {
        record,
        listings: listings.iter().map(listing_record).collect::<Result<_>>()?,
        errors: errors.iter().map(error).collect::<Result<_>>()?,
    }))
}

pub(crate) async fn find_run(store: &SqliteStore, scope: &TenantScope, part: &str) -> Result<RunLookup> {
    let part = part.to_ascii_lowercase();
    if part.len() < PART_MIN_CHARS || !part.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-') {
        return Ok(RunLookup::None);
    }
    let mut tx = store.read().await?;
    let rows = sqlx::query(
        "SELECT run_id FROM sync_runs
         WHERE tenant_id = ?1 AND (substr(run_id, 1, length(?2)) = ?2 OR substr(run_id, -length(?2)) = ?2)",
    )
    .bind(scope.tenant().to_string())
    .bind(part)
    .fetch_all(tx.db())
    .await
    .map_err(of_statement)?;
    match rows.as_slice() {
        [] => Ok(RunLookup::None),
        [row] => {
            let run = Fields::of(row, "sync_runs", "run_id").word("run_id")?;
            Ok(read_run(tx.db(), scope, run).await?.map_or(RunLookup::None, |detail| RunLookup::One(Box::new(detail))))
        }
        several => Ok(RunLookup::Several(several.len() as u64)),
    }
}

pub(crate) async fn selections(store: &SqliteStore, scope: &TenantScope) -> Result<Vec<SelectionRecord>> {
    let mut tx = store.read().await?;
    let rows = sqlx::query(
        "SELECT q.selection_hash, q.selection_payload, q.first_used_at, r.run_id, r.status, r.created_at
         FROM selections q
         JOIN sync_runs r ON r.created_no = (
             SELECT max(x.created_no) FROM sync_runs x WHERE x.tenant_id = q.tenant_id AND x.selection_hash = q.selection_hash
         )
         WHERE q.tenant_id = ?1
         ORDER BY r.created_no DESC",
    )
    .bind(scope.tenant().to_string())
    .fetch_all(tx.db())
    .await
    .map_err(of_statement)?;
    rows.iter()
        .map(|row| {
            let selection = Fields::of(row, "selections", "selection_hash");
            Ok(SelectionRecord {
                selection_hash: selection.word("selection_hash")?,
                selection_payload: selection.json("selection_payload")?,
                first_used_at: selection.time("first_used_at")?,
                last_run_id: selection.word("run_id")?,
                last_run_status: selection.word("status")?,
                last_run_at: selection.time("created_at")?,
            })
        })
        .collect()
}
