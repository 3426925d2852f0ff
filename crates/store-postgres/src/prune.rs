//! Retention: listings beyond the limits go, and no derived answer changes. Items and run rows stay.

use std::collections::{BTreeMap, BTreeSet};

use lastseen_model::OrdinalBitmap;
use lastseen_store::{Pruned, Result, Retention, TenantScope};
use uuid::Uuid;

use crate::PostgresStore;
use crate::error::of_statement;
use crate::lease::earlier;
use crate::rows::Stored;
use crate::transaction::{TenantTx, met};

/// A listing's key within its tenant: type and run.
type ListingKey = (String, Uuid);

pub(crate) async fn prune(store: &PostgresStore, scope: &TenantScope, retention: &Retention) -> Result<Pruned> {
    let mut tx = store.write(scope).await?;
    keep_claims_away(&mut tx).await?;
    let beyond = beyond_limits(&mut tx, retention).await?;
    let needed = needed(&mut tx).await?;
    let dropped: BTreeSet<ListingKey> = beyond.difference(&needed).cloned().collect();

    let mut cold_facts = 0;
    for (policy_type, runs) in by_type(&dropped) {
        cold_facts += write_cold_facts(&mut tx, policy_type, &runs).await?;
    }
    drop_listings(&mut tx, &dropped).await?;
    tx.commit().await?;
    Ok(Pruned { listings: dropped.len() as u64, cold_facts, kept_as_proof: (beyond.len() - dropped.len()) as u64 })
}

/// A claim chooses the listings that its own will be measured against, so none of the tenant may be made while listings go. Pages and
/// ends of runs may: they add evidence, and need none of what goes.
async fn keep_claims_away(tx: &mut TenantTx) -> Result<()> {
    let tenant = tx.tenant;
    sqlx::query_scalar!("SELECT tenant_id FROM tenants WHERE tenant_id = $1 FOR NO KEY UPDATE", tenant)
        .fetch_optional(tx.db())
        .await
        .map_err(of_statement)?;
    tx.now_again().await
}

fn by_type(keys: &BTreeSet<ListingKey>) -> BTreeMap<&str, BTreeSet<Uuid>> {
    let mut types: BTreeMap<&str, BTreeSet<Uuid>> = BTreeMap::new();
    for (policy_type, run) in keys {
        types.entry(policy_type).or_default().insert(*run);
    }
    types
}

/// Listings of ended runs beyond either limit that is set.
async fn beyond_limits(tx: &mut TenantTx, retention: &Retention) -> Result<BTreeSet<ListingKey>> {
    let tenant = tx.tenant;
    let before = retention.older_than.map(|age| earlier(tx.now, age));
    let rows = sqlx::query!(
        "WITH ended AS (
             SELECT run_id, finished_at, row_number() OVER (PARTITION BY selection_hash ORDER BY run_no DESC) AS place
             FROM sync_runs WHERE tenant_id = $1 AND status IN ('success', 'partial', 'failed')
         )
         SELECT l.policy_type, l.run_id FROM ended e JOIN listings l ON l.tenant_id = $1 AND l.run_id = e.run_id
         WHERE e.place > $2 OR e.finished_at < $3",
        tenant,
        retention.keep_runs.map(i64::from),
        before as _,
    )
    .fetch_all(tx.db())
    .await
    .map_err(of_statement)?;
    Ok(rows.into_iter().map(|row| (row.policy_type, row.run_id)).collect())
}

/// Listings that a derived answer needs, now or when a live run has ended.
async fn needed(tx: &mut TenantTx) -> Result<BTreeSet<ListingKey>> {
    let tenant = tx.tenant;
    let rows = sqlx::query!(
        r#"WITH completed AS MATERIALIZED (
               SELECT run_id, status, row_number() OVER (PARTITION BY selection_hash ORDER BY run_no DESC) AS place,
                      row_number() OVER (PARTITION BY selection_hash, status ORDER BY run_no DESC) AS place_in_status
               FROM sync_runs WHERE tenant_id = $1 AND status IN ('success', 'partial', 'failed')
           ),
           -- What an answer can refer to: the listings of every selection's latest completed and latest successful run, and for
           -- every selection and type the newest complete one.
           referred AS MATERIALIZED (
               SELECT l.policy_type, l.run_id, l.base_run_id
               FROM completed r JOIN listings l ON l.tenant_id = $1 AND l.run_id = r.run_id
               WHERE r.place = 1 OR (r.status = 'success' AND r.place_in_status = 1)
               UNION
               SELECT policy_type, run_id, base_run_id FROM (
                   SELECT l.policy_type, l.run_id, l.base_run_id,
                          row_number() OVER (PARTITION BY l.selection_hash, l.policy_type ORDER BY l.run_no DESC) AS place
                   FROM completed r JOIN listings l ON l.tenant_id = $1 AND l.run_id = r.run_id
                   WHERE l.outcome = 'complete'
               ) newest WHERE place = 1
           )
           SELECT policy_type AS "policy_type!", run_id AS "run_id!" FROM (
               SELECT policy_type, run_id FROM referred
               -- What these are compared with, and what the listings of live runs will be.
               UNION SELECT policy_type, base_run_id FROM referred
               UNION SELECT l.policy_type, l.base_run_id
                     FROM sync_runs r JOIN listings l ON l.tenant_id = r.tenant_id AND l.run_id = r.run_id
                     WHERE r.tenant_id = $1 AND r.status IN ('pending', 'running')
               -- Since when an item is missing.
               UNION SELECT e.policy_type, e.missing_since_run_id
                     FROM referred f
                     CROSS JOIN LATERAL (
                         SELECT m.policy_type, m.missing_since_run_id FROM missing_evidence m
                         WHERE m.tenant_id = $1 AND m.reference_run_id = f.run_id AND m.policy_type = f.policy_type
                         OFFSET 0
                     ) e
               -- What the first run of another selection will be compared with.
               UNION SELECT policy_type, run_id FROM (
                         SELECT policy_type, run_id, row_number() OVER (PARTITION BY policy_type ORDER BY last_no DESC) AS place
                         FROM listings WHERE tenant_id = $1 AND outcome = 'complete'
                     ) newest WHERE place = 1
           ) kept WHERE run_id IS NOT NULL"#,
        tenant,
    )
    .fetch_all(tx.db())
    .await
    .map_err(of_statement)?;
    Ok(rows.into_iter().map(|row| (row.policy_type, row.run_id)).collect())
}

/// Writes down the last sighting of every item whose proof is among the `runs` whose listings of the type go. Answers how many.
async fn write_cold_facts(tx: &mut TenantTx, policy_type: &str, runs: &BTreeSet<Uuid>) -> Result<u64> {
    let tenant = tx.tenant;
    let listings = sqlx::query!(
        r#"SELECT run_id, last_no AS "last_no!" FROM listings
           WHERE tenant_id = $1 AND policy_type = $2 AND last_no IS NOT NULL ORDER BY last_no DESC"#,
        tenant,
        policy_type,
    )
    .fetch_all(tx.db())
    .await
    .map_err(of_statement)?;

    let mut written = 0;
    let mut seen_later = OrdinalBitmap::new();
    let mut left = runs.len();
    for row in listings {
        if left == 0 {
            break;
        }
        let observed = bitmap(tx, policy_type, row.run_id).await?;
        if runs.contains(&row.run_id) {
            left -= 1;
            let proven = observed.without(&seen_later);
            if !proven.is_empty() {
                written += write_cold_fact(tx, policy_type, row.run_id, row.last_no, &proven).await?;
            }
        }
        seen_later = seen_later.union(&observed);
    }
    Ok(written)
}

async fn bitmap(tx: &mut TenantTx, policy_type: &str, run: Uuid) -> Result<OrdinalBitmap> {
    let tenant = tx.tenant;
    let observed = sqlx::query_scalar!(
        "SELECT observed FROM listings WHERE tenant_id = $1 AND run_id = $2 AND policy_type = $3",
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
async fn write_cold_fact(tx: &mut TenantTx, policy_type: &str, run: Uuid, no: i64, items: &OrdinalBitmap) -> Result<u64> {
    let tenant = tx.tenant;
    let stored = Stored { table: "listings", key: policy_type };
    let ordinals: Vec<i32> = items.iter().map(|ordinal| stored.number("observed", ordinal)).collect::<Result<_>>()?;
    let done = sqlx::query!(
        "WITH locked AS (
             -- In the order in which pages lock items, too.
             SELECT ordinal FROM catalogue WHERE tenant_id = $1 AND policy_type = $2 AND ordinal = ANY($4) ORDER BY ordinal
             FOR NO KEY UPDATE
         )
         UPDATE catalogue c SET cold_last_seen_no = l.last_no, cold_last_seen_at = l.last_page_at, cold_last_seen_run_id = l.run_id,
                                cold_last_seen_contract = l.contract_hash
         FROM listings l, locked
         WHERE l.tenant_id = $1 AND l.policy_type = $2 AND l.run_id = $3
           AND c.tenant_id = $1 AND c.policy_type = $2 AND c.ordinal = locked.ordinal
           -- An older fact never overwrites a newer one.
           AND coalesce(c.cold_last_seen_no, 0) < $5",
        tenant,
        policy_type,
        run,
        &ordinals,
        no,
    )
    .execute(tx.db())
    .await
    .map_err(of_statement)?;
    Ok(done.rows_affected())
}

async fn drop_listings(tx: &mut TenantTx, dropped: &BTreeSet<ListingKey>) -> Result<()> {
    let tenant = tx.tenant;
    let (types, runs): (Vec<String>, Vec<Uuid>) = dropped.iter().cloned().unzip();
    let done = sqlx::query!(
        "DELETE FROM listings l USING unnest($2::text[], $3::uuid[]) AS k (policy_type, run_id)
         WHERE l.tenant_id = $1 AND l.policy_type = k.policy_type AND l.run_id = k.run_id",
        tenant,
        &types,
        &runs,
    )
    .execute(tx.db())
    .await
    .map_err(of_statement)?;
    met("prune", dropped.len() as u64, done.rows_affected())
}
