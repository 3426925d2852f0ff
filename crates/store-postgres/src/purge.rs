//! Taking a whole tenant away: the one place where items go. An administrator's act on the owner's connection, and no verb of the store:
//! the application's role has no right to it.

use lastseen_store::{DatabaseClock, Purged, PurgedTable, Result, StoreError, TenantScope};
use sqlx::postgres::{PgConnection, PgQueryResult};
use uuid::Uuid;

use crate::error::{of_opening, of_statement};
use crate::migrate::{check_schema_is_newest, connect};
use crate::open::check_server;
use crate::rows::Stored;
use crate::settings::PostgresAddress;
use crate::transaction::{Db, begin_within, met, now};

/// How often the tenant's row is tried for.
const TRIES: u32 = 8;

/// Takes away everything of a tenant, in one transaction, and says how much that was. What it held can't be had back. To be called with
/// the owner's address; the walls hold the owner, too, so that no row of another tenant can go with it.
///
/// Others go on meanwhile; who starts a run of this tenant waits. A statement may take as long as it takes.
///
/// # Errors
/// [`StoreError::TenantBusy`] while a run of the tenant is running; a run whose lease is over goes with the rest.
/// [`StoreError::Forbidden`] for a role that is not the owner. [`StoreError::NewerSchema`] where a newer program has migrated, also where
/// its schema serves this one: there may be tables of tenants that are not known here.
pub async fn purge(owner: &PostgresAddress, scope: &TenantScope) -> Result<Purged> {
    purge_with_clock(owner, scope, DatabaseClock::Database).await
}

/// Like [`purge`], with a clock that a test may move.
pub async fn purge_with_clock(owner: &PostgresAddress, scope: &TenantScope, clock: DatabaseClock) -> Result<Purged> {
    let place = owner.place();
    let mut connection = connect(owner).await?;
    let tenant: Uuid = scope.tenant().into();
    let mut tx = begin_within(&mut connection, tenant).await.map_err(|error| of_opening(place, error))?;
    check_server(&mut tx, place).await?;
    check_schema_is_newest(&mut tx, place).await?;
    let knew_it = keep_others_away(&mut tx, tenant, &clock).await?;
    let mut purged = take_away(&mut tx, tenant).await?;
    if !knew_it {
        purged.tables.iter_mut().filter(|table| table.table == "tenants").for_each(|table| table.rows = 0);
    }
    tx.commit().await.map_err(of_statement)?;
    Ok(purged)
}

/// First the tenant's row: no run of it starts, is claimed, pruned or removed from here on. It is made where there is none, because a start
/// may be making it at this moment. Not held as firmly as to keep a page from referring to it, which holds its run and would be waited for
/// below. Then its live runs: no page is being added to one of them, and none will be. Answers whether the tenant was known.
async fn keep_others_away(tx: &mut PgConnection, tenant: Uuid, clock: &DatabaseClock) -> Result<bool> {
    let knew_it = hold_or_make(tx, tenant).await?;
    let live = sqlx::query!(
        "SELECT run_id, lease_until FROM sync_runs WHERE tenant_id = $1 AND status IN ('pending', 'running') ORDER BY created_no FOR UPDATE",
        tenant,
    )
    .fetch_all(Db::of(tx))
    .await
    .map_err(of_statement)?;
    // The time as it is now that the locks are had.
    let now = now(tx, clock).await?;
    match live.into_iter().find(|run| run.lease_until.is_some_and(|until| until.to_jiff() > now)) {
        None => Ok(knew_it),
        Some(run) => {
            let key = run.run_id.to_string();
            Err(StoreError::TenantBusy { run: Stored { table: "sync_runs", key: &key }.id("run_id", run.run_id)? })
        }
    }
}

/// Holds the tenant's row, and answers whether it was there before.
async fn hold_or_make(tx: &mut PgConnection, tenant: Uuid) -> Result<bool> {
    // Once more where another purge took the row away before it was held.
    for _ in 0..TRIES {
        let made = sqlx::query!(
            "INSERT INTO tenants (tenant_id, registered_at) VALUES ($1, clock_timestamp()) ON CONFLICT (tenant_id) DO NOTHING",
            tenant,
        )
        .execute(Db::of(tx))
        .await
        .map_err(of_statement)?;
        let held = sqlx::query_scalar!("SELECT tenant_id FROM tenants WHERE tenant_id = $1 FOR NO KEY UPDATE", tenant)
            .fetch_optional(Db::of(tx))
            .await
            .map_err(of_statement)?;
        if held.is_some() {
            return Ok(made.rows_affected() == 0);
        }
    }
    Err(StoreError::RowsAffected { verb: "purge", expected: 1, actual: 0 })
}

/// Who refers to a row goes before it.
async fn take_away(tx: &mut PgConnection, tenant: Uuid) -> Result<Purged> {
    let seen = [
        ("acknowledgements", sqlx::query!("DELETE FROM acknowledgements WHERE tenant_id = $1", tenant).execute(Db::of(tx)).await),
        ("listings", sqlx::query!("DELETE FROM listings WHERE tenant_id = $1", tenant).execute(Db::of(tx)).await),
        ("run_errors", sqlx::query!("DELETE FROM run_errors WHERE tenant_id = $1", tenant).execute(Db::of(tx)).await),
        ("catalogue", sqlx::query!("DELETE FROM catalogue WHERE tenant_id = $1", tenant).execute(Db::of(tx)).await),
        ("ordinals", sqlx::query!("DELETE FROM ordinals WHERE tenant_id = $1", tenant).execute(Db::of(tx)).await),
        ("sync_runs", sqlx::query!("DELETE FROM sync_runs WHERE tenant_id = $1", tenant).execute(Db::of(tx)).await),
        ("selections", sqlx::query!("DELETE FROM selections WHERE tenant_id = $1", tenant).execute(Db::of(tx)).await),
    ];
    let rows =
        |(table, done): (_, sqlx::Result<PgQueryResult>)| Ok(PurgedTable { table, rows: done.map_err(of_statement)?.rows_affected() });
    let mut tables: Vec<PurgedTable> = seen.into_iter().map(rows).collect::<Result<_>>()?;
    keep_references_away(tx, tenant).await?;
    let known = [
        ("schedule_tenants", sqlx::query!("DELETE FROM schedule_tenants WHERE tenant_id = $1", tenant).execute(Db::of(tx)).await),
        ("api_token_tenants", sqlx::query!("DELETE FROM api_token_tenants WHERE tenant_id = $1", tenant).execute(Db::of(tx)).await),
        ("tenants", sqlx::query!("DELETE FROM tenants WHERE tenant_id = $1", tenant).execute(Db::of(tx)).await),
    ];
    for known in known {
        tables.push(rows(known)?);
    }
    Ok(Purged { tables })
}

/// Waits for tokens and schedules that are just being made for the tenant, and lets none refer to it from here on: who makes one looks
/// across tenants, and can't share-lock a tenant's row as a start does. No page can be waited for here: no run is left that takes one.
async fn keep_references_away(tx: &mut PgConnection, tenant: Uuid) -> Result<()> {
    let held = sqlx::query_scalar!("SELECT tenant_id FROM tenants WHERE tenant_id = $1 FOR UPDATE", tenant)
        .fetch_all(Db::of(tx))
        .await
        .map_err(of_statement)?;
    met("purge", 1, held.len() as u64)
}
