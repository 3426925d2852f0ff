//! What takes a server away when its owner is gone.
//!
//! A destructor is not enough: a test that is killed, and a developer's Ctrl-C, run none. So a small shell waits on a pipe whose other end
//! only the owner holds. The system closes that end when the owner ends, however it does; then the shell stops the server and removes its
//! folder. A destructor closes it too, so that there is one way to clean up, and every test takes it.

use std::ffi::OsStr;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result};

use crate::process;

/// `$1` is the folder, and the rest is the command that stops what runs in it.
const SCRIPT: &str = r#"read -r _; folder=$1; shift; cd /; "$@"; rm -rf -- "$folder""#;

/// Keeps a folder, and what runs in it, for as long as it lives and no longer.
#[derive(Debug)]
pub(crate) struct Guard {
    shell: Child,
}

impl Guard {
    /// Guards a folder: `stop` is run when this is dropped or this process ends, and then the folder is removed.
    ///
    /// # Errors
    /// There is no shell.
    pub(crate) fn over(folder: &Path, stop: &Command) -> Result<Self> {
        let mut command = Command::new("sh");
        command.args([OsStr::new("-c"), OsStr::new(SCRIPT), OsStr::new("guard"), folder.as_os_str(), stop.get_program()]);
        command.args(stop.get_args());
        // A pipe of the test runner that stayed open here would make it wait.
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        let shell = process::apart(&mut command).spawn().context("no shell could be started")?;
        Ok(Self { shell })
    }

    /// Cleans up now and waits until that is done. Another time it does nothing.
    pub(crate) fn finish(&mut self) {
        drop(self.shell.stdin.take());
        // Nothing can be done about a shell that cannot be waited for, and a destructor may not fail.
        let _ = self.shell.wait();
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.finish();
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn runs_the_command_and_removes_the_folder_once_it_is_dropped() {
        let outside = tempfile::tempdir().expect("a folder");
        let folder = tempfile::tempdir().expect("a folder").keep();
        fs::write(folder.join("file"), "").expect("a file");
        let witness = outside.path().join("it ran");
        let mut stop = Command::new("touch");
        stop.arg(&witness);

        let guard = Guard::over(&folder, &stop).expect("a shell");
        assert!(folder.join("file").exists() && !witness.exists());
        drop(guard);
        assert!(!folder.exists() && witness.exists());
    }
}
