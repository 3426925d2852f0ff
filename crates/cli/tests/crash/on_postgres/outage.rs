//! The database is killed in the middle of a run.

use std::net::{Ipv4Addr, SocketAddr};

use lastseen_test_postgres::{Cluster, Mode, Options, Verdict};
use rstest::rstest;

use crate::on_postgres::database::Database;
use crate::on_postgres::invariants;
use crate::on_postgres::process::Process;
use crate::on_postgres::trap::{Moment, Trap};
use crate::on_postgres::wait;
use crate::on_postgres::watch::{Step, Verb};
use crate::on_postgres::world::{PAGES, World};

/// A server that may be killed, and a tenant that it knows.
struct Scene {
    world: World,
    cluster: Cluster,
    database: Database,
}

impl Scene {
    fn new() -> Self {
        let world = World::new(1);
        let cluster = Cluster::start(Options::default()).expect("a cluster");
        let database = Database::within(&world, &cluster);
        let first = Process::run(world.sync(&database.url(), world.tenant(0)));
        assert_eq!(first.code, Some(0), "{first:?}");
        world.churn(world.tenant(0));
        Self { world, cluster, database }
    }

    /// Starts a sync and stops or kills the server when the n-th such message is on its way. The message comes too late.
    fn lose_at(&self, moment: Moment, how: Option<Mode>) -> (Process, Trap) {
        let trap = Trap::before(self.cluster.address(), Some(moment));
        let process = Process::start(self.world.sync(&trap.url(&self.database.name), self.world.tenant(0)));
        trap.sprung();
        match how {
            Some(mode) => self.cluster.stop(mode).expect("stopped"),
            None => self.cluster.kill().expect("killed"),
        }
        trap.answer(Verdict::Cut);
        (process, trap)
    }

    /// Syncs once more and looks at everything.
    fn sync_again(&self) {
        let tenant = self.world.tenant(0);
        let next = Process::run(self.world.sync(&self.database.url(), tenant));
        assert_eq!(next.code, Some(0), "{next:?}");
        invariants::hold(&self.database, &[tenant]);
        invariants::hold_after_success(&self.database, &self.world, tenant, 1);
    }
}

#[rstest]
#[case::killed_before_the_first_page((Step::Commit(Verb::Page), 1), None)]
#[case::killed_in_the_middle((Step::Commit(Verb::Page), 3), None)]
#[case::killed_at_the_end((Step::Commit(Verb::Finish), 1), None)]
#[case::stopped_in_the_middle((Step::Commit(Verb::Page), 3), Some(Mode::Fast))]
fn a_run_survives_a_database_that_goes_and_comes_back(#[case] moment: Moment, #[case] how: Option<Mode>) {
    let scene = Scene::new();
    let (process, _trap) = scene.lose_at(moment, how);
    scene.cluster.start_again().expect("it recovers");
    let ended = process.end();
    assert_eq!((ended.code, &ended.json()["status"]), (Some(0), &"success".into()), "{ended:?}");
    let tenant = scene.world.tenant(0);
    assert_eq!(scene.database.runs(tenant), ["success", "success"]);
    assert_eq!(scene.database.pages(tenant), 2 * PAGES, "no page is lost, and none counts twice");
    scene.sync_again();
}

#[test]
fn a_run_whose_patience_ends_before_the_database_is_back_is_recorded_by_the_next_one_and_keeps_its_pages() {
    let scene = Scene::new();
    scene.world.configure("[run]\nstore_patience = '1s'\npaths_at_once = 1\n");
    let (process, _trap) = scene.lose_at((Step::Commit(Verb::Page), 3), None);
    let ended = process.end();
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.err.contains("could not be finished"), "{ended:?}");

    scene.cluster.start_again().expect("it recovers");
    let tenant = scene.world.tenant(0);
    assert_eq!(scene.database.runs(tenant), ["success", "running"]);
    assert_eq!(scene.database.pages(tenant), PAGES + 2, "what was committed stays");
    invariants::hold(&scene.database, &[tenant]);
    scene.database.age(tenant);
    scene.sync_again();
    assert_eq!(scene.database.runs(tenant), ["success", "failed worker_lost", "success"]);
}

#[test]
fn a_run_that_gave_a_page_up_and_then_reaches_the_database_again_fails_with_store_unavailable() {
    let scene = Scene::new();
    scene.world.configure("[run]\nstore_patience = '2s'\npaths_at_once = 1\n");
    let (process, trap) = scene.lose_at((Step::Commit(Verb::Page), 3), None);
    // The server is back at once, but the way to it only when the page was given up.
    trap.repoint(nowhere());
    scene.cluster.start_again().expect("it recovers");
    wait::until("the page to be given up", || process.has_said("a page could not be stored"));
    trap.repoint(scene.cluster.address());

    let ended = process.end();
    let run = ended.json();
    assert_eq!((ended.code, &run["status"], &run["error_codes"]), (Some(1), &"failed".into(), &["store_unavailable"].into()));
    let tenant = scene.world.tenant(0);
    assert_eq!(scene.database.runs(tenant), ["success", "failed store_unavailable"]);
    assert_eq!(scene.database.pages(tenant), PAGES + 2, "what was committed stays");
    scene.sync_again();
}

#[test]
fn a_run_whose_database_stays_away_for_longer_than_its_lease_stops_by_itself() {
    let scene = Scene::new();
    scene.world.configure("[run]\nlease = '10s'\nrenew_every = '1s'\n");
    let (process, trap) = scene.lose_at((Step::Commit(Verb::Page), 3), None);
    let ended = process.end();
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.err.contains("lost its lease"), "{ended:?}");
    drop(trap);
    scene.cluster.start_again().expect("it recovers");
    let tenant = scene.world.tenant(0);
    scene.database.age(tenant);
    scene.sync_again();
    assert_eq!(scene.database.runs(tenant), ["success", "failed worker_lost", "success"]);
}

/// A port that no server has: the lowest is for a service that is long gone.
fn nowhere() -> SocketAddr {
    (Ipv4Addr::LOCALHOST, 1).into()
}
