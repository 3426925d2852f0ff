//! Locks, leases, fences and limits.

use std::time::Duration;

use lastseen_model::{Ending, ErrorCode, Limits, ListingOutcome, OnLimit, PageEnd, RunId, RunStatus, WorkerId};
use lastseen_store::{Claim, ClaimTerms, Lease, Start, StoreError};

use crate::fixture::{Desk, LEASE, Lab, MICRO, Open, PENDING, Told, failure, ids, terms};
use crate::world::{APP, COMPLIANCE, CONFIG, Chosen, kind};

fn one_type() -> Chosen {
    Chosen::types(&[CONFIG])
}

/// Every write under this lease is refused.
async fn nothing_can_be_written(open: &Open) {
    let (store, scope) = (&open.desk.store, &open.desk.scope);
    let before = open.desk.run(open.run_id).await;
    let refused = [
        store.renew_lease(scope, &open.lease, LEASE).await.err(),
        store.begin_listings(scope, &open.lease, &[kind(CONFIG)]).await.err(),
        open.page(1, &[(CONFIG, &["late"])], Some(PageEnd::Complete)).await.err(),
        store.fail_listings(scope, &open.lease, &failure(&[CONFIG], ErrorCode::GraphTimeout)).await.err(),
        open.end(Ending::Finished, None).await.err(),
    ];
    for (verb, error) in ["renew", "begin", "record", "fail", "finish"].into_iter().zip(refused) {
        assert!(matches!(error, Some(StoreError::LeaseLost)), "{verb}: {error:?}");
    }
    assert_eq!(open.desk.run(open.run_id).await, before, "and the run is as it was");
    assert!(!ids(&open.desk.items().await).contains(&"late"));
}

async fn start(desk: &Desk, chosen: &Chosen, on_limit: OnLimit, limits: Limits) -> (RunId, Start) {
    let new = desk.new_run(chosen, on_limit);
    let terms = ClaimTerms { limits, ..terms(chosen) };
    (new.run_id, desk.store.start_run(&desk.scope, &new, &terms).await.expect("a start"))
}

async fn claim(desk: &Desk, run: RunId, chosen: &Chosen, limits: Limits) -> Claim {
    let terms = ClaimTerms { limits, ..terms(chosen) };
    desk.store.claim_run(&desk.scope, run, &terms).await.expect("a claim")
}

fn skipped_with(started: &Start) -> Option<ErrorCode> {
    match started {
        Start::Skipped(run) => {
            assert_eq!((run.record.status, run.record.had_errors), (RunStatus::Skipped, true));
            run.record.error_codes.first().copied()
        }
        Start::Claimed(_) | Start::Waiting(_) => None,
    }
}

pub(crate) async fn i11_a_run_whose_worker_went_away_fails_and_the_next_start_succeeds(lab: Lab) {
    let desk = lab.desk(1);
    let chosen = Chosen::types(&[CONFIG, APP, COMPLIANCE]);
    let open = desk.start(&chosen).await;
    open.saw(CONFIG, &["1"]).await;
    open.page(1, &[(APP, &["2"])], None).await.expect("a page");
    lab.pass(LEASE + MICRO);
    let again = lab.elsewhere(1).await.start(&chosen).await;
    let dead = desk.run(open.run_id).await;
    assert_eq!((dead.record.status, dead.record.had_errors), (RunStatus::Failed, true));
    assert_eq!(dead.record.error_codes, [ErrorCode::WorkerLost]);
    assert_eq!(dead.record.finished_at, Some(lab.now()));
    let outcomes: Vec<_> = dead.listings.iter().map(|listing| (listing.outcome, listing.error_code)).collect();
    assert_eq!(
        outcomes,
        [
            (Some(ListingOutcome::Complete), None),
            (Some(ListingOutcome::Incomplete), Some(ErrorCode::WorkerLost)),
            (Some(ListingOutcome::NotStarted), None),
        ]
    );
    assert_eq!(dead.record.counts.items_observed, 2, "what was committed counts");
    nothing_can_be_written(&open).await;
    again.finish().await;
}

pub(crate) async fn i32_a_reaped_run_takes_no_page(lab: Lab) {
    let open = lab.desk(1).start(&one_type()).await;
    lab.pass(LEASE + MICRO);
    let reaped = lab.elsewhere(1).await.store.reap_expired().await.expect("a reaping");
    assert_eq!((reaped.failed, reaped.skipped), (vec![(open.desk.scope.tenant(), open.run_id)], vec![]));
    nothing_can_be_written(&open).await;
    let again = open.desk.store.reap_expired().await.expect("a reaping");
    assert_eq!((again.failed, again.skipped), (vec![], vec![]), "reaped once");
}

pub(crate) async fn i11_an_expired_lease_writes_nothing_even_before_it_is_reaped(lab: Lab) {
    let open = lab.desk(1).start(&one_type()).await;
    lab.pass(LEASE + MICRO);
    nothing_can_be_written(&open).await;
    assert_eq!(open.desk.run(open.run_id).await.record.status, RunStatus::Running, "nobody reaped it yet");
}

pub(crate) async fn i11_a_finished_run_takes_nothing_more(lab: Lab) {
    let open = lab.desk(1).start(&one_type()).await;
    open.clone().finish().await;
    nothing_can_be_written(&open).await;
}

pub(crate) async fn a_renewed_lease_runs_from_the_renewal(lab: Lab) {
    let open = lab.desk(1).start(&one_type()).await;
    for _ in 0..3 {
        lab.pass(LEASE.saturating_sub(MICRO));
        open.renew().await.expect("still held");
    }
    lab.pass(LEASE.saturating_sub(MICRO));
    open.saw(CONFIG, &["1"]).await;
    assert_eq!(open.finish().await.record.status, RunStatus::Success);
}

pub(crate) async fn i11_another_worker_or_fence_writes_nothing(lab: Lab) {
    let open = lab.desk(1).start(&one_type()).await;
    let forged = [
        Lease { fence: open.lease.fence - 1, ..open.lease.clone() },
        Lease { fence: open.lease.fence + 1, ..open.lease.clone() },
        Lease { worker: WorkerId::new("someone-else"), ..open.lease.clone() },
    ];
    for lease in forged {
        nothing_can_be_written(&Open { lease, ..open.clone() }).await;
    }
    open.saw(CONFIG, &["1"]).await;
}

pub(crate) async fn i10_of_16_concurrent_starts_one_runs_and_15_are_recorded_as_skipped(lab: Lab) {
    let (here, there) = (lab.desk(1), lab.elsewhere(1).await);
    let starts = (0..16).map(|number| {
        let desk = if number % 2 == 0 { here.clone() } else { there.clone() };
        tokio::spawn(async move { start(&desk, &one_type(), OnLimit::Skip, Limits::default()).await.1 })
    });
    let mut claimed = Vec::new();
    let mut skipped = 0;
    for started in starts.collect::<Vec<_>>() {
        match started.await.expect("no start panics") {
            Start::Claimed(run) => claimed.push(run),
            other => {
                assert_eq!(skipped_with(&other), Some(ErrorCode::LockContended));
                skipped += 1;
            }
        }
    }
    assert_eq!((claimed.len(), skipped), (1, 15));
    let runs = here.store.runs(&here.scope, &lastseen_store::RunQuery { limit: 100, ..Default::default() }).await.expect("runs");
    let recorded = |status| runs.iter().filter(|run| run.status == status).count();
    assert_eq!((runs.len(), recorded(RunStatus::Running), recorded(RunStatus::Skipped)), (16, 1, 15));
}

pub(crate) async fn r11_other_selections_and_other_tenants_run_at_the_same_time(lab: Lab) {
    let (one, two) = (lab.desk(1), lab.desk(2));
    let first = one.start(&one_type()).await;
    let second = one.start(&Chosen::types(&[CONFIG, APP])).await;
    let third = two.start(&one_type()).await;
    assert!(first.run_no < second.run_no && second.run_no < third.run_no, "one sequence numbers all claims");
    for open in [first, second, third] {
        open.finish().await;
    }
    one.start(&one_type()).await;
}

pub(crate) async fn r12_limits_hold_in_all_and_for_a_tenant(lab: Lab) {
    let (one, two) = (lab.desk(1), lab.desk(2));
    let limits = Limits { global: 3, per_tenant: 2 };
    let selections = [Chosen::types(&[CONFIG]), Chosen::types(&[APP]), Chosen::types(&[COMPLIANCE]), Chosen::everything()];
    for chosen in &selections[..2] {
        assert!(matches!(start(&one, chosen, OnLimit::Skip, limits).await.1, Start::Claimed(_)));
    }
    let over = start(&one, &selections[2], OnLimit::Skip, limits).await.1;
    assert_eq!(skipped_with(&over), Some(ErrorCode::ConcurrencyLimitTenant));
    let third = start(&two, &selections[0], OnLimit::Skip, limits).await.1;
    assert!(matches!(third, Start::Claimed(_)), "another tenant still has room: {third:?}");
    let over = start(&two, &selections[1], OnLimit::Skip, limits).await.1;
    assert_eq!(skipped_with(&over), Some(ErrorCode::ConcurrencyLimitGlobal));
    lab.pass(LEASE + MICRO);
    let free = start(&two, &selections[1], OnLimit::Skip, limits).await.1;
    assert!(matches!(free, Start::Claimed(_)), "every start reaps first: {free:?}");
}

pub(crate) async fn r12_limits_hold_under_concurrent_starts(lab: Lab) {
    let limits = Limits { global: 3, per_tenant: 2 };
    let selections = [Chosen::types(&[CONFIG]), Chosen::types(&[APP]), Chosen::types(&[COMPLIANCE]), Chosen::everything()];
    let there = [lab.elsewhere(1).await, lab.elsewhere(2).await];
    let starts = (0..16_usize).map(|number| {
        let desk = if number % 4 < 2 { lab.desk(u8::from(number % 2 == 1) + 1) } else { there[number % 2].clone() };
        let chosen = selections[number / 4].clone();
        tokio::spawn(async move { start(&desk, &chosen, OnLimit::Skip, limits).await.1 })
    });
    let mut claimed = 0;
    for started in starts.collect::<Vec<_>>() {
        claimed += u32::from(matches!(started.await.expect("no start panics"), Start::Claimed(_)));
    }
    assert_eq!(claimed, 3, "never more than the limit, and never fewer");
}

pub(crate) async fn a_run_that_waits_is_claimed_when_a_slot_is_free(lab: Lab) {
    let desk = lab.desk(1);
    let limits = Limits { global: 1, per_tenant: 1 };
    let first = desk.start(&Chosen::types(&[APP])).await;
    let (run, started) = start(&desk, &one_type(), OnLimit::Wait, limits).await;
    assert!(matches!(started, Start::Waiting(ErrorCode::ConcurrencyLimitGlobal)), "{started:?}");
    let pending = desk.run(run).await;
    assert_eq!((pending.record.status, pending.record.run_no), (RunStatus::Pending, None));
    assert!(pending.listings.is_empty());
    let again = start(&desk, &one_type(), OnLimit::Wait, limits).await.1;
    assert_eq!(skipped_with(&again), Some(ErrorCode::LockContended), "a pending run holds the lock");

    let waiting = claim(&desk, run, &one_type(), limits).await;
    assert!(matches!(waiting, Claim::Waiting(ErrorCode::ConcurrencyLimitGlobal)), "{waiting:?}");
    first.finish().await;
    lab.pass(MICRO);
    let Claim::Claimed(claimed) = claim(&desk, run, &one_type(), limits).await else { panic!("a slot was free") };
    assert_eq!((claimed.lease.run_id, claimed.started_at), (run, lab.now()));
    let twice = claim(&desk, run, &one_type(), limits).await;
    assert!(matches!(&twice, Claim::Ended(run) if run.record.status == RunStatus::Running), "claimed once: {twice:?}");
}

pub(crate) async fn i34_a_pending_run_expires_unless_somebody_asks_for_it(lab: Lab) {
    let desk = lab.desk(1);
    let none = Limits { global: 0, per_tenant: 0 };
    let (run, started) = start(&desk, &one_type(), OnLimit::Wait, none).await;
    assert!(matches!(started, Start::Waiting(_)), "{started:?}");
    for _ in 0..3 {
        lab.pass(PENDING.saturating_sub(MICRO));
        assert!(matches!(claim(&desk, run, &one_type(), none).await, Claim::Waiting(_)), "asking renews its place");
    }
    lab.pass(PENDING + MICRO);
    let free = lab.elsewhere(1).await.start(&one_type()).await;
    let expired = desk.run(run).await;
    assert_eq!((expired.record.status, expired.record.error_codes.as_slice()), (RunStatus::Skipped, &[ErrorCode::WorkerLost][..]));
    assert_eq!((expired.record.had_errors, expired.record.finished_at), (true, Some(lab.now())));
    let late = claim(&desk, run, &one_type(), Limits::default()).await;
    assert!(matches!(&late, Claim::Ended(run) if run.record.status == RunStatus::Skipped), "{late:?}");
    free.finish().await;
}

pub(crate) async fn i11_one_dead_run_among_live_ones_is_reaped_alone(lab: Lab) {
    let desk = lab.desk(1);
    let (dead, live) = (desk.start(&one_type()).await, desk.start(&Chosen::types(&[APP])).await);
    lab.pass(LEASE / 2);
    live.renew().await.expect("held");
    lab.pass(LEASE / 2 + Duration::from_secs(1));
    let reaped = desk.store.reap_expired().await.expect("a reaping");
    assert_eq!(reaped.failed, [(desk.scope.tenant(), dead.run_id)]);
    live.tell(&[(APP, Told::Saw(&["1"]))]).await.finish().await;
}
