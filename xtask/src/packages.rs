//! The Debian packages that the suite needs beside the toolchain.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result};
use lastseen_test_postgres::{Cluster, Pooler};

use crate::command::{answers, program, run};
use crate::step::{Outcome, Step};

/// Something that the suite needs, and how to tell that it is there.
struct Need {
    /// The Debian packages that bring it.
    packages: &'static [&'static str],
    /// Whether it is there, from whatever source.
    is_met: fn() -> bool,
}

/// The SQL contract is tested with the shell that Debian ships; the bundled SQLite and aws-lc are compiled from C. The tests of the
/// PostgreSQL backend start servers of their own, some behind PgBouncer, and some with a clock that is wrong. Schemathesis
/// ([`crate::schemathesis`]) is a Python program.
const NEEDS: &[Need] = &[
    Need { packages: &["sqlite3"], is_met: || answers("sqlite3", &["--version"]) },
    Need { packages: &["gcc", "libc6-dev"], is_met: compiles_c },
    Need { packages: &["postgresql"], is_met: || Cluster::is_available().is_ok() },
    Need { packages: &["pgbouncer"], is_met: || Pooler::is_available().is_ok() },
    Need { packages: &["faketime"], is_met: || answers("faketime", &["--version"]) },
    Need { packages: &["python3-venv"], is_met: || answers("python3", &["-c", "import venv, ensurepip"]) },
];

/// Installs what is missing, when that was asked for and can be done; else says what is missing and lets the tests go on.
pub(crate) fn present(install: bool) -> Step {
    let remedy = "Install the packages by hand; `apt-get` says above why it could not.";
    Step::new("debian packages", remedy, move || {
        let missing = missing(NEEDS);
        if missing.is_empty() {
            return Ok(Outcome::Done);
        }
        if let Some(obstacle) = obstacle(install, is_debian(), is_root()) {
            return Ok(Outcome::Skipped(format!("missing: {}; {obstacle}", missing.join(", "))));
        }
        let quiet = Quiet::impose(Path::new("/"))?;
        apt_get(&["update"], &[])?;
        apt_get(&["install", "--yes", "--no-install-recommends"], &missing)?;
        quiet.lift()?;
        Ok(Outcome::Done)
    })
}

/// The packages of the needs that are not met.
fn missing(needs: &[Need]) -> Vec<&'static str> {
    needs.iter().filter(|need| !(need.is_met)()).flat_map(|need| need.packages.iter().copied()).collect()
}

/// Why nothing is installed, if so.
fn obstacle(install: bool, debian: bool, root: bool) -> Option<&'static str> {
    if !install {
        Some("`--install` installs them on Debian")
    } else if !debian {
        Some("this is not Debian: install their like by hand")
    } else if !root {
        Some("only root can install them")
    } else {
        None
    }
}

fn apt_get(arguments: &[&str], packages: &[&str]) -> Result<()> {
    // The second lets `postgresql-common` keep the file of [`Quiet`] without a question.
    run(program("apt-get", arguments).args(packages).env("DEBIAN_FRONTEND", "noninteractive").env("UCF_FORCE_CONFFOLD", "1"))
}

/// Debian starts a server as soon as it is installed. The suite wants the programs only: it starts its own servers with its own settings,
/// and what it leaves on a machine should not be a database that listens there. So while packages are installed, Debian is told to start no
/// service and to make no cluster.
struct Quiet {
    /// The file to take away again; none if the machine has a policy of its own, which is respected.
    policy: Option<PathBuf>,
}

impl Quiet {
    /// Says both in Debian's own files, below a root; a file that is there already is left alone.
    ///
    /// # Errors
    /// A file could not be written.
    fn impose(root: &Path) -> Result<Self> {
        // Stays, so that a later version of the package makes no cluster either. Whoever wants one has `pg_createcluster`.
        let clusters = root.join("etc/postgresql-common/createcluster.conf");
        write_new(&clusters, "# Written by `cargo xtask test --install`.\ncreate_main_cluster = false\n", 0o644)?;
        let policy = root.join("usr/sbin/policy-rc.d");
        // Status 101 means that the action is not allowed.
        let is_ours = write_new(&policy, "#!/bin/sh\nexit 101\n", 0o755)?;
        Ok(Self { policy: is_ours.then_some(policy) })
    }

    /// Lets services start again.
    ///
    /// # Errors
    /// The file could not be removed.
    fn lift(mut self) -> Result<()> {
        self.policy.take().map_or(Ok(()), |policy| fs::remove_file(&policy).with_context(|| format!("{} stays", policy.display())))
    }
}

impl Drop for Quiet {
    fn drop(&mut self) {
        if let Some(policy) = self.policy.take() {
            // Another failure is being told already.
            let _ = fs::remove_file(policy);
        }
    }
}

/// Writes a file that is not there yet, with the folders above it. Answers whether it did.
fn write_new(path: &Path, text: &str, mode: u32) -> Result<bool> {
    let write = || -> io::Result<bool> {
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        let mut options = fs::OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, mode);
        #[cfg(not(unix))]
        let _ = mode;
        match options.open(path) {
            Ok(mut file) => file.write_all(text.as_bytes()).map(|()| true),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
            Err(error) => Err(error),
        }
    };
    write().with_context(|| format!("{} could not be written", path.display()))
}

fn is_debian() -> bool {
    Path::new("/etc/debian_version").exists() && answers("apt-get", &["--version"])
}

fn is_root() -> bool {
    program("id", &["-u"]).output().is_ok_and(|output| output.stdout.trim_ascii() == b"0")
}

/// Whether there is a C compiler with a C library to link to: a compiler alone is found on machines that cannot build.
fn compiles_c() -> bool {
    let compiled = || -> io::Result<bool> {
        let mut child = Command::new("cc")
            .args(["-x", "c", "-", "-o", "/dev/null"])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        if let Some(mut stdin) = child.stdin.take() {
            stdin.write_all(b"#include <stdio.h>\nint main(void) { return puts(\"\") < 0; }\n")?;
        }
        Ok(child.wait()?.success())
    };
    compiled().unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_packages_of_unmet_needs_are_missing() {
        let needs = [Need { packages: &["a", "b"], is_met: || false }, Need { packages: &["c"], is_met: || true }];
        assert_eq!(missing(&needs), ["a", "b"]);
    }

    #[test]
    fn no_service_starts_while_packages_are_installed_and_afterwards_they_may_again() {
        let root = tempfile::tempdir().expect("a folder");
        let policy = root.path().join("usr/sbin/policy-rc.d");
        let quiet = Quiet::impose(root.path()).expect("written");
        assert!(!answers(policy.to_str().expect("a path"), &[]), "it refuses");
        quiet.lift().expect("lifted");
        assert!(!policy.exists());

        drop(Quiet::impose(root.path()).expect("written"));
        assert!(!policy.exists(), "also when the installation fails");
    }

    #[test]
    fn files_of_the_machine_are_left_alone() {
        let root = tempfile::tempdir().expect("a folder");
        let files = [root.path().join("usr/sbin/policy-rc.d"), root.path().join("etc/postgresql-common/createcluster.conf")];
        for file in &files {
            fs::create_dir_all(file.parent().expect("a folder")).expect("a folder");
            fs::write(file, "mine").expect("a file");
        }
        Quiet::impose(root.path()).expect("nothing to write").lift().expect("nothing to remove");
        for file in &files {
            assert_eq!(fs::read_to_string(file).expect("still there"), "mine");
        }
    }

    #[test]
    fn nothing_is_installed_unasked_elsewhere_or_without_the_right() {
        assert!(obstacle(false, true, true).is_some_and(|why| why.contains("--install")));
        assert!(obstacle(true, false, true).is_some_and(|why| why.contains("not Debian")));
        assert!(obstacle(true, true, false).is_some_and(|why| why.contains("root")));
        assert!(obstacle(true, true, true).is_none());
    }
}
