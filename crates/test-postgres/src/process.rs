//! Other processes: starting them apart from ours, and killing a whole family.

use std::fs;
use std::process::{Command, Output, Stdio};

use anyhow::{Context, Result, bail};

use crate::wait;

/// Lets a command run in a process group of its own, so that the terminal's Ctrl-C, which is for the group in front, does not reach it: a
/// server outlives those who use it, and is stopped by its guard.
pub(crate) fn apart(command: &mut Command) -> &mut Command {
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(command, 0);
    command
}

/// Runs a command to its end and gives what it printed.
///
/// # Errors
/// It could not be started, or did not end well; the text is the command and what it said.
pub(crate) fn output(command: &mut Command) -> Result<String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command.stdin(Stdio::null()).output().with_context(|| format!("`{name}` could not be started"))?;
    printed(command, &output)
}

/// What a command printed, if it ended well.
///
/// # Errors
/// It did not; the text is the command and what it said.
pub(crate) fn printed(command: &Command, output: &Output) -> Result<String> {
    if !output.status.success() {
        let words = std::iter::once(command.get_program()).chain(command.get_args()).map(|word| word.to_string_lossy());
        let words = words.collect::<Vec<_>>().join(" ");
        bail!("`{words}` ended with {}: {}", output.status, String::from_utf8_lossy(&output.stderr).trim_end());
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Whether a command can be started and ends well; its output goes nowhere.
pub(crate) fn succeeds(command: &mut Command) -> bool {
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
}

/// Kills a process and its children at once, without leave to tidy up, and waits until the children are gone. The process itself must still
/// be waited for by its parent.
///
/// # Errors
/// The process is not there, or may not be killed.
pub(crate) fn kill_family(parent: u32) -> Result<()> {
    // A parent that has stopped has no more children behind our back.
    signal("STOP", &[parent])?;
    let children = children_of(parent);
    // One that has ended meanwhile is no failure.
    let _ = signal("KILL", &children);
    signal("KILL", &[parent])?;
    wait::until("killed processes to be gone", || Ok(!children.iter().any(|child| is_running(*child))))
}

/// Sends a signal by its name; to nobody if there is no process.
fn signal(name: &str, processes: &[u32]) -> Result<()> {
    if processes.is_empty() {
        return Ok(());
    }
    let mut command = Command::new("sh");
    command.args(["-c", r#"kill -s "$@""#, "kill", name]).args(processes.iter().map(u32::to_string));
    output(&mut command).map(drop)
}

/// The children of a process. Found where the system shows its processes as files; elsewhere PostgreSQL's children notice by themselves
/// that their parent is gone.
fn children_of(parent: u32) -> Vec<u32> {
    let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
    let processes = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<u32>().ok());
    processes.filter(|process| status(*process).is_some_and(|status| status.parent == parent)).collect()
}

/// Whether a process still runs. One that only waits to be collected by its parent does not.
fn is_running(process: u32) -> bool {
    status(process).is_some_and(|status| status.state != 'Z')
}

/// What the system tells of a process.
#[derive(Debug, PartialEq, Eq)]
struct Status {
    /// `R` for one that runs, `Z` for one that has ended, and so on.
    state: char,
    /// Who started it.
    parent: u32,
}

fn status(process: u32) -> Option<Status> {
    parse_status(&fs::read_to_string(format!("/proc/{process}/stat")).ok()?)
}

/// Reads `4711 (name) S 42 ...`. The name may hold anything, brackets too, so it ends at the last one.
fn parse_status(text: &str) -> Option<Status> {
    let (_, rest) = text.rsplit_once(") ")?;
    let mut fields = rest.split(' ');
    Some(Status { state: fields.next()?.chars().next()?, parent: fields.next()?.parse().ok()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_is_read_whatever_the_name_of_the_process() {
        let expected = Some(Status { state: 'S', parent: 42 });
        assert_eq!(parse_status("4711 (postgres) S 42 4711 4711 0"), expected);
        assert_eq!(parse_status("4711 (a) R 1 (b) S 42 4711"), expected);
        assert_eq!(parse_status("4711"), None);
    }

    #[test]
    fn a_command_that_fails_is_quoted_with_what_it_said() {
        let error = output(Command::new("sh").args(["-c", "echo too bad >&2; exit 3"])).expect_err("it fails");
        assert!(error.to_string().contains("too bad"), "{error}");
        assert!(output(&mut Command::new("lastseen-no-such-program")).is_err());
    }
}
