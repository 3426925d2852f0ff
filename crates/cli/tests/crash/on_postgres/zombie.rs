//! I11, I32: a process that stands still until its run was ended for it writes nothing when it goes on.

use lastseen_test_postgres::Verdict;
use rstest::rstest;

use crate::on_postgres::database::{Database, servers};
use crate::on_postgres::invariants;
use crate::on_postgres::process::{Ended, Process};
use crate::on_postgres::trap::{Moment, Trap};
use crate::on_postgres::wait;
use crate::on_postgres::watch::{Step, Verb};
use crate::on_postgres::world::World;

/// What became of a process that stood still at a moment while another one synced its tenant.
struct Awakened {
    ended: Ended,
    /// The runs of the tenant before it woke up, without the attempts that met a live run.
    runs: Vec<String>,
}

/// Freezes a sync at a message. The message itself is on its way already where `arrives`; else it comes when the process wakes up, and its
/// transaction stays open until the server ends it.
fn freeze(moment: Moment, arrives: bool) -> Awakened {
    let world = World::new(1);
    world.configure("[run]\npaths_at_once = 1\n");
    let database = Database::shared(&world);
    let tenant = world.tenant(0);
    let first = Process::run(world.sync(&database.url(), tenant));
    assert_eq!(first.code, Some(0), "{first:?}");
    world.churn(tenant);

    let trap = Trap::before(servers().address(), Some(moment));
    let mut zombie = Process::start(world.sync(&trap.url(&database.name), tenant));
    trap.sprung();
    zombie.signal("-STOP");
    if arrives {
        trap.answer(Verdict::Forward);
    }
    database.age(tenant);
    // While the zombie's transaction is open its run can't be reaped, and a start meets a live run; nobody helps but the server's own limit on
    // how long a transaction may stand still.
    wait::until("a sync beside the zombie", || {
        let beside = Process::run(world.sync(&database.url(), tenant));
        assert!([0, 4].map(Some).contains(&beside.code), "{beside:?}");
        beside.code == Some(0)
    });
    invariants::hold(&database, &[tenant]);
    invariants::hold_after_success(&database, &world, tenant, 1);
    let runs = database.runs(tenant).into_iter().filter(|run| run != "skipped lock_contended").collect();
    let before = database.dump();

    assert!(zombie.runs(), "it stands still");
    zombie.signal("-CONT");
    if !arrives {
        trap.answer(Verdict::Forward);
    }
    let ended = zombie.end();
    assert_eq!(database.dump(), before, "it wrote something: {ended:?}");
    Awakened { ended, runs }
}

#[rstest]
#[case::before_its_first_page((Step::Commit(Verb::Claim), 1), true)]
#[case::between_two_pages((Step::Commit(Verb::Page), 2), true)]
#[case::after_its_last_page((Step::Commit(Verb::Page), 4), true)]
#[case::while_a_page_is_open((Step::Commit(Verb::Page), 2), false)]
#[case::while_the_end_is_open((Step::Commit(Verb::Finish), 1), false)]
fn i11_a_zombie_says_that_its_lease_is_lost_and_writes_nothing(#[case] moment: Moment, #[case] arrives: bool) {
    let awakened = freeze(moment, arrives);
    assert_eq!(awakened.runs, ["success", "failed worker_lost", "success"]);
    assert_eq!(awakened.ended.code, Some(1), "{:?}", awakened.ended);
    assert!(awakened.ended.err.contains("lost its lease"), "{:?}", awakened.ended);
}

#[test]
fn i11_a_zombie_that_holds_the_gate_of_all_claims_keeps_nobody_out_for_long_and_has_no_run() {
    let awakened = freeze((Step::Commit(Verb::Claim), 1), false);
    assert_eq!(awakened.runs, ["success", "success"], "what it was about to claim was never there");
    assert_eq!(awakened.ended.code, Some(2), "nothing was begun: {:?}", awakened.ended);
}

#[test]
fn a_zombie_whose_end_was_committed_before_it_froze_has_succeeded() {
    let awakened = freeze((Step::Commit(Verb::Finish), 1), true);
    assert_eq!(awakened.runs, ["success", "success", "success"]);
    assert_eq!((awakened.ended.code, &awakened.ended.json()["status"]), (Some(0), &"success".into()));
}
