//! How it all stands, two runs held against each other, and a run that is cancelled.

use lastseen_simulator::{Fault, FaultAction, NamedError};
use serde_json::json;

use crate::answers::redacted;
use crate::served::Served;
use crate::support::{COMPLIANCE, CONFIGURATION, World, code, text};

#[test]
fn the_screen_says_what_fails_and_why_and_what_waits() {
    let world = World::new(2, 4);
    let ids: Vec<String> = world.simulator.tenants().iter().map(|tenant| tenant.tenant_id.to_string()).collect();
    for (number, id) in ids.iter().enumerate() {
        assert_eq!(code(&world.run(&["tenant", "add", id, "--name", &format!("Tenant {}", number + 1)])), 0);
    }
    insta::assert_snapshot!("status_at_first", redacted(&world, &world.run(&["status", "--tenant", &ids[0]])));
    let path = World::path(COMPLIANCE);
    world.simulator.faults().add(Fault::always(FaultAction::error(NamedError::Forbidden)).on(&path));
    assert_eq!(world.sync(&[CONFIGURATION, COMPLIANCE]).0, 3);
    world.simulator.faults().clear();
    assert_eq!(world.sync(&[CONFIGURATION]).0, 0);
    let queued = world.run(&["sync", "--queue", "--tenant", &ids[0], "--types", COMPLIANCE]);
    assert_eq!(code(&queued), 0, "{}", text(&queued.stderr));
    insta::assert_snapshot!("status", redacted(&world, &world.run(&["status", "--tenant", &ids[0]])));
    let (exit, status) = world.json(&["status"]);
    let counts = &status["counts"];
    assert_eq!((exit, &counts["failing"], &counts["fresh"], &counts["never"]), (0, &json!(1), &json!(1), &json!(1)), "{counts}");
    assert_eq!((&counts["waiting"], &counts["tenants_without_runs"]), (&json!(1), &json!(1)));
    assert_eq!(status["selections"][0]["latest_completed"]["error_codes"], json!(["graph_forbidden"]), "the worst first");
    assert_eq!(code(&world.run(&["status", "--check"])), 1);
}

#[test]
fn a_monitor_may_name_the_selections_that_it_is_for_and_one_that_nobody_synced_is_not_fine() {
    let world = World::new(1, 1);
    let path = World::path(COMPLIANCE);
    world.simulator.faults().add(Fault::always(FaultAction::error(NamedError::Forbidden)).on(&path));
    assert_eq!(world.sync(&[COMPLIANCE]).0, 1);
    let (_, healthy) = world.json(&["sync", "--types", CONFIGURATION]);
    let hash = healthy["selection_hash"].as_str().expect("a hash");
    assert_eq!(code(&world.run(&["status", "--check"])), 1);
    assert_eq!(code(&world.run(&["status", "--check", "--selection", hash])), 0);
    let (_, status) = world.json(&["status", "--selection", hash]);
    assert_eq!((&status["counts"]["selections"], &status["counts"]["fresh"]), (&json!(1), &json!(1)));
    let unknown = world.run(&["status", "--check", "--selection", hash, "--selection", &"0".repeat(64)]);
    assert_eq!(code(&unknown), 2, "{}", text(&unknown.stdout));
}

#[test]
fn a_section_is_bounded_and_says_how_many_more_there_are() {
    let world = World::new(1, 1);
    for number in 1..=13 {
        let id = format!("8c2f0c1e-5a54-4c0e-9d6b-{number:012}");
        assert_eq!(code(&world.run(&["tenant", "add", &id])), 0);
    }
    let shown = text(&world.run(&["status"]).stdout);
    assert_eq!(shown.matches("lastseen sync --tenant 8c2f").count(), 10, "{shown}");
    assert!(shown.contains("never synced (13)") && shown.contains("and 3 more; --wide shows them all"), "{shown}");
    assert_eq!(text(&world.run(&["status", "--wide"]).stdout).matches("lastseen sync --tenant 8c2f").count(), 13);
}

#[test]
fn what_is_drawn_again_and_again_needs_a_terminal() {
    let world = World::new(1, 1);
    world.sync(&[CONFIGURATION]);
    let refused = world.run(&["status", "--watch"]);
    assert_eq!(code(&refused), 2);
    assert!(text(&refused.stderr).contains("lastseen status --output json"), "{}", text(&refused.stderr));
}

#[test]
fn a_pending_run_is_cancelled_at_once_and_one_that_ended_is_said_to_have() {
    let world = World::new(1, 3);
    let tenant = world.tenant().to_string();
    let (_, run) = world.json(&["sync", "--queue", "--tenant", &tenant, "--types", CONFIGURATION]);
    let id = run["run_id"].as_str().expect("an id");
    let (exit, cancelled) = world.json(&["runs", "cancel", &id[id.len() - 8..]]);
    assert_eq!((exit, &cancelled["status"], &cancelled["error_codes"]), (0, &json!("skipped"), &json!(["cancelled"])));
    let again = world.run(&["runs", "cancel", id]);
    assert_eq!(code(&again), 1);
    assert!(
        text(&again.stderr).contains("had ended") && text(&again.stderr).contains("lastseen runs --status running"),
        "{}",
        text(&again.stderr)
    );
    assert_eq!(code(&world.run(&["runs", "cancel", "ffff"])), 1);
}

#[test]
fn a_running_run_is_cancelled_by_its_worker_and_what_it_listed_stays() {
    let world = World::new(1, 3);
    std::fs::write(world.folder.path().join("lastseen.toml"), "[run]\nrenew_every = '1s'").expect("written");
    let path = World::path(COMPLIANCE);
    world.simulator.faults().add(Fault::always(FaultAction::Hang).on(&path));
    let tenant = world.tenant().to_string();
    let types = format!("{CONFIGURATION},{COMPLIANCE}");
    let (_, run) = world.json(&["sync", "--queue", "--tenant", &tenant, "--types", &types]);
    let id = run["run_id"].as_str().expect("an id");
    let mut worker = Served::start(&world, &["--role", "worker", "--poll-every", "1s"]);
    world.wait_until_asked(&path, 0);
    while world.json(&["items"]).1["items"].as_array().map(Vec::len) != Some(3) {
        std::thread::yield_now();
    }
    let status = text(&world.run(&["status"]).stdout);
    assert!(status.contains("1 of 2 types listed, 3 items, 1 page so far"), "{status}");
    let cancelled = world.run(&["runs", "cancel", id]);
    assert_eq!(code(&cancelled), 0, "{}", text(&cancelled.stderr));
    assert!(text(&cancelled.stdout).contains("its worker hears of it"), "{}", text(&cancelled.stdout));
    worker.hear("cancelled");
    worker.signal("-TERM");
    assert_eq!(worker.ended().0, Some(0));
    let (_, shown) = world.json(&["runs", "show", id]);
    assert_eq!((&shown["status"], &shown["error_codes"]), (&json!("partial"), &json!(["cancelled"])));
    assert_eq!(world.json(&["items"]).1["items"].as_array().map(Vec::len), Some(3));
}

#[test]
fn two_runs_of_a_selection_are_held_against_each_other() {
    let world = World::new(1, 5);
    let types = [CONFIGURATION, COMPLIANCE];
    let (_, first) = world.sync(&types);
    let (_, items) = world.json(&["items", "--type", CONFIGURATION]);
    let named = items["items"].as_array().expect("items").iter().find(|item| item["display_name"].is_string()).expect("a name").clone();
    world.remove(&named);
    let key = CONFIGURATION.parse().expect("a key");
    let new = "5f0d4f4e-53f4-4d93-a15d-6b1f3c5f7a11";
    world.simulator.world().insert(world.tenant(), &key, new, Some("A new one")).expect("it is new");
    let (_, second) = world.sync(&types);
    let id = |run: &serde_json::Value| run["run_id"].as_str().expect("an id").to_owned();
    let (older, newer) = (id(&first), id(&second));
    insta::assert_snapshot!("diff", redacted(&world, &world.run(&["diff", &newer, &older[older.len() - 8..]])));

    world.simulator.faults().add(Fault::always(FaultAction::error(NamedError::Forbidden)).on(&World::path(COMPLIANCE)));
    let (_, third) = world.sync(&types);
    let third = id(&third);
    insta::assert_snapshot!("diff_in_doubt", redacted(&world, &world.run(&["diff", &newer, &third])));
    let (_, all) = world.json(&["diff", &newer, &third, "--all", "--kind", "gone"]);
    assert_eq!(all["changes"].as_array().map(Vec::len), Some(5));
    assert!(all["changes"].as_array().expect("rows").iter().all(|row| row["confidence"] == "low" && row["policy_type"] == COMPLIANCE));
    let (_, sure) = world.json(&["diff", &newer, &third]);
    assert_eq!(sure["changes"], json!([]));

    world.simulator.faults().clear();
    let (_, other) = world.sync(&[CONFIGURATION]);
    for (words, part) in [
        ([older.as_str(), older.as_str()], "are the same run"),
        ([older.as_str(), other["run_id"].as_str().expect("an id")], "list different selections"),
        ([older.as_str(), "ffff"], "has no run `ffff`"),
    ] {
        let refused = world.run(&[&["diff"], &words[..]].concat());
        let said = text(&refused.stderr);
        assert!(code(&refused) != 0 && said.contains(part) && said.contains("\n  next  "), "{said}");
    }
}
