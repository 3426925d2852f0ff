//! A process that a test may do anything to.

use std::io::Read;
use std::process::{Child, Command, Stdio};
use std::thread::{self, JoinHandle};

use serde_json::Value;

/// A running process. What it says is read beside it, so that it never waits for a reader. It is killed when this is dropped.
pub(crate) struct Process {
    child: Child,
    says: Option<[JoinHandle<String>; 2]>,
}

/// How a process ended.
#[derive(Debug)]
pub(crate) struct Ended {
    /// Its exit code; none where a signal ended it.
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Process {
    pub(crate) fn start(mut command: Command) -> Self {
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");
        let out = reader(child.stdout.take().expect("piped"));
        let err = reader(child.stderr.take().expect("piped"));
        Self { child, says: Some([out, err]) }
    }

    /// Runs a command to its end.
    pub(crate) fn run(command: Command) -> Ended {
        Self::start(command).end()
    }

    /// Sends a signal: `-STOP`, `-CONT`, `-TERM`.
    pub(crate) fn signal(&self, signal: &str) {
        assert!(Command::new("kill").args([signal, &self.child.id().to_string()]).status().expect("kill runs").success());
    }

    /// Kills it, without leave to tidy up; it is gone when this returns.
    pub(crate) fn kill(mut self) -> Ended {
        self.child.kill().expect("it runs");
        self.end()
    }

    /// Whether it still runs.
    pub(crate) fn runs(&mut self) -> bool {
        self.child.try_wait().expect("it can be asked").is_none()
    }

    /// Waits for its end.
    pub(crate) fn end(mut self) -> Ended {
        let [out, err] = self.says.take().expect("taken once").map(|reader| reader.join().expect("no panic"));
        Ended { code: self.child.wait().expect("it ends").code(), out, err }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // One that has ended is no failure; nobody else may wait for one that has not.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Ended {
    /// The document on standard output.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

fn reader(mut from: impl Read + Send + 'static) -> JoinHandle<String> {
    thread::spawn(move || {
        let mut text = Vec::new();
        from.read_to_end(&mut text).expect("a pipe can be read");
        String::from_utf8_lossy(&text).into_owned()
    })
}
