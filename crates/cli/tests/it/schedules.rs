//! Schedules, as an administrator makes them, and as a worker keeps them.

use serde_json::json;

use crate::answers::redacted;
use crate::served::Served;
use crate::support::{CONFIGURATION, World, code, text};

fn world(tenants: u32) -> (World, Vec<String>) {
    let world = World::new(tenants, 3);
    let ids: Vec<String> = world.simulator.tenants().iter().map(|tenant| tenant.tenant_id.to_string()).collect();
    for (number, id) in ids.iter().enumerate() {
        assert_eq!(code(&world.run(&["tenant", "add", id, "--name", &format!("Tenant {}", number + 1)])), 0);
    }
    (world, ids)
}

#[test]
fn a_schedule_is_made_shown_rested_and_taken_away() {
    let (world, ids) = world(2);
    let empty = text(&world.run(&["schedule", "list"]).stdout);
    assert!(empty.contains("next: lastseen schedule add"), "{empty}");
    let add = ["schedule", "add", "nightly", "--cron", "30 2 * * *", "--time-zone", "europe/berlin", "--tenants", &ids[0]];
    let added = world.run(&add);
    assert_eq!(code(&added), 0, "{}", text(&added.stderr));
    let said = text(&added.stdout);
    for part in
        ["30 2 * * * in the time zone Europe/Berlin", "Tenant 1", "everything", "none: each tenant at the time itself", "lastseen serve"]
    {
        assert!(said.contains(part), "{part}: {said}");
    }
    let (_, fleet) = world.json(&["schedule", "add", "fleet", "--cron", "@hourly", "--all-tenants", "--types", CONFIGURATION]);
    assert_eq!((&fleet["jitter_secs"], &fleet["time_zone"], &fleet["tenants"]), (&json!(600), &json!("UTC"), &json!("all")));
    let (_, shown) = world.json(&["schedule", "show", "nightly"]);
    assert_eq!((shown["next_times"].as_array().map(Vec::len), &shown["tenants"]), (Some(5), &json!([ids[0]])));

    assert_eq!(text(&world.run(&["schedule", "pause", "nightly"]).stdout), "nightly: paused: it asks for no run until it is resumed\n");
    assert_eq!(text(&world.run(&["schedule", "pause", "nightly"]).stdout), "nightly: it rested already\n");
    insta::assert_snapshot!("schedules", redacted(&world, &world.run(&["schedule", "list"])));
    assert!(text(&world.run(&["schedule", "show", "nightly"]).stdout).contains("next: lastseen schedule resume nightly"));
    assert_eq!(text(&world.run(&["schedule", "resume", "nightly"]).stdout), "nightly: resumed: it goes on from its next time\n");
    assert_eq!(code(&world.run(&["schedule", "remove", "nightly"])), 0);
    let unknown = world.run(&["schedule", "show", "flet"]);
    assert_eq!(code(&unknown), 1);
    assert!(text(&unknown.stderr).contains("is fleet meant?"), "{}", text(&unknown.stderr));
}

#[test]
fn what_makes_no_schedule_is_refused_with_the_next_step() {
    let (world, _) = world(1);
    let refused = |words: &[&str], part: &str| {
        let output = world.run(&[&["schedule", "add"], words].concat());
        assert_eq!(code(&output), 2, "{words:?}");
        let said = text(&output.stderr);
        assert!(said.contains(part) && said.contains("\n  next  "), "{words:?}: {said}");
    };
    refused(&["x", "--cron", "0 4 * * *"], "for some tenants, or for all");
    refused(&["x", "--cron", "0 25 * * *", "--all-tenants"], "`25` can't stand for the hour");
    refused(&["x", "--cron", "0 4 * * *", "--all-tenants", "--time-zone", "Berlin"], "is Europe/Berlin meant?");
    refused(&["a b", "--cron", "0 4 * * *", "--all-tenants"], "`a b` is no name");
    refused(&["x", "--cron", "0 4 * * *", "--tenants", "8c2f0c1e-5a54-4c0e-9d6b-3f1f0f6b7a10"], "8c2f0c1e-5a54-4c0e-9d6b-3f1f0f6b7a10");
    assert_eq!(code(&world.run(&["schedule", "add", "x", "--cron", "@daily", "--all-tenants"])), 0);
    refused(&["x", "--cron", "@daily", "--all-tenants"], "a schedule of that name");
}

/// Lets a schedule be due now, as if its time had come. The time itself would be waited for.
fn comes_now(world: &World) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let options = sqlx::sqlite::SqliteConnectOptions::new().filename(world.database());
        let mut database = sqlx::ConnectOptions::connect(&options).await.expect("the file");
        let moved = sqlx::query("UPDATE schedule_tenants SET next_due_at = next_due_at - 400000000000 WHERE next_due_at IS NOT NULL");
        let moved = sqlx::Executor::execute(&mut database, moved).await.expect("moved");
        assert_eq!(moved.rows_affected(), 1);
    });
}

#[test]
fn a_scheduled_run_really_runs_and_without_a_worker_the_list_says_so() {
    let (world, ids) = world(1);
    let add = ["schedule", "add", "daily", "--cron", "@daily", "--tenants", &ids[0], "--types", CONFIGURATION];
    assert_eq!(code(&world.run(&add)), 0);
    let start = || Served::start(&world, &["--role", "worker", "--poll-every", "1s"]);
    let worker = start();
    while world.json(&["schedule", "list"]).1["schedules"][0]["next_due_at"].is_null() {
        std::thread::yield_now();
    }
    worker.signal("-TERM");
    assert_eq!(worker.ended().0, Some(0));
    comes_now(&world);
    let late = text(&world.run(&["schedule", "list"]).stdout);
    assert!(late.contains("late: due") && late.contains("no worker looks at the schedules"), "{late}");
    let check = world.run(&["status", "--check"]);
    assert_eq!(code(&check), 1, "{}", text(&check.stdout));

    let mut worker = start();
    worker.hear("success");
    worker.signal("-TERM");
    assert_eq!(worker.ended().0, Some(0));
    let (_, runs) = world.json(&["runs"]);
    let runs = runs["runs"].as_array().expect("runs");
    assert_eq!((runs.len(), &runs[0]["trigger"], &runs[0]["status"]), (1, &json!("schedule"), &json!("success")), "{runs:?}");
    let check = world.run(&["status", "--check"]);
    assert_eq!(code(&check), 0, "{}", text(&check.stdout));
}
