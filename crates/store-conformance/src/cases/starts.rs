//! Starts that are left to workers: their keys, and the limits that hold for them.

use std::collections::BTreeSet;

use lastseen_model::{ErrorCode, Limits, OnLimit, Reference, RunId, RunStatus};
use lastseen_store::{Change, EnqueueTerms, Enqueued, NewRun, RunDetail, RunQuery, StoreError, TenantChange};

use crate::fixture::{Desk, Lab, MICRO, Told, for_queue};
use crate::world::{APP, COMPLIANCE, CONFIG, Chosen};

fn one_type() -> Chosen {
    Chosen::types(&[CONFIG])
}

fn keyed(desk: &Desk, chosen: &Chosen, on_limit: OnLimit, key: &str) -> NewRun {
    NewRun { start_key: Some(key.parse().expect("a key")), ..desk.new_run(chosen, on_limit) }
}

async fn ask(desk: &Desk, new: &NewRun, limits: Limits) -> Enqueued {
    desk.store.enqueue_run(&desk.scope, new, &EnqueueTerms { limits, ..for_queue() }).await.expect("an answer")
}

/// Asks for a run of one type under a key, where no limit holds anything back.
async fn under(desk: &Desk, key: &str) -> Enqueued {
    ask(desk, &keyed(desk, &one_type(), OnLimit::Wait, key), for_queue().limits).await
}

fn queued(answer: Enqueued) -> RunDetail {
    match answer {
        Enqueued::Queued(run) => *run,
        other => panic!("nothing stands in its way: {other:?}"),
    }
}

fn repeated(answer: Enqueued) -> RunDetail {
    match answer {
        Enqueued::Repeated(run) => *run,
        other => panic!("it was asked for before: {other:?}"),
    }
}

fn limited(answer: Enqueued) -> RunDetail {
    match answer {
        Enqueued::Limited(run) => *run,
        other => panic!("a limit is reached: {other:?}"),
    }
}

async fn runs(desk: &Desk) -> Vec<RunId> {
    let runs = desk.store.runs(&desk.scope, &RunQuery { limit: 1_000, ..RunQuery::default() }).await.expect("runs");
    runs.iter().map(|run| run.run_id).collect()
}

pub(crate) async fn a_start_asked_for_again_under_its_key_is_the_same_run(lab: Lab) {
    let desk = lab.desk(1);
    let first = queued(under(&desk, "monday").await);
    lab.pass(MICRO);
    let again = lab.elsewhere(1).await;
    assert_eq!(repeated(under(&again, "monday").await), first);
    let open = desk.start(&Chosen::types(&[APP])).await;
    desk.cancel(first.record.run_id).await;
    let ended = repeated(under(&again, "monday").await);
    assert_eq!((ended.record.run_id, ended.record.status), (first.record.run_id, RunStatus::Skipped), "the run as it is now");
    let next = queued(under(&desk, "tuesday").await);
    assert_eq!(runs(&desk).await, [next.record.run_id, open.run_id, first.record.run_id]);
    // Without a key every start is another one.
    assert!(matches!(ask(&desk, &desk.new_run(&one_type(), OnLimit::Wait), for_queue().limits).await, Enqueued::Contended(_)));
}

pub(crate) async fn a_repeated_start_is_no_contention_while_its_run_is_live(lab: Lab) {
    let desk = lab.desk(1);
    let first = queued(under(&desk, "monday").await).record.run_id;
    assert_eq!(repeated(under(&desk, "monday").await).record.status, RunStatus::Pending);
    let terms = crate::fixture::terms(&one_type());
    let claimed = desk.store.claim_run(&desk.scope, first, &terms).await.expect("a claim");
    assert!(matches!(claimed, lastseen_store::Claim::Claimed(_)), "{claimed:?}");
    assert_eq!(repeated(under(&desk, "monday").await).record.status, RunStatus::Running);
    assert_eq!(runs(&desk).await, [first]);
}

pub(crate) async fn a_key_stands_for_one_selection_and_one_wish(lab: Lab) {
    let desk = lab.desk(1);
    let first = queued(under(&desk, "monday").await);
    for (chosen, on_limit) in [(Chosen::types(&[APP]), OnLimit::Wait), (one_type(), OnLimit::Skip)] {
        let other = keyed(&desk, &chosen, on_limit, "monday");
        // Nothing was written, so that what it asked for is free for another key, and nobody used the selection.
        let taken = ask(&desk, &other, for_queue().limits).await;
        assert!(matches!(taken, Enqueued::KeyTaken(run) if run == first.record.run_id), "{taken:?}");
    }
    assert_eq!(runs(&desk).await, [first.record.run_id]);
    assert_eq!(desk.store.selections(&desk.scope).await.expect("selections").len(), 1);
    assert_eq!(desk.run(first.record.run_id).await, first);
}

pub(crate) async fn a_skipped_runs_key_is_remembered_too(lab: Lab) {
    let desk = lab.desk(1);
    let open = desk.start(&one_type()).await;
    let Enqueued::Contended(skipped) = under(&desk, "monday").await else { panic!("the selection has a live run") };
    assert_eq!(skipped.record.error_codes, [ErrorCode::LockContended]);
    let none = Limits { global: 0, per_tenant: 0 };
    let over = limited(ask(&desk, &keyed(&desk, &Chosen::types(&[APP]), OnLimit::Skip, "tuesday"), none).await);
    open.tell(&[(CONFIG, Told::Saw(&["1"]))]).await.finish().await;
    // Now nothing stands in the way of either, and both are told as they were.
    assert_eq!(repeated(under(&desk, "monday").await), *skipped);
    let again = keyed(&desk, &Chosen::types(&[APP]), OnLimit::Skip, "tuesday");
    assert_eq!(repeated(ask(&desk, &again, for_queue().limits).await), over);
}

pub(crate) async fn a_repetition_for_a_removed_tenant_makes_nothing(lab: Lab) {
    let desk = lab.desk(1);
    let first = queued(under(&desk, "monday").await);
    desk.store.remove_tenant(&desk.scope).await.expect("an answer").expect("known");
    let again = keyed(&desk, &one_type(), OnLimit::Wait, "monday");
    let refused = desk.store.enqueue_run(&desk.scope, &again, &for_queue()).await.expect_err("refused");
    assert!(matches!(refused, StoreError::TenantRemoved), "{refused:?}");
    assert_eq!(runs(&desk).await, [first.record.run_id]);
}

pub(crate) async fn of_16_starts_at_once_under_one_key_one_makes_the_run(lab: Lab) {
    let desks = [lab.desk(1), lab.elsewhere(1).await];
    for round in 0..5 {
        let key = format!("round-{round}");
        let starts = (0..16_usize).map(|number| {
            let (desk, key) = (desks[number % 2].clone(), key.clone());
            tokio::spawn(async move { under(&desk, &key).await })
        });
        let (mut made, mut told) = (0, BTreeSet::new());
        for start in starts.collect::<Vec<_>>() {
            match start.await.expect("no start panics") {
                Enqueued::Queued(run) => {
                    made += 1;
                    told.insert(run.record.run_id);
                }
                Enqueued::Repeated(run) => drop(told.insert(run.record.run_id)),
                other => panic!("made by one and repeated by the others: {other:?}"),
            }
        }
        assert_eq!((made, told.len()), (1, 1));
        assert_eq!(runs(&desks[0]).await.len(), round + 1);
        for run in told {
            desks[0].cancel(run).await;
        }
    }
}

pub(crate) async fn of_starts_for_two_selections_at_once_under_one_key_one_makes_the_run(lab: Lab) {
    for tenant in 1..=10 {
        let desks = [lab.desk(tenant), lab.elsewhere(tenant).await];
        let starts = (0..8_usize).map(|number| {
            let desk = desks[number % 2].clone();
            let chosen = Chosen::types(&[[CONFIG, APP][number / 2 % 2]]);
            let new = keyed(&desk, &chosen, OnLimit::Skip, "monday");
            tokio::spawn(async move { ask(&desk, &new, for_queue().limits).await })
        });
        let (mut made, mut taken, mut same) = (Vec::new(), Vec::new(), Vec::new());
        for start in starts.collect::<Vec<_>>() {
            match start.await.expect("no start panics") {
                Enqueued::Queued(run) => made.push(run.record.run_id),
                Enqueued::Repeated(run) => same.push(run.record.run_id),
                Enqueued::KeyTaken(run) => taken.push(run),
                other => panic!("the key decides: {other:?}"),
            }
        }
        assert_eq!((made.len(), same.len(), taken.len()), (1, 3, 4));
        assert!(same.iter().chain(&taken).all(|run| *run == made[0]));
        let known = desks[0].store.missing_counts(&desks[0].scope, Reference::default()).await.expect("counts");
        let known: Vec<_> = known.iter().map(|selection| selection.selection_hash).collect();
        assert_eq!(known, [desks[0].run(made[0]).await.record.selection_hash], "of what was not asked for nothing was written");
    }
}

pub(crate) async fn r12_a_run_for_the_queue_that_is_not_to_wait_is_skipped_at_a_limit(lab: Lab) {
    let (one, two) = (lab.desk(1), lab.desk(2));
    let limits = Limits { global: 2, per_tenant: 1 };
    let skip = |desk: &Desk, chosen: &Chosen| desk.new_run(chosen, OnLimit::Skip);
    // Pending runs do not count.
    queued(ask(&one, &skip(&one, &Chosen::types(&[APP])), limits).await);
    queued(ask(&one, &skip(&one, &one_type()), limits).await);
    one.start(&Chosen::types(&[COMPLIANCE])).await;
    let over = limited(ask(&one, &skip(&one, &Chosen::everything()), limits).await);
    assert_eq!((over.record.status, over.record.had_errors), (RunStatus::Skipped, true));
    assert_eq!((over.record.error_codes.as_slice(), over.record.finished_at), (&[ErrorCode::ConcurrencyLimitTenant][..], Some(lab.now())));
    assert_eq!(one.run(over.record.run_id).await, over);
    queued(ask(&two, &skip(&two, &one_type()), limits).await);
    two.start(&Chosen::types(&[COMPLIANCE])).await;
    let over = limited(ask(&two, &skip(&two, &Chosen::types(&[APP])), limits).await);
    assert_eq!(over.record.error_codes, [ErrorCode::ConcurrencyLimitGlobal]);
    // A live run is told before a limit, as where a run is started.
    let Enqueued::Contended(run) = ask(&two, &skip(&two, &one_type()), limits).await else { panic!("the selection has a live run") };
    assert_eq!(run.record.error_codes, [ErrorCode::LockContended]);
    // Whose lease is over holds no slot.
    lab.pass(crate::fixture::LEASE);
    queued(ask(&two, &skip(&two, &Chosen::types(&[APP])), limits).await);
}

pub(crate) async fn r12_a_tenants_own_limit_holds_for_the_queue_too(lab: Lab) {
    let desk = lab.desk(1);
    let own = |limit| TenantChange { runs_at_once: Change::Set(limit), ..TenantChange::default() };
    desk.store.set_tenant(&desk.scope, &own(1)).await.expect("a tenant");
    desk.start(&Chosen::types(&[COMPLIANCE])).await;
    let wide = for_queue().limits;
    let over = limited(ask(&desk, &desk.new_run(&one_type(), OnLimit::Skip), wide).await);
    assert_eq!(over.record.error_codes, [ErrorCode::ConcurrencyLimitTenant]);
    desk.store.set_tenant(&desk.scope, &own(2)).await.expect("a tenant");
    queued(ask(&desk, &desk.new_run(&one_type(), OnLimit::Skip), Limits { per_tenant: 0, ..wide }).await);
}

pub(crate) async fn a_run_for_the_queue_that_is_to_wait_knows_no_limit(lab: Lab) {
    let desk = lab.desk(1);
    let none = Limits { global: 0, per_tenant: 0 };
    let run = queued(ask(&desk, &desk.new_run(&one_type(), OnLimit::Wait), none).await);
    assert_eq!(run.record.status, RunStatus::Pending);
}
