//! What is missing for a selection, against a reference. The rule itself stands in the view `missing_evidence`.

use lastseen_model::{Confidence, PolicyType, Reason, Reference, RunId, Timestamp};
use lastseen_store::{Coverage, Cursor, Missing, MissingAnswer, MissingItem, MissingQuery, ReferenceRun, Result, TenantScope};
use serde_json::{Value, json};
use sqlx::SqliteConnection;
use sqlx::sqlite::SqliteRow;

use crate::SqliteStore;
use crate::error::of_statement;
use crate::rows::Fields;
use crate::transaction::met;

pub(crate) async fn missing(store: &SqliteStore, scope: &TenantScope, query: &MissingQuery) -> Result<Missing> {
    let mut tx = store.read().await?;
    let Some(reference) = reference(tx.db(), scope, query).await? else { return Ok(Missing::NoBaseline) };
    let coverage = coverage(tx.db(), scope, &reference).await?;
    let listings = reference_listings(query.reference, &coverage);
    let Judged { high, low, acknowledged, mut page } = judge(tx.db(), scope, query, &listings).await?;
    let more = page.len() > limit(query);
    page.truncate(limit(query));
    let items = read_page(tx.db(), scope, query, &page).await?;
    let last = items.last().filter(|_| more);
    let next_cursor = last.map(|item| Cursor { policy_type: item.policy_type.clone(), external_id: item.external_id.clone() });
    Ok(Missing::Answer(Box::new(MissingAnswer { reference, coverage, items, high, low, acknowledged, next_cursor })))
}

fn limit(query: &MissingQuery) -> usize {
    query.limit.clamp(1, 10_000) as usize
}

/// The run that the answer names. For *latest complete* that is the latest completed run, whose scope is answered.
async fn reference(db: &mut SqliteConnection, scope: &TenantScope, query: &MissingQuery) -> Result<Option<ReferenceRun>> {
    let row = sqlx::query(
        "SELECT run_id AS reference_run_id, status AS reference_status, finished_at AS reference_finished_at FROM sync_runs
         WHERE tenant_id = ?1 AND selection_hash = ?2 AND status IN ('success', 'partial', 'failed') AND (status = 'success' OR NOT ?3)
         ORDER BY run_no DESC LIMIT 1",
    )
    .bind(scope.tenant().to_string())
    .bind(query.selection.to_string())
    .bind(query.reference == Reference::LatestSuccess)
    .fetch_optional(db)
    .await
    .map_err(of_statement)?;
    row.map(|row| reference_run(&Fields::of(&row, "sync_runs", "reference_run_id"))).transpose()
}

fn reference_run(fields: &Fields<'_>) -> Result<ReferenceRun> {
    Ok(ReferenceRun {
        reference_run_id: fields.word("reference_run_id")?,
        reference_status: fields.word("reference_status")?,
        reference_finished_at: fields.time("reference_finished_at")?,
    })
}

async fn coverage(db: &mut SqliteConnection, scope: &TenantScope, reference: &ReferenceRun) -> Result<Vec<Coverage>> {
    let rows = sqlx::query("SELECT * FROM coverage_evidence WHERE tenant_id = ?1 AND reference_run_id = ?2 ORDER BY policy_type")
        .bind(scope.tenant().to_string())
        .bind(reference.reference_run_id.to_string())
        .fetch_all(db)
        .await
        .map_err(of_statement)?;
    rows.iter()
        .map(|row| {
            let listing = Fields::of(row, "listings", "policy_type");
            Ok(Coverage {
                tenant_id: listing.word("tenant_id")?,
                selection_hash: listing.word("selection_hash")?,
                policy_type: listing.word("policy_type")?,
                reference: reference_run(&listing)?,
                outcome: listing.word("outcome")?,
                error_code: listing.option_word("error_code")?,
                items_observed: listing.number("items_observed")?,
                items_unseen: listing.number("items_unseen")?,
                latest_complete_run_id: listing.option_word("latest_complete_run_id")?,
                latest_complete_at: listing.option_time("latest_complete_at")?,
            })
        })
        .collect()
}

/// The listings that the answer is made of: those of the reference run, or for each of its types the newest complete one.
fn reference_listings<'a>(reference: Reference, coverage: &'a [Coverage]) -> Vec<(&'a PolicyType, RunId)> {
    let listing = |row: &'a Coverage| match reference {
        Reference::LatestCompleted | Reference::LatestSuccess => Some((&row.policy_type, row.reference.reference_run_id)),
        Reference::LatestComplete => Some((&row.policy_type, row.latest_complete_run_id?)),
    };
    coverage.iter().filter_map(listing).collect()
}

/// How many items are missing, and which stand on the page.
struct Judged {
    high: u64,
    low: u64,
    acknowledged: u64,
    /// Keys of `missing_evidence`, in order; one more than the page holds when there is a next.
    page: Vec<Value>,
}

/// Looks at every missing item once, for the totals and for the page.
async fn judge(db: &mut SqliteConnection, scope: &TenantScope, query: &MissingQuery, listings: &[(&PolicyType, RunId)]) -> Result<Judged> {
    let listings: Value =
        listings.iter().map(|(policy_type, run)| json!({"policy_type": policy_type.as_str(), "run_id": run.to_string()})).collect();
    let rows = sqlx::query(JUDGE)
        .bind(scope.tenant().to_string())
        .bind(listings.to_string())
        .bind(query.reference == Reference::LatestComplete)
        .bind(query.confidence.map(|confidence| confidence == Confidence::High))
        .bind(query.since.map(Timestamp::as_microsecond))
        .bind(query.acknowledged)
        .bind(query.after.as_ref().map(|cursor| cursor.policy_type.as_str()))
        .bind(query.after.as_ref().map(|cursor| cursor.external_id.as_str()))
        .bind(i64::try_from(limit(query) + 1).unwrap_or(i64::MAX))
        .fetch_all(db)
        .await
        .map_err(of_statement)?;

    let mut judged = Judged { high: 0, low: 0, acknowledged: 0, page: Vec::new() };
    for row in &rows {
        let found = Fields::of(row, "missing_evidence", "external_id");
        // The totals stand beside every key, and beside none when the page is empty.
        (judged.high, judged.low, judged.acknowledged) = (found.number("high")?, found.number("low")?, found.number("acknowledged")?);
        if let Some(external_id) = found.text("external_id")? {
            let (policy_type, run_id) = (found.text("policy_type")?, found.text("reference_run_id")?);
            judged.page.push(json!({"policy_type": policy_type, "external_id": external_id, "run_id": run_id}));
        }
    }
    Ok(judged)
}

/// Only what decides is worked out for every item; the reasons in words are the page's. The listings lead (CROSS JOIN), so that each
/// is one range of the catalogue.
const JUDGE: &str = "
    WITH judged AS MATERIALIZED (
        SELECT e.policy_type, e.external_id, e.reference_run_id, e.missing_since, e.acknowledged_at,
               (e.run_reasons = '' OR ?3) AND e.reasons_before = '' AND e.reasons_after = '' AND NOT e.seen_as_other_type AS certain
        FROM json_each(?2) j
        CROSS JOIN missing_evidence e
            ON e.tenant_id = ?1 AND e.reference_run_id = j.value ->> 'run_id' AND e.policy_type = j.value ->> 'policy_type'
    ),
    totals AS (
        SELECT count(*) FILTER (WHERE certain) AS high, count(*) FILTER (WHERE NOT certain) AS low,
               count(acknowledged_at) AS acknowledged
        FROM judged
    ),
    page AS (
        SELECT policy_type, external_id, reference_run_id FROM judged
        WHERE (?4 IS NULL OR certain = ?4)
          AND (?5 IS NULL OR missing_since >= ?5)
          AND (?6 OR acknowledged_at IS NULL)
          AND (?7 IS NULL OR (policy_type, external_id) > (?7, ?8))
        ORDER BY policy_type, external_id LIMIT ?9
    )
    SELECT totals.high, totals.low, totals.acknowledged, page.policy_type, page.external_id, page.reference_run_id
    FROM totals LEFT JOIN page
    ORDER BY page.policy_type, page.external_id";

/// The reasons in words, in the order of the semantics, of the items that stand on a page.
const PAGE: &str = "
    SELECT e.*, iif(?3, '', e.run_reasons) || e.reasons_before || iif(e.seen_as_other_type, ',\"seen_as_other_type\"', '')
               || e.reasons_after AS reasons
    FROM json_each(?2) j
    CROSS JOIN missing_evidence e ON e.tenant_id = ?1 AND e.reference_run_id = j.value ->> 'run_id'
        AND e.policy_type = j.value ->> 'policy_type' AND e.external_id = j.value ->> 'external_id'
    ORDER BY e.policy_type, e.external_id";

/// The items of a page, by their keys.
async fn read_page(db: &mut SqliteConnection, scope: &TenantScope, query: &MissingQuery, page: &[Value]) -> Result<Vec<MissingItem>> {
    let rows = sqlx::query(PAGE)
        .bind(scope.tenant().to_string())
        .bind(Value::from(page).to_string())
        .bind(query.reference == Reference::LatestComplete)
        .fetch_all(db)
        .await
        .map_err(of_statement)?;
    met("missing", page.len() as u64, rows.len() as u64)?;
    rows.iter().map(missing_item).collect()
}

/// A row of `missing_evidence` with the reasons that count for the reference.
pub(crate) fn missing_item(row: &SqliteRow) -> Result<MissingItem> {
    let item = Fields::of(row, "missing_evidence", "external_id");
    let reasons = item.text("reasons")?.unwrap_or_default();
    let reasons: Vec<Reason> =
        serde_json::from_str(&format!("[{}]", reasons.trim_start_matches(','))).map_err(|_| item.inconsistent("reasons"))?;
    Ok(MissingItem {
        tenant_id: item.word("tenant_id")?,
        selection_hash: item.word("selection_hash")?,
        policy_type: item.word("policy_type")?,
        external_id: item.word("external_id")?,
        category: item.word("category")?,
        display_name: item.text("display_name")?.map(str::to_owned),
        platform: item.text("platform")?.map(str::to_owned),
        confidence: Confidence::from_reasons(&reasons),
        reasons,
        listing_outcome: item.word("listing_outcome")?,
        reference: reference_run(&item)?,
        first_seen_at: item.time("first_seen_at")?,
        last_seen_at: item.time("last_seen_at")?,
        last_seen_run_id: item.word("last_seen_run_id")?,
        missing_since: item.option_time("missing_since")?,
        missing_since_run_id: item.option_word("missing_since_run_id")?,
        acknowledged_at: item.option_time("acknowledged_at")?,
    })
}

#[cfg(test)]
mod tests {
    use sqlx::{AssertSqlSafe, Row};

    use super::{JUDGE, PAGE};
    use crate::SqliteStore;

    #[tokio::test]
    async fn missing_goes_from_the_reference_to_its_listings_to_the_items_and_never_the_other_way() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = SqliteStore::open(&folder.path().join("lastseen.db")).await.expect("opens");
        for (sql, items) in [
            (JUDGE, "SEARCH c USING INDEX sqlite_autoindex_catalogue_1 (tenant_id=? AND policy_type=? AND ordinal<?)"),
            (PAGE, "SEARCH c USING INDEX catalogue_by_external_id (tenant_id=? AND policy_type=? AND external_id=?)"),
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
