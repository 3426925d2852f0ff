//! I11, I34: killed at the calls that an undisturbed sync does not make: while it renews its lease, gives a listing up or waits for a slot,
//! while a run is put into the queue, and while a worker takes it from there.

use lastseen_model::TenantId;
use lastseen_simulator::{Fault, FaultAction, NamedError};
use lastseen_test_postgres::Verdict;
use rstest::rstest;

use crate::on_postgres::database::{Database, servers};
use crate::on_postgres::invariants;
use crate::on_postgres::process::Process;
use crate::on_postgres::trap::Trap;
use crate::on_postgres::wait;
use crate::on_postgres::watch::{Step, Verb};
use crate::on_postgres::world::{ALONE, TYPES, World};

#[rstest]
fn i11_a_run_that_is_killed_while_it_renews_its_lease_or_gives_a_listing_up_ends_as_worker_lost(
    #[values(Verb::Renew, Verb::GiveUp)] verb: Verb,
    #[values(Verdict::Cut, Verdict::Forward)] verdict: Verdict,
) {
    let world = World::new(1);
    world.configure("[run]\nrenew_every = '1s'\n");
    let database = Database::shared(&world);
    let tenant = world.tenant(0);
    let action = if verb == Verb::Renew { FaultAction::Hang } else { FaultAction::error(NamedError::Forbidden) };
    world.simulator.faults().add(Fault::always(action).on(ALONE));

    let trap = Trap::before(servers().address(), Some((Step::Commit(verb), 1)));
    let process = Process::start(world.sync(&trap.url(&database.name), tenant));
    trap.sprung();
    process.kill();
    trap.answer(verdict);
    database.wait_until_left();
    invariants::hold(&database, &[tenant]);
    invariants::hold_for(&database, &world, tenant, 0);

    world.simulator.faults().clear();
    database.age(tenant);
    let next = Process::run(world.sync(&database.url(), tenant));
    assert_eq!(next.code, Some(0), "{next:?}");
    let codes = if verb == Verb::GiveUp && verdict == Verdict::Forward { "graph_forbidden,worker_lost" } else { "worker_lost" };
    assert_eq!(database.runs(tenant), [format!("failed {codes}").as_str(), "success"]);
    invariants::hold(&database, &[tenant]);
    invariants::hold_after_success(&database, &world, tenant, 0);
}

/// Lets a worker do what is queued until a tenant's runs stand like this.
fn work_until(database: &Database, world: &World, tenant: TenantId, runs: &[&str]) {
    let worker = Process::start(world.worker(&database.url()));
    wait::until("a worker to do what is queued", || database.runs(tenant) == runs);
    worker.signal("-TERM");
    let ended = worker.end();
    assert_eq!(ended.code, Some(0), "{ended:?}");
    invariants::hold(database, &[tenant]);
    invariants::hold_for(database, world, tenant, 0);
}

#[rstest]
#[case::before_it_is_there(Verdict::Cut, &[])]
#[case::when_it_is_there(Verdict::Forward, &["pending"])]
fn i34_a_run_that_is_queued_by_a_process_that_dies_over_it_is_there_whole_or_not_at_all(#[case] verdict: Verdict, #[case] left: &[&str]) {
    let world = World::new(1);
    let database = Database::shared(&world);
    let tenant = world.tenant(0);
    let trap = Trap::before(servers().address(), Some((Step::Commit(Verb::Queue), 1)));
    let process = Process::start(world.queue(&trap.url(&database.name), tenant, &TYPES.join(",")));
    trap.sprung();
    process.kill();
    trap.answer(verdict);
    database.wait_until_left();
    assert_eq!(database.runs(tenant), left);

    let again = Process::run(world.queue(&database.url(), tenant, &TYPES.join(",")));
    if left.is_empty() {
        assert_eq!(again.code, Some(0), "{again:?}");
        work_until(&database, &world, tenant, &["success"]);
    } else {
        assert_eq!(again.code, Some(4), "it is queued already: {again:?}");
        work_until(&database, &world, tenant, &["success", "skipped lock_contended"]);
    }
}

#[rstest]
#[case::before_it_has_it(Verdict::Cut, "pending")]
#[case::when_it_has_it(Verdict::Forward, "running")]
fn i11_a_queued_run_whose_worker_dies_over_its_claim_goes_to_another_or_ends_as_worker_lost(#[case] verdict: Verdict, #[case] left: &str) {
    let world = World::new(1);
    let database = Database::shared(&world);
    let tenant = world.tenant(0);
    let queue = || Process::run(world.queue(&database.url(), tenant, &TYPES.join(",")));
    let queued = queue();
    assert_eq!(queued.code, Some(0), "{queued:?}");
    let trap = Trap::before(servers().address(), Some((Step::Commit(Verb::Claim), 1)));
    let worker = Process::start(world.worker(&trap.url(&database.name)));
    trap.sprung();
    worker.kill();
    trap.answer(verdict);
    database.wait_until_left();
    assert_eq!(database.runs(tenant), [left]);

    if left == "pending" {
        work_until(&database, &world, tenant, &["success"]);
    } else {
        database.age(tenant);
        work_until(&database, &world, tenant, &["failed worker_lost"]);
        assert_eq!(queue().code, Some(0), "the lock is free");
        work_until(&database, &world, tenant, &["failed worker_lost", "success"]);
    }
    invariants::hold_after_success(&database, &world, tenant, 0);
}

#[test]
fn i34_a_run_whose_starter_dies_while_it_waits_for_a_slot_ends_and_frees_the_lock() {
    let world = World::new(2);
    world.configure("[limits]\nglobal = 1\n");
    let database = Database::shared(&world);
    let (busy, waiting) = (world.tenant(0), world.tenant(1));
    world.simulator.faults().add(Fault::always(FaultAction::Hang).on(ALONE).tenant(busy));
    let runs = Process::start(world.sync(&database.url(), busy));
    wait::until("the slot to be taken", || database.runs(busy) == ["running"]);
    let mut waits = world.sync(&database.url(), waiting);
    waits.args(["--on-limit", "wait"]);
    let waits = Process::start(waits);
    wait::until("the other to wait", || database.runs(waiting) == ["pending"]);
    waits.kill();
    runs.kill();

    world.simulator.faults().clear();
    for tenant in [busy, waiting] {
        database.age(tenant);
        let next = Process::run(world.sync(&database.url(), tenant));
        assert_eq!(next.code, Some(0), "{next:?}");
        invariants::hold_after_success(&database, &world, tenant, 0);
    }
    assert_eq!(database.runs(busy), ["failed worker_lost", "success"]);
    assert_eq!(database.runs(waiting), ["skipped worker_lost", "success"]);
    invariants::hold(&database, &[busy, waiting]);
}

/// Nothing is aged here: this one waits.
#[test]
fn i11_the_run_of_a_worker_that_died_is_ended_by_another_as_soon_as_its_lease_is_over() {
    let world = World::new(1);
    world.configure("[run]\nlease = '10s'\nrenew_every = '1s'\n");
    let database = Database::shared(&world);
    let tenant = world.tenant(0);
    let queued = Process::run(world.queue(&database.url(), tenant, &TYPES.join(",")));
    assert_eq!(queued.code, Some(0), "{queued:?}");
    let trap = Trap::before(servers().address(), Some((Step::Commit(Verb::Page), 2)));
    let worker = Process::start(world.worker(&trap.url(&database.name)));
    trap.sprung();
    worker.kill();
    trap.answer(Verdict::Cut);
    let lease_until = database.ask("SELECT lease_until FROM sync_runs");
    work_until(&database, &world, tenant, &["failed worker_lost"]);
    let late = database.ask(&format!("SELECT finished_at - '{lease_until}' BETWEEN '0' AND '5 seconds' FROM sync_runs"));
    assert_eq!(late, "t", "not before its lease was over, and soon after");
}
