//! What missing items may live on as.
//!
//! SQLite joins what it has only just worked out by going through all of it for each row, and both sides may be thousands here. So the
//! database finds the items that are new, by their names, and which of them are whose is put together by a map.

use std::collections::{BTreeSet, HashMap};

use lastseen_model::SequenceNo;
use lastseen_store::{MissingItem, PossibleSuccessor, Result, SUCCESSORS_NAMED};
use serde_json::{Value, json};
use sqlx::SqliteConnection;

use crate::error::of_statement;
use crate::rows::Stored;

/// Names the possible successors of all of these items; of none where no item has a name.
pub(crate) async fn name_successors(db: &mut SqliteConnection, tenant: &str, items: &mut [MissingItem]) -> Result<()> {
    let mut with_name: Vec<&mut MissingItem> = items.iter_mut().filter(|item| item.display_name.is_some()).collect();
    let last_numbers = last_numbers(db, tenant, &with_name).await?;
    let Some(since) = last_numbers.iter().min() else { return Ok(()) };
    let names: BTreeSet<&str> = with_name.iter().filter_map(|item| item.display_name.as_deref()).collect();
    let fresh = fresh(db, tenant, &names, *since).await?;
    for (item, last_no) in with_name.iter_mut().zip(last_numbers) {
        let alike = fresh.get(&(item.display_name.clone(), item.platform.clone())).map_or(&[][..], Vec::as_slice);
        let since = alike.iter().filter(|(run_no, other)| *run_no > last_no && other.policy_type != item.policy_type);
        item.possible_successors = since.take(SUCCESSORS_NAMED).map(|(_, other)| other.clone()).collect();
    }
    Ok(())
}

/// The number of each item's last sighting, by the run that it names: its listing's, or the cold fact's where that was dropped.
async fn last_numbers(db: &mut SqliteConnection, tenant: &str, items: &[&mut MissingItem]) -> Result<Vec<SequenceNo>> {
    let key = |item: &&mut MissingItem| {
        let (policy_type, external_id) = (item.policy_type.as_str(), item.external_id.as_str());
        json!({ "policy_type": policy_type, "external_id": external_id, "run_id": item.last_seen_run_id.to_string() })
    };
    let keys: Value = items.iter().map(key).collect();
    let rows = sqlx::query!(
        r#"SELECT c.external_id, coalesce(l.last_no, c.cold_last_seen_no) AS "last_seen_no?: i64"
           FROM json_each(?2) j
           CROSS JOIN catalogue c
               ON c.tenant_id = ?1 AND c.policy_type = j.value ->> 'policy_type' AND c.external_id = j.value ->> 'external_id'
           LEFT JOIN listings l ON l.tenant_id = ?1 AND l.run_id = j.value ->> 'run_id' AND l.policy_type = c.policy_type
           ORDER BY j.key"#,
        tenant,
        keys.to_string(),
    )
    .fetch_all(db)
    .await
    .map_err(of_statement)?;
    crate::transaction::met("missing", items.len() as u64, rows.len() as u64)?;
    rows.iter().map(|row| Stored { table: "catalogue", key: &row.external_id }.there("last_seen_no", row.last_seen_no)).collect()
}

/// Items by name and platform, each with the number of the run that saw it first.
type Fresh = HashMap<(Option<String>, Option<String>), Vec<(SequenceNo, PossibleSuccessor)>>;

/// The items with one of these names that were first seen since, in order.
async fn fresh(db: &mut SqliteConnection, tenant: &str, names: &BTreeSet<&str>, since: SequenceNo) -> Result<Fresh> {
    let names: Value = names.iter().copied().collect();
    let rows = sqlx::query_file!("src/sql/successors.sql", tenant, names.to_string(), since).fetch_all(db).await.map_err(of_statement)?;
    let mut fresh = Fresh::new();
    for row in rows {
        let item = Stored { table: "catalogue", key: &row.external_id };
        let successor = PossibleSuccessor {
            policy_type: item.word("policy_type", &row.policy_type)?,
            external_id: item.word("external_id", &row.external_id)?,
            first_seen_at: item.time("first_seen_at", row.first_seen_at)?,
            first_seen_run_id: item.word("first_seen_run_id", &row.first_seen_run_id)?,
        };
        fresh.entry((Some(row.display_name), row.platform)).or_default().push((row.run_no, successor));
    }
    Ok(fresh)
}

#[cfg(test)]
mod tests {
    use sqlx::{AssertSqlSafe, Row};

    use crate::SqliteStore;

    #[tokio::test]
    async fn new_items_are_found_by_their_ordinals_and_by_no_reading_of_whole_tables() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = SqliteStore::open(&folder.path().join("lastseen.db")).await.expect("opens");
        let sql = format!("EXPLAIN QUERY PLAN {}", include_str!("sql/successors.sql"));
        let plan = sqlx::query(AssertSqlSafe(sql)).fetch_all(&store.readers).await.expect("a plan");
        let plan: Vec<String> = plan.iter().map(|row| row.get("detail")).collect();
        for step in [
            "SEARCH o USING PRIMARY KEY (tenant_id=?)",
            "SEARCH n USING INDEX listings_by_last_no (tenant_id=? AND policy_type=? AND last_no<?)",
            "SEARCH c USING INDEX sqlite_autoindex_catalogue_1 (tenant_id=? AND policy_type=? AND ordinal>?)",
            "SEARCH r USING INDEX sqlite_autoindex_sync_runs_1 (tenant_id=? AND run_id=?)",
        ] {
            assert!(plan.iter().any(|found| found == step), "{step}\n{plan:#?}");
        }
    }
}
