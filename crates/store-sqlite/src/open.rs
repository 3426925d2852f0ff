//! Opening a file as a database of Lastseen.

use std::fs::{DirBuilder, OpenOptions};
use std::io::ErrorKind;
use std::path::Path;
use std::time::Duration;

use lastseen_store::{DatabaseClock, OpenProblem, Result, StoreError};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{ConnectOptions, Connection};

use crate::SqliteStore;
use crate::error::of_opening;
use crate::migrate::{Schema, inspect, migrate};

/// How long a connection waits for the file's lock before it answers *busy*.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// Readers beside the one writer.
const READERS: u32 = 4;
/// Items carry about 600 bytes beside their key; with pages of this size a scan and a first sync cost less than with 4 KiB (measured).
const PAGE_SIZE: u32 = 8192;
/// Page cache of a connection, in KiB.
const CACHE_KIB: u32 = 16 * 1024;
/// The write-ahead log is folded into the file at about 32 MiB: the ids of new items are random, and folding after every page of
/// a first sync writes the same index pages again and again (measured).
const CHECKPOINT_PAGES: u32 = 4000;

impl SqliteStore {
    /// Opens the database at `path` with the system's clock. Makes the folder and the file where they are not there (private to
    /// the user, on Unix), and brings an older schema to the newest.
    ///
    /// Fails before anything is written with [`StoreError::NewerSchema`] on a file of a newer Lastseen, and with
    /// [`StoreError::CannotOpen`] on a file that is no database or someone else's.
    pub async fn open(path: &Path) -> Result<Self> {
        Self::open_with_clock(path, DatabaseClock::Database).await
    }

    /// Like [`SqliteStore::open`], with a clock that a test may move.
    pub async fn open_with_clock(path: &Path, clock: DatabaseClock) -> Result<Self> {
        make_file(path)?;
        look_before_writing(path).await?;

        let options = options(path)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Normal)
            .pragma("cache_size", format!("-{CACHE_KIB}"))
            .pragma("wal_autocheckpoint", CHECKPOINT_PAGES.to_string());
        let writing = options.clone().page_size(PAGE_SIZE);
        let writer = SqlitePoolOptions::new().max_connections(1).idle_timeout(None).max_lifetime(None).connect_with(writing).await;
        let writer = writer.map_err(|error| of_opening(path, error))?;
        let mut connection = writer.acquire().await.map_err(|error| of_opening(path, error))?;
        migrate(&mut connection, path).await?;
        drop(connection);

        let reading = options.pragma("query_only", "ON");
        let readers = SqlitePoolOptions::new().max_connections(READERS).connect_lazy_with(reading);
        Ok(Self { path: path.to_owned(), identity: file_identity(path), writer, readers, clock })
    }

    /// Where the file is.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// Which file is behind a path: device and number on Unix, and elsewhere no more than whether there is one.
pub(crate) fn file_identity(path: &Path) -> Option<(u64, u64)> {
    let file = std::fs::metadata(path).ok()?;
    #[cfg(unix)]
    return Some((std::os::unix::fs::MetadataExt::dev(&file), std::os::unix::fs::MetadataExt::ino(&file)));
    #[cfg(not(unix))]
    return Some((0, u64::from(file.is_file())));
}

fn options(path: &Path) -> SqliteConnectOptions {
    // Statements are not logged: what stands in a log is said by us, never by a driver.
    SqliteConnectOptions::new().filename(path).foreign_keys(true).busy_timeout(BUSY_TIMEOUT).disable_statement_logging()
}

/// Looks whose file it is on a connection that changes nothing: a switch to write-ahead logging is a write, too.
async fn look_before_writing(path: &Path) -> Result<()> {
    version_of(path).await.map(drop)
}

/// The version of a file's schema, without writing to it; none where nothing is in it yet.
///
/// # Errors
/// As opening it has: it is no database, another program's, or a newer Lastseen's.
pub async fn version_of(path: &Path) -> Result<Option<i64>> {
    let mut connection = options(path).connect().await.map_err(|error| of_opening(path, error))?;
    let found = inspect(&mut connection, path).await;
    connection.close().await.map_err(|error| of_opening(path, error))?;
    Ok(match found? {
        Schema::Empty => None,
        Schema::Version(version) => Some(version),
    })
}

/// Makes sure that the file is there and that this user may write to it.
fn make_file(path: &Path) -> Result<()> {
    let cannot = |problem: OpenProblem, error: std::io::Error| StoreError::CannotOpen {
        place: path.display().to_string(),
        problem,
        source: Some(error.into()),
    };
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        let mut builder = DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(folder).map_err(|error| match error.kind() {
            ErrorKind::StorageFull => cannot(OpenProblem::DiskFull, error),
            _ => cannot(OpenProblem::NoFolder, error),
        })?;
    }
    let mut file = OpenOptions::new();
    file.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut file, 0o600);
    match file.open(path) {
        Ok(_) => Ok(()),
        Err(error) => Err(match error.kind() {
            ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => cannot(OpenProblem::ReadOnly, error),
            ErrorKind::StorageFull => cannot(OpenProblem::DiskFull, error),
            ErrorKind::IsADirectory => cannot(OpenProblem::NotADatabase, error),
            ErrorKind::NotFound | ErrorKind::NotADirectory => cannot(OpenProblem::NoFolder, error),
            _ => cannot(OpenProblem::Other, error),
        }),
    }
}
