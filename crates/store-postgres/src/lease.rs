//! The right to write for a run, checked in the transaction that writes.

use std::time::Duration;

use jiff_sqlx::Timestamp as SqlTimestamp;
use lastseen_model::{PolicyType, Timestamp};
use lastseen_store::{Lease, Renewal, Result, StoreError, TenantScope};

use crate::PostgresStore;
use crate::error::of_statement;
use crate::transaction::{TenantTx, met};

/// The time so much later; the end of time where that is beyond it.
pub(crate) fn later(now: Timestamp, by: Duration) -> SqlTimestamp {
    now.checked_add(by).unwrap_or(Timestamp::MAX).into()
}

/// The time so much earlier.
pub(crate) fn earlier(now: Timestamp, by: Duration) -> SqlTimestamp {
    now.checked_sub(by).unwrap_or(Timestamp::MIN).into()
}

/// Whether nobody else may add to the run meanwhile.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Hold {
    /// Others of the same worker may: pages of several paths are stored side by side, and the lease is renewed beside them.
    Shared,
    /// Nobody may: the run ends.
    Alone,
}

/// Goes on only when the run is this worker's, still runs, and its lease has not expired, reaped or not. The row stays locked until
/// the transaction ends, so that nobody ends the run before it commits: who ends one locks it alone.
pub(crate) async fn hold(tx: &mut TenantTx, lease: &Lease, hold: Hold) -> Result<()> {
    let (tenant, run) = (tx.tenant, lease.run_id.as_uuid());
    // A key share lock is the weakest that keeps out `FOR UPDATE`. A stronger one would keep out the renewal of the lease, too.
    let lease_until = match hold {
        Hold::Shared => {
            sqlx::query_scalar!(
                "SELECT lease_until FROM sync_runs
                 WHERE tenant_id = $1 AND run_id = $2 AND run_no = $3 AND worker = $4 AND status = 'running'
                 FOR KEY SHARE",
                tenant,
                run,
                lease.fence,
                lease.worker.as_str(),
            )
            .fetch_optional(tx.db())
            .await
        }
        Hold::Alone => {
            sqlx::query_scalar!(
                "SELECT lease_until FROM sync_runs
                 WHERE tenant_id = $1 AND run_id = $2 AND run_no = $3 AND worker = $4 AND status = 'running'
                 FOR UPDATE",
                tenant,
                run,
                lease.fence,
                lease.worker.as_str(),
            )
            .fetch_optional(tx.db())
            .await
        }
    }
    .map_err(of_statement)?
    .flatten();
    // Judged by what the time is now, not by what it was before the lock was had.
    tx.now_again().await?;
    match lease_until {
        Some(until) if until.to_jiff() > tx.now => Ok(()),
        _ => Err(StoreError::LeaseLost),
    }
}

pub(crate) async fn renew_lease(store: &PostgresStore, scope: &TenantScope, lease: &Lease, for_: Duration) -> Result<Renewal> {
    let mut tx = store.write(scope).await?;
    hold(&mut tx, lease, Hold::Shared).await?;
    let (tenant, until) = (tx.tenant, later(tx.now, for_));
    let renewed = sqlx::query_scalar!(
        r#"UPDATE sync_runs SET lease_until = $4 WHERE tenant_id = $1 AND run_id = $2 AND run_no = $3 AND status = 'running'
           RETURNING cancel_asked_at IS NOT NULL AS "asked!""#,
        tenant,
        lease.run_id.as_uuid(),
        lease.fence,
        until as _,
    )
    .fetch_all(tx.db())
    .await
    .map_err(of_statement)?;
    met("renew_lease", 1, renewed.len() as u64)?;
    tx.commit().await?;
    Ok(if renewed == [true] { Renewal::CancelAsked } else { Renewal::Held })
}

pub(crate) async fn begin_listings(store: &PostgresStore, scope: &TenantScope, lease: &Lease, types: &[PolicyType]) -> Result<()> {
    let mut tx = store.write(scope).await?;
    hold(&mut tx, lease, Hold::Shared).await?;
    let (tenant, run, now) = (tx.tenant, lease.run_id.as_uuid(), tx.now_sql());
    let names: Vec<String> = types.iter().map(|policy_type| policy_type.as_str().to_owned()).collect();
    let known = sqlx::query_scalar!(
        "SELECT policy_type FROM listings WHERE tenant_id = $1 AND run_id = $2 AND policy_type = ANY($3)",
        tenant,
        run,
        &names,
    )
    .fetch_all(tx.db())
    .await
    .map_err(of_statement)?;
    if let Some(unknown) = types.iter().find(|policy_type| !known.iter().any(|known| known == policy_type.as_str())) {
        return Err(StoreError::ListingNotOpen(unknown.clone()));
    }
    sqlx::query!(
        "UPDATE listings SET started_at = $4
         WHERE tenant_id = $1 AND run_id = $2 AND policy_type = ANY($3) AND outcome IS NULL AND started_at IS NULL",
        tenant,
        run,
        &names,
        now as _,
    )
    .execute(tx.db())
    .await
    .map_err(of_statement)?;
    tx.commit().await
}
