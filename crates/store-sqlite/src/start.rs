//! A run's way to its claim: start, wait, claim.

use lastseen_model::{ErrorCode, ErrorContext, Limits, OnLimit, RunId, RunStatus, SelectionHash};
use lastseen_store::{Claim, ClaimTerms, ClaimedRun, Lease, NewRun, Result, Start, StoreError, TenantScope};

use crate::SqliteStore;
use crate::error::of_statement;
use crate::finish::record_error;
use crate::history::read_run;
use crate::lease::micros;
use crate::queue::{Taker, enqueue};
use crate::reap::reap;
use crate::rows::Stored;
use crate::tenants::unless_removed;
use crate::transaction::{WriteTx, met};

pub(crate) async fn start_run(store: &SqliteStore, scope: &TenantScope, run: &NewRun, terms: &ClaimTerms) -> Result<Start> {
    let mut tx = store.write().await?;
    reap(&mut tx).await?;
    let mut tx = unless_removed(tx, scope).await?;
    let refused = if enqueue(&mut tx, scope, run, terms.guard, Taker::Starter).await? {
        limit_reached(&mut tx, scope, terms.limits).await?
    } else {
        Some(ErrorCode::LockContended)
    };
    let start = match refused {
        None => Start::Claimed(claim(&mut tx, scope, run.run_id, &run.selection.hash(), terms).await?),
        Some(code) if code != ErrorCode::LockContended && run.on_limit == OnLimit::Wait => Start::Waiting(code),
        Some(code) => {
            skip(&mut tx, &scope.tenant().to_string(), &run.run_id.to_string(), code).await?;
            let detail = read_run(tx.db(), scope, run.run_id).await?;
            Start::Skipped(Box::new(detail.ok_or_else(|| gone("start_run"))?))
        }
    };
    tx.commit().await?;
    Ok(start)
}

pub(crate) async fn claim_run(store: &SqliteStore, scope: &TenantScope, run: RunId, terms: &ClaimTerms) -> Result<Claim> {
    let mut tx = store.write().await?;
    reap(&mut tx).await?;
    let row = sqlx::query!(
        "SELECT run_id, status, selection_hash FROM sync_runs WHERE tenant_id = ?1 AND run_id = ?2",
        scope.tenant().to_string(),
        run.to_string(),
    )
    .fetch_optional(tx.db())
    .await
    .map_err(of_statement)?;
    let claim = if let Some(row) = row {
        let found = Stored { table: "sync_runs", key: &row.run_id };
        if found.word::<RunStatus>("status", &row.status)? == RunStatus::Pending {
            tx = unless_removed(tx, scope).await?;
            match limit_reached(&mut tx, scope, terms.limits).await? {
                Some(code) => {
                    wait_on(&mut tx, scope, run, terms).await?;
                    Claim::Waiting(code)
                }
                None => Claim::Claimed(claim(&mut tx, scope, run, &found.word("selection_hash", &row.selection_hash)?, terms).await?),
            }
        } else {
            let detail = read_run(tx.db(), scope, run).await?;
            Claim::Ended(Box::new(detail.ok_or_else(|| gone("claim_run"))?))
        }
    } else {
        Claim::NoSuchRun
    };
    // Also without a claim: what was reaped stays reaped.
    tx.commit().await?;
    Ok(claim)
}

/// Ends a pending run as `skipped`, and says why.
pub(crate) async fn skip(tx: &mut WriteTx, tenant: &str, run: &str, code: ErrorCode) -> Result<()> {
    record_error(tx, tenant, run, code, &ErrorContext::default()).await?;
    let now = tx.now;
    // A contended start is skipped already: it never held the lock, not for a moment.
    let done = sqlx::query!(
        "UPDATE sync_runs SET status = 'skipped', pending_until = NULL, finished_at = ?3
         WHERE tenant_id = ?1 AND run_id = ?2 AND status IN ('pending', 'skipped')",
        tenant,
        run,
        now,
    )
    .execute(tx.db())
    .await
    .map_err(of_statement)?;
    met("skip", 1, done.rows_affected())
}

pub(crate) fn gone(verb: &'static str) -> StoreError {
    StoreError::RowsAffected { verb, expected: 1, actual: 0 }
}

/// Which limit has no slot left for a run of this tenant; the limit on all runs is asked first, and the tenant's own outweighs the one
/// for every tenant. The write lock makes the count hold until the claim commits.
pub(crate) async fn limit_reached(tx: &mut WriteTx, scope: &TenantScope, limits: Limits) -> Result<Option<ErrorCode>> {
    // The first condition is the partial index's own, so that only live runs are read.
    let running = sqlx::query!(
        r#"SELECT count(*) AS "all!: u32", count(*) FILTER (WHERE tenant_id = ?1) AS "of_tenant!: u32",
                  coalesce((SELECT t.runs_at_once FROM tenants t WHERE t.tenant_id = ?1), ?2) AS "per_tenant!: u32"
           FROM sync_runs WHERE status IN ('pending', 'running') AND status = 'running'"#,
        scope.tenant().to_string(),
        limits.per_tenant,
    )
    .fetch_one(tx.db())
    .await
    .map_err(of_statement)?;
    Ok(if running.all >= limits.global {
        Some(ErrorCode::ConcurrencyLimitGlobal)
    } else if running.of_tenant >= running.per_tenant {
        Some(ErrorCode::ConcurrencyLimitTenant)
    } else {
        None
    })
}

/// Lets a pending run live on. A place in the queue may be given for long; asking for a slot must not shorten it.
async fn wait_on(tx: &mut WriteTx, scope: &TenantScope, run: RunId, terms: &ClaimTerms) -> Result<()> {
    let until = tx.now.saturating_add(micros(terms.pending_for));
    let done = sqlx::query!(
        "UPDATE sync_runs SET pending_until = max(pending_until, ?3) WHERE tenant_id = ?1 AND run_id = ?2 AND status = 'pending'",
        scope.tenant().to_string(),
        run.to_string(),
        until,
    )
    .execute(tx.db())
    .await
    .map_err(of_statement)?;
    met("claim_run", 1, done.rows_affected())
}

/// Gives a pending run to a worker: number, lease, scope, and a listing for each type with what was known before.
async fn claim(tx: &mut WriteTx, scope: &TenantScope, run: RunId, selection: &SelectionHash, terms: &ClaimTerms) -> Result<ClaimedRun> {
    let run_no = tx.next_no().await?;
    let now = tx.now;
    let names: Vec<&str> = terms.types.iter().map(|scoped| scoped.policy_type.as_str()).collect();
    let done = sqlx::query!(
        "UPDATE sync_runs SET status = 'running', pending_until = NULL, run_no = ?3, worker = ?4, started_at = ?5, lease_until = ?6,
                              scope = ?7, guard_min_items = ?8, guard_percent = ?9
         WHERE tenant_id = ?1 AND run_id = ?2 AND status = 'pending'",
        scope.tenant().to_string(),
        run.to_string(),
        run_no,
        terms.worker.as_str(),
        now,
        now.saturating_add(micros(terms.lease_for)),
        serde_json::Value::from(names).to_string(),
        terms.guard.min_items,
        terms.guard.percent,
    )
    .execute(tx.db())
    .await
    .map_err(of_statement)?;
    met("claim_run", 1, done.rows_affected())?;

    for (position, scoped) in terms.types.iter().enumerate() {
        // The base is settled here (see the table): the newest complete listing of this selection, else of the tenant. Every
        // earlier run of the selection has ended, because a live one holds the lock.
        let done = sqlx::query!(
            "INSERT INTO listings (tenant_id, run_id, policy_type, run_no, selection_hash, position, contract_hash, contract_version,
                                   pages_by_offset, known_before, items_unseen, base_run_id)
             SELECT ?1, ?2, p.policy_type, ?4, ?5, ?6, ?7, ?8, ?9, coalesce(o.next_ordinal, 0), coalesce(o.next_ordinal, 0), coalesce(
                 (SELECT x.run_id FROM listings x
                  WHERE x.tenant_id = ?1 AND x.selection_hash = ?5 AND x.policy_type = p.policy_type AND x.outcome = 'complete'
                  ORDER BY x.run_no DESC LIMIT 1),
                 (SELECT x.run_id FROM listings x
                  WHERE x.tenant_id = ?1 AND x.policy_type = p.policy_type AND x.outcome = 'complete'
                  ORDER BY x.last_no DESC LIMIT 1))
             FROM policy_types p LEFT JOIN ordinals o ON o.tenant_id = ?1 AND o.policy_type = p.policy_type
             WHERE p.policy_type = ?3",
            scope.tenant().to_string(),
            run.to_string(),
            scoped.policy_type.as_str(),
            run_no,
            selection.to_string(),
            i64::try_from(position).unwrap_or(i64::MAX),
            scoped.contract_hash.to_string(),
            scoped.contract_version.to_string(),
            scoped.pages_by_offset,
        )
        .execute(tx.db())
        .await
        .map_err(of_statement)?;
        // Every view joins the mirrored registry, so a type that is not in it must not get evidence that no reader would see.
        if done.rows_affected() == 0 {
            let key = scoped.policy_type.to_string();
            return Err(StoreError::Inconsistent { table: "policy_types", column: "policy_type", key });
        }
    }
    let started_at = lastseen_model::Timestamp::from_microsecond(now).map_err(|_| StoreError::Inconsistent {
        table: "sync_runs",
        column: "started_at",
        key: run.to_string(),
    })?;
    // A run is claimed once at most, so its number is its fence.
    let lease = Lease { run_id: run, worker: terms.worker.clone(), fence: run_no };
    Ok(ClaimedRun { lease, run_no, started_at })
}
