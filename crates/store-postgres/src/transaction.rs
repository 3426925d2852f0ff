//! The one place where a transaction is opened, and where a tenant is set for it.

use futures_util::future::BoxFuture;
use futures_util::stream::BoxStream;
use lastseen_model::Timestamp;
use lastseen_store::{DatabaseClock, Result, StoreError, TenantScope};
use sqlx::postgres::{PgConnection, PgQueryResult, PgRow, PgStatement, PgTypeInfo};
use sqlx::{Connection, Either, Execute, Executor, PgPool, Postgres, SqlStr, Transaction};
use uuid::Uuid;

use crate::PostgresStore;
use crate::error::of_statement;

/// How long one statement may run. A statement of a verb looks at one page or one tenant; what takes longer is stuck.
const STATEMENT_TIMEOUT: &str = "60s";
/// How long a worker that stands still may hold up others in the middle of a transaction. Between two statements of a verb there is
/// only arithmetic.
const IDLE_TIMEOUT: &str = "8s";
/// How long a statement waits for a row that another transaction holds. Much longer than [`IDLE_TIMEOUT`], so that whoever waits for a
/// worker that stands still sees the end of it.
const LOCK_TIMEOUT: &str = "20s";

/// A transaction within one tenant: row-level security shows and takes that tenant's rows alone, whatever a statement says.
/// Dropped without [`TenantTx::commit`], it leaves nothing behind.
pub(crate) struct TenantTx {
    inner: Transaction<'static, Postgres>,
    /// The tenant, for the `WHERE` that stands in every statement beside the wall.
    pub(crate) tenant: Uuid,
    /// The database's time: one for the whole transaction, taken at its beginning or when [`TenantTx::now_again`] was asked.
    pub(crate) now: Timestamp,
    clock: DatabaseClock,
}

impl TenantTx {
    /// The connection, for a statement.
    pub(crate) fn db(&mut self) -> Db<'_> {
        Db(&mut self.inner)
    }

    /// The time as a parameter.
    pub(crate) fn now_sql(&self) -> jiff_sqlx::Timestamp {
        self.now.into()
    }

    /// Takes the time anew: a transaction that had to wait for a lock must not judge by what the time was before.
    pub(crate) async fn now_again(&mut self) -> Result<()> {
        self.now = now(&mut self.inner, &self.clock).await?;
        Ok(())
    }

    /// The next number of the one sequence. A number that a transaction took and did not commit is never given again.
    pub(crate) async fn next_no(&mut self) -> Result<i64> {
        sqlx::query_scalar!(r#"SELECT nextval('run_and_page_no') AS "no!""#).fetch_one(self.db()).await.map_err(of_statement)
    }

    /// Makes everything that was written permanent.
    pub(crate) async fn commit(self) -> Result<()> {
        self.inner.commit().await.map_err(of_statement)
    }
}

/// A transaction that looks across tenants: at runs and at the names of tenants, and writes neither. Tokens and schedules, which have no
/// tenant of their own, it reads and writes, and for which tenants they are. To nothing else of any tenant do the walls let it.
pub(crate) struct FleetTx {
    inner: Transaction<'static, Postgres>,
    /// The database's time at its beginning.
    pub(crate) now: Timestamp,
}

impl FleetTx {
    /// The connection, for a statement.
    pub(crate) fn db(&mut self) -> Db<'_> {
        Db(&mut self.inner)
    }

    /// The time as a parameter.
    pub(crate) fn now_sql(&self) -> jiff_sqlx::Timestamp {
        self.now.into()
    }

    /// Makes everything that was written permanent.
    pub(crate) async fn commit(self) -> Result<()> {
        self.inner.commit().await.map_err(of_statement)
    }
}

/// What a transaction is opened for.
struct Door {
    tenant: Option<Uuid>,
    fleet: bool,
    /// Whether all its statements see one snapshot, and none writes.
    reads: bool,
}

impl PostgresStore {
    /// Opens a transaction that reads and writes within a tenant.
    pub(crate) async fn write(&self, scope: &TenantScope) -> Result<TenantTx> {
        self.within(scope.tenant().into(), false, false).await
    }

    /// Opens a transaction that reads one snapshot of a tenant.
    pub(crate) async fn read(&self, scope: &TenantScope) -> Result<TenantTx> {
        self.within(scope.tenant().into(), false, true).await
    }

    /// Opens a transaction of a tenant that also sees the runs of the others, to count them against the limits.
    pub(crate) async fn claiming(&self, scope: &TenantScope) -> Result<TenantTx> {
        self.within(scope.tenant().into(), true, false).await
    }

    /// Opens a transaction for a tenant that a look across tenants found: its run has expired.
    pub(crate) async fn reaping(&self, tenant: Uuid) -> Result<TenantTx> {
        self.within(tenant, false, false).await
    }

    /// Opens a transaction across tenants.
    pub(crate) async fn fleet(&self) -> Result<FleetTx> {
        let (inner, now) = self.pass(Door { tenant: None, fleet: true, reads: false }).await?;
        Ok(FleetTx { inner, now })
    }

    /// Opens a transaction that reads one snapshot across tenants.
    pub(crate) async fn read_fleet(&self) -> Result<FleetTx> {
        let (inner, now) = self.pass(Door { tenant: None, fleet: true, reads: true }).await?;
        Ok(FleetTx { inner, now })
    }

    async fn within(&self, tenant: Uuid, fleet: bool, reads: bool) -> Result<TenantTx> {
        let (inner, now) = self.pass(Door { tenant: Some(tenant), fleet, reads }).await?;
        Ok(TenantTx { inner, tenant, now, clock: self.clock.clone() })
    }

    async fn pass(&self, door: Door) -> Result<(Transaction<'static, Postgres>, Timestamp)> {
        let (inner, now) = open(&self.pool, door).await?;
        let now = match &self.clock {
            DatabaseClock::Manual(clock) => manual(clock.now_micros())?,
            DatabaseClock::Database => now,
        };
        Ok((inner, now))
    }
}

/// The database's time at this moment.
pub(crate) async fn now(connection: &mut PgConnection, clock: &DatabaseClock) -> Result<Timestamp> {
    match clock {
        DatabaseClock::Manual(clock) => manual(clock.now_micros()),
        DatabaseClock::Database => {
            let now = sqlx::query_scalar!(r#"SELECT clock_timestamp() AS "now!""#).fetch_one(Db(connection)).await;
            Ok(now.map_err(of_statement)?.to_jiff())
        }
    }
}

/// Opens a transaction within a tenant on a connection of the owner's own, which nobody else gets after it. Its statements may take as
/// long as they take, whatever the role's settings say; for a lock that others hold they wait as long as everybody does.
pub(crate) async fn begin_within(connection: &mut PgConnection, tenant: Uuid) -> sqlx::Result<Transaction<'_, Postgres>> {
    let mut tx = connection.begin_with("BEGIN ISOLATION LEVEL READ COMMITTED").await?;
    sqlx::query!(
        "SELECT set_config('app.tenant_id', $1, true) AS tenant, set_config('app.fleet', '', true) AS fleet,
                set_config('statement_timeout', '0', true) AS statement, set_config('lock_timeout', $2, true) AS lock",
        tenant.to_string(),
        LOCK_TIMEOUT,
    )
    .fetch_one(Db(&mut tx))
    .await?;
    Ok(tx)
}

fn manual(micros: i64) -> Result<Timestamp> {
    Timestamp::from_microsecond(micros).map_err(|error| StoreError::Refused(error.into()))
}

/// Begins on a task of its own: sqlx 0.9.0 can give a connection back inside an open transaction when the future of `begin` is
/// dropped, and the caller of a verb may be dropped at any time. The pool's guard catches what slips through all the same.
///
/// The tenant is set by the first statement of the transaction and for the transaction alone. Never as part of the begin, which
/// could be left behind with a tenant in it, and never for the session, which the next borrower shares.
#[expect(clippy::disallowed_methods, reason = "the one place where a transaction is opened")]
async fn open(pool: &PgPool, door: Door) -> Result<(Transaction<'static, Postgres>, Timestamp)> {
    let pool = pool.clone();
    let opened = tokio::spawn(async move {
        let begin = if door.reads { "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY" } else { "BEGIN ISOLATION LEVEL READ COMMITTED" };
        let mut tx = pool.begin_with(begin).await?;
        let set = sqlx::query!(
            r#"SELECT set_config('app.tenant_id', $1, true) AS tenant, set_config('app.fleet', $2, true) AS fleet,
                      set_config('statement_timeout', $3, true) AS statement, set_config('lock_timeout', $4, true) AS lock,
                      set_config('idle_in_transaction_session_timeout', $5, true) AS idle, clock_timestamp() AS "now!""#,
            door.tenant.map(|tenant| tenant.to_string()).unwrap_or_default(),
            if door.fleet { "on" } else { "" },
            STATEMENT_TIMEOUT,
            LOCK_TIMEOUT,
            IDLE_TIMEOUT,
        )
        .fetch_one(Db(&mut tx))
        .await?;
        Ok::<_, sqlx::Error>((tx, set.now.to_jiff()))
    })
    .await;
    opened.map_err(|error| StoreError::Unavailable(error.into()))?.map_err(of_statement)
}

/// The connection of a transaction. Every statement goes as an unnamed one: a named one would be looked for on another server
/// connection behind a pooler.
#[derive(Debug)]
pub(crate) struct Db<'c>(&'c mut PgConnection);

impl<'c> Db<'c> {
    /// A connection outside of the pool's transactions: while a database is opened or migrated.
    pub(crate) fn of(connection: &'c mut PgConnection) -> Self {
        Self(connection)
    }

    /// The connection itself, for what asks a database in the same words while it is opened.
    pub(crate) fn connection(self) -> &'c mut PgConnection {
        self.0
    }
}

/// A statement that is not kept by name.
struct Unnamed<E>(E);

impl<'q, E: Execute<'q, Postgres>> Execute<'q, Postgres> for Unnamed<E> {
    fn sql(self) -> SqlStr {
        self.0.sql()
    }
    fn statement(&self) -> Option<&PgStatement> {
        self.0.statement()
    }
    fn take_arguments(&mut self) -> std::result::Result<Option<sqlx::postgres::PgArguments>, sqlx::error::BoxDynError> {
        self.0.take_arguments()
    }
    fn persistent(&self) -> bool {
        false
    }
}

impl<'c> Executor<'c> for Db<'c> {
    type Database = Postgres;

    fn fetch_many<'e, 'q: 'e, E>(self, query: E) -> BoxStream<'e, sqlx::Result<Either<PgQueryResult, PgRow>>>
    where
        'c: 'e,
        E: 'q + Execute<'q, Postgres>,
    {
        self.0.fetch_many(Unnamed(query))
    }

    fn fetch_optional<'e, 'q: 'e, E>(self, query: E) -> BoxFuture<'e, sqlx::Result<Option<PgRow>>>
    where
        'c: 'e,
        E: 'q + Execute<'q, Postgres>,
    {
        self.0.fetch_optional(Unnamed(query))
    }

    fn prepare_with<'e>(self, sql: SqlStr, parameters: &'e [PgTypeInfo]) -> BoxFuture<'e, sqlx::Result<PgStatement>>
    where
        'c: 'e,
    {
        self.0.prepare_with(sql, parameters)
    }

    fn describe<'e>(self, sql: SqlStr) -> BoxFuture<'e, sqlx::Result<sqlx::Describe<Postgres>>>
    where
        'c: 'e,
    {
        self.0.describe(sql)
    }
}

/// A count of rows that must be met.
pub(crate) fn met(verb: &'static str, expected: u64, actual: u64) -> Result<()> {
    if expected == actual { Ok(()) } else { Err(StoreError::RowsAffected { verb, expected, actual }) }
}
