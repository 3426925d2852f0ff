//! Two tenants side by side: as one of them, every command answers the other's ids as it answers ids that do not exist.

use serde_json::Value;

use crate::support::{COMPLIANCE, CONFIGURATION, World, code, text};

/// A tenant's ids that another one might learn of.
struct Ids {
    run: String,
    external_id: String,
    selection: String,
}

/// What every command that takes ids says to `tenant` about these, each with its exit code; the ids themselves are blanked.
fn asks(world: &World, tenant: &str, ids: &Ids) -> Vec<String> {
    let cursor =
        lastseen_store::Cursor { policy_type: CONFIGURATION.parse().expect("a key"), external_id: ids.external_id.parse().expect("an id") };
    let cursor = cursor.to_string();
    let commands: [&[&str]; 10] = [
        &["runs", "show", &ids.run],
        &["runs", "show", &ids.run[..13]],
        &["runs", "--selection", &ids.selection],
        &["items", "--search", &ids.external_id],
        &["items", "--type", CONFIGURATION, "--cursor", &cursor],
        &["missing", "--selection", &ids.selection],
        &["missing", "--selection", &ids.selection, "--reference", "latest-complete"],
        &["missing", "ack", CONFIGURATION, &ids.external_id, "--note", "mine"],
        &["missing", "unack", CONFIGURATION, &ids.external_id],
        &["explain", CONFIGURATION, &ids.external_id],
    ];
    let blank = |said: String| {
        let words = [&ids.run, &ids.run[..13], &ids.selection, &ids.external_id, &ids.selection[..12], &cursor];
        words.iter().fold(said, |said, word| said.replace(*word, "<id>"))
    };
    let ask = |command: &&[&str]| {
        let said = |output: &str| {
            let answer = world.command(command).args(["--tenant", tenant, "--output", output]).output().expect("the binary runs");
            format!("{:?} {} {}{}", &command[..2], code(&answer), text(&answer.stdout), text(&answer.stderr))
        };
        blank(said("json") + &said("table"))
    };
    commands.iter().map(ask).collect()
}

/// All that a tenant sees of itself.
fn sees(world: &World, tenant: &str) -> Vec<Value> {
    let commands: [&[&str]; 5] =
        [&["items"], &["runs"], &["selections"], &["missing", "--types", CONFIGURATION, "--acknowledged"], &["items", "--search", "a"]];
    commands.iter().map(|command| world.json(&[command, &["--tenant", tenant][..]].concat()).1).collect()
}

fn another_tenants_ids_are_told_from_none(world: &World) {
    let tenants: Vec<String> = world.simulator.tenants().iter().map(|plan| plan.tenant_id.to_string()).collect();
    let (own, other) = (&tenants[0], &tenants[1]);
    assert_eq!(world.json(&["sync", "--tenant", own, "--types", COMPLIANCE]).0, 0);
    let (code, run) = world.json(&["sync", "--tenant", other, "--types", CONFIGURATION]);
    assert_eq!(code, 0);
    let (_, items) = world.json(&["items", "--tenant", other]);
    let foreign = Ids {
        run: run["run_id"].as_str().expect("an id").to_owned(),
        external_id: items["items"][0]["external_id"].as_str().expect("an id").to_owned(),
        selection: run["selection_hash"].as_str().expect("a hash").to_owned(),
    };
    let before = sees(world, other);
    let absent =
        Ids { run: "01234567-89ab-7def-8123-456789abcdef".to_owned(), external_id: "no-such-policy".to_owned(), selection: "0".repeat(64) };
    for (foreign, absent) in asks(world, own, &foreign).into_iter().zip(asks(world, own, &absent)) {
        assert_eq!(foreign, absent);
    }
    assert_eq!(sees(world, other), before, "and the other tenant is as it was");
}

#[test]
fn r05_as_one_tenant_every_command_answers_anothers_ids_as_ids_that_do_not_exist() {
    another_tenants_ids_are_told_from_none(&World::new(2, 4));
}

mod on_postgres {
    use super::*;

    #[test]
    fn r05_as_one_tenant_every_command_answers_anothers_ids_as_ids_that_do_not_exist() {
        another_tenants_ids_are_told_from_none(&World::on_postgres(2, 4));
    }
}
