//! How many tenants stand, by their runs.

use std::collections::HashMap;

use lastseen_model::Tenants;
use lastseen_store::{FleetState, Result, RunRecord, SelectionState, StoreError};
use serde_json::json;
use sqlx::SqliteConnection;

use crate::SqliteStore;
use crate::error::of_statement;
use crate::rows::{RunRow, Stored};

/// A run of a tenant.
type Key = (String, String);

/// A listed exception to the tenant scope: it looks at the runs of all tenants that it was asked about.
pub(crate) async fn fleet_state(store: &SqliteStore, tenants: &Tenants) -> Result<FleetState> {
    let mut tx = store.read().await?;
    let only = match tenants {
        Tenants::All => None,
        Tenants::Some(tenants) => Some(json!(tenants).to_string()),
    };
    let rows = sqlx::query_file!("src/sql/fleet_state.sql", only).fetch_all(tx.db()).await.map_err(of_statement)?;
    // After the snapshot was taken, so that nothing in it is of a later time.
    let now = Stored { table: "sync_runs", key: "the clock" }.time("now", store.now())?;
    let named = rows
        .iter()
        .flat_map(|row| row.newest.iter().chain(&row.live).chain(&row.completed).map(|run| (row.tenant_id.clone(), run.clone())));
    let records = records(tx.db(), named.collect()).await?;
    let record = |tenant: &str, run: &str| {
        let unread = || StoreError::RowsAffected { verb: "fleet_state", expected: 1, actual: 0 };
        records.get(&(tenant.to_owned(), run.to_owned())).cloned().ok_or_else(unread)
    };
    // A selection is written with its first run, so each has one.
    let selections = rows.iter().map(|row| {
        let stored = Stored { table: "selections", key: &row.tenant_id };
        let newest = stored.there("run_id", row.newest.as_deref())?;
        Ok(SelectionState {
            newest: record(&row.tenant_id, newest)?,
            live_run: row.live.as_deref().map(|run| record(&row.tenant_id, run)).transpose()?,
            latest_completed: row.completed.as_deref().map(|run| record(&row.tenant_id, run)).transpose()?,
            latest_success_run_id: stored.option_word("run_id", row.success.as_deref())?,
            latest_success_at: stored.option_time("finished_at", row.success_at)?,
        })
    });
    Ok(FleetState { now, selections: selections.collect::<Result<_>>()? })
}

/// The records of these runs.
async fn records(db: &mut SqliteConnection, mut keys: Vec<Key>) -> Result<HashMap<Key, RunRecord>> {
    keys.dedup();
    let rows = sqlx::query_as!(
        RunRow,
        r#"SELECT r.tenant_id, r.run_id, r.run_no, r.selection_hash, r.selection_payload, r.status, r.correlation_id, r."trigger",
                  r.created_at, r.started_at, r.finished_at, r.worker, r.guard_min_items, r.guard_percent, r.errors_count, r.error_codes,
                  r.items_observed, r.items_upserted, r.items_created, r.items_changed, r.items_unseen, r.items_rejected, r.requests,
                  r.retries, r.throttled, r.bytes_received, r.meta_keys_dropped
           FROM json_each(?1) j CROSS JOIN sync_runs r ON r.tenant_id = j.value ->> 0 AND r.run_id = j.value ->> 1"#,
        json!(keys).to_string(),
    )
    .fetch_all(db)
    .await
    .map_err(of_statement)?;
    rows.into_iter().map(|row| Ok(((row.tenant_id.clone(), row.run_id.clone()), RunRecord::try_from(row)?))).collect()
}
