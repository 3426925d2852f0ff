//! The one place where a transaction is opened.

use lastseen_store::{DatabaseClock, OpenProblem, Result, StoreError};
use sqlx::{Sqlite, SqliteConnection, SqlitePool, Transaction};

use crate::SqliteStore;
use crate::error::of_statement;
use crate::open::file_identity;

/// A transaction that writes; dropped without [`WriteTx::commit`], it leaves nothing behind.
pub(crate) struct WriteTx {
    inner: Transaction<'static, Sqlite>,
    /// The database's time, in microseconds since the epoch; one for the whole transaction, taken when it held the write lock.
    pub(crate) now: i64,
}

impl WriteTx {
    /// The connection, for a statement.
    pub(crate) fn db(&mut self) -> &mut SqliteConnection {
        &mut self.inner
    }

    /// The next number of the one sequence.
    pub(crate) async fn next_no(&mut self) -> Result<i64> {
        sqlx::query_scalar!("UPDATE sequence SET last_no = last_no + 1 RETURNING last_no").fetch_one(self.db()).await.map_err(of_statement)
    }

    /// Makes everything that was written permanent.
    pub(crate) async fn commit(self) -> Result<()> {
        self.inner.commit().await.map_err(of_statement)
    }
}

/// A transaction that reads one snapshot.
pub(crate) struct ReadTx(Transaction<'static, Sqlite>);

impl ReadTx {
    /// The connection, for a statement.
    pub(crate) fn db(&mut self) -> &mut SqliteConnection {
        &mut self.0
    }
}

impl SqliteStore {
    /// Opens a transaction that writes. It holds the file's write lock from its first moment (`BEGIN IMMEDIATE`), so that what it
    /// reads stays true until it commits.
    pub(crate) async fn write(&self) -> Result<WriteTx> {
        let inner = open(&self.writer, "BEGIN IMMEDIATE").await?;
        // SQLite writes on into a file that has no name any more, and all of it would be lost.
        if file_identity(&self.path) != self.identity {
            return Err(StoreError::NotWritable(OpenProblem::Replaced));
        }
        Ok(WriteTx { inner, now: self.now() })
    }

    /// Opens a transaction that reads.
    pub(crate) async fn read(&self) -> Result<ReadTx> {
        Ok(ReadTx(open(&self.readers, "BEGIN DEFERRED").await?))
    }

    /// The database's clock: an embedded database has no other than the machine's. Cut to microseconds, which is what is stored.
    #[expect(clippy::disallowed_methods, reason = "this is the database's clock, which everyone else asks")]
    pub(crate) fn now(&self) -> i64 {
        match &self.clock {
            DatabaseClock::Database => jiff::Timestamp::now().as_microsecond(),
            DatabaseClock::Manual(clock) => clock.now_micros(),
        }
    }
}

/// Begins on a task of its own: sqlx 0.9.0 can leave a connection inside an open transaction when the future of `begin` is dropped,
/// and the caller of a verb may be dropped at any time.
#[expect(clippy::disallowed_methods, reason = "the one place where a transaction is opened")]
async fn open(pool: &SqlitePool, begin: &'static str) -> Result<Transaction<'static, Sqlite>> {
    let pool = pool.clone();
    let opened = tokio::spawn(async move {
        match pool.begin_with(begin).await {
            // SQLite ends a transaction by itself when the disk is full. The driver still counts it as open and takes this one for a
            // nested one; only a new connection mends that.
            Err(sqlx::Error::InvalidSavePointStatement) => {
                pool.acquire().await?.close().await?;
                pool.begin_with(begin).await
            }
            opened => opened,
        }
    })
    .await;
    opened.map_err(|error| StoreError::Unavailable(error.into()))?.map_err(of_statement)
}

/// A count of rows that must be met.
pub(crate) fn met(verb: &'static str, expected: u64, actual: u64) -> Result<()> {
    if expected == actual { Ok(()) } else { Err(StoreError::RowsAffected { verb, expected, actual }) }
}
