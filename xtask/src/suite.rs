//! `cargo xtask test`: the checks, then the tests.

use std::process::Command;

use anyhow::{Result, bail};
use clap::Args;
use lastseen_test_postgres::MODULE;

use crate::command::{answers, cargo, run_tests};
use crate::postgresql::SharedServers;
use crate::step::{Outcome, Step};
use crate::tally::Tally;
use crate::{checks, packages, postgresql, schemathesis, sql};

/// What `cargo xtask test` takes.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct Options {
    /// Install what is missing: the Debian packages that the suite needs, as root on Debian, and Schemathesis under target/
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
        steps.extend([checks::documentation(), checks::dependencies()]);
    }
    // From here on the steps may use the servers; they are gone with the last of them.
    let servers = SharedServers::default();
    steps.push(postgresql::start(servers.clone()));
    steps.push(sql::compare(servers.clone()));
    if !options.quick {
        steps.push(doc_tests(servers.clone()));
    }
    steps.push(schemathesis::present(options.install));
    steps.push(other_tests(servers));
    steps
}

const REMEDY: &str = "The failed tests are named above; `cargo test -p <crate> <name>` runs one. \
    A snapshot that should change: `INSTA_UPDATE=always cargo test -p <crate> <name>`, then look at the difference.";

/// The examples in the documentation. They come before the other tests, because there may be none of them.
fn doc_tests(servers: SharedServers) -> Step {
    Step::new("doc tests", REMEDY, move || {
        let tally = run_tests(&mut prepared(cargo(&["test", "--workspace", "--doc", "--locked"]), &servers))?;
        Ok(Outcome::Tested(tally))
    })
}

/// Every other test, by nextest where it is installed.
fn other_tests(servers: SharedServers) -> Step {
    Step::new("tests", REMEDY, move || {
        let mut left_out = Vec::new();
        if !servers.are_running() {
            left_out.push(MODULE);
        }
        if !schemathesis::is_there() {
            left_out.push(schemathesis::MODULE);
        }
        let command = test_command(answers("cargo", &["nextest", "--version"]), &left_out);
        some(run_tests(&mut prepared(command, &servers))?)
    })
}

/// The command that runs the tests, by nextest or by cargo's own runner, without those in modules of these names.
fn test_command(nextest: bool, left_out: &[&str]) -> Command {
    if nextest {
        let mut command = cargo(&["nextest", "run", "--workspace", "--locked", "--no-fail-fast"]);
        if !left_out.is_empty() {
            // One expression: of several, nextest would run what any of them lets through.
            let modules: Vec<String> = left_out.iter().map(|module| format!(r"test(/\b{module}::/)")).collect();
            command.args(["--filterset".to_owned(), format!("not ({})", modules.join(" or "))]);
        }
        command
    } else {
        let mut command = cargo(&["test", "--workspace", "--lib", "--bins", "--tests", "--locked", "--no-fail-fast", "--"]);
        for module in left_out {
            command.args(["--skip".to_owned(), format!("{module}::")]);
        }
        command
    }
}

/// Tests compare snapshots and do not write new ones beside them; and they find the servers that they share.
fn prepared(mut command: Command, servers: &SharedServers) -> Command {
    command.env("INSTA_UPDATE", "no");
    servers.tell(&mut command);
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
        assert_eq!(
            all,
            [
                "debian packages",
                "format",
                "clippy",
                "documentation",
                "dependencies",
                "postgresql",
                "sql",
                "doc tests",
                "schemathesis",
                "tests"
            ]
        );
        assert_eq!(
            names(Options { install: true, quick: true }),
            ["debian packages", "format", "clippy", "postgresql", "sql", "schemathesis", "tests"]
        );
    }

    #[test]
    fn the_tests_of_what_is_not_there_are_left_out_by_either_runner() {
        let last = |nextest, left_out: &[&str], words: usize| {
            let command = test_command(nextest, left_out);
            let arguments: Vec<String> = command.get_args().map(|word| word.to_string_lossy().into_owned()).collect();
            arguments[arguments.len() - words..].to_vec()
        };
        assert_eq!(last(true, &[], 1), ["--no-fail-fast"]);
        assert_eq!(last(false, &[], 2), ["--no-fail-fast", "--"]);
        assert_eq!(last(true, &["a"], 2), ["--filterset", r"not (test(/\ba::/))"]);
        assert_eq!(last(true, &["a", "b"], 2), ["--filterset", r"not (test(/\ba::/) or test(/\bb::/))"]);
        assert_eq!(last(false, &["a", "b"], 5), ["--", "--skip", "a::", "--skip", "b::"]);
    }

    #[test]
    fn a_run_of_no_tests_is_a_failure() {
        assert!(some(Tally::default()).is_err());
        assert!(some(Tally { passed: 1, failed: 0 }).is_ok());
    }
}
