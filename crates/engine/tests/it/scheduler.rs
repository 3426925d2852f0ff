//! Schedules: a fleet is asked for once a time, by whichever of several processes looks first, and spread out.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use lastseen_engine::{EngineSettings, keep_schedules, new_schedule_id};
use lastseen_model::{Guard, RunStatus, ScheduleId, Selection, TenantId, Tenants, Timestamp, Trigger};
use lastseen_store::{Advance, Advanced, DatabaseClock, ManualClock, NewSchedule, RunQuery, RunRecord, ScheduleRecord, Store, TenantScope};
use lastseen_store_sqlite::SqliteStore;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::short_waits::ShortWaits;
use crate::unsteady::Unsteady;

/// A database with a clock of its own, several processes' connections to it, and nobody who works on runs.
struct Fleet {
    stores: Vec<Arc<dyn Store>>,
    clock: ManualClock,
    drain: CancellationToken,
    loops: Vec<JoinHandle<()>>,
    /// Schedules that stay due, whatever the loops do.
    left: BTreeSet<ScheduleId>,
}

const NIGHT: &str = "2026-01-12T00:30:00Z";

fn clock() -> ManualClock {
    ManualClock::starting_at(NIGHT.parse().expect("a time"))
}

fn tenant(number: u32) -> TenantId {
    format!("8c2f0c1e-5a54-4c0e-9d6b-{number:012x}").parse().expect("an id")
}

#[expect(clippy::disallowed_methods, reason = "a test looks at every tenant")]
fn scope(number: u32) -> TenantScope {
    TenantScope::assume(tenant(number))
}

impl Fleet {
    fn of(stores: Vec<Arc<dyn Store>>, clock: ManualClock) -> Self {
        Self { stores, clock, drain: CancellationToken::new(), loops: Vec::new(), left: BTreeSet::new() }
    }

    fn store(&self) -> &dyn Store {
        &*self.stores[0]
    }

    async fn register(&self, tenants: impl IntoIterator<Item = u32>) {
        for number in tenants {
            self.store().register_tenant(&scope(number), None).await.expect("registered");
        }
    }

    async fn schedule(&self, name: &str, tenants: Tenants, jitter: Duration) -> ScheduleRecord {
        let schedule = NewSchedule {
            schedule_id: new_schedule_id(),
            name: name.to_owned(),
            cron: "0 * * * *".to_owned(),
            time_zone: "UTC".to_owned(),
            jitter_secs: u32::try_from(jitter.as_secs()).expect("a day at most"),
            selection: Selection::default(),
            tenants,
        };
        self.store().add_schedule(&schedule).await.expect("a schedule")
    }

    /// A loop for each process, side by side.
    fn keep(&mut self) {
        for store in &self.stores {
            let (store, drain) = (store.clone(), self.drain.clone());
            self.loops.push(tokio::spawn(async move {
                keep_schedules(&*store, &ShortWaits, &EngineSettings::default(), Duration::from_secs(2), drain).await;
            }));
        }
    }

    /// Lets the loops look until nothing is due any more.
    async fn settled(&self) {
        while !self.store().due_schedules(1, &self.left).await.expect("an answer").due.is_empty() {
            tokio::task::yield_now().await;
        }
    }

    async fn advance(&self, by: Duration) {
        self.clock.advance(by);
        self.settled().await;
    }

    async fn runs(&self, number: u32) -> Vec<RunRecord> {
        self.store().runs(&scope(number), &RunQuery { limit: 1_000, ..RunQuery::default() }).await.expect("runs")
    }

    async fn end(self) {
        self.drain.cancel();
        for at_work in self.loops {
            at_work.await.expect("no panic");
        }
    }
}

async fn on_one_file(processes: usize) -> (tempfile::TempDir, Fleet) {
    let (folder, clock) = (tempfile::tempdir().expect("a folder"), clock());
    let mut stores: Vec<Arc<dyn Store>> = Vec::new();
    for _ in 0..processes {
        let path = folder.path().join("lastseen.db");
        stores.push(Arc::new(SqliteStore::open_with_clock(&path, DatabaseClock::Manual(clock.clone())).await.expect("the file")));
    }
    (folder, Fleet::of(stores, clock))
}

/// Three processes, an hour's jitter: each tenant is asked for exactly once for its time, and the fleet is spread over the hour.
async fn a_fleet_is_asked_for_once_and_spread_out(mut fleet: Fleet, tenants: u32) {
    fleet.register(1..=tenants).await;
    fleet.schedule("hourly", Tenants::All, Duration::from_hours(1)).await;
    fleet.keep();
    fleet.settled().await;
    assert!(fleet.runs(1).await.is_empty(), "a time that is only reckoned asks for nothing");
    // To the first time; the hour from there on has the whole window in it.
    fleet.advance(Duration::from_mins(30)).await;
    for _ in 0..59 {
        fleet.advance(Duration::from_mins(1)).await;
    }
    fleet.advance(Duration::from_secs(59)).await;
    let mut in_a_minute = BTreeMap::<i64, u32>::new();
    for number in 1..=tenants {
        let runs = fleet.runs(number).await;
        let [run] = runs.as_slice() else { panic!("tenant {number} is asked for once an hour: {runs:?}") };
        assert_eq!((run.status, run.trigger), (RunStatus::Pending, Trigger::Schedule));
        *in_a_minute.entry(run.created_at.as_second() / 60).or_default() += 1;
    }
    let most = in_a_minute.values().max().copied().unwrap_or_default();
    assert!(most <= (tenants / 60 + 1) * 3, "no minute has more than thrice its share: {in_a_minute:?}");
    fleet.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fleet_is_asked_for_once_a_time_by_three_processes_and_spread_out() {
    let (_folder, fleet) = on_one_file(3).await;
    a_fleet_is_asked_for_once_and_spread_out(fleet, 200).await;
}

/// A thousand, all due at once: none is asked for twice, and none is left out.
async fn a_thousand_at_once_are_asked_for_once_each(mut fleet: Fleet) {
    fleet.register(1..=1_000).await;
    fleet.schedule("hourly", Tenants::All, Duration::ZERO).await;
    fleet.keep();
    fleet.settled().await;
    fleet.advance(Duration::from_mins(30)).await;
    for number in 1..=1_000 {
        assert_eq!(fleet.runs(number).await.len(), 1, "tenant {number}");
    }
    fleet.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_that_are_due_at_once_are_asked_for_once_each() {
    let (_folder, fleet) = on_one_file(3).await;
    a_thousand_at_once_are_asked_for_once_each(fleet).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_missed_is_made_up_for_once() {
    let (_folder, mut fleet) = on_one_file(2).await;
    fleet.register([1]).await;
    fleet.schedule("hourly", Tenants::Some([tenant(1)].into()), Duration::ZERO).await;
    fleet.keep();
    fleet.settled().await;
    // A day in which nobody looked.
    fleet.advance(Duration::from_hours(24)).await;
    assert_eq!(fleet.runs(1).await.len(), 1, "one run, not the twenty-four that were missed");
    let next = fleet.store().schedules().await.expect("schedules").remove(0).next_due_at.expect("reckoned");
    assert_eq!(next.to_string(), "2026-01-13T01:00:00Z");
    fleet.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_paused_schedule_a_removed_tenant_and_another_tenant_are_asked_for_nothing_and_a_new_one_comes_in() {
    let (_folder, mut fleet) = on_one_file(2).await;
    fleet.register([1, 2, 3]).await;
    let paused = fleet.schedule("paused", Tenants::Some([tenant(3)].into()), Duration::ZERO).await;
    fleet.store().pause_schedule(paused.schedule_id, true).await.expect("an answer").expect("it is there");
    fleet.schedule("all", Tenants::All, Duration::ZERO).await;
    fleet.store().remove_tenant(&scope(2)).await.expect("an answer").expect("it is known");
    fleet.keep();
    fleet.settled().await;
    fleet.register([4]).await;
    fleet.settled().await;
    fleet.advance(Duration::from_mins(30)).await;
    let mut asked = Vec::new();
    for number in 1..=4 {
        asked.push(fleet.runs(number).await.len());
    }
    assert_eq!(asked, [1, 0, 1, 1]);
    fleet.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_schedule_that_goes_on_makes_up_for_nothing() {
    let (_folder, mut fleet) = on_one_file(1).await;
    fleet.register([1]).await;
    let schedule = fleet.schedule("hourly", Tenants::All, Duration::ZERO).await;
    fleet.keep();
    fleet.settled().await;
    let pause = async |paused| fleet.store().pause_schedule(schedule.schedule_id, paused).await.expect("an answer").expect("it is there");
    pause(true).await;
    fleet.advance(Duration::from_hours(5)).await;
    pause(false).await;
    fleet.settled().await;
    assert!(fleet.runs(1).await.is_empty());
    fleet.advance(Duration::from_mins(30)).await;
    assert_eq!(fleet.runs(1).await.len(), 1);
    fleet.end().await;
}

/// A newer program's schedule for every tenant, with a cron text that this one can't read.
async fn a_newer_programs(fleet: &mut Fleet) -> ScheduleId {
    let newer = NewSchedule {
        schedule_id: new_schedule_id(),
        name: "newer".to_owned(),
        cron: "every full moon".to_owned(),
        time_zone: "UTC".to_owned(),
        jitter_secs: 0,
        selection: Selection::default(),
        tenants: Tenants::All,
    };
    fleet.store().add_schedule(&newer).await.expect("a newer program put it there");
    fleet.left.insert(newer.schedule_id);
    newer.schedule_id
}

/// A step of the newer program, which can read it.
async fn newer_steps(fleet: &Fleet, schedule_id: ScheduleId, from: Option<Timestamp>, to: Timestamp) -> Advanced {
    let step = Advance { schedule_id, from, to, run: None };
    fleet.store().advance_schedule(&scope(1), &step, Guard::default()).await.expect("an answer")
}

async fn next_of(fleet: &Fleet, schedule: ScheduleId) -> Option<Timestamp> {
    let known = fleet.store().schedules().await.expect("schedules");
    known.into_iter().find(|known| known.schedule_id == schedule).expect("it is there").next_due_at
}

#[tokio::test(flavor = "multi_thread")]
async fn a_schedule_that_only_a_newer_program_can_read_is_left_to_it_and_holds_up_no_other() {
    let (_folder, mut fleet) = on_one_file(1).await;
    // More than one look shows.
    fleet.register(1..=250).await;
    let newer = a_newer_programs(&mut fleet).await;
    fleet.schedule("hourly", Tenants::All, Duration::ZERO).await;
    fleet.keep();
    fleet.settled().await;
    assert_eq!(next_of(&fleet, newer).await, None, "nobody but the newer program reckons");
    let (first, second): (Timestamp, Timestamp) =
        ("2026-01-12T00:40:00Z".parse().expect("a time"), "2026-02-12T00:40:00Z".parse().expect("a time"));
    assert!(matches!(newer_steps(&fleet, newer, None, first).await, Advanced::Reckoned));
    fleet.advance(Duration::from_mins(30)).await;
    for number in [1, 250] {
        assert_eq!(fleet.runs(number).await.len(), 1, "of the one that can be read, for tenant {number}");
    }
    fleet.advance(Duration::from_hours(1)).await;
    assert_eq!(next_of(&fleet, newer).await, Some(first), "it is due, and nobody here moves it on");
    assert!(matches!(newer_steps(&fleet, newer, Some(first), second).await, Advanced::Reckoned), "its step is still there to take");
    fleet.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn steps_that_fail_for_good_hold_up_no_other_schedule_and_no_other_tenant() {
    let (_folder, mut fleet) = on_one_file(1).await;
    fleet.register(1..=250).await;
    let store = Unsteady::new(fleet.stores.remove(0));
    fleet.stores.push(store.clone());
    let few = fleet.schedule("fails-for-two", Tenants::All, Duration::ZERO).await.schedule_id;
    let all = fleet.schedule("fails-for-all", Tenants::All, Duration::ZERO).await.schedule_id;
    fleet.schedule("well", Tenants::All, Duration::ZERO).await;
    store.poisoned.lock().expect("whole").extend([(few, tenant(1)), (few, tenant(2))]);
    store.poisoned.lock().expect("whole").extend((1..=250).map(|number| (all, tenant(number))));
    fleet.left.extend([few, all]);
    fleet.keep();
    // What fails was never reckoned, and is shown first in every look.
    fleet.settled().await;
    fleet.advance(Duration::from_mins(30)).await;
    for number in 1..=250 {
        assert!(!fleet.runs(number).await.is_empty(), "tenant {number}");
    }
    while store.due_schedules(1_000, &[all].into()).await.expect("an answer").due.len() > 2 {
        tokio::task::yield_now().await;
    }
    // Nor is it a reason to look less often: this clock lets nobody out of a long pause.
    let before = store.refused.load(Ordering::SeqCst);
    while store.refused.load(Ordering::SeqCst) < before + 2_000 {
        tokio::task::yield_now().await;
    }
    fleet.end().await;
}

mod on_postgres {
    use std::sync::atomic::{AtomicU32, Ordering};

    use lastseen_store_postgres::{PoolSettings, PostgresAddress, PostgresStore, migrate};
    use lastseen_test_postgres::{APP_ROLE, OWNER_ROLE, Shared};

    use super::*;

    async fn on_one_database(processes: usize) -> Fleet {
        static MADE: AtomicU32 = AtomicU32::new(0);
        let shared = Shared::from_environment().unwrap_or_else(|why| panic!("{why}"));
        let name = format!("schedules_{}_{}", std::process::id(), MADE.fetch_add(1, Ordering::SeqCst));
        shared.psql("postgres", &format!("CREATE DATABASE {name} OWNER {OWNER_ROLE}")).expect("a database");
        let address = |role| PostgresAddress::parse(&shared.url(role, &name)).expect("an address");
        migrate(&address(OWNER_ROLE), APP_ROLE).await.expect("the schema is made");
        let (clock, settings) = (clock(), PoolSettings { connections: 4, ..PoolSettings::default() });
        let mut stores: Vec<Arc<dyn Store>> = Vec::new();
        for _ in 0..processes {
            let clock = DatabaseClock::Manual(clock.clone());
            stores.push(Arc::new(PostgresStore::open_with_clock(&address(APP_ROLE), settings, clock).await.expect("it opens")));
        }
        Fleet::of(stores, clock)
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_fleet_is_asked_for_once_a_time_by_three_processes_and_spread_out() {
        a_fleet_is_asked_for_once_and_spread_out(on_one_database(3).await, 200).await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_thousand_that_are_due_at_once_are_asked_for_once_each() {
        a_thousand_at_once_are_asked_for_once_each(on_one_database(3).await).await;
    }
}
