//! How the owner makes the schema, and how a program sees that it is the right one.

use lastseen_model::{Limits, Role, Selection, TenantId, Tenants, TokenHash};
use lastseen_store::{NewSchedule, NewToken, OpenProblem, Store, StoreError, TenantScope, TokenRecord, TokenUse};
use lastseen_store_postgres::{Migrated, PoolSettings, PostgresStore, migrate, migrate_to, newest_version};
use lastseen_test_postgres::{APP_ROLE, OWNER_ROLE};

use crate::support::{Database, runtime};

async fn open(database: &Database) -> Result<PostgresStore, StoreError> {
    PostgresStore::open(&database.address(APP_ROLE), PoolSettings::default()).await
}

fn problem<T>(opened: Result<T, StoreError>) -> OpenProblem {
    match opened {
        Err(StoreError::CannotOpen { problem, .. }) => problem,
        Err(other) => panic!("{other:?}"),
        Ok(_) => panic!("not refused"),
    }
}

#[test]
fn an_empty_database_gets_the_newest_schema_and_keeps_it() {
    runtime().block_on(async {
        let database = Database::empty().await;
        assert_eq!(problem(open(&database).await), OpenProblem::NotMigrated);
        let owner = database.address(OWNER_ROLE);
        let newest = newest_version();
        assert_eq!(migrate(&owner, APP_ROLE).await.expect("migrates"), Migrated { from: None, to: newest });
        open(&database).await.expect("opens");
        assert_eq!(migrate(&owner, APP_ROLE).await.expect("again"), Migrated { from: Some(newest), to: newest });
    });
}

#[test]
fn the_previous_schema_gets_the_newest_and_its_data_reads_the_same() {
    runtime().block_on(async {
        let database = Database::empty().await;
        let owner = database.address(OWNER_ROLE);
        let newest = newest_version();
        migrate_to(&owner, APP_ROLE, newest - 1).await.expect("the previous one");
        database
            .as_superuser(
                "INSERT INTO tenants VALUES ('11111111-1111-1111-1111-111111111111', 'contoso', '2027-01-01T00:00:00Z');
                 INSERT INTO policy_types VALUES ('t', 'c', 't', '/t', 'beta');
                 INSERT INTO ordinals VALUES ('11111111-1111-1111-1111-111111111111', 't', 1);
                 INSERT INTO catalogue (tenant_id, policy_type, ordinal, external_id, fingerprint, contract_version, display_name, first_seen_at,
                                        first_seen_run_id, changed_at, meta_jsonb, search_text)
                     VALUES ('11111111-1111-1111-1111-111111111111', 't', 0, 'a', '', '', 'Ä', now(), gen_random_uuid(), now(), '{}', 'ä');
                 INSERT INTO selections VALUES ('11111111-1111-1111-1111-111111111111', repeat('a', 64), '{\"categories\":[],\"policy_types\":[]}', now());
                 INSERT INTO sync_runs (tenant_id, run_id, selection_hash, selection_payload, status, correlation_id, \"trigger\", for_worker, created_at,
                                        pending_until, guard_min_items, guard_percent)
                     VALUES ('11111111-1111-1111-1111-111111111111', '11111111-1111-1111-1111-111111111111', repeat('a', 64),
                             '{\"categories\":[],\"policy_types\":[]}', 'pending', gen_random_uuid(), 'manual', true, now(), now() + interval '1 day', 20, 50)",
            )
            .await;
        let before = database.dump().await;
        assert!(matches!(open(&database).await, Err(StoreError::OlderSchema { .. })), "a program waits for its schema");
        assert_eq!(migrate(&owner, APP_ROLE).await.expect("migrates"), Migrated { from: Some(newest - 1), to: newest });
        assert_eq!(database.dump().await, before);
        let store = open(&database).await.expect("opens");
        let known = store.tenants().await.expect("answers");
        assert_eq!(known.iter().map(|tenant| tenant.name.as_deref()).collect::<Vec<_>>(), [Some("contoso")]);
        let queued = store.queued_runs(Limits { global: 9, per_tenant: 9 }, 9).await.expect("answers");
        assert_eq!(queued.len(), 1, "what was in the queue is there for any worker");
    });
}

#[test]
fn tokens_and_schedules_outlive_another_migration() {
    runtime().block_on(async {
        let database = Database::migrated().await;
        let store = open(&database).await.expect("opens");
        let id = uuid::Uuid::from_u128(1);
        let tenant = TenantId::try_from(id).expect("not nil");
        let scope = the_scope(tenant);
        store.register_tenant(&scope, None).await.expect("known");
        let tenants = Tenants::Some([tenant].into());
        let hash = TokenHash::from_bytes([7; 32]);
        let token = NewToken {
            token_id: id.try_into().expect("not nil"),
            name: "ci".to_owned(),
            hash,
            role: Role::Operator,
            tenants: tenants.clone(),
            expires_in: std::time::Duration::from_hours(1),
        };
        let token = store.create_token(&token).await.expect("a token");
        let schedule = NewSchedule {
            schedule_id: id.try_into().expect("not nil"),
            name: "nightly".to_owned(),
            cron: "0 2 * * *".to_owned(),
            time_zone: "UTC".to_owned(),
            jitter_secs: 0,
            selection: Selection::default(),
            tenants,
        };
        let schedule = store.add_schedule(&schedule).await.expect("a schedule");
        let before = database.dump().await;
        migrate(&database.address(OWNER_ROLE), APP_ROLE).await.expect("migrates");
        assert_eq!(database.dump().await, before);
        let TokenUse::Valid { token: used, .. } = store.use_token(&hash).await.expect("answers") else { panic!("it holds") };
        assert_eq!(TokenRecord { last_used_at: None, ..used }, token);
        assert_eq!(store.schedules().await.expect("answers"), [schedule]);
    });
}

#[expect(clippy::disallowed_methods, reason = "a test stands in for the command line")]
fn the_scope(tenant: TenantId) -> TenantScope {
    TenantScope::assume(tenant)
}

#[test]
fn several_that_migrate_at_once_take_turns() {
    runtime().block_on(async {
        let database = Database::empty().await;
        let owner = database.address(OWNER_ROLE);
        let migrations = (0..4).map(|_| {
            let owner = owner.clone();
            tokio::spawn(async move { migrate(&owner, APP_ROLE).await })
        });
        let mut made = 0;
        for migration in migrations.collect::<Vec<_>>() {
            let done = migration.await.expect("no panic").expect("migrates");
            made += u32::from(done.from.is_none());
        }
        assert_eq!(made, 1);
        open(&database).await.expect("opens");
    });
}

#[test]
fn a_newer_schema_is_used_as_long_as_it_serves_this_program() {
    runtime().block_on(async {
        let database = Database::migrated().await;
        let newer = newest_version() + 1;
        database.as_superuser(&format!("UPDATE lastseen_schema SET version = {newer}")).await;
        open(&database).await.expect("the schema went first, and this program follows later");
        let refused = migrate(&database.address(OWNER_ROLE), APP_ROLE).await;
        assert!(matches!(refused, Err(StoreError::NewerSchema { .. })), "{refused:?}");
        database.as_superuser(&format!("UPDATE lastseen_schema SET serves_from = {newer}")).await;
        assert!(matches!(open(&database).await, Err(StoreError::NewerSchema { .. })));
    });
}

#[test]
fn a_role_that_is_not_fit_to_be_the_applications_gets_no_rights_and_no_schema_is_made() {
    runtime().block_on(async {
        let database = Database::empty().await;
        let owner = database.address(OWNER_ROLE);
        let bypass = database.role("bypass");
        database.as_superuser(&format!("CREATE ROLE {bypass} LOGIN BYPASSRLS")).await;
        assert_eq!(problem(migrate(&owner, "nobody_here").await), OpenProblem::NoAppRole);
        assert_eq!(problem(migrate(&owner, OWNER_ROLE).await), OpenProblem::AppRoleIsOwner);
        assert_eq!(problem(migrate(&owner, "postgres").await), OpenProblem::AboveTheWalls);
        assert_eq!(problem(migrate(&owner, &bypass).await), OpenProblem::AboveTheWalls);
        assert_eq!(problem(open(&database).await), OpenProblem::NotMigrated);
        database.as_superuser(&format!("DROP ROLE {bypass}")).await;
    });
}

#[test]
fn a_database_that_could_not_hold_every_name_is_refused() {
    runtime().block_on(async {
        let database = Database::made("ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0").await;
        assert_eq!(problem(migrate(&database.address(OWNER_ROLE), APP_ROLE).await), OpenProblem::NotUtf8);
    });
}

#[test]
fn another_programs_tables_of_the_same_names_are_told_and_left_alone() {
    runtime().block_on(async {
        let database = Database::empty().await;
        database.as_superuser("CREATE TABLE public.tenants (name text); INSERT INTO tenants VALUES ('theirs')").await;
        assert_eq!(problem(migrate(&database.address(OWNER_ROLE), APP_ROLE).await), OpenProblem::NamesTaken);
        database.as_superuser("DO $$ BEGIN ASSERT (SELECT name = 'theirs' FROM tenants); END $$").await;
        assert_eq!(problem(open(&database).await), OpenProblem::NotMigrated);
    });
}

#[test]
fn what_can_not_be_reached_is_told_as_what_it_is() {
    runtime().block_on(async {
        let database = Database::empty().await;
        let elsewhere = |url: &str| lastseen_store_postgres::PostgresAddress::parse(url).expect("an address");
        let patient = PoolSettings { patience: std::time::Duration::from_secs(2), ..PoolSettings::default() };
        let nobody = elsewhere("postgres://lastseen_app@127.0.0.1:1/x");
        assert_eq!(problem(PostgresStore::open(&nobody, patient).await), OpenProblem::Unreachable);
        let absent = elsewhere(&database.url(APP_ROLE).replace(&database.name, "no_such_database"));
        assert_eq!(problem(PostgresStore::open(&absent, patient).await), OpenProblem::NoDatabase);
        let stranger = elsewhere(&database.url("no_such_role"));
        assert_eq!(problem(PostgresStore::open(&stranger, patient).await), OpenProblem::NotLetIn);
        let plain = elsewhere(&format!("{}?sslmode=require", database.url(APP_ROLE)));
        assert_eq!(problem(PostgresStore::open(&plain, patient).await), OpenProblem::NoTls);
    });
}
