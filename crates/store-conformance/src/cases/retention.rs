//! Retention drops proofs that no answer needs, and no answer changes.

use std::time::Duration;

use lastseen_model::{ErrorCode, PageEnd, Reason, Reference};
use lastseen_store::{Pruned, Retention};

use crate::fixture::{Desk, Lab, MICRO, Told, doubts};
use crate::world::{APP, CONFIG, Chosen, SECURITY};

fn one_type() -> Chosen {
    Chosen::types(&[CONFIG])
}

/// Everything that is derived, as text.
async fn answers(desk: &Desk, selections: &[Chosen]) -> String {
    let mut said = serde_json::to_string(&desk.items().await).expect("JSON");
    for chosen in selections {
        for reference in [Reference::LatestCompleted, Reference::LatestSuccess, Reference::LatestComplete] {
            said += &serde_json::to_string(&desk.missing_against(chosen, reference).await).expect("JSON");
        }
    }
    said + &serde_json::to_string(&desk.store.selections(&desk.scope).await.expect("selections")).expect("JSON")
}

async fn listings_left(desk: &Desk, runs: &[lastseen_model::RunId]) -> Vec<usize> {
    let mut left = Vec::new();
    for run in runs {
        left.push(desk.run(*run).await.listings.len());
    }
    left
}

pub(crate) async fn i27_a_prune_keeps_what_answers_need_and_the_run_rows(lab: Lab) {
    let desk = lab.desk(1);
    let mut runs = Vec::new();
    for told in [&["1", "2", "gone"][..], &["1", "2"], &["1"], &["1"], &["1"], &["1"]] {
        lab.pass(MICRO);
        runs.push(desk.sync(&one_type(), &[(CONFIG, Told::Saw(told))]).await.record.run_id);
    }
    let before = answers(&desk, &[one_type()]).await;
    let pruned = desk.keep(1).await;
    // The last is the reference, the one before it the guard's base, the second and third say since when what is missing.
    assert_eq!(listings_left(&desk, &runs).await, [0, 1, 1, 0, 1, 1]);
    assert_eq!(pruned, Pruned { listings: 2, cold_facts: 1, kept_as_proof: 3 });
    assert_eq!(answers(&desk, &[one_type()]).await, before);
    assert_eq!(desk.store.runs(&desk.scope, &lastseen_store::RunQuery { limit: 100, ..Default::default() }).await.expect("runs").len(), 6);
    assert_eq!(desk.keep(1).await, Pruned { listings: 0, cold_facts: 0, kept_as_proof: 3 }, "nothing is left to drop");
}

pub(crate) async fn i27_a_last_sighting_outlives_its_listing(lab: Lab) {
    let desk = lab.desk(1);
    let first = desk.sync(&one_type(), &[(CONFIG, Told::Saw(&["1", "2"]))]).await.record;
    let seen_at = lab.now();
    for _ in 0..3 {
        lab.pass(MICRO);
        desk.sync(&one_type().under(CONFIG, 2, 2), &[(CONFIG, Told::Saw(&["1"]))]).await;
    }
    assert_eq!(desk.keep(0).await.cold_facts, 1);
    assert!(desk.run(first.run_id).await.listings.is_empty(), "its proof is gone");
    let item = desk.item("2").await;
    assert_eq!((item.last_seen_run_id, item.last_seen_at), (first.run_id, seen_at));
    assert_eq!(desk.doubts(&one_type()).await, [("2".to_owned(), vec![Reason::ContractChanged])], "the contract is remembered, too");
    desk.sync(&one_type(), &[(CONFIG, Told::Saw(&["1", "2"]))]).await;
    assert_ne!(desk.item("2").await.last_seen_run_id, first.run_id, "a newer sighting wins over what was written down");
}

pub(crate) async fn i27_another_selections_sighting_outlives_its_listing(lab: Lab) {
    let desk = lab.desk(1);
    let (one, other) = (one_type(), Chosen::types(&[CONFIG, APP]));
    desk.sync(&one, &[(CONFIG, Told::Saw(&["1", "2"]))]).await;
    desk.sync(&one, &[(CONFIG, Told::Saw(&["1"]))]).await;
    desk.sync(&other, &[(CONFIG, Told::BrokeOff(&["2"], ErrorCode::GraphTimeout)), (APP, Told::Saw(&["9"]))]).await;
    desk.sync(&other, &[(CONFIG, Told::Failed(ErrorCode::GraphTimeout)), (APP, Told::Saw(&["9"]))]).await;
    let selections = [one.clone(), other.clone()];
    let before = answers(&desk, &selections).await;
    assert!(desk.keep(1).await.listings > 0);
    assert_eq!(answers(&desk, &selections).await, before);
    assert_eq!(desk.doubts(&one).await, [("2".to_owned(), vec![Reason::SeenSince])]);
}

pub(crate) async fn i24_the_guard_holds_after_a_prune(lab: Lab) {
    let desk = lab.desk(1);
    for told in [&["1", "2", "3"][..], &["1", "2", "3"], &["1", "2", "3"]] {
        desk.sync(&one_type(), &[(CONFIG, Told::Saw(told))]).await;
    }
    desk.keep(0).await;
    desk.sync(&one_type(), &[(CONFIG, Told::Saw(&[]))]).await;
    assert_eq!(desk.missing(&one_type()).await.expect("a baseline").low, 3);
    desk.keep(0).await;
    let answer = desk.missing(&one_type()).await.expect("a baseline");
    assert!(doubts(&answer).iter().all(|(_, reasons)| *reasons == [Reason::MassDisappearance]), "{answer:?}");
}

pub(crate) async fn i24_a_prune_while_a_run_goes_on_keeps_what_it_will_be_measured_against(lab: Lab) {
    let desk = lab.desk(1);
    let (one, other) = (one_type(), Chosen::types(&[CONFIG, SECURITY]));
    desk.sync(&one, &[(CONFIG, Told::Saw(&["1", "2", "3"]))]).await;
    let open = desk.start(&other).await;
    for _ in 0..2 {
        desk.sync(&one, &[(CONFIG, Told::Saw(&["1", "2", "3"]))]).await;
    }
    desk.keep(0).await;
    open.saw(CONFIG, &[]).await;
    open.saw(SECURITY, &[]).await;
    open.finish().await;
    let expected = [Reason::SeenSince, Reason::MassDisappearance];
    let said = desk.doubts(&other).await;
    assert!(said.len() == 3 && said.iter().all(|(_, reasons)| *reasons == expected), "{said:?}");
}

pub(crate) async fn i27_the_newest_complete_listing_of_each_type_stays_however_often_it_failed_since(lab: Lab) {
    let desk = lab.desk(1);
    let chosen = Chosen::types(&[CONFIG, APP]);
    desk.sync(&chosen, &[(CONFIG, Told::Saw(&["1", "2"])), (APP, Told::Saw(&["9"]))]).await;
    let complete = desk.sync(&chosen, &[(CONFIG, Told::Saw(&["1"])), (APP, Told::Saw(&["9"]))]).await.record;
    for _ in 0..4 {
        desk.sync(&chosen, &[(CONFIG, Told::Failed(ErrorCode::GraphForbidden)), (APP, Told::Saw(&["9"]))]).await;
    }
    let before = answers(&desk, std::slice::from_ref(&chosen)).await;
    desk.keep(1).await;
    assert_eq!(answers(&desk, std::slice::from_ref(&chosen)).await, before);
    let answer = desk.missing_against(&chosen, Reference::LatestComplete).await.expect("a baseline");
    assert_eq!(doubts(&answer), [("2".to_owned(), vec![])]);
    assert_eq!(answer.items[0].reference.reference_run_id, complete.run_id);
}

pub(crate) async fn i27_a_listing_completed_by_a_run_that_goes_on_does_not_stand_in_for_an_ended_one(lab: Lab) {
    let desk = lab.desk(1);
    let told = |ids| [(CONFIG, Told::Saw(ids))];
    desk.sync(&one_type(), &told(&["1", "2"])).await;
    desk.sync(&one_type(), &told(&["1"])).await;
    desk.sync(&one_type(), &[(CONFIG, Told::Failed(ErrorCode::GraphTimeout))]).await;
    let open = desk.start(&one_type()).await;
    open.page(1, &[(CONFIG, &["1"])], Some(PageEnd::Complete)).await.expect("a page");
    let before = answers(&desk, &[one_type()]).await;
    desk.keep(0).await;
    assert_eq!(answers(&desk, &[one_type()]).await, before);
}

pub(crate) async fn retention_never_touches_a_run_that_goes_on(lab: Lab) {
    let desk = lab.desk(1);
    let open = desk.start(&one_type()).await;
    open.page(1, &[(CONFIG, &["1"])], None).await.expect("a page");
    lab.pass(Duration::from_secs(30));
    let everything = Retention { keep_runs: Some(0), older_than: Some(Duration::ZERO) };
    assert_eq!(desk.store.prune(&desk.scope, &everything).await.expect("a prune"), Pruned::default());
    open.page(2, &[(CONFIG, &["2"])], Some(PageEnd::Complete)).await.expect("a page");
    assert_eq!(open.finish().await.record.counts.items_observed, 2);
}

pub(crate) async fn retention_by_age_drops_what_ended_before_and_without_limits_nothing(lab: Lab) {
    let desk = lab.desk(1);
    let mut runs = Vec::new();
    for _ in 0..5 {
        lab.pass(Duration::from_secs(10));
        runs.push(desk.sync(&one_type(), &[(CONFIG, Told::Saw(&["1"]))]).await.record.run_id);
    }
    let none = desk.store.prune(&desk.scope, &Retention::default()).await.expect("a prune");
    assert_eq!(none, Pruned::default(), "no limit, nothing beyond it");
    let age = |seconds| Retention { keep_runs: None, older_than: Some(Duration::from_secs(seconds)) };
    let pruned = desk.store.prune(&desk.scope, &age(25)).await.expect("a prune");
    assert_eq!((pruned.listings, pruned.kept_as_proof), (2, 0));
    assert_eq!(listings_left(&desk, &runs).await, [0, 0, 1, 1, 1]);
    lab.pass(Duration::from_secs(1_000));
    let pruned = desk.store.prune(&desk.scope, &age(25)).await.expect("a prune");
    assert_eq!((pruned.listings, pruned.kept_as_proof), (1, 2), "the reference and its base stay, however old");
}
