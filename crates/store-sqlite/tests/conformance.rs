//! The suite that every store passes, on SQLite.

use std::collections::BTreeMap;
use std::error::Error;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;

use async_trait::async_trait;
use lastseen_model::TenantId;
use lastseen_store::{DatabaseClock, ManualClock, Purged, Store, StoreError, TenantScope};
use lastseen_store_conformance::{Backend, TestDatabase, conformance_tests};
use lastseen_store_sqlite::SqliteStore;
use serde_json::{Map, Value};
use sqlx::sqlite::{SqliteConnectOptions, SqlitePoolOptions, SqliteRow};
use sqlx::{AssertSqlSafe, Column, Row, SqlitePool, TypeInfo, ValueRef};

/// A file in a folder of its own for each test.
struct Sqlite;

struct File {
    path: PathBuf,
    clock: ManualClock,
    store: Arc<SqliteStore>,
    /// As another program that opened the file.
    beside: SqlitePool,
    /// Last, so that the folder goes when nobody has the file open any more.
    _folder: tempfile::TempDir,
}

#[async_trait]
impl Backend for Sqlite {
    async fn fresh(&self) -> Box<dyn TestDatabase> {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("lastseen.db");
        let clock = ManualClock::starting_at(lastseen_model::Timestamp::from_str("2027-01-15T08:00:00.123456Z").expect("a time"));
        let store = SqliteStore::open_with_clock(&path, DatabaseClock::Manual(clock.clone())).await.expect("a database");
        let options = SqliteConnectOptions::new().filename(&path);
        let beside = SqlitePoolOptions::new().max_connections(1).connect_with(options).await.expect("the file again");
        Box::new(File { path, clock, store: Arc::new(store), beside, _folder: folder })
    }
}

#[async_trait]
impl TestDatabase for File {
    fn store(&self) -> Arc<dyn Store> {
        Arc::clone(&self.store) as Arc<dyn Store>
    }

    async fn another(&self) -> Arc<dyn Store> {
        let clock = DatabaseClock::Manual(self.clock.clone());
        Arc::new(SqliteStore::open_with_clock(&self.path, clock).await.expect("the file again"))
    }

    fn clock(&self) -> ManualClock {
        self.clock.clone()
    }

    async fn view(&self, view: &str) -> Vec<Map<String, Value>> {
        let rows = sqlx::query(AssertSqlSafe(format!("SELECT * FROM {view}"))).fetch_all(&self.beside).await;
        rows.expect("the view's rows").iter().map(row).collect()
    }

    async fn purge(&self, scope: &TenantScope) -> Result<Purged, StoreError> {
        self.store.purge(scope).await
    }

    async fn rows_of(&self, tenant: TenantId) -> BTreeMap<String, Vec<String>> {
        let tables = "SELECT t.name FROM sqlite_schema t, pragma_table_info(t.name) c WHERE t.type = 'table' AND c.name = 'tenant_id'";
        let tables: Vec<String> = sqlx::query_scalar(tables).fetch_all(&self.beside).await.expect("tables");
        let mut rows = BTreeMap::new();
        for table in tables {
            let columns = "SELECT group_concat('quote(\"' || name || '\")', ' || ''|'' || ') FROM pragma_table_info(?1)";
            let columns: String = sqlx::query_scalar(columns).bind(&table).fetch_one(&self.beside).await.expect("columns");
            let of_tenant = AssertSqlSafe(format!("SELECT {columns} FROM {table} WHERE tenant_id = ?1 ORDER BY 1"));
            let found = sqlx::query_scalar(of_tenant).bind(tenant.to_string()).fetch_all(&self.beside).await.expect("rows");
            rows.insert(table, found);
        }
        rows
    }

    async fn execute(&self, sql: &str) -> Result<(), Box<dyn Error + Send + Sync>> {
        sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(&self.beside).await?;
        Ok(())
    }

    async fn refuse(&self, table: &str, writes: &[&str]) {
        for write in writes {
            let trigger = format!("CREATE TRIGGER {table}_{write} BEFORE {write} ON {table} BEGIN SELECT RAISE(ABORT, 'refused'); END");
            self.execute(&trigger).await.expect("a trigger");
        }
    }
}

fn row(row: &SqliteRow) -> Map<String, Value> {
    let value = |place: usize| {
        let raw = row.try_get_raw(place).expect("a value");
        // The type of a NULL is that of its column, where it has one.
        if raw.is_null() {
            return Value::Null;
        }
        match raw.type_info().name() {
            "INTEGER" => row.get::<i64, _>(place).into(),
            "TEXT" => row.get::<String, _>(place).into(),
            other => panic!("a view has no values of type {other}"),
        }
    };
    row.columns().iter().map(|column| (column.name().to_owned(), value(column.ordinal()))).collect()
}

conformance_tests!(Sqlite);
