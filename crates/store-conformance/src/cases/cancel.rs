//! Ending a run before it ends by itself.

use lastseen_model::{Ending, ErrorCode, ListingOutcome, OnLimit, RunId, RunStatus};
use lastseen_store::{Cancelled, Claim, Enqueued, Renewal, Start};

use crate::fixture::{Desk, LEASE, Lab, MICRO, Open, Told, for_queue, terms};
use crate::world::{APP, CONFIG, Chosen};

fn one_type() -> Chosen {
    Chosen::types(&[CONFIG])
}

/// Puts a run into the queue.
async fn queue(desk: &Desk) -> RunId {
    let new = desk.new_run(&one_type(), OnLimit::Wait);
    let queued = desk.store.enqueue_run(&desk.scope, &new, &for_queue()).await.expect("an answer");
    assert!(matches!(queued, Enqueued::Queued(_)), "{queued:?}");
    new.run_id
}

async fn claim(desk: &Desk, run: RunId) -> Claim {
    desk.store.claim_run(&desk.scope, run, &terms(&one_type())).await.expect("a claim")
}

pub(crate) async fn a_pending_run_that_is_cancelled_is_skipped_and_frees_its_lock(lab: Lab) {
    let desk = lab.desk(1);
    let run = queue(&desk).await;
    lab.pass(MICRO);
    let Cancelled::Ended(cancelled) = lab.elsewhere(1).await.cancel(run).await else { panic!("it was pending") };
    assert_eq!((cancelled.record.status, cancelled.record.had_errors), (RunStatus::Skipped, true));
    assert_eq!(cancelled.record.error_codes, [ErrorCode::Cancelled]);
    assert_eq!(cancelled.record.finished_at, Some(lab.now()));
    assert_eq!(desk.run(run).await, *cancelled);
    assert!(desk.store.queued_runs(for_queue().limits, 100).await.expect("an answer").is_empty());
    desk.start(&one_type()).await;

    // A start that waits for a slot, too.
    let none = lastseen_store::ClaimTerms { limits: lastseen_model::Limits { global: 0, per_tenant: 0 }, ..terms(&Chosen::types(&[APP])) };
    let new = desk.new_run(&Chosen::types(&[APP]), OnLimit::Wait);
    let started = desk.store.start_run(&desk.scope, &new, &none).await.expect("a start");
    assert!(matches!(started, Start::Waiting(_)), "{started:?}");
    assert!(matches!(desk.cancel(new.run_id).await, Cancelled::Ended(_)));
}

pub(crate) async fn the_worker_of_a_running_run_hears_of_a_cancellation_for_as_long_as_it_renews(lab: Lab) {
    let desk = lab.desk(1);
    let (open, other) = (desk.start(&Chosen::types(&[CONFIG, APP])).await, desk.start(&one_type()).await);
    open.begin(&[CONFIG]).await.expect("held");
    assert_eq!(open.renew().await.expect("held"), Renewal::Held);
    let Cancelled::Asked(asked) = lab.elsewhere(1).await.cancel(open.run_id).await else { panic!("it is running") };
    assert_eq!(*asked, desk.run(open.run_id).await);
    assert_eq!((asked.record.status, asked.record.had_errors), (RunStatus::Running, false), "it is its worker's to end");
    lab.pass(MICRO);
    for _ in 0..2 {
        assert_eq!(open.renew().await.expect("held"), Renewal::CancelAsked);
    }
    assert!(matches!(desk.cancel(open.run_id).await, Cancelled::Asked(_)), "asked again");
    // The lease runs on all the same, so that the worker can end the run in good order.
    lab.pass(LEASE.saturating_sub(MICRO));
    assert_eq!(open.renew().await.expect("held"), Renewal::CancelAsked);
    lab.pass(LEASE.saturating_sub(MICRO));
    let ended = open.end(Ending::Cancelled, Some(ErrorCode::Cancelled)).await.expect("held");
    assert_eq!((ended.record.status, ended.record.error_codes.as_slice()), (RunStatus::Failed, &[ErrorCode::Cancelled][..]));
    let outcomes: Vec<_> = ended.listings.iter().map(|listing| listing.outcome).collect();
    assert_eq!(outcomes, [Some(ListingOutcome::Incomplete), Some(ListingOutcome::NotStarted)]);
    // Nobody asked for the end of the other one.
    let reaped = desk.store.reap_expired().await.expect("a reaping");
    assert_eq!(reaped.failed, [(desk.scope.tenant(), other.run_id)]);
    assert_eq!(desk.start(&one_type()).await.renew().await.expect("held"), Renewal::Held, "nor of the next");
}

pub(crate) async fn a_run_that_has_ended_stays_as_it_is(lab: Lab) {
    let desk = lab.desk(1);
    let ended = desk.sync(&one_type(), &[(CONFIG, Told::Saw(&["1"]))]).await;
    let skipped = queue(&desk).await;
    desk.cancel(skipped).await;
    lab.pass(MICRO);
    for run in [ended.record.run_id, skipped] {
        let before = desk.run(run).await;
        let Cancelled::Over(told) = desk.cancel(run).await else { panic!("it has ended") };
        assert_eq!((&*told, &desk.run(run).await), (&before, &before));
    }
}

pub(crate) async fn a_cancelled_run_can_not_be_claimed(lab: Lab) {
    let desk = lab.desk(1);
    let run = queue(&desk).await;
    desk.cancel(run).await;
    let claimed = claim(&desk, run).await;
    assert!(matches!(&claimed, Claim::Ended(run) if run.record.error_codes == [ErrorCode::Cancelled]), "{claimed:?}");
}

pub(crate) async fn a_worker_that_is_told_to_cancel_and_dies_is_lost_like_any_other(lab: Lab) {
    let desk = lab.desk(1);
    let open = desk.start(&one_type()).await;
    desk.cancel(open.run_id).await;
    lab.pass(LEASE);
    desk.store.reap_expired().await.expect("a reaping");
    let lost = desk.run(open.run_id).await.record;
    assert_eq!((lost.status, lost.error_codes.as_slice()), (RunStatus::Failed, &[ErrorCode::WorkerLost][..]));
    assert!(matches!(desk.cancel(open.run_id).await, Cancelled::Over(_)));
}

pub(crate) async fn r05_a_run_is_cancelled_by_its_own_tenant_alone(lab: Lab) {
    let (desk, other) = (lab.desk(1), lab.desk(2));
    other.store.register_tenant(&other.scope, None).await.expect("known");
    let (pending, open) = (queue(&desk).await, desk.start(&Chosen::types(&[APP])).await);
    for run in [pending, open.run_id] {
        let before = desk.run(run).await;
        assert!(matches!(other.cancel(run).await, Cancelled::NoSuchRun));
        assert_eq!(desk.run(run).await, before);
    }
    assert_eq!(open.renew().await.expect("held"), Renewal::Held);
}

pub(crate) async fn of_a_cancellation_and_a_claim_that_race_one_is_first(lab: Lab) {
    let (desk, worker) = (lab.desk(1), lab.elsewhere(1).await);
    for _ in 0..10 {
        let run = queue(&desk).await;
        let claiming = {
            let worker = worker.clone();
            tokio::spawn(async move { claim(&worker, run).await })
        };
        let cancelled = desk.cancel(run).await;
        match (claiming.await.expect("no claim panics"), cancelled) {
            (Claim::Ended(_), Cancelled::Ended(_)) => {
                assert_eq!(desk.run(run).await.record.status, RunStatus::Skipped);
            }
            (Claim::Claimed(claimed), Cancelled::Asked(_)) => {
                let (run_id, run_no) = (run, claimed.run_no);
                let open = Open { desk: worker.clone(), chosen: one_type(), lease: claimed.lease, run_id, run_no };
                assert_eq!(open.renew().await.expect("held"), Renewal::CancelAsked);
                open.end(Ending::Cancelled, Some(ErrorCode::Cancelled)).await.expect("held");
            }
            other => panic!("one is first: {other:?}"),
        }
    }
}
