//! Why a verb could not do its work. A closed set; texts of drivers stay behind `source()`.

use std::error::Error;

use lastseen_model::ErrorCode;

/// A failed verb.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The database did not answer, or is busy past its patience; trying again may help.
    #[error("the database is not available")]
    Unavailable(#[source] Box<dyn Error + Send + Sync>),
    /// A statement took longer than it may. Trying again helps where the database was busy, and not where too much was asked at once.
    #[error("the database took too long over one question")]
    TooLong(#[source] Box<dyn Error + Send + Sync>),
    /// The run is not this worker's any more: reaped, finished, or its lease expired. Nothing was written.
    #[error("the run's lease is lost")]
    LeaseLost,
    /// The tenant was removed, so no run of it is made or claimed. [`crate::Store::set_tenant`] brings it back.
    #[error("the tenant was removed")]
    TenantRemoved,
    /// A token or a schedule is to be for a tenant that the database does not know. Nothing was written.
    #[error("the database does not know the tenant {0}")]
    NoSuchTenant(lastseen_model::TenantId),
    /// Another schedule has that name. Nothing was written.
    #[error("there is a schedule of that name already")]
    NameTaken,
    /// A run of the tenant is running under a lease, so the tenant can't be purged. Nothing was taken away.
    #[error("a run of the tenant is running: {run}")]
    TenantBusy {
        /// The run.
        run: lastseen_model::RunId,
    },
    /// A page left a gap, or its listing had an outcome already. Nothing was written.
    #[error("page {page} is out of order: the next is {expected}")]
    PageOutOfOrder {
        /// The page that was to be stored.
        page: u32,
        /// The page that would be next.
        expected: u32,
    },
    /// A verb named a type that is not in the run's scope. Nothing was written.
    #[error("{0} is not in the scope of this run")]
    ListingNotOpen(lastseen_model::PolicyType),
    /// A statement met another number of rows than it must.
    #[error("{verb} met {actual} rows where {expected} are right; this is a bug")]
    RowsAffected {
        /// The verb.
        verb: &'static str,
        /// How many rows there should have been.
        expected: u64,
        /// How many there were.
        actual: u64,
    },
    /// A stored value that can't be a domain value: a bug report by construction.
    #[error("the database holds a value that can't be read: {table}.{column} of {key}")]
    Inconsistent {
        /// The table.
        table: &'static str,
        /// The column.
        column: &'static str,
        /// The row's key.
        key: String,
    },
    /// The database was made by a newer Lastseen.
    #[error("the database has schema version {found}, and this Lastseen knows up to {known}; use the newer Lastseen that made it")]
    NewerSchema {
        /// The database's version.
        found: i64,
        /// The newest version known here.
        known: i64,
    },
    /// The database has an older schema than this program needs, and this program may not change it.
    #[error("the database has schema version {found}, and this Lastseen needs version {known}")]
    OlderSchema {
        /// The database's version.
        found: i64,
        /// The version needed here.
        known: i64,
    },
    /// It can't be opened as a database of Lastseen.
    #[error("can't open the database {place}: {problem}")]
    CannotOpen {
        /// The file, or user, host, port and database; never a password.
        place: String,
        /// What is wrong, in our own words.
        problem: OpenProblem,
        /// The driver's error.
        #[source]
        source: Option<Box<dyn Error + Send + Sync>>,
    },
    /// A statement failed for a reason that trying again does not mend.
    #[error("the database refused a statement; this is a bug")]
    Refused(#[source] Box<dyn Error + Send + Sync>),
    /// The database's role lacks a right that it needs.
    #[error("the database's role lacks a right that it needs")]
    Forbidden(#[source] Box<dyn Error + Send + Sync>),
    /// No room or no right to write.
    #[error("the database can't be written: {0}")]
    NotWritable(OpenProblem),
}

impl StoreError {
    /// Whether the same call may succeed a little later.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Unavailable(_) | Self::TooLong(_))
    }

    /// The code under which a run records it.
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::Unavailable(_)
            | Self::TooLong(_)
            | Self::Forbidden(_)
            | Self::NotWritable(_)
            | Self::CannotOpen { .. }
            | Self::NewerSchema { .. }
            | Self::OlderSchema { .. } => ErrorCode::StoreUnavailable,
            Self::LeaseLost => ErrorCode::WorkerLost,
            Self::TenantRemoved => ErrorCode::Cancelled,
            Self::TenantBusy { .. } => ErrorCode::LockContended,
            // Pages are sent one after another, each when the last is confirmed: a gap is a page that the database has lost since, as
            // a replica does that takes over without all that was written.
            Self::PageOutOfOrder { page, expected } if expected < page => ErrorCode::StoreUnavailable,
            Self::PageOutOfOrder { .. }
            | Self::ListingNotOpen(_)
            // No run asks for tokens or schedules.
            | Self::NoSuchTenant(_)
            | Self::NameTaken
            | Self::RowsAffected { .. }
            | Self::Inconsistent { .. }
            | Self::Refused(_) => ErrorCode::Internal,
        }
    }
}

/// What is wrong with a database's place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OpenProblem {
    /// The file or its folder is read-only, or belongs to someone else.
    ReadOnly,
    /// The folder does not exist and can't be made.
    NoFolder,
    /// The file is no SQLite database, or damaged.
    NotADatabase,
    /// A SQLite database, but not one of Lastseen's.
    NotLastseens,
    /// The disk is full.
    DiskFull,
    /// The file was removed, or another one put in its place, while it was open: what is written goes nowhere.
    Replaced,
    /// The text is no address of a database.
    NoAddress,
    /// The address has an option that is not known.
    UnknownOption,
    /// Nobody answers there, or the server is busy starting or stopping.
    Unreachable,
    /// The server does not take the user or the password.
    NotLetIn,
    /// The server has no such database.
    NoDatabase,
    /// Whoever answered broke off: most often a pooler that knows no such user or database, or can't reach its server.
    BrokenOff,
    /// The server and this program can't agree on an encrypted connection.
    NoTls,
    /// The server is older than PostgreSQL 15.
    ServerTooOld,
    /// The database's encoding is not UTF-8: it could not hold every name.
    NotUtf8,
    /// The schema that is to be Lastseen's holds another program's tables of the same names.
    NamesTaken,
    /// Nobody has made Lastseen's schema there yet.
    NotMigrated,
    /// The role is a superuser or has BYPASSRLS: row-level security would not hold it.
    AboveTheWalls,
    /// Row-level security is not forced on every table of tenant data.
    WallsDown,
    /// The application's role does not exist.
    NoAppRole,
    /// The application's role is the owner of the tables.
    AppRoleIsOwner,
    /// Anything else; the source says what.
    Other,
}

impl std::fmt::Display for OpenProblem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::ReadOnly => "it, or its folder, is read-only for this user",
            Self::NoFolder => "its folder does not exist and can't be made",
            Self::NotADatabase => "it is no SQLite database, or it is damaged",
            Self::NotLastseens => "it is a SQLite database, but not one of Lastseen's",
            Self::DiskFull => "the disk is full",
            Self::Replaced => "its file was removed or replaced while it was open",
            Self::NoAddress => "that is no address such as postgres://user@host:5432/database",
            Self::UnknownOption => "that is no option of an address",
            Self::BrokenOff => {
                "whoever answers there broke off: a pooler does that for a user, password, database or option it does not know"
            }
            Self::Unreachable => "no database answers there",
            Self::NotLetIn => "the server does not take this user and password",
            Self::NoDatabase => "the server has no such database",
            Self::NoTls => "no encrypted connection could be agreed on",
            Self::ServerTooOld => "the server is older than PostgreSQL 15",
            Self::NotUtf8 => "its encoding is not UTF8, so it could not hold every name",
            Self::NamesTaken => "its schema holds another program's tables of the same names",
            Self::NotMigrated => "it has no schema of Lastseen yet, or not where this role looks for it",
            Self::AboveTheWalls => "the role is a superuser or has BYPASSRLS, so row-level security would not hold it",
            Self::WallsDown => "row-level security is not forced on every table of tenant data",
            Self::NoAppRole => "the application's role does not exist",
            Self::AppRoleIsOwner => "the application's role must not be the owner of the tables",
            Self::Other => "the system refused",
        })
    }
}
