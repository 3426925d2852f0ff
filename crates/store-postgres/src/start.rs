//! A run's way to its claim: start, wait, claim.

use jiff_sqlx::Timestamp as SqlTimestamp;
use lastseen_model::{ErrorCode, ErrorContext, Guard, Limits, OnLimit, RunId, RunStatus, StartKey};
use lastseen_store::{Claim, ClaimTerms, ClaimedRun, Lease, NewRun, Result, RunDetail, ScopedType, Start, StoreError, TenantScope};
use uuid::Uuid;

use crate::PostgresStore;
use crate::error::of_statement;
use crate::finish::record_error;
use crate::history::read_run;
use crate::lease::later;
use crate::reap::reap_expired;
use crate::rows::Stored;
use crate::tenants::{Held, hold_active, hold_tenant};
use crate::transaction::{TenantTx, met};

pub(crate) async fn start_run(store: &PostgresStore, scope: &TenantScope, run: &NewRun, terms: &ClaimTerms) -> Result<Start> {
    reap_expired(store).await?;
    let mut tx = store.claiming(scope).await?;
    let id = run.run_id.as_uuid();
    hold_active(&mut tx).await?;
    let start = if enqueue(&mut tx, run, terms.guard, Taker::Starter).await? {
        pass_gate(&mut tx).await?;
        match limit_reached(&mut tx, terms.limits).await? {
            None => Start::Claimed(claim(&mut tx, id, &run.selection.hash().to_string(), terms).await?),
            Some(code) if run.on_limit == OnLimit::Wait => Start::Waiting(code),
            Some(code) => {
                skip(&mut tx, id, code).await?;
                Start::Skipped(detail(&mut tx, id, "start_run").await?)
            }
        }
    } else {
        let skipped = record_contended(&mut tx, run, terms.guard).await?;
        Start::Skipped(skipped.ok_or(StoreError::RowsAffected { verb: "start_run", expected: 1, actual: 0 })?)
    };
    tx.commit().await?;
    Ok(start)
}

pub(crate) async fn claim_run(store: &PostgresStore, scope: &TenantScope, run: RunId, terms: &ClaimTerms) -> Result<Claim> {
    reap_expired(store).await?;
    let mut tx = store.claiming(scope).await?;
    // Nobody prunes the tenant until this commits, and nobody else claims: what is read from here on holds.
    let held = hold_tenant(&mut tx).await?;
    pass_gate(&mut tx).await?;
    let (tenant, id) = (tx.tenant, run.as_uuid());
    let row = sqlx::query!("SELECT status, selection_hash FROM sync_runs WHERE tenant_id = $1 AND run_id = $2 FOR UPDATE", tenant, id)
        .fetch_optional(tx.db())
        .await
        .map_err(of_statement)?;
    let Some(row) = row else { return Ok(Claim::NoSuchRun) };
    let key = id.to_string();
    let status: RunStatus = Stored { table: "sync_runs", key: &key }.word("status", &row.status)?;
    let claim = if status == RunStatus::Pending {
        if held == Some(Held::Removed) {
            return Err(StoreError::TenantRemoved);
        }
        match limit_reached(&mut tx, terms.limits).await? {
            Some(code) => {
                wait_on(&mut tx, id, terms).await?;
                Claim::Waiting(code)
            }
            None => Claim::Claimed(claim(&mut tx, id, &row.selection_hash, terms).await?),
        }
    } else {
        Claim::Ended(detail(&mut tx, id, "claim_run").await?)
    };
    tx.commit().await?;
    Ok(claim)
}

/// Ends a pending run as `skipped`, and says why.
pub(crate) async fn skip(tx: &mut TenantTx, run: Uuid, code: ErrorCode) -> Result<()> {
    record_error(tx, run, code, &ErrorContext::default()).await?;
    let (tenant, now) = (tx.tenant, tx.now_sql());
    // A contended start is skipped already: it never held the lock, not for a moment.
    let done = sqlx::query!(
        "UPDATE sync_runs SET status = 'skipped', pending_until = NULL, finished_at = $3
         WHERE tenant_id = $1 AND run_id = $2 AND status IN ('pending', 'skipped')",
        tenant,
        run,
        now as _,
    )
    .execute(tx.db())
    .await
    .map_err(of_statement)?;
    met("skip", 1, done.rows_affected())
}

/// The run as it stands in this transaction.
pub(crate) async fn detail(tx: &mut TenantTx, run: Uuid, verb: &'static str) -> Result<Box<RunDetail>> {
    let found = read_run(tx, run).await?;
    found.map(Box::new).ok_or(StoreError::RowsAffected { verb, expected: 1, actual: 0 })
}

/// Waits for its turn among all claims, until the transaction ends; the time is taken anew after it.
pub(crate) async fn pass_gate(tx: &mut TenantTx) -> Result<()> {
    let passed = sqlx::query_scalar!("SELECT one FROM claim_gate FOR UPDATE").fetch_all(tx.db()).await.map_err(of_statement)?;
    met("claim", 1, passed.len() as u64)?;
    tx.now_again().await
}

async fn know_selection(tx: &mut TenantTx, run: &NewRun) -> Result<()> {
    let (tenant, now) = (tx.tenant, tx.now_sql());
    sqlx::query!(
        "INSERT INTO selections (tenant_id, selection_hash, selection_payload, first_used_at) VALUES ($1, $2, $3::text::jsonb, $4)
         ON CONFLICT (tenant_id, selection_hash) DO NOTHING",
        tenant,
        run.selection.hash().to_string(),
        run.selection.canonical(),
        now as _,
    )
    .execute(tx.db())
    .await
    .map_err(of_statement)?;
    Ok(())
}

/// Who may claim a pending run.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Taker {
    /// The one who started it and waits.
    Starter,
    /// Any worker.
    Worker,
}

/// Makes the selection known and puts the run into the queue, unless a live run of the selection is there, or one with its start key: the
/// partial unique indexes are the locks. To be called when the tenant is held.
pub(crate) async fn enqueue(tx: &mut TenantTx, run: &NewRun, guard: Guard, taker: Taker) -> Result<bool> {
    know_selection(tx, run).await?;
    let until = later(tx.now, run.pending_for);
    insert(tx, run, guard, &Beginning { status: RunStatus::Pending, until: Some(until), ended: None, taker }).await
}

/// Records a start that met a live run: skipped from its first moment, because it must never look live. None where a run with its start key
/// came before it.
pub(crate) async fn record_contended(tx: &mut TenantTx, run: &NewRun, guard: Guard) -> Result<Option<Box<RunDetail>>> {
    let ended = Some(tx.now_sql());
    let beginning = Beginning { status: RunStatus::Skipped, until: None, ended, taker: Taker::Starter };
    if !insert(tx, run, guard, &beginning).await? {
        return Ok(None);
    }
    skip(tx, run.run_id.as_uuid(), ErrorCode::LockContended).await?;
    detail(tx, run.run_id.as_uuid(), "start_run").await.map(Some)
}

/// How a run's row begins.
struct Beginning {
    status: RunStatus,
    until: Option<SqlTimestamp>,
    ended: Option<SqlTimestamp>,
    taker: Taker,
}

async fn insert(tx: &mut TenantTx, run: &NewRun, guard: Guard, beginning: &Beginning) -> Result<bool> {
    let (tenant, now) = (tx.tenant, tx.now_sql());
    let done = sqlx::query!(
        "INSERT INTO sync_runs (tenant_id, run_id, selection_hash, selection_payload, status, correlation_id, \"trigger\", for_worker,
                                created_at, pending_until, finished_at, guard_min_items, guard_percent, start_key, start_on_limit)
         VALUES ($1, $2, $3, $4::text::jsonb, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)
         ON CONFLICT DO NOTHING",
        tenant,
        run.run_id.as_uuid(),
        run.selection.hash().to_string(),
        run.selection.canonical(),
        beginning.status.as_str(),
        run.correlation_id.as_uuid(),
        run.trigger.as_str(),
        beginning.taker == Taker::Worker,
        now as _,
        beginning.until as _,
        beginning.ended as _,
        small(guard.min_items),
        small(guard.percent),
        run.start_key.as_ref().map(StartKey::as_str),
        run.start_key.as_ref().map(|_| run.on_limit.as_str()),
    )
    .execute(tx.db())
    .await
    .map_err(of_statement)?;
    Ok(done.rows_affected() == 1)
}

/// A number that its bounds keep small, as the database's integer.
fn small(number: u32) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}

/// Which limit has no slot left for a run of this tenant; the limit on all runs is asked first, and the tenant's own outweighs the one
/// for every tenant. The gate makes the count hold until the claim commits.
pub(crate) async fn limit_reached(tx: &mut TenantTx, limits: Limits) -> Result<Option<ErrorCode>> {
    let tenant = tx.tenant;
    // The first condition is the partial index's own, so that only live runs are read.
    let running = sqlx::query!(
        r#"SELECT count(*) AS "all!", count(*) FILTER (WHERE tenant_id = $1) AS "of_tenant!",
                  coalesce((SELECT t.runs_at_once FROM tenants t WHERE t.tenant_id = $1)::bigint, $2) AS "per_tenant!"
           FROM sync_runs WHERE status IN ('pending', 'running') AND status = 'running'"#,
        tenant,
        i64::from(limits.per_tenant),
    )
    .fetch_one(tx.db())
    .await
    .map_err(of_statement)?;
    Ok(if running.all >= i64::from(limits.global) {
        Some(ErrorCode::ConcurrencyLimitGlobal)
    } else if running.of_tenant >= running.per_tenant {
        Some(ErrorCode::ConcurrencyLimitTenant)
    } else {
        None
    })
}

async fn wait_on(tx: &mut TenantTx, run: Uuid, terms: &ClaimTerms) -> Result<()> {
    let (tenant, until) = (tx.tenant, later(tx.now, terms.pending_for));
    let done = sqlx::query!(
        "UPDATE sync_runs SET pending_until = greatest(pending_until, $3) WHERE tenant_id = $1 AND run_id = $2 AND status = 'pending'",
        tenant,
        run,
        until as _,
    )
    .execute(tx.db())
    .await
    .map_err(of_statement)?;
    met("claim_run", 1, done.rows_affected())
}

/// Gives a pending run to a worker: number, lease, scope, and a listing for each type with what was known before.
async fn claim(tx: &mut TenantTx, run: Uuid, selection: &str, terms: &ClaimTerms) -> Result<ClaimedRun> {
    let run_no = tx.next_no().await?;
    let (tenant, now, until) = (tx.tenant, tx.now_sql(), later(tx.now, terms.lease_for));
    let names: Vec<String> = terms.types.iter().map(|scoped| scoped.policy_type.as_str().to_owned()).collect();
    let done = sqlx::query!(
        "UPDATE sync_runs SET status = 'running', pending_until = NULL, run_no = $3, worker = $4, started_at = $5, lease_until = $6,
                              scope = $7, guard_min_items = $8, guard_percent = $9
         WHERE tenant_id = $1 AND run_id = $2 AND status = 'pending'",
        tenant,
        run,
        run_no,
        terms.worker.as_str(),
        now as _,
        until as _,
        &names,
        small(terms.guard.min_items),
        small(terms.guard.percent),
    )
    .execute(tx.db())
    .await
    .map_err(of_statement)?;
    met("claim_run", 1, done.rows_affected())?;
    make_listings(tx, run, run_no, selection, &names, &terms.types).await?;

    let key = run.to_string();
    let run_id = Stored { table: "sync_runs", key: &key }.id("run_id", run)?;
    // A run is claimed once at most, so its number is its fence.
    let lease = Lease { run_id, worker: terms.worker.clone(), fence: run_no };
    Ok(ClaimedRun { lease, run_no, started_at: tx.now })
}

/// A listing for each type. Its base is settled here (see the table): the newest complete listing of this selection, else of the
/// tenant. Every earlier run of the selection has ended, because a live one holds the lock.
async fn make_listings(tx: &mut TenantTx, run: Uuid, run_no: i64, selection: &str, names: &[String], types: &[ScopedType]) -> Result<()> {
    let tenant = tx.tenant;
    let hashes: Vec<Vec<u8>> = types.iter().map(|scoped| scoped.contract_hash.as_bytes().to_vec()).collect();
    let versions: Vec<Vec<u8>> = types.iter().map(|scoped| scoped.contract_version.as_bytes().to_vec()).collect();
    let offsets: Vec<bool> = types.iter().map(|scoped| scoped.pages_by_offset).collect();
    let made = sqlx::query_scalar!(
        "INSERT INTO listings (tenant_id, run_id, policy_type, run_no, selection_hash, position, contract_hash, contract_version,
                               pages_by_offset, known_before, items_unseen, base_run_id)
         SELECT $1, $2, p.policy_type, $3, $4, u.place - 1, u.contract_hash, u.contract_version, u.pages_by_offset,
                coalesce(o.next_ordinal, 0), coalesce(o.next_ordinal, 0), coalesce(
             (SELECT x.run_id FROM listings x
              WHERE x.tenant_id = $1 AND x.selection_hash = $4 AND x.policy_type = p.policy_type AND x.outcome = 'complete'
              ORDER BY x.run_no DESC LIMIT 1),
             (SELECT x.run_id FROM listings x
              WHERE x.tenant_id = $1 AND x.policy_type = p.policy_type AND x.outcome = 'complete' AND x.last_no IS NOT NULL
              ORDER BY x.last_no DESC LIMIT 1))
         FROM unnest($5::text[], $6::bytea[], $7::bytea[], $8::boolean[])
             WITH ORDINALITY AS u (policy_type, contract_hash, contract_version, pages_by_offset, place)
         JOIN policy_types p ON p.policy_type = u.policy_type
         LEFT JOIN ordinals o ON o.tenant_id = $1 AND o.policy_type = p.policy_type
         RETURNING policy_type",
        tenant,
        run,
        run_no,
        selection,
        names,
        &hashes,
        &versions,
        &offsets,
    )
    .fetch_all(tx.db())
    .await
    .map_err(of_statement)?;
    // Every view joins the mirrored registry, so a type that is not in it must not get evidence that no reader would see.
    match names.iter().find(|name| !made.contains(name)) {
        Some(unknown) => Err(StoreError::Inconsistent { table: "policy_types", column: "policy_type", key: unknown.clone() }),
        None => met("claim_run", names.len() as u64, made.len() as u64),
    }
}
