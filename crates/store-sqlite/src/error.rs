//! What SQLite's errors mean for a caller. The driver's own texts stay behind `source()`.

use std::path::Path;

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
        code::READONLY | code::PERM | code::AUTH => OpenProblem::ReadOnly,
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

/// An error while the file at `path` is opened.
pub(crate) fn of_opening(path: &Path, error: sqlx::Error) -> StoreError {
    match primary_code(&error) {
        Some(code::BUSY | code::LOCKED) => StoreError::Unavailable(error.into()),
        found => {
            StoreError::CannotOpen { path: path.to_owned(), problem: found.map_or(OpenProblem::Other, problem), source: Some(error.into()) }
        }
    }
}
