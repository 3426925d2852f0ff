//! Runs that are left to a worker, and the worker: two processes and one database.

use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStderr, Command, Stdio};

use lastseen_simulator::{Fault, FaultAction};
use serde_json::{Value, json};

use crate::support::{COMPLIANCE, CONFIGURATION, World, code, text};

/// A worker, and what it says.
struct Worker {
    process: Child,
    says: BufReader<ChildStderr>,
}

impl Worker {
    fn start(world: &World, words: &[&str]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_lastseen"));
        for (name, value) in world.command(&[]).get_envs() {
            command.env(name, value.expect("set"));
        }
        command.current_dir(world.folder.path()).args(["serve", "--role", "worker"]).args(words);
        let mut process = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("it starts");
        let says = BufReader::new(process.stderr.take().expect("piped"));
        Self { process, says }
    }

    /// Waits for a line that holds this text.
    fn hear(&mut self, wanted: &str) -> String {
        let mut heard = String::new();
        loop {
            let mut line = String::new();
            assert_ne!(self.says.read_line(&mut line).expect("a line"), 0, "it never said `{wanted}`:\n{heard}");
            heard.push_str(&line);
            if line.contains(wanted) {
                return line;
            }
        }
    }

    fn signal(&self, signal: &str) {
        assert!(Command::new("kill").args([signal, &self.process.id().to_string()]).status().expect("kill runs").success());
    }

    fn exit_code(mut self) -> Option<i32> {
        self.hear("ended");
        self.process.wait().expect("it ends").code()
    }
}

/// Puts a run into the queue; as whoever has no credential.
fn queue(world: &World, types: &str) -> (i32, Value) {
    let tenant = world.tenant().to_string();
    let mut command = world.command(&["sync", "--queue", "--tenant", &tenant, "--types", types, "--output", "json"]);
    let output = command.env_remove("LASTSEEN_CLIENT_ID").env_remove("LASTSEEN_CLIENT_SECRET").output().expect("the binary runs");
    (code(&output), serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", text(&output.stderr))))
}

fn shown(world: &World, run: &Value) -> Value {
    world.json(&["runs", "show", run["run_id"].as_str().expect("an id")]).1
}

#[test]
fn what_sync_leaves_in_the_queue_a_worker_does_until_it_is_told_to_end() {
    let world = World::new(1, 4);
    let (exit, run) = queue(&world, CONFIGURATION);
    assert_eq!((exit, &run["status"], &run["trigger"]), (0, &json!("pending"), &json!("manual")));
    let (exit, again) = queue(&world, CONFIGURATION);
    assert_eq!((exit, &again["status"], &again["error_codes"]), (4, &json!("skipped"), &json!(["lock_contended"])));
    assert!(world.simulator.requests().is_empty(), "nothing was asked of Microsoft");

    let mut worker = Worker::start(&world, &[]);
    let id = run["run_id"].as_str().expect("an id").to_owned();
    assert!(worker.hear("started").contains(&id));
    assert!(worker.hear("success").contains("4 items seen"));
    let (_, later) = queue(&world, COMPLIANCE);
    assert!(worker.hear("success").contains(later["run_id"].as_str().expect("an id")), "it goes on looking");
    worker.signal("-TERM");
    assert_eq!(worker.exit_code(), Some(0));
    for run in [run, later] {
        let shown = shown(&world, &run);
        assert_eq!((&shown["status"], &shown["counts"]["items_observed"]), (&json!("success"), &json!(4)));
    }
}

#[test]
fn a_worker_that_is_told_twice_cancels_what_runs_and_ends_in_good_order() {
    let world = World::new(1, 4);
    world.simulator.faults().add(Fault::always(FaultAction::Hang).on(&World::path(COMPLIANCE)));
    let (_, run) = queue(&world, COMPLIANCE);
    let mut worker = Worker::start(&world, &["--runs-at-once", "1", "--drain-for", "1h"]);
    world.wait_until_asked(&World::path(COMPLIANCE), 0);
    worker.signal("-INT");
    worker.hear("waiting for 1 run to end");
    worker.signal("-TERM");
    assert_eq!(worker.exit_code(), Some(0));
    assert_eq!(shown(&world, &run)["error_codes"], json!(["cancelled"]));
}

#[test]
fn a_queue_of_all_tenants_says_what_comes_next() {
    let world = World::new(2, 1);
    for tenant in world.simulator.tenants() {
        let synced = world.run(&["sync", "--tenant", &tenant.tenant_id.to_string(), "--types", CONFIGURATION]);
        assert_eq!(code(&synced), 0, "{}", text(&synced.stderr));
    }
    let output = world.run(&["sync", "--all-tenants", "--queue"]);
    let said = text(&output.stdout);
    assert_eq!((code(&output), said.matches("queued").count()), (0, 2), "{said}");
    assert!(said.contains("lastseen serve --role worker") && said.contains("lastseen runs"), "{said}");
    let again = world.run(&["sync", "--all-tenants", "--queue"]);
    assert_eq!((code(&again), text(&again.stdout).matches("skipped").count()), (4, 2), "{}", text(&again.stdout));
}

#[test]
fn a_worker_without_a_credential_claims_nothing_and_makes_no_database() {
    let world = World::new(1, 1);
    let output = world.command(&["serve"]).env_remove("LASTSEEN_CLIENT_SECRET").output().expect("runs");
    assert_eq!(code(&output), 2);
    assert!(text(&output.stderr).contains("LASTSEEN_CLIENT_SECRET_FILE"), "{}", text(&output.stderr));
    assert!(!world.database().exists());
}
