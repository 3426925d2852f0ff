//! The queue: runs that wait for a worker of any process.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use lastseen_model::{ErrorCode, Guard, Limits, OnLimit, PolicyType, RunId, RunStatus};
use lastseen_store::{Claim, ClaimTerms, ClaimedRun, EnqueueTerms, Enqueued, QueuedRun, RunDetail, RunQuery, Start};

use crate::fixture::{Desk, Lab, MICRO, Open, PENDING, Told, terms};
use crate::world::{APP, CATALOG, COMPLIANCE, CONFIG, Chosen, SECURITY, tenant};

/// How long the suite's runs are queued; longer than a claim that has to wait would let them live.
const QUEUED: Duration = Duration::from_hours(24);
/// Limits that hold nothing back.
const WIDE: Limits = Limits { global: 1_000, per_tenant: 1_000 };

fn one_type() -> Chosen {
    Chosen::types(&[CONFIG])
}

async fn put(desk: &Desk, chosen: &Chosen) -> Enqueued {
    let new = lastseen_store::NewRun { pending_for: QUEUED, ..desk.new_run(chosen, OnLimit::Skip) };
    let terms = EnqueueTerms { guard: Guard { min_items: 7, percent: 30 }, limits: WIDE };
    desk.store.enqueue_run(&desk.scope, &new, &terms).await.expect("an answer")
}

/// Puts a run into the queue, where nothing stands in its way.
async fn queue(desk: &Desk, chosen: &Chosen) -> RunDetail {
    match put(desk, chosen).await {
        Enqueued::Queued(run) => *run,
        other => panic!("nothing stands in its way: {other:?}"),
    }
}

async fn queued(desk: &Desk, limits: Limits) -> Vec<QueuedRun> {
    desk.store.queued_runs(limits, 100).await.expect("an answer")
}

async fn queued_ids(desk: &Desk, limits: Limits) -> Vec<RunId> {
    queued(desk, limits).await.into_iter().map(|run| run.run_id).collect()
}

async fn claim(desk: &Desk, run: RunId, chosen: &Chosen, limits: Limits) -> Claim {
    let terms = ClaimTerms { limits, ..terms(chosen) };
    desk.store.claim_run(&desk.scope, run, &terms).await.expect("a claim")
}

fn open(desk: &Desk, chosen: &Chosen, claimed: ClaimedRun) -> Open {
    let (run_id, run_no) = (claimed.lease.run_id, claimed.run_no);
    Open { desk: desk.clone(), chosen: chosen.clone(), lease: claimed.lease, run_id, run_no }
}

pub(crate) async fn a_queued_run_is_claimed_by_a_worker_of_another_process(lab: Lab) {
    let (desk, worker) = (lab.desk(1), lab.elsewhere(1).await);
    let run = queue(&desk, &one_type()).await;
    assert_eq!((run.record.status, run.record.run_no, run.record.created_at), (RunStatus::Pending, None, lab.now()));
    assert_eq!(run.record.guard, Guard { min_items: 7, percent: 30 });
    assert!(run.listings.is_empty() && run.errors.is_empty());
    assert_eq!(desk.run(run.record.run_id).await, run);
    let known = desk.store.selections(&desk.scope).await.expect("selections");
    assert_eq!(known.iter().map(|used| used.last_run_id).collect::<Vec<_>>(), [run.record.run_id], "the selection was used");
    assert_eq!(desk.store.tenants().await.expect("tenants").len(), 1, "and the tenant is known");

    let found = queued(&worker, WIDE).await;
    let (run_id, correlation_id) = (run.record.run_id, run.record.correlation_id);
    assert_eq!(found, [QueuedRun { tenant_id: desk.scope.tenant(), run_id, correlation_id, selection: one_type().selection }]);
    lab.pass(Duration::from_hours(1));
    let Claim::Claimed(claimed) = claim(&worker, run_id, &one_type(), WIDE).await else { panic!("nothing stands in its way") };
    assert_eq!(queued(&desk, WIDE).await, [], "it is that worker's now");
    let told = [(CONFIG, Told::Saw(&["1"]))];
    let ended = open(&worker, &one_type(), claimed).tell(&told).await.finish().await;
    assert_eq!((ended.record.run_id, ended.record.status), (run_id, RunStatus::Success));
}

pub(crate) async fn queued_runs_come_oldest_first_and_only_those_that_no_limit_holds_back(lab: Lab) {
    let (one, two) = (lab.desk(1), lab.desk(2));
    let limits = Limits { global: 3, per_tenant: 1 };
    let first = queue(&two, &one_type()).await.record.run_id;
    let second = queue(&one, &one_type()).await.record.run_id;
    let third = queue(&two, &Chosen::types(&[APP])).await.record.run_id;
    assert_eq!(queued_ids(&one, limits).await, [first, second, third]);
    let asked_for_two = one.store.queued_runs(limits, 2).await.expect("an answer");
    assert_eq!(asked_for_two.iter().map(|run| run.run_id).collect::<Vec<_>>(), [first, second]);

    let of_two = two.start(&Chosen::types(&[COMPLIANCE])).await;
    assert_eq!(queued_ids(&one, limits).await, [second], "the tenant has as many as it may");
    assert_eq!(queued_ids(&one, Limits { global: 1, per_tenant: 9 }).await, [], "all there may be are running");
    of_two.finish().await;
    assert_eq!(queued_ids(&one, limits).await, [first, second, third]);
    assert_eq!(queued_ids(&one, Limits { global: 0, per_tenant: 9 }).await, []);
    assert_eq!(queued_ids(&one, Limits { global: 9, per_tenant: 0 }).await, []);
}

pub(crate) async fn a_queued_run_that_only_a_newer_program_can_read_stops_nobody(lab: Lab) {
    let (one, two) = (lab.desk(1), lab.desk(2));
    let newer = queue(&one, &one_type()).await;
    let run = queue(&two, &one_type()).await;
    let payload = r#"{"categories":[],"platforms":["windows"],"policy_types":[]}"#;
    let sql = format!("UPDATE sync_runs SET selection_payload = '{payload}' WHERE run_id = '{}'", newer.record.run_id);
    lab.database.execute(&sql).await.expect("a statement that both databases understand");
    assert_eq!(queued_ids(&two, WIDE).await, [run.record.run_id]);
}

pub(crate) async fn a_start_that_waits_keeps_its_run_for_itself(lab: Lab) {
    let desk = lab.desk(1);
    let new = desk.new_run(&one_type(), OnLimit::Wait);
    let none = ClaimTerms { limits: Limits { global: 0, per_tenant: 0 }, ..terms(&one_type()) };
    let started = desk.store.start_run(&desk.scope, &new, &none).await.expect("a start");
    assert!(matches!(started, Start::Waiting(_)), "{started:?}");
    assert_eq!(queued(&desk, WIDE).await, []);
    let Claim::Claimed(_) = claim(&desk, new.run_id, &one_type(), WIDE).await else { panic!("its starter claims it") };
}

pub(crate) async fn a_run_for_the_queue_that_meets_a_live_one_is_recorded_as_skipped(lab: Lab) {
    let desk = lab.desk(1);
    let waiting = queue(&desk, &one_type()).await.record.run_id;
    let running = desk.start(&Chosen::types(&[APP])).await;
    for chosen in [one_type(), Chosen::types(&[APP])] {
        let Enqueued::Contended(run) = put(&desk, &chosen).await else { panic!("the selection has a live run") };
        assert_eq!((run.record.status, run.record.had_errors), (RunStatus::Skipped, true));
        assert_eq!((run.record.error_codes.as_slice(), run.record.finished_at), (&[ErrorCode::LockContended][..], Some(lab.now())));
        assert_eq!(desk.run(run.record.run_id).await, *run);
    }
    assert_eq!(queued_ids(&desk, WIDE).await, [waiting]);
    assert_eq!(desk.run(running.run_id).await.record.status, RunStatus::Running);
    // Whose lease is over holds no lock.
    lab.pass(crate::fixture::LEASE + MICRO);
    queue(&desk, &Chosen::types(&[APP])).await;
}

pub(crate) async fn i34_a_queued_run_expires_after_its_own_time(lab: Lab) {
    let desk = lab.desk(1);
    let run = queue(&desk, &one_type()).await.record.run_id;
    lab.pass(QUEUED.saturating_sub(MICRO));
    assert_eq!(desk.store.reap_expired().await.expect("a reaping").skipped, []);
    assert_eq!(queued_ids(&desk, WIDE).await, [run]);
    lab.pass(MICRO);
    assert_eq!(desk.store.reap_expired().await.expect("a reaping").skipped, [(desk.scope.tenant(), run)]);
    assert_eq!(queued(&desk, WIDE).await, []);
    let expired = desk.run(run).await.record;
    assert_eq!((expired.status, expired.error_codes.as_slice()), (RunStatus::Skipped, &[ErrorCode::WorkerLost][..]));
    queue(&desk, &one_type()).await;
}

pub(crate) async fn i34_a_claim_that_has_to_wait_never_shortens_a_place_in_the_queue(lab: Lab) {
    let desk = lab.desk(1);
    let none = Limits { global: 0, per_tenant: 0 };
    let run = queue(&desk, &one_type()).await.record.run_id;
    assert!(matches!(claim(&desk, run, &one_type(), none).await, Claim::Waiting(_)));
    lab.pass(QUEUED.saturating_sub(MICRO));
    assert_eq!(desk.store.reap_expired().await.expect("a reaping").skipped, [], "a day is longer than a claim gives");
    assert!(matches!(claim(&desk, run, &one_type(), none).await, Claim::Waiting(_)));
    lab.pass(PENDING.saturating_sub(MICRO));
    assert_eq!(desk.store.reap_expired().await.expect("a reaping").skipped, [], "at its end, what a claim gives is longer");
    lab.pass(MICRO);
    assert_eq!(desk.store.reap_expired().await.expect("a reaping").skipped, [(desk.scope.tenant(), run)]);
}

pub(crate) async fn i10_of_two_workers_that_race_for_a_queued_run_one_gets_it(lab: Lab) {
    let desks = [lab.desk(1), lab.elsewhere(1).await];
    for _ in 0..10 {
        let run = queue(&desks[0], &one_type()).await.record.run_id;
        let race = desks.each_ref().map(|desk| {
            let desk = desk.clone();
            tokio::spawn(async move { claim(&desk, run, &one_type(), WIDE).await })
        });
        let mut won = Vec::new();
        for (claimed, desk) in race.into_iter().zip(&desks) {
            match claimed.await.expect("no claim panics") {
                Claim::Claimed(claimed) => won.push(open(desk, &one_type(), claimed)),
                Claim::Ended(other) => assert_eq!(other.record.status, RunStatus::Running),
                other => panic!("claimed by one or by the other: {other:?}"),
            }
        }
        assert_eq!(won.len(), 1);
        won.remove(0).finish().await;
    }
}

/// How many runs are being worked on, as those who work on them count: one more after each claim, and one less before each end. So the
/// count is never above what the database counts as running.
#[derive(Default)]
struct Gauge([AtomicU32; 4], AtomicU32);

impl Gauge {
    fn claimed(&self, tenant: usize, limits: Limits) {
        let (of_tenant, in_all) = (self.0[tenant].fetch_add(1, Ordering::SeqCst) + 1, self.1.fetch_add(1, Ordering::SeqCst) + 1);
        assert!(of_tenant <= limits.per_tenant && in_all <= limits.global, "{of_tenant} of one tenant and {in_all} in all");
    }

    fn about_to_end(&self, tenant: usize) {
        self.0[tenant].fetch_sub(1, Ordering::SeqCst);
        self.1.fetch_sub(1, Ordering::SeqCst);
    }
}

pub(crate) async fn r12_limits_hold_exactly_under_16_workers_racing_1000_starts(lab: Lab) {
    const STARTS: u32 = 1_000;
    let limits = Limits { global: 5, per_tenant: 2 };
    let selections = [CONFIG, APP, COMPLIANCE, SECURITY, CATALOG].map(|name| Chosen::types(&[name]));
    let handles = [lab.database.store(), lab.database.another().await, lab.database.another().await, lab.database.another().await];
    let (gauge, next, claims) = (Arc::<Gauge>::default(), Arc::<AtomicU32>::default(), Arc::<AtomicU32>::default());
    let workers = (0..16_usize).map(|worker| {
        let desks = [1, 2, 3, 4].map(|tenant| lab.desk(tenant).through(&handles[worker % 4]));
        let (gauge, next, claims, selections) = (gauge.clone(), next.clone(), claims.clone(), selections.clone());
        tokio::spawn(async move {
            loop {
                let number = next.fetch_add(1, Ordering::SeqCst) as usize;
                if number >= STARTS as usize {
                    return;
                }
                // Every fifth goes by the queue, and whoever put it there tries for what is oldest.
                let (tenant, chosen) = (number % 4, &selections[number / 4 % 5]);
                let desk = &desks[tenant];
                let claimed = if number.is_multiple_of(5) {
                    put(desk, chosen).await;
                    take_oldest(&desks, limits).await
                } else {
                    let terms = ClaimTerms { limits, ..terms(chosen) };
                    match desk.store.start_run(&desk.scope, &desk.new_run(chosen, OnLimit::Skip), &terms).await.expect("a start") {
                        Start::Claimed(run) => Some((tenant, open(desk, chosen, run))),
                        Start::Skipped(_) => None,
                        Start::Waiting(code) => panic!("it was not to wait: {code}"),
                    }
                };
                if let Some((tenant, run)) = claimed {
                    gauge.claimed(tenant, limits);
                    claims.fetch_add(1, Ordering::SeqCst);
                    // A page, so that others start while this one runs.
                    let policy_type = run.chosen.types[0].policy_type.clone();
                    run.saw(policy_type.as_str(), &["1", "2"]).await;
                    gauge.about_to_end(tenant);
                    run.finish().await;
                }
            }
        })
    });
    for worker in workers.collect::<Vec<_>>() {
        worker.await.expect("no worker meets more than the limits");
    }
    let mut ended: BTreeMap<&str, u32> = BTreeMap::new();
    for number in 1..=4 {
        let desk = lab.desk(number);
        for run in desk.store.runs(&desk.scope, &RunQuery { limit: 1_000, ..RunQuery::default() }).await.expect("runs") {
            *ended.entry(run.status.as_str()).or_default() += 1;
        }
    }
    assert_eq!(ended.values().sum::<u32>(), STARTS, "every start is a recorded run: {ended:?}");
    assert_eq!((ended.get("success"), ended.get("running")), (Some(&claims.load(Ordering::SeqCst)), None), "{ended:?}");
}

/// Claims the oldest queued run, of whichever tenant, unless somebody else does or a limit is reached.
async fn take_oldest(desks: &[Desk; 4], limits: Limits) -> Option<(usize, Open)> {
    let oldest = desks[0].store.queued_runs(limits, 1).await.expect("an answer").pop()?;
    let place = (0..4).find(|place| tenant(place + 1) == oldest.tenant_id).map(usize::from)?;
    let types = oldest.selection.policy_types.iter().map(PolicyType::as_str).collect::<Vec<_>>();
    let chosen = Chosen::types(&types);
    match claim(&desks[place], oldest.run_id, &chosen, limits).await {
        Claim::Claimed(claimed) => Some((place, open(&desks[place], &chosen, claimed))),
        Claim::Waiting(_) | Claim::Ended(_) => None,
        Claim::NoSuchRun => panic!("it was in the queue"),
    }
}
