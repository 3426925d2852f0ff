//! What the commands answer, to people and to programs, after real syncs.

use lastseen_simulator::{Fault, FaultAction, NamedError};
use serde_json::{Value, json};

use crate::support::{COMPLIANCE, CONFIGURATION, World, code, text};

#[test]
fn sync_prints_the_run_record() {
    let world = World::new(1, 6);
    let (code, run) = world.sync(&[CONFIGURATION, COMPLIANCE]);
    assert_eq!((code, &run["status"], &run["had_errors"]), (0, &json!("success"), &json!(false)));
    assert_eq!(run["tenant_id"], json!(world.tenant()));
    assert_eq!(run["selection_payload"], json!({"categories": [], "policy_types": [COMPLIANCE, CONFIGURATION]}));
    assert_eq!(run["selection_hash"].as_str().map(str::len), Some(64));
    for key in ["run_id", "correlation_id", "started_at", "finished_at", "error_codes"] {
        assert!(!run[key].is_null(), "{key}");
    }
    assert_eq!((&run["counts"]["items_observed"], &run["counts"]["items_created"]), (&json!(12), &json!(12)));
    for key in [
        "items_upserted",
        "items_changed",
        "items_unseen",
        "items_rejected",
        "errors",
        "requests",
        "retries",
        "throttled",
        "bytes_received",
        "meta_keys_dropped",
    ] {
        assert!(run["counts"][key].is_u64(), "{key}");
    }
    let listings = run["listings"].as_array().expect("listings");
    assert_eq!(listings.len(), 2);
    for listing in listings {
        assert_eq!((&listing["outcome"], &listing["error_code"], &listing["observed"]), (&json!("complete"), &Value::Null, &json!(6)));
        assert!(listing["pages"].is_u64());
    }
}

#[test]
fn exit_codes_tell_partial_failed_and_skipped_apart() {
    let world = World::new(1, 4);
    world.simulator.faults().add(Fault::always(FaultAction::error(NamedError::Forbidden)).on(&World::path(COMPLIANCE)));
    let (partial, run) = world.sync(&[CONFIGURATION, COMPLIANCE]);
    assert_eq!((partial, &run["status"], &run["error_codes"]), (3, &json!("partial"), &json!(["graph_forbidden"])));
    let (failed, run) = world.sync(&[COMPLIANCE]);
    assert_eq!((failed, &run["status"]), (1, &json!("failed")));

    std::fs::write(world.folder.path().join("lastseen.toml"), "[limits]\nglobal = 1").expect("written");
    world.simulator.faults().clear();
    world.simulator.faults().add(Fault::always(FaultAction::Hang).on(&World::path(CONFIGURATION)));
    let (tenant, before) = (world.tenant().to_string(), world.asked(&World::path(CONFIGURATION)));
    let mut held = std::process::Command::new(env!("CARGO_BIN_EXE_lastseen"));
    for (name, value) in world.command(&[]).get_envs() {
        held.env(name, value.expect("set"));
    }
    let held = held
        .current_dir(world.folder.path())
        .args(["sync", "--tenant", &tenant, "--types", CONFIGURATION])
        .stdout(std::process::Stdio::null())
        .spawn();
    let mut held = held.expect("it starts");
    world.wait_until_asked(&World::path(CONFIGURATION), before);
    let (limited, run) = world.sync(&[COMPLIANCE]);
    let (locked, contended) = world.sync(&[CONFIGURATION]);
    held.kill().expect("it runs");
    held.wait().expect("it ends");
    assert_eq!(
        (limited, &run["status"], &run["error_codes"], &run["had_errors"]),
        (4, &json!("skipped"), &json!(["concurrency_limit_global"]), &json!(true))
    );
    assert_eq!((locked, &contended["error_codes"]), (4, &json!(["lock_contended"])));
}

#[test]
fn r27_missing_tells_the_baseline_the_reference_and_the_coverage() {
    let world = World::new(1, 30);
    world.sync(&[COMPLIANCE]);
    let (code, none) = world.json(&["missing", "--types", CONFIGURATION]);
    assert_eq!((code, &none["baseline"], &none["missing"], &none["reference_run_id"]), (0, &json!(false), &json!([]), &Value::Null));

    world.sync(&[CONFIGURATION]);
    let (_, items) = world.json(&["items", "--type", CONFIGURATION]);
    let gone = items["items"][3].clone();
    world.remove(&gone);
    let (_, run) = world.sync(&[CONFIGURATION]);
    let (_, missing) = world.json(&["missing", "--types", CONFIGURATION]);
    assert_eq!(
        (&missing["baseline"], &missing["reference_run_id"], &missing["reference_status"]),
        (&json!(true), &run["run_id"], &json!("success"))
    );
    assert_eq!(missing["reference_finished_at"], run["finished_at"]);
    let rows = missing["missing"].as_array().expect("rows");
    assert_eq!(rows.len(), 1);
    let row = &rows[0];
    assert_eq!((&row["external_id"], &row["confidence"], &row["reasons"]), (&gone["external_id"], &json!("high"), &json!([])));
    assert_eq!((&row["listing_outcome"], &row["missing_since_run_id"]), (&json!("complete"), &run["run_id"]));
    let coverage = &missing["coverage"][0];
    assert_eq!(
        (&coverage["policy_type"], &coverage["outcome"], &coverage["items_observed"], &coverage["items_unseen"]),
        (&json!(CONFIGURATION), &json!("complete"), &json!(29), &json!(1))
    );
    let (_, by_hash) = world.json(&["missing", "--selection", missing["selection_hash"].as_str().expect("a hash")]);
    assert_eq!(by_hash["missing"], missing["missing"]);
    let (_, none_low) = world.json(&["missing", "--types", CONFIGURATION, "--confidence", "low"]);
    assert_eq!(none_low["missing"], json!([]));
}

#[test]
fn an_acknowledged_item_stays_out_of_the_list_until_it_is_seen_again() {
    let world = World::new(1, 12);
    world.sync(&[CONFIGURATION]);
    let (_, items) = world.json(&["items"]);
    let gone = items["items"][0].clone();
    world.remove(&gone);
    world.sync(&[CONFIGURATION]);
    let id = gone["external_id"].as_str().expect("an id");
    assert_eq!(code(&world.run(&["missing", "ack", CONFIGURATION, id, "--note", "retired"])), 0);
    let (_, hidden) = world.json(&["missing", "--types", CONFIGURATION]);
    assert_eq!((hidden["missing"].as_array().map(Vec::len), &hidden["acknowledged"]), (Some(0), &json!(1)));
    let (_, shown) = world.json(&["missing", "--types", CONFIGURATION, "--acknowledged"]);
    assert!(shown["missing"][0]["acknowledged_at"].is_string());
    let (_, explained) = world.json(&["explain", CONFIGURATION, id]);
    assert_eq!((&explained["acknowledgement"]["note"], &explained["acknowledgement"]["author"]), (&json!("retired"), &json!("tester")));
    assert_eq!(code(&world.run(&["missing", "unack", CONFIGURATION, id])), 0);
    assert_eq!(world.json(&["missing", "--types", CONFIGURATION]).1["missing"].as_array().map(Vec::len), Some(1));
    assert_eq!(code(&world.run(&["missing", "unack", CONFIGURATION, id])), 1, "there is no note any more");
    assert_eq!(code(&world.run(&["missing", "ack", CONFIGURATION, "no-such-id"])), 1);
}

#[test]
fn an_item_that_is_there_can_not_be_acknowledged() {
    let world = World::new(1, 5);
    world.sync(&[CONFIGURATION]);
    let (_, items) = world.json(&["items"]);
    let output = world.run(&["missing", "ack", CONFIGURATION, items["items"][0]["external_id"].as_str().expect("an id")]);
    assert_eq!(code(&output), 1);
    assert!(text(&output.stderr).contains("is not missing"), "a note made now would hide the day it goes: {}", text(&output.stderr));
}

#[test]
fn an_item_is_found_by_the_beginning_of_its_id_and_a_misspelt_type_is_told() {
    let world = World::new(1, 5);
    world.sync(&[CONFIGURATION]);
    let (_, items) = world.json(&["items"]);
    let id = items["items"][0]["external_id"].as_str().expect("an id").to_owned();
    assert_eq!(world.json(&["explain", CONFIGURATION, &id[..13]]).1["external_id"], json!(id));
    let misspelt = world.run(&["explain", "deviceConfigurations", &id]);
    assert_eq!(code(&misspelt), 2);
    assert!(text(&misspelt.stderr).contains("did you mean `deviceConfiguration`?"), "{}", text(&misspelt.stderr));
    assert_eq!(code(&world.run(&["explain", CONFIGURATION, "no-such-id"])), 1);
}

#[test]
fn the_reference_latest_complete_tells_what_each_type_last_proved() {
    let world = World::new(1, 5);
    world.sync(&[CONFIGURATION, COMPLIANCE]);
    world.simulator.faults().add(Fault::always(FaultAction::error(NamedError::Forbidden)));
    world.sync(&[CONFIGURATION, COMPLIANCE]);
    let both = [CONFIGURATION, COMPLIANCE].join(",");
    let output = text(&world.run(&["missing", "--types", &both, "--reference", "latest-complete"]).stdout);
    assert!(output.contains("2 types listed completely") && output.contains("nothing is missing: 2 of 2 types"), "{output}");
}

#[test]
fn pages_of_items_join_to_the_whole() {
    let world = World::new(1, 25);
    world.sync(&[CONFIGURATION, COMPLIANCE]);
    let (_, whole) = world.json(&["items"]);
    let (mut joined, mut cursor) = (Vec::new(), None::<String>);
    loop {
        let mut words = vec!["items", "--limit", "7"];
        if let Some(cursor) = &cursor {
            words.extend(["--cursor", cursor]);
        }
        let (_, page) = world.json(&words);
        joined.extend(page["items"].as_array().expect("items").iter().cloned());
        match page["next_cursor"].as_str() {
            Some(next) => cursor = Some(next.to_owned()),
            None => break,
        }
    }
    assert_eq!(json!(joined), whole["items"]);
    assert_eq!(joined.len(), 50);
}

#[test]
fn types_and_hash_need_no_database() {
    let world = World::new(1, 1);
    let (_, types) = world.json(&["types"]);
    let types = types["types"].as_array().expect("types").clone();
    assert!(types.len() >= 30);
    for key in ["policy_type", "category", "path", "api_version", "permission"] {
        assert!(types.iter().all(|known| known[key].is_string()), "{key}");
    }
    assert!(types.iter().any(|known| known["enabled"] == json!(false)));
    let (_, hash) = world.json(&["hash"]);
    // printf '%s' '{"categories":[],"policy_types":[]}' | sha256sum
    assert_eq!(hash["canonical"], json!(r#"{"categories":[],"policy_types":[]}"#));
    assert_eq!(hash["selection_hash"], json!("a875b387f6eed0f5b8e1d68108a59db5c3dd2d8c23e5f8e7f1e9187fe98aefac"));
    let (_, one) = world.json(&["hash", "--types", "deviceConfiguration,deviceCompliancePolicy"]);
    let (_, other) = world.json(&["hash", "--types", "deviceCompliancePolicy", "--types", "deviceConfiguration,deviceConfiguration"]);
    assert_eq!(one, other);
    assert!(!world.database().exists());
}

#[test]
fn all_tenants_are_synced_one_after_another() {
    let world = World::new(3, 3);
    let tenants: Vec<String> = world.simulator.tenants().iter().map(|tenant| tenant.tenant_id.to_string()).collect();
    for tenant in &tenants {
        assert_eq!(code(&world.run(&["sync", "--tenant", tenant, "--types", CONFIGURATION])), 0);
    }
    let (code, all) = world.json(&["sync", "--all-tenants", "--types", CONFIGURATION]);
    assert_eq!(code, 0);
    let runs = all["runs"].as_array().expect("runs");
    assert_eq!(
        runs.iter().map(|run| run["tenant_id"].as_str().expect("a tenant").to_owned()).collect::<std::collections::BTreeSet<_>>(),
        tenants.iter().cloned().collect()
    );
    let output = world.run(&["missing"]);
    assert_eq!(crate::support::code(&output), 2, "which tenant is not clear");
    assert!(text(&output.stderr).contains(&tenants[1]));
}

/// What people see, with what differs from run to run replaced by words of the same length.
pub(crate) fn redacted(world: &World, output: &std::process::Output) -> String {
    let mut out = text(&output.stdout);
    if !output.stderr.is_empty() {
        out = format!("{out}--- standard error\n{}", text(&output.stderr));
    }
    let (_, runs) = world.json(&["runs", "--limit", "100", "--tenant", &world.tenant().to_string()]);
    for (number, run) in runs["runs"].as_array().into_iter().flatten().rev().enumerate() {
        let id = run["run_id"].as_str().expect("an id");
        out = out.replace(id, &format!("<run {}>", number + 1)).replace(&id[id.len() - 8..], &format!("run{:05}", number + 1));
    }
    let lines = out.lines().map(|line| {
        // A slow machine tells older ages, and takes longer.
        let line = replaced(line, &["seconds ago", "second ago", "minutes ago", "minute ago"], "just now");
        let line = replaced(&line, &["s: "], "<n> ");
        // Columns are as wide as what was replaced; one gap stands for all.
        let words: Vec<&str> = line.split("  ").map(str::trim).filter(|word| !word.is_empty()).collect();
        let dated = words.join("  ").replace(&world.simulator.origin(), "<origin>");
        dated.split_once("UTC").map_or(dated.clone(), |(before, after)| {
            let kept: Vec<&str> = before.split(' ').collect();
            format!("{} <time>{after}", kept[..kept.len().saturating_sub(5)].join(" "))
        })
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// The line with a number and any of the words behind it replaced.
fn replaced(line: &str, words: &[&str], by: &str) -> String {
    for word in words {
        if let Some((before, after)) = line.split_once(word) {
            let start = before.trim_end().rfind(|c: char| !c.is_ascii_digit() && c != '.').map_or(0, |place| place + 1);
            if start < before.trim_end().len() {
                return replaced(&format!("{}{by}{after}", &before[..start]), words, by);
            }
        }
    }
    line.to_owned()
}

#[test]
fn people_see_the_answer_then_the_reason_then_the_next_step() {
    let world = World::new(1, 24);
    let tenant = world.tenant().to_string();
    let types = format!("{CONFIGURATION},{COMPLIANCE},roleScopeTag");
    let sync = ["sync", "--tenant", &tenant, "--types", &types];
    let missing = ["missing", "--types", &types];
    insta::assert_snapshot!("first_sync", redacted(&world, &world.run(&sync)));
    insta::assert_snapshot!("no_baseline", redacted(&world, &world.run(&["missing"])));
    insta::assert_snapshot!("nothing_missing", redacted(&world, &world.run(&missing)));

    let (_, items) = world.json(&["items", "--type", CONFIGURATION]);
    let named = items["items"].as_array().expect("items").iter().find(|item| item["display_name"].is_string()).expect("a name").clone();
    world.remove(&named);
    world.simulator.faults().add(Fault::always(FaultAction::error(NamedError::Forbidden)).on(&World::path("roleScopeTag")));
    insta::assert_snapshot!("partial_sync", redacted(&world, &world.run(&sync)));
    insta::assert_snapshot!("missing_low", redacted(&world, &world.run(&[&missing[..], &["--limit", "3"]].concat())));

    world.simulator.faults().clear();
    world.run(&sync);
    insta::assert_snapshot!("missing_high", redacted(&world, &world.run(&missing)));
    let id = named["external_id"].as_str().expect("an id");
    insta::assert_snapshot!("explain", redacted(&world, &world.run(&["explain", CONFIGURATION, id])));
    insta::assert_snapshot!("runs", redacted(&world, &world.run(&["runs"])));
    insta::assert_snapshot!("selections", redacted(&world, &world.run(&["selections"])));
}

#[test]
fn what_a_missing_item_may_live_on_as_stands_below_it_and_in_the_document() {
    const FROM: &str = "mobileAppCategory";
    const TO: &str = "policySet";
    let world = World::new(1, 6);
    world.sync(&[FROM, TO]);
    let (_, items) = world.json(&["items", "--type", FROM]);
    let gone = items["items"][2].clone();
    world.remove(&gone);
    let to = TO.parse().expect("a key");
    let new = "5f0d4f4e-53f4-4d93-a15d-6b1f3c5f7a11";
    world.simulator.world().insert(world.tenant(), &to, new, gone["display_name"].as_str()).expect("it is new");
    let (_, run) = world.sync(&[FROM, TO]);

    let types = [FROM, TO].join(",");
    let (_, missing) = world.json(&["missing", "--types", &types]);
    let row = &missing["missing"][0];
    assert_eq!((&row["external_id"], &row["confidence"]), (&gone["external_id"], &json!("high")), "a hint, and no doubt");
    let found = &row["possible_successors"];
    assert_eq!((found.as_array().map(Vec::len), &found[0]["policy_type"], &found[0]["external_id"]), (Some(1), &json!(TO), &json!(new)));
    assert_eq!((&found[0]["first_seen_run_id"], found[0]["first_seen_at"].is_string()), (&run["run_id"], true));

    let shown = text(&world.run(&["missing", "--types", &types]).stdout);
    let lines: Vec<&str> = shown.lines().collect();
    let place = lines.iter().position(|line| line.contains(gone["external_id"].as_str().expect("an id"))).expect("its line");
    assert!(lines[place + 1].starts_with(&format!("  may live on as {TO} {new}, first seen ")), "{shown}");
    let explained = text(&world.run(&["explain", FROM, gone["external_id"].as_str().expect("an id")]).stdout);
    assert!(explained.contains(&format!("  may live on as {TO} {new}, first seen ")), "{explained}");
}
