//! I11, I34: killed at the calls that an undisturbed sync does not make: while it renews its lease or gives a listing up, while a run is put
//! into the queue, and while a worker takes it from there.

use lastseen_model::TenantId;
use lastseen_simulator::{Fault, FaultAction, NamedError};
use lastseen_test_postgres::Verdict;
use rstest::rstest;

use crate::on_postgres::database::{Database, servers};
use crate::on_postgres::invariants;
use crate::on_postgres::points::points;
use crate::on_postgres::process::Process;
use crate::on_postgres::trap::Trap;
use crate::on_postgres::wait;
use crate::on_postgres::watch::{Step, Verb};
use crate::on_postgres::world::{TYPES, World};

/// The path of the type that has one for itself.
const ALONE: &str = "/deviceManagement/deviceCompliancePolicies";

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

#[test]
fn a_migration_that_is_killed_at_any_message_leaves_the_whole_schema_or_none() {
    let world = World::new(1);
    let undisturbed = Trap::before(servers().address(), None);
    let migrated = Process::run(world.migrate(&undisturbed.owner_url(&Database::empty(servers().address()).name)));
    assert_eq!(migrated.code, Some(0), "{migrated:?}");
    let points = points(&undisturbed.watch(), 4);
    for moment in &points {
        for verdict in [Verdict::Cut, Verdict::Forward] {
            println!("{moment:?} {verdict:?}");
            let database = Database::empty(servers().address());
            let trap = Trap::before(servers().address(), Some(*moment));
            let process = Process::start(world.migrate(&trap.owner_url(&database.name)));
            trap.sprung();
            process.kill();
            trap.answer(verdict);
            database.wait_until_left();
            let tables = database.ask("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'");
            let is_whole = matches!(moment.0, Step::Commit(_)) && verdict == Verdict::Forward;
            assert_eq!(tables == "0", !is_whole, "{tables} tables are there");
            database.migrate(&world);
            let next = Process::run(world.sync(&database.url(), world.tenant(0)));
            assert_eq!(next.code, Some(0), "{next:?}");
        }
    }
}
