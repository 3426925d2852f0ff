//! Who may purge a tenant, and under which settings.

use lastseen_model::TenantId;
use lastseen_store::{DatabaseClock, Store, StoreError, TenantScope};
use lastseen_store_postgres::{newest_version, purge};
use lastseen_test_postgres::{APP_ROLE, OWNER_ROLE};

use crate::support::{Database, Postgres, runtime};

#[expect(clippy::disallowed_methods, reason = "a test stands in for the command line")]
fn tenant() -> TenantScope {
    TenantScope::assume(TenantId::try_from(uuid::Uuid::from_u128(1)).expect("not nil"))
}

/// A database that knows the tenant.
async fn known() -> Database {
    let database = Database::migrated().await;
    let store = database.store(Postgres::Direct, DatabaseClock::Database).await;
    store.register_tenant(&tenant(), None).await.expect("known");
    store.close().await;
    database
}

#[test]
fn i04_the_applications_role_can_not_purge() {
    runtime().block_on(async {
        let database = known().await;
        let before = database.dump().await;
        let refused = purge(&database.address(APP_ROLE), &tenant()).await.expect_err("refused");
        assert!(matches!(refused, StoreError::Forbidden(_)), "{refused:?}");
        assert_eq!(database.dump().await, before);
        assert!(purge(&database.address(OWNER_ROLE), &tenant()).await.expect("purged").knew_it());
        assert!(database.dump().await.is_empty());
    });
}

#[test]
fn a_schema_that_may_have_tables_unknown_here_is_left_alone() {
    runtime().block_on(async {
        let database = known().await;
        let owner = database.address(OWNER_ROLE);
        database.as_superuser(&format!("UPDATE lastseen_schema SET version = {}", newest_version() + 1)).await;
        let refused = purge(&owner, &tenant()).await.expect_err("refused");
        assert!(matches!(refused, StoreError::NewerSchema { .. }), "{refused:?}");
        let empty = Database::empty().await;
        assert!(matches!(purge(&empty.address(OWNER_ROLE), &tenant()).await, Err(StoreError::CannotOpen { .. })));
    });
}

#[test]
fn r05_a_purge_is_held_by_the_walls_and_by_no_limit_of_the_role_on_a_statements_time() {
    runtime().block_on(async {
        let database = known().await;
        database
            .as_superuser(&format!(
                "ALTER ROLE {OWNER_ROLE} IN DATABASE {} SET statement_timeout = '30s';
                 CREATE TABLE public.seen (settings text); GRANT INSERT ON seen TO {OWNER_ROLE};
                 CREATE FUNCTION public.note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
                     INSERT INTO public.seen VALUES (current_setting('statement_timeout') || ' ' || current_setting('app.tenant_id') || ' '
                                                     || current_setting('app.fleet') || ' ' || row_security_active('catalogue'));
                     RETURN NULL;
                 END $$;
                 CREATE TRIGGER note AFTER DELETE ON catalogue FOR EACH STATEMENT EXECUTE FUNCTION public.note()",
                database.name
            ))
            .await;
        purge(&database.address(OWNER_ROLE), &tenant()).await.expect("purged");
        let pool = database.superuser().await;
        let seen: Vec<String> = sqlx::query_scalar("SELECT settings FROM public.seen").fetch_all(&pool).await.expect("rows");
        assert_eq!(seen, [format!("0 {}  true", tenant().tenant())]);
    });
}
