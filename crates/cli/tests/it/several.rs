//! A command on several tenants, some of which can't be recorded: what was done for the others is told.

use rstest::rstest;
use serde_json::json;
use sqlx::Connection;

use crate::support::{CONFIGURATION, World, code, text};

/// Tenants that the database knows, of which those at `ailing` can't have another run; and the ids of all.
fn ailing(tenants: u32, ailing: &[usize]) -> (World, Vec<String>) {
    let world = World::new(tenants, 2);
    for plan in world.simulator.tenants() {
        let synced = world.run(&["sync", "--tenant", &plan.tenant_id.to_string(), "--types", CONFIGURATION]);
        assert_eq!(code(&synced), 0, "{}", text(&synced.stderr));
    }
    // In the order in which a command takes them.
    let mut known: Vec<String> = world.simulator.tenants().iter().map(|plan| plan.tenant_id.to_string()).collect();
    known.sort();
    let ids: Vec<String> = ailing.iter().map(|position| format!("'{}'", known[*position])).collect();
    let trigger = format!(
        "CREATE TRIGGER ailing BEFORE INSERT ON sync_runs WHEN new.tenant_id IN ({}) BEGIN SELECT RAISE(ABORT, 'ailing'); END",
        ids.join(", ")
    );
    execute(&world, trigger);
    (world, known)
}

/// Runs a statement beside the program.
fn execute(world: &World, sql: String) {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let mut connection = sqlx::SqliteConnection::connect(&format!("sqlite:{}", world.database().display())).await.expect("opens");
        sqlx::raw_sql(sqlx::AssertSqlSafe(sql)).execute(&mut connection).await.expect("executes");
        connection.close().await.expect("closes");
    });
}

#[test]
fn a_removed_tenant_is_asked_about_only_by_name_and_is_not_synced() {
    let (world, known) = ailing(2, &[]);
    let remove = |tenant: &str| execute(&world, format!("UPDATE tenants SET removed_at = 1 WHERE tenant_id = '{tenant}'"));
    remove(&known[0]);
    let (exit, items) = world.json(&["items"]);
    assert_eq!((exit, &items["items"][0]["tenant_id"]), (0, &json!(known[1])), "the other is the only one meant");
    let (exit, items) = world.json(&["items", "--tenant", &known[0]]);
    assert_eq!((exit, &items["items"][0]["tenant_id"]), (0, &json!(known[0])), "what was seen of it is there");
    for queue in [&[][..], &["--queue"]] {
        let words = [&["sync", "--types", CONFIGURATION], queue].concat();
        let (exit, synced) = world.json(&[&words[..], &["--all-tenants"]].concat());
        assert_eq!((exit, synced["runs"].as_array().map(Vec::len)), (0, Some(1)), "{synced}");
        assert_eq!(synced["runs"][0]["tenant_id"], json!(known[1]));
        let refused = world.run(&[&words[..], &["--tenant", &known[0]]].concat());
        assert_eq!(code(&refused), 2);
        assert!(text(&refused.stderr).starts_with("error: the tenant was removed"), "{}", text(&refused.stderr));
    }
    remove(&known[1]);
    for words in [&["items"][..], &["sync", "--all-tenants"]] {
        assert_eq!(code(&world.run(words)), 2, "{words:?}");
    }
    assert!(text(&world.run(&["items"]).stderr).contains("every tenant that this database knows was removed"));
}

#[rstest]
#[case::synced(&[])]
#[case::queued(&["--queue"])]
fn a_tenant_that_errs_takes_nothing_from_the_others(#[case] flags: &[&str]) {
    let (world, known) = ailing(6, &[0, 1, 3, 4]);
    let words = [&["sync", "--all-tenants", "--types", CONFIGURATION, "--output", "json"], flags].concat();
    let output = world.run(&words);
    assert_eq!(code(&output), 1, "the worst: {}", text(&output.stderr));
    let told = text(&output.stderr);
    assert_eq!(told.matches("the database refused a statement").count(), 4, "{told}");
    let document: serde_json::Value = serde_json::from_slice(&output.stdout).expect("a document");
    assert_eq!(document["runs"].as_array().map(Vec::len), Some(2), "{document}");
    for tenant in [0, 1, 3, 4] {
        assert!(told.contains(&format!("error: {}: ", known[tenant])), "{told}");
    }
}

#[rstest]
#[case::synced(&[])]
#[case::queued(&["--queue"])]
fn three_tenants_in_a_row_without_a_run_are_enough(#[case] flags: &[&str]) {
    let (world, _) = ailing(6, &[1, 2, 3]);
    let words = [&["sync", "--all-tenants", "--types", CONFIGURATION, "--output", "json"], flags].concat();
    let output = world.run(&words);
    let told = text(&output.stderr);
    assert_eq!((code(&output), told.matches("the database refused a statement").count()), (1, 3), "{told}");
    assert!(told.contains("3 tenants in a row came to no run; 2 tenants are left"), "{told}");
    let document: serde_json::Value = serde_json::from_slice(&output.stdout).expect("a document");
    assert_eq!(document["runs"].as_array().map(Vec::len), Some(1), "{document}");
}

#[test]
fn the_problem_of_the_one_tenant_that_was_named_is_the_commands() {
    let (world, _) = ailing(1, &[0]);
    let output = world.run(&["sync", "--types", CONFIGURATION, "--output", "json"]);
    assert_eq!((code(&output), output.stdout.len()), (1, 0));
    assert!(text(&output.stderr).starts_with("error: the database refused a statement"), "{}", text(&output.stderr));
    let output = world.run(&["sync", "--all-tenants", "--types", CONFIGURATION, "--output", "json"]);
    let document: serde_json::Value = serde_json::from_slice(&output.stdout).expect("a document");
    assert_eq!((code(&output), document), (1, json!({ "runs": [] })));
}
