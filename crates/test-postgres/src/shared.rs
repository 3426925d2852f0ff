//! The one cluster and the one PgBouncer that the tests of a whole `cargo xtask test` share.
//!
//! A cluster takes a second to make, and there are hundreds of tests; so each takes a database of its own in the shared cluster. The
//! addresses come in two environment variables, which only xtask sets.

use std::net::SocketAddr;

use anyhow::Result;

use crate::address;
use crate::cluster::{Cluster, Options, SUPERUSER};
use crate::pooler::Pooler;
use crate::psql::psql;

/// Where the shared cluster listens: `127.0.0.1:5433`.
pub const POSTGRES_VARIABLE: &str = "LASTSEEN_TEST_POSTGRES";
/// Where the shared PgBouncer listens.
pub const POOLER_VARIABLE: &str = "LASTSEEN_TEST_PGBOUNCER";
/// The name of every module with tests that need PostgreSQL. `cargo xtask test` leaves out what stands in one where there is none.
pub const MODULE: &str = "on_postgres";

/// The shared servers, as the one who starts them has them. They stop when this is dropped or this process ends.
#[derive(Debug)]
pub struct Servers {
    // First, for the pooler is to go before what it leads to.
    pooler: Pooler,
    cluster: Cluster,
}

impl Servers {
    /// Why they can't be started on this machine, if so.
    ///
    /// # Errors
    /// The reason, for people.
    pub fn is_available() -> Result<(), String> {
        Cluster::is_available()?;
        Pooler::is_available()
    }

    /// Starts both.
    ///
    /// # Errors
    /// One of them does not start; the text holds what it said.
    pub fn start() -> Result<Self> {
        let cluster = Cluster::start(Options::default())?;
        let pooler = Pooler::start(cluster.address())?;
        Ok(Self { pooler, cluster })
    }

    /// The environment variables that lead [`Shared`] to them.
    pub fn variables(&self) -> [(&'static str, String); 2] {
        [(POSTGRES_VARIABLE, self.cluster.address().to_string()), (POOLER_VARIABLE, self.pooler.address().to_string())]
    }

    /// The cluster.
    pub fn cluster(&self) -> &Cluster {
        &self.cluster
    }

    /// The PgBouncer before it.
    pub fn pooler(&self) -> &Pooler {
        &self.pooler
    }
}

/// The shared servers, as a test has them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shared {
    postgres: SocketAddr,
    pooler: SocketAddr,
}

impl Shared {
    /// Reads where they are.
    ///
    /// # Errors
    /// What the developer who runs the test has to do.
    pub fn from_environment() -> Result<Self, String> {
        #[expect(clippy::disallowed_methods, reason = "an address for tests is no setting, and nothing but tests reads it")]
        Self::from_variables(|name| std::env::var(name).ok())
    }

    fn from_variables(variable: impl Fn(&str) -> Option<String>) -> Result<Self, String> {
        let address = |name: &str| {
            let text = variable(name).ok_or_else(|| format!("{name} is not set: {HOW}"))?;
            text.parse().map_err(|_| format!("{name} is `{text}`, which is no address: {HOW}"))
        };
        Ok(Self { postgres: address(POSTGRES_VARIABLE)?, pooler: address(POOLER_VARIABLE)? })
    }

    /// Where the cluster listens, for a proxy before it.
    pub fn address(&self) -> SocketAddr {
        self.postgres
    }

    /// Where PgBouncer listens, for a proxy before it.
    pub fn pooler_address(&self) -> SocketAddr {
        self.pooler
    }

    /// The address of a database of the cluster, for a role.
    pub fn url(&self, role: &str, database: &str) -> String {
        address::url(self.postgres, role, database)
    }

    /// The address of a database of the cluster, for the role that may do anything: it makes and drops the tests' databases.
    pub fn superuser_url(&self, database: &str) -> String {
        self.url(SUPERUSER, database)
    }

    /// The address of a database for a role, through PgBouncer.
    pub fn pooled_url(&self, role: &str, database: &str) -> String {
        address::url(self.pooler, role, database)
    }

    /// Runs statements as the superuser, each in a transaction of its own, and gives their rows: fields between `|`, rows on lines.
    ///
    /// # Errors
    /// The first statement that failed; the text holds what the server said.
    pub fn psql(&self, database: &str, sql: &str) -> Result<String> {
        psql(&self.superuser_url(database), sql)
    }
}

const HOW: &str = "run the tests through `cargo xtask test`, or a single one by `cargo xtask postgres cargo test -p <crate> <name>`";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_addresses_become_urls() {
        let shared =
            Shared::from_variables(|name| Some(if name == POSTGRES_VARIABLE { "127.0.0.1:5433" } else { "127.0.0.1:6432" }.to_owned()));
        let shared = shared.expect("both are set");
        assert_eq!(shared.superuser_url("a"), "postgres://postgres@127.0.0.1:5433/a");
        assert_eq!(shared.pooled_url("lastseen_app", "a"), "postgres://lastseen_app@127.0.0.1:6432/a");
    }

    #[test]
    fn a_developer_who_ran_the_test_by_itself_is_told_how_to() {
        for variable in [None, Some("nowhere".to_owned())] {
            let error = Shared::from_variables(|_| variable.clone()).expect_err("there is no address");
            assert!(error.starts_with(POSTGRES_VARIABLE) && error.contains("cargo xtask postgres cargo test -p"), "{error}");
        }
    }
}
