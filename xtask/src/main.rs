//! What developers and CI run: `cargo xtask test`, `cargo xtask postgres`, `cargo xtask sql` and `cargo xtask generate`. Nothing of it is
//! needed at run time.
//!
//! A command is a list of [`step::Step`]s, and a step is a small function in a file of its own kind: [`checks`] holds those that only read,
//! [`suite`] those that run tests, [`packages`] the Debian packages they need, [`postgresql`] the servers that tests share,
//! [`schemathesis`] a program that some of them run, [`sql`] whether the backends' statements fit their databases.

mod checks;
mod command;
mod generate;
mod kept;
mod packages;
mod postgresql;
mod schemathesis;
mod sql;
mod step;
mod suite;
mod tally;

use std::io;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// The developer's and CI's commands for this workspace.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Check formatting, lints, documentation and licences, then run every test; stop at the first failure
    ///
    /// cargo-deny and cargo-nextest are used where they are installed and are not needed otherwise.
    /// Snapshots are compared and never rewritten.
    /// Tests that need PostgreSQL are left out where it or PgBouncer is not installed, and those that need Schemathesis where that is not;
    /// the summary says so.
    Test(suite::Options),
    /// Start a throwaway PostgreSQL and a PgBouncer, run a command that finds them in its environment, and stop them
    ///
    /// The command gets LASTSEEN_TEST_POSTGRES and LASTSEEN_TEST_PGBOUNCER, each `127.0.0.1:<port>`, and its exit code is passed on.
    /// `cargo xtask postgres cargo test -p lastseen-store-postgres` runs the tests of one crate.
    Postgres(postgresql::Options),
    /// Ask PostgreSQL and SQLite about every statement of the backends, and keep what they say for builds without a database
    ///
    /// Run it after a statement or a migration has changed, and commit what it writes to each backend's folder `.sqlx`. It needs PostgreSQL,
    /// PgBouncer and the sqlite3 shell. `cargo xtask test` compares where they are installed.
    Sql,
    /// Rebuild the committed references that are generated from the code
    ///
    /// Runs the reference tests of lastseen-cli with LASTSEEN_GENERATE=1, which makes them write what they otherwise compare.
    /// Look at the difference before committing it.
    Generate,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let steps = match arguments.command {
        Command::Test(options) => suite::steps(options),
        Command::Postgres(options) => {
            return postgresql::run_with(&options, &mut io::stdout()).unwrap_or_else(|error| postgresql::complain(&error));
        }
        Command::Sql => sql::steps(),
        Command::Generate => generate::steps(),
    };
    match step::run_all(steps, &mut io::stdout()) {
        Ok(true) => ExitCode::SUCCESS,
        // A failed step is already on the screen; a report that cannot be written has nowhere to go.
        Ok(false) | Err(_) => ExitCode::FAILURE,
    }
}
