//! What PostgreSQL's errors mean for a caller. The driver's own texts stay behind `source()`.

use lastseen_model::TenantId;
use lastseen_store::{OpenProblem, StoreError};

/// Classes and codes of SQLSTATE that mean something of their own here (PostgreSQL's appendix A).
///
/// The database is away, is changing its role, or had to break off one of several: the same call may succeed a little later.
const AWAY: &[&str] = &[
    "08",    // the connection broke, also as a pooler says it
    "25006", // the server is a standby: it is being replaced
    "25P03", // this connection stood still in a transaction and was ended
    "25P04", // a transaction took too long and was ended
    "40",    // a deadlock or a conflict was broken off
    "53200", // no memory
    "53300", // too many connections
    "55P03", // a row was held too long by another transaction
    "57P",   // the server shuts down, starts up, or crashed
    "58",    // an error of the system below
];

/// The connection was refused or broken off by whoever is there; a pooler has no other class for what it refuses.
const BROKEN_OFF: &str = "08";
/// A table or function of that name is there already.
const NAME_TAKEN: &[&str] = &["42P07", "42723", "42710"];
/// A statement took too long and was ended.
const TOO_LONG: &str = "57014";
/// No room on the disk.
const DISK_FULL: &str = "53100";
/// The role lacks a right on a table: grants are missing, or the role is not the one that they were given to.
const NO_RIGHT: &str = "42501";
/// The server refused who we say we are.
const NOT_LET_IN: &[&str] = &["28000", "28P01"];
/// There is no such database.
const NO_DATABASE: &str = "3D000";
/// A table or function that is not there.
const NO_TABLE: &[&str] = &["42P01", "42883", "3F000"];

fn state(error: &sqlx::Error) -> Option<String> {
    error.as_database_error()?.code().map(std::borrow::Cow::into_owned)
}

fn is_away(state: &str) -> bool {
    AWAY.iter().any(|known| state.starts_with(known))
}

/// Whether something could not be made because its name is taken.
pub(crate) fn names_taken(error: &sqlx::Error) -> bool {
    state(error).is_some_and(|state| NAME_TAKEN.contains(&state.as_str()))
}

/// An error of a statement of a verb.
pub(crate) fn of_statement(error: sqlx::Error) -> StoreError {
    match state(&error).as_deref() {
        Some(state) if is_away(state) => StoreError::Unavailable(error.into()),
        Some(TOO_LONG) => StoreError::TooLong(error.into()),
        Some(DISK_FULL) => StoreError::NotWritable(OpenProblem::DiskFull),
        Some(NO_RIGHT) => StoreError::Forbidden(error.into()),
        Some(_) => StoreError::Refused(error.into()),
        None => match error {
            sqlx::Error::PoolTimedOut
            | sqlx::Error::PoolClosed
            | sqlx::Error::WorkerCrashed
            | sqlx::Error::Io(_)
            | sqlx::Error::Tls(_)
            // A connection that is cut in the middle of an answer can look like an answer that makes no sense.
            | sqlx::Error::Protocol(_) => StoreError::Unavailable(error.into()),
            other => StoreError::Refused(other.into()),
        },
    }
}

/// An error of a statement that adds a row about a tenant: the foreign key knows which tenants there are, also while one is purged.
pub(crate) fn of_row_of_tenant(error: sqlx::Error, tenant: TenantId) -> StoreError {
    let stranger = error.as_database_error().is_some_and(sqlx::error::DatabaseError::is_foreign_key_violation);
    if stranger { StoreError::NoSuchTenant(tenant) } else { of_statement(error) }
}

/// An error while the database at `place` is opened.
pub(crate) fn of_opening(place: &str, error: sqlx::Error) -> StoreError {
    let cannot = |problem, error: sqlx::Error| StoreError::CannotOpen { place: place.to_owned(), problem, source: Some(error.into()) };
    match state(&error).as_deref() {
        Some(state) if NOT_LET_IN.contains(&state) => cannot(OpenProblem::NotLetIn, error),
        Some(NO_DATABASE) => cannot(OpenProblem::NoDatabase, error),
        Some(state) if NO_TABLE.contains(&state) => cannot(OpenProblem::NotMigrated, error),
        Some(NO_RIGHT) => StoreError::Forbidden(error.into()),
        Some(state) if NAME_TAKEN.contains(&state) => cannot(OpenProblem::NamesTaken, error),
        Some(state) if state.starts_with(BROKEN_OFF) => cannot(OpenProblem::BrokenOff, error),
        Some(state) if is_away(state) => cannot(OpenProblem::Unreachable, error),
        Some(_) => cannot(OpenProblem::Other, error),
        None => match error {
            // A certificate that is not trusted comes as an error of reading.
            sqlx::Error::Io(broken) if broken.kind() == std::io::ErrorKind::InvalidData => {
                cannot(OpenProblem::NoTls, sqlx::Error::Io(broken))
            }
            sqlx::Error::Io(_) | sqlx::Error::PoolTimedOut => cannot(OpenProblem::Unreachable, error),
            sqlx::Error::Tls(_) => cannot(OpenProblem::NoTls, error),
            other => cannot(OpenProblem::Other, other),
        },
    }
}
