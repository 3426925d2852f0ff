//! Running other programs from the workspace's root.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};
use std::thread;

use anyhow::{Context, Result, bail};

use crate::sql;
use crate::tally::Tally;

/// The workspace's root: where every step runs, wherever `cargo xtask` was called.
pub(crate) fn workspace_root() -> &'static Path {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
    manifest.parent().unwrap_or(manifest)
}

/// A program with its arguments, in the workspace's root and without standard input.
pub(crate) fn program(name: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(name);
    command.args(arguments).current_dir(workspace_root()).stdin(Stdio::null());
    command
}

/// `cargo` with its arguments. It compiles from what is committed, whatever database the caller's environment names.
pub(crate) fn cargo(arguments: &[&str]) -> Command {
    let mut command = program("cargo", arguments);
    for variable in sql::VARIABLES {
        command.env_remove(variable);
    }
    command
}

/// Runs a command whose output goes where ours goes.
///
/// # Errors
/// It could not be started, or did not end well.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let status = command.status().with_context(|| format!("{} could not be started", describe(command)))?;
    check(command, status)
}

/// Whether a program is there and answers to the arguments; its output goes nowhere.
pub(crate) fn answers(name: &str, arguments: &[&str]) -> bool {
    program(name, arguments).stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
}

/// Runs a test runner, passes its output through as it comes, and counts the tests in it.
///
/// # Errors
/// As for [`run`], and when no test was run: a filter or a broken manifest must not look like success.
pub(crate) fn run_tests(command: &mut Command) -> Result<Tally> {
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("{} could not be started", describe(command)))?;
    let stdout = child.stdout.take().context("the runner's output is not piped")?;
    let stderr = child.stderr.take().context("the runner's errors are not piped")?;

    // Both pipes are read at once: a runner that fills the one that nobody reads would wait for ever.
    let errors = thread::spawn(move || pass_through(stderr, &mut io::stderr()));
    let printed = pass_through(stdout, &mut io::stdout());
    let errors = errors.join().map_err(|_| anyhow::anyhow!("reading the runner's errors panicked"))?;
    let status = child.wait()?;
    let tally = printed? + errors?;

    check(command, status)?;
    Ok(tally)
}

/// Copies lines from one to the other and counts the tests they tell of.
fn pass_through(from: impl Read, to: &mut impl Write) -> io::Result<Tally> {
    let mut from = BufReader::new(from);
    let mut line = Vec::new();
    let mut tally = Tally::default();
    while from.read_until(b'\n', &mut line)? > 0 {
        to.write_all(&line)?;
        to.flush()?;
        tally = tally + Tally::of_line(&String::from_utf8_lossy(&line));
        line.clear();
    }
    Ok(tally)
}

fn check(command: &Command, status: ExitStatus) -> Result<()> {
    if !status.success() {
        bail!("{} ended with {status}", describe(command));
    }
    Ok(())
}

/// The command as a person would type it.
fn describe(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    format!("`{}`", words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn output_is_passed_on_unchanged_and_counted() {
        let text = "running 2 tests\ntest result: ok. 2 passed; 0 failed;\nlast line without an end";
        let mut out = Vec::new();
        let tally = pass_through(text.as_bytes(), &mut out).expect("a vector takes every write");
        assert_eq!(tally, Tally { passed: 2, failed: 0 });
        assert_eq!(out, text.as_bytes());
    }

    #[test]
    fn a_program_that_is_not_there_answers_nothing() {
        assert!(!answers("lastseen-no-such-program", &["--version"]));
        assert!(answers("cargo", &["--version"]));
    }

    #[test]
    fn a_command_that_fails_is_an_error_that_names_it() {
        let error = run(cargo(&["lastseen-no-such-command"]).stderr(Stdio::null())).expect_err("cargo knows no such command");
        assert!(error.to_string().starts_with("`cargo lastseen-no-such-command` ended with"), "{error}");
    }

    #[test]
    fn cargo_is_kept_from_databases_that_the_environment_names() {
        let command = cargo(&["check"]);
        let removed: Vec<_> = command.get_envs().filter(|(_, value)| value.is_none()).map(|(name, _)| name).collect();
        assert_eq!(removed.len(), sql::VARIABLES.len(), "{removed:?}");
    }

    #[test]
    fn the_root_is_the_folder_of_the_lock_file() {
        assert!(workspace_root().join("Cargo.lock").is_file());
    }
}
