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

/// A process that stands still in the middle of a sync of a tenant that is known.
struct Zombie {
    world: World,
    database: Database,
    trap: Trap,
    process: Process,
    /// Whether the message at which it was frozen is on its way already. If not, it comes when the process wakes up, and the transaction
    /// stays open until the server ends it.
    arrives: bool,
}

impl Zombie {
    /// Freezes a sync at a message, and lets its lease end.
    fn freeze(moment: Moment, arrives: bool) -> Self {
        let world = World::new(1);
        world.configure("[run]\npaths_at_once = 1\n");
        let database = Database::shared(&world);
        let tenant = world.tenant(0);
        let first = Process::run(world.sync(&database.url(), tenant));
        assert_eq!(first.code, Some(0), "{first:?}");
        world.churn(tenant);

        let trap = Trap::before(servers().address(), Some(moment));
        let process = Process::start(world.sync(&trap.url(&database.name), tenant));
        trap.sprung();
        process.signal("-STOP");
        if arrives {
            trap.answer(Verdict::Forward);
            // What is on its way is done with before anybody looks.
            let busy = format!(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = '{}' AND state <> 'idle' AND pid <> pg_backend_pid()",
                database.name
            );
            wait::until("the server to do what it was sent", || database.ask(&busy) == "0");
        }
        database.age(tenant);
        Self { world, database, trap, process, arrives }
    }

    /// Syncs the tenant beside it; the runs, without the attempts that met a live run.
    ///
    /// While its transaction is open its run can't be reaped, and a start meets a live run. Nobody helps but the server's own limit on how
    /// long a transaction may stand still.
    fn beside(&self) -> Vec<String> {
        let tenant = self.world.tenant(0);
        wait::until("a sync beside the zombie", || {
            let beside = Process::run(self.world.sync(&self.database.url(), tenant));
            assert!([0, 4].map(Some).contains(&beside.code), "{beside:?}");
            beside.code == Some(0)
        });
        invariants::hold(&self.database, &[tenant]);
        invariants::hold_after_success(&self.database, &self.world, tenant, 1);
        self.database.runs(tenant).into_iter().filter(|run| run != "skipped lock_contended").collect()
    }

    /// Wakes it up, and sees it write nothing until it ends.
    fn wake(self) -> Ended {
        let before = self.database.dump();
        let (ended, database) = self.go_on();
        assert_eq!(database.dump(), before, "it wrote something: {ended:?}");
        ended
    }

    /// Wakes it up, and lets it do what it does; and what it did it to.
    fn go_on(mut self) -> (Ended, Database) {
        assert!(self.process.runs(), "it stands still");
        self.process.signal("-CONT");
        if !self.arrives {
            self.trap.answer(Verdict::Forward);
        }
        (self.process.end(), self.database)
    }
}

fn says_that_its_lease_is_lost(ended: &Ended) {
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.err.contains("lost its lease"), "{ended:?}");
}

#[rstest]
#[case::before_its_first_page((Step::Commit(Verb::Claim), 1), true)]
#[case::between_two_pages((Step::Commit(Verb::Page), 2), true)]
#[case::after_its_last_page((Step::Commit(Verb::Page), 4), true)]
#[case::while_a_page_is_open((Step::Commit(Verb::Page), 2), false)]
#[case::while_the_end_is_open((Step::Commit(Verb::Finish), 1), false)]
fn i11_a_zombie_says_that_its_lease_is_lost_and_writes_nothing(#[case] moment: Moment, #[case] arrives: bool) {
    let zombie = Zombie::freeze(moment, arrives);
    assert_eq!(zombie.beside(), ["success", "failed worker_lost", "success"]);
    says_that_its_lease_is_lost(&zombie.wake());
}

#[rstest]
#[case::before_its_first_page((Step::Commit(Verb::Claim), 1))]
#[case::between_two_pages((Step::Commit(Verb::Page), 2))]
#[case::after_its_last_page((Step::Commit(Verb::Page), 4))]
fn i32_a_zombie_whose_lease_is_over_writes_nothing_also_where_nobody_has_reaped_it(#[case] moment: Moment) {
    let zombie = Zombie::freeze(moment, true);
    says_that_its_lease_is_lost(&zombie.wake());
}

#[test]
fn i11_a_zombie_that_holds_the_gate_of_all_claims_keeps_nobody_out_for_long_and_starts_anew() {
    let zombie = Zombie::freeze((Step::Commit(Verb::Claim), 1), false);
    assert_eq!(zombie.beside(), ["success", "success"], "what it was about to claim was never there");
    let tenant = zombie.world.tenant(0);
    let (ended, database) = zombie.go_on();
    assert_eq!((ended.code, &ended.json()["status"]), (Some(0), &"success".into()), "{ended:?}");
    assert_eq!(database.runs(tenant).into_iter().filter(|run| run == "success").count(), 3, "under a lease of its own");
    invariants::hold(&database, &[tenant]);
}

#[test]
fn a_zombie_whose_end_was_committed_before_it_froze_has_succeeded() {
    let zombie = Zombie::freeze((Step::Commit(Verb::Finish), 1), true);
    assert_eq!(zombie.beside(), ["success", "success", "success"]);
    let ended = zombie.wake();
    assert_eq!((ended.code, &ended.json()["status"]), (Some(0), &"success".into()));
}
