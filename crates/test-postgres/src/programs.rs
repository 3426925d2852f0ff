//! Where PostgreSQL's programs are, and as whom they are run.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::process;

/// Where Debian keeps the versions side by side: `15/bin`, `17/bin`.
const VERSIONS: &str = "/usr/lib/postgresql";
/// The system user that Debian's packages make. PostgreSQL and PgBouncer refuse to run as root.
const SYSTEM_USER: &str = "postgres";

/// PostgreSQL's programs.
#[derive(Debug, Clone)]
pub(crate) struct Programs {
    folder: PathBuf,
    runner: Runner,
}

impl Programs {
    /// The newest version of those that Debian keeps, or else the one on the path.
    ///
    /// # Errors
    /// There is none, or it cannot be run by this user; the text says what to do.
    pub(crate) fn find() -> Result<Self> {
        let runner = Runner::find()?;
        let Some(folder) = newest().or_else(on_path) else {
            bail!("PostgreSQL's server programs were not found (on Debian, the package `postgresql` brings them)");
        };
        Ok(Self { folder, runner })
    }

    /// A program that acts as a client, run as whoever we are.
    pub(crate) fn client(&self, name: &str) -> Command {
        Command::new(self.folder.join(name))
    }

    /// A program that keeps or starts a server, run as one who may.
    pub(crate) fn server(&self, name: &str) -> Command {
        self.runner.command(self.folder.join(name))
    }

    /// As whom servers are run.
    pub(crate) fn runner(&self) -> &Runner {
        &self.runner
    }
}

/// As whom servers are run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Runner {
    /// As whoever we are.
    Ourselves,
    /// As [`SYSTEM_USER`], because we are root.
    SystemUser,
}

impl Runner {
    /// # Errors
    /// We are root and can't become anybody else.
    pub(crate) fn find() -> Result<Self> {
        if user_id(&[]).is_none_or(|id| id != "0") {
            return Ok(Self::Ourselves);
        }
        if user_id(&[SYSTEM_USER]).is_none() {
            bail!("servers do not run as root, and there is no system user `{SYSTEM_USER}` (on Debian, the package `postgresql` makes it)");
        }
        if !process::succeeds(Command::new("setpriv").arg("--version")) {
            bail!("servers do not run as root, and `setpriv` of util-linux, which starts them as `{SYSTEM_USER}`, is not there");
        }
        Ok(Self::SystemUser)
    }

    /// A program that is run as this user, in a folder that everybody may enter.
    pub(crate) fn command(self, program: impl AsRef<OsStr>) -> Command {
        let mut command = match self {
            Self::Ourselves => Command::new(program),
            Self::SystemUser => {
                let mut command = Command::new("setpriv");
                command.arg(format!("--reuid={SYSTEM_USER}")).arg(format!("--regid={SYSTEM_USER}")).args(["--init-groups", "--"]);
                command.arg(program);
                command
            }
        };
        command.current_dir("/");
        command
    }

    /// Gives this user a folder with all that is in it.
    ///
    /// # Errors
    /// It could not be done.
    pub(crate) fn take(self, folder: &Path) -> Result<()> {
        match self {
            Self::Ourselves => Ok(()),
            Self::SystemUser => process::output(Command::new("chown").args(["-R", SYSTEM_USER]).arg(folder)).map(drop),
        }
    }
}

/// The number of a user, or of ourselves if none is named; none if there is no such user.
fn user_id(user: &[&str]) -> Option<String> {
    process::output(Command::new("id").arg("-u").args(user)).ok().map(|id| id.trim().to_owned())
}

/// The programs of the newest of the versions that Debian keeps.
fn newest() -> Option<PathBuf> {
    let names = fs::read_dir(VERSIONS).ok()?.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let with_server = names.filter(|name| bin(name).join("initdb").exists());
    newest_of(with_server).map(|name| bin(&name))
}

fn bin(version: &str) -> PathBuf {
    Path::new(VERSIONS).join(version).join("bin")
}

/// The newest version: `9.6` is older than `15`, and what is no version does not count.
fn newest_of(names: impl Iterator<Item = String>) -> Option<String> {
    let version = |name: &str| name.split('.').map(|part| part.parse().ok()).collect::<Option<Vec<u32>>>();
    names.filter_map(|name| Some((version(&name)?, name))).max().map(|(_, name)| name)
}

/// The folder of the server's programs that a shell would find.
fn on_path() -> Option<PathBuf> {
    find("initdb")?.parent().map(Path::to_owned)
}

/// PgBouncer, which Debian keeps where only root's path leads.
///
/// # Errors
/// It is not there.
pub(crate) fn pgbouncer() -> Result<PathBuf> {
    find("pgbouncer").context("PgBouncer was not found (on Debian, the package `pgbouncer` brings it)")
}

/// A program that a shell would find, or an administrator's shell.
fn find(name: &str) -> Option<PathBuf> {
    let script = r#"PATH="$PATH:/usr/local/sbin:/usr/sbin"; command -v "$1""#;
    let path = process::output(Command::new("sh").args(["-c", script, "find", name])).ok()?;
    Some(PathBuf::from(path.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_version_is_chosen_by_number_and_not_by_letter() {
        let newest = |names: &[&str]| newest_of(names.iter().map(|name| (*name).to_owned()));
        assert_eq!(newest(&["9.6", "15", "13"]).as_deref(), Some("15"));
        assert_eq!(newest(&["9.4", "9.10", "lib"]).as_deref(), Some("9.10"));
        assert_eq!(newest(&["lib"]), None);
    }

    #[test]
    fn root_starts_servers_as_somebody_else() {
        assert_eq!(Runner::Ourselves.command("postgres").get_program(), "postgres");
        let command = Runner::SystemUser.command("postgres");
        assert_eq!(command.get_program(), "setpriv");
        let arguments: Vec<_> = command.get_args().collect();
        assert_eq!(arguments, ["--reuid=postgres", "--regid=postgres", "--init-groups", "--", "postgres"]);
    }
}
