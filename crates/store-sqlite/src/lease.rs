//! The right to write for a run, checked in the transaction that writes.

use std::time::Duration;

use lastseen_model::PolicyType;
use lastseen_store::{Lease, Renewal, Result, StoreError, TenantScope};

use crate::SqliteStore;
use crate::error::of_statement;
use crate::transaction::{WriteTx, met};

/// A length of time in microseconds.
pub(crate) fn micros(time: Duration) -> i64 {
    i64::try_from(time.as_micros()).unwrap_or(i64::MAX)
}

/// Goes on only when the run is this worker's, still runs, and its lease has not expired, reaped or not. The transaction holds the
/// write lock, so nobody ends the run before it commits.
pub(crate) async fn check(tx: &mut WriteTx, scope: &TenantScope, lease: &Lease) -> Result<()> {
    let now = tx.now;
    let held = sqlx::query_scalar!(
        r#"SELECT 1 AS "held!: i64" FROM sync_runs
           WHERE tenant_id = ?1 AND run_id = ?2 AND run_no = ?3 AND worker = ?4 AND status = 'running' AND lease_until > ?5"#,
        scope.tenant().to_string(),
        lease.run_id.to_string(),
        lease.fence,
        lease.worker.as_str(),
        now,
    )
    .fetch_optional(tx.db())
    .await
    .map_err(of_statement)?;
    held.map(|_| ()).ok_or(StoreError::LeaseLost)
}

pub(crate) async fn renew_lease(store: &SqliteStore, scope: &TenantScope, lease: &Lease, for_: Duration) -> Result<Renewal> {
    let mut tx = store.write().await?;
    check(&mut tx, scope, lease).await?;
    let until = tx.now.saturating_add(micros(for_));
    let renewed = sqlx::query_scalar!(
        r#"UPDATE sync_runs SET lease_until = ?3 WHERE tenant_id = ?1 AND run_id = ?2 AND run_no = ?4
           RETURNING cancel_asked_at IS NOT NULL AS "asked!: bool""#,
        scope.tenant().to_string(),
        lease.run_id.to_string(),
        until,
        lease.fence,
    )
    .fetch_all(tx.db())
    .await
    .map_err(of_statement)?;
    met("renew_lease", 1, renewed.len() as u64)?;
    tx.commit().await?;
    Ok(if renewed == [true] { Renewal::CancelAsked } else { Renewal::Held })
}

pub(crate) async fn begin_listings(store: &SqliteStore, scope: &TenantScope, lease: &Lease, types: &[PolicyType]) -> Result<()> {
    let mut tx = store.write().await?;
    check(&mut tx, scope, lease).await?;
    let now = tx.now;
    for policy_type in types {
        let done = sqlx::query!(
            "UPDATE listings SET started_at = iif(outcome IS NULL, coalesce(started_at, ?4), started_at)
             WHERE tenant_id = ?1 AND run_id = ?2 AND policy_type = ?3",
            scope.tenant().to_string(),
            lease.run_id.to_string(),
            policy_type.as_str(),
            now,
        )
        .execute(tx.db())
        .await
        .map_err(of_statement)?;
        if done.rows_affected() == 0 {
            return Err(StoreError::ListingNotOpen(policy_type.clone()));
        }
    }
    tx.commit().await
}
