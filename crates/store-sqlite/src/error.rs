//! What SQLite's errors mean for a caller. The driver's own texts stay behind `source()`.

use std::path::Path;

use lastseen_model::TenantId;
use lastseen_store::{OpenProblem, StoreError};

/// SQLite's primary result codes that mean something of their own here (sqlite.org/rescode.html).
mod code {
    pub(super) const PERM: i32 = 3;
    pub(super) const BUSY: i32 = 5;
    pub(super) const LOCKED: i32 = 6;
    pub(super) const READONLY: i32 = 8;
    pub(super) const IOERR: i32 = 10;
    pub(super) const CORRUPT: i32 = 11;
    pub(super) const FULL: i32 = 13;
    pub(super) const CANTOPEN: i32 = 14;
    pub(super) const AUTH: i32 = 23;
    pub(super) const NOTADB: i32 = 26;
}

/// The primary code of a database error: extended codes carry it in their lowest byte.
fn primary_code(error: &sqlx::Error) -> Option<i32> {
    let extended: i32 = error.as_database_error()?.code()?.parse().ok()?;
    Some(extended & 0xff)
}

fn problem(code: i32) -> OpenProblem {
    match code {
        // The file itself opened before SQLite was asked; what it cannot make is the log beside it.
        code::READONLY | code::PERM | code::AUTH | code::CANTOPEN => OpenProblem::ReadOnly,
        code::FULL => OpenProblem::DiskFull,
        code::CORRUPT | code::NOTADB => OpenProblem::NotADatabase,
        _ => OpenProblem::Other,
    }
}

/// An error of a statement of a verb.
pub(crate) fn of_statement(error: sqlx::Error) -> StoreError {
    match primary_code(&error) {
        Some(code::BUSY | code::LOCKED) => StoreError::Unavailable(error.into()),
        Some(
            found @ (code::READONLY | code::PERM | code::AUTH | code::FULL | code::CORRUPT | code::NOTADB | code::IOERR | code::CANTOPEN),
        ) => StoreError::NotWritable(problem(found)),
        Some(_) => StoreError::Refused(error.into()),
        None => match error {
            sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed | sqlx::Error::WorkerCrashed | sqlx::Error::Io(_) => {
                StoreError::Unavailable(error.into())
            }
            other => StoreError::Refused(other.into()),
        },
    }
}

/// An error of a statement that adds a row about a tenant: the foreign key knows which tenants there are.
pub(crate) fn of_row_of_tenant(error: sqlx::Error, tenant: TenantId) -> StoreError {
    let stranger = error.as_database_error().is_some_and(sqlx::error::DatabaseError::is_foreign_key_violation);
    if stranger { StoreError::NoSuchTenant(tenant) } else { of_statement(error) }
}

/// An error while the file at `path` is opened.
pub(crate) fn of_opening(path: &Path, error: sqlx::Error) -> StoreError {
    match primary_code(&error) {
        Some(code::BUSY | code::LOCKED) => StoreError::Unavailable(error.into()),
        found => StoreError::CannotOpen {
            place: path.display().to_string(),
            problem: found.map_or(OpenProblem::Other, problem),
            source: Some(error.into()),
        },
    }
}

#[cfg(test)]
mod tests {
    use lastseen_store::{OpenProblem, RegistryType, Store, StoreError};

    use crate::SqliteStore;

    fn registry() -> Vec<RegistryType> {
        vec![RegistryType {
            policy_type: "deviceConfiguration".parse().expect("a key"),
            category: "Configuration".parse().expect("a category"),
            display_name: "Device configuration".into(),
            path: "/deviceManagement/deviceConfigurations".into(),
            api_version: "v1.0".into(),
        }]
    }

    #[tokio::test]
    async fn a_file_that_another_process_writes_to_for_too_long_is_worth_another_try() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("lastseen.db");
        let (here, there) = (SqliteStore::open(&path).await.expect("opens"), SqliteStore::open(&path).await.expect("opens"));
        let held = here.write().await.expect("the write lock");
        // No patience at all, so that the test need not wait for it to end.
        sqlx::raw_sql("PRAGMA busy_timeout = 0").execute(&there.writer).await.expect("set");
        let busy = there.mirror_registry(&registry()).await.expect_err("refused");
        assert!(busy.is_transient(), "{busy:?}");
        held.commit().await.expect("nothing was written");
        there.mirror_registry(&registry()).await.expect("the lock is free again");
    }

    #[tokio::test]
    async fn a_database_that_became_read_only_says_so() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = SqliteStore::open(&folder.path().join("lastseen.db")).await.expect("opens");
        sqlx::raw_sql("PRAGMA query_only = ON").execute(&store.writer).await.expect("set");
        let refused = store.mirror_registry(&registry()).await.expect_err("refused");
        assert!(matches!(refused, StoreError::NotWritable(OpenProblem::ReadOnly)), "{refused:?}");
    }

    #[tokio::test]
    async fn a_statement_that_is_wrong_is_a_bug_and_not_worth_another_try() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = SqliteStore::open(&folder.path().join("lastseen.db")).await.expect("opens");
        sqlx::raw_sql("ALTER TABLE tenants RENAME COLUMN name TO title").execute(&store.writer).await.expect("done");
        let refused = store.tenants().await.expect_err("refused");
        assert!(matches!(refused, StoreError::Refused(_)) && !refused.is_transient(), "{refused:?}");
    }
}
