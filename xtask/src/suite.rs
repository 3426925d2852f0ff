//! `cargo xtask test`: the checks, then the tests.

use std::process::Command;

use anyhow::{Result, bail};
use clap::Args;

use crate::command::{answers, cargo, run_tests};
use crate::step::{Outcome, Step};
use crate::tally::Tally;
use crate::{checks, packages};

/// What `cargo xtask test` takes.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct Options {
    /// Install the Debian packages that the suite needs, when run as root on Debian and one is missing
    #[arg(long)]
    install: bool,
    /// Between two edits: formatting, clippy and the tests; leaves out documentation, licences and doc tests
    #[arg(long)]
    quick: bool,
}

/// The steps, cheapest first; the tests come last, so that the log closes on them.
pub(crate) fn steps(options: Options) -> Vec<Step> {
    let mut steps = vec![packages::present(options.install), checks::format(), checks::clippy()];
    if !options.quick {
        steps.extend([checks::documentation(), checks::dependencies(), doc_tests()]);
    }
    steps.push(other_tests());
    steps
}

const REMEDY: &str = "The failed tests are named above; `cargo test -p <crate> <name>` runs one. \
    A snapshot that should change: `INSTA_UPDATE=always cargo test -p <crate> <name>`, then look at the difference.";

/// The examples in the documentation. They come before the other tests, because there may be none of them.
fn doc_tests() -> Step {
    Step::new("doc tests", REMEDY, || {
        let tally = run_tests(&mut read_only(cargo(&["test", "--workspace", "--doc", "--locked"])))?;
        Ok(Outcome::Tested(tally))
    })
}

/// Every other test, by nextest where it is installed.
fn other_tests() -> Step {
    Step::new("tests", REMEDY, || {
        let command = if answers("cargo", &["nextest", "--version"]) {
            cargo(&["nextest", "run", "--workspace", "--locked", "--no-fail-fast"])
        } else {
            cargo(&["test", "--workspace", "--lib", "--bins", "--tests", "--locked", "--no-fail-fast"])
        };
        some(run_tests(&mut read_only(command))?)
    })
}

/// Tests compare snapshots; they do not write new ones beside them.
fn read_only(mut command: Command) -> Command {
    command.env("INSTA_UPDATE", "no");
    command
}

/// A suite without a test is a broken suite, not a good one.
pub(crate) fn some(tally: Tally) -> Result<Outcome> {
    if tally.passed == 0 {
        bail!("the runner ran no test");
    }
    Ok(Outcome::Tested(tally))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(options: Options) -> Vec<&'static str> {
        steps(options).iter().map(|step| step.name).collect()
    }

    #[test]
    fn the_tests_come_last_and_quick_leaves_out_what_is_slow() {
        let all = names(Options { install: false, quick: false });
        assert_eq!(all, ["debian packages", "format", "clippy", "documentation", "dependencies", "doc tests", "tests"]);
        assert_eq!(names(Options { install: true, quick: true }), ["debian packages", "format", "clippy", "tests"]);
    }

    #[test]
    fn a_run_of_no_tests_is_a_failure() {
        assert!(some(Tally::default()).is_err());
        assert!(some(Tally { passed: 1, failed: 0 }).is_ok());
    }
}
