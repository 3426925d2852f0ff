//! What is missing: baseline, overlap, references, `missing_since`, what hides and what does not.

use lastseen_model::{Confidence, ErrorCode, ListingOutcome, Reference, RunStatus};
use lastseen_store::Missing;

use crate::fixture::{Lab, MICRO, Told, about, doubts, ids};
use crate::world::{APP, CATALOG, CONFIG, Chosen, SECURITY};

fn one_type() -> Chosen {
    Chosen::types(&[CONFIG])
}

fn high(ids: &[&str]) -> Vec<(String, Vec<lastseen_model::Reason>)> {
    ids.iter().map(|id| ((*id).to_owned(), Vec::new())).collect()
}

pub(crate) async fn i09_before_the_first_completed_run_there_is_no_baseline(lab: Lab) {
    let desk = lab.desk(1);
    for reference in [Reference::LatestCompleted, Reference::LatestSuccess, Reference::LatestComplete] {
        assert!(desk.missing_against(&one_type(), reference).await.is_none(), "a selection never used");
    }
    let open = desk.start(&one_type()).await;
    open.saw(CONFIG, &["1"]).await;
    assert!(desk.missing(&one_type()).await.is_none(), "a run that goes on is no baseline");
    open.finish().await;
    assert!(desk.missing(&one_type()).await.is_some());
    assert!(desk.missing(&Chosen::types(&[APP])).await.is_none(), "a baseline is of its selection");
    let never = desk.missing_against(&one_type(), Reference::LatestSuccess).await;
    assert!(never.is_some(), "the run was a success");
}

pub(crate) async fn i09_a_skipped_run_is_no_baseline(lab: Lab) {
    let desk = lab.desk(1);
    let new = desk.new_run(&one_type(), lastseen_model::OnLimit::Skip);
    let limits = lastseen_model::Limits { global: 0, per_tenant: 0 };
    let terms = lastseen_store::ClaimTerms { limits, ..crate::fixture::terms(&one_type()) };
    desk.store.start_run(&desk.scope, &new, &terms).await.expect("a start");
    assert!(desk.missing(&one_type()).await.is_none());
}

pub(crate) async fn i09_after_the_first_run_of_a_tenant_nothing_is_missing(lab: Lab) {
    let desk = lab.desk(1);
    desk.sync(&one_type(), &[(CONFIG, Told::Saw(&["1", "2"]))]).await;
    let answer = desk.missing(&one_type()).await.expect("a baseline");
    assert!(answer.items.is_empty());
    assert_eq!((answer.high, answer.low, answer.acknowledged), (0, 0, 0));
    assert_eq!(answer.coverage.len(), 1);
}

pub(crate) async fn r21_what_the_latest_completed_run_did_not_see_is_missing_with_high_confidence(lab: Lab) {
    let desk = lab.desk(1);
    let first = desk.sync(&one_type(), &[(CONFIG, Told::Saw(&["1", "2"]))]).await.record;
    let seen_at = lab.now();
    lab.pass(MICRO);
    let second = desk.sync(&one_type(), &[(CONFIG, Told::Saw(&["1"]))]).await.record;
    let item = desk.the_missing(&one_type()).await;
    assert_eq!((item.external_id.as_str(), item.confidence, item.reasons.len()), ("2", Confidence::High, 0));
    assert_eq!((item.listing_outcome, item.reference.reference_run_id), (ListingOutcome::Complete, second.run_id));
    assert_eq!((item.reference.reference_status, item.reference.reference_finished_at), (RunStatus::Success, lab.now()));
    assert_eq!((item.first_seen_at, item.last_seen_at, item.last_seen_run_id), (seen_at, seen_at, first.run_id));
    assert_eq!((item.missing_since_run_id, item.missing_since), (Some(second.run_id), Some(lab.now())));
    assert_eq!(
        (item.display_name.as_deref(), item.platform.as_deref(), item.category.as_str()),
        (Some("Policy 2, edition 1"), Some("windows"), "Configuration")
    );
    let answer = desk.missing(&one_type()).await.expect("a baseline");
    assert_eq!((answer.high, answer.low), (1, 0));
}

pub(crate) async fn i07_one_gone_and_one_come_is_one_missing_and_one_new(lab: Lab) {
    let desk = lab.desk(1);
    desk.sync(&one_type(), &[(CONFIG, Told::Saw(&["1", "2"]))]).await;
    let run = desk.sync(&one_type(), &[(CONFIG, Told::Saw(&["1", "3"]))]).await;
    assert_eq!((run.record.counts.items_observed, run.record.counts.items_created, run.record.counts.items_unseen), (2, 1, 1));
    assert_eq!(desk.doubts(&one_type()).await, high(&["2"]));
}

pub(crate) async fn what_comes_back_is_missing_no_more(lab: Lab) {
    let desk = lab.desk(1);
    desk.sync(&one_type(), &[(CONFIG, Told::Saw(&["1", "2"]))]).await;
    desk.sync(&one_type(), &[(CONFIG, Told::Saw(&["1"]))]).await;
    let back = desk.sync(&one_type(), &[(CONFIG, Told::Saw(&["1", "2"]))]).await.record;
    assert_eq!(desk.doubts(&one_type()).await, high(&[]));
    assert_eq!((back.counts.items_created, back.counts.items_changed), (0, 0), "back, not new");
}

pub(crate) async fn r22_a_run_of_another_selection_neither_hides_nor_adds_anything(lab: Lab) {
    let desk = lab.desk(1);
    let (one, both) = (one_type(), Chosen::types(&[CONFIG, APP]));
    desk.sync(&one, &[(CONFIG, Told::Saw(&["1", "2"]))]).await;
    desk.sync(&one, &[(CONFIG, Told::Saw(&["1"]))]).await;
    let before = desk.missing(&one).await.expect("a baseline").items;
    desk.sync(&both, &[(CONFIG, Told::Saw(&[])), (APP, Told::Saw(&["9"]))]).await;
    assert_eq!(desk.missing(&one).await.expect("a baseline").items, before, "what A says is what A saw");
    assert_eq!(desk.doubts(&both).await.len(), 2, "B looked too, and missed both");

    desk.sync(&both, &[(CONFIG, Told::Saw(&["1", "2"])), (APP, Told::Saw(&["9"]))]).await;
    let still = desk.missing(&one).await.expect("a baseline");
    assert_eq!(doubts(&still), [("2".to_owned(), vec![lastseen_model::Reason::SeenSince])], "still missing for A, with a doubt");
}

pub(crate) async fn i08_a_run_of_one_type_makes_nothing_of_other_types_missing(lab: Lab) {
    let desk = lab.desk(1);
    let all = Chosen::types(&[CONFIG, APP]);
    desk.sync(&all, &[(CONFIG, Told::Saw(&["1"])), (APP, Told::Saw(&["2"]))]).await;
    desk.sync(&one_type(), &[(CONFIG, Told::Saw(&["1"]))]).await;
    assert_eq!(desk.doubts(&one_type()).await, high(&[]));
    assert_eq!(desk.doubts(&all).await, high(&[]));
}

pub(crate) async fn r22_what_only_another_selection_saw_is_missing_when_this_one_looked_and_did_not(lab: Lab) {
    let desk = lab.desk(1);
    let both = Chosen::types(&[CONFIG, APP]);
    desk.sync(&both, &[(CONFIG, Told::Saw(&["1", "2"])), (APP, Told::Saw(&[]))]).await;
    let first = desk.sync(&one_type(), &[(CONFIG, Told::Saw(&["1"]))]).await.record;
    let item = desk.the_missing(&one_type()).await;
    assert_eq!((item.external_id.as_str(), item.confidence), ("2", Confidence::High));
    assert_eq!(item.missing_since_run_id, Some(first.run_id));
}

pub(crate) async fn an_item_that_became_known_while_the_run_went_on_is_not_missing(lab: Lab) {
    let desk = lab.desk(1);
    desk.sync(&one_type(), &[(CONFIG, Told::Saw(&["1"]))]).await;
    let open = desk.start(&one_type()).await;
    desk.sync(&Chosen::types(&[CONFIG, APP]), &[(CONFIG, Told::Saw(&["1", "new"])), (APP, Told::Saw(&[]))]).await;
    open.saw(CONFIG, &["1"]).await;
    open.finish().await;
    assert_eq!(desk.doubts(&one_type()).await, high(&[]), "it was not known when the run was claimed");
}

pub(crate) async fn missing_since_is_the_oldest_complete_listing_after_the_last_sighting(lab: Lab) {
    let desk = lab.desk(1);
    let chosen = one_type();
    desk.sync(&chosen, &[(CONFIG, Told::Saw(&["1", "2"]))]).await;
    desk.sync(&chosen, &[(CONFIG, Told::Saw(&["1"]))]).await;
    desk.sync(&chosen, &[(CONFIG, Told::Saw(&["1", "2"]))]).await;
    desk.sync(&chosen, &[(CONFIG, Told::Failed(ErrorCode::GraphTimeout))]).await;
    lab.pass(MICRO);
    let first = desk.sync(&chosen, &[(CONFIG, Told::Saw(&["1"]))]).await.record;
    let since = lab.now();
    for told in [Told::Saw(&["1"]), Told::Failed(ErrorCode::GraphTimeout), Told::Saw(&["1"])] {
        lab.pass(MICRO);
        desk.sync(&chosen, &[(CONFIG, told)]).await;
        let item = desk.missing(&chosen).await.expect("a baseline").items.into_iter().find(|item| item.external_id.as_str() == "2");
        let item = item.expect("still missing");
        assert_eq!((item.missing_since_run_id, item.missing_since), (Some(first.run_id), Some(since)));
    }
}

pub(crate) async fn missing_since_is_null_where_no_complete_listing_missed_it(lab: Lab) {
    let desk = lab.desk(1);
    desk.sync(&one_type(), &[(CONFIG, Told::Saw(&["1"]))]).await;
    desk.sync(&one_type(), &[(CONFIG, Told::Failed(ErrorCode::GraphTimeout))]).await;
    let item = desk.the_missing(&one_type()).await;
    assert_eq!((item.missing_since, item.missing_since_run_id, item.confidence), (None, None, Confidence::Low));
}

pub(crate) async fn every_answer_carries_the_reference_and_the_outcome_of_each_of_its_listings(lab: Lab) {
    let desk = lab.desk(1);
    let chosen = Chosen::types(&[SECURITY, CONFIG, CATALOG]);
    let told = [(CONFIG, Told::Saw(&["1", "2"][..])), (SECURITY, Told::Saw(&["3"])), (CATALOG, Told::Saw(&[]))];
    let first = desk.sync(&chosen, &told).await.record;
    let first_at = lab.now();
    lab.pass(MICRO);
    let told = [(CONFIG, Told::Saw(&["1"][..])), (SECURITY, Told::Failed(ErrorCode::GraphForbidden))];
    let run = desk.sync(&chosen, &told).await.record;
    let answer = desk.missing(&chosen).await.expect("a baseline");
    assert_eq!((answer.reference.reference_run_id, answer.reference.reference_status), (run.run_id, RunStatus::Partial));
    assert_eq!(Some(answer.reference.reference_finished_at), run.finished_at);
    let rows: Vec<_> = answer
        .coverage
        .iter()
        .map(|row| {
            (row.policy_type.as_str(), row.outcome, row.error_code, row.items_observed, row.items_unseen, row.latest_complete_run_id)
        })
        .collect();
    assert_eq!(
        rows,
        [
            (CONFIG, ListingOutcome::Complete, None, 1, 1, Some(run.run_id)),
            (SECURITY, ListingOutcome::Incomplete, Some(ErrorCode::GraphForbidden), 0, 1, Some(first.run_id)),
            (CATALOG, ListingOutcome::NotStarted, None, 0, 0, Some(first.run_id)),
        ]
    );
    assert_eq!(answer.coverage[1].latest_complete_at, Some(first_at));
    assert!(answer.coverage.iter().all(|row| row.reference == answer.reference && row.selection_hash == chosen.selection.hash()));
    let view = lab.database.view("inventory_coverage").await;
    assert_eq!(view.len(), 3, "coverage is what the view says");
    for (row, said) in view.iter().zip(&answer.coverage) {
        let said_in_view = view.iter().find(|row| row["policy_type"] == said.policy_type.as_str()).unwrap_or(row);
        assert_eq!(said_in_view["outcome"], said.outcome.as_str());
        assert_eq!(said_in_view["error_code"].as_str(), said.error_code.map(ErrorCode::as_str));
        assert_eq!(said_in_view["items_unseen"], said.items_unseen);
    }
}

pub(crate) async fn the_reference_latest_success_looks_past_later_failures(lab: Lab) {
    let desk = lab.desk(1);
    let chosen = one_type();
    desk.sync(&chosen, &[(CONFIG, Told::Failed(ErrorCode::GraphTimeout))]).await;
    assert!(desk.missing_against(&chosen, Reference::LatestSuccess).await.is_none(), "no success, no baseline");
    assert!(desk.missing(&chosen).await.is_some());
    desk.sync(&chosen, &[(CONFIG, Told::Saw(&["1", "2"]))]).await;
    let success = desk.sync(&chosen, &[(CONFIG, Told::Saw(&["1"]))]).await.record;
    desk.sync(&chosen, &[(CONFIG, Told::Failed(ErrorCode::GraphTimeout))]).await;
    let answer = desk.missing_against(&chosen, Reference::LatestSuccess).await.expect("a baseline");
    assert_eq!(answer.reference.reference_run_id, success.run_id);
    assert_eq!(doubts(&answer), high(&["2"]));
    assert_eq!(answer.coverage[0].outcome, ListingOutcome::Complete, "coverage is that of the reference");
    assert_eq!(desk.doubts(&chosen).await.len(), 2, "while the latest completed run saw nothing");
}

pub(crate) async fn i05_a_type_that_always_fails_does_not_cloud_the_others_with_latest_complete(lab: Lab) {
    let desk = lab.desk(1);
    let chosen = Chosen::types(&[CONFIG, APP, SECURITY]);
    let broken = || Told::Failed(ErrorCode::GraphForbidden);
    desk.sync(&chosen, &[(CONFIG, Told::Saw(&["1", "2"])), (SECURITY, Told::Saw(&["3", "4"])), (APP, broken())]).await;
    let older =
        desk.sync(&chosen, &[(CONFIG, Told::Failed(ErrorCode::GraphTimeout)), (SECURITY, Told::Saw(&["3"])), (APP, broken())]).await;
    let latest = desk.sync(&chosen, &[(CONFIG, Told::Saw(&["1"])), (SECURITY, Told::Untouched), (APP, broken())]).await;
    let answer = desk.missing_against(&chosen, Reference::LatestComplete).await.expect("a baseline");
    assert_eq!(answer.reference.reference_run_id, latest.record.run_id, "the header is the latest completed run");
    assert_eq!(doubts(&answer), high(&["2", "4"]), "no reasons about a run");
    let of: Vec<_> = answer.items.iter().map(|item| item.reference.reference_run_id).collect();
    assert_eq!(of, [latest.record.run_id, older.record.run_id], "each type's own newest complete run");
    assert_eq!(answer.coverage.len(), 3);
    assert_eq!(answer.coverage.iter().find(|row| row.policy_type.as_str() == APP).and_then(|row| row.latest_complete_run_id), None);
    let clouded = desk.missing(&chosen).await.expect("a baseline");
    assert_eq!((clouded.high, clouded.low), (0, 3), "against the latest completed run all are in doubt");
}

pub(crate) async fn r18_the_word_deleted_is_never_produced(lab: Lab) {
    let desk = lab.desk(1);
    desk.sync(&one_type(), &[(CONFIG, Told::Saw(&["1", "2", "3"]))]).await;
    desk.sync(&one_type(), &[(CONFIG, Told::Saw(&[]))]).await;
    let answer = desk.missing(&one_type()).await.expect("a baseline");
    let mut said = serde_json::to_string(&answer).expect("JSON");
    said += &serde_json::to_string(&desk.items().await).expect("JSON");
    for view in ["inventory_items", "inventory_sync_runs", "inventory_missing", "inventory_coverage"] {
        said += &serde_json::to_string(&lab.database.view(view).await).expect("JSON");
    }
    assert!(said.contains("missing_since") && !said.to_lowercase().contains("deleted"), "{said}");
}

pub(crate) async fn nothing_about_missing_changes_what_is_listed(lab: Lab) {
    let desk = lab.desk(1);
    desk.sync(&one_type(), &[(CONFIG, Told::Saw(&["1", "2"]))]).await;
    desk.sync(&one_type(), &[(CONFIG, Told::Saw(&[]))]).await;
    assert_eq!(ids(&desk.items().await), ["1", "2"], "an item that is missing is still an item");
    let foreign = desk.store.missing(&desk.scope, &about(&Chosen::types(&[APP]))).await.expect("an answer");
    assert!(matches!(foreign, Missing::NoBaseline));
}
