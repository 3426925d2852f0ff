//! What there is to say about the database itself.

use lastseen_store::{About, AboutPostgres, BackendAbout, OpenProblem, Result, StoreError, Walls};

use crate::PostgresStore;
use crate::error::of_statement;
use crate::migrate::{newest_version, version_of, walls_down};
use crate::rows::Stored;

pub(crate) async fn about(store: &PostgresStore) -> Result<About> {
    let mut tx = store.fleet().await?;
    // The role that a session began with counts as well: it may take itself back.
    let found = sqlx::query!(
        r#"SELECT current_setting('server_version_num')::integer AS "version!", current_database()::text AS "database!",
                  (SELECT n.nspname::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
                   WHERE c.oid = to_regclass('lastseen_schema')) AS schema_name,
                  current_user::text AS "role!", pg_is_in_recovery() AS "is_standby!",
                  bool_or(rolsuper) AS "superuser!", bool_or(rolbypassrls) AS "bypasses!"
           FROM pg_roles WHERE rolname IN (current_user, session_user)"#
    )
    .fetch_one(tx.db())
    .await
    .map_err(of_statement)?;
    let place = || StoreError::CannotOpen { place: found.database.clone(), problem: OpenProblem::NotMigrated, source: None };
    let (schema, _) = version_of(tx.db().connection()).await.map_err(of_statement)?.ok_or_else(place)?;
    let down = walls_down(tx.db().connection()).await.map_err(of_statement)?;
    let server = Stored { table: "pg_settings", key: "server_version_num" };
    let postgres = AboutPostgres {
        version: (server.number("setting", found.version / 10_000)?, server.number("setting", found.version % 10_000)?),
        database: found.database,
        schema_name: found.schema_name,
        role: found.role,
        is_standby: found.is_standby,
        walls: Walls { superuser: found.superuser, bypasses: found.bypasses, down },
    };
    Ok(About { schema, newest_schema: newest_version(), now: tx.now, backend: BackendAbout::Postgres(postgres) })
}
