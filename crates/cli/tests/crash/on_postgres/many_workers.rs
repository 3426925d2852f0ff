//! Many workers on one queue: the limits hold, and each run is done once.

use crate::on_postgres::database::Database;
use crate::on_postgres::invariants;
use crate::on_postgres::process::Process;
use crate::on_postgres::wait;
use crate::on_postgres::world::{ALONE, TYPES, World};

const TENANTS: usize = 10;
const WORKERS: usize = 4;
const GLOBAL: u32 = 3;

/// Notes at each claim how many runs there are with it. Claims take turns, so what one of them sees is not about to change; a run whose end is
/// not committed yet counts. The runs' own times would not do: a claim takes its time before it counts.
const CLAIMS: &str = "
    CREATE TABLE claims (in_all bigint, of_tenant bigint);
    CREATE FUNCTION note_claim() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN
        INSERT INTO claims SELECT count(*), count(*) FILTER (WHERE tenant_id = NEW.tenant_id) FROM sync_runs WHERE status = 'running';
        RETURN NULL;
    END $$;
    CREATE TRIGGER note_claim AFTER UPDATE ON sync_runs FOR EACH ROW
        WHEN (OLD.status = 'pending' AND NEW.status = 'running') EXECUTE FUNCTION note_claim();";

#[test]
fn many_workers_do_each_queued_run_once_and_never_more_at_once_than_the_limits_allow() {
    let world = World::new(u32::try_from(TENANTS).expect("few"));
    world.configure(&format!("[limits]\nglobal = {GLOBAL}\nper_tenant = 1\n"));
    let database = Database::shared(&world);
    database.ask(CLAIMS);
    let tenants: Vec<_> = (0..TENANTS).map(|place| world.tenant(place)).collect();
    // Three selections of each tenant, so that they compete for the tenant's one slot.
    for tenant in &tenants {
        for name in TYPES {
            let queued = Process::run(world.queue(&database.url(), *tenant, name));
            assert_eq!(queued.code, Some(0), "{queued:?}");
        }
    }
    let workers: Vec<Process> = (0..WORKERS).map(|_| Process::start(world.worker(&database.url()))).collect();
    wait::until("every run to end", || {
        // What anybody sees at any time, beside what every claim saw.
        let running = "SELECT count(*), count(DISTINCT tenant_id) FROM sync_runs WHERE status = 'running'";
        let [live, running] = database.ask_each(["SELECT count(*) FROM sync_runs WHERE finished_at IS NULL", running]);
        let (in_all, tenants) = running.split_once('|').expect("two fields");
        assert_eq!(in_all, tenants, "several runs of one tenant at once");
        assert!(in_all.parse::<u32>().expect("a number") <= GLOBAL, "{in_all} runs at once");
        live == "0"
    });
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
    let claims = format!("SELECT count(*), max(in_all) BETWEEN 2 AND {GLOBAL}, max(of_tenant) FROM claims");
    let each_once = tenants.len() * TYPES.len();
    assert_eq!(database.ask(&claims), format!("{each_once}|t|1"), "how many, and at most at once in all and of one tenant");
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
