//! Which database is meant.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use lastseen_store::Store;
use lastseen_store_postgres::{PoolSettings, PostgresAddress, PostgresStore};
use lastseen_store_sqlite::SqliteStore;

use crate::problem::Problem;

/// How to name one, for those who did not.
const HOW: &str = "name a file, --database sqlite:PATH, or a server, --database postgres://user@host:5432/database";

/// A database, where it is.
#[derive(Debug, Clone)]
pub(crate) enum Database {
    /// A SQLite file.
    File(PathBuf),
    /// PostgreSQL, with at most so many connections.
    Server(PostgresAddress, PoolSettings),
}

impl Database {
    /// From an address: `sqlite:PATH`, a path, or `postgres://...`.
    pub(crate) fn parse(url: &str, pool: PoolSettings) -> Result<Self, Problem> {
        let path = match url.split_once(':') {
            Some(("sqlite", rest)) => rest.strip_prefix("//").unwrap_or(rest),
            Some(("postgres" | "postgresql", _)) => return Ok(Self::Server(PostgresAddress::parse(url)?, pool)),
            Some((scheme, rest)) if rest.starts_with("//") && is_plain(scheme) => {
                return Err(Problem::usage(format!("unknown kind of database `{scheme}`")).next(HOW));
            }
            _ if reads_like_a_server(url) => {
                // Not repeated: what was taken for a file's name would be shown, and there may be a password in it.
                return Err(Problem::usage("the database's address reads like a server's, and does not begin with postgres://").next(HOW));
            }
            _ => url,
        };
        if path.is_empty() || path.contains('?') {
            return Err(Problem::usage("the database's address names no file").next(HOW));
        }
        Ok(Self::File(path.into()))
    }

    /// Opens it; a file is made where there is none.
    pub(crate) async fn open(&self) -> Result<Arc<dyn Store>, Problem> {
        Ok(match self {
            Self::File(path) => Arc::new(SqliteStore::open(path).await?),
            Self::Server(address, pool) => Arc::new(PostgresStore::open(address, *pool).await?),
        })
    }

    /// The file that is not there yet, if that is what it is.
    pub(crate) fn missing_file(&self) -> Option<&Path> {
        match self {
            Self::File(path) => path.try_exists().is_ok_and(|there| !there).then_some(path),
            Self::Server(..) => None,
        }
    }
}

impl fmt::Display for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Server(address, _) => f.write_str(address.place()),
        }
    }
}

/// A word that may be shown.
fn is_plain(scheme: &str) -> bool {
    scheme.len() <= 16 && scheme.bytes().all(|b| b.is_ascii_lowercase())
}

/// Whether a text without a known scheme is another program's way to name a server: `user:password@host/database`, keywords, `a:b://c`.
/// A file with such a name can still be named with `sqlite:` before it.
fn reads_like_a_server(text: &str) -> bool {
    let before_folder = text.split(['/', '\\']).next().unwrap_or_default();
    let keywords = ["host=", "dbname=", "password=", "user="];
    text.contains("://") || before_folder.contains('@') || keywords.iter().any(|keyword| text.contains(keyword))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn parse(url: &str) -> Result<Database, Problem> {
        Database::parse(url, PoolSettings::default())
    }

    #[rstest]
    #[case("sqlite:///var/lib/a.db", "/var/lib/a.db")]
    #[case("sqlite:a.db", "a.db")]
    #[case("sqlite://a.db", "a.db")]
    #[case("/srv/a.db", "/srv/a.db")]
    #[case("./me@home/a.db", "./me@home/a.db")]
    #[case("sqlite:me@home.db", "me@home.db")]
    #[case("C:\\data\\a.db", "C:\\data\\a.db")]
    #[case("a.db", "a.db")]
    fn a_file_is_named_with_or_without_a_scheme(#[case] url: &str, #[case] path: &str) {
        let Ok(Database::File(found)) = parse(url) else { panic!("{url} is no file") };
        assert_eq!(found, PathBuf::from(path));
    }

    #[rstest]
    #[case("postgres://app@db/x")]
    #[case("postgresql://app:secret@db:5433/x?sslmode=require")]
    fn a_server_is_named_by_its_scheme(#[case] url: &str) {
        assert!(matches!(parse(url), Ok(Database::Server(..))), "{url}");
    }

    #[rstest]
    #[case("mysql://localhost/x")]
    #[case("postgres://app:canary-4711@db:port/x")]
    #[case("postgres:/app:canary-4711@db/x")]
    #[case("app:canary-4711@db/x")]
    #[case("app:canary-4711@db")]
    #[case("host=db user=app password=canary-4711 dbname=x")]
    #[case("jdbc:postgresql://app:canary-4711@db/x")]
    #[case("app:canary-4711://x")]
    #[case("canary-4711://x")]
    #[case("sqlite:")]
    #[case("")]
    fn other_addresses_are_refused_and_not_repeated(#[case] url: &str) {
        let problem = parse(url).expect_err("refused");
        assert_eq!(problem.exit, crate::exit::Exit::Usage);
        assert!(!problem.to_string().contains("4711"), "{problem}");
    }
}
