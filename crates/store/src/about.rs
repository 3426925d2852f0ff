//! What there is to say about a database itself, for whoever looks after it.

use std::path::PathBuf;

use lastseen_model::Timestamp;
use serde::Serialize;

/// A database, as it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct About {
    /// The version of its schema.
    pub schema: i64,
    /// The newest version of the schema that this program knows.
    pub newest_schema: i64,
    /// The time by its clock.
    #[serde(serialize_with = "lastseen_model::time::serialize")]
    pub now: Timestamp,
    /// What kind of database it is, and what only that kind has.
    #[serde(flatten)]
    pub backend: BackendAbout,
}

/// What only one kind of database has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "backend", rename_all = "snake_case")]
pub enum BackendAbout {
    /// A file.
    Sqlite(AboutSqlite),
    /// A server.
    Postgres(AboutPostgres),
}

/// A database in a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AboutSqlite {
    /// The library's version: major, minor, patch.
    pub version: (u32, u32, u32),
    /// The file.
    pub path: PathBuf,
    /// How many bytes it has, without the log beside it.
    pub bytes: u64,
    /// How it is written to.
    pub journal_mode: JournalMode,
}

/// How SQLite writes to a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum JournalMode {
    /// To a log beside it, as Lastseen sets it.
    Wal,
    /// With a journal that takes it back. Another program changed that.
    Rollback,
    /// With nothing that survives a crash. Another program changed that.
    Unsafe,
}

/// A database on a server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AboutPostgres {
    /// The server's version: major, minor.
    pub version: (u32, u32),
    /// The database's name.
    pub database: String,
    /// The schema that holds the tables; none where the role finds none.
    pub schema_name: Option<String>,
    /// The role that Lastseen works with.
    pub role: String,
    /// Whether the server is a standby: questions are answered there, and nothing is written.
    pub is_standby: bool,
    /// Whether the walls between tenants hold.
    pub walls: Walls,
}

/// What is known of the walls between tenants.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Walls {
    /// Whether the role is a superuser, whom no wall holds.
    pub superuser: bool,
    /// Whether the role has BYPASSRLS.
    pub bypasses: bool,
    /// The tables of tenant data whose wall is down: row-level security off or not forced, or other policies than Lastseen's.
    pub down: Vec<String>,
}

impl Walls {
    /// Whether every wall stands, and holds the role.
    pub fn hold(&self) -> bool {
        !self.superuser && !self.bypasses && self.down.is_empty()
    }
}
