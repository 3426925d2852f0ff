//! One PostgreSQL server with its databases.

use std::fs::{self, File};
use std::io::Write;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};

use anyhow::{Context, Result, bail};

use crate::guard::Guard;
use crate::programs::Programs;
use crate::{address, config, port, process, psql, wait};

/// The role that may do anything, in every cluster.
pub const SUPERUSER: &str = "postgres";
/// The role that owns Lastseen's tables. It may neither pass over row security nor make databases.
pub const OWNER_ROLE: &str = "lastseen_owner";
/// The role that Lastseen works as. It owns nothing.
pub const APP_ROLE: &str = "lastseen_app";

/// What a folder holds: the data, its settings beside it, and what the server said.
const DATA: &str = "data";
const SETTINGS: &str = "server.conf";
const LOG: &str = "log";

/// How often another port is tried when somebody took the one that was free.
const TRIES: usize = 3;

/// Settings beyond the defaults.
#[derive(Debug, Clone, Default)]
pub struct Options {
    settings: Vec<(String, String)>,
}

impl Options {
    /// With one more setting of `postgresql.conf`; it wins over the default.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.settings.push((name.into(), value.into()));
        self
    }
}

/// How a server is stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Sessions are cut, their transactions rolled back, and everything is written.
    Fast,
    /// Everyone quits at once, and the next start recovers from the log.
    Immediate,
}

/// A PostgreSQL server on a port of its own. It is stopped and its folder removed when this is dropped or this process ends.
#[derive(Debug)]
pub struct Cluster {
    pub(crate) programs: Programs,
    /// Holds [`DATA`], [`SETTINGS`], [`LOG`] and the socket.
    folder: PathBuf,
    port: u16,
    pub(crate) options: Options,
    /// The server's first process, which is our child; none while it is stopped.
    postmaster: Mutex<Option<Child>>,
    guard: Guard,
}

impl Cluster {
    /// Why no cluster can be started on this machine, if so.
    ///
    /// # Errors
    /// The reason, for people.
    pub fn is_available() -> Result<(), String> {
        Programs::find().map(drop).map_err(|error| format!("{error:#}"))
    }

    /// Makes a new cluster and starts it. It holds the database `postgres` and the roles [`OWNER_ROLE`] and [`APP_ROLE`]; everyone on this
    /// machine may connect as any role without a password.
    ///
    /// # Errors
    /// PostgreSQL is not there or does not start; the text holds what it said.
    pub fn start(options: Options) -> Result<Self> {
        let cluster = Self::prepare(Programs::find()?, options)?;
        cluster.initialise()?;
        cluster.include_settings()?;
        let cluster = cluster.begin()?;
        for role in [OWNER_ROLE, APP_ROLE] {
            cluster.psql(SUPERUSER, &format!("CREATE ROLE {role} LOGIN NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE"))?;
        }
        Ok(cluster)
    }

    /// A guarded folder for a cluster, in which nothing is yet.
    pub(crate) fn prepare(programs: Programs, options: Options) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("lastseen-postgres-").tempdir().context("no folder for a cluster")?;
        programs.runner().take(folder.path())?;
        let mut stop = programs.server("pg_ctl");
        stop.args(["stop", "--mode=immediate", "--silent", "--timeout=20", "--pgdata"]).arg(folder.path().join(DATA));
        let guard = Guard::over(folder.path(), &stop)?;
        Ok(Self { programs, folder: folder.keep(), port: 0, options, postmaster: Mutex::new(None), guard })
    }

    /// Makes the data folder.
    fn initialise(&self) -> Result<()> {
        let initdb = |locale: &str| {
            let mut command = self.programs.server("initdb");
            command.args(["--auth=trust", "--encoding=UTF8", "--no-sync", "--username", SUPERUSER]);
            process::output(command.arg(format!("--locale={locale}")).arg("--pgdata").arg(self.data()))
        };
        // Both order text by its bytes; the second is for systems that do not know the first.
        initdb("C.UTF-8").or_else(|_| initdb("C")).map(drop)
    }

    /// Lets the data folder's own configuration read ours, which stands beside the data so that a copy of the data reads that of its copy.
    fn include_settings(&self) -> Result<()> {
        let mut file = File::options().append(true).open(self.data().join("postgresql.conf"))?;
        writeln!(file, "include '../{SETTINGS}'")?;
        Ok(())
    }

    /// Starts the server for the first time, on a port that is free.
    pub(crate) fn begin(mut self) -> Result<Self> {
        let mut tries = 1;
        loop {
            self.port = port::free()?;
            fs::write(self.folder.join(SETTINGS), config::text(self.port, &self.folder, &self.options.settings))?;
            self.programs.runner().take(&self.folder.join(SETTINGS))?;
            match self.start_again() {
                Ok(()) => return Ok(self),
                Err(_) if tries < TRIES && self.log().contains("could not bind") => tries += 1,
                Err(error) => return Err(error),
            }
        }
    }

    /// The port that it listens on, the same for as long as it lives.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        address::loopback(self.port)
    }

    /// The address of one of its databases, for a role.
    pub fn url(&self, role: &str, database: &str) -> String {
        address::url(self.address(), role, database)
    }

    /// The address of one of its databases, for the role that may do anything.
    pub fn superuser_url(&self, database: &str) -> String {
        self.url(SUPERUSER, database)
    }

    /// Runs statements as the superuser, each in a transaction of its own, and gives their rows: fields between `|`, rows on lines.
    ///
    /// # Errors
    /// The first statement that failed; the text holds what the server said.
    pub fn psql(&self, database: &str, sql: &str) -> Result<String> {
        psql::run(&self.programs, &self.superuser_url(database), sql)
    }

    /// Stops the server and waits until it has.
    ///
    /// # Errors
    /// It does not run, or does not stop.
    pub fn stop(&self, mode: Mode) -> Result<()> {
        let mut postmaster = self.postmaster();
        let mode = match mode {
            Mode::Fast => "--mode=fast",
            Mode::Immediate => "--mode=immediate",
        };
        process::output(self.pg_ctl("stop").args([mode, "--wait"]))?;
        if let Some(mut postmaster) = postmaster.take() {
            postmaster.wait()?;
        }
        Ok(())
    }

    /// Starts a server that was stopped or killed, on the port that it had, and waits until it answers.
    ///
    /// # Errors
    /// It runs already, or does not start; the text holds what it said.
    pub fn start_again(&self) -> Result<()> {
        let mut postmaster = self.postmaster();
        // One that died by itself is none.
        if let Some(running) = postmaster.as_mut()
            && running.try_wait()?.is_none()
        {
            bail!("the server runs already");
        }
        *postmaster = None;
        let log = File::options().create(true).append(true).open(self.folder.join(LOG))?;
        let mut command = self.programs.server("postgres");
        command.arg("-D").arg(self.data()).stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        let mut child = process::apart(&mut command).spawn().context("`postgres` could not be started")?;
        let answers = wait::until("PostgreSQL to answer", || {
            if let Some(status) = child.try_wait()? {
                bail!("PostgreSQL ended with {status}");
            }
            // By the socket in our own folder: whatever answers there is no stranger that took the port.
            let mut command = self.programs.client("pg_isready");
            command.arg("--quiet").arg("--host").arg(&self.folder).arg("--port").arg(self.port.to_string());
            Ok(process::succeeds(&mut command))
        });
        if let Err(error) = answers {
            let _ = child.kill();
            let _ = child.wait();
            return Err(error.context(self.log()));
        }
        *postmaster = Some(child);
        Ok(())
    }

    /// Kills the server with all its processes at once, as a machine that loses its power does, except that what was handed to the system
    /// is kept.
    ///
    /// # Errors
    /// It does not run, or may not be killed.
    pub fn kill(&self) -> Result<()> {
        let mut postmaster = self.postmaster();
        let child = postmaster.as_mut().context("the server does not run")?;
        process::kill_family(child.id())?;
        child.wait()?;
        *postmaster = None;
        Ok(())
    }

    /// What the server has said since it was made.
    pub fn log(&self) -> String {
        let bytes = fs::read(self.folder.join(LOG)).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// The folder with the data.
    pub(crate) fn data(&self) -> PathBuf {
        self.folder.join(DATA)
    }

    /// `pg_ctl` with a verb, for this cluster.
    pub(crate) fn pg_ctl(&self, verb: &str) -> Command {
        let mut command = self.programs.server("pg_ctl");
        command.args([verb, "--silent", "--pgdata"]).arg(self.data());
        command
    }

    fn postmaster(&self) -> MutexGuard<'_, Option<Child>> {
        self.postmaster.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.guard.finish();
        if let Some(mut postmaster) = self.postmaster().take() {
            // It has ended by now; if it has not, it may not outlive us.
            let _ = postmaster.kill();
            let _ = postmaster.wait();
        }
    }
}
