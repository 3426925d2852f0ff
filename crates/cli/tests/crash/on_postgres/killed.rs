//! I11, I12: a process that is killed at any of its calls to the database costs its own run, and nothing else.

use lastseen_model::TenantId;
use lastseen_test_postgres::Verdict;

use crate::on_postgres::database::{Database, servers};
use crate::on_postgres::invariants;
use crate::on_postgres::process::Process;
use crate::on_postgres::trap::{Moment, Trap};
use crate::on_postgres::watch::{Step, Verb};
use crate::on_postgres::world::{PAGES, World};

/// How many moments are taken by chance, beside every beginning and every commit.
const BY_CHANCE: u64 = 12;

/// One path after the other, so that the n-th message is the same one in every run.
const ONE_BY_ONE: &str = "[run]\npaths_at_once = 1\n";

/// Every transaction before its first statement, before its commit, and after its commit but before the process knows; and some statements.
fn points(begins: u32, commits: u32, statements: u32, seed: u64) -> Vec<(Moment, Verdict)> {
    let commit = Step::Commit(Verb::Other);
    let mut points: Vec<(Moment, Verdict)> = (1..=begins).map(|number| ((Step::Begin, number), Verdict::Cut)).collect();
    points.extend((1..=commits).flat_map(|number| [((commit, number), Verdict::Cut), ((commit, number), Verdict::Forward)]));
    let mut state = seed;
    points.extend((0..BY_CHANCE).map(|_| {
        // Knuth's generator; what matters is that it is the same in every run of the test.
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let number = u32::try_from((state >> 33) % u64::from(statements)).expect("small") + 1;
        ((Step::Statement, number), if state >> 63 == 0 { Verdict::Cut } else { Verdict::Forward })
    }));
    points
}

/// The moments of an undisturbed run of a tenant.
fn moments(database: &Database, world: &World, tenant: TenantId, seed: u64) -> Vec<(Moment, Verdict)> {
    let trap = Trap::before(servers().address(), None);
    let ended = Process::run(world.sync(&trap.url(&database.name), tenant));
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let watch = trap.watch();
    assert_eq!(
        [Verb::Claim, Verb::Page, Verb::Finish].map(|verb| watch.count(Step::Commit(verb))),
        [1, PAGES, 1],
        "the verbs are told apart"
    );
    let count = |step| watch.count(step);
    points(count(Step::Begin), count(Step::Commit(Verb::Other)), count(Step::Statement), seed)
}

/// Kills a sync of a tenant at a moment, looks at what is left, lets its lease end, and syncs again.
fn kill(database: &Database, world: &World, tenant: TenantId, (moment, verdict): (Moment, Verdict), tenants: &[TenantId]) {
    let (runs_before, pages_before) = (database.runs(tenant).len(), database.pages(tenant));
    let trap = Trap::before(servers().address(), Some(moment));
    let process = Process::start(world.sync(&trap.url(&database.name), tenant));
    trap.sprung();
    process.kill();
    trap.answer(verdict);
    database.wait_until_left();

    let [claimed, pages, finished] = [Verb::Claim, Verb::Page, Verb::Finish].map(|verb| trap.watch().arrived(verb, verdict));
    assert_eq!(database.pages(tenant) - pages_before, pages, "what is stored is what was committed, no more and no less");
    let left: Vec<String> = database.runs(tenant).split_off(runs_before);
    let expected: &[&str] = match (claimed, finished) {
        (0, _) => &[],
        (_, 0) => &["running"],
        _ => &["success"],
    };
    assert_eq!(left, expected);
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
    for (place, point) in moments(&database, &world, world.tenant(0), 1).into_iter().enumerate() {
        println!("{point:?}");
        let tenant = world.tenant(place + 1);
        tenants.push(tenant);
        kill(&database, &world, tenant, point, &tenants);
    }
    println!("{} moments", tenants.len() - 1);
}

#[test]
fn i12_a_run_of_a_known_tenant_that_is_killed_at_any_store_call_loses_and_invents_nothing() {
    let world = World::new(1);
    world.configure(ONE_BY_ONE);
    let database = Database::shared(&world);
    let tenant = world.tenant(0);
    let first = Process::run(world.sync(&database.url(), tenant));
    assert_eq!(first.code, Some(0), "{first:?}");
    world.churn(tenant);
    let points = moments(&database, &world, tenant, 2);
    for point in &points {
        println!("{point:?}");
        world.churn(tenant);
        kill(&database, &world, tenant, *point, &[tenant]);
    }
    println!("{} moments", points.len());
}
