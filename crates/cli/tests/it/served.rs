//! `lastseen serve` as a process of its own, and those who ask it.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, ChildStderr, Command, Stdio};

use serde_json::Value;

use crate::http::{Answer, ask};
use crate::support::{World, code, text};

/// A process that serves, and what it says.
pub(crate) struct Served {
    process: Child,
    says: BufReader<ChildStderr>,
    /// All that it said so far.
    pub(crate) heard: String,
    /// Where it answers, if it does.
    pub(crate) address: Option<SocketAddr>,
}

impl Served {
    /// Starts it with these words after `serve`.
    pub(crate) fn start(world: &World, words: &[&str]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_lastseen"));
        for (name, value) in world.command(&[]).get_envs() {
            command.env(name, value.expect("set"));
        }
        command.env_remove("LASTSEEN_LOG").current_dir(world.folder.path()).arg("serve").args(words);
        let mut process = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("it starts");
        let says = BufReader::new(process.stderr.take().expect("piped"));
        Self { process, says, heard: String::new(), address: None }
    }

    /// Starts it on a port of this machine that is free, and waits until it answers there.
    pub(crate) fn answering(world: &World, words: &[&str]) -> Self {
        let mut served = Self::start(world, &[&["--listen", "127.0.0.1:0"], words].concat());
        let line = served.hear("answering the API");
        let address = line.split("/v1").next().and_then(|before| before.rsplit("://").next()).expect("an address");
        served.address = Some(address.parse().expect("an address"));
        served
    }

    /// Waits for a line that holds this text.
    pub(crate) fn hear(&mut self, wanted: &str) -> String {
        loop {
            let mut line = String::new();
            assert_ne!(self.says.read_line(&mut line).expect("a line"), 0, "it never said `{wanted}`:\n{}", self.heard);
            self.heard.push_str(&line);
            if line.contains(wanted) {
                return line;
            }
        }
    }

    pub(crate) fn signal(&self, signal: &str) {
        assert!(Command::new("kill").args([signal, &self.process.id().to_string()]).status().expect("kill runs").success());
    }

    /// How it ended, once it has, with all that it said.
    pub(crate) fn ended(mut self) -> (Option<i32>, String) {
        self.hear("ended");
        (self.process.wait().expect("it ends").code(), self.heard)
    }

    /// Asks with a token.
    pub(crate) fn ask(&self, token: &str, method: &str, path: &str, body: &str) -> Answer {
        let bearer = format!("Bearer {token}");
        let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
        ask(self.address.expect("it answers"), method, path, &headers, body).expect("an answer")
    }

    /// Gets a document with a token.
    pub(crate) fn get(&self, token: &str, path: &str) -> Value {
        let answer = self.ask(token, "GET", path, "");
        assert_eq!(answer.status, 200, "{path}: {}", text(&answer.body));
        answer.json()
    }
}

/// Makes a token by the command line.
pub(crate) fn token(world: &World, role: &str, tenants: Option<&str>) -> String {
    let mut words = vec!["token", "create", "--name", "test", "--role", role];
    match tenants {
        Some(tenants) => words.extend(["--tenants", tenants]),
        None => words.push("--all-tenants"),
    }
    let made = world.run(&words);
    assert_eq!(code(&made), 0, "{}", text(&made.stderr));
    text(&made.stdout).trim_end().to_owned()
}
