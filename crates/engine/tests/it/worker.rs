//! Workers: what is queued gets done, once, within the limits, and a worker that is told to end does so in good order.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use lastseen_engine::{WorkerEvent, WorkerObserver, WorkerSettings, enqueue, new_worker_id};
use lastseen_model::{CorrelationId, ErrorCode, Guard, Limits, OnLimit, RunId, RunStatus, TenantId, Trigger};
use lastseen_simulator::{Fault, FaultAction, SizePlan, TenantPlan};
use lastseen_store::{
    Cancelled, ClaimTerms, DatabaseClock, EnqueueTerms, Enqueued, NewRun, RunDetail, RunQuery, RunRecord, ScopedType, Start, Store,
};
use lastseen_store_sqlite::SqliteStore;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::short_waits::{SHORT, ShortWaits};
use crate::support::{World, key, request, selection};
use crate::unsteady::Unsteady;

const CONFIGURATION: &str = "deviceConfiguration";
const COMPLIANCE: &str = "deviceCompliancePolicy";
const LOCATION: &str = "namedLocation";
const TYPES: [&str; 3] = [CONFIGURATION, COMPLIANCE, LOCATION];

/// Tells a test what a worker does.
struct Told(mpsc::UnboundedSender<WorkerEvent>);

impl WorkerObserver for Told {
    fn on(&self, event: WorkerEvent) {
        // A test that heard enough has gone.
        drop(self.0.send(event));
    }
}

/// A worker at work, as another process would be.
struct Hired {
    drain: CancellationToken,
    stop: CancellationToken,
    told: mpsc::UnboundedReceiver<WorkerEvent>,
    at_work: JoinHandle<()>,
}

impl Hired {
    fn new(world: &World, store: Arc<dyn Store>, settings: WorkerSettings) -> Self {
        let engine = world.engine_with(store, Arc::new(ShortWaits), world.settings.clone());
        let (sender, told) = mpsc::unbounded_channel();
        let (drain, stop) = (CancellationToken::new(), CancellationToken::new());
        let tokens = (drain.clone(), stop.clone());
        let at_work = tokio::spawn(async move { engine.work_queue(&settings, Arc::new(Told(sender)), tokens.0, tokens.1).await });
        Self { drain, stop, told, at_work }
    }

    /// The next run that it took.
    async fn took(&mut self) -> RunId {
        loop {
            if let WorkerEvent::Took { run_id, .. } = self.told.recv().await.expect("it is at work") {
                return run_id;
            }
        }
    }

    /// The next run that ended.
    async fn ended(&mut self) -> RunDetail {
        loop {
            if let WorkerEvent::Ended { outcome, .. } = self.told.recv().await.expect("it is at work") {
                return *outcome.expect("a record");
            }
        }
    }

    /// Lets it drain, and says what it told since.
    async fn drained(mut self) -> Vec<WorkerEvent> {
        self.drain.cancel();
        self.at_work.await.expect("no panic");
        let mut rest = Vec::new();
        while let Some(event) = self.told.recv().await {
            rest.push(event);
        }
        rest
    }
}

async fn put(world: &World, tenant: TenantId, types: &[&str]) -> RunId {
    let queued = enqueue(&*world.store, &World::scope_of(tenant), &request(types), &world.settings, None).await.expect("an answer");
    let Enqueued::Queued(run) = queued else { panic!("the selection is free") };
    run.record.run_id
}

async fn runs_of(world: &World, tenant: TenantId) -> Vec<RunRecord> {
    world.store.runs(&World::scope_of(tenant), &RunQuery { limit: 1_000, ..RunQuery::default() }).await.expect("runs")
}

async fn run(world: &World, run: RunId) -> RunDetail {
    world.store.run(&world.scope(), run).await.expect("an answer").expect("a run")
}

#[tokio::test(flavor = "multi_thread")]
async fn queued_runs_get_done() {
    let world = World::with_size(5).await;
    let tenant = world.tenant();
    let mut wanted = BTreeSet::new();
    for policy_type in TYPES {
        wanted.insert(put(&world, tenant, &[policy_type]).await);
    }
    let mut worker = Hired::new(&world, world.store.clone(), WorkerSettings::default());
    let mut done = BTreeSet::new();
    for _ in TYPES {
        let run = worker.ended().await;
        assert_eq!((run.record.status, run.record.counts.items_observed), (RunStatus::Success, 5));
        assert_eq!(run, self::run(&world, run.record.run_id).await);
        done.insert(run.record.run_id);
    }
    assert_eq!(done, wanted);
    // A worker that found nothing to do goes on looking.
    let later = put(&world, tenant, &[]).await;
    assert_eq!(worker.ended().await.record.run_id, later);
    assert!(worker.drained().await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn i10_r12_several_workers_on_one_file_do_each_run_once_and_within_the_limits() {
    let plan = |number| TenantPlan { sizes: SizePlan::each(3), ..TenantPlan::numbered(number) };
    let mut world = World::with((1..=4).map(plan).collect()).await;
    world.settings.limits = Limits { global: 3, per_tenant: 2 };
    let tenants: Vec<TenantId> = world.simulator.tenants().iter().map(|tenant| tenant.tenant_id).collect();
    let mut wanted = BTreeSet::new();
    for tenant in &tenants {
        for policy_type in TYPES {
            wanted.insert(put(&world, *tenant, &[policy_type]).await);
        }
    }
    let mut workers = Vec::new();
    for _ in 0..3 {
        let clock = DatabaseClock::Manual(world.clock.clone());
        let store = SqliteStore::open_with_clock(&world.folder.path().join("lastseen.db"), clock).await.expect("the file again");
        workers.push(Hired::new(&world, Arc::new(store), WorkerSettings::default()));
    }
    let all_ended = async || {
        let mut ended = 0;
        for tenant in &tenants {
            let runs = runs_of(&world, *tenant).await;
            let running = runs.iter().filter(|run| run.status == RunStatus::Running).count();
            assert!(running <= 2, "{running} at once of one tenant");
            ended += runs.iter().filter(|run| run.status == RunStatus::Success).count();
        }
        ended == wanted.len()
    };
    while !all_ended().await {
        tokio::task::yield_now().await;
    }
    let mut done = Vec::new();
    for worker in workers {
        let told = worker.drained().await;
        done.extend(told.iter().filter_map(|event| match event {
            WorkerEvent::Took { run_id, .. } => Some(*run_id),
            _ => None,
        }));
    }
    assert_eq!((done.len(), done.into_iter().collect::<BTreeSet<_>>()), (wanted.len(), wanted), "each was taken once");
    for policy_type in TYPES {
        let listed = world.simulator.requests().iter().filter(|request| request.path.ends_with(&World::path(policy_type))).count();
        assert_eq!(listed, tenants.len(), "{policy_type} was listed once for each tenant");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_takes_no_more_than_it_has_slots_for_and_the_next_when_one_is_free() {
    let world = World::with_size(3).await;
    let mut queued = Vec::new();
    for policy_type in TYPES {
        queued.push(put(&world, world.tenant(), &[policy_type]).await);
    }
    let store = Unsteady::new(world.store.clone());
    store.hold_ends();
    let mut worker = Hired::new(&world, store.clone(), WorkerSettings { runs_at_once: 1, ..WorkerSettings::default() });
    for run in &queued {
        assert_eq!(worker.took().await, *run, "oldest first");
        let runs = runs_of(&world, world.tenant()).await;
        assert_eq!(runs.iter().filter(|run| run.status == RunStatus::Running).count(), 1);
        store.may_end.add_permits(1);
    }
    assert_eq!(worker.ended().await.record.run_id, queued[2]);
    worker.drained().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_drains_finishes_what_it_has_and_claims_nothing() {
    let world = World::with_size(3).await;
    let first = put(&world, world.tenant(), &[CONFIGURATION]).await;
    let store = Unsteady::new(world.store.clone());
    store.hold_ends();
    let mut worker = Hired::new(&world, store.clone(), WorkerSettings::default());
    assert_eq!(worker.took().await, first);
    store.looked_at_again(2).await;
    worker.drain.cancel();
    let Some(WorkerEvent::Draining { runs: 1 }) = worker.told.recv().await else { panic!("it drains") };
    let second = put(&world, world.tenant(), &[COMPLIANCE]).await;
    store.may_end.add_permits(2);
    assert_eq!(worker.ended().await.record.status, RunStatus::Success);
    assert!(worker.drained().await.is_empty());
    assert_eq!(run(&world, second).await.record.status, RunStatus::Pending, "left to the next worker");
}

/// A run whose one listing hangs until it is cancelled.
async fn hanging(world: &World) -> RunId {
    world.simulator.faults().add(Fault::always(FaultAction::Hang).on(&World::path(CONFIGURATION)));
    put(world, world.tenant(), &[CONFIGURATION]).await
}

fn is_cancelled(run: &RunDetail) {
    assert_eq!((run.record.status, run.record.error_codes.as_slice()), (RunStatus::Failed, &[ErrorCode::Cancelled][..]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_drains_for_too_long_cancels_its_runs_in_good_order() {
    let world = World::with_size(3).await;
    let hung = hanging(&world).await;
    let mut worker = Hired::new(&world, world.store.clone(), WorkerSettings { drain_for: SHORT, ..WorkerSettings::default() });
    assert_eq!(worker.took().await, hung);
    let told = worker.drained().await;
    assert!(matches!(told[..2], [WorkerEvent::Draining { runs: 1 }, WorkerEvent::DrainedTooLong { runs: 1 }]), "{told:?}");
    is_cancelled(&run(&world, hung).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_is_stopped_cancels_its_runs_at_once() {
    let world = World::with_size(3).await;
    let hung = hanging(&world).await;
    let mut worker = Hired::new(&world, world.store.clone(), WorkerSettings::default());
    assert_eq!(worker.took().await, hung);
    worker.drain.cancel();
    worker.stop.cancel();
    is_cancelled(&worker.ended().await);
    worker.drained().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_queued_run_that_is_cancelled_is_led_by_nobody() {
    let world = World::with_size(3).await;
    let wanted = put(&world, world.tenant(), &[CONFIGURATION]).await;
    let cancelled = world.store.cancel_run(&world.scope(), wanted).await.expect("an answer");
    assert!(matches!(cancelled, Cancelled::Ended(_)), "{cancelled:?}");
    let store = Unsteady::new(world.store.clone());
    let worker = Hired::new(&world, store.clone(), WorkerSettings::default());
    store.looked_at_again(3).await;
    assert!(worker.drained().await.is_empty());
    let run = run(&world, wanted).await.record;
    assert_eq!((run.status, run.error_codes.as_slice()), (RunStatus::Skipped, &[ErrorCode::Cancelled][..]));
}

#[tokio::test(flavor = "multi_thread")]
async fn i11_a_dead_workers_run_is_reaped_by_another_workers_look_without_any_start() {
    let world = World::with_size(3).await;
    let hung = hanging(&world).await;
    let mut dead = Hired::new(&world, world.store.clone(), WorkerSettings::default());
    assert_eq!(dead.took().await, hung);
    dead.at_work.abort();
    world.clock.advance(Duration::from_secs(61));
    let mut other = Hired::new(&world, world.store.clone(), WorkerSettings::default());
    let Some(WorkerEvent::Reaped { run_id, .. }) = other.told.recv().await else { panic!("it reaps first") };
    assert_eq!(run_id, hung);
    let reaped = run(&world, hung).await.record;
    assert_eq!((reaped.status, reaped.error_codes.as_slice()), (RunStatus::Failed, &[ErrorCode::WorkerLost][..]));
    other.drained().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_that_waits_is_left_to_its_starter() {
    let world = World::with_size(3).await;
    let store = Unsteady::new(world.store.clone());
    let types = vec![ScopedType {
        policy_type: key(CONFIGURATION),
        contract_hash: "00000000000000000000000000000001".parse().expect("a hash"),
        contract_version: "00000000000000000000000000000002".parse().expect("a version"),
        pages_by_offset: false,
    }];
    let no_slot = ClaimTerms {
        worker: new_worker_id(),
        lease_for: world.settings.lease,
        pending_for: world.settings.pending_for,
        limits: Limits { global: 0, per_tenant: 0 },
        guard: Guard::default(),
        types,
    };
    let waiting = new_run(&world, &[CONFIGURATION]);
    let started = world.store.start_run(&world.scope(), &waiting, &no_slot).await.expect("a start");
    assert!(matches!(started, Start::Waiting(_)), "{started:?}");
    let worker = Hired::new(&world, store.clone(), WorkerSettings::default());
    store.looked_at_again(3).await;
    assert!(worker.drained().await.is_empty());
    assert_eq!(run(&world, waiting.run_id).await.record.status, RunStatus::Pending);
}

fn new_run(world: &World, types: &[&str]) -> NewRun {
    let correlation_id: CorrelationId = "01900000-0000-7000-8000-000000000001".parse().expect("an id");
    NewRun {
        run_id: "01900000-0000-7000-8000-000000000001".parse().expect("an id"),
        correlation_id,
        selection: selection(types),
        trigger: Trigger::Schedule,
        on_limit: OnLimit::Wait,
        pending_for: world.settings.queued_for,
        start_key: None,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_selection_that_this_program_does_not_know_is_left_in_the_queue_and_holds_up_no_other() {
    let world = World::with_size(3).await;
    // A newer program put it there; this one would refuse to.
    let newer = new_run(&world, &["policyOfTomorrow"]);
    let terms = EnqueueTerms { guard: Guard::default(), limits: Limits::default() };
    world.store.enqueue_run(&world.scope(), &newer, &terms).await.expect("an answer");
    let refused = enqueue(&*world.store, &world.scope(), &request(&["policyOfTomorrow"]), &world.settings, None).await;
    assert!(refused.is_err(), "{refused:?}");
    let known = put(&world, world.tenant(), &[CONFIGURATION]).await;
    let mut worker = Hired::new(&world, world.store.clone(), WorkerSettings::default());
    assert_eq!(worker.ended().await.record.run_id, known);
    assert!(worker.drained().await.is_empty());
    assert_eq!(run(&world, newer.run_id).await.record.status, RunStatus::Pending);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_is_away_does_not_end_a_worker() {
    let world = World::with_size(3).await;
    let run = put(&world, world.tenant(), &[CONFIGURATION]).await;
    let store = Unsteady::new(world.store.clone());
    store.away.store(3, Ordering::SeqCst);
    // So short that the longer pauses of a worker without a database are over at once too.
    let settings = WorkerSettings { poll_every: Duration::from_millis(100), ..WorkerSettings::default() };
    let mut worker = Hired::new(&world, store.clone(), settings);
    let ended = worker.ended().await.record;
    assert_eq!((ended.run_id, ended.status), (run, RunStatus::Success));
    assert!(store.looks.load(Ordering::SeqCst) > 3);
    worker.drained().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn i12_a_queued_run_whose_claims_answer_was_lost_is_led_by_the_worker_that_has_it() {
    let world = World::with_size(3).await;
    let wanted = put(&world, world.tenant(), &[CONFIGURATION]).await;
    let store = Unsteady::new(world.store.clone());
    store.claims.lost.store(1, Ordering::SeqCst);
    store.claims.away.store(2, Ordering::SeqCst);
    let worker = Hired::new(&world, store.clone(), WorkerSettings::default());
    store.looked_at_again(2).await;
    let told = worker.drained().await;
    assert!(matches!(told.first(), Some(WorkerEvent::Took { run_id, .. }) if *run_id == wanted), "{told:?}");
    let done = run(&world, wanted).await.record;
    assert_eq!((done.status, done.counts.items_observed), (RunStatus::Success, 3));
}
