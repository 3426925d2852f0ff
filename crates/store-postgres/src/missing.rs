//! What is missing for a selection, against a reference. The rule itself stands in the view `missing_evidence`.

use lastseen_model::{Confidence, PolicyType, Reference, RunId, SelectionHash, Timestamp};
use lastseen_store::{
    Counted, Coverage, Cursor, Missing, MissingAnswer, MissingCounts, MissingItem, MissingQuery, ReferenceRun, Result, TenantScope,
};
use uuid::Uuid;

use crate::PostgresStore;
use crate::error::of_statement;
use crate::rows::{MissingRow, Stored, reference_run, time};
use crate::successors::name_successors;
use crate::transaction::{TenantTx, met};

pub(crate) async fn missing(store: &PostgresStore, scope: &TenantScope, query: &MissingQuery) -> Result<Missing> {
    let mut tx = store.read(scope).await?;
    let Some(reference) = reference(&mut tx, query.selection, query.reference).await? else { return Ok(Missing::NoBaseline) };
    let coverage = coverage(&mut tx, &reference).await?;
    let listings = query.listings(&coverage);
    let Judged { high, low, acknowledged, mut page } = judge(&mut tx, query, &listings).await?;
    let more = page.len() > query.page_size();
    page.truncate(query.page_size());
    let items = read_keys(&mut tx, &page, query.reference).await?;
    met("missing", page.len() as u64, items.len() as u64)?;
    let last = items.last().filter(|_| more);
    let next_cursor = last.map(|item| Cursor { policy_type: item.policy_type.clone(), external_id: item.external_id.clone() });
    Ok(Missing::Answer(Box::new(MissingAnswer { reference, coverage, items, high, low, acknowledged, next_cursor })))
}

pub(crate) async fn missing_counts(store: &PostgresStore, scope: &TenantScope, reference: Reference) -> Result<Vec<MissingCounts>> {
    let mut tx = store.read(scope).await?;
    let tenant = tx.tenant;
    let rows =
        sqlx::query!("SELECT selection_hash, selection_payload FROM selections WHERE tenant_id = $1 ORDER BY selection_hash", tenant)
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
            selection_payload: selection.json("selection_payload", row.selection_payload)?,
            counts: counted(&mut tx, selection_hash, reference).await?,
        });
    }
    Ok(counts)
}

/// The totals that [`missing`] gives, without a page.
async fn counted(tx: &mut TenantTx, selection: SelectionHash, against: Reference) -> Result<Option<Counted>> {
    let Some(reference) = reference(tx, selection, against).await? else { return Ok(None) };
    let coverage = coverage(tx, &reference).await?;
    let query = MissingQuery::totals(selection, against);
    let Judged { high, low, acknowledged, page: _ } = judge(tx, &query, &query.listings(&coverage)).await?;
    Ok(Some(Counted::new(reference, &coverage, high, low, acknowledged)))
}

/// The run that the answer names. For *latest complete* that is the latest completed run, whose scope is answered.
async fn reference(tx: &mut TenantTx, selection: SelectionHash, reference: Reference) -> Result<Option<ReferenceRun>> {
    let tenant = tx.tenant;
    let row = sqlx::query!(
        r#"SELECT run_id, status, finished_at AS "finished_at!" FROM sync_runs
           WHERE tenant_id = $1 AND selection_hash = $2 AND status IN ('success', 'partial', 'failed') AND (status = 'success' OR NOT $3)
           ORDER BY run_no DESC LIMIT 1"#,
        tenant,
        selection.to_string(),
        reference == Reference::LatestSuccess,
    )
    .fetch_optional(tx.db())
    .await
    .map_err(of_statement)?;
    let stored = Stored { table: "sync_runs", key: "the reference" };
    row.map(|row| reference_run(&stored, row.run_id, &row.status, row.finished_at)).transpose()
}

async fn coverage(tx: &mut TenantTx, reference: &ReferenceRun) -> Result<Vec<Coverage>> {
    let tenant = tx.tenant;
    let rows = sqlx::query!(
        r#"SELECT tenant_id AS "tenant_id!", selection_hash AS "selection_hash!", policy_type AS "policy_type!",
                  reference_run_id AS "reference_run_id!", reference_status AS "reference_status!",
                  reference_finished_at AS "reference_finished_at!", outcome AS "outcome!", error_code,
                  items_observed AS "items_observed!", items_unseen AS "items_unseen!", latest_complete_run_id, latest_complete_at
           FROM coverage_evidence WHERE tenant_id = $1 AND reference_run_id = $2 ORDER BY policy_type"#,
        tenant,
        reference.reference_run_id.as_uuid(),
    )
    .fetch_all(tx.db())
    .await
    .map_err(of_statement)?;
    rows.into_iter()
        .map(|row| {
            let listing = Stored { table: "listings", key: &row.policy_type };
            Ok(Coverage {
                tenant_id: listing.id("tenant_id", row.tenant_id)?,
                selection_hash: listing.word("selection_hash", &row.selection_hash)?,
                policy_type: listing.word("policy_type", &row.policy_type)?,
                reference: reference_run(&listing, row.reference_run_id, &row.reference_status, row.reference_finished_at)?,
                outcome: listing.word("outcome", &row.outcome)?,
                error_code: listing.option_word("error_code", row.error_code.as_deref())?,
                items_observed: listing.number("items_observed", row.items_observed)?,
                items_unseen: listing.number("items_unseen", row.items_unseen)?,
                latest_complete_run_id: listing.option_id("latest_complete_run_id", row.latest_complete_run_id)?,
                latest_complete_at: time(row.latest_complete_at),
            })
        })
        .collect()
}

/// An item, seen from a listing.
pub(crate) struct Key {
    pub(crate) policy_type: String,
    pub(crate) external_id: String,
    pub(crate) run: Uuid,
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
async fn judge(tx: &mut TenantTx, query: &MissingQuery, listings: &[(&PolicyType, RunId)]) -> Result<Judged> {
    let tenant = tx.tenant;
    let types: Vec<String> = listings.iter().map(|(policy_type, _)| policy_type.as_str().to_owned()).collect();
    let runs: Vec<Uuid> = listings.iter().map(|(_, run)| run.as_uuid()).collect();
    let since: Option<jiff_sqlx::Timestamp> = query.since.map(Timestamp::into);
    let rows = sqlx::query_file!(
        "src/sql/missing_judge.sql",
        tenant,
        &types,
        &runs,
        query.reference == Reference::LatestComplete,
        query.confidence.map(|confidence| confidence == Confidence::High),
        since as _,
        query.acknowledged,
        query.after.as_ref().map(|cursor| cursor.policy_type.as_str()),
        query.after.as_ref().map(|cursor| cursor.external_id.as_str()),
        i64::try_from(query.page_size() + 1).unwrap_or(i64::MAX),
    )
    .fetch_all(tx.db())
    .await
    .map_err(of_statement)?;

    let stored = Stored { table: "missing_evidence", key: "the totals" };
    let mut judged = Judged { high: 0, low: 0, acknowledged: 0, page: Vec::new() };
    for row in rows {
        // The totals stand beside every key, and beside none when the page is empty.
        judged.high = stored.number("high", row.high)?;
        judged.low = stored.number("low", row.low)?;
        judged.acknowledged = stored.number("acknowledged", row.acknowledged)?;
        if let (Some(policy_type), Some(external_id), Some(run)) = (row.policy_type, row.external_id, row.reference_run_id) {
            judged.page.push(Key { policy_type, external_id, run });
        }
    }
    Ok(judged)
}

/// The missing items of these keys, in their order; a key whose item is not missing in its listing has none.
pub(crate) async fn read_keys(tx: &mut TenantTx, keys: &[Key], reference: Reference) -> Result<Vec<MissingItem>> {
    let mut items = read_without_successors(tx, keys, reference).await?;
    name_successors(tx, &mut items).await?;
    Ok(items)
}

/// The same, and no hint of what they may live on as.
pub(crate) async fn read_without_successors(tx: &mut TenantTx, keys: &[Key], reference: Reference) -> Result<Vec<MissingItem>> {
    if keys.is_empty() {
        return Ok(Vec::new());
    }
    let tenant = tx.tenant;
    let types: Vec<String> = keys.iter().map(|key| key.policy_type.clone()).collect();
    let ids: Vec<String> = keys.iter().map(|key| key.external_id.clone()).collect();
    let runs: Vec<Uuid> = keys.iter().map(|key| key.run).collect();
    let rows =
        sqlx::query_file_as!(MissingRow, "src/sql/missing_page.sql", tenant, &types, &ids, &runs, reference == Reference::LatestComplete,)
            .fetch_all(tx.db())
            .await
            .map_err(of_statement)?;
    rows.into_iter().map(MissingItem::try_from).collect()
}
