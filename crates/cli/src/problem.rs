//! What a person is told when a command can't do its work: what is at fault, what it means, and the next step.

use std::fmt;

use anstyle::AnsiColor;
use lastseen_engine::SyncError;
use lastseen_model::SelectionError;
use lastseen_store::{OpenProblem, StoreError};

use crate::exit::Exit;
use crate::output::say;

/// A command that could not do its work.
#[derive(Debug)]
pub(crate) struct Problem {
    /// What is at fault.
    pub(crate) what: String,
    /// Facts beside it, as label and text.
    pub(crate) facts: Vec<(&'static str, String)>,
    /// The exit code.
    pub(crate) exit: Exit,
}

impl Problem {
    /// Usage or configuration: nothing was begun.
    pub(crate) fn usage(what: impl Into<String>) -> Self {
        Self { what: what.into(), facts: Vec::new(), exit: Exit::Usage }
    }

    /// What was asked for failed, or is not there.
    pub(crate) fn failed(what: impl Into<String>) -> Self {
        Self { what: what.into(), facts: Vec::new(), exit: Exit::Failed }
    }

    /// With a fact beside it.
    pub(crate) fn with(mut self, label: &'static str, text: impl Into<String>) -> Self {
        self.facts.push((label, text.into()));
        self
    }

    /// With the next step.
    pub(crate) fn next(self, text: impl Into<String>) -> Self {
        self.with("next", text)
    }

    /// Tells it on standard error. Where that is gone, the exit code still tells.
    pub(crate) fn tell(&self) {
        let style = AnsiColor::Red.on_default().bold();
        say(&format!("{style}error:{style:#} {self}"));
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.what)?;
        let width = self.facts.iter().map(|(label, _)| label.len()).max().unwrap_or_default();
        for (label, text) in &self.facts {
            for (line, part) in text.lines().enumerate() {
                write!(f, "\n  {:width$}  {part}", if line == 0 { label } else { "" })?;
            }
        }
        Ok(())
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        let problem = Self::usage(error.to_string());
        match error {
            StoreError::Unavailable(_) => {
                problem.next("see whether the database answers, whether it takes writes (a replica does not), and whether another program holds it;\nthen run the command again")
            }
            StoreError::TooLong(_) => problem.next("ask for less at once: fewer types, a smaller --limit; a table that was never analyzed is slow, too (ANALYZE, as its owner)"),
            StoreError::CannotOpen { problem: reason, .. } => problem.next(next_step(reason)),
            StoreError::OlderSchema { .. } => problem.next(MIGRATE),
            StoreError::Forbidden(_) => problem.next(
                "if this is the role that Lastseen works with, let the owner give it its rights again: lastseen migrate --database <owner's address> \
                 --app-role <this role>; a role that is only for reading is not for Lastseen's commands",
            ),
            StoreError::TenantRemoved => {
                problem.next("bring it back: lastseen tenant add <GUID>; what was seen of it can still be asked for, with --tenant")
            }
            StoreError::NoSuchTenant(tenant) => {
                problem.next(format!("make it known first: lastseen tenant add {tenant}; see those that are with `lastseen tenant list`"))
            }
            StoreError::NameTaken => problem.next("take another name; see them with `lastseen schedule list`"),
            StoreError::TenantBusy { .. } => {
                problem.next("wait until it has ended (lastseen runs --tenant <GUID>), or end its worker and wait a minute; then run the command again")
            }
            StoreError::NotWritable(_) => problem.next("make room or rights, then run the command again; nothing was left half written"),
            StoreError::RowsAffected { .. } | StoreError::Inconsistent { .. } | StoreError::Refused(_) => {
                Self { exit: Exit::Failed, ..problem }.next("report it with the command and `lastseen --version`")
            }
            _ => problem,
        }
    }
}

/// How the owner makes or mends the schema.
const MIGRATE: &str = "let its owner migrate it: lastseen migrate --database <owner's address> --app-role <this role>";

/// What to do about a database that can't be opened.
fn next_step(problem: OpenProblem) -> &'static str {
    match problem {
        OpenProblem::NoAddress => "write postgres://user@host:5432/database, or sqlite:PATH",
        OpenProblem::Unreachable => "check host and port, and that the server runs and lets this machine in",
        OpenProblem::NotLetIn => {
            "check user and password; where none is in the address, PGPASSWORD must hold it, or the file that PGPASSFILE names: \
             with a line for exactly this host, port, database and user, and readable by you alone"
        }
        OpenProblem::NamesTaken => "give Lastseen a schema of its own (docs/operations.md), or a database of its own",
        OpenProblem::NoDatabase => "check the name, or make it: CREATE DATABASE lastseen OWNER lastseen_owner",
        OpenProblem::NoTls => "check `sslmode` in the address, and the server's certificate",
        OpenProblem::ServerTooOld => "use PostgreSQL 15 or newer",
        OpenProblem::NotUtf8 => "make one that is: CREATE DATABASE lastseen OWNER lastseen_owner ENCODING 'UTF8' TEMPLATE template0",
        OpenProblem::NotMigrated | OpenProblem::WallsDown => MIGRATE,
        OpenProblem::UnknownOption => "see docs/operations.md for what an address may say",
        OpenProblem::BrokenOff => {
            "look into the pooler's log; check user, password (a password file needs a line for the pooler's port, too) and database, \
             and that its server answers"
        }
        OpenProblem::AboveTheWalls => "use a role of its own: CREATE ROLE lastseen_app LOGIN NOSUPERUSER NOBYPASSRLS (docs/operations.md)",
        OpenProblem::NoAppRole => "make it first: CREATE ROLE lastseen_app LOGIN NOSUPERUSER NOBYPASSRLS (docs/operations.md)",
        OpenProblem::AppRoleIsOwner => "--database takes the owner's address, and --app-role the other role, that Lastseen works with",
        OpenProblem::ReadOnly
        | OpenProblem::NoFolder
        | OpenProblem::NotADatabase
        | OpenProblem::NotLastseens
        | OpenProblem::DiskFull
        | OpenProblem::Replaced
        | OpenProblem::Other => "name another place with --database or LASTSEEN_DATABASE_URL, or mend this one",
    }
}

impl From<SelectionError> for Problem {
    fn from(error: SelectionError) -> Self {
        Self::usage(error.to_string()).next("see the names with `lastseen types`")
    }
}

impl From<SyncError> for Problem {
    fn from(error: SyncError) -> Self {
        match error {
            SyncError::Selection(error) => error.into(),
            SyncError::Store(error) => error.into(),
            SyncError::Unfinished { run, source } => {
                let meaning = format!("run {run} could not be finished; what was committed stays, and the next sync records it as failed");
                let Self { what, mut facts, .. } = Self::from(source);
                // The next step is the last thing to be read.
                facts.insert(0, ("meaning", meaning));
                Self { what, facts, exit: Exit::Failed }
            }
            SyncError::LeaseLost(_) => Self::failed(error.to_string()).next("run the command again"),
        }
    }
}

impl From<std::io::Error> for Problem {
    fn from(error: std::io::Error) -> Self {
        Self::failed(format!("the answer could not be written: {error}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_unfinished_run_means_stands_before_the_next_step() {
        let run = "01900000-0000-7000-8000-000000000001".parse().expect("an id");
        let problem = Problem::from(SyncError::Unfinished { run, source: StoreError::Unavailable("gone".into()) });
        let labels: Vec<&str> = problem.facts.iter().map(|(label, _)| *label).collect();
        assert_eq!((labels, problem.exit), (vec!["meaning", "next"], Exit::Failed));
    }

    #[test]
    fn a_database_that_is_away_may_be_one_that_takes_no_writes() {
        let problem = Problem::from(StoreError::Unavailable("gone".into())).to_string();
        assert!(problem.contains("a replica does not"), "{problem}");
    }
}
