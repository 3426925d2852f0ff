//! Where a database is, and how it is reached.

use std::str::FromStr;
use std::time::Duration;

use lastseen_store::{OpenProblem, StoreError};
use secrecy::{ExposeSecret, SecretString};
use sqlx::ConnectOptions;
use sqlx::postgres::PgConnectOptions;

/// The address of a database, `postgres://user:password@host:port/database`. It may hold a password, so it is kept wrapped and is
/// told without it.
#[derive(Debug, Clone)]
pub struct PostgresAddress {
    url: SecretString,
    /// The address without password, for people.
    place: String,
}

impl PostgresAddress {
    /// Takes an address apart. What it leaves out comes from PostgreSQL's own variables and password file (`PGUSER`, `PGPASSWORD`,
    /// `PGPASSFILE`, `PGSSLMODE`, ...).
    ///
    /// # Errors
    /// [`StoreError::CannotOpen`] with [`OpenProblem::NoAddress`], or with [`OpenProblem::UnknownOption`]: the driver would pass over a
    /// misspelt `sslmode`, and the password would travel in the clear.
    pub fn parse(url: &str) -> Result<Self, StoreError> {
        // The driver's message may quote the address.
        let refused = |_| StoreError::CannotOpen { place: "the address given".into(), problem: OpenProblem::NoAddress, source: None };
        let options = PgConnectOptions::from_str(url).map_err(refused)?;
        let database = options.get_database().unwrap_or_else(|| options.get_username());
        // A slash too few or too many makes user, password and host part of the database's name.
        if !url.contains("://") || database.contains(['@', ':']) {
            return Err(StoreError::CannotOpen { place: "the address given".into(), problem: OpenProblem::NoAddress, source: None });
        }
        if let Some(unknown) = unknown_option(url) {
            let place = format!("the address given: `{unknown}`");
            return Err(StoreError::CannotOpen { place, problem: OpenProblem::UnknownOption, source: None });
        }
        let place = format!("postgres://{}@{}:{}/{database}", options.get_username(), options.get_host(), options.get_port());
        Ok(Self { url: url.to_owned().into(), place })
    }

    /// User, host, port and database.
    pub fn place(&self) -> &str {
        &self.place
    }

    /// How the driver reaches it.
    pub(crate) fn options(&self) -> Result<PgConnectOptions, StoreError> {
        let refused = |_| StoreError::CannotOpen { place: self.place.clone(), problem: OpenProblem::NoAddress, source: None };
        let options = PgConnectOptions::from_str(self.url.expose_secret()).map_err(refused)?;
        // The driver looks up a name that still has an IPv6 address's brackets.
        let host = options.get_host().trim_start_matches('[').trim_end_matches(']').to_owned();
        let options = if host == options.get_host() { options } else { options.host(&host) };
        // A pooler refuses a parameter at the start that it does not know, and the driver's own wish for more digits of numbers that
        // Lastseen has none of is one. Statements are not logged: what stands in a log is said by us, never by a driver.
        Ok(options.application_name("lastseen").extra_float_digits(None).disable_statement_logging())
    }
}

/// What may stand behind the question mark of an address, as the driver knows it.
const OPTIONS: [&str; 17] = [
    "sslmode",
    "ssl-mode",
    "sslrootcert",
    "ssl-root-cert",
    "ssl-ca",
    "sslcert",
    "ssl-cert",
    "sslkey",
    "ssl-key",
    "host",
    "hostaddr",
    "port",
    "dbname",
    "user",
    "password",
    "application_name",
    "options",
];

/// The name of the first option that is not known; what is no name at all is told as such.
fn unknown_option(url: &str) -> Option<String> {
    let (_, options) = url.split_once('?')?;
    let names = options.split('&').filter(|option| !option.is_empty()).map(|option| option.split('=').next().unwrap_or_default());
    let is_known = |name: &str| OPTIONS.contains(&name) || name.starts_with("options[") || name.starts_with("options%5B");
    let unknown = names.into_iter().find(|name| !is_known(name))?;
    let is_name = unknown.len() <= 32 && unknown.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'));
    Some(if is_name { unknown.to_owned() } else { "what follows the question mark".to_owned() })
}

/// How many connections, and how long to wait for one.
#[derive(Debug, Clone, Copy)]
pub struct PoolSettings {
    /// At most this many connections of this process.
    pub connections: u32,
    /// How long a verb waits for a connection, a new one included.
    pub patience: Duration,
}

impl Default for PoolSettings {
    fn default() -> Self {
        Self { connections: 8, patience: Duration::from_secs(10) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_option_that_the_driver_would_pass_over_is_refused_by_its_name_alone() {
        let refused = |url: &str| PostgresAddress::parse(url).expect_err("refused").to_string();
        let said = refused("postgres://app@db/x?sslmode=require&passwort=canary-4711");
        assert!(said.contains("`passwort`") && !said.contains("4711"), "{said}");
        assert!(!refused("postgres://app@db/x?canary 4711").contains("4711"));
        PostgresAddress::parse("postgres://app@db/x?options[search_path]=a&sslmode=disable").expect("known");
    }

    #[test]
    fn i17_an_address_is_told_without_its_password() {
        let address = PostgresAddress::parse("postgres://app:canary-4711@db.example:5433/lastseen?sslmode=require").expect("an address");
        assert_eq!(address.place(), "postgres://app@db.example:5433/lastseen");
        assert!(!format!("{address:?}").contains("4711"));
        for mistyped in [
            "postgres://app:canary-4711@db:notaport/x",
            "postgres:/app:canary-4711@db:5432/x",
            "postgres:///app:canary-4711@db:5432/x",
            "postgres:app:canary-4711@db/x",
        ] {
            let refused = PostgresAddress::parse(mistyped).expect_err("refused");
            assert!(!format!("{refused:?} {refused}").contains("4711"), "{refused:?}");
        }
    }

    #[test]
    fn an_ipv6_address_is_reached_without_its_brackets() {
        let address = PostgresAddress::parse("postgres://app@[::1]:5433/lastseen").expect("an address");
        assert_eq!(address.options().expect("options").get_host(), "::1");
        PostgresAddress::parse("postgres:///lastseen?host=/var/run/postgresql&user=app").expect("a socket");
    }
}
