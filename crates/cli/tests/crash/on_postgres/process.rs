//! A process that a test may do anything to.

use std::io::Read;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};

use serde_json::Value;

/// A running process. What it says is read beside it, so that it never waits for a reader. It is killed when this is dropped.
pub(crate) struct Process {
    child: Child,
    out: Said,
    err: Said,
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
        let out = Said::read(child.stdout.take().expect("piped"));
        let err = Said::read(child.stderr.take().expect("piped"));
        Self { child, out, err }
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

    /// Whether it has said this on standard error.
    pub(crate) fn has_said(&self, text: &str) -> bool {
        self.err.so_far().contains(text)
    }

    /// Waits for its end.
    pub(crate) fn end(mut self) -> Ended {
        let code = self.child.wait().expect("it ends").code();
        Ended { code, out: self.out.whole(), err: self.err.whole() }
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

/// What comes out of a pipe.
struct Said {
    text: Arc<Mutex<Vec<u8>>>,
    reader: Option<JoinHandle<()>>,
}

impl Said {
    fn read(mut from: impl Read + Send + 'static) -> Self {
        let text = Arc::new(Mutex::new(Vec::new()));
        let into = Arc::clone(&text);
        let reader = thread::spawn(move || {
            let mut some = [0; 4096];
            while let Ok(read @ 1..) = from.read(&mut some) {
                into.lock().expect("no panic").extend_from_slice(&some[..read]);
            }
        });
        Self { text, reader: Some(reader) }
    }

    fn so_far(&self) -> String {
        String::from_utf8_lossy(&self.text.lock().expect("no panic")).into_owned()
    }

    /// All of it; the pipe must have ended, or be about to.
    fn whole(&mut self) -> String {
        if let Some(reader) = self.reader.take() {
            reader.join().expect("no panic");
        }
        self.so_far()
    }
}
