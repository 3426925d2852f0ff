//! Getting a run from a database that has bad days: it is led once, and none is left behind that nobody leads.

use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use lastseen_engine::{EngineSettings, Event, Observer, SyncError, SyncRequest, enqueue, new_worker_id};
use lastseen_graph::Timer;
use lastseen_model::{ErrorCode, Guard, Limits, OnLimit, RunStatus, Trigger};
use lastseen_store::{Cancelled, ClaimTerms, ManualClock, NewRun, RunDetail, RunQuery, RunRecord, Start, StoreError};
use tokio_util::sync::CancellationToken;

use crate::short_waits::SHORT;
use crate::support::{World, request, selection};
use crate::unsteady::Unsteady;

const CONFIGURATION: &str = "deviceConfiguration";
const COMPLIANCE: &str = "deviceCompliancePolicy";

/// A little more than that.
const HALF_A_LEASE: Duration = Duration::from_secs(31);

/// A timer whose short waits are over at once and move its clock, and whose long ones never end: patience ends, heartbeats stand still.
#[derive(Default)]
struct Patient(AtomicU64);

#[async_trait]
impl Timer for Patient {
    async fn pause(&self, duration: Duration) {
        if duration > SHORT {
            pending::<()>().await;
        }
        self.0.fetch_add(u64::try_from(duration.as_nanos()).expect("a short wait"), Ordering::SeqCst);
        tokio::task::yield_now().await;
    }
    fn now(&self) -> Duration {
        Duration::from_nanos(self.0.load(Ordering::SeqCst))
    }
}

/// Lets time pass in the database whenever a start waits.
struct Passing(ManualClock);

impl Observer for Passing {
    fn on(&self, event: Event) {
        if matches!(event, Event::Waiting { .. }) {
            self.0.advance(HALF_A_LEASE);
        }
    }
}

/// Syncs, and waits at a limit, over a store that has bad days.
async fn sync(world: &World, store: &Arc<Unsteady>, settings: EngineSettings, cancel: CancellationToken) -> Result<RunDetail, SyncError> {
    let engine = world.engine_with(store.clone(), Arc::new(Patient::default()), settings);
    let request = SyncRequest { on_limit: OnLimit::Wait, ..request(&[CONFIGURATION]) };
    engine.sync(&world.scope(), &request, Arc::new(Passing(world.clock.clone())), cancel).await
}

/// Settings with one slot, which is taken for as long as a lease lasts: by a run that nobody leads.
async fn one_slot_and_that_is_taken(world: &World) -> EngineSettings {
    let settings = EngineSettings { limits: Limits { global: 1, per_tenant: 1 }, ..world.settings.clone() };
    let run = NewRun {
        run_id: "01900000-0000-7000-8000-000000000001".parse().expect("an id"),
        correlation_id: "01900000-0000-7000-8000-000000000001".parse().expect("an id"),
        selection: selection(&[COMPLIANCE]),
        trigger: Trigger::Schedule,
        on_limit: OnLimit::Skip,
        pending_for: settings.pending_for,
        start_key: None,
    };
    let terms = ClaimTerms {
        worker: new_worker_id(),
        lease_for: settings.lease,
        pending_for: settings.pending_for,
        limits: settings.limits,
        guard: Guard::default(),
        types: Vec::new(),
    };
    let started = world.store.start_run(&world.scope(), &run, &terms).await.expect("a start");
    assert!(matches!(started, Start::Claimed(_)), "{started:?}");
    settings
}

/// The runs of the selection, newest first.
async fn runs(world: &World) -> Vec<RunRecord> {
    let mut runs = world.store.runs(&world.scope(), &RunQuery { limit: 10, ..RunQuery::default() }).await.expect("runs");
    runs.retain(|run| run.selection_hash == selection(&[CONFIGURATION]).hash());
    runs
}

#[tokio::test(flavor = "multi_thread")]
async fn i12_a_start_that_was_committed_while_its_answer_was_lost_is_found_and_led() {
    let world = World::with_size(3).await;
    let store = Unsteady::new(world.store.clone());
    store.starts.lost.store(1, Ordering::SeqCst);
    store.claims.away.store(2, Ordering::SeqCst);
    let run = sync(&world, &store, world.settings.clone(), CancellationToken::new()).await.expect("a run");
    assert_eq!((run.record.status, run.record.counts.items_observed), (RunStatus::Success, 3));
    assert_eq!(runs(&world).await, [run.record]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_that_met_no_database_is_made_again() {
    let world = World::with_size(3).await;
    let store = Unsteady::new(world.store.clone());
    store.starts.away.store(3, Ordering::SeqCst);
    let run = sync(&world, &store, world.settings.clone(), CancellationToken::new()).await.expect("a run");
    assert_eq!(run.record.status, RunStatus::Success);
    assert_eq!(runs(&world).await, [run.record]);
}

#[tokio::test(flavor = "multi_thread")]
async fn i12_a_start_whose_answer_was_lost_waits_on_where_it_has_to() {
    let world = World::with_size(3).await;
    let settings = one_slot_and_that_is_taken(&world).await;
    let store = Unsteady::new(world.store.clone());
    store.starts.lost.store(1, Ordering::SeqCst);
    let run = sync(&world, &store, settings, CancellationToken::new()).await.expect("a run");
    assert_eq!(run.record.status, RunStatus::Success);
    assert_eq!(runs(&world).await, [run.record]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_contended_start_whose_answer_was_lost_is_told_as_skipped() {
    let world = World::with_size(3).await;
    let store = Unsteady::new(world.store.clone());
    enqueue(&*world.store, &world.scope(), &request(&[CONFIGURATION]), &world.settings, None).await.expect("queued");
    store.starts.lost.store(1, Ordering::SeqCst);
    let run = sync(&world, &store, world.settings.clone(), CancellationToken::new()).await.expect("a record").record;
    assert_eq!((run.status, run.error_codes.as_slice()), (RunStatus::Skipped, [ErrorCode::LockContended].as_slice()));
    assert_eq!(runs(&world).await.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn i12_a_claim_that_was_committed_while_its_answer_was_lost_is_found_and_led() {
    let world = World::with_size(3).await;
    let settings = one_slot_and_that_is_taken(&world).await;
    let store = Unsteady::new(world.store.clone());
    world.clock.advance(HALF_A_LEASE);
    // The first claim gets the slot.
    store.claims.lost.store(1, Ordering::SeqCst);
    store.claims.away.store(2, Ordering::SeqCst);
    let run = sync(&world, &store, settings, CancellationToken::new()).await.expect("a run");
    assert_eq!((run.record.status, store.claims.asked.load(Ordering::SeqCst)), (RunStatus::Success, 4));
    assert_eq!(runs(&world).await, [run.record]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_that_waits_outlasts_a_database_that_is_away() {
    let world = World::with_size(3).await;
    let settings = one_slot_and_that_is_taken(&world).await;
    let store = Unsteady::new(world.store.clone());
    store.claims.away.store(3, Ordering::SeqCst);
    let run = sync(&world, &store, settings, CancellationToken::new()).await.expect("a run");
    assert_eq!(run.record.status, RunStatus::Success);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_that_waits_and_loses_its_patience_does_not_hold_the_lock() {
    let world = World::with_size(3).await;
    let settings = one_slot_and_that_is_taken(&world).await;
    let store = Unsteady::new(world.store.clone());
    store.claims.away.store(u32::MAX, Ordering::SeqCst);
    let outcome = sync(&world, &store, settings, CancellationToken::new()).await;
    assert!(matches!(outcome, Err(SyncError::Store(StoreError::Unavailable(_)))), "{outcome:?}");
    assert!(store.claims.asked.load(Ordering::SeqCst) > 3, "it was patient");
    let left = runs(&world).await;
    assert_eq!((left[0].status, left[0].error_codes.as_slice()), (RunStatus::Skipped, [ErrorCode::Cancelled].as_slice()));
}

/// Settings under which a start may be tried for longer than its lease is trusted.
fn patient(world: &World) -> EngineSettings {
    EngineSettings { store_patience: Duration::from_hours(1), ..world.settings.clone() }
}

/// How many tries take longer than a lease is trusted.
const MANY: u32 = 100;

#[tokio::test(flavor = "multi_thread")]
async fn i11_a_lease_that_was_found_is_as_old_as_the_first_try_that_may_have_got_it() {
    let world = World::with_size(3).await;
    let store = Unsteady::new(world.store.clone());
    store.starts.lost.store(1, Ordering::SeqCst);
    store.claims.away.store(MANY, Ordering::SeqCst);
    let outcome = sync(&world, &store, patient(&world), CancellationToken::new()).await;
    assert!(matches!(outcome, Err(SyncError::LeaseLost(_))), "{outcome:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lease_that_was_got_after_many_tries_is_as_old_as_the_last_of_them() {
    let world = World::with_size(3).await;
    let store = Unsteady::new(world.store.clone());
    store.starts.away.store(MANY, Ordering::SeqCst);
    let run = sync(&world, &store, patient(&world), CancellationToken::new()).await.expect("a run");
    assert_eq!(run.record.status, RunStatus::Success);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_that_is_cancelled_while_it_waits_is_skipped_though_the_database_is_away_for_a_moment() {
    let world = World::with_size(3).await;
    let settings = one_slot_and_that_is_taken(&world).await;
    let store = Unsteady::new(world.store.clone());
    store.cancels.lost.store(1, Ordering::SeqCst);
    store.cancels.away.store(1, Ordering::SeqCst);
    let cancel = CancellationToken::new();
    cancel.cancel();
    // No slot ever: only being cancelled ends it.
    let settings = EngineSettings { limits: Limits { global: 0, ..settings.limits }, ..settings };
    let run = sync(&world, &store, settings, cancel).await.expect("a record").record;
    assert_eq!((run.status, run.error_codes.as_slice()), (RunStatus::Skipped, [ErrorCode::Cancelled].as_slice()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_that_is_cancelled_from_elsewhere_while_it_waits_is_skipped() {
    let world = World::with_size(3).await;
    let settings = one_slot_and_that_is_taken(&world).await;
    let store = Unsteady::new(world.store.clone());
    let settings = EngineSettings { limits: Limits { global: 0, ..settings.limits }, ..settings };
    let cancelling = async {
        let waiting = loop {
            match runs(&world).await.as_slice() {
                [waiting] => break waiting.run_id,
                _ => tokio::task::yield_now().await,
            }
        };
        world.store.cancel_run(&world.scope(), waiting).await.expect("an answer")
    };
    let (ended, cancelled) = tokio::join!(sync(&world, &store, settings, CancellationToken::new()), cancelling);
    let run = ended.expect("a record");
    assert_eq!((run.record.status, run.record.error_codes.as_slice()), (RunStatus::Skipped, [ErrorCode::Cancelled].as_slice()));
    assert!(matches!(&cancelled, Cancelled::Ended(told) if **told == run), "{cancelled:?}");
}
