//! One item over the runs, after real syncs.

use lastseen_simulator::{Fault, FaultAction, NamedError};
use serde_json::{Value, json};

use crate::support::{COMPLIANCE, CONFIGURATION, World, code, text};

/// An item that was seen twice, gone once, unreadable once, and came back; and another selection that saw it once.
fn story() -> (World, Value) {
    let world = World::new(1, 5);
    let sync = |types: &[&str]| drop(world.sync(types));
    sync(&[CONFIGURATION]);
    let (_, items) = world.json(&["items", "--type", CONFIGURATION]);
    let item = items["items"][0].clone();
    sync(&[CONFIGURATION]);
    world.remove(&item);
    sync(&[CONFIGURATION]);
    let path = World::path(CONFIGURATION);
    world.simulator.faults().add(Fault::always(FaultAction::error(NamedError::Forbidden)).on(&path));
    sync(&[CONFIGURATION]);
    world.simulator.faults().clear();
    let key = CONFIGURATION.parse().expect("a key");
    let id = item["external_id"].as_str().expect("an id");
    world.simulator.world().insert(world.tenant(), &key, id, item["display_name"].as_str()).expect("it is new");
    sync(&[CONFIGURATION]);
    sync(&[CONFIGURATION, COMPLIANCE]);
    (world, item)
}

#[test]
fn an_item_is_a_strip_for_each_selection_with_what_turned_below() {
    let (world, item) = story();
    let id = item["external_id"].as_str().expect("an id");
    let shown = world.run(&["timeline", CONFIGURATION, id]);
    assert_eq!(code(&shown), 0, "{}", text(&shown.stderr));
    let shown = text(&shown.stdout);
    assert!(shown.contains(&format!("\n{CONFIGURATION}           ●●○?●\n")), "{shown}");
    assert!(shown.contains("deviceCompliancePolicy, dev…  ●\n"), "{shown}");
    for (turn, times) in [("first seen", 1), ("gone", 1), ("reappeared", 1), ("  seen ", 1)] {
        assert_eq!(shown.lines().filter(|line| line.trim_start().starts_with(turn.trim_start())).count(), times, "{turn}: {shown}");
    }
    let ascii = world.command(&["timeline", CONFIGURATION, id]).env("LANG", "C").output().expect("the binary runs");
    assert!(text(&ascii.stdout).contains("xxo?x"), "{}", text(&ascii.stdout));
}

#[test]
fn programs_read_the_listings_and_the_turns() {
    let (world, item) = story();
    let (exit, document) = world.json(&["timeline", CONFIGURATION, item["external_id"].as_str().expect("an id")]);
    assert_eq!((exit, &document["external_id"]), (0, &item["external_id"]));
    let strip = document["strips"]
        .as_array()
        .expect("strips")
        .iter()
        .find(|strip| strip["listings"].as_array().is_some_and(|rows| rows.len() == 5));
    let strip = strip.expect("the one with five runs");
    let all = |key: &str, of: &str| strip[key].as_array().expect("rows").iter().map(|row| row[of].clone()).collect::<Vec<_>>();
    assert_eq!(all("listings", "mark"), ["seen", "seen", "not_there", "could_not_tell", "seen"]);
    assert_eq!(all("turns", "turn"), ["first_seen", "gone", "reappeared"]);
    assert_eq!(strip["turns"][1]["run_id"], strip["listings"][2]["run_id"]);
    assert_eq!(strip["selection_payload"], json!({"categories": [], "policy_types": [CONFIGURATION]}));
}
