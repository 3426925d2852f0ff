//! I11: through PgBouncer in transaction mode, which gives a process another server connection for each transaction.

use lastseen_test_postgres::{APP_ROLE, Cluster, Options, Pooler, Verdict};

use crate::on_postgres::database::{Database, servers};
use crate::on_postgres::invariants;
use crate::on_postgres::process::Process;
use crate::on_postgres::trap::Trap;
use crate::on_postgres::wait;
use crate::on_postgres::watch::{Step, Verb};
use crate::on_postgres::world::{PAGES, TYPES, World};

#[test]
fn a_worker_behind_a_pooler_does_what_is_queued() {
    let world = World::new(3);
    let database = Database::shared(&world);
    let pooled = servers().pooled_url(APP_ROLE, &database.name);
    let tenants = [0, 1, 2].map(|place| world.tenant(place));
    for tenant in tenants {
        let queued = Process::run(world.queue(&pooled, tenant, &TYPES.join(",")));
        assert_eq!(queued.code, Some(0), "{queued:?}");
    }
    let worker = Process::start(world.worker(&pooled));
    wait::until("every run to succeed", || tenants.iter().all(|tenant| database.runs(*tenant) == ["success"]));
    worker.signal("-TERM");
    let ended = worker.end();
    assert_eq!(ended.code, Some(0), "{ended:?}");
    invariants::hold(&database, &tenants);
    for tenant in tenants {
        assert_eq!(database.pages(tenant), PAGES);
        invariants::hold_after_success(&database, &world, tenant, 0);
    }
}

#[test]
fn i11_a_process_that_is_killed_behind_a_pooler_leaves_no_lock_behind() {
    let world = World::new(1);
    let database = Database::shared(&world);
    let tenant = world.tenant(0);
    let trap = Trap::before(servers().pooler_address(), Some((Step::Commit(Verb::Page), 2)));
    let process = Process::start(world.sync(&trap.url(&database.name), tenant));
    trap.sprung();
    process.kill();
    trap.answer(Verdict::Cut);
    database.age(tenant);
    let pooled = servers().pooled_url(APP_ROLE, &database.name);
    wait::until("the next run", || Process::run(world.sync(&pooled, tenant)).code == Some(0));
    let runs: Vec<String> = database.runs(tenant).into_iter().filter(|run| run != "skipped lock_contended").collect();
    assert_eq!(runs, ["failed worker_lost", "success"]);
    invariants::hold(&database, &[tenant]);
    invariants::hold_after_success(&database, &world, tenant, 0);
}

#[test]
fn a_run_behind_a_pooler_survives_a_database_that_is_killed_and_comes_back() {
    let world = World::new(1);
    let cluster = Cluster::start(Options::default()).expect("a cluster");
    let pooler = Pooler::start(cluster.address()).expect("a pooler");
    let database = Database::within(&world, &cluster);
    let tenant = world.tenant(0);
    let trap = Trap::before(pooler.address(), Some((Step::Commit(Verb::Page), 2)));
    let process = Process::start(world.sync(&trap.url(&database.name), tenant));
    trap.sprung();
    cluster.kill().expect("killed");
    trap.answer(Verdict::Forward);
    cluster.start_again().expect("it recovers");
    let ended = process.end();
    assert_eq!((ended.code, &ended.json()["status"]), (Some(0), &"success".into()), "{ended:?}");
    assert_eq!(database.state(tenant), (vec!["success".to_owned()], PAGES));
    invariants::hold(&database, &[tenant]);
    invariants::hold_after_success(&database, &world, tenant, 0);
}
