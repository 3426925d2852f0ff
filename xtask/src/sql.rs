//! `cargo xtask sql`, and the step of `cargo xtask test` that holds its result against the databases.
//!
//! The macros of sqlx check every statement of a backend when it is compiled, against what its database said of the statement: its
//! parameters, its columns and their types. That is kept in the crate's `.sqlx` (see [`crate::kept`]), so that a build needs no database.
//! Here the databases are asked again, with the schema as the migrations make it: a statement that the schema no longer allows does not
//! compile, and an answer that is no longer given is found.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::SystemTime;

use anyhow::{Context, Result, anyhow, bail};
use lastseen_test_postgres::{Cluster, OWNER_ROLE, psql};

use crate::command::{answers, cargo, program, run, workspace_root};
use crate::kept::Kept;
use crate::postgresql::{self, SharedServers};
use crate::step::{Outcome, Step};

/// A crate with statements.
struct Backend {
    package: &'static str,
    /// From the workspace's root.
    folder: &'static str,
    /// Where the macros look for the address of a live database; the crate's `sqlx.toml` says the same.
    variable: &'static str,
}

const POSTGRES: Backend =
    Backend { package: "lastseen-store-postgres", folder: "crates/store-postgres", variable: "LASTSEEN_CHECK_POSTGRES_URL" };
const SQLITE: Backend = Backend { package: "lastseen-store-sqlite", folder: "crates/store-sqlite", variable: "LASTSEEN_CHECK_SQLITE_URL" };

/// The major version of PostgreSQL whose answers are kept.
const KEPT_OF: &str = "15";

/// Where the macros write what a live database says.
const OFFLINE_DIR: &str = "SQLX_OFFLINE_DIR";

/// What turns the macros from the kept answers to a database. No command of cargo has any of it but those that ask one.
pub(crate) const VARIABLES: [&str; 4] = [POSTGRES.variable, SQLITE.variable, OFFLINE_DIR, "SQLX_OFFLINE"];

impl Backend {
    fn path(&self, within: &str) -> PathBuf {
        workspace_root().join(self.folder).join(within)
    }

    /// The steps of the schema, in order.
    fn migrations(&self) -> Result<Vec<PathBuf>> {
        let files = fs::read_dir(self.path("migrations"))?.map(|file| Ok(file?.path())).collect::<Result<Vec<_>>>()?;
        let mut files: Vec<PathBuf> =
            files.into_iter().filter(|file| file.extension().is_some_and(|extension| extension == "sql")).collect();
        files.sort();
        Ok(files)
    }
}

/// The steps of `cargo xtask sql`.
pub(crate) fn steps() -> Vec<Step> {
    let servers = SharedServers::default();
    let remedy = "Mend the statements that do not compile; nothing was written.";
    let write = Step::new("sql", remedy, {
        let servers = servers.clone();
        move || {
            let cluster = cluster(&servers).map_err(|lacking| anyhow!("{lacking}"))?;
            for (backend, found) in ask(cluster)? {
                found.write(&backend.path(".sqlx"))?;
            }
            Ok(Outcome::Done)
        }
    });
    vec![postgresql::start(servers), write]
}

/// The step of `cargo xtask test`: what is kept is what the databases say.
pub(crate) fn compare(servers: SharedServers) -> Step {
    Step::new("sql", "Run `cargo xtask sql` and commit what it writes.", move || {
        let cluster = match cluster(&servers) {
            Ok(cluster) => cluster,
            Err(lacking) => return Ok(Outcome::Skipped(format!("{lacking}, so the statements were not held against their databases"))),
        };
        let server = cluster.psql("postgres", "SHOW server_version")?;
        // The macros read from a plan which columns may be NULL, and another major version plans in other ways.
        let comparable = server.split('.').next() == Some(KEPT_OF);
        let mut differences = Vec::new();
        for (backend, found) in ask(cluster)? {
            if backend.package == POSTGRES.package && !comparable {
                continue;
            }
            let kept = Kept::read(&backend.path(".sqlx"))?;
            differences.extend(kept.differences(&found).into_iter().map(|difference| format!("{}/.sqlx/{difference}", backend.folder)));
        }
        if !differences.is_empty() {
            bail!("what is kept of the statements is not what their databases say\n{}", differences.join("\n"));
        }
        if !comparable {
            let why = format!("PostgreSQL {server} takes all statements, and what is kept of them is PostgreSQL {KEPT_OF}'s: not compared");
            return Ok(Outcome::Skipped(why));
        }
        Ok(Outcome::Done)
    })
}

/// The PostgreSQL to ask; or what this machine lacks.
fn cluster(servers: &SharedServers) -> Result<&Cluster, &'static str> {
    if !answers("sqlite3", &["--version"]) {
        return Err("sqlite3 is not installed");
    }
    servers.cluster().ok_or("PostgreSQL does not run")
}

/// What each database says of its backend's statements, in a schema that was made anew.
fn ask(cluster: &Cluster) -> Result<[(&'static Backend, Kept); 2]> {
    let folder = tempfile::tempdir().context("no folder for a database")?;
    let postgres = postgres_database(cluster)?;
    let sqlite = sqlite_database(&folder.path().join("lastseen.db"))?;
    // Both crates are compiled first, and nothing is written: below each is compiled alone, because the other one is up to date.
    run(check().env(POSTGRES.variable, &postgres).env(SQLITE.variable, &sqlite))?;
    Ok([(&POSTGRES, ask_for(&POSTGRES, &postgres)?), (&SQLITE, ask_for(&SQLITE, &sqlite)?)])
}

/// What the database at the address says of the backend's statements.
fn ask_for(backend: &Backend, url: &str) -> Result<Kept> {
    let folder = tempfile::tempdir().context("no folder for the answers")?;
    let touched = Touched::now(&backend.path("src/lib.rs"))?;
    run(check().env(backend.variable, url).env(OFFLINE_DIR, folder.path()))?;
    drop(touched);
    let found = Kept::read(folder.path())?;
    if found.is_empty() {
        bail!("{} was not compiled, or has no statement", backend.package);
    }
    Ok(found)
}

/// Compiles both backends as far as the macros run. Always both: so the crates that they lean on are the same ones each time.
fn check() -> Command {
    cargo(&["check", "--locked", "--lib", "--package", POSTGRES.package, "--package", SQLITE.package])
}

/// Makes a database with the schema of the backend, and gives its address.
fn postgres_database(cluster: &Cluster) -> Result<String> {
    const NAME: &str = "lastseen_sql";
    cluster.psql("postgres", &format!("CREATE DATABASE {NAME} OWNER {OWNER_ROLE}"))?;
    let url = cluster.url(OWNER_ROLE, NAME);
    for migration in POSTGRES.migrations()? {
        psql(&url, &fs::read_to_string(&migration)?).with_context(|| format!("in {}", migration.display()))?;
    }
    Ok(url)
}

/// The same in a file. By the shell that Debian ships, because that is the oldest SQLite that the schema is for.
fn sqlite_database(path: &Path) -> Result<String> {
    for migration in SQLITE.migrations()? {
        let sql = File::open(&migration)?;
        run(program("sqlite3", &["-batch", "-bail"]).arg(path).stdin(sql)).with_context(|| format!("in {}", migration.display()))?;
    }
    Ok(format!("sqlite://{}", path.display()))
}

/// A source that looks as if it had just been written, so that cargo compiles its crate: of the variables that the macros read cargo
/// knows nothing. It looks as before when this is dropped, so that what else was made of it stays up to date.
struct Touched {
    file: File,
    before: SystemTime,
}

impl Touched {
    #[expect(clippy::disallowed_methods, reason = "cargo compares the file's time with the system's")]
    fn now(path: &Path) -> Result<Self> {
        let touch = || {
            let file = File::options().append(true).open(path)?;
            let before = file.metadata()?.modified()?;
            file.set_modified(SystemTime::now())?;
            Ok::<_, io::Error>(Self { file, before })
        };
        touch().with_context(|| format!("{} could not be touched", path.display()))
    }
}

impl Drop for Touched {
    fn drop(&mut self) {
        // At worst the next build compiles the crate once more.
        let _ = self.file.set_modified(self.before);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_backend_reads_the_variable_that_is_set_for_it_and_has_its_schema_in_order() {
        for backend in [POSTGRES, SQLITE] {
            let configuration = fs::read_to_string(backend.path("sqlx.toml")).expect("the macros' configuration");
            assert!(configuration.contains(&format!("database-url-var = \"{}\"", backend.variable)), "{configuration}");
            assert!(VARIABLES.contains(&backend.variable));
            let migrations = backend.migrations().expect("a folder");
            assert!(migrations[0].ends_with("0001_tables.sql") && migrations.is_sorted(), "{migrations:?}");
        }
    }

    #[test]
    fn a_source_looks_as_before_once_its_crate_was_compiled() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("lib.rs");
        fs::write(&path, "source").expect("written");
        let modified = || fs::metadata(&path).expect("a file").modified().expect("a time");
        File::options().append(true).open(&path).expect("opened").set_modified(SystemTime::UNIX_EPOCH).expect("set");
        let touched = Touched::now(&path).expect("touched");
        assert!(modified() > SystemTime::UNIX_EPOCH);
        drop(touched);
        assert_eq!(modified(), SystemTime::UNIX_EPOCH);
        assert_eq!(fs::read_to_string(&path).expect("text"), "source");
    }

    #[test]
    fn without_a_database_the_step_is_left_out_and_says_so() {
        let outcome = (compare(SharedServers::default()).run)().expect("no failure");
        assert!(matches!(&outcome, Outcome::Skipped(why) if why.contains("were not held")), "{outcome:?}");
    }
}
