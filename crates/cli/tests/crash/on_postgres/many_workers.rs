//! Many workers on one queue: the limits hold, and each run is done once.

use crate::on_postgres::database::Database;
use crate::on_postgres::invariants;
use crate::on_postgres::process::Process;
use crate::on_postgres::wait;
use crate::on_postgres::world::{ALONE, TYPES, World};

const TENANTS: usize = 10;
const WORKERS: usize = 4;
const GLOBAL: u32 = 3;

#[test]
fn many_workers_do_each_queued_run_once_and_never_more_at_once_than_the_limits_allow() {
    let world = World::new(u32::try_from(TENANTS).expect("few"));
    world.configure(&format!("[limits]\nglobal = {GLOBAL}\nper_tenant = 1\n"));
    let database = Database::shared(&world);
    let tenants: Vec<_> = (0..TENANTS).map(|place| world.tenant(place)).collect();
    // Three selections of each tenant, so that they compete for the tenant's one slot.
    for tenant in &tenants {
        for name in TYPES {
            let queued = Process::run(world.queue(&database.url(), *tenant, name));
            assert_eq!(queued.code, Some(0), "{queued:?}");
        }
    }
    let workers: Vec<Process> = (0..WORKERS).map(|_| Process::start(world.worker(&database.url()))).collect();
    let now = "SELECT count(*), coalesce(max(n), 0), (SELECT count(*) FROM sync_runs WHERE finished_at IS NULL)
               FROM (SELECT tenant_id, count(*) OVER (PARTITION BY tenant_id) AS n FROM sync_runs WHERE status = 'running') AS r";
    let mut most = 0;
    wait::until("every run to end", || {
        let numbers: Vec<u32> = database.ask(now).split('|').map(|number| number.parse().expect("a number")).collect();
        let [running, of_one_tenant, live] = numbers[..] else { panic!("{numbers:?}") };
        assert!(running <= GLOBAL && of_one_tenant <= 1, "{running} runs at once, {of_one_tenant} of one tenant");
        most = most.max(running);
        live == 0
    });
    assert!(most > 1, "there was something to limit");
    for worker in &workers {
        worker.signal("-TERM");
    }
    for worker in workers {
        let ended = worker.end();
        assert_eq!(ended.code, Some(0), "{ended:?}");
    }

    for tenant in &tenants {
        assert_eq!(database.runs(*tenant), ["success"; TYPES.len()]);
    }
    // A look from time to time misses what is short; the runs' own times do not.
    let beside = "count(*) FROM sync_runs b WHERE b.started_at <= a.started_at AND b.finished_at > a.started_at";
    let at_once =
        format!("SELECT max((SELECT {beside})) <= {GLOBAL}, max((SELECT {beside} AND b.tenant_id = a.tenant_id)) <= 1 FROM sync_runs a");
    assert_eq!(database.ask(&at_once), "t|t", "in all, and of one tenant");
    let led_by: usize = database.ask("SELECT count(DISTINCT worker) FROM sync_runs").parse().expect("a number");
    assert!(led_by > 1, "one worker did everything");
    // Each page was asked for once by each run: nobody worked on a run that was another's.
    let asked = world.simulator.counts().by_path;
    let per_tenant = |path: &str| asked[path] / tenants.len() as u64;
    assert_eq!(per_tenant("/deviceManagement/deviceConfigurations"), 2 * 3, "two runs read this path's three pages: {asked:?}");
    assert_eq!(per_tenant(ALONE), 1, "{asked:?}");
    invariants::hold(&database, &tenants);
    for tenant in &tenants {
        invariants::hold_for(&database, &world, *tenant, 0);
    }
}
