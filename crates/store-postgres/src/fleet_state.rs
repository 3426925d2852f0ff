//! How many tenants stand, by their runs.

use std::collections::HashMap;

use lastseen_model::Tenants;
use lastseen_store::{FleetState, Result, RunRecord, SelectionState, StoreError};
use uuid::Uuid;

use crate::PostgresStore;
use crate::error::of_statement;
use crate::rows::{RunRow, Stored, time};
use crate::transaction::FleetTx;

/// A run of a tenant.
type Key = (Uuid, Uuid);

pub(crate) async fn fleet_state(store: &PostgresStore, tenants: &Tenants) -> Result<FleetState> {
    let mut fleet = store.read_fleet().await?;
    let only: Option<Vec<Uuid>> = match tenants {
        Tenants::All => None,
        Tenants::Some(tenants) => Some(tenants.iter().map(|tenant| Uuid::from(*tenant)).collect()),
    };
    let rows = sqlx::query_file!("src/sql/fleet_state.sql", only.as_deref()).fetch_all(fleet.db()).await.map_err(of_statement)?;
    let named =
        rows.iter().flat_map(|row| std::iter::once(row.newest).chain(row.live).chain(row.completed).map(|run| (row.tenant_id, run)));
    let records = records(&mut fleet, named.collect()).await?;
    let record = |key: Key| {
        let unread = || StoreError::RowsAffected { verb: "fleet_state", expected: 1, actual: 0 };
        records.get(&key).cloned().ok_or_else(unread)
    };
    let selections = rows.iter().map(|row| {
        let key = row.newest.to_string();
        let stored = Stored { table: "sync_runs", key: &key };
        Ok(SelectionState {
            newest: record((row.tenant_id, row.newest))?,
            live_run: row.live.map(|run| record((row.tenant_id, run))).transpose()?,
            latest_completed: row.completed.map(|run| record((row.tenant_id, run))).transpose()?,
            latest_success_run_id: stored.option_id("run_id", row.success)?,
            latest_success_at: time(row.success_at),
        })
    });
    Ok(FleetState { now: fleet.now, selections: selections.collect::<Result<_>>()? })
}

/// The records of these runs. Each is asked for by its key (the OFFSET keeps the planner from reading all runs to find a few of them).
async fn records(fleet: &mut FleetTx, mut keys: Vec<Key>) -> Result<HashMap<Key, RunRecord>> {
    keys.dedup();
    let (tenants, runs): (Vec<Uuid>, Vec<Uuid>) = keys.into_iter().unzip();
    let rows = sqlx::query_as!(
        RunRow,
        r#"SELECT r.tenant_id, r.run_id, r.run_no, r.selection_hash, r.selection_payload, r.status, r.correlation_id, r."trigger",
                  r.created_at, r.started_at, r.finished_at, r.worker, r.guard_min_items, r.guard_percent, r.errors_count, r.error_codes,
                  r.items_observed, r.items_upserted, r.items_created, r.items_changed, r.items_unseen, r.items_rejected, r.requests,
                  r.retries, r.throttled, r.bytes_received, r.meta_keys_dropped
           FROM unnest($1::uuid[], $2::uuid[]) AS k (tenant_id, run_id)
           CROSS JOIN LATERAL (SELECT * FROM sync_runs x WHERE x.tenant_id = k.tenant_id AND x.run_id = k.run_id OFFSET 0) r"#,
        &tenants,
        &runs,
    )
    .fetch_all(fleet.db())
    .await
    .map_err(of_statement)?;
    rows.into_iter().map(|row| Ok(((row.tenant_id, row.run_id), RunRecord::try_from(row)?))).collect()
}
