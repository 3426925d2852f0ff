//! The PostgreSQL and the PgBouncer that tests share: started before them, stopped after them, whatever happens in between.
//!
//! A test that needs them stands in a module named [`MODULE`], in whatever crate; so it can be left out by
//! its name where they are not installed, and the other tests of its crate still run.

use std::cell::OnceCell;
use std::ffi::OsString;
use std::io::{self, Write};
use std::process::{Command, ExitCode};
use std::rc::Rc;
use std::thread;

use anyhow::{Context, Result};
use clap::Args;
use lastseen_test_postgres::{APP_ROLE, Cluster, MODULE, OWNER_ROLE, SUPERUSER, Servers};

use crate::step::{Outcome, Step};

/// The servers of one `cargo xtask test`, for the steps that use them. The last step that lets go of them stops them, whether it ended well,
/// failed, or was never run.
#[derive(Clone, Default)]
pub(crate) struct SharedServers(Rc<OnceCell<Servers>>);

impl SharedServers {
    /// Whether they run.
    pub(crate) fn are_running(&self) -> bool {
        self.0.get().is_some()
    }

    /// The cluster, if they run.
    pub(crate) fn cluster(&self) -> Option<&Cluster> {
        self.0.get().map(Servers::cluster)
    }

    /// Tells a command where they are, if they run.
    pub(crate) fn tell(&self, command: &mut Command) {
        if let Some(servers) = self.0.get() {
            command.envs(servers.variables());
        }
    }
}

/// Starts the servers, where their programs are installed.
pub(crate) fn start(servers: SharedServers) -> Step {
    let remedy = "What the server said stands above. `cargo xtask postgres` starts it by itself.";
    Step::new("postgresql", remedy, move || {
        if let Err(why) = Servers::is_available() {
            return Ok(Outcome::Skipped(format!("{why}; the tests in modules named `{MODULE}` are left out")));
        }
        // There is one such step, so nothing was there before.
        let _ = servers.0.set(Servers::start()?);
        Ok(Outcome::Done)
    })
}

/// What `cargo xtask postgres` takes.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// The command to run, with its arguments; without one, the addresses are shown until Ctrl-C
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "COMMAND")]
    command: Vec<OsString>,
}

/// Runs a command with the servers, and gives its exit code.
///
/// # Errors
/// A server does not start, or the command can't be started.
pub(crate) fn run_with(options: &Options, out: &mut impl Write) -> Result<ExitCode> {
    let servers = Servers::start()?;
    let Some((program, arguments)) = options.command.split_first() else {
        write!(out, "{}", describe(&servers))?;
        out.flush()?;
        loop {
            // Until Ctrl-C ends this process. That runs no destructor; the servers are guarded all the same.
            thread::park();
        }
    };
    // Where the caller stands, and with the caller's terminal: it is the caller's command.
    let mut command = Command::new(program);
    let status = command.args(arguments).envs(servers.variables()).status();
    let status = status.with_context(|| format!("`{}` could not be started", program.to_string_lossy()))?;
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    Ok(code.map_or(ExitCode::FAILURE, ExitCode::from))
}

/// Where the servers are, as one pastes it into a shell or a client.
fn describe(servers: &Servers) -> String {
    let mut lines: Vec<String> = servers.variables().iter().map(|(name, address)| format!("export {name}={address}\n")).collect();
    for role in [SUPERUSER, OWNER_ROLE, APP_ROLE] {
        lines.push(format!("{}\n", servers.cluster().url(role, "postgres")));
        lines.push(format!("{}  through PgBouncer\n", servers.pooler().url(role, "postgres")));
    }
    lines.push("Ctrl-C stops both.\n".into());
    lines.concat()
}

/// Says on the terminal why [`run_with`] failed.
pub(crate) fn complain(error: &anyhow::Error) -> ExitCode {
    // A complaint that cannot be written has nowhere to go.
    let _ = writeln!(io::stderr(), "{error:#}");
    ExitCode::FAILURE
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        options: Options,
    }

    #[test]
    fn every_word_after_the_first_belongs_to_the_command() {
        let line = Line::try_parse_from(["postgres", "cargo", "test", "-p", "xtask", "--", "--help"]).expect("a command");
        assert_eq!(line.options.command, ["cargo", "test", "-p", "xtask", "--", "--help"]);
    }

    #[test]
    fn a_command_is_told_nothing_of_servers_that_do_not_run() {
        let mut command = Command::new("cargo");
        let servers = SharedServers::default();
        servers.tell(&mut command);
        assert!(!servers.are_running());
        assert_eq!(command.get_envs().count(), 0);
    }

    mod on_postgres {
        use super::*;

        #[test]
        fn the_step_starts_servers_that_stop_with_the_last_who_holds_them() {
            let servers = SharedServers::default();
            (start(servers.clone()).run)().expect("started");
            let mut command = Command::new("cargo");
            servers.tell(&mut command);
            assert_eq!(command.get_envs().count(), 2);
            let address = servers.0.get().expect("running").cluster().address();
            assert!(std::net::TcpStream::connect(address).is_ok());
            drop(servers);
            assert!(std::net::TcpStream::connect(address).is_err());
        }
    }
}
