//! The primary dies in the middle of several runs, and its synchronous replica takes over behind the same address.

use lastseen_test_postgres::{Cluster, Options, Verdict};
use rstest::rstest;

use crate::on_postgres::database::Database;
use crate::on_postgres::invariants;
use crate::on_postgres::process::Process;
use crate::on_postgres::trap::{Moment, Trap};
use crate::on_postgres::wait;
use crate::on_postgres::watch::{Step, Verb};
use crate::on_postgres::world::{PAGES, TYPES, World};

/// How many tenants have a queued run.
const TENANTS: u32 = 6;

#[rstest]
#[case::while_pages_are_stored((Step::Commit(Verb::Page), 9), false)]
#[case::while_a_run_ends((Step::Commit(Verb::Finish), 2), false)]
#[case::while_a_run_is_claimed((Step::Commit(Verb::Claim), 5), false)]
#[case::through_a_time_in_which_only_reading_is_allowed((Step::Commit(Verb::Page), 9), true)]
fn workers_go_on_against_the_new_primary_and_nothing_that_they_were_told_of_is_lost(#[case] moment: Moment, #[case] read_only: bool) {
    let world = World::new(TENANTS);
    // Short enough to be waited for, and much longer than the replica needs.
    world.configure("[run]\nlease = '20s'\nrenew_every = '2s'\n");
    let primary = Cluster::start(Options::default()).expect("a cluster");
    let standby = primary.replica().expect("a replica");
    let old = Database::within(&world, &primary);
    primary.make_synchronous().expect("it follows");
    let tenants: Vec<_> = (0..TENANTS as usize).map(|place| world.tenant(place)).collect();
    for tenant in &tenants {
        let queued = Process::run(world.queue(&old.url(), *tenant, &TYPES.join(",")));
        assert_eq!(queued.code, Some(0), "{queued:?}");
    }

    let trap = Trap::before(primary.address(), Some(moment));
    let worker = Process::start(world.worker(&trap.url(&old.name)));
    trap.sprung();
    primary.kill().expect("killed");
    let new = old.on(&standby);
    if read_only {
        // The way leads to the replica before it takes over.
        trap.repoint(standby.address());
        trap.answer(Verdict::Cut);
        wait::until("the worker to meet the replica", || standby.log().contains("in a read-only transaction"));
    }
    standby.promote().expect("it takes over");

    // Where nothing reaches the new primary yet, it shows what the old one had answered for, and nothing more.
    let [claims, pages, ends] = [Verb::Claim, Verb::Page, Verb::Finish].map(|verb| trap.watch().told(verb));
    let [claimed, ended] = [
        "SELECT count(*) FROM sync_runs WHERE run_no IS NOT NULL",
        "SELECT count(*) FROM sync_runs WHERE run_no IS NOT NULL AND finished_at IS NOT NULL",
    ]
    .map(|sql| new.ask(sql).parse::<u32>().expect("a number"));
    let stored: u32 = tenants.iter().map(|tenant| new.pages(*tenant)).sum();
    let (told, found) = ([claims, pages, ends], [claimed, stored, ended]);
    assert!(told.iter().zip(&found).all(|(told, found)| told <= found), "claims, pages and ends: told of {told:?}, found {found:?}");
    assert!(claims + pages + ends > 0, "the worker had begun");
    invariants::hold(&new, &tenants);

    if !read_only {
        trap.repoint(standby.address());
        trap.answer(Verdict::Cut);
    }
    wait_until_all_end(&new);
    // A claim of which nobody could be told is one more dead worker's; it ended with its lease, and is wanted again.
    let lost: Vec<_> = tenants.iter().filter(|tenant| new.runs(**tenant) != ["success"]).collect();
    for tenant in &lost {
        assert_eq!(new.runs(**tenant), ["failed worker_lost"]);
        let queued = Process::run(world.queue(&new.url(), **tenant, &TYPES.join(",")));
        assert_eq!(queued.code, Some(0), "{queued:?}");
    }
    assert!(lost.len() <= 1, "a worker claims one run after the other");
    wait_until_all_end(&new);
    for tenant in &tenants {
        assert_eq!(new.runs(*tenant).last().map(String::as_str), Some("success"));
        assert_eq!(new.pages(*tenant), PAGES, "no page is lost, and none counts twice");
        invariants::hold_after_success(&new, &world, *tenant, 0);
    }
    invariants::hold(&new, &tenants);
    worker.signal("-TERM");
    let ended = worker.end();
    assert_eq!(ended.code, Some(0), "{ended:?}");
}

fn wait_until_all_end(database: &Database) {
    let live = "SELECT count(*) FROM sync_runs WHERE status IN ('pending', 'running')";
    wait::until("every run to end", || database.ask(live) == "0");
}
