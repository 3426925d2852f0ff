//! A database of its own for each test, in the cluster that `cargo xtask test` starts.

use std::collections::BTreeMap;
use std::error::Error;
use std::hash::{BuildHasher as _, RandomState};
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use lastseen_model::TenantId;
use lastseen_store::{DatabaseClock, ManualClock, Purged, Store, StoreError, TenantScope};
use lastseen_store_conformance::{Backend, TestDatabase};
use lastseen_store_postgres::{PoolSettings, PostgresAddress, PostgresStore, migrate, purge_with_clock};
use lastseen_test_postgres::{APP_ROLE, OWNER_ROLE, Shared};
use serde_json::{Map, Value};
use sqlx::postgres::{PgConnection, PgPool, PgPoolOptions, PgRow};
use sqlx::{AssertSqlSafe, Connection, Executor, Row};

/// How the store reaches its database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Postgres {
    /// Straight.
    Direct,
    /// Through PgBouncer in transaction mode.
    Pooled,
}

fn servers() -> Shared {
    Shared::from_environment().unwrap_or_else(|why| panic!("{why}"))
}

/// A database of a test. It stays until the cluster goes, so that one whose test failed can be looked at.
pub(crate) struct Database {
    pub(crate) name: String,
}

/// When the clock of a test begins.
pub(crate) const BEGINNING: &str = "2027-01-15T08:00:00.123456Z";

/// The runtime of a test.
pub(crate) fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime")
}

impl Database {
    /// A new one, without a schema.
    pub(crate) async fn empty() -> Self {
        Self::made("").await
    }

    /// A new one with these options, without a schema.
    pub(crate) async fn made(options: &str) -> Self {
        static MADE: AtomicU64 = AtomicU64::new(0);
        // In a long run the system gives a process the number of one that has ended, whose databases are still there.
        let this_process = RandomState::new().hash_one(std::process::id());
        let name = format!("test_{this_process:x}_{}", MADE.fetch_add(1, Ordering::SeqCst));
        let mut postgres = PgConnection::connect(&servers().superuser_url("postgres")).await.expect("the cluster answers");
        postgres
            .execute(sqlx::raw_sql(AssertSqlSafe(format!("CREATE DATABASE {name} OWNER {OWNER_ROLE} {options}"))))
            .await
            .expect("a database");
        postgres.close().await.expect("closes");
        Self { name }
    }

    /// A new one with the newest schema.
    pub(crate) async fn migrated() -> Self {
        let database = Self::empty().await;
        migrate(&database.address(OWNER_ROLE), APP_ROLE).await.expect("the schema is made");
        database
    }

    /// Its address for a role.
    pub(crate) fn address(&self, role: &str) -> PostgresAddress {
        PostgresAddress::parse(&self.url(role)).expect("an address")
    }

    /// The same as text.
    pub(crate) fn url(&self, role: &str) -> String {
        servers().url(role, &self.name)
    }

    /// A name for a role that is this test's own: roles belong to the whole cluster.
    pub(crate) fn role(&self, what: &str) -> String {
        format!("{what}_{}", self.name)
    }

    /// Runs statements as the server's superuser.
    pub(crate) async fn as_superuser(&self, sql: &str) {
        let pool = self.superuser().await;
        sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(&pool).await.unwrap_or_else(|error| panic!("{error}: {sql}"));
        pool.close().await;
    }

    /// Every row of every table, as text; a column without a value is left out, so that one that a step adds makes no difference.
    pub(crate) async fn dump(&self) -> Vec<String> {
        let pool = self.superuser().await;
        let mut rows = Vec::new();
        let tables = "SELECT relname::text FROM pg_class WHERE relkind = 'r' AND relnamespace = current_schema()::regnamespace
                      AND relname NOT IN ('lastseen_migrations', 'lastseen_schema', 'claim_gate') ORDER BY 1";
        let tables: Vec<String> = sqlx::query_scalar(tables).fetch_all(&pool).await.expect("tables");
        for table in tables {
            let sql = AssertSqlSafe(format!("SELECT '{table} ' || jsonb_strip_nulls(to_jsonb(t))::text FROM {table} t ORDER BY 1"));
            rows.extend(sqlx::query_scalar::<_, String>(sql).fetch_all(&pool).await.expect("rows"));
        }
        pool.close().await;
        rows
    }

    /// A connection of the server's superuser, whom no wall holds.
    pub(crate) async fn superuser(&self) -> PgPool {
        PgPoolOptions::new().max_connections(2).connect(&servers().superuser_url(&self.name)).await.expect("connects")
    }

    /// A handle of the program.
    pub(crate) async fn store(&self, way: Postgres, clock: DatabaseClock) -> PostgresStore {
        let address = match way {
            Postgres::Direct => self.address(APP_ROLE),
            Postgres::Pooled => PostgresAddress::parse(&servers().pooled_url(APP_ROLE, &self.name)).expect("an address"),
        };
        let pool = PoolSettings { connections: 6, ..PoolSettings::default() };
        PostgresStore::open_with_clock(&address, pool, clock).await.expect("opens")
    }
}

/// A database under the suite.
struct UnderTest {
    database: Database,
    way: Postgres,
    clock: ManualClock,
    store: Arc<PostgresStore>,
    superuser: PgPool,
}

#[async_trait]
impl Backend for Postgres {
    // Every question of a history is several round trips here; SQLite plays four times as many by the same rules. The pooler does not see
    // what is said, only where one transaction ends and the next begins.
    fn histories(&self) -> u32 {
        if *self == Self::Pooled { 8 } else { 24 }
    }

    async fn fresh(&self) -> Box<dyn TestDatabase> {
        let database = Database::migrated().await;
        let clock = ManualClock::starting_at(lastseen_model::Timestamp::from_str(BEGINNING).expect("a time"));
        let store = database.store(*self, DatabaseClock::Manual(clock.clone())).await;
        let superuser = database.superuser().await;
        Box::new(UnderTest { database, way: *self, clock, store: Arc::new(store), superuser })
    }
}

#[async_trait]
impl TestDatabase for UnderTest {
    fn store(&self) -> Arc<dyn Store> {
        Arc::clone(&self.store) as Arc<dyn Store>
    }

    async fn another(&self) -> Arc<dyn Store> {
        Arc::new(self.database.store(self.way, DatabaseClock::Manual(self.clock.clone())).await)
    }

    fn clock(&self) -> ManualClock {
        self.clock.clone()
    }

    async fn view(&self, view: &str) -> Vec<Map<String, Value>> {
        let rows = sqlx::query(AssertSqlSafe(format!("SELECT to_jsonb(v) AS row FROM {view} v"))).fetch_all(&self.superuser).await;
        let object = |row: &PgRow| match row.get::<Value, _>("row") {
            Value::Object(row) => row,
            other => panic!("a row is an object, not {other}"),
        };
        rows.expect("the view's rows").iter().map(object).collect()
    }

    async fn purge(&self, scope: &TenantScope) -> Result<Purged, StoreError> {
        let clock = DatabaseClock::Manual(self.clock.clone());
        purge_with_clock(&self.database.address(OWNER_ROLE), scope, clock).await
    }

    async fn rows_of(&self, tenant: TenantId) -> BTreeMap<String, Vec<String>> {
        let tables = "SELECT c.relname::text FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'tenant_id'
                      WHERE c.relkind IN ('r', 'p') AND c.relnamespace = current_schema()::regnamespace";
        let tables: Vec<String> = sqlx::query_scalar(tables).fetch_all(&self.superuser).await.expect("tables");
        let mut rows = BTreeMap::new();
        for table in tables {
            let of_tenant = AssertSqlSafe(format!("SELECT t::text FROM {table} t WHERE tenant_id = $1::uuid ORDER BY 1"));
            let found = sqlx::query_scalar(of_tenant).bind(tenant.to_string()).fetch_all(&self.superuser).await.expect("rows");
            rows.insert(table, found);
        }
        rows
    }

    async fn execute(&self, sql: &str) -> Result<(), Box<dyn Error + Send + Sync>> {
        sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(&self.superuser).await?;
        Ok(())
    }

    async fn refuse(&self, table: &str, writes: &[&str]) {
        let function = format!(
            "CREATE OR REPLACE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'refused'; END $$;
             CREATE TRIGGER {table}_refuses BEFORE {} ON {table} FOR EACH STATEMENT EXECUTE FUNCTION refuse()",
            writes.join(" OR ")
        );
        self.execute(&function).await.expect("a trigger");
    }
}
