//! Schemathesis, the Python program that looks for requests which the API answers otherwise than its description says.
//!
//! A test that needs it stands in a module named [`MODULE`], in whatever crate, so that it can be left out by its name. It is installed into
//! a virtual environment under `target/`, at the versions of `schemathesis.txt`, and nothing else on the machine changes.

use crate::command::{answers, program, run};
use crate::step::{Outcome, Step};

/// The name of the modules whose tests need it.
pub(crate) const MODULE: &str = "by_schemathesis";

/// Every package with its one version.
const PINNED: &str = include_str!("../schemathesis.txt");

/// The virtual environment, as seen from the workspace's root. The tests look for it there, too.
const FOLDER: &str = "target/schemathesis";

/// Installs it, when that was asked for and can be done; else says that its tests are left out.
pub(crate) fn present(install: bool) -> Step {
    Step::new("schemathesis", "`target/schemathesis` can be taken away; it is made anew.", move || {
        if is_there() {
            return Ok(Outcome::Done);
        }
        let left_out = |why: &str| Ok(Outcome::Skipped(format!("{why}; the tests in modules named `{MODULE}` are left out")));
        if !install {
            return left_out("`--install` installs it");
        }
        if !answers("python3", &["-c", "import venv, ensurepip"]) {
            return left_out("there is no Python 3 that can make virtual environments");
        }
        run(&mut program("python3", &["-m", "venv", "--clear", FOLDER]))?;
        // A machine without a way to the packages still runs every other test.
        let installed = run(&mut program(&script("pip"), &["install", "--quiet", "--requirement", "xtask/schemathesis.txt"]));
        match installed {
            Ok(()) if is_there() => Ok(Outcome::Done),
            Ok(()) => left_out("pip installed another version than the one that is named"),
            Err(error) => left_out(&format!("{error:#}")),
        }
    })
}

/// Whether it is there, at the version that is named.
pub(crate) fn is_there() -> bool {
    let said = program(&script("schemathesis"), &["--version"]).output();
    said.is_ok_and(|said| said.status.success() && is_pinned(&String::from_utf8_lossy(&said.stdout), PINNED))
}

/// Whether what the program says of itself is the version that the list names.
fn is_pinned(said: &str, list: &str) -> bool {
    let pinned = list.lines().find_map(|line| line.strip_prefix("schemathesis=="));
    pinned.is_some_and(|pinned| said.split_whitespace().last() == Some(pinned.trim()))
}

fn script(name: &str) -> String {
    format!("{FOLDER}/bin/{name}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_version_is_installed_anew() {
        let list = "# a comment\nrequests==2.0\nschemathesis==4.32.5\n";
        assert!(is_pinned("schemathesis, version 4.32.5\n", list));
        assert!(!is_pinned("schemathesis, version 4.32.50\n", list));
        assert!(!is_pinned("", list));
        assert!(!is_pinned("schemathesis, version 4.32.5\n", "requests==2.0\n"));
    }

    #[test]
    fn every_package_has_one_version_and_no_address() {
        let packages: Vec<&str> = PINNED.lines().filter(|line| !line.starts_with('#')).collect();
        assert!(packages.iter().any(|line| line.starts_with("schemathesis==")));
        for line in packages {
            let (name, version) = line.split_once("==").unwrap_or_else(|| panic!("no version: {line}"));
            let is_word = |text: &str| !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c));
            assert!(is_word(name) && is_word(version), "{line}");
        }
    }
}
