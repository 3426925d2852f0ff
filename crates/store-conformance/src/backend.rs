//! What a database has to bring so that the suite can run against it.

use std::collections::BTreeMap;
use std::error::Error;
use std::sync::Arc;

use async_trait::async_trait;
use lastseen_model::TenantId;
use lastseen_store::{ManualClock, Purged, Store, StoreError, TenantScope};
use serde_json::{Map, Value};

/// A kind of database.
#[async_trait]
pub trait Backend: Send + Sync {
    /// An empty, migrated database of its own for one test.
    async fn fresh(&self) -> Box<dyn TestDatabase>;

    /// How many random histories are played against it unless `PROPTEST_CASES` says otherwise. Fewer are enough where another
    /// backend has the same statements and only the way to them differs.
    fn histories(&self) -> u32 {
        HISTORIES
    }
}

/// How many histories it takes to meet everything there is to meet; a test of the model holds it to that.
pub(crate) const HISTORIES: u32 = 96;

/// One database under test. Dropping it takes the database away.
#[async_trait]
pub trait TestDatabase: Send + Sync {
    /// A handle.
    fn store(&self) -> Arc<dyn Store>;

    /// A second handle with connections of its own, as another process would have.
    async fn another(&self) -> Arc<dyn Store>;

    /// The clock that every handle's verbs read.
    fn clock(&self) -> ManualClock;

    /// All rows of one of the four views of the SQL contract, or of a table that [`TestDatabase::execute`] made, columns by
    /// name. Booleans may come as 0 and 1 and JSON as text, as the contract allows.
    async fn view(&self, view: &str) -> Vec<Map<String, Value>>;

    /// Takes a tenant away, as its owner would with the backend's own function.
    async fn purge(&self, scope: &TenantScope) -> Result<Purged, StoreError>;

    /// Every row of a tenant in every table that has a `tenant_id`, by table, byte for byte as text. The database itself says which tables
    /// these are, so that one that is added later is among them.
    async fn rows_of(&self, tenant: TenantId) -> BTreeMap<String, Vec<String>>;

    /// Runs a statement beside Lastseen, as the owner of the database would.
    async fn execute(&self, sql: &str) -> Result<(), Box<dyn Error + Send + Sync>>;

    /// Puts triggers on a table that refuse these of `INSERT`, `UPDATE` and `DELETE`, whoever asks.
    async fn refuse(&self, table: &str, writes: &[&str]);
}
