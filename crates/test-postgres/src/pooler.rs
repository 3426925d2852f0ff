//! PgBouncer before a server.

use std::fmt::Write;
use std::fs::{self, File};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::cluster::{APP_ROLE, OWNER_ROLE, SUPERUSER};
use crate::guard::Guard;
use crate::programs::{Programs, Runner, pgbouncer};
use crate::{address, port, process, wait};

const CONFIG: &str = "pgbouncer.ini";
const USERS: &str = "users.txt";
const PROCESS: &str = "pgbouncer.pid";
const LOG: &str = "log";

/// How often another port is tried when somebody took the one that was free.
const TRIES: usize = 3;

/// PgBouncer in transaction mode: what a client leaves behind in a session, the next transaction of anyone may meet.
///
/// Each role keeps its name at the server, and has at most six server connections a database, however many clients it has. All else is as
/// PgBouncer comes; in particular it refuses start-up parameters that it does not know. It is stopped when this is dropped or this process
/// ends.
#[derive(Debug)]
pub struct Pooler {
    folder: PathBuf,
    port: u16,
    child: Child,
    guard: Guard,
}

impl Pooler {
    /// Why PgBouncer can't be started on this machine, if so.
    ///
    /// # Errors
    /// The reason, for people.
    pub fn is_available() -> Result<(), String> {
        // Its readiness is asked by PostgreSQL's own program.
        let found = Programs::find().and_then(|_| pgbouncer());
        found.map(drop).map_err(|error| format!("{error:#}"))
    }

    /// Starts PgBouncer before the server at an address, and waits until it answers. The server need not run yet.
    ///
    /// # Errors
    /// PgBouncer is not there or does not start; the text holds what it said.
    pub fn start(server: SocketAddr) -> Result<Self> {
        let programs = Programs::find()?;
        let program = pgbouncer()?;
        let mut tries = 1;
        loop {
            match Self::start_on(port::free()?, server, &programs, &program) {
                Err(error) if tries < TRIES && format!("{error:#}").contains("already in use") => tries += 1,
                other => return other,
            }
        }
    }

    fn start_on(port: u16, server: SocketAddr, programs: &Programs, program: &Path) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("lastseen-pgbouncer-").tempdir().context("no folder for PgBouncer")?;
        write_files(folder.path(), port, server, *programs.runner())?;
        let mut stop = Command::new("sh");
        stop.args(["-c", r#"kill -s KILL "$(cat "$1")""#, "stop"]).arg(folder.path().join(PROCESS));
        let guard = Guard::over(folder.path(), &stop)?;
        let folder = folder.keep();

        let log = File::create(folder.join(LOG))?;
        let mut command = programs.runner().command(program);
        command.arg(folder.join(CONFIG)).stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        let child = process::apart(&mut command).spawn().context("`pgbouncer` could not be started")?;
        let mut pooler = Self { folder, port, child, guard };
        pooler.wait_until_it_answers(programs).map_err(|error| error.context(pooler.log()))?;
        Ok(pooler)
    }

    fn wait_until_it_answers(&mut self, programs: &Programs) -> Result<()> {
        wait::until("PgBouncer to answer", || {
            if let Some(status) = self.child.try_wait()? {
                bail!("PgBouncer ended with {status}");
            }
            // By the socket in our own folder: whatever answers there is no stranger that took the port. PgBouncer's own database needs
            // no server.
            let mut command = programs.client("pg_isready");
            command.args(["--quiet", "--username", SUPERUSER, "--dbname", "pgbouncer", "--host"]).arg(&self.folder);
            Ok(process::succeeds(command.arg("--port").arg(self.port.to_string())))
        })
    }

    /// The port that it listens on.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        address::loopback(self.port)
    }

    /// The address of a database of the server behind it, for a role.
    pub fn url(&self, role: &str, database: &str) -> String {
        address::url(self.address(), role, database)
    }

    /// What PgBouncer has said.
    pub fn log(&self) -> String {
        let bytes = fs::read(self.folder.join(LOG)).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

impl Drop for Pooler {
    fn drop(&mut self) {
        self.guard.finish();
        // It has ended by now; if it has not, it may not outlive us.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn write_files(folder: &Path, port: u16, server: SocketAddr, runner: Runner) -> Result<()> {
    fs::write(folder.join(CONFIG), config(folder, port, server))?;
    fs::write(folder.join(USERS), users())?;
    runner.take(folder)
}

/// The text of the configuration file.
///
/// Idle server connections go soon: each test has a database of its own, and those of past tests would fill the server.
fn config(folder: &Path, port: u16, server: SocketAddr) -> String {
    let (host, server_port, folder) = (server.ip(), server.port(), folder.display());
    format!(
        "[databases]\n\
         * = host={host} port={server_port}\n\
         [pgbouncer]\n\
         listen_addr = 127.0.0.1\n\
         listen_port = {port}\n\
         unix_socket_dir = {folder}\n\
         pidfile = {folder}/{PROCESS}\n\
         auth_type = trust\n\
         auth_file = {folder}/{USERS}\n\
         admin_users = {SUPERUSER}\n\
         pool_mode = transaction\n\
         default_pool_size = 6\n\
         max_client_conn = 500\n\
         server_idle_timeout = 5\n"
    )
}

/// The roles that may come in. No passwords: nobody is asked for one.
fn users() -> String {
    [SUPERUSER, OWNER_ROLE, APP_ROLE].iter().fold(String::new(), |mut text, role| {
        // Writing to a string does not fail.
        let _ = writeln!(text, "\"{role}\" \"\"");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_configuration_is_plain_but_for_transaction_mode_and_a_small_pool() {
        let text = config(Path::new("/somewhere"), 6432, address::loopback(5433));
        assert!(text.starts_with("[databases]\n* = host=127.0.0.1 port=5433\n[pgbouncer]\n"), "{text}");
        assert!(text.contains("\npool_mode = transaction\ndefault_pool_size = 6\n"), "{text}");
        assert!(!text.contains("ignore_startup_parameters"), "{text}");
    }

    #[test]
    fn every_role_may_come_in() {
        assert_eq!(users(), "\"postgres\" \"\"\n\"lastseen_owner\" \"\"\n\"lastseen_app\" \"\"\n");
    }
}
