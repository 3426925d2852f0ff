//! Connecting, and who may.

use lastseen_store::{DatabaseClock, OpenProblem, Result, StoreError};
use sqlx::postgres::PgPoolOptions;
use sqlx::{Connection, Executor, PgConnection, Row};

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
        // In a transaction, because a pooler may give every statement outside of one another server connection.
        let mut tx = connection.begin().await.map_err(|error| of_opening(place, error))?;
        check_server(&mut tx, place).await?;
        check_role(&mut tx, place).await?;
        migrate::check_schema(&mut tx, place).await?;
        tx.rollback().await.map_err(|error| of_opening(place, error))?;
        drop(connection);
        Ok(Self { pool, clock })
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
    let cannot = |problem| StoreError::CannotOpen { place: place.to_owned(), problem, source: None };
    let server = sqlx::query!(
        r#"SELECT current_setting('server_version_num')::integer AS "version!", current_setting('server_encoding') AS "encoding!""#
    )
    .fetch_one(Db::of(connection))
    .await
    .map_err(|error| of_opening(place, error))?;
    match server.encoding.as_str() {
        _ if server.version < OLDEST_SERVER => Err(cannot(OpenProblem::ServerTooOld)),
        "UTF8" => Ok(()),
        _ => Err(cannot(OpenProblem::NotUtf8)),
    }
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

#[cfg(test)]
mod tests {
    /// Connections that were given up at a bad moment.
    mod on_postgres {
        use std::task::Poll;
        use std::time::Duration;

        use lastseen_model::TenantId;
        use lastseen_store::{Store, TenantScope};
        use lastseen_test_postgres::{APP_ROLE, OWNER_ROLE, Shared};
        use sqlx::postgres::{PgPool, PgPoolOptions};
        use sqlx::{Executor, Row};
        use uuid::Uuid;

        use crate::{PoolSettings, PostgresAddress, PostgresStore, migrate};

        /// How many verbs or transactions are begun and given up.
        const STORM: u128 = 1_500;

        #[expect(clippy::disallowed_methods, reason = "a test stands in for the command line")]
        fn tenant(number: u128) -> TenantScope {
            TenantScope::assume(TenantId::try_from(Uuid::from_u128(number)).expect("not nil"))
        }

        /// A database of this test alone, and a store on it.
        async fn store(name: &str) -> PostgresStore {
            let shared = Shared::from_environment().unwrap_or_else(|why| panic!("{why}"));
            let name = format!("test_{name}_{}", std::process::id());
            shared.psql("postgres", &format!("CREATE DATABASE {name} OWNER {OWNER_ROLE}")).expect("a database");
            let address = |role| PostgresAddress::parse(&shared.url(role, &name)).expect("an address");
            migrate(&address(OWNER_ROLE), APP_ROLE).await.expect("the schema is made");
            PostgresStore::open(&address(APP_ROLE), PoolSettings { connections: 4, ..PoolSettings::default() }).await.expect("opens")
        }

        /// How many of a pool's connections are inside a transaction that nobody has.
        async fn leaked(pool: &PgPool) -> usize {
            let mut lent = Vec::new();
            for _ in 0..pool.options().get_max_connections() {
                lent.push(pool.acquire().await.expect("a connection"));
            }
            let mut leaked = 0;
            for connection in &mut lent {
                let row = connection.fetch_one(sqlx::raw_sql("SELECT now() <> statement_timestamp()")).await.expect("an answer");
                leaked += usize::from(row.get::<bool, _>(0));
            }
            leaked
        }

        /// Up to 0.3 ms, in no order.
        fn moment(number: u128) -> Duration {
            Duration::from_micros(u64::try_from(number * 7_919 % 300).unwrap_or_default())
        }

        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn a_storm_of_verbs_that_are_given_up_leaves_no_connection_inside_a_transaction() {
            let store = store("storm").await;
            let mut done = Vec::new();
            for number in 1..=STORM {
                let scope = tenant(number);
                if let Ok(written) = tokio::time::timeout(moment(number), store.register_tenant(&scope, None)).await {
                    written.expect("writes");
                    done.push(scope.tenant());
                }
            }
            assert_eq!(leaked(&store.pool).await, 0);
            // One that is not given up writes, and what was answered is there.
            store.register_tenant(&tenant(STORM + 1), None).await.expect("writes");
            done.push(tenant(STORM + 1).tenant());
            let known: Vec<TenantId> = store.tenants().await.expect("answers").iter().map(|record| record.tenant_id).collect();
            assert!(done.iter().all(|tenant| known.contains(tenant)), "a write that was answered is gone");
        }

        #[tokio::test]
        async fn a_connection_that_comes_back_inside_a_transaction_is_lent_to_nobody() {
            let store = store("leak").await;
            let server_process = "SELECT pg_backend_pid()";
            let mut connection = store.pool.acquire().await.expect("a connection");
            connection.execute(sqlx::raw_sql("BEGIN; SELECT set_config('app.fleet', 'on', true)")).await.expect("begins");
            let leaking: i32 = connection.fetch_one(sqlx::raw_sql(server_process)).await.expect("an answer").get(0);
            // As the driver does it when the future of its `begin` is dropped.
            drop(connection);
            for _ in 0..8 {
                let mut lent = store.pool.acquire().await.expect("a connection");
                let lent: i32 = lent.fetch_one(sqlx::raw_sql(server_process)).await.expect("an answer").get(0);
                assert_ne!(lent, leaking);
            }
        }

        /// Drops a future after it was asked this often and was not done.
        async fn given_up_after(polls: u32, future: impl Future) {
            let mut future = Box::pin(future);
            let mut left = polls;
            std::future::poll_fn(|context| {
                left -= 1;
                if future.as_mut().poll(context).is_ready() || left == 0 { Poll::Ready(()) } else { Poll::Pending }
            })
            .await;
        }

        /// The driver's flaw itself (sqlx 0.9.0), without the helper and without the guard. When this fails the driver is mended, and both
        /// may go.
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        #[expect(clippy::disallowed_methods, reason = "the reproduction of what the helper is for")]
        async fn the_drivers_own_begin_leaves_connections_inside_transactions() {
            let shared = Shared::from_environment().unwrap_or_else(|why| panic!("{why}"));
            let pool = PgPoolOptions::new().max_connections(4).connect(&shared.url(APP_ROLE, "postgres")).await.expect("connects");
            for _ in 0..STORM {
                for polls in 1..=5 {
                    given_up_after(polls, pool.begin()).await;
                }
                if leaked(&pool).await > 0 {
                    return;
                }
            }
            panic!("no connection was left inside a transaction: is the driver mended?");
        }
    }
}
