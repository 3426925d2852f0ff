//! Connecting, and who may.

use lastseen_store::{DatabaseClock, OpenProblem, Result, StoreError};
use sqlx::postgres::PgPoolOptions;
use sqlx::{Executor, PgConnection, Row};

use crate::PostgresStore;
use crate::error::of_opening;
use crate::migrate;
use crate::settings::{PoolSettings, PostgresAddress};
use crate::transaction::Db;

/// PostgreSQL 15 brought views that look with the rights of whoever asks; without them the walls would not hold.
const OLDEST_SERVER: i32 = 150_000;

impl PostgresStore {
    /// Connects with the application's role.
    ///
    /// Refuses, before anything else is asked: a server older than 15; a role that row-level security does not hold (a superuser, or
    /// BYPASSRLS); a database without Lastseen's schema, with an older one, or with one that no longer serves this program.
    pub async fn open(address: &PostgresAddress, pool: PoolSettings) -> Result<Self> {
        Self::open_with_clock(address, pool, DatabaseClock::Database).await
    }

    /// Like [`PostgresStore::open`], with a clock that a test may move.
    pub async fn open_with_clock(address: &PostgresAddress, settings: PoolSettings, clock: DatabaseClock) -> Result<Self> {
        let place = address.place();
        let pool = PgPoolOptions::new()
            .max_connections(settings.connections)
            .acquire_timeout(settings.patience)
            .after_release(|connection, _| Box::pin(is_clean(connection)))
            .connect_lazy_with(address.options()?);
        let mut connection = pool.acquire().await.map_err(|error| of_opening(place, error))?;
        check_server(&mut connection, place).await?;
        check_role(&mut connection, place).await?;
        migrate::check_schema(&mut connection, place).await?;
        drop(connection);
        Ok(Self { pool, clock })
    }

    /// Closes every connection.
    pub async fn close(&self) {
        self.pool.close().await;
    }
}

/// Whether a connection that comes back to the pool may be lent again. `now()` stands still within a transaction and equals the
/// statement's time outside of one: a connection that was left inside a transaction (see `transaction`) is closed, so that nobody
/// writes into what will be rolled back. Asked by the simple protocol, which makes no statement that a pooler would have to know.
async fn is_clean(connection: &mut PgConnection) -> sqlx::Result<bool> {
    let leaked: bool = connection.fetch_one(sqlx::raw_sql("SELECT now() <> statement_timestamp()")).await?.try_get(0)?;
    Ok(!leaked)
}

pub(crate) async fn check_server(connection: &mut PgConnection, place: &str) -> Result<()> {
    let version = sqlx::query_scalar!(r#"SELECT current_setting('server_version_num')::integer AS "version!""#)
        .fetch_one(Db::of(connection))
        .await
        .map_err(|error| of_opening(place, error))?;
    if version < OLDEST_SERVER {
        return Err(StoreError::CannotOpen { place: place.to_owned(), problem: OpenProblem::ServerTooOld, source: None });
    }
    Ok(())
}

async fn check_role(connection: &mut PgConnection, place: &str) -> Result<()> {
    let above = sqlx::query_scalar!(
        r#"SELECT bool_or(rolsuper OR rolbypassrls) AS "above!" FROM pg_roles WHERE rolname IN (current_user, session_user)"#
    )
    .fetch_one(Db::of(connection))
    .await
    .map_err(|error| of_opening(place, error))?;
    if above {
        return Err(StoreError::CannotOpen { place: place.to_owned(), problem: OpenProblem::AboveTheWalls, source: None });
    }
    Ok(())
}
