//! Memory stays flat. Alone in its file: the peak of all ended children of this process is read.

use std::io::BufRead;
use std::process::{Command, Stdio};

use nix::sys::resource::{UsageWho, getrusage};
use serde_json::Value;

const ITEMS: u64 = 200_000;
const CAP_KIB: i64 = 150 * 1024;

#[test]
fn r17_a_listing_of_200_000_items_is_synced_under_150_mb() {
    let folder = tempfile::tempdir().expect("a folder");
    let size = format!("deviceConfiguration={ITEMS}");
    let binary = env!("CARGO_BIN_EXE_lastseen");
    let mut simulator = Command::new(binary)
        .args(["simulate", "--port", "0", "--tenants", "1", "--size", "0", "--size-of", &size, "--output", "json"])
        .stdout(Stdio::piped())
        .spawn()
        .expect("it starts");
    let mut document = String::new();
    let mut lines = std::io::BufReader::new(simulator.stdout.take().expect("a pipe")).lines();
    let about: Value = loop {
        document += &lines.next().expect("a document").expect("text");
        if let Ok(about) = serde_json::from_str(&document) {
            break about;
        }
    };
    let text = |key: &str| about[key].as_str().expect("a text").to_owned();
    let tenant = about["tenants"][0]["tenant_id"].as_str().expect("an id");

    let output = Command::new(binary)
        .env_clear()
        .current_dir(folder.path())
        .env("HOME", folder.path())
        .env("LASTSEEN_DATABASE_URL", "sqlite:lastseen.db")
        .env("LASTSEEN_AUTHORITY", text("origin"))
        .env("LASTSEEN_GRAPH_ENDPOINT", text("origin"))
        .env("LASTSEEN_CLIENT_ID", text("client_id"))
        .env("LASTSEEN_CLIENT_SECRET", text("client_secret"))
        .args(["sync", "--tenant", tenant, "--types", "deviceConfiguration", "--output", "json"])
        .output()
        .expect("it runs");
    // The simulator has not been waited for, so this is the sync's peak.
    let peak = getrusage(UsageWho::RUSAGE_CHILDREN).expect("usage").max_rss();
    simulator.kill().expect("it runs");
    simulator.wait().expect("it ends");

    let run: Value = serde_json::from_slice(&output.stdout).expect("a record");
    assert_eq!((output.status.code(), &run["counts"]["items_observed"]), (Some(0), &Value::from(ITEMS)), "{run:#}");
    println!("{ITEMS} items: {} MiB at the peak", peak / 1024);
    assert!(peak < CAP_KIB, "{peak} KiB resident");
}
