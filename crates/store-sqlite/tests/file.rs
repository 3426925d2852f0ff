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

/// The released steps of the schema, in order.
const STEPS: [&str; 2] = [include_str!("../migrations/0001_tables.sql"), include_str!("../migrations/0002_views.sql")];

/// A file as an older Lastseen left it: the first steps alone.
async fn make_older(path: &Path, version: usize) -> SqliteConnection {
    let mut connection = raw(path).await;
    for step in &STEPS[..version] {
        sqlx::raw_sql(*step).execute(&mut connection).await.expect("a released step");
    }
    let marks = format!("PRAGMA application_id = {}; PRAGMA user_version = {version};", 0x4c53_534e);
    sqlx::raw_sql(AssertSqlSafe(marks)).execute(&mut connection).await.expect("marks");
    connection
}

#[tokio::test]
async fn a_migration_that_was_broken_off_is_done_by_the_next_opening() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("lastseen.db");
    make_older(&path, 1).await.close().await.expect("closes");
    SqliteStore::open(&path).await.expect("migrates").close().await;
    let mut connection = raw(&path).await;
    assert!(sqlx::query("SELECT * FROM inventory_missing").fetch_all(&mut connection).await.expect("the view is there").is_empty());
}

/// What a file of version 2 may hold: ended, running and waiting runs, listings, an item that is missing, and a note on it.
const OLDER_DATA: &str = "
    INSERT INTO tenants VALUES ('8c2f0c1e-5a54-4c0e-9d6b-3f1f0f6b7a10', 'Contoso', 1);
    INSERT INTO policy_types VALUES ('deviceConfiguration', 'Configuration', 'Device configuration', '/deviceManagement/deviceConfigurations', 'v1.0');
    UPDATE sequence SET last_no = 5;
    INSERT INTO selections VALUES
        ('8c2f0c1e-5a54-4c0e-9d6b-3f1f0f6b7a10', printf('%064d', 1), '{\"categories\":[],\"policy_types\":[]}', 1),
        ('8c2f0c1e-5a54-4c0e-9d6b-3f1f0f6b7a10', printf('%064d', 2), '{\"categories\":[],\"policy_types\":[\"deviceConfiguration\"]}', 2);
    INSERT INTO sync_runs (created_no, tenant_id, run_id, run_no, selection_hash, selection_payload, scope, status, correlation_id, \"trigger\",
                           created_at, pending_until, started_at, finished_at, worker, lease_until, guard_min_items, guard_percent)
    SELECT n, '8c2f0c1e-5a54-4c0e-9d6b-3f1f0f6b7a10', printf('01900000-0000-7000-8000-%012d', n), no, printf('%064d', selection),
           iif(selection = 1, '{\"categories\":[],\"policy_types\":[]}', '{\"categories\":[],\"policy_types\":[\"deviceConfiguration\"]}'),
           iif(no IS NULL, NULL, '[\"deviceConfiguration\"]'), status, printf('01900000-0000-7000-8000-%012d', n), 'manual', n,
           iif(status = 'pending', 9000000000000000, NULL), iif(no IS NULL, NULL, n), iif(status IN ('pending', 'running'), NULL, n + 1),
           iif(no IS NULL, NULL, 'worker-1'), iif(status = 'running', 9000000000000000, NULL), 20, 50
    FROM (SELECT 1 AS n, 1 AS no, 'success' AS status, 1 AS selection UNION ALL SELECT 2, 3, 'success', 1
          UNION ALL SELECT 3, NULL, 'pending', 1 UNION ALL SELECT 4, 5, 'running', 2);
    INSERT INTO ordinals VALUES ('8c2f0c1e-5a54-4c0e-9d6b-3f1f0f6b7a10', 'deviceConfiguration', 2);
    INSERT INTO listings (tenant_id, run_id, policy_type, run_no, selection_hash, position, contract_hash, contract_version, pages_by_offset,
                          known_before, base_run_id, base_unseen, outcome, started_at, ended_at, pages, items_observed, items_unseen, last_no,
                          last_page_at, observed)
    SELECT tenant_id, run_id, 'deviceConfiguration', run_no, selection_hash, 0, printf('%032d', 1), printf('%032d', 2), 0,
           iif(run_no = 1, 0, 2), iif(run_no = 3, '01900000-0000-7000-8000-000000000001', NULL), iif(run_no = 3, 1, NULL), 'complete',
           started_at, finished_at, 1, iif(run_no = 1, 2, 1), iif(run_no = 1, 0, 1), run_no + 1, finished_at, iif(run_no = 1, x'03', x'01')
    FROM sync_runs WHERE status = 'success';
    INSERT INTO catalogue (tenant_id, policy_type, ordinal, external_id, fingerprint, contract_version, display_name, first_seen_at,
                           first_seen_run_id, changed_at, meta_jsonb, search_text)
    SELECT tenant_id, policy_type, n, 'id-' || n, printf('%032d', n), printf('%032d', 2), 'Policy ' || n, 1,
           '01900000-0000-7000-8000-000000000001', 1, '{}', 'policy ' || n
    FROM ordinals, (SELECT 0 AS n UNION ALL SELECT 1);
    INSERT INTO acknowledgements VALUES ('8c2f0c1e-5a54-4c0e-9d6b-3f1f0f6b7a10', 'deviceConfiguration', 'id-1', 'ada', 'known', 3, 4);
    INSERT INTO run_errors VALUES ('8c2f0c1e-5a54-4c0e-9d6b-3f1f0f6b7a10', '01900000-0000-7000-8000-000000000002', 1, 'graph_forbidden', '{}');";

/// Every value of a table or view in these columns, as SQL writes it.
async fn values(connection: &mut SqliteConnection, table: &str, columns: &[String]) -> Vec<String> {
    let all: Vec<String> = columns.iter().map(|column| format!("quote(\"{column}\")")).collect();
    let sql = format!("SELECT {} FROM {table} ORDER BY 1", all.join(" || '|' || "));
    sqlx::query_scalar(AssertSqlSafe(sql)).fetch_all(connection).await.expect("values")
}

#[tokio::test]
async fn a_file_of_the_version_before_the_queue_reads_the_same_after_it_was_migrated() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("lastseen.db");
    let mut connection = make_older(&path, 2).await;
    sqlx::raw_sql(OLDER_DATA).execute(&mut connection).await.expect("data");
    let tables = "SELECT name FROM sqlite_schema WHERE type = 'table' OR name LIKE 'inventory%' ORDER BY name";
    let tables: Vec<String> = sqlx::query_scalar(tables).fetch_all(&mut connection).await.expect("tables and views");
    let mut before = Vec::new();
    for table in &tables {
        let columns: Vec<String> =
            sqlx::query_scalar("SELECT name FROM pragma_table_info(?1)").bind(table).fetch_all(&mut connection).await.expect("columns");
        let values = values(&mut connection, table, &columns).await;
        assert!(!values.is_empty(), "{table} holds something to compare");
        before.push((table, columns, values));
    }
    connection.close().await.expect("closes");

    let store = SqliteStore::open(&path).await.expect("migrates");
    let limits = lastseen_model::Limits { global: 100, per_tenant: 100 };
    let queued = store.queued_runs(limits, 10).await.expect("answers");
    assert!(queued.is_empty(), "a run that waited before there was a queue is its starter's: {queued:?}");
    store.close().await;
    let mut connection = raw(&path).await;
    for (table, columns, values_before) in before {
        assert_eq!(values(&mut connection, table, &columns).await, values_before, "{table}");
    }
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
