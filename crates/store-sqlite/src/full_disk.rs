//! A full disk: told as what it is, and survived.

use lastseen_model::TenantId;
use lastseen_store::{OpenProblem, Store, StoreError, TenantScope};
use uuid::Uuid;

use crate::SqliteStore;

#[expect(clippy::disallowed_methods, reason = "a test stands in for the command line")]
fn tenant(number: u128) -> TenantScope {
    TenantScope::assume(TenantId::try_from(Uuid::from_u128(number)).expect("not nil"))
}

#[tokio::test]
async fn a_full_disk_is_told_as_such_and_the_next_write_after_it_succeeds() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = SqliteStore::open(&folder.path().join("lastseen.db")).await.expect("opens");
    // No page may be added to the file: what a full disk does, for this connection.
    sqlx::raw_sql("PRAGMA max_page_count = 1").execute(&store.writer).await.expect("set");
    let name = "a name that fills pages ".repeat(40);
    let mut refused = None;
    for number in 1..1_000 {
        if let Err(error) = store.register_tenant(&tenant(number), Some(&name)).await {
            refused = Some((number, error));
            break;
        }
    }
    let (number, error) = refused.expect("the disk is full at some point");
    assert!(matches!(error, StoreError::NotWritable(OpenProblem::DiskFull)), "{error:?}");

    // Room was made: the driver's connection, which the error left in the middle of a transaction, is replaced.
    let known = store.tenants().await.expect("answers").len();
    assert_eq!(known as u128, number - 1, "nothing half written");
    sqlx::raw_sql("PRAGMA max_page_count = 1000000").execute(&store.writer).await.expect("set");
    store.register_tenant(&tenant(number), Some(&name)).await.expect("there is room again");
}
