//! The lease of a run: kept while the worker lives, and worth nothing once it is lost.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use lastseen_engine::{Engine, Silent, SyncError};
use lastseen_graph::Timer;
use lastseen_model::{ErrorCode, ListingOutcome, RunId, RunStatus};
use lastseen_simulator::{Fault, FaultAction};
use lastseen_store::{Cancelled, RunQuery};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::short_waits::ShortWaits;
use crate::support::{World, request};
use crate::unsteady::Unsteady;

const CONFIGURATION: &str = "deviceConfiguration";

/// A timer that a test moves by hand.
struct HandTimer {
    now: watch::Sender<Duration>,
    pauses: AtomicUsize,
}

impl HandTimer {
    fn new() -> Arc<Self> {
        Arc::new(Self { now: watch::channel(Duration::ZERO).0, pauses: AtomicUsize::new(0) })
    }

    /// Moves the time on, and waits until whoever woke up waits again.
    async fn advance_to_the_next_wait(&self, by: Duration) {
        let before = self.pauses.load(Ordering::SeqCst);
        self.now.send_modify(|now| *now += by);
        while self.pauses.load(Ordering::SeqCst) == before {
            tokio::task::yield_now().await;
        }
    }
}

#[async_trait]
impl Timer for HandTimer {
    async fn pause(&self, duration: Duration) {
        let until = *self.now.borrow() + duration;
        self.pauses.fetch_add(1, Ordering::SeqCst);
        // The sender lives as long as the timer, so the wait ends by its time alone.
        self.now.subscribe().wait_for(|now| *now >= until).await.expect("the timer lives");
    }
    fn now(&self) -> Duration {
        *self.now.borrow()
    }
}

/// A run whose one listing hangs, led by hand.
async fn held(world: &World, timer: &Arc<HandTimer>) -> tokio::task::JoinHandle<Result<lastseen_store::RunDetail, SyncError>> {
    world.simulator.faults().add(Fault::always(FaultAction::Hang).on(&World::path(CONFIGURATION)));
    let engine = world.engine_with(world.store.clone(), timer.clone(), world.settings.clone());
    let scope = world.scope();
    let run =
        tokio::spawn(async move { engine.sync(&scope, &request(&[CONFIGURATION]), Arc::new(Silent), CancellationToken::new()).await });
    let path = World::path(CONFIGURATION);
    while !world.simulator.requests().iter().any(|request| request.path.ends_with(&path)) || timer.pauses.load(Ordering::SeqCst) == 0 {
        assert!(!run.is_finished(), "the run ended before its listing hung: {:?}", run.await);
        tokio::task::yield_now().await;
    }
    run
}

#[tokio::test(flavor = "multi_thread")]
async fn i11_a_lease_is_kept_as_long_as_it_is_renewed() {
    let world = World::with_size(3).await;
    let timer = HandTimer::new();
    let run = held(&world, &timer).await;
    for _ in 0..20 {
        world.clock.advance(Duration::from_secs(15));
        timer.advance_to_the_next_wait(Duration::from_secs(15)).await;
        assert_eq!(world.store.reap_expired().await.expect("reaps").failed, []);
    }
    assert!(!run.is_finished());
    run.abort();
}

#[tokio::test(flavor = "multi_thread")]
async fn i32_a_worker_whose_run_was_reaped_stops_and_writes_nothing() {
    let world = World::with_size(3).await;
    let timer = HandTimer::new();
    let run = held(&world, &timer).await;
    // The machine stood still: the lease ran out, and someone else's start reaped it.
    world.clock.advance(Duration::from_secs(61));
    assert_eq!(world.store.reap_expired().await.expect("reaps").failed.len(), 1);
    timer.now.send_modify(|now| *now += Duration::from_secs(15));

    assert!(matches!(run.await.expect("no panic"), Err(SyncError::LeaseLost(_))));
    let runs = world.store.runs(&world.scope(), &RunQuery { limit: 10, ..RunQuery::default() }).await.expect("runs");
    assert_eq!((runs[0].status, runs[0].error_codes.as_slice()), (RunStatus::Failed, [ErrorCode::WorkerLost].as_slice()));
    let detail = world.store.run(&world.scope(), runs[0].run_id).await.expect("answers").expect("a run");
    assert_eq!((detail.listings[0].outcome, detail.listings[0].pages), (Some(ListingOutcome::Incomplete), 0));

    world.simulator.faults().clear();
    assert_eq!(world.sync(&[CONFIGURATION]).await.record.status, RunStatus::Success, "the lock is free");
}

/// The one run there is.
async fn only_run(world: &World) -> RunId {
    let runs = world.store.runs(&world.scope(), &RunQuery { limit: 10, ..RunQuery::default() }).await.expect("runs");
    assert_eq!(runs.len(), 1);
    runs[0].run_id
}

#[tokio::test(flavor = "multi_thread")]
async fn a_running_run_that_is_cancelled_from_elsewhere_ends_in_good_order_when_its_worker_renews() {
    let world = World::with_size(3).await;
    let timer = HandTimer::new();
    let run = held(&world, &timer).await;
    let asked = world.store.cancel_run(&world.scope(), only_run(&world).await).await.expect("an answer");
    assert!(matches!(asked, Cancelled::Asked(_)), "{asked:?}");
    assert!(!run.is_finished());
    timer.now.send_modify(|now| *now += Duration::from_secs(15));

    let ended = run.await.expect("no panic").expect("a record");
    assert_eq!((ended.record.status, ended.record.error_codes.as_slice()), (RunStatus::Failed, [ErrorCode::Cancelled].as_slice()));
    assert_eq!(ended.listings[0].outcome, Some(ListingOutcome::Incomplete));
    assert_eq!(world.store.run(&world.scope(), ended.record.run_id).await.expect("answers"), Some(ended));
    world.simulator.faults().clear();
    assert_eq!(world.sync(&[CONFIGURATION]).await.record.status, RunStatus::Success, "the lock is free");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_has_ended_is_not_cancelled_any_more() {
    let world = World::with_size(3).await;
    let ended = world.sync(&[CONFIGURATION]).await;
    let over = world.store.cancel_run(&world.scope(), ended.record.run_id).await.expect("an answer");
    assert!(matches!(&over, Cancelled::Over(run) if **run == ended), "{over:?}");
    assert_eq!(world.sync(&[CONFIGURATION]).await.record.status, RunStatus::Success, "nor is the next one");
}

#[tokio::test(flavor = "multi_thread")]
async fn i11_a_killed_worker_is_reaped_by_the_next_start() {
    let world = World::with_size(3).await;
    let timer = HandTimer::new();
    let run = held(&world, &timer).await;
    run.abort();
    world.simulator.faults().clear();
    world.clock.advance(Duration::from_secs(61));
    let next = world.sync(&[CONFIGURATION]).await;
    assert_eq!(next.record.status, RunStatus::Success);
    let runs = world.store.runs(&world.scope(), &RunQuery { limit: 10, ..RunQuery::default() }).await.expect("runs");
    assert_eq!(runs[1].error_codes, [ErrorCode::WorkerLost]);
}

/// An engine over a store that has bad days, whose short waits are over at once.
fn over(world: &World, store: &Arc<Unsteady>) -> Engine {
    world.engine_with(store.clone(), Arc::new(ShortWaits), world.settings.clone())
}

#[tokio::test(flavor = "multi_thread")]
async fn i12_an_end_that_was_committed_while_its_answer_was_lost_is_found_and_told() {
    let world = World::with_size(3).await;
    let store = Unsteady::new(world.store.clone());
    store.lost_answers.store(1, Ordering::SeqCst);
    let ended = over(&world, &store).sync(&world.scope(), &request(&[CONFIGURATION]), Arc::new(Silent), CancellationToken::new()).await;
    let ended = ended.expect("the run's record");
    assert_eq!((ended.record.status, store.ends_asked.load(Ordering::SeqCst)), (RunStatus::Success, 2));
    assert_eq!(world.store.run(&world.scope(), ended.record.run_id).await.expect("answers"), Some(ended));
}

#[tokio::test(flavor = "multi_thread")]
async fn i12_an_end_that_was_not_committed_before_the_run_was_reaped_is_a_lost_lease() {
    let world = World::with_size(3).await;
    let store = Unsteady::new(world.store.clone());
    store.hold_ends();
    store.ends_away.store(1, Ordering::SeqCst);
    let (engine, scope) = (over(&world, &store), world.scope());
    let run =
        tokio::spawn(async move { engine.sync(&scope, &request(&[CONFIGURATION]), Arc::new(Silent), CancellationToken::new()).await });
    while store.ends_asked.load(Ordering::SeqCst) == 0 {
        tokio::task::yield_now().await;
    }
    world.clock.advance(Duration::from_secs(61));
    assert_eq!(world.store.reap_expired().await.expect("reaps").failed.len(), 1);
    store.may_end.add_permits(2);
    let lost = run.await.expect("no panic");
    assert!(matches!(lost, Err(SyncError::LeaseLost(_))), "{lost:?}");
}
