//! Which schema a file has, and how it gets the newest.

use std::path::Path;

use lastseen_store::{OpenProblem, Result, StoreError};
use sqlx::{AssertSqlSafe, Connection, SqliteConnection};

use crate::error::of_opening;

/// Marks a file as Lastseen's (`PRAGMA application_id`): "LSSN" in ASCII.
pub(crate) const APPLICATION_ID: i64 = 0x4c53_534e;

/// Every step of the schema in order; the n-th makes version n (`PRAGMA user_version`). A released step is never changed.
const MIGRATIONS: &[&str] = &[
    include_str!("../migrations/0001_tables.sql"),
    include_str!("../migrations/0002_views.sql"),
    include_str!("../migrations/0003_queue.sql"),
    include_str!("../migrations/0004_tenants.sql"),
    include_str!("../migrations/0005_service.sql"),
];

/// The newest version known here.
pub fn newest_version() -> i64 {
    i64::try_from(MIGRATIONS.len()).unwrap_or(i64::MAX)
}

/// Whose file it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Schema {
    /// Nobody's: nothing is in it.
    Empty,
    /// Lastseen's, of this version.
    Version(i64),
}

/// Looks at whose file it is, and writes nothing.
pub(crate) async fn inspect(db: &mut SqliteConnection, path: &Path) -> Result<Schema> {
    // The macro looks for the table of a plain column, and a pragma is none; hence the `+`.
    let found = sqlx::query!(
        r#"SELECT +application_id AS "application!: i64", +user_version AS "version!: i64",
                  (SELECT count(*) FROM sqlite_schema) AS "objects!: i64"
           FROM pragma_application_id, pragma_user_version"#,
    )
    .fetch_one(db)
    .await
    .map_err(|error| of_opening(path, error))?;
    let known = newest_version();
    match (found.application, found.version, found.objects) {
        (0, 0, 0) => Ok(Schema::Empty),
        (APPLICATION_ID, found, _) if found > known => Err(StoreError::NewerSchema { found, known }),
        (APPLICATION_ID, found, _) if found > 0 => Ok(Schema::Version(found)),
        _ => Err(StoreError::CannotOpen { place: path.display().to_string(), problem: OpenProblem::NotLastseens, source: None }),
    }
}

/// Brings the file to the newest version, each step in one transaction. Another process may be doing the same: what a step finds
/// inside its transaction decides.
pub(crate) async fn migrate(db: &mut SqliteConnection, path: &Path) -> Result<()> {
    loop {
        let mut tx = db.begin_with("BEGIN IMMEDIATE").await.map_err(|error| of_opening(path, error))?;
        let version = match inspect(&mut tx, path).await? {
            Schema::Empty => 0,
            Schema::Version(version) => version,
        };
        let Some(step) = usize::try_from(version).ok().and_then(|done| MIGRATIONS.get(done)) else {
            return tx.rollback().await.map_err(|error| of_opening(path, error));
        };
        // Pragmas take no parameters; both numbers are our own. They are part of the transaction.
        let marks = format!("PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {};", version + 1);
        for sql in [sqlx::raw_sql(*step), sqlx::raw_sql(AssertSqlSafe(marks))] {
            sql.execute(&mut *tx).await.map_err(|error| of_opening(path, error))?;
        }
        tx.commit().await.map_err(|error| of_opening(path, error))?;
    }
}
