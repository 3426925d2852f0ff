//! Connections that break at a commit: before it arrives, and after it has, so that the process can't know whether it did.

use lastseen_test_postgres::Verdict;
use rstest::rstest;

use crate::on_postgres::database::{Database, servers};
use crate::on_postgres::invariants;
use crate::on_postgres::process::Process;
use crate::on_postgres::trap::Trap;
use crate::on_postgres::watch::{Step, Verb};
use crate::on_postgres::world::{PAGES, World};

const COMMIT: Step = Step::Commit(Verb::Other);

/// A run that has been claimed goes on through a broken connection. Before that nobody waits: the command says that the database is away, and a
/// claim whose answer was lost is one more dead worker's.
#[rstest]
#[case::before_it_arrives(Verdict::Cut)]
#[case::after_it_arrived(Verdict::Unanswered)]
fn a_connection_that_breaks_at_any_commit_ends_no_run_that_was_claimed(#[case] verdict: Verdict) {
    let world = World::new(1);
    let database = Database::shared(&world);
    let tenant = world.tenant(0);
    let undisturbed = Trap::before(servers().address(), None);
    let first = Process::run(world.sync(&undisturbed.url(&database.name), tenant));
    assert_eq!(first.code, Some(0), "{first:?}");
    let commits = undisturbed.watch().count(COMMIT);

    for number in 1..=commits {
        println!("commit {number} of {commits}");
        world.churn(tenant);
        let (runs_before, pages_before) = (database.runs(tenant).len(), database.pages(tenant));
        let trap = Trap::before(servers().address(), Some((COMMIT, number)));
        let process = Process::start(world.sync(&trap.url(&database.name), tenant));
        trap.sprung();
        let verb = trap.watch().last_commit();
        let was_claimed = trap.watch().count(Step::Commit(Verb::Claim)) > u32::from(verb == Verb::Claim);
        trap.answer(verdict);
        let ended = process.end();
        let left = database.runs(tenant).split_off(runs_before);
        if was_claimed {
            assert_eq!((ended.code, left), (Some(0), vec!["success".to_owned()]), "{ended:?}");
            assert_eq!(ended.json()["status"], "success");
            assert_eq!(database.pages(tenant) - pages_before, PAGES, "no page counts twice");
        } else {
            assert_eq!(ended.code, Some(2), "{ended:?}");
            let orphan = verb == Verb::Claim && verdict == Verdict::Unanswered;
            assert_eq!(left, if orphan { vec!["running"] } else { vec![] });
            database.age(tenant);
        }
        let next = Process::run(world.sync(&database.url(), tenant));
        assert_eq!(next.code, Some(0), "{next:?}");
        invariants::hold(&database, &[tenant]);
        invariants::hold_after_success(&database, &world, tenant, runs_before);
    }
}
