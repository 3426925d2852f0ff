//! The schema: how the owner makes it, and how a program sees that it is the right one.

use lastseen_store::{OpenProblem, Result, StoreError};
use sqlx::migrate::{MigrateError, Migrator};
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Connection, Executor};

use crate::error::{names_taken, of_opening, of_statement};
use crate::open::check_server;
use crate::settings::{PoolSettings, PostgresAddress};
use crate::transaction::Db;

/// Every step of the schema, in order. A released step is never changed: its checksum is kept in the database.
static MIGRATIONS: Migrator = sqlx::migrate!("./migrations");

/// The oldest version whose programs the newest schema still serves. A step that only adds keeps it; one that takes something away
/// raises it to the first version that no longer used that. So the schema goes first and the programs follow, without a pause.
const SERVES_FROM: i64 = 3;

/// The step that first puts up the walls.
const WALLS_FROM: i64 = 3;

/// What the application's role may do, table by table, and since which step they are there. It may not take an item away, nor a run,
/// nor a token.
const GRANTS: &[(i64, &str, &str)] = &[
    (1, "SELECT, INSERT, UPDATE", "tenants, policy_types, selections, sync_runs, ordinals, catalogue"),
    (1, "SELECT, INSERT", "run_errors"),
    (1, "SELECT, INSERT, UPDATE, DELETE", "listings, acknowledgements"),
    (1, "SELECT, UPDATE", "claim_gate"),
    (1, "SELECT", "lastseen_schema"),
    (2, "SELECT", "item_evidence, latest_completed_runs, missing_evidence, coverage_evidence"),
    (2, "SELECT", "inventory_items, inventory_sync_runs, inventory_missing, inventory_coverage"),
    (5, "SELECT, INSERT, UPDATE", "api_tokens"),
    (5, "SELECT, INSERT", "api_token_tenants"),
    (5, "SELECT, INSERT, UPDATE, DELETE", "schedules, schedule_tenants"),
];

/// What a migration did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Migrated {
    /// The schema's version before; none where there was no schema.
    pub from: Option<i64>,
    /// Its version now.
    pub to: i64,
}

/// The newest version known here.
pub fn newest_version() -> i64 {
    MIGRATIONS.iter().map(|step| step.version).max().unwrap_or_default()
}

/// Brings the schema to the newest version and gives the application's role its rights; both again where they are there already.
/// To be called with the owner's address. One transaction: it is done whole or not at all, and others that do the same wait for it.
///
/// # Errors
/// [`StoreError::CannotOpen`] where the server is too old or the role is not fit to be the application's, and
/// [`StoreError::NewerSchema`] where a newer program has migrated already.
pub async fn migrate(owner: &PostgresAddress, app_role: &str) -> Result<Migrated> {
    migrate_to(owner, app_role, newest_version()).await
}

/// Like [`migrate`], to an older version, from the second on: for tests of the steps that follow.
pub async fn migrate_to(owner: &PostgresAddress, app_role: &str, version: i64) -> Result<Migrated> {
    let place = owner.place();
    let mut connection = connect(owner).await?;
    let mut tx = connection.begin().await.map_err(|error| of_opening(place, error))?;
    check_server(&mut tx, place).await?;
    check_app_role(&mut tx, place, app_role).await?;
    // Whoever waits for a table in use keeps everybody else waiting behind it: rather give up, and be run again.
    tx.execute(sqlx::raw_sql("SET LOCAL lock_timeout = '10s'")).await.map_err(of_statement)?;
    // Waits for another migration, until the end of this transaction. The number is our own: "LSSN" in ASCII.
    tx.execute(sqlx::raw_sql("SELECT pg_advisory_xact_lock(1280529230)")).await.map_err(of_statement)?;
    let known = newest_version();
    let from = match version_of(&mut tx).await.map_err(of_statement)? {
        Some((found, _)) if found > known => return Err(StoreError::NewerSchema { found, known }),
        found => found.map(|(version, _)| version),
    };
    // The migrator's own lock is one of the session, which a pooler breaks; and its table's usual name may be somebody else's.
    let mut steps = Migrator::with_migrations(MIGRATIONS.iter().filter(|step| step.version <= version).cloned().collect());
    steps.set_locking(false).dangerous_set_table_name("lastseen_migrations");
    steps.run_direct(Some(version), &mut *tx, false).await.map_err(|error| match error {
        // A step that meets a name of its own meets another program's table: all of Lastseen's come and go with the version.
        MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) if names_taken(&error) => of_opening(place, error),
        MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => of_statement(error),
        other => of_statement(other.into()),
    })?;
    let to = version.max(from.unwrap_or_default());
    record_version(&mut tx, to).await.map_err(of_statement)?;
    if to >= WALLS_FROM {
        raise_walls(&mut tx).await.map_err(of_statement)?;
    }
    grant(&mut tx, app_role, to).await.map_err(of_statement)?;
    tx.commit().await.map_err(of_statement)?;
    Ok(Migrated { from, to })
}

/// A connection of the owner's own.
pub(crate) async fn connect(owner: &PostgresAddress) -> Result<PgConnection> {
    let place = owner.place();
    let options = owner.options()?;
    let connecting = tokio::time::timeout(PoolSettings::default().patience, PgConnection::connect_with(&options)).await;
    let unreachable = |_| StoreError::CannotOpen { place: place.to_owned(), problem: OpenProblem::Unreachable, source: None };
    connecting.map_err(unreachable)?.map_err(|error| of_opening(place, error))
}

/// Goes on only when the schema is the newest that is known here, and holds its walls.
pub(crate) async fn check_schema_is_newest(connection: &mut PgConnection, place: &str) -> Result<()> {
    check_schema(connection, place).await?;
    let known = newest_version();
    match version_of(connection).await.map_err(|error| of_opening(place, error))? {
        Some((found, _)) if found > known => Err(StoreError::NewerSchema { found, known }),
        _ => Ok(()),
    }
}

/// Goes on only when the schema is there, serves this program, and holds its walls.
pub(crate) async fn check_schema(connection: &mut PgConnection, place: &str) -> Result<()> {
    let cannot = |problem| StoreError::CannotOpen { place: place.to_owned(), problem, source: None };
    let known = newest_version();
    match version_of(connection).await.map_err(|error| of_opening(place, error))? {
        None => return Err(cannot(OpenProblem::NotMigrated)),
        Some((found, _)) if found < known => return Err(StoreError::OlderSchema { found, known }),
        Some((found, serves_from)) if serves_from > known => return Err(StoreError::NewerSchema { found, known }),
        Some(_) => {}
    }
    let down = walls_down(connection).await.map_err(|error| of_opening(place, error))?;
    if down.is_empty() { Ok(()) } else { Err(cannot(OpenProblem::WallsDown)) }
}

/// A table whose wall is down.
struct Breach {
    table: String,
    /// Which policy is its wall: `tenant` on tenants' data, `fleet` on what has no tenant.
    policy: String,
}

/// The tables whose wall is down, by name.
pub(crate) async fn walls_down(connection: &mut PgConnection) -> sqlx::Result<Vec<String>> {
    Ok(breaches(connection).await?.into_iter().map(|breach| breach.table).collect())
}

/// The tables whose wall is down: row-level security off or not forced, its policy gone or another one, or a gate beside it. A policy that
/// only narrows what is seen is nobody's harm.
async fn breaches(connection: &mut PgConnection) -> sqlx::Result<Vec<Breach>> {
    sqlx::query_as!(
        Breach,
        r#"SELECT w.name AS "table!", w.policy AS "policy!"
           FROM (VALUES (1, 'tenants', 'tenant'), (1, 'selections', 'tenant'), (1, 'sync_runs', 'tenant'), (1, 'run_errors', 'tenant'),
                        (1, 'listings', 'tenant'), (1, 'ordinals', 'tenant'), (1, 'catalogue', 'tenant'), (1, 'acknowledgements', 'tenant'),
                        (5, 'api_tokens', 'fleet'), (5, 'api_token_tenants', 'tenant'), (5, 'schedules', 'fleet'), (5, 'schedule_tenants', 'tenant')
                ) AS w (since, name, policy)
           JOIN lastseen_schema v ON v.version >= w.since
           LEFT JOIN pg_class c ON c.oid = to_regclass(w.name)
           WHERE (relrowsecurity AND relforcerowsecurity AND EXISTS (
                 SELECT 1 FROM pg_policy p
                 CROSS JOIN (SELECT CASE w.policy WHEN 'fleet' THEN 'app_fleet()' ELSE '(tenant_id = app_tenant())' END AS rule) r
                 WHERE p.polrelid = c.oid AND p.polname = w.policy AND p.polcmd = '*'
                     AND pg_get_expr(p.polqual, c.oid) = r.rule AND pg_get_expr(p.polwithcheck, c.oid) = r.rule
             ) AND NOT EXISTS (
                 SELECT 1 FROM pg_policy p WHERE p.polrelid = c.oid AND p.polpermissive AND p.polname NOT IN ('tenant', 'fleet')
             )) IS NOT TRUE
           ORDER BY 1"#
    )
    .fetch_all(Db::of(connection))
    .await
}

/// Puts up again what somebody took down. Nothing is touched where all walls stand: that would wait for every reader.
async fn raise_walls(connection: &mut PgConnection) -> sqlx::Result<()> {
    for Breach { table, policy } in breaches(connection).await? {
        let rule = if policy == "fleet" { "app_fleet()" } else { "tenant_id = app_tenant()" };
        let wall = format!(
            "ALTER TABLE {table} ENABLE ROW LEVEL SECURITY; ALTER TABLE {table} FORCE ROW LEVEL SECURITY;
             DROP POLICY IF EXISTS {policy} ON {table};
             CREATE POLICY {policy} ON {table} USING ({rule}) WITH CHECK ({rule})"
        );
        // The names are our own.
        connection.execute(sqlx::raw_sql(AssertSqlSafe(wall))).await?;
    }
    Ok(())
}

/// The schema's version and the oldest program that it serves; none where there is no schema.
pub(crate) async fn version_of(connection: &mut PgConnection) -> sqlx::Result<Option<(i64, i64)>> {
    let there =
        sqlx::query_scalar!(r#"SELECT to_regclass('lastseen_schema') IS NOT NULL AS "there!""#).fetch_one(Db::of(connection)).await?;
    if !there {
        return Ok(None);
    }
    let row = sqlx::query!("SELECT version, serves_from FROM lastseen_schema").fetch_optional(Db::of(connection)).await?;
    Ok(row.map(|row| (row.version, row.serves_from)))
}

async fn record_version(connection: &mut PgConnection, version: i64) -> sqlx::Result<()> {
    sqlx::query!("UPDATE lastseen_schema SET version = $1, serves_from = $2", version, SERVES_FROM.min(version))
        .execute(Db::of(connection))
        .await
        .map(|_| ())
}

/// The application's role must be there, must be held by the walls, and must not be the owner.
async fn check_app_role(connection: &mut PgConnection, place: &str, app_role: &str) -> Result<()> {
    let cannot = |problem| StoreError::CannotOpen { place: place.to_owned(), problem, source: None };
    let role = sqlx::query!(
        r#"SELECT rolsuper OR rolbypassrls AS "above!", rolname = current_user AS "owner!" FROM pg_roles WHERE rolname = $1"#,
        app_role
    )
    .fetch_optional(Db::of(connection))
    .await
    .map_err(|error| of_opening(place, error))?;
    match role {
        None => Err(cannot(OpenProblem::NoAppRole)),
        Some(role) if role.above => Err(cannot(OpenProblem::AboveTheWalls)),
        Some(role) if role.owner => Err(cannot(OpenProblem::AppRoleIsOwner)),
        Some(_) => Ok(()),
    }
}

/// Gives the application's role its rights, and no others.
async fn grant(connection: &mut PgConnection, app_role: &str, version: i64) -> sqlx::Result<()> {
    let names = sqlx::query!(
        r#"SELECT quote_ident($1) AS "role!", quote_ident(current_schema()) AS "schema!", quote_ident(current_database()) AS "database!""#,
        app_role
    )
    .fetch_one(Db::of(connection))
    .await?;
    let role = names.role;
    // Who does not own the database can't give the right to connect; the server then says so in a notice, and most have it anyway.
    let mut statements = vec![
        format!("GRANT CONNECT ON DATABASE {} TO {role}", names.database),
        format!("GRANT USAGE ON SCHEMA {} TO {role}", names.schema),
    ];
    let there = || GRANTS.iter().filter(|(since, _, _)| *since <= version);
    statements.extend(there().map(|(_, _, tables)| format!("REVOKE ALL ON {tables} FROM {role}")));
    statements.extend(there().map(|(_, rights, tables)| format!("GRANT {rights} ON {tables} TO {role}")));
    statements.push(format!("GRANT USAGE ON SEQUENCE run_and_page_no TO {role}"));
    // Names can't be parameters; the only one that is not our own was quoted by the database.
    for statement in statements {
        connection.execute(sqlx::raw_sql(AssertSqlSafe(statement))).await?;
    }
    Ok(())
}
