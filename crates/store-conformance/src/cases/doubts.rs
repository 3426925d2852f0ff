//! Each reason that lowers confidence, one by one, and the guard against mass disappearance.

use lastseen_model::{Ending, ErrorCode, Guard, PageEnd, Reason, Reference, RunStatus};
use lastseen_store::{PageRecord, PageStored};

use crate::fixture::{Desk, LEASE, Lab, MICRO, Open, Told, doubts, ids};
use crate::world::{APP, COMPLIANCE, CONFIG, Chosen, SECURITY, id, kind};

fn one_type() -> Chosen {
    Chosen::types(&[CONFIG])
}

fn says(rows: &[(&str, &[Reason])]) -> Vec<(String, Vec<Reason>)> {
    rows.iter().map(|(id, reasons)| ((*id).to_owned(), reasons.to_vec())).collect()
}

/// A tenant where "1" is seen and "2" was, as one complete listing knows.
async fn with_two(desk: &Desk, chosen: &Chosen) {
    desk.sync(chosen, &[(CONFIG, Told::Saw(&["1", "2"]))]).await;
}

pub(crate) async fn r23_a_partial_run_says_so_also_where_the_listing_is_complete(lab: Lab) {
    let desk = lab.desk(1);
    let chosen = Chosen::types(&[CONFIG, APP]);
    with_two(&desk, &chosen).await;
    let run = desk.sync(&chosen, &[(CONFIG, Told::Saw(&["1"])), (APP, Told::Untouched)]).await.record;
    assert_eq!((run.status, run.had_errors), (RunStatus::Partial, false));
    assert_eq!(desk.doubts(&chosen).await, says(&[("2", &[Reason::RunPartial])]));
}

pub(crate) async fn r23_a_failed_run_says_so_also_where_the_listing_is_complete(lab: Lab) {
    let desk = lab.desk(1);
    with_two(&desk, &one_type()).await;
    let open = desk.start(&one_type()).await;
    open.saw(CONFIG, &["1"]).await;
    let run = open.end(Ending::SignInFailed, None).await.expect("the run ends").record;
    assert_eq!((run.status, run.had_errors), (RunStatus::Failed, false));
    assert_eq!(desk.doubts(&one_type()).await, says(&[("2", &[Reason::RunFailed])]));
}

pub(crate) async fn r23_a_run_that_had_errors_says_so_also_when_it_succeeded(lab: Lab) {
    let desk = lab.desk(1);
    with_two(&desk, &one_type()).await;
    let open = desk.start(&one_type()).await;
    open.saw(CONFIG, &["1"]).await;
    let run = open.end(Ending::Internal, Some(ErrorCode::Internal)).await.expect("the run ends").record;
    assert_eq!((run.status, run.had_errors), (RunStatus::Success, true));
    assert_eq!(desk.doubts(&one_type()).await, says(&[("2", &[Reason::RunHadErrors])]));
}

pub(crate) async fn i01_an_incomplete_listing_makes_no_high_confidence_missing(lab: Lab) {
    let desk = lab.desk(1);
    let chosen = Chosen::types(&[CONFIG, APP]);
    with_two(&desk, &chosen).await;
    let broke_off = Told::BrokeOff(&["1"], ErrorCode::GraphTimeout);
    desk.sync(&chosen, &[(CONFIG, broke_off), (APP, Told::Saw(&[]))]).await;
    let reasons: &[Reason] = &[Reason::RunPartial, Reason::RunHadErrors, Reason::ListingIncomplete];
    assert_eq!(desk.doubts(&chosen).await, says(&[("2", reasons)]));
}

pub(crate) async fn i25_an_unavailable_type_is_never_evidence_that_items_are_gone(lab: Lab) {
    let desk = lab.desk(1);
    let chosen = Chosen::types(&[CONFIG, COMPLIANCE]);
    desk.sync(&chosen, &[(CONFIG, Told::Saw(&["1"])), (COMPLIANCE, Told::Saw(&["2"]))]).await;
    let run = desk.sync(&chosen, &[(CONFIG, Told::Saw(&["1"])), (COMPLIANCE, Told::Failed(ErrorCode::GraphFeatureUnavailable))]).await;
    assert_eq!(run.record.status, RunStatus::Success);
    assert_eq!(desk.doubts(&chosen).await, says(&[("2", &[Reason::ListingUnavailable])]));
}

pub(crate) async fn i25_refused_and_absent_answers_are_never_zero_items_complete(lab: Lab) {
    let desk = lab.desk(1);
    with_two(&desk, &one_type()).await;
    let codes = [ErrorCode::GraphUnauthorized, ErrorCode::GraphForbidden, ErrorCode::GraphBadRequest, ErrorCode::GraphFeatureUnavailable];
    for code in codes {
        desk.sync(&one_type(), &[(CONFIG, Told::Failed(code))]).await;
        let answer = desk.missing(&one_type()).await.expect("a baseline");
        assert_eq!((answer.high, answer.low), (0, 2), "{code}");
        assert_eq!(answer.coverage[0].error_code, Some(code));
    }
}

pub(crate) async fn i01_a_type_that_was_not_reached_makes_no_high_confidence_missing(lab: Lab) {
    let desk = lab.desk(1);
    let chosen = Chosen::types(&[CONFIG, APP]);
    with_two(&desk, &chosen).await;
    desk.sync(&chosen, &[(CONFIG, Told::Untouched), (APP, Told::Saw(&[]))]).await;
    let reasons: &[Reason] = &[Reason::RunPartial, Reason::ListingNotStarted];
    assert_eq!(desk.doubts(&chosen).await, says(&[("1", reasons), ("2", reasons)]));
}

pub(crate) async fn i01_a_run_whose_worker_died_makes_no_high_confidence_missing(lab: Lab) {
    let desk = lab.desk(1);
    with_two(&desk, &one_type()).await;
    let open = desk.start(&one_type()).await;
    open.saw(CONFIG, &["1"]).await;
    lab.pass(LEASE + MICRO);
    desk.store.reap_expired().await.expect("a reaping");
    let reasons: &[Reason] = &[Reason::RunFailed, Reason::RunHadErrors];
    assert_eq!(desk.doubts(&one_type()).await, says(&[("2", reasons)]), "the listing was complete, its run was not");
    let answer = desk.missing_against(&one_type(), Reference::LatestComplete).await.expect("a baseline");
    assert_eq!(doubts(&answer), says(&[("2", &[])]));
}

pub(crate) async fn seen_since_counts_from_the_claim_and_while_the_other_run_goes_on(lab: Lab) {
    let desk = lab.desk(1);
    let both = Chosen::types(&[CONFIG, APP]);
    with_two(&desk, &one_type()).await;
    desk.sync(&one_type(), &[(CONFIG, Told::Saw(&["1"]))]).await;
    assert_eq!(desk.doubts(&one_type()).await, says(&[("2", &[])]));
    let other = desk.start(&both).await;
    other.page(1, &[(CONFIG, &["2"])], None).await.expect("a page");
    assert_eq!(desk.doubts(&one_type()).await, says(&[("2", &[Reason::SeenSince])]), "its run still goes on");
    lab.pass(LEASE + MICRO);
    desk.store.reap_expired().await.expect("a reaping");
    assert_eq!(desk.doubts(&one_type()).await, says(&[("2", &[Reason::SeenSince])]), "and failed");
}

pub(crate) async fn seen_since_counts_a_sighting_between_the_claim_and_the_page_that_missed_it(lab: Lab) {
    let desk = lab.desk(1);
    with_two(&desk, &one_type()).await;
    let open = desk.start(&one_type()).await;
    desk.sync(&Chosen::types(&[CONFIG, APP]), &[(CONFIG, Told::Saw(&["1", "2"])), (APP, Told::Saw(&[]))]).await;
    open.saw(CONFIG, &["1"]).await;
    open.finish().await;
    assert_eq!(desk.doubts(&one_type()).await, says(&[("2", &[Reason::SeenSince])]));
    assert_eq!(desk.the_missing(&one_type()).await.missing_since_run_id, None, "no run was claimed after the sighting");
}

pub(crate) async fn i24_an_id_seen_under_another_type_says_so(lab: Lab) {
    let desk = lab.desk(1);
    let chosen = Chosen::types(&[CONFIG, SECURITY]);
    desk.sync(&chosen, &[(CONFIG, Told::Saw(&["1", "moved"])), (SECURITY, Told::Saw(&["other"]))]).await;
    desk.sync(&chosen, &[(CONFIG, Told::Saw(&["1"])), (SECURITY, Told::Saw(&["other", "moved"]))]).await;
    assert_eq!(desk.doubts(&chosen).await, says(&[("moved", &[Reason::SeenAsOtherType])]), "in the run itself");
    desk.sync(&chosen, &[(CONFIG, Told::Saw(&["1"])), (SECURITY, Told::Saw(&["other"]))]).await;
    assert_eq!(desk.doubts(&chosen).await, says(&[("moved", &[]), ("moved", &[])]), "not any more when both types miss it");
}

/// A page of the shared path that holds these objects of [`SECURITY`], and these ids under the path's other type.
fn passing_over(open: &Open, page: u32, saw: &[&str], passed_over: &[&str], end: Option<PageEnd>) -> PageRecord {
    PageRecord { passed_over: passed_over.iter().map(|text| id(text)).collect(), ..open.page_of(page, &[(SECURITY, saw)], end) }
}

pub(crate) async fn i24_an_item_that_sorts_to_a_type_outside_the_scope_is_not_missing_with_high_confidence(lab: Lab) {
    let desk = lab.desk(1);
    let chosen = Chosen::types(&[SECURITY]);
    let before: Vec<String> = (10..30).map(|number| number.to_string()).collect();
    let before: Vec<&str> = before.iter().map(String::as_str).chain(["gone", "moved", "moved too"]).collect();
    desk.sync(&chosen, &[(SECURITY, Told::Saw(&before))]).await;
    let open = desk.start(&chosen).await;
    for page in [
        passing_over(&open, 1, &before[..10], &["moved", "never ours"], None),
        passing_over(&open, 2, &before[10..20], &["moved too", "moved", "moved"], None),
        passing_over(&open, 3, &[], &[], Some(PageEnd::Complete)),
    ] {
        open.record(&page).await.expect("a page");
    }
    let run = open.finish().await;
    assert_eq!((run.record.status, run.record.counts.items_observed, run.record.counts.items_unseen), (RunStatus::Success, 20, 3));
    let moved: &[Reason] = &[Reason::SeenAsOtherType];
    let expected = says(&[("gone", &[]), ("moved", moved), ("moved too", moved)]);
    assert_eq!(desk.doubts(&chosen).await, expected);
    let answer = desk.missing_against(&chosen, Reference::LatestComplete).await.expect("a baseline");
    assert_eq!((answer.high, answer.low, doubts(&answer)), (1, 2, expected));
    let explained = desk.store.explain(&desk.scope, &kind(SECURITY), &id("moved")).await.expect("an answer").expect("an item");
    let standing: Vec<_> = explained.standing.iter().filter_map(|row| row.missing.as_ref()).map(|item| item.reasons.as_slice()).collect();
    assert_eq!(standing, [moved]);

    desk.sync(&chosen, &[(SECURITY, Told::Saw(&before[..20]))]).await;
    assert_eq!(desk.doubts(&chosen).await, says(&[("gone", &[]), ("moved", &[]), ("moved too", &[])]), "gone from the path as well");
}

pub(crate) async fn i24_an_id_passed_over_that_was_never_an_item_of_the_type_changes_nothing(lab: Lab) {
    let (desk, chosen) = (lab.desk(1), Chosen::types(&[SECURITY]));
    // Other tenants and other types know the id; this tenant's type does not.
    lab.desk(2).sync(&chosen, &[(SECURITY, Told::Saw(&["1", "never"]))]).await;
    desk.sync(&Chosen::types(&[CONFIG]), &[(CONFIG, Told::Saw(&["never"]))]).await;
    desk.sync(&chosen, &[(SECURITY, Told::Saw(&["1", "2", "3"]))]).await;
    let open = desk.start(&chosen).await;
    open.record(&passing_over(&open, 1, &["1"], &["never"], None)).await.expect("a page");
    let again = open.record(&passing_over(&open, 1, &["1"], &["2"], None)).await.expect("an answer");
    assert_eq!(again, PageStored::AlreadyStored, "and a page that is stored already passes over nothing more");
    open.record(&passing_over(&open, 2, &["3"], &["NEVER"], Some(PageEnd::Complete))).await.expect("a page");
    let run = open.finish().await;
    let counts = &run.record.counts;
    assert_eq!((counts.items_observed, counts.items_created, counts.items_rejected, counts.items_unseen), (2, 0, 0, 1));
    assert_eq!(desk.doubts(&chosen).await, says(&[("2", &[])]));
    assert_eq!(ids(&desk.items().await), ["never", "1", "2", "3"], "no item was made of it");
}

pub(crate) async fn i31_evidence_from_two_contracts_is_never_high_confidence(lab: Lab) {
    let desk = lab.desk(1);
    with_two(&desk, &one_type()).await;
    desk.sync(&one_type().under(CONFIG, 2, 2), &[(CONFIG, Told::Saw(&["1"]))]).await;
    assert_eq!(desk.doubts(&one_type()).await, says(&[("2", &[Reason::ContractChanged])]));
    desk.sync(&one_type().under(CONFIG, 2, 2), &[(CONFIG, Told::Saw(&["1", "2"]))]).await;
    desk.sync(&one_type().under(CONFIG, 2, 3), &[(CONFIG, Told::Saw(&["1"]))]).await;
    assert_eq!(desk.doubts(&one_type()).await, says(&[("2", &[])]), "another whitelist alone is no other contract");
}

pub(crate) async fn i20_on_a_path_that_pages_by_offset_a_second_complete_listing_must_confirm(lab: Lab) {
    let desk = lab.desk(1);
    let chosen = Chosen::types(&[APP]);
    desk.sync(&chosen, &[(APP, Told::Saw(&["1", "2"]))]).await;
    desk.sync(&chosen, &[(APP, Told::Saw(&["1"]))]).await;
    assert_eq!(desk.doubts(&chosen).await, says(&[("2", &[Reason::Unconfirmed])]));
    desk.sync(&chosen, &[(APP, Told::Failed(ErrorCode::GraphTimeout))]).await;
    desk.sync(&chosen, &[(APP, Told::Saw(&["1"]))]).await;
    assert_eq!(desk.doubts(&chosen).await, says(&[("2", &[])]), "the complete listing before missed it too");
}

pub(crate) async fn unconfirmed_also_without_any_complete_listing_before(lab: Lab) {
    let desk = lab.desk(1);
    let chosen = Chosen::types(&[APP]);
    desk.sync(&chosen, &[(APP, Told::BrokeOff(&["1", "2"], ErrorCode::GraphTimeout))]).await;
    desk.sync(&chosen, &[(APP, Told::Saw(&["1"]))]).await;
    assert_eq!(desk.doubts(&chosen).await, says(&[("2", &[Reason::Unconfirmed])]));
}

fn many(count: usize) -> Vec<String> {
    (0..count).map(|number| format!("{number:03}")).collect()
}

async fn shrinks(desk: &Desk, chosen: &Chosen, from: usize, to: usize, guard: Guard) -> Vec<Reason> {
    let names = many(from);
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    desk.sync(chosen, &[(CONFIG, Told::Saw(&names))]).await;
    desk.start_under(chosen, guard).await.tell(&[(CONFIG, Told::Saw(&names[..to]))]).await.finish().await;
    let doubts = desk.doubts(chosen).await;
    assert_eq!(doubts.len(), from - to);
    assert!(doubts.iter().all(|(_, reasons)| *reasons == doubts[0].1), "{doubts:?}");
    doubts[0].1.clone()
}

pub(crate) async fn i24_the_guard_trips_on_many_and_most_or_on_all_of_three(lab: Lab) {
    let (guard, gone, tripped) = (Guard::default(), Vec::new(), vec![Reason::MassDisappearance]);
    let cases = [(40, 20, &gone), (39, 19, &tripped), (30, 11, &gone), (30, 0, &tripped), (2, 0, &gone), (3, 0, &tripped), (10, 1, &gone)];
    for (tenant, (from, to, reasons)) in (1..).zip(cases) {
        assert_eq!(shrinks(&lab.desk(tenant), &one_type(), from, to, guard).await, *reasons, "from {from} to {to}");
    }
    let strict = Guard { min_items: 2, percent: 10 };
    assert_eq!(shrinks(&lab.desk(20), &one_type(), 10, 8, strict).await, tripped, "the thresholds stored with the run count");
}

pub(crate) async fn i24_the_guard_speaks_of_the_items_in_its_base_only(lab: Lab) {
    let desk = lab.desk(1);
    desk.sync(&one_type(), &[(CONFIG, Told::Saw(&["1", "2", "3", "old"]))]).await;
    desk.sync(&one_type(), &[(CONFIG, Told::Saw(&["1", "2", "3"]))]).await;
    desk.sync(&one_type(), &[(CONFIG, Told::Saw(&["new"]))]).await;
    let tripped: &[Reason] = &[Reason::MassDisappearance];
    assert_eq!(desk.doubts(&one_type()).await, says(&[("1", tripped), ("2", tripped), ("3", tripped), ("old", &[])]));
}

pub(crate) async fn i24_the_guard_holds_on_the_first_run_of_a_changed_selection(lab: Lab) {
    let desk = lab.desk(1);
    desk.sync(&one_type(), &[(CONFIG, Told::Saw(&["1", "2", "3"]))]).await;
    let changed = Chosen::types(&[CONFIG, APP]);
    desk.sync(&changed, &[(CONFIG, Told::Saw(&[])), (APP, Told::Saw(&[]))]).await;
    let tripped: &[Reason] = &[Reason::MassDisappearance];
    assert_eq!(desk.doubts(&changed).await, says(&[("1", tripped), ("2", tripped), ("3", tripped)]));
}

pub(crate) async fn i24_the_base_is_the_selections_own_listing_where_it_has_one(lab: Lab) {
    let desk = lab.desk(1);
    let other = Chosen::types(&[CONFIG, APP]);
    desk.sync(&one_type(), &[(CONFIG, Told::Saw(&["1", "2", "3", "4"]))]).await;
    desk.sync(&other, &[(CONFIG, Told::Saw(&["1"])), (APP, Told::Saw(&[]))]).await;
    desk.sync(&one_type(), &[(CONFIG, Told::Saw(&[]))]).await;
    let tripped: &[Reason] = &[Reason::MassDisappearance];
    assert_eq!(desk.doubts(&one_type()).await, says(&[("1", tripped), ("2", tripped), ("3", tripped), ("4", tripped)]));
}

pub(crate) async fn i24_a_listing_that_ended_after_the_claim_is_no_base(lab: Lab) {
    let desk = lab.desk(1);
    let other = Chosen::types(&[CONFIG, APP]);
    let earlier = desk.start(&other).await;
    earlier.page(1, &[(CONFIG, &["1", "2", "3"])], None).await.expect("a page");
    let open = desk.start(&one_type()).await;
    earlier.page(2, &[(CONFIG, &[])], Some(PageEnd::Complete)).await.expect("a page");
    open.saw(CONFIG, &[]).await;
    open.finish().await;
    let since: &[Reason] = &[Reason::SeenSince];
    assert_eq!(desk.doubts(&one_type()).await, says(&[("1", since), ("2", since), ("3", since)]), "no base, no guard");
}

pub(crate) async fn reasons_come_all_together_and_in_order(lab: Lab) {
    let desk = lab.desk(1);
    let chosen = Chosen::types(&[APP, CONFIG]);
    desk.sync(&chosen, &[(APP, Told::Saw(&["1", "2", "3"])), (CONFIG, Told::Saw(&["9"]))]).await;
    let run = desk.start(&chosen.clone().under(APP, 2, 2)).await;
    run.saw(APP, &[]).await;
    run.saw(CONFIG, &["1", "2", "3"]).await;
    run.end(Ending::SignInFailed, Some(ErrorCode::AuthFailed)).await.expect("the run ends");
    desk.sync(&Chosen::types(&[APP]), &[(APP, Told::Saw(&["1"]))]).await;
    let shared = [Reason::RunFailed, Reason::RunHadErrors];
    let rest = [Reason::SeenAsOtherType, Reason::ContractChanged, Reason::Unconfirmed, Reason::MassDisappearance];
    let without: Vec<Reason> = shared.into_iter().chain(rest).collect();
    let with: Vec<Reason> = shared.into_iter().chain([Reason::SeenSince]).chain(rest).collect();
    let doubts = desk.doubts(&chosen).await;
    assert_eq!(doubts[1], ("1".to_owned(), with), "{doubts:?}");
    assert_eq!(doubts[2], ("2".to_owned(), without));
}
