//! Tokens of the API, as an administrator makes and takes them.

use serde_json::json;

use crate::support::{CONFIGURATION, World, code, contains, text};

/// A world whose tenants are known to the database.
fn world(tenants: u32) -> (World, Vec<String>) {
    let world = World::new(tenants, 1);
    let ids: Vec<String> = world.simulator.tenants().iter().map(|tenant| tenant.tenant_id.to_string()).collect();
    for (number, id) in ids.iter().enumerate() {
        assert_eq!(code(&world.run(&["tenant", "add", id, "--name", &format!("Tenant {}", number + 1)])), 0);
    }
    (world, ids)
}

#[test]
fn a_token_is_shown_once_alone_on_standard_output_and_only_its_hash_is_kept() {
    let (world, _) = world(1);
    let made = world.run(&["token", "create", "--name", "ci", "--role", "reader", "--all-tenants", "--log", "trace"]);
    assert_eq!(code(&made), 0, "{}", text(&made.stderr));
    let (secret, said) = (text(&made.stdout), text(&made.stderr));
    let secret = secret.trim_end();
    assert!(secret.starts_with("lastseen_") && !secret.contains(char::is_whitespace), "{secret}");
    assert!(said.contains("reader of every tenant, until ") && said.contains("shown this once"), "{said}");
    assert!(!said.contains(secret), "i17: not in the log either");
    assert!(!contains(&world.disk(), secret), "i17: not in the database");
    let (_, listed) = world.json(&["token", "list"]);
    assert!(!listed.to_string().contains(secret));
    let token = &listed["tokens"][0];
    assert_eq!((&token["name"], &token["role"], &token["tenants"]), (&json!("ci"), &json!("reader"), &json!("all")));
    assert_eq!((&token["revoked_at"], &token["last_used_at"]), (&json!(null), &json!(null)));
}

#[test]
fn programs_get_the_token_in_the_document() {
    let (world, ids) = world(2);
    let words = ["token", "create", "--name", "ci", "--role", "operator", "--tenants", &ids[1], "--expires-in", "30d"];
    let (exit, made) = world.json(&words);
    assert_eq!((exit, &made["tenants"]), (0, &json!([ids[1]])));
    assert!(made["token"].as_str().is_some_and(|token| token.starts_with("lastseen_")), "{made}");
}

#[test]
fn a_token_for_nobody_in_particular_is_refused_with_both_ways_out() {
    let (world, ids) = world(1);
    let refused = world.run(&["token", "create", "--name", "ci", "--role", "reader"]);
    assert_eq!(code(&refused), 2);
    insta::assert_snapshot!("no_tenants_said", text(&refused.stderr));
    let both = world.run(&["token", "create", "--name", "ci", "--role", "reader", "--all-tenants", "--tenant", &ids[0]]);
    assert_eq!(code(&both), 2, "{}", text(&both.stderr));
    let stranger = "8c2f0c1e-5a54-4c0e-9d6b-3f1f0f6b7a10";
    let unknown = world.run(&["token", "create", "--name", "ci", "--role", "reader", "--tenants", stranger]);
    assert_eq!(code(&unknown), 2);
    assert!(text(&unknown.stderr).contains(&format!("lastseen tenant add {stranger}")), "{}", text(&unknown.stderr));
    for (name, ends) in [("", "90d"), ("two\nlines", "90d"), ("ci", "59s"), ("ci", "731d")] {
        let words = ["token", "create", "--name", name, "--role", "reader", "--all-tenants", "--expires-in", ends];
        assert_eq!(code(&world.run(&words)), 2, "{name:?} {ends}");
    }
    assert_eq!(world.json(&["token", "list"]).1["tokens"], json!([]), "nothing was made");
}

#[test]
fn a_token_is_taken_back_by_its_name_or_a_part_of_its_id() {
    let (world, ids) = world(2);
    for (name, tenants) in [("dashboard", &ids[..]), ("ci", &ids[..1])] {
        let words = ["token", "create", "--name", name, "--role", "reader", "--tenants", &tenants.join(","), "--expires-in", "1000m"];
        assert_eq!(code(&world.run(&words)), 0);
    }
    let shown = text(&world.run(&["token", "list"]).stdout);
    assert!(shown.contains("Tenant 1, Tenant 2") && shown.contains("in 16 hours") && shown.contains("never"), "{shown}");
    assert_eq!(code(&world.run(&["token", "revoke", "ci"])), 0);
    let again = world.run(&["token", "revoke", "ci"]);
    assert_eq!((code(&again), text(&again.stdout).contains("was revoked before")), (0, true));
    let (_, listed) = world.json(&["token", "list"]);
    let dashboard = listed["tokens"].as_array().expect("tokens").iter().find(|token| token["name"] == "dashboard").expect("it is there");
    let id = dashboard["token_id"].as_str().expect("an id");
    let (exit, revoked) = world.json(&["token", "revoke", &id[id.len() - 8..]]);
    assert_eq!((exit, revoked["revoked_at"].is_string()), (0, true));
    let unknown = world.run(&["token", "revoke", "nobody"]);
    assert_eq!(code(&unknown), 1);
    assert!(text(&unknown.stderr).contains("lastseen token list"), "{}", text(&unknown.stderr));
}

#[test]
fn where_no_token_was_made_the_next_step_is_told() {
    let world = World::new(1, 1);
    world.sync(&[CONFIGURATION]);
    let shown = text(&world.run(&["token", "list"]).stdout);
    assert!(shown.contains("next: lastseen token create"), "{shown}");
}
