//! Retention: listings beyond the limits go, and no derived answer changes. Items and run rows stay.

use std::collections::{BTreeMap, BTreeSet};

use lastseen_model::OrdinalBitmap;
use lastseen_store::{Pruned, Result, Retention, TenantScope};

use crate::SqliteStore;
use crate::error::of_statement;
use crate::lease::micros;
use crate::transaction::{WriteTx, met};

/// A listing's key within its tenant: type and run.
type ListingKey = (String, String);

pub(crate) async fn prune(store: &SqliteStore, scope: &TenantScope, retention: &Retention) -> Result<Pruned> {
    let mut tx = store.write().await?;
    let tenant = scope.tenant().to_string();
    let beyond = beyond_limits(&mut tx, &tenant, retention).await?;
    let needed = needed(&mut tx, &tenant).await?;
    let dropped: BTreeSet<ListingKey> = beyond.difference(&needed).cloned().collect();

    let mut cold_facts = 0;
    for (policy_type, runs) in by_type(&dropped) {
        cold_facts += write_cold_facts(&mut tx, &tenant, policy_type, &runs).await?;
    }
    for (policy_type, run) in &dropped {
        let done =
            sqlx::query!("DELETE FROM listings WHERE tenant_id = ?1 AND run_id = ?2 AND policy_type = ?3", tenant, run, policy_type,)
                .execute(tx.db())
                .await
                .map_err(of_statement)?;
        met("prune", 1, done.rows_affected())?;
    }
    tx.commit().await?;
    Ok(Pruned { listings: dropped.len() as u64, cold_facts, kept_as_proof: (beyond.len() - dropped.len()) as u64 })
}

fn by_type(keys: &BTreeSet<ListingKey>) -> BTreeMap<&str, BTreeSet<&str>> {
    let mut types: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (policy_type, run) in keys {
        types.entry(policy_type).or_default().insert(run);
    }
    types
}

/// A row that names a listing; without a run it names none.
struct KeyRow {
    policy_type: String,
    run_id: Option<String>,
}

/// The listings that rows name.
fn keys(rows: Vec<KeyRow>) -> BTreeSet<ListingKey> {
    rows.into_iter().filter_map(|row| Some((row.policy_type, row.run_id?))).collect()
}

/// Listings of ended runs beyond either limit that is set.
async fn beyond_limits(tx: &mut WriteTx, tenant: &str, retention: &Retention) -> Result<BTreeSet<ListingKey>> {
    let before = retention.older_than.map(|age| tx.now.saturating_sub(micros(age)));
    let rows = sqlx::query_as!(
        KeyRow,
        "WITH ended AS (
             SELECT run_id, finished_at, row_number() OVER (PARTITION BY selection_hash ORDER BY run_no DESC) AS place
             FROM sync_runs WHERE tenant_id = ?1 AND status IN ('success', 'partial', 'failed')
         )
         SELECT l.policy_type, l.run_id FROM ended e JOIN listings l ON l.tenant_id = ?1 AND l.run_id = e.run_id
         WHERE e.place > ?2 OR e.finished_at < ?3",
        tenant,
        retention.keep_runs,
        before,
    )
    .fetch_all(tx.db())
    .await
    .map_err(of_statement)?;
    Ok(keys(rows))
}

/// Listings that a derived answer needs, now or when a live run has ended.
async fn needed(tx: &mut WriteTx, tenant: &str) -> Result<BTreeSet<ListingKey>> {
    let rows = sqlx::query_as!(
        KeyRow,
        r#"WITH completed AS MATERIALIZED (
               SELECT run_id, status, row_number() OVER (PARTITION BY selection_hash ORDER BY run_no DESC) AS place,
                      row_number() OVER (PARTITION BY selection_hash, status ORDER BY run_no DESC) AS place_in_status
               FROM sync_runs WHERE tenant_id = ?1 AND status IN ('success', 'partial', 'failed')
           ),
           -- What an answer can refer to: the listings of every selection's latest completed and latest successful run, and for
           -- every selection and type the newest complete one.
           referred AS MATERIALIZED (
               SELECT l.policy_type, l.run_id, l.base_run_id
               FROM completed r JOIN listings l ON l.tenant_id = ?1 AND l.run_id = r.run_id
               WHERE r.place = 1 OR (r.status = 'success' AND r.place_in_status = 1)
               UNION
               SELECT policy_type, run_id, base_run_id FROM (
                   SELECT l.policy_type, l.run_id, l.base_run_id,
                          row_number() OVER (PARTITION BY l.selection_hash, l.policy_type ORDER BY l.run_no DESC) AS place
                   FROM completed r JOIN listings l ON l.tenant_id = ?1 AND l.run_id = r.run_id
                   WHERE l.outcome = 'complete'
               ) WHERE place = 1
           )
           SELECT policy_type AS "policy_type!: String", run_id AS "run_id?: String" FROM referred
           -- What these are compared with, and what the listings of live runs will be.
           UNION SELECT policy_type, base_run_id FROM referred
           UNION SELECT l.policy_type, l.base_run_id
                 FROM sync_runs r JOIN listings l ON l.tenant_id = r.tenant_id AND l.run_id = r.run_id
                 WHERE r.tenant_id = ?1 AND r.status IN ('pending', 'running')
           -- Since when an item is missing. Asked of every item that is: a condition on the answer would turn the question around.
           UNION SELECT e.policy_type, e.missing_since_run_id
                 FROM referred f
                 CROSS JOIN missing_evidence e
                     ON e.tenant_id = ?1 AND e.reference_run_id = f.run_id AND e.policy_type = f.policy_type
           -- What the first run of another selection will be compared with.
           UNION SELECT policy_type, run_id FROM (
                     SELECT policy_type, run_id, row_number() OVER (PARTITION BY policy_type ORDER BY last_no DESC) AS place
                     FROM listings WHERE tenant_id = ?1 AND outcome = 'complete'
                 ) WHERE place = 1"#,
        tenant,
    )
    .fetch_all(tx.db())
    .await
    .map_err(of_statement)?;
    Ok(keys(rows))
}

/// Writes down the last sighting of every item whose proof is among the `runs` whose listings of the type go. Answers how many.
async fn write_cold_facts(tx: &mut WriteTx, tenant: &str, policy_type: &str, runs: &BTreeSet<&str>) -> Result<u64> {
    let listings = sqlx::query!(
        r#"SELECT run_id, last_no AS "last_no!" FROM listings
           WHERE tenant_id = ?1 AND policy_type = ?2 AND last_no IS NOT NULL ORDER BY last_no DESC"#,
        tenant,
        policy_type,
    )
    .fetch_all(tx.db())
    .await
    .map_err(of_statement)?;

    let mut written = 0;
    let mut seen_later = OrdinalBitmap::new();
    let mut left = runs.len();
    for listing in listings {
        if left == 0 {
            break;
        }
        let observed = bitmap(tx, tenant, policy_type, &listing.run_id).await?;
        if runs.contains(listing.run_id.as_str()) {
            left -= 1;
            let proven = observed.without(&seen_later);
            if !proven.is_empty() {
                written += write_cold_fact(tx, &(tenant, policy_type, &listing.run_id), listing.last_no, &proven).await?;
            }
        }
        seen_later = seen_later.union(&observed);
    }
    Ok(written)
}

async fn bitmap(tx: &mut WriteTx, tenant: &str, policy_type: &str, run: &str) -> Result<OrdinalBitmap> {
    let observed = sqlx::query_scalar!(
        "SELECT observed FROM listings WHERE tenant_id = ?1 AND run_id = ?2 AND policy_type = ?3",
        tenant,
        run,
        policy_type,
    )
    .fetch_one(tx.db())
    .await
    .map_err(of_statement)?;
    Ok(OrdinalBitmap::from_bytes(observed))
}

/// Copies a listing's number, time, run and contract onto the items whose last sighting it proves.
async fn write_cold_fact(tx: &mut WriteTx, listing: &(&str, &str, &str), no: i64, items: &OrdinalBitmap) -> Result<u64> {
    let (tenant, policy_type, run) = listing;
    let items: serde_json::Value = items.iter().collect();
    let done = sqlx::query!(
        "UPDATE catalogue SET cold_last_seen_no = l.last_no, cold_last_seen_at = l.last_page_at, cold_last_seen_run_id = l.run_id,
                              cold_last_seen_contract = l.contract_hash
         FROM listings l
         WHERE l.tenant_id = ?1 AND l.policy_type = ?2 AND l.run_id = ?3
           AND catalogue.tenant_id = ?1 AND catalogue.policy_type = ?2 AND catalogue.ordinal IN (SELECT value FROM json_each(?4))
           -- An older fact never overwrites a newer one.
           AND coalesce(catalogue.cold_last_seen_no, 0) < ?5",
        tenant,
        policy_type,
        run,
        items.to_string(),
        no,
    )
    .execute(tx.db())
    .await
    .map_err(of_statement)?;
    Ok(done.rows_affected())
}
