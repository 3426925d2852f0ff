//! The file itself: whose it is, how it gets its schema, and how its views are read.

use std::path::Path;

use lastseen_store::{OpenProblem, Store, StoreError};
use lastseen_store_sqlite::SqliteStore;
use sqlx::{AssertSqlSafe, Connection, Row, SqliteConnection};

async fn raw(path: &Path) -> SqliteConnection {
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(path).create_if_missing(true);
    SqliteConnection::connect_with(&options).await.expect("opens")
}

async fn execute(path: &Path, sql: &'static str) {
    let mut connection = raw(path).await;
    sqlx::raw_sql(sql).execute(&mut connection).await.expect("executes");
    connection.close().await.expect("closes");
}

#[tokio::test]
async fn a_new_file_gets_the_newest_schema_in_a_folder_made_for_it_and_keeps_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("made").join("for it").join("lastseen.db");
    SqliteStore::open(&path).await.expect("opens").close().await;
    let mut connection = raw(&path).await;
    let version: i64 = sqlx::query_scalar("PRAGMA user_version").fetch_one(&mut connection).await.expect("a version");
    assert!(version > 0);
    let views: Vec<String> =
        sqlx::query_scalar("SELECT name FROM sqlite_schema WHERE type = 'view' AND name LIKE 'inventory%' ORDER BY name")
            .fetch_all(&mut connection)
            .await
            .expect("views");
    assert_eq!(views, ["inventory_coverage", "inventory_items", "inventory_missing", "inventory_sync_runs"]);
    connection.close().await.expect("closes");
    let again = SqliteStore::open(&path).await.expect("opens again");
    assert!(again.tenants().await.expect("answers").is_empty());
}

#[cfg(unix)]
#[tokio::test]
async fn the_file_is_private_to_its_user() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("lastseen.db");
    SqliteStore::open(&path).await.expect("opens").close().await;
    assert_eq!(std::fs::metadata(&path).expect("a file").permissions().mode() & 0o777, 0o600);
}

#[tokio::test]
async fn a_database_of_somebody_else_is_refused_and_left_as_it_is() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("theirs.db");
    execute(&path, "CREATE TABLE customers (name TEXT); INSERT INTO customers VALUES ('Ada')").await;
    let before = std::fs::read(&path).expect("a file");
    let refused = SqliteStore::open(&path).await.expect_err("refused");
    assert!(matches!(refused, StoreError::CannotOpen { problem: OpenProblem::NotLastseens, .. }), "{refused:?}");
    assert_eq!(std::fs::read(&path).expect("a file"), before);
}

#[tokio::test]
async fn a_file_of_a_newer_version_is_refused_and_left_as_it_is() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("lastseen.db");
    SqliteStore::open(&path).await.expect("opens").close().await;
    execute(&path, "PRAGMA user_version = 999").await;
    let before = std::fs::read(&path).expect("a file");
    let refused = SqliteStore::open(&path).await.expect_err("refused");
    assert!(matches!(refused, StoreError::NewerSchema { found: 999, .. }), "{refused:?}");
    assert_eq!(std::fs::read(&path).expect("a file"), before);
}

#[tokio::test]
async fn a_migration_that_was_broken_off_is_done_by_the_next_opening() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("lastseen.db");
    SqliteStore::open(&path).await.expect("opens").close().await;
    // As the file was after the first step alone: tables, and no view.
    let mut connection = raw(&path).await;
    let views: Vec<String> =
        sqlx::query_scalar("SELECT name FROM sqlite_schema WHERE type = 'view'").fetch_all(&mut connection).await.expect("views");
    for view in views {
        sqlx::raw_sql(AssertSqlSafe(format!("DROP VIEW {view}"))).execute(&mut connection).await.expect("drops");
    }
    sqlx::raw_sql("PRAGMA user_version = 1").execute(&mut connection).await.expect("set");
    connection.close().await.expect("closes");
    SqliteStore::open(&path).await.expect("migrates").close().await;
    let mut connection = raw(&path).await;
    assert!(sqlx::query("SELECT * FROM inventory_missing").fetch_all(&mut connection).await.expect("the view is there").is_empty());
}

#[tokio::test]
async fn a_file_that_was_removed_or_replaced_takes_no_more_writes() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("lastseen.db");
    let store = SqliteStore::open(&path).await.expect("opens");
    store.mirror_registry(&[]).await.expect("writes");
    std::fs::remove_file(&path).expect("removed");
    let gone = store.mirror_registry(&[]).await.expect_err("refused");
    assert!(matches!(gone, StoreError::NotWritable(OpenProblem::Replaced)), "{gone:?}");
    std::fs::write(&path, "").expect("another file");
    let replaced = store.mirror_registry(&[]).await.expect_err("refused");
    assert!(matches!(replaced, StoreError::NotWritable(OpenProblem::Replaced)), "{replaced:?}");
}

/// How SQLite would answer.
async fn plan(path: &Path, sql: &str) -> String {
    let mut connection = raw(path).await;
    let rows = sqlx::query(AssertSqlSafe(format!("EXPLAIN QUERY PLAN {sql}"))).fetch_all(&mut connection).await.expect("a plan");
    rows.iter().map(|row| row.get::<String, _>("detail")).collect::<Vec<_>>().join("\n")
}

#[tokio::test]
async fn a_tenant_in_a_question_reaches_the_indexes_of_every_view() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("lastseen.db");
    SqliteStore::open(&path).await.expect("opens").close().await;
    let tenant = "tenant_id = '8c2f0c1e-5a54-4c0e-9d6b-3f1f0f6b7a10'";
    for (view, more) in [
        ("inventory_items", ""),
        ("inventory_items", " AND policy_type = 'deviceConfiguration'"),
        ("inventory_items", " AND policy_type = 'deviceConfiguration' AND external_id = 'x'"),
        ("inventory_sync_runs", ""),
        ("inventory_missing", ""),
        ("inventory_missing", " AND selection_hash = 'x' AND policy_type = 'deviceConfiguration'"),
        ("inventory_coverage", ""),
    ] {
        let plan = plan(&path, &format!("SELECT * FROM {view} WHERE {tenant}{more}")).await;
        // The registry's mirror has a row a type and no tenant.
        let scans: Vec<&str> = plan.lines().filter(|line| line.starts_with("SCAN") && !line.starts_with("SCAN p")).collect();
        assert!(scans.is_empty(), "{view}{more} reads other tenants' rows: {scans:?}\n{plan}");
        assert!(plan.contains("tenant_id=?"), "{view}{more}:\n{plan}");
    }
}
