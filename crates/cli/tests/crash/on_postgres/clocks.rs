//! I23: a worker's own clock decides nothing.

use lastseen_model::TenantId;
use lastseen_test_postgres::Verdict;

use crate::on_postgres::database::{Database, servers};
use crate::on_postgres::invariants;
use crate::on_postgres::process::{Ended, Process};
use crate::on_postgres::trap::Trap;
use crate::on_postgres::watch::{Step, Verb};
use crate::on_postgres::world::{TYPES, World};

const AHEAD: &str = "+1h";
const BEHIND: &str = "-1h";

/// Syncs by a process whose clock is wrong. How long it waits is measured by the machine's other clock, which nobody sets.
fn sync_by(wrong: &str, world: &World, database: &Database, tenant: TenantId) -> Ended {
    let words = ["sync", "--tenant", &tenant.to_string(), "--types", &TYPES.join(","), "--output", "json"];
    let mut command = world.command_by(&["faketime", "-f", wrong], &database.url(), &words);
    command.env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
    Process::run(command)
}

/// By how many minutes the clock of whoever made a run is ahead of the database's. The id of a run tells it, and orders nothing.
fn minutes_ahead(database: &Database, run: &str) -> i64 {
    let milliseconds = i64::from_str_radix(&run.replace('-', "")[..12], 16).expect("an id with a time");
    let created = format!("SELECT floor(extract(epoch FROM created_at) * 1000)::bigint FROM sync_runs WHERE run_id = '{run}'");
    (milliseconds - database.ask(&created).parse::<i64>().expect("a number")) / 60_000
}

#[test]
fn i23_a_worker_whose_clock_is_wrong_by_an_hour_changes_nothing() {
    let world = World::new(1);
    let database = Database::shared(&world);
    let tenant = world.tenant(0);
    let began = database.ask("SELECT clock_timestamp()");
    let mut made = Vec::new();
    for (wrong, minutes) in [(AHEAD, 59..=60), (BEHIND, -60..=-59), (AHEAD, 59..=60)] {
        world.churn(tenant);
        let ended = sync_by(wrong, &world, &database, tenant);
        assert_eq!(ended.code, Some(0), "{ended:?}");
        let run = ended.json()["run_id"].as_str().expect("an id").to_owned();
        assert!(minutes.contains(&minutes_ahead(&database, &run)), "its clock was not wrong");
        invariants::hold(&database, &[tenant]);
        invariants::hold_after_success(&database, &world, tenant, made.len());
        made.push(run);
    }

    // The lease of a process that was killed is over when the database says so, and not when it is by the clock of who starts next.
    let trap = Trap::before(servers().address(), Some((Step::Commit(Verb::Page), 2)));
    let process = Process::start(world.sync(&trap.url(&database.name), tenant));
    trap.sprung();
    process.kill();
    trap.answer(Verdict::Cut);
    database.wait_until_left();
    let early = sync_by(AHEAD, &world, &database, tenant);
    assert_eq!((early.code, &early.json()["error_codes"]), (Some(4), &["lock_contended"].into()), "by its clock the lease was over");
    database.age(tenant);
    let late = sync_by(BEHIND, &world, &database, tenant);
    assert_eq!(late.code, Some(0), "by its clock the lease had hardly begun: {late:?}");
    assert_eq!(database.runs(tenant)[3..], ["failed worker_lost", "skipped lock_contended", "success"]);
    invariants::hold(&database, &[tenant]);
    invariants::hold_after_success(&database, &world, tenant, 3);

    // The newest first, whatever the clocks said.
    let shown = Process::run(world.command(&database.url(), &["runs", "--output", "json"])).json();
    let shown: Vec<&str> = shown["runs"].as_array().expect("runs").iter().map(|run| run["run_id"].as_str().expect("an id")).collect();
    assert_eq!(shown.len(), 6);
    assert!(made.iter().rev().eq(&shown[3..]), "{shown:?}, and not {made:?} from behind");
    let times = "SELECT r.t FROM (
                     SELECT unnest(ARRAY[created_at, started_at, finished_at]) AS t FROM sync_runs
                     UNION ALL SELECT unnest(ARRAY[started_at, last_page_at, ended_at]) FROM listings
                     UNION ALL SELECT unnest(ARRAY[first_seen_at, last_seen_at, changed_at]) FROM item_evidence
                     UNION ALL SELECT registered_at FROM tenants UNION ALL SELECT first_used_at FROM selections
                 ) AS r";
    assert_eq!(database.ask(&format!("{times} WHERE r.t NOT BETWEEN '{began}' AND clock_timestamp()")), "", "times of another clock");
}
