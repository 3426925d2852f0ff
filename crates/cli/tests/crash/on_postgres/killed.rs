//! I11, I12: a process that is killed at any of its calls to the database costs its own run, and nothing else.

use lastseen_model::TenantId;
use lastseen_test_postgres::Verdict;

use crate::on_postgres::database::{Database, servers};
use crate::on_postgres::invariants;
use crate::on_postgres::points::{self, ONE_BY_ONE};
use crate::on_postgres::process::Process;
use crate::on_postgres::trap::{Moment, Trap};
use crate::on_postgres::watch::{Step, Verb};
use crate::on_postgres::world::{PAGES, World};

/// How many crashes one database sees.
const SOME: usize = 11;

/// Where a run of a tenant is killed, and whether the message at which it is still arrives; found by an undisturbed run.
fn ways_to_die(database: &Database, world: &World, tenant: TenantId, seed: u64) -> Vec<(Moment, Verdict)> {
    let trap = Trap::before(servers().address(), None);
    let ended = Process::run(world.sync(&trap.url(&database.name), tenant));
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let watch = trap.watch();
    assert_eq!(
        [Verb::Claim, Verb::Page, Verb::Finish].map(|verb| watch.count(Step::Commit(verb))),
        [1, PAGES, 1],
        "the verbs are told apart"
    );
    points::ways_to_die(&watch, seed)
}

/// Kills a sync of a tenant at a moment, looks at what is left, lets its lease end, and syncs again.
fn kill(database: &Database, world: &World, tenant: TenantId, (moment, verdict): (Moment, Verdict), tenants: &[TenantId]) {
    let (runs_before, pages_before) = database.state(tenant);
    let runs_before = runs_before.len();
    let trap = Trap::before(servers().address(), Some(moment));
    let process = Process::start(world.sync(&trap.url(&database.name), tenant));
    trap.sprung();
    process.kill();
    trap.answer(verdict);
    database.wait_until_left();

    let [claimed, pages, finished] = [Verb::Claim, Verb::Page, Verb::Finish].map(|verb| trap.watch().arrived(verb, verdict));
    let (mut left, stored) = database.state(tenant);
    assert_eq!(stored - pages_before, pages, "what is stored is what was committed, no more and no less");
    let expected: &[&str] = match (claimed, finished) {
        (0, _) => &[],
        (_, 0) => &["running"],
        _ => &["success"],
    };
    assert_eq!(left.split_off(runs_before), expected);
    invariants::hold(database, tenants);
    invariants::hold_for(database, world, tenant, runs_before);

    database.age(tenant);
    let next = Process::run(world.sync(&database.url(), tenant));
    assert_eq!(next.code, Some(0), "{next:?}");
    let left: Vec<String> = database.runs(tenant).split_off(runs_before);
    let expected: &[&str] = match (claimed, finished) {
        (0, _) => &["success"],
        (_, 0) => &["failed worker_lost", "success"],
        _ => &["success", "success"],
    };
    assert_eq!(left, expected);
    invariants::hold(database, tenants);
    invariants::hold_after_success(database, world, tenant, runs_before);
}

#[test]
fn i11_a_first_run_that_is_killed_at_any_store_call_ends_as_worker_lost_and_the_next_one_succeeds() {
    let world = World::new(100);
    world.configure(ONE_BY_ONE);
    let database = Database::shared(&world);
    let mut tenants = vec![world.tenant(0)];
    for (place, way) in ways_to_die(&database, &world, world.tenant(0), 1).into_iter().enumerate() {
        println!("{way:?}");
        let tenant = world.tenant(place + 1);
        tenants.push(tenant);
        kill(&database, &world, tenant, way, &tenants);
    }
    println!("{} ways to die", tenants.len() - 1);
}

#[test]
fn i12_a_run_of_a_known_tenant_that_is_killed_at_any_store_call_loses_and_invents_nothing() {
    let world = World::new(1);
    world.configure(ONE_BY_ONE);
    let tenant = world.tenant(0);
    let known = || {
        let database = Database::shared(&world);
        let first = Process::run(world.sync(&database.url(), tenant));
        assert_eq!(first.code, Some(0), "{first:?}");
        world.churn(tenant);
        database
    };
    let ways = ways_to_die(&known(), &world, tenant, 2);
    // Several in one database, so that one crash meets what another left; not all, for the history that is looked at grows with each.
    for some in ways.chunks(SOME) {
        let database = known();
        for way in some {
            println!("{way:?}");
            world.churn(tenant);
            kill(&database, &world, tenant, *way, &[tenant]);
        }
    }
    println!("{} ways to die", ways.len());
}
