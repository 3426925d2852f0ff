//! Two runs held against each other. What their bitmaps say is worked out in `lastseen_store`; the database is asked for what bears on it.

use std::collections::{BTreeMap, HashMap};

use lastseen_model::{ChangeKind, Confidence, ContractHash, Guard, Ordinal, OrdinalBitmap, PolicyType, Reason, Reference, RunId};
use lastseen_store::{Comparison, Diff, DiffItem, DiffQuery, Listed, MISSED, NamedRun, Pair, Result, TenantScope, TypeDiff};

use crate::PostgresStore;
use crate::error::of_statement;
use crate::missing::{Key, read_without_successors};
use crate::rows::{Stored, time};
use crate::transaction::{TenantTx, met};

pub(crate) async fn diff(store: &PostgresStore, scope: &TenantScope, query: &DiffQuery) -> Result<Diff> {
    let mut tx = store.read(scope).await?;
    let pair = match query.pair(&named_runs(&mut tx, query.runs).await?) {
        Ok(pair) => pair,
        Err(answer) => return Ok(answer),
    };
    let listings = listings(&mut tx, &pair).await?;
    let mut types = pair.types(&listings);
    for of_type in &mut types {
        if let Some(comparison) = &mut of_type.comparison {
            judge(&mut tx, &of_type.policy_type, &pair, comparison).await?;
        }
    }
    let mut changes = Vec::new();
    for of_type in &types {
        // One more than a page holds says whether there is a next.
        let room = query.page_size() + 1 - changes.len();
        changes.extend(page(&mut tx, query, &pair, of_type, room).await?);
    }
    Ok(Diff::Answer(Box::new(pair.answer(query, &types, changes))))
}

async fn named_runs(tx: &mut TenantTx, runs: [RunId; 2]) -> Result<Vec<NamedRun>> {
    let tenant = tx.tenant;
    let rows = sqlx::query!(
        r#"SELECT run_id, run_no, selection_hash, status, started_at, finished_at, coalesce(scope, '{}') AS "scope!"
           FROM sync_runs WHERE tenant_id = $1 AND run_id = ANY($2)"#,
        tenant,
        &runs.map(RunId::as_uuid),
    )
    .fetch_all(tx.db())
    .await
    .map_err(of_statement)?;
    rows.into_iter()
        .map(|row| {
            let key = row.run_id.to_string();
            let run = Stored { table: "sync_runs", key: &key };
            Ok(NamedRun {
                run_id: run.id("run_id", row.run_id)?,
                run_no: row.run_no,
                selection_hash: run.word("selection_hash", &row.selection_hash)?,
                status: run.word("status", &row.status)?,
                started_at: time(row.started_at),
                finished_at: time(row.finished_at),
                scope: run.words("scope", &row.scope)?,
            })
        })
        .collect()
}

/// What is still there of the listings of both runs, with their bitmaps.
async fn listings(tx: &mut TenantTx, pair: &Pair) -> Result<BTreeMap<(RunId, PolicyType), Listed>> {
    let tenant = tx.tenant;
    let rows = sqlx::query!(
        r#"SELECT l.run_id, l.policy_type, l.outcome AS "outcome!", l.known_before, l.last_page_at, l.observed, l.contract_hash,
                  l.pages_by_offset, l.base_unseen, b.items_observed AS "base_observed?", r.guard_min_items, r.guard_percent,
                  l.base_run_id IS NOT NULL AND b.run_id IS NULL AS "base_dropped!"
           FROM listings l
           JOIN sync_runs r ON r.tenant_id = l.tenant_id AND r.run_id = l.run_id
           LEFT JOIN listings b ON b.tenant_id = l.tenant_id AND b.run_id = l.base_run_id AND b.policy_type = l.policy_type
           WHERE l.tenant_id = $1 AND l.run_id = ANY($2)"#,
        tenant,
        &[pair.older().as_uuid(), pair.newer().as_uuid()],
    )
    .fetch_all(tx.db())
    .await
    .map_err(of_statement)?;
    rows.into_iter()
        .map(|row| {
            let listing = Stored { table: "listings", key: &row.policy_type };
            let guard = Guard {
                min_items: listing.number("guard_min_items", row.guard_min_items)?,
                percent: listing.number("guard_percent", row.guard_percent)?,
            };
            let listed = Listed {
                outcome: listing.word("outcome", &row.outcome)?,
                known_before: listing.number("known_before", row.known_before)?,
                last_page_at: time(row.last_page_at),
                observed: OrdinalBitmap::from_bytes(row.observed),
                contract_hash: ContractHash::from_bytes(listing.digest("contract_hash", &row.contract_hash)?),
                pages_by_offset: row.pages_by_offset,
                guard_tripped: match (row.base_observed, row.base_unseen) {
                    (Some(observed), Some(unseen)) => {
                        guard.trips(listing.number("items_observed", observed)?, listing.number("base_unseen", unseen)?)
                    }
                    _ => false,
                },
                base_dropped: row.base_dropped,
            };
            Ok(((listing.id("run_id", row.run_id)?, listing.word("policy_type", &row.policy_type)?), listed))
        })
        .collect()
}

/// Asks what the bitmaps don't say: which items have changed, and against the absence of which nothing speaks.
async fn judge(tx: &mut TenantTx, policy_type: &PolicyType, pair: &Pair, comparison: &mut Comparison) -> Result<()> {
    let tenant = tx.tenant;
    let stored = Stored { table: "catalogue", key: policy_type.as_str() };
    if let Some((since, below)) = comparison.changed_after() {
        let rows = sqlx::query!(
            "SELECT ordinal, changed_at FROM catalogue WHERE tenant_id = $1 AND policy_type = $2 AND ordinal < $3 AND changed_at > $4",
            tenant,
            policy_type.as_str(),
            ordinal_sql(below),
            jiff_sqlx::Timestamp::from(since) as _,
        )
        .fetch_all(tx.db())
        .await
        .map_err(of_statement)?;
        for row in rows {
            comparison.changed(stored.number("ordinal", row.ordinal)?, row.changed_at.to_jiff());
        }
    }
    for kind in MISSED {
        let missed = comparison.missed(kind);
        if !missed.is_empty() {
            let rows = sqlx::query_file!(
                "src/sql/diff_missed.sql",
                tenant,
                pair.missed_by(kind).as_uuid(),
                policy_type.as_str(),
                missed.as_bytes(),
                kind == ChangeKind::Reappeared,
            )
            .fetch_all(tx.db())
            .await
            .map_err(of_statement)?;
            // What the older run saw was known when the newer was claimed, and what reappeared when the older was.
            met("diff", missed.len(), rows.len() as u64)?;
            for row in rows.iter().filter(|row| row.certain) {
                comparison.nothing_speaks_against(stored.number("ordinal", row.ordinal)?);
            }
        }
    }
    Ok(())
}

/// The changes of a type that stand on the page.
async fn page(tx: &mut TenantTx, query: &DiffQuery, pair: &Pair, of_type: &TypeDiff, room: usize) -> Result<Vec<DiffItem>> {
    let wanted = of_type.wanted(query);
    let Some(comparison) = of_type.comparison.as_ref().filter(|_| room > 0 && !wanted.is_empty()) else { return Ok(Vec::new()) };
    let (tenant, policy_type) = (tx.tenant, &of_type.policy_type);
    let after = query.after.as_ref().filter(|cursor| cursor.policy_type == *policy_type);
    let rows = sqlx::query_file!(
        "src/sql/diff_page.sql",
        tenant,
        policy_type.as_str(),
        &wanted.into_iter().map(ordinal_sql).collect::<Vec<_>>(),
        after.map(|cursor| cursor.external_id.as_str()),
        i64::try_from(room).unwrap_or(i64::MAX),
    )
    .fetch_all(tx.db())
    .await
    .map_err(of_statement)?;

    let mut found = Vec::with_capacity(rows.len());
    for row in rows {
        let stored = Stored { table: "catalogue", key: &row.external_id };
        let ordinal: Ordinal = stored.number("ordinal", row.ordinal)?;
        let change = comparison.kind(ordinal).ok_or_else(|| stored.inconsistent("ordinal"))?;
        found.push((ordinal, change, row));
    }
    let missed = found.iter().filter(|(_, change, _)| MISSED.contains(change));
    let keys: Vec<Key> = missed
        .map(|(_, change, row)| Key {
            policy_type: policy_type.as_str().to_owned(),
            external_id: row.external_id.clone(),
            run: pair.missed_by(*change).as_uuid(),
        })
        .collect();
    let mut missing = why_missing(tx, &keys).await?;
    found
        .into_iter()
        .map(|(_, change, row)| {
            let stored = Stored { table: "catalogue", key: &row.external_id };
            let reasons = match change {
                ChangeKind::Appeared => comparison.why_it_may_have_been_there(),
                ChangeKind::Gone | ChangeKind::Reappeared => {
                    let missing = missing.remove(&row.external_id).ok_or_else(|| stored.inconsistent("external_id"))?;
                    comparison.why_it_was_missed(change, missing)
                }
                ChangeKind::Changed => Vec::new(),
            };
            Ok(DiffItem {
                policy_type: policy_type.clone(),
                external_id: stored.word("external_id", &row.external_id)?,
                category: stored.word("category", &row.category)?,
                display_name: row.display_name,
                platform: row.platform,
                change,
                confidence: Confidence::from_reasons(&reasons),
                reasons,
                first_seen_at: row.first_seen_at.to_jiff(),
                changed_at: row.changed_at.to_jiff(),
                last_seen_at: row.last_seen_at.to_jiff(),
            })
        })
        .collect()
}

/// Why each of these items may have been there, by its id, as missing says of its listing alone.
async fn why_missing(tx: &mut TenantTx, keys: &[Key]) -> Result<HashMap<String, Vec<Reason>>> {
    let items = read_without_successors(tx, keys, Reference::LatestComplete).await?;
    Ok(items.into_iter().map(|item| (item.external_id.to_string(), item.reasons)).collect())
}

fn ordinal_sql(ordinal: Ordinal) -> i32 {
    i32::try_from(ordinal).unwrap_or(i32::MAX)
}
