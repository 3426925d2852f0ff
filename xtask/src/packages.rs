//! The Debian packages that the suite needs beside the toolchain.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::Result;

use crate::command::{answers, program, run};
use crate::step::{Outcome, Step};

/// Something that the suite needs, and how to tell that it is there.
struct Need {
    /// The Debian packages that bring it.
    packages: &'static [&'static str],
    /// Whether it is there, from whatever source.
    is_met: fn() -> bool,
}

/// The SQL contract is tested with the shell that Debian ships; the bundled SQLite and aws-lc are compiled from C.
const NEEDS: &[Need] = &[
    Need { packages: &["sqlite3"], is_met: || answers("sqlite3", &["--version"]) },
    Need { packages: &["gcc", "libc6-dev"], is_met: compiles_c },
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
        apt_get(&["update"], &[])?;
        apt_get(&["install", "--yes", "--no-install-recommends"], &missing)?;
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
    run(program("apt-get", arguments).args(packages).env("DEBIAN_FRONTEND", "noninteractive"))
}

fn is_debian() -> bool {
    Path::new("/etc/debian_version").exists() && answers("apt-get", &["--version"])
}

fn is_root() -> bool {
    program("id", &["-u"]).output().is_ok_and(|output| output.stdout.trim_ascii() == b"0")
}

/// Whether there is a C compiler with a C library to link to: a compiler alone is found on machines that cannot build.
fn compiles_c() -> bool {
    let compiled = || -> std::io::Result<bool> {
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
    fn nothing_is_installed_unasked_elsewhere_or_without_the_right() {
        assert!(obstacle(false, true, true).is_some_and(|why| why.contains("--install")));
        assert!(obstacle(true, false, true).is_some_and(|why| why.contains("not Debian")));
        assert!(obstacle(true, true, false).is_some_and(|why| why.contains("root")));
        assert!(obstacle(true, true, true).is_none());
    }
}
