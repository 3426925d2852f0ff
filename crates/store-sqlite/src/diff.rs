//! Two runs held against each other. What their bitmaps say is worked out in `lastseen_store`; the database is asked for what bears on it.

use std::collections::{BTreeMap, HashMap};

use lastseen_model::{ChangeKind, Confidence, Guard, Ordinal, OrdinalBitmap, PolicyType, Reason, Reference, RunId};
use lastseen_store::{Comparison, Diff, DiffItem, DiffQuery, Listed, MISSED, NamedRun, Pair, Result, TenantScope, TypeDiff};
use serde_json::json;
use sqlx::SqliteConnection;

use crate::SqliteStore;
use crate::error::of_statement;
use crate::missing::{Key, read_without_successors};
use crate::rows::Stored;
use crate::transaction::met;

pub(crate) async fn diff(store: &SqliteStore, scope: &TenantScope, query: &DiffQuery) -> Result<Diff> {
    let mut tx = store.read().await?;
    let tenant = scope.tenant().to_string();
    let pair = match query.pair(&named_runs(tx.db(), &tenant, query.runs).await?) {
        Ok(pair) => pair,
        Err(answer) => return Ok(answer),
    };
    let listings = listings(tx.db(), &tenant, &pair).await?;
    let mut types = pair.types(&listings);
    for of_type in &mut types {
        if let Some(comparison) = &mut of_type.comparison {
            judge(tx.db(), &tenant, &of_type.policy_type, &pair, comparison).await?;
        }
    }
    let mut changes = Vec::new();
    for of_type in &types {
        // One more than a page holds says whether there is a next.
        let room = query.page_size() + 1 - changes.len();
        changes.extend(page(tx.db(), &tenant, query, &pair, of_type, room).await?);
    }
    Ok(Diff::Answer(Box::new(pair.answer(query, &types, changes))))
}

async fn named_runs(db: &mut SqliteConnection, tenant: &str, runs: [RunId; 2]) -> Result<Vec<NamedRun>> {
    let rows = sqlx::query!(
        "SELECT run_id, run_no, selection_hash, status, started_at, finished_at, scope FROM sync_runs
         WHERE tenant_id = ?1 AND run_id IN (?2, ?3)",
        tenant,
        runs[0].to_string(),
        runs[1].to_string(),
    )
    .fetch_all(db)
    .await
    .map_err(of_statement)?;
    rows.into_iter()
        .map(|row| {
            let run = Stored { table: "sync_runs", key: &row.run_id };
            Ok(NamedRun {
                run_id: run.word("run_id", &row.run_id)?,
                run_no: row.run_no,
                selection_hash: run.word("selection_hash", &row.selection_hash)?,
                status: run.word("status", &row.status)?,
                started_at: run.option_time("started_at", row.started_at)?,
                finished_at: run.option_time("finished_at", row.finished_at)?,
                scope: row.scope.map(|scope| run.json("scope", &scope)).transpose()?.unwrap_or_default(),
            })
        })
        .collect()
}

/// What is still there of the listings of both runs, with their bitmaps.
async fn listings(db: &mut SqliteConnection, tenant: &str, pair: &Pair) -> Result<BTreeMap<(RunId, PolicyType), Listed>> {
    let rows = sqlx::query!(
        r#"SELECT l.run_id, l.policy_type, l.outcome, l.known_before, l.last_page_at, l.observed, l.contract_hash,
                  l.pages_by_offset AS "pages_by_offset: bool", l.base_unseen, b.items_observed AS "base_observed?",
                  r.guard_min_items, r.guard_percent, l.base_run_id IS NOT NULL AND b.run_id IS NULL AS "base_dropped!: bool"
           FROM listings l
           JOIN sync_runs r ON r.tenant_id = l.tenant_id AND r.run_id = l.run_id
           LEFT JOIN listings b ON b.tenant_id = l.tenant_id AND b.run_id = l.base_run_id AND b.policy_type = l.policy_type
           WHERE l.tenant_id = ?1 AND l.run_id IN (?2, ?3)"#,
        tenant,
        pair.older().to_string(),
        pair.newer().to_string(),
    )
    .fetch_all(db)
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
                outcome: listing.word("outcome", &listing.there("outcome", row.outcome)?)?,
                known_before: listing.number("known_before", row.known_before)?,
                last_page_at: listing.option_time("last_page_at", row.last_page_at)?,
                observed: OrdinalBitmap::from_bytes(row.observed),
                contract_hash: listing.word("contract_hash", &row.contract_hash)?,
                pages_by_offset: row.pages_by_offset,
                guard_tripped: match (row.base_observed, row.base_unseen) {
                    (Some(observed), Some(unseen)) => {
                        guard.trips(listing.number("items_observed", observed)?, listing.number("base_unseen", unseen)?)
                    }
                    _ => false,
                },
                base_dropped: row.base_dropped,
            };
            Ok(((listing.word("run_id", &row.run_id)?, listing.word("policy_type", &row.policy_type)?), listed))
        })
        .collect()
}

/// Asks what the bitmaps don't say: which items have changed, and against the absence of which nothing speaks.
async fn judge(db: &mut SqliteConnection, tenant: &str, policy_type: &PolicyType, pair: &Pair, comparison: &mut Comparison) -> Result<()> {
    let stored = Stored { table: "catalogue", key: policy_type.as_str() };
    if let Some((since, below)) = comparison.changed_after() {
        let rows = sqlx::query!(
            "SELECT ordinal, changed_at FROM catalogue WHERE tenant_id = ?1 AND policy_type = ?2 AND ordinal < ?3 AND changed_at > ?4",
            tenant,
            policy_type.as_str(),
            below,
            since.as_microsecond(),
        )
        .fetch_all(&mut *db)
        .await
        .map_err(of_statement)?;
        for row in rows {
            comparison.changed(stored.number("ordinal", row.ordinal)?, stored.time("changed_at", row.changed_at)?);
        }
    }
    for kind in MISSED {
        let missed = comparison.missed(kind);
        if !missed.is_empty() {
            let rows = sqlx::query_file!(
                "src/sql/diff_missed.sql",
                tenant,
                pair.missed_by(kind).to_string(),
                policy_type.as_str(),
                missed.as_bytes(),
                kind == ChangeKind::Reappeared,
            )
            .fetch_all(&mut *db)
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
async fn page(
    db: &mut SqliteConnection,
    tenant: &str,
    query: &DiffQuery,
    pair: &Pair,
    of_type: &TypeDiff,
    room: usize,
) -> Result<Vec<DiffItem>> {
    let wanted = of_type.wanted(query);
    let Some(comparison) = of_type.comparison.as_ref().filter(|_| room > 0 && !wanted.is_empty()) else { return Ok(Vec::new()) };
    let policy_type = &of_type.policy_type;
    let after = query.after.as_ref().filter(|cursor| cursor.policy_type == *policy_type);
    let rows = sqlx::query_file!(
        "src/sql/diff_page.sql",
        tenant,
        policy_type.as_str(),
        json!(wanted).to_string(),
        after.map(|cursor| cursor.external_id.as_str()),
        i64::try_from(room).unwrap_or(i64::MAX),
    )
    .fetch_all(&mut *db)
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
            run_id: pair.missed_by(*change).to_string(),
        })
        .collect();
    let mut missing = why_missing(db, tenant, &keys).await?;
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
                first_seen_at: stored.time("first_seen_at", row.first_seen_at)?,
                changed_at: stored.time("changed_at", row.changed_at)?,
                last_seen_at: stored.time("last_seen_at", stored.there("last_seen_at", row.last_seen_at)?)?,
            })
        })
        .collect()
}

/// Why each of these items may have been there, by its id, as missing says of its listing alone.
async fn why_missing(db: &mut SqliteConnection, tenant: &str, keys: &[Key]) -> Result<HashMap<String, Vec<Reason>>> {
    let items = read_without_successors(db, tenant, keys, Reference::LatestComplete).await?;
    Ok(items.into_iter().map(|item| (item.external_id.to_string(), item.reasons)).collect())
}

#[cfg(test)]
mod tests {
    use sqlx::{AssertSqlSafe, Row};

    use crate::SqliteStore;

    #[tokio::test]
    async fn what_a_run_missed_is_looked_for_among_what_it_misses_and_a_page_by_its_ordinals() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = SqliteStore::open(&folder.path().join("lastseen.db")).await.expect("opens");
        let missed = [
            "SEARCH r USING INDEX sqlite_autoindex_sync_runs_1 (tenant_id=? AND run_id=?)",
            "SEARCH l USING INDEX sqlite_autoindex_listings_1 (tenant_id=? AND run_id=? AND policy_type=?)",
            "SEARCH c USING INDEX sqlite_autoindex_catalogue_1 (tenant_id=? AND policy_type=? AND ordinal<?)",
            "SEARCH s USING INDEX listings_by_last_no (tenant_id=? AND policy_type=? AND last_no=?)",
            "SEARCH c USING INDEX catalogue_by_external_id (tenant_id=? AND policy_type=? AND external_id=?)",
        ];
        let page = [
            "SCAN j VIRTUAL TABLE",
            "SEARCH c USING INDEX sqlite_autoindex_catalogue_1 (tenant_id=? AND policy_type=? AND ordinal=?)",
            "SCAN page",
            "SEARCH c USING INDEX sqlite_autoindex_catalogue_1 (tenant_id=? AND policy_type=? AND ordinal=?)",
        ];
        for (sql, steps) in [(include_str!("sql/diff_missed.sql"), &missed[..]), (include_str!("sql/diff_page.sql"), &page)] {
            let plan = sqlx::query(AssertSqlSafe(format!("EXPLAIN QUERY PLAN {sql}"))).fetch_all(&store.readers).await.expect("a plan");
            let plan: Vec<String> = plan.iter().map(|row| row.get("detail")).collect();
            let mut left = plan.iter();
            for step in steps {
                assert!(left.any(|found| found.starts_with(step)), "{step}\n{plan:#?}");
            }
        }
    }
}
