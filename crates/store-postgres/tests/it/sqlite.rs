//! The embedded store, to be held against.

use std::collections::BTreeMap;
use std::error::Error;
use std::str::FromStr;
use std::sync::Arc;

use async_trait::async_trait;
use lastseen_model::TenantId;
use lastseen_store::{DatabaseClock, ManualClock, Purged, Store, StoreError, TenantScope};
use lastseen_store_conformance::{Backend, TestDatabase};
use lastseen_store_sqlite::SqliteStore;
use serde_json::{Map, Value};

/// A file in a folder of its own for each history.
pub(crate) struct Sqlite;

struct File {
    folder: tempfile::TempDir,
    clock: ManualClock,
    store: Arc<SqliteStore>,
}

impl File {
    async fn open(folder: &tempfile::TempDir, clock: &ManualClock) -> SqliteStore {
        let clock = DatabaseClock::Manual(clock.clone());
        SqliteStore::open_with_clock(&folder.path().join("lastseen.db"), clock).await.expect("a database")
    }
}

#[async_trait]
impl Backend for Sqlite {
    async fn fresh(&self) -> Box<dyn TestDatabase> {
        let folder = tempfile::tempdir().expect("a folder");
        let clock = ManualClock::starting_at(lastseen_model::Timestamp::from_str(super::support::BEGINNING).expect("a time"));
        let store = Arc::new(File::open(&folder, &clock).await);
        Box::new(File { folder, clock, store })
    }
}

#[async_trait]
impl TestDatabase for File {
    fn store(&self) -> Arc<dyn Store> {
        Arc::clone(&self.store) as Arc<dyn Store>
    }

    async fn another(&self) -> Arc<dyn Store> {
        Arc::new(Self::open(&self.folder, &self.clock).await)
    }

    fn clock(&self) -> ManualClock {
        self.clock.clone()
    }

    // What two databases are compared by is what the verbs say; the rest is asked of this one where it is tested.
    async fn view(&self, view: &str) -> Vec<Map<String, Value>> {
        panic!("nobody asks this database for {view}")
    }

    async fn purge(&self, scope: &TenantScope) -> Result<Purged, StoreError> {
        self.store.purge(scope).await
    }

    async fn rows_of(&self, tenant: TenantId) -> BTreeMap<String, Vec<String>> {
        panic!("nobody asks this database for the rows of {tenant}")
    }

    async fn execute(&self, sql: &str) -> Result<(), Box<dyn Error + Send + Sync>> {
        panic!("nobody executes `{sql}` here")
    }

    async fn refuse(&self, table: &str, _: &[&str]) {
        panic!("nobody closes {table} here")
    }
}
