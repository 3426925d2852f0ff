//! Connections that break at any message: before it arrives, and after it has, so that the process can't know what became of it.

use std::time::Duration;

use lastseen_simulator::{Fault, FaultAction, NamedError};
use lastseen_test_postgres::Verdict;
use rstest::rstest;

use crate::on_postgres::database::{Database, servers};
use crate::on_postgres::invariants;
use crate::on_postgres::points::{ONE_BY_ONE, points};
use crate::on_postgres::process::Process;
use crate::on_postgres::trap::Trap;
use crate::on_postgres::watch::{Step, Verb};
use crate::on_postgres::world::{ALONE, PAGES, World};

/// A run goes on through a broken connection from its start on, also where the answer to its claim was lost. Before that nobody waits: the
/// command says that the database is away.
#[rstest]
#[case::before_it_arrives(Verdict::Cut)]
#[case::after_it_arrived(Verdict::Unanswered)]
fn a_connection_that_breaks_at_any_message_ends_no_run(#[case] verdict: Verdict) {
    let world = World::new(1);
    world.configure(ONE_BY_ONE);
    let database = Database::shared(&world);
    let tenant = world.tenant(0);
    let undisturbed = Trap::before(servers().address(), None);
    // The second one is watched: a first run makes what later ones find.
    for url in [database.url(), undisturbed.url(&database.name)] {
        let ended = Process::run(world.sync(&url, tenant));
        assert_eq!(ended.code, Some(0), "{ended:?}");
        world.churn(tenant);
    }

    let points = points(&undisturbed.watch(), 3);
    // A start is two transactions: the reaper's look, and the claim.
    let begun_with_the_start = undisturbed.watch().begun_until(Step::Commit(Verb::Claim)) - 1;
    for moment in &points {
        println!("{moment:?}");
        world.churn(tenant);
        let (runs_before, pages_before) = database.state(tenant);
        let runs_before = runs_before.len();
        let trap = Trap::before(servers().address(), Some(*moment));
        let process = Process::start(world.sync(&trap.url(&database.name), tenant));
        trap.sprung();
        let was_started = trap.watch().count(Step::Begin) >= begun_with_the_start;
        trap.answer(verdict);
        let ended = process.end();
        let (mut left, pages) = database.state(tenant);
        let left = left.split_off(runs_before);
        if was_started {
            assert_eq!((ended.code, left), (Some(0), vec!["success".to_owned()]), "{ended:?}");
            assert_eq!(ended.json()["status"], "success");
            assert_eq!(pages - pages_before, PAGES, "no page counts twice");
        } else {
            assert_eq!((ended.code, left), (Some(2), Vec::new()), "{ended:?}");
        }
        let next = Process::run(world.sync(&database.url(), tenant));
        assert_eq!(next.code, Some(0), "{next:?}");
        invariants::hold(&database, &[tenant]);
        invariants::hold_after_success(&database, &world, tenant, runs_before);
    }
    println!("{} messages", points.len());
}

#[rstest]
fn a_listing_that_is_given_up_over_a_broken_connection_is_one_error(#[values(Verdict::Cut, Verdict::Unanswered)] verdict: Verdict) {
    let world = World::new(1);
    let database = Database::shared(&world);
    let tenant = world.tenant(0);
    world.simulator.faults().add(Fault::always(FaultAction::error(NamedError::Forbidden)).on(ALONE));
    let trap = Trap::before(servers().address(), Some((Step::Commit(Verb::GiveUp), 1)));
    let process = Process::start(world.sync(&trap.url(&database.name), tenant));
    trap.sprung();
    trap.answer(verdict);
    let ended = process.end();
    assert_eq!(ended.code, Some(3), "{ended:?}");
    assert_eq!(
        database.ask("SELECT status, errors_count, error_codes, (SELECT count(*) FROM run_errors) FROM sync_runs"),
        "partial|1|{graph_forbidden}|1"
    );
    invariants::hold(&database, &[tenant]);
    invariants::hold_for(&database, &world, tenant, 0);
}

#[rstest]
fn a_renewal_over_a_broken_connection_loses_no_lease(#[values(Verdict::Cut, Verdict::Unanswered)] verdict: Verdict) {
    let world = World::new(1);
    world.configure("[run]\nrenew_every = '1s'\n");
    let database = Database::shared(&world);
    let tenant = world.tenant(0);
    world.simulator.faults().add(Fault::always(FaultAction::Slow(Duration::from_secs(4))).on(ALONE));
    let trap = Trap::before(servers().address(), Some((Step::Commit(Verb::Renew), 1)));
    let process = Process::start(world.sync(&trap.url(&database.name), tenant));
    trap.sprung();
    trap.answer(verdict);
    let ended = process.end();
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(trap.watch().count(Step::Commit(Verb::Renew)) > 1, "it went on renewing");
    assert_eq!(database.runs(tenant), ["success"]);
    invariants::hold(&database, &[tenant]);
    invariants::hold_after_success(&database, &world, tenant, 0);
}
