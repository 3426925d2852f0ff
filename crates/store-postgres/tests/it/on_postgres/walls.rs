//! Row-level security, with the program's own `WHERE` out of the way.

use lastseen_store::{AboutPostgres, BackendAbout, Store, StoreError, Walls};
use lastseen_store_conformance::{Backend, the_wall_alone_hides_a_tenant};
use lastseen_store_postgres::{PoolSettings, PostgresStore, migrate};
use lastseen_test_postgres::{APP_ROLE, OWNER_ROLE};
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Connection, Executor};

use crate::support::{Database, Postgres, runtime};

/// The tables and views that hold tenants' data.
pub(super) const TENANT_DATA: [&str; 14] = [
    "tenants",
    "selections",
    "sync_runs",
    "run_errors",
    "listings",
    "ordinals",
    "catalogue",
    "acknowledgements",
    "api_token_tenants",
    "schedule_tenants",
    "inventory_items",
    "inventory_sync_runs",
    "inventory_missing",
    "inventory_coverage",
];

/// How many of them are tables.
pub(super) const TABLES: usize = 10;

/// What has no tenant of its own, and shows to a look across tenants alone.
pub(super) const FLEET_DATA: [&str; 2] = ["api_tokens", "schedules"];

/// The policies ask this function whose transaction it is.
const ONE_TENANT_FOR_ALL: &str =
    "CREATE OR REPLACE FUNCTION app_tenant() RETURNS uuid LANGUAGE sql STABLE AS $$ SELECT '{tenant}'::uuid $$";
const AS_IT_WAS: &str = "CREATE OR REPLACE FUNCTION app_tenant() RETURNS uuid LANGUAGE sql STABLE AS
    $$ SELECT nullif(current_setting('app.tenant_id', true), '')::uuid $$";

#[test]
fn r05_the_wall_alone_hides_a_tenant_from_every_verb() {
    runtime().block_on(async {
        let database = Postgres::Direct.fresh().await;
        the_wall_alone_hides_a_tenant(database, ONE_TENANT_FOR_ALL, AS_IT_WAS).await;
    });
}

pub(super) async fn count(app: &mut PgConnection, table: &str) -> i64 {
    let sql = format!("SELECT count(*) FROM {table}");
    sqlx::query_scalar(AssertSqlSafe(sql)).fetch_one(app).await.expect("a count")
}

pub(super) async fn execute(app: &mut PgConnection, sql: &str) -> sqlx::Result<u64> {
    app.execute(sqlx::raw_sql(AssertSqlSafe(sql.to_owned()))).await.map(|done| done.rows_affected())
}

/// A database with two tenants, `1111…` and `2222…`, and a row of each in every table.
pub(super) async fn two_tenants() -> (Database, PgConnection) {
    let database = Database::migrated().await;
    for digit in ["1", "2"] {
        let tenant = "11111111-1111-1111-1111-111111111111".replace('1', digit);
        let hash = digit.repeat(64);
        database
            .as_superuser(&format!(
                "INSERT INTO policy_types VALUES ('t', 'c', 't', '/t', 'beta') ON CONFLICT DO NOTHING;
                 INSERT INTO tenants VALUES ('{tenant}', 'name', now());
                 INSERT INTO selections VALUES ('{tenant}', '{hash}', '{{}}', now());
                 INSERT INTO sync_runs (tenant_id, run_id, run_no, selection_hash, selection_payload, scope, status, correlation_id, \"trigger\",
                                        created_at, started_at, finished_at, worker, guard_min_items, guard_percent)
                     VALUES ('{tenant}', '{tenant}', 1, '{hash}', '{{}}', '{{t}}', 'success', '{tenant}', 'manual', now(), now(), now(), 'w', 20, 50);
                 INSERT INTO run_errors VALUES ('{tenant}', '{tenant}', 1, 'internal', '{{}}');
                 INSERT INTO ordinals VALUES ('{tenant}', 't', 2);
                 INSERT INTO catalogue (tenant_id, policy_type, ordinal, external_id, fingerprint, contract_version, first_seen_at, first_seen_run_id,
                                        changed_at, cold_last_seen_at, cold_last_seen_run_id, cold_last_seen_no, cold_last_seen_contract,
                                        meta_jsonb, search_text)
                     VALUES ('{tenant}', 't', 0, 'a', '', '', now(), '{tenant}', now(), now(), '{tenant}', 1, '', '{{}}', 'a');
                 INSERT INTO listings (tenant_id, run_id, policy_type, run_no, selection_hash, position, contract_hash, contract_version,
                                       pages_by_offset, known_before, items_unseen, outcome, started_at, ended_at, pages, last_no, last_page_at)
                     VALUES ('{tenant}', '{tenant}', 't', 1, '{hash}', 0, '', '', false, 1, 1, 'complete', now(), now(), 1, 2, now());
                 INSERT INTO acknowledgements VALUES ('{tenant}', 't', 'a', 'ada', '', now(), 1);
                 INSERT INTO api_tokens VALUES ('{tenant}', 'name', decode('{hash}', 'hex'), 'reader', false, now(), now());
                 INSERT INTO api_token_tenants VALUES ('{tenant}', '{tenant}');
                 INSERT INTO schedules VALUES ('{tenant}', 'name-{digit}', '* * * * *', 'UTC', 0, '{hash}', '{{}}', false, now());
                 INSERT INTO schedule_tenants VALUES ('{tenant}', '{tenant}', now())"
            ))
            .await;
    }
    let app = PgConnection::connect(&database.url(APP_ROLE)).await.expect("connects");
    (database, app)
}

#[test]
fn r05_without_a_tenant_set_nothing_shows_and_nothing_can_be_written() {
    runtime().block_on(async {
        let (_database, mut app) = two_tenants().await;
        for table in TENANT_DATA {
            assert_eq!(count(&mut app, table).await, 0, "{table}");
        }
        for table in &TENANT_DATA[..TABLES] {
            let written = execute(&mut app, &format!("UPDATE {table} SET tenant_id = tenant_id")).await.unwrap_or_default();
            assert_eq!(written, 0, "{table}");
        }
        for table in FLEET_DATA {
            assert_eq!(count(&mut app, table).await, 0, "{table}");
            assert_eq!(execute(&mut app, &format!("UPDATE {table} SET name = 'x'")).await.expect("no row shows"), 0, "{table}");
        }
        let planted = execute(&mut app, "INSERT INTO tenants VALUES ('33333333-3333-3333-3333-333333333333', 'x', now())").await;
        assert!(planted.expect_err("refused").to_string().contains("row-level security"));
    });
}

#[test]
fn r05_with_a_tenant_set_its_rows_show_alone_and_only_for_the_transaction() {
    runtime().block_on(async {
        let (_database, mut app) = two_tenants().await;
        let mut tx = app.begin().await.expect("begins");
        execute(&mut tx, "SELECT set_config('app.tenant_id', '11111111-1111-1111-1111-111111111111', true)").await.expect("set");
        for table in TENANT_DATA {
            assert_eq!(count(&mut tx, table).await, 1, "{table}");
        }
        for table in FLEET_DATA {
            assert_eq!(count(&mut tx, table).await, 0, "{table} shows to no tenant");
        }
        // The other tenant's rows can't be moved here, nor this one's there.
        let moved = execute(&mut tx, "UPDATE tenants SET tenant_id = '22222222-2222-2222-2222-222222222222'").await;
        assert!(moved.expect_err("refused").to_string().contains("row-level security"));
        drop(tx);
        assert_eq!(count(&mut app, "catalogue").await, 0, "the setting went with the transaction; the empty text it left is no tenant");
    });
}

#[test]
fn across_tenants_runs_names_tokens_and_schedules_can_be_seen_and_nothing_else() {
    runtime().block_on(async {
        let (_database, mut app) = two_tenants().await;
        let mut tx = app.begin().await.expect("begins");
        execute(&mut tx, "SELECT set_config('app.fleet', 'on', true)").await.expect("set");
        for table in TENANT_DATA {
            let seen = count(&mut tx, table).await;
            let shows = ["tenants", "sync_runs", "api_token_tenants", "schedule_tenants", "inventory_sync_runs"].contains(&table);
            assert_eq!(seen, if shows { 2 } else { 0 }, "{table}");
        }
        for table in FLEET_DATA {
            assert_eq!(count(&mut tx, table).await, 2, "{table}");
        }
        for table in ["tenants", "sync_runs"] {
            let written = execute(&mut tx, &format!("UPDATE {table} SET tenant_id = tenant_id")).await.expect("no row shows");
            assert_eq!(written, 0, "{table}");
        }
        let written = execute(&mut tx, "UPDATE schedule_tenants SET next_due_at = NULL").await.expect("written");
        assert_eq!(written, 2, "a schedule is for several tenants");
    });
}

#[test]
fn i04_the_applications_role_can_take_nothing_away_but_listings_notes_and_schedules() {
    runtime().block_on(async {
        let (_database, mut app) = two_tenants().await;
        for table in TENANT_DATA[..TABLES].iter().chain(&FLEET_DATA) {
            let right: bool = sqlx::query_scalar("SELECT has_table_privilege($1, 'DELETE') OR has_table_privilege($1, 'TRUNCATE')")
                .bind(table)
                .fetch_one(&mut app)
                .await
                .expect("an answer");
            assert_eq!(right, ["listings", "acknowledgements", "schedules", "schedule_tenants"].contains(table), "{table}");
        }
    });
}

async fn refusal(database: &Database, role: &str) -> String {
    let opened = PostgresStore::open(&database.address(role), PoolSettings::default()).await;
    match opened {
        Err(StoreError::CannotOpen { problem, .. }) => format!("{problem:?}"),
        Err(other) => format!("{other:?}"),
        Ok(_) => "opened".to_owned(),
    }
}

#[test]
fn a_role_that_the_walls_would_not_hold_is_refused() {
    runtime().block_on(async {
        let database = Database::migrated().await;
        assert_eq!(refusal(&database, "postgres").await, "AboveTheWalls");
        let (bypass, member) = (database.role("bypass"), database.role("member"));
        database.as_superuser(&format!("CREATE ROLE {bypass} LOGIN BYPASSRLS; CREATE ROLE {member} LOGIN IN ROLE {APP_ROLE}")).await;
        assert_eq!(refusal(&database, &bypass).await, "AboveTheWalls");
        assert_eq!(refusal(&database, &member).await, "opened");
        assert_eq!(refusal(&database, APP_ROLE).await, "opened");
        database.as_superuser("ALTER TABLE catalogue NO FORCE ROW LEVEL SECURITY").await;
        assert_eq!(refusal(&database, APP_ROLE).await, "WallsDown");
        migrate(&database.address(OWNER_ROLE), APP_ROLE).await.expect("migrates");
        assert_eq!(refusal(&database, APP_ROLE).await, "opened", "the owner's migration puts them up again");
        for breach in [
            "DROP POLICY tenant ON listings",
            "DROP POLICY tenant ON catalogue; CREATE POLICY tenant ON catalogue USING (true)",
            "DROP POLICY tenant ON schedule_tenants",
            "ALTER TABLE api_tokens DISABLE ROW LEVEL SECURITY",
            "DROP POLICY fleet ON schedules; CREATE POLICY fleet ON schedules USING (true)",
            "CREATE POLICY gate ON sync_runs USING (true)",
        ] {
            database.as_superuser(breach).await;
            assert_eq!(refusal(&database, APP_ROLE).await, "WallsDown", "{breach}");
        }
        database.as_superuser("DROP POLICY gate ON sync_runs; CREATE POLICY narrower ON catalogue AS RESTRICTIVE USING (true)").await;
        migrate(&database.address(OWNER_ROLE), APP_ROLE).await.expect("migrates");
        assert_eq!(refusal(&database, APP_ROLE).await, "opened");
        database.as_superuser(&format!("DROP ROLE {bypass}; DROP ROLE {member}")).await;
    });
}

/// What a store says of the walls and of its role.
async fn about(store: &PostgresStore) -> AboutPostgres {
    match store.about().await.expect("an answer").backend {
        BackendAbout::Postgres(about) => about,
        BackendAbout::Sqlite(other) => panic!("{other:?}"),
    }
}

#[test]
fn walls_that_fall_after_the_opening_are_told_by_their_tables_and_by_the_role() {
    runtime().block_on(async {
        let database = Database::migrated().await;
        let member = database.role("climbs");
        database.as_superuser(&format!("CREATE ROLE {member} LOGIN IN ROLE {APP_ROLE}")).await;
        let store = PostgresStore::open(&database.address(&member), PoolSettings::default()).await.expect("opens");
        let told = about(&store).await;
        assert_eq!((told.database.as_str(), told.role.as_str(), told.walls.hold()), (database.name.as_str(), member.as_str(), true));
        database.as_superuser("ALTER TABLE catalogue NO FORCE ROW LEVEL SECURITY; DROP POLICY tenant ON listings").await;
        assert_eq!(about(&store).await.walls, Walls { down: vec!["catalogue".into(), "listings".into()], ..Walls::default() });
        migrate(&database.address(OWNER_ROLE), APP_ROLE).await.expect("migrates");
        assert!(about(&store).await.walls.hold());
        for (right, walls) in [
            ("BYPASSRLS", Walls { bypasses: true, ..Walls::default() }),
            ("NOBYPASSRLS SUPERUSER", Walls { superuser: true, ..Walls::default() }),
        ] {
            database.as_superuser(&format!("ALTER ROLE {member} {right}")).await;
            let told = about(&store).await.walls;
            assert!(!told.hold() && told == walls, "{right}: {told:?}");
        }
        store.close().await;
        database.as_superuser(&format!("DROP ROLE {member}")).await;
    });
}
