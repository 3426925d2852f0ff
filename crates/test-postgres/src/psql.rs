//! Statements by `psql`, for tests that need no driver.

use std::io::Write;
use std::process::Stdio;
use std::thread;

use anyhow::{Context, Result};

use crate::process;
use crate::programs::Programs;

/// Runs statements at the address of a database, as the role that it names, and gives their rows: fields between `|`, rows on lines. Each
/// statement is a transaction of its own.
///
/// # Errors
/// The first statement that failed; the text holds what the server said.
pub fn psql(url: &str, sql: &str) -> Result<String> {
    run(&Programs::find()?, url, sql)
}

pub(crate) fn run(programs: &Programs, url: &str, sql: &str) -> Result<String> {
    let mut command = programs.client("psql");
    command.args(["--no-psqlrc", "--quiet", "--no-align", "--tuples-only", "--set=ON_ERROR_STOP=1", "--file=-", url]);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().context("`psql` could not be started")?;
    let mut stdin = child.stdin.take().context("the statements have no way in")?;
    let output = thread::scope(|scope| {
        // Not before reading its output: with both pipes full, each would wait for the other. A `psql` that ended at the first failure
        // reads no further; its own words say why.
        scope.spawn(move || drop(stdin.write_all(sql.as_bytes())));
        child.wait_with_output()
    })?;
    Ok(process::printed(&command, &output)?.trim_end_matches('\n').to_owned())
}
