//! The SQL contract, read as an administrator would: with Debian's `sqlite3` shell or with `psql`, beside the program's own answers.

use std::process::Command;

use lastseen_simulator::{Fault, FaultAction, NamedError};
use serde_json::{Value, json};

use crate::support::{COMPLIANCE, CONFIGURATION, World, text};

/// The columns of each view, in order (semantics, section 8).
const VIEWS: &[(&str, &str)] = &[
    (
        "inventory_items",
        "tenant_id, policy_type, external_id, category, display_name, platform, meta_jsonb, assignment_count, first_seen_at, \
         first_seen_run_id, changed_at, last_seen_at, last_seen_run_id",
    ),
    (
        "inventory_sync_runs",
        "tenant_id, run_id, run_no, selection_hash, selection_payload, status, had_errors, correlation_id, trigger, created_at, started_at, \
         finished_at, items_observed, items_upserted, items_created, items_changed, items_unseen, items_rejected, errors_count, error_codes",
    ),
    (
        "inventory_missing",
        "tenant_id, selection_hash, policy_type, external_id, category, display_name, platform, confidence, reasons, listing_outcome, \
         reference_run_id, reference_status, reference_finished_at, first_seen_at, last_seen_at, last_seen_run_id, missing_since, \
         missing_since_run_id, acknowledged_at",
    ),
    (
        "inventory_coverage",
        "tenant_id, selection_hash, policy_type, reference_run_id, reference_status, reference_finished_at, outcome, error_code, \
         items_observed, items_unseen, latest_complete_run_id, latest_complete_at",
    ),
];

/// What the shell answers; none where there is no shell.
#[expect(clippy::print_stdout, reason = "a skipped test says so")]
fn shell(world: &World, mode: &str, sql: &str) -> Option<String> {
    let output = Command::new("sqlite3").arg(mode).arg(world.database()).arg(sql).output();
    let Ok(output) = output else {
        println!("skipped: there is no `sqlite3` shell on this machine; `cargo xtask test --install` installs it");
        return None;
    };
    assert!(output.status.success(), "{sql}: {}", text(&output.stderr));
    Some(text(&output.stdout))
}

fn rows(world: &World, sql: &str) -> Option<Vec<Value>> {
    let answer = shell(world, "-json", sql)?;
    Some(if answer.is_empty() { Vec::new() } else { serde_json::from_str(&answer).expect("JSON") })
}

/// A history with everything in it: changes, a forbidden type, missing items with and without doubt, a note, a skipped run.
fn lived_in(world: World) -> World {
    world.sync(&[CONFIGURATION, COMPLIANCE]);
    let (_, items) = world.json(&["items", "--type", CONFIGURATION]);
    for item in items["items"].as_array().expect("items").iter().take(3) {
        world.remove(item);
    }
    world.simulator.faults().add(Fault::always(FaultAction::error(NamedError::Forbidden)).on(&World::path(COMPLIANCE)));
    world.sync(&[CONFIGURATION, COMPLIANCE]);
    world.simulator.faults().clear();
    world.sync(&[CONFIGURATION]);
    let id = items["items"][0]["external_id"].as_str().expect("an id");
    world.run(&["missing", "ack", CONFIGURATION, id, "--note", "gone for good"]);
    world
}

#[test]
fn the_four_views_have_their_columns_in_order() {
    let world = lived_in(World::new(1, 25));
    for (view, columns) in VIEWS {
        let sql = format!("SELECT group_concat(name, ', ') FROM (SELECT name FROM pragma_table_info('{view}') ORDER BY cid)");
        let Some(found) = shell(&world, "-list", &sql) else { return };
        assert_eq!(found.trim(), *columns, "{view}");
    }
}

#[test]
fn program_and_database_say_the_same_in_every_column() {
    let world = lived_in(World::new(1, 25));
    program_and_views_agree(&world, |sql| rows(&world, sql));
}

/// Compares the program's answers with what `read` finds in the views; nothing where nobody can read.
fn program_and_views_agree(world: &World, read: impl Fn(&str) -> Option<Vec<Value>>) {
    let (_, runs) = world.json(&["runs"]);
    let (_, items) = world.json(&["items"]);
    let everything = [CONFIGURATION, COMPLIANCE].join(",");
    let (_, both) = world.json(&["missing", "--types", &everything, "--acknowledged"]);
    let (_, one) = world.json(&["missing", "--types", CONFIGURATION, "--acknowledged"]);
    let of = |document: &Value, array: &str| document[array].as_array().expect("an array").clone();
    let program = [
        ("inventory_items", "ORDER BY policy_type, external_id", of(&items, "items")),
        ("inventory_sync_runs", "ORDER BY created_at DESC", of(&runs, "runs")),
        ("inventory_missing", "ORDER BY selection_hash, policy_type, external_id", [of(&both, "missing"), of(&one, "missing")].concat()),
        ("inventory_coverage", "ORDER BY selection_hash, policy_type", [of(&both, "coverage"), of(&one, "coverage")].concat()),
    ];
    for (view, order, mut said) in program {
        let Some(stored) = read(&format!("SELECT * FROM {view} {order}")) else { return };
        let key =
            |row: &Value| ["selection_hash", "policy_type", "external_id"].map(|name| row[name].as_str().unwrap_or_default().to_owned());
        if view != "inventory_sync_runs" {
            said.sort_by_key(key);
        }
        let (_, columns) = VIEWS.iter().find(|(name, _)| *name == view).expect("a view");
        assert_eq!(stored.len(), said.len(), "{view}");
        assert!(!stored.is_empty(), "{view}");
        for (stored, said) in stored.iter().zip(&said) {
            for column in columns.split(", ") {
                assert_eq!(as_program(column, &stored[column]), value_of(said, column), "{view}.{column}");
            }
        }
    }
}

/// A stored value as the program would say it: booleans are 0 and 1, arrays and objects are text.
fn as_program(column: &str, stored: &Value) -> Value {
    match (column, stored) {
        ("had_errors", Value::Number(number)) => json!(number.as_i64() == Some(1)),
        ("meta_jsonb" | "reasons" | "error_codes" | "selection_payload", Value::String(text)) => {
            serde_json::from_str(text).expect("JSON text")
        }
        _ => stored.clone(),
    }
}

/// A run's counts stand in an object of their own in the program's answer.
fn value_of(said: &Value, column: &str) -> Value {
    match column {
        "errors_count" => said["counts"]["errors"].clone(),
        counted if said["counts"][counted].is_number() => said["counts"][counted].clone(),
        plain => said[plain].clone(),
    }
}

#[test]
fn times_have_six_digits_and_ids_are_lower_case() {
    let world = lived_in(World::new(1, 25));
    let times = "GLOB '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]T[0-9][0-9]:[0-9][0-9]:[0-9][0-9].[0-9][0-9][0-9][0-9][0-9][0-9]Z'";
    let sql = format!(
        "SELECT count(*) AS odd FROM inventory_items WHERE NOT (first_seen_at {times} AND changed_at {times} AND last_seen_at {times}) \
         OR tenant_id <> lower(tenant_id) OR length(tenant_id) <> 36 OR length(last_seen_run_id) <> 36 OR json_type(meta_jsonb) <> 'object'"
    );
    let Some(odd) = rows(&world, &sql) else { return };
    assert_eq!(odd, [json!({"odd": 0})]);
}

/// The SQL that the README shows, statement by statement.
fn examples_of_the_readme() -> Vec<String> {
    let readme = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../README.md")).expect("README.md");
    let block = readme.split("```sql").nth(1).and_then(|rest| rest.split("```").next()).expect("SQL in the README");
    let statements: Vec<String> = block.split(';').map(str::trim).filter(|sql| !sql.is_empty()).map(str::to_owned).collect();
    assert!(statements.len() >= 4);
    statements
}

#[test]
fn the_examples_of_the_readme_run() {
    let world = lived_in(World::new(1, 25));
    for sql in examples_of_the_readme() {
        // The shell takes what begins with a hyphen, as a comment does, for an option.
        if shell(&world, "-json", &format!(" {sql}")).is_none() {
            return;
        }
    }
}

mod on_postgres {
    use super::*;

    /// What `psql` answers to the application's role, which has told the session its tenant.
    fn psql(world: &World, sql: &str) -> String {
        let tenant = format!("SELECT set_config('app.tenant_id', '{}', false);", world.tenant());
        let answer = lastseen_test_postgres::psql(world.database_url(), &format!("{tenant} {sql}")).expect("psql answers");
        answer.lines().skip(1).collect::<Vec<_>>().join("\n")
    }

    /// Times as the contract's other database has them; the rest is the same.
    fn rows(world: &World, sql: &str) -> Vec<Value> {
        let answer = psql(world, &format!("SELECT coalesce(jsonb_agg(to_jsonb(v)), '[]') FROM ({sql}) v"));
        let mut rows: Vec<Value> = serde_json::from_str(&answer).expect("JSON");
        for row in &mut rows {
            for (column, value) in row.as_object_mut().expect("a row") {
                if let Some(time) = value.as_str().filter(|_| column.ends_with("_at") || column == "missing_since") {
                    *value = lastseen_model::time::text(time.parse().expect("a time")).into();
                }
            }
        }
        rows
    }

    #[test]
    fn the_four_views_have_their_columns_in_order() {
        let world = World::on_postgres(1, 1);
        for (view, columns) in VIEWS {
            let sql = format!(
                "SELECT string_agg(column_name, ', ' ORDER BY ordinal_position) FROM information_schema.columns WHERE table_name = '{view}'"
            );
            assert_eq!(psql(&world, &sql), *columns, "{view}");
        }
    }

    #[test]
    fn program_and_database_say_the_same_in_every_column() {
        let world = lived_in(World::on_postgres(1, 25));
        program_and_views_agree(&world, |sql| Some(rows(&world, sql)));
    }

    #[test]
    fn the_examples_of_the_readme_run() {
        let world = lived_in(World::on_postgres(1, 25));
        for sql in examples_of_the_readme() {
            psql(&world, &sql);
        }
    }
}
