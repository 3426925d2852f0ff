//! What is missing for a selection, against a reference. The rule itself stands in the view `missing_evidence`.

use lastseen_model::{Confidence, PolicyType, Reference, RunId, SelectionHash, Timestamp};
use lastseen_store::{
    Counted, Coverage, Cursor, Missing, MissingAnswer, MissingCounts, MissingItem, MissingQuery, ReferenceRun, Result, StoreError,
    TenantScope,
};
use serde::Serialize;
use serde_json::{Value, json};
use sqlx::SqliteConnection;

use crate::SqliteStore;
use crate::error::of_statement;
use crate::rows::{MissingRow, Stored, reference_run};
use crate::successors::name_successors;
use crate::transaction::met;

pub(crate) async fn missing(store: &SqliteStore, scope: &TenantScope, query: &MissingQuery) -> Result<Missing> {
    let mut tx = store.read().await?;
    let Some(reference) = reference(tx.db(), scope, query.selection, query.reference).await? else { return Ok(Missing::NoBaseline) };
    let coverage = coverage(tx.db(), scope, &reference).await?;
    let listings = query.listings(&coverage);
    let Judged { high, low, acknowledged, mut page } = judge(tx.db(), scope, query, &listings).await?;
    let more = page.len() > query.page_size();
    page.truncate(query.page_size());
    let items = read_keys(tx.db(), &scope.tenant().to_string(), &page, query.reference).await?;
    met("missing", page.len() as u64, items.len() as u64)?;
    let last = items.last().filter(|_| more);
    let next_cursor = last.map(|item| Cursor { policy_type: item.policy_type.clone(), external_id: item.external_id.clone() });
    Ok(Missing::Answer(Box::new(MissingAnswer { reference, coverage, items, high, low, acknowledged, next_cursor })))
}

pub(crate) async fn missing_counts(store: &SqliteStore, scope: &TenantScope, reference: Reference) -> Result<Vec<MissingCounts>> {
    let mut tx = store.read().await?;
    let rows = sqlx::query!(
        "SELECT selection_hash, selection_payload FROM selections WHERE tenant_id = ?1 ORDER BY selection_hash",
        scope.tenant().to_string()
    )
    .fetch_all(tx.db())
    .await
    .map_err(of_statement)?;
    let mut counts = Vec::with_capacity(rows.len());
    for row in rows {
        let selection = Stored { table: "selections", key: &row.selection_hash };
        let selection_hash = selection.word("selection_hash", &row.selection_hash)?;
        counts.push(MissingCounts {
            tenant_id: scope.tenant(),
            selection_hash,
            selection_payload: selection.json("selection_payload", &row.selection_payload)?,
            counts: counted(tx.db(), scope, selection_hash, reference).await?,
        });
    }
    Ok(counts)
}

/// The totals that [`missing`] gives, without a page.
async fn counted(db: &mut SqliteConnection, scope: &TenantScope, selection: SelectionHash, against: Reference) -> Result<Option<Counted>> {
    let Some(reference) = reference(db, scope, selection, against).await? else { return Ok(None) };
    let coverage = coverage(db, scope, &reference).await?;
    let query = MissingQuery::totals(selection, against);
    let Judged { high, low, acknowledged, page: _ } = judge(db, scope, &query, &query.listings(&coverage)).await?;
    Ok(Some(Counted::new(reference, &coverage, high, low, acknowledged)))
}

/// The run that the answer names. For *latest complete* that is the latest completed run, whose scope is answered.
async fn reference(
    db: &mut SqliteConnection,
    scope: &TenantScope,
    selection: SelectionHash,
    reference: Reference,
) -> Result<Option<ReferenceRun>> {
    let row = sqlx::query!(
        "SELECT run_id, status, finished_at FROM sync_runs
         WHERE tenant_id = ?1 AND selection_hash = ?2 AND status IN ('success', 'partial', 'failed') AND (status = 'success' OR NOT ?3)
         ORDER BY run_no DESC LIMIT 1",
        scope.tenant().to_string(),
        selection.to_string(),
        reference == Reference::LatestSuccess,
    )
    .fetch_optional(db)
    .await
    .map_err(of_statement)?;
    row.map(|row| reference_run(&Stored { table: "sync_runs", key: &row.run_id }, &row.run_id, &row.status, row.finished_at)).transpose()
}

async fn coverage(db: &mut SqliteConnection, scope: &TenantScope, reference: &ReferenceRun) -> Result<Vec<Coverage>> {
    let rows = sqlx::query!(
        r#"SELECT tenant_id AS "tenant_id!", selection_hash AS "selection_hash!", policy_type AS "policy_type!",
                  reference_run_id AS "reference_run_id!", reference_status AS "reference_status!",
                  reference_finished_at AS "reference_finished_at?", outcome AS "outcome?", error_code AS "error_code?",
                  items_observed AS "items_observed!", items_unseen AS "items_unseen!",
                  latest_complete_run_id AS "latest_complete_run_id?", latest_complete_at AS "latest_complete_at?"
           FROM coverage_evidence WHERE tenant_id = ?1 AND reference_run_id = ?2 ORDER BY policy_type"#,
        scope.tenant().to_string(),
        reference.reference_run_id.to_string(),
    )
    .fetch_all(db)
    .await
    .map_err(of_statement)?;
    rows.into_iter()
        .map(|row| {
            let listing = Stored { table: "listings", key: &row.policy_type };
            Ok(Coverage {
                tenant_id: listing.word("tenant_id", &row.tenant_id)?,
                selection_hash: listing.word("selection_hash", &row.selection_hash)?,
                policy_type: listing.word("policy_type", &row.policy_type)?,
                reference: reference_run(&listing, &row.reference_run_id, &row.reference_status, row.reference_finished_at)?,
                outcome: listing.word("outcome", &listing.there("outcome", row.outcome)?)?,
                error_code: listing.option_word("error_code", row.error_code.as_deref())?,
                items_observed: listing.number("items_observed", row.items_observed)?,
                items_unseen: listing.number("items_unseen", row.items_unseen)?,
                latest_complete_run_id: listing.option_word("latest_complete_run_id", row.latest_complete_run_id.as_deref())?,
                latest_complete_at: listing.option_time("latest_complete_at", row.latest_complete_at)?,
            })
        })
        .collect()
}

/// An item, seen from a listing; one of the keys that a statement takes as JSON.
#[derive(Serialize)]
pub(crate) struct Key {
    pub(crate) policy_type: String,
    pub(crate) external_id: String,
    pub(crate) run_id: String,
}

/// How many items are missing, and which stand on the page.
struct Judged {
    high: u64,
    low: u64,
    acknowledged: u64,
    /// In order; one more than the page holds when there is a next.
    page: Vec<Key>,
}

/// Looks at every missing item once, for the totals and for the page.
async fn judge(db: &mut SqliteConnection, scope: &TenantScope, query: &MissingQuery, listings: &[(&PolicyType, RunId)]) -> Result<Judged> {
    let listings: Value =
        listings.iter().map(|(policy_type, run)| json!({"policy_type": policy_type.as_str(), "run_id": run.to_string()})).collect();
    let rows = sqlx::query_file!(
        "src/sql/missing_judge.sql",
        scope.tenant().to_string(),
        listings.to_string(),
        query.reference == Reference::LatestComplete,
        query.confidence.map(|confidence| confidence == Confidence::High),
        query.since.map(Timestamp::as_microsecond),
        query.acknowledged,
        query.after.as_ref().map(|cursor| cursor.policy_type.as_str()),
        query.after.as_ref().map(|cursor| cursor.external_id.as_str()),
        i64::try_from(query.page_size() + 1).unwrap_or(i64::MAX),
    )
    .fetch_all(db)
    .await
    .map_err(of_statement)?;

    let totals = Stored { table: "missing_evidence", key: "the totals" };
    let mut judged = Judged { high: 0, low: 0, acknowledged: 0, page: Vec::new() };
    for row in rows {
        // The totals stand beside every key, and beside none when the page is empty.
        judged.high = totals.number("high", row.high)?;
        judged.low = totals.number("low", row.low)?;
        judged.acknowledged = totals.number("acknowledged", row.acknowledged)?;
        if let (Some(policy_type), Some(external_id), Some(run_id)) = (row.policy_type, row.external_id, row.reference_run_id) {
            judged.page.push(Key { policy_type, external_id, run_id });
        }
    }
    Ok(judged)
}

/// The missing items of these keys, by type and id; a key whose item is not missing in its listing has none.
pub(crate) async fn read_keys(db: &mut SqliteConnection, tenant: &str, keys: &[Key], reference: Reference) -> Result<Vec<MissingItem>> {
    let mut items = read_without_successors(db, tenant, keys, reference).await?;
    name_successors(db, tenant, &mut items).await?;
    Ok(items)
}

/// The same, and no hint of what they may live on as.
pub(crate) async fn read_without_successors(
    db: &mut SqliteConnection,
    tenant: &str,
    keys: &[Key],
    reference: Reference,
) -> Result<Vec<MissingItem>> {
    let keys = serde_json::to_string(keys).map_err(|error| StoreError::Refused(error.into()))?;
    let rows = sqlx::query_file_as!(MissingRow, "src/sql/missing_page.sql", tenant, keys, reference == Reference::LatestComplete)
        .fetch_all(db)
        .await
        .map_err(of_statement)?;
    rows.into_iter().map(MissingItem::try_from).collect()
}

#[cfg(test)]
mod tests {
    use sqlx::{AssertSqlSafe, Row};

    use crate::SqliteStore;

    #[tokio::test]
    async fn missing_goes_from_the_reference_to_its_listings_to_the_items_and_never_the_other_way() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = SqliteStore::open(&folder.path().join("lastseen.db")).await.expect("opens");
        for (sql, items) in [
            (
                include_str!("sql/missing_judge.sql"),
                "SEARCH c USING INDEX sqlite_autoindex_catalogue_1 (tenant_id=? AND policy_type=? AND ordinal<?)",
            ),
            (
                include_str!("sql/missing_page.sql"),
                "SEARCH c USING INDEX catalogue_by_external_id (tenant_id=? AND policy_type=? AND external_id=?)",
            ),
        ] {
            let plan = sqlx::query(AssertSqlSafe(format!("EXPLAIN QUERY PLAN {sql}"))).fetch_all(&store.readers).await.expect("a plan");
            let plan: Vec<String> = plan.iter().map(|row| row.get("detail")).collect();
            let place = |step: &str| plan.iter().position(|found| found.starts_with(step)).unwrap_or_else(|| panic!("{step}\n{plan:#?}"));
            let steps = [
                "SCAN j VIRTUAL TABLE",
                "SEARCH r USING INDEX sqlite_autoindex_sync_runs_1 (tenant_id=? AND run_id=?)",
                "SEARCH l USING INDEX sqlite_autoindex_listings_1 (tenant_id=? AND run_id=? AND policy_type=?)",
                items,
                "SEARCH s USING INDEX listings_by_last_no (tenant_id=? AND policy_type=? AND last_no=?)",
            ];
            assert!(steps.map(place).is_sorted(), "{plan:#?}");
        }
    }
}
