//! Two runs held against each other: what appeared, went, came back, changed; and what can't be told.

use lastseen_model::ChangeKind::{self, Appeared, Changed, Gone, Reappeared};
use lastseen_model::{Confidence, ErrorCode, PageEnd, Reason, RunId, RunStatus};
use lastseen_store::{Diff, DiffAnswer, DiffCounts, DiffItem, DiffQuery, DiffSide};

use crate::fixture::{Desk, Lab, MICRO, Told};
use crate::world::{APP, CATALOG, COMPLIANCE, CONFIG, Chosen, SECURITY, id, kind};

fn one_type() -> Chosen {
    Chosen::types(&[CONFIG])
}

fn about(runs: [RunId; 2]) -> DiffQuery {
    DiffQuery { runs, kinds: Vec::new(), types: Vec::new(), confidence: None, after: None, limit: 10_000 }
}

async fn ask(desk: &Desk, query: &DiffQuery) -> DiffAnswer {
    match desk.store.diff(&desk.scope, query).await.expect("an answer") {
        Diff::Answer(answer) => *answer,
        other => panic!("no answer: {other:?}"),
    }
}

async fn between(desk: &Desk, older: RunId, newer: RunId) -> DiffAnswer {
    ask(desk, &about([older, newer])).await
}

/// Each change's id, kind and reasons, in order; confidence is as the reasons say.
fn changes(answer: &DiffAnswer) -> Vec<(&str, ChangeKind, Vec<Reason>)> {
    let row = |item: &'_ DiffItem| {
        assert_eq!(item.confidence, Confidence::from_reasons(&item.reasons), "{item:?}");
        (item.change, item.reasons.clone())
    };
    answer.changes.iter().map(|item| (item.external_id.as_str(), row(item).0, row(item).1)).collect()
}

async fn saw(desk: &Desk, ids: &[&str]) -> RunId {
    desk.sync(&one_type(), &[(CONFIG, Told::Saw(ids))]).await.record.run_id
}

/// A run that sees each of these ids in an edition of its own.
async fn saw_editions(desk: &Desk, editions: &[(&str, u8)]) -> RunId {
    let open = desk.start(&one_type()).await;
    let mut page = open.page_of(1, &[(CONFIG, &[])], Some(PageEnd::Complete));
    page.listings[0].observations = editions.iter().map(|(id, edition)| open.observation(CONFIG, id, *edition)).collect();
    open.record(&page).await.expect("a page");
    open.finish().await.record.run_id
}

pub(crate) async fn i07_one_gone_and_one_come_is_exactly_one_gone_and_one_appeared(lab: Lab) {
    let desk = lab.desk(1);
    let older = saw(&desk, &["1", "2"]).await;
    lab.pass(MICRO);
    let newer = saw(&desk, &["1", "3"]).await;
    let answer = between(&desk, older, newer).await;
    assert_eq!(changes(&answer), [("2", Gone, vec![]), ("3", Appeared, vec![])]);
    assert_eq!(answer.counts, DiffCounts { appeared: 1, gone: 1, ..DiffCounts::default() });
    let record = desk.run(newer).await.record;
    assert_eq!((answer.newer.run_id, Some(answer.newer.run_no), answer.newer.status), (newer, record.run_no, RunStatus::Success));
    assert_eq!((Some(answer.newer.started_at), Some(answer.newer.finished_at)), (record.started_at, record.finished_at));
    assert_eq!((answer.older.run_id, answer.selection_hash), (older, record.selection_hash));
    let gone = &answer.changes[0];
    assert_eq!((gone.policy_type.as_str(), gone.category.as_str(), gone.platform.as_deref()), (CONFIG, "Configuration", Some("windows")));
    assert_eq!(gone.display_name.as_deref(), Some("Policy 2, edition 1"));
    let item = desk.item("2").await;
    assert_eq!((gone.first_seen_at, gone.changed_at, gone.last_seen_at), (item.first_seen_at, item.changed_at, item.last_seen_at));
}

pub(crate) async fn the_run_that_was_claimed_first_is_the_older_whatever_order_they_are_named_in(lab: Lab) {
    let desk = lab.desk(1);
    let (older, newer) = (saw(&desk, &["1"]).await, saw(&desk, &["2"]).await);
    let (one, other) = (between(&desk, older, newer).await, between(&desk, newer, older).await);
    assert_eq!((one.older.run_id, one.newer.run_id), (older, newer));
    let json = |answer: &DiffAnswer| serde_json::to_string(answer).expect("JSON");
    assert_eq!(json(&one), json(&other));
}

pub(crate) async fn a_run_held_against_itself_has_no_changes(lab: Lab) {
    let desk = lab.desk(1);
    saw(&desk, &["1", "2"]).await;
    let run = saw(&desk, &["2", "3"]).await;
    let answer = between(&desk, run, run).await;
    assert_eq!((changes(&answer), answer.counts), (vec![], DiffCounts::default()));
    assert_eq!((answer.listings[0].older, answer.listings[0].newer), (DiffSide::Complete, DiffSide::Complete));
}

pub(crate) async fn what_was_known_when_the_older_run_was_claimed_has_reappeared_and_all_else_appeared(lab: Lab) {
    let desk = lab.desk(1);
    saw(&desk, &["1", "2"]).await;
    let open = desk.start(&one_type()).await;
    // Another selection sees something new while the older run goes on: when that one was claimed it was not known.
    desk.sync(&Chosen::types(&[CONFIG, APP]), &[(CONFIG, Told::Saw(&["1", "2", "3"])), (APP, Told::Saw(&[]))]).await;
    open.saw(CONFIG, &["1"]).await;
    let older = open.finish().await.record.run_id;
    let newer = saw(&desk, &["1", "2", "3", "4"]).await;
    let answer = between(&desk, older, newer).await;
    assert_eq!(changes(&answer), [("2", Reappeared, vec![]), ("3", Appeared, vec![]), ("4", Appeared, vec![])]);
}

pub(crate) async fn a_field_that_came_to_differ_between_the_two_sightings_is_a_change(lab: Lab) {
    let desk = lab.desk(1);
    saw_editions(&desk, &[("early", 1), ("at", 1), ("late", 1), ("same", 1)]).await;
    lab.pass(MICRO);
    // What the older run itself saw differ is not between the two.
    let older = saw_editions(&desk, &[("early", 2), ("at", 1), ("late", 1), ("same", 1)]).await;
    lab.pass(MICRO);
    let newer = saw_editions(&desk, &[("early", 2), ("at", 2), ("late", 1), ("same", 1)]).await;
    let answer = between(&desk, older, newer).await;
    assert_eq!(changes(&answer), [("at", Changed, vec![])]);
    assert_eq!(answer.counts, DiffCounts { changed: 1, ..DiffCounts::default() });
    lab.pass(MICRO);
    saw_editions(&desk, &[("early", 2), ("at", 2), ("late", 2), ("same", 1)]).await;
    let answer = between(&desk, older, newer).await;
    assert_eq!(changes(&answer), [("at", Changed, vec![])], "what changed later is no change between the two");
    assert_eq!(answer.counts, DiffCounts { changed: 1, changed_since: 1, ..DiffCounts::default() }, "and is counted as such");
}

pub(crate) async fn i31_a_new_contract_version_is_no_change(lab: Lab) {
    let desk = lab.desk(1);
    let older = saw(&desk, &["1"]).await;
    lab.pass(MICRO);
    let newer = desk.sync(&one_type().under(CONFIG, 2, 2), &[(CONFIG, Told::Saw(&["1"]))]).await.record.run_id;
    assert_eq!(changes(&between(&desk, older, newer).await), []);
}

pub(crate) async fn i01_where_the_newer_listing_is_not_complete_nothing_is_gone_for_certain(lab: Lab) {
    let desk = lab.desk(1);
    let types = Chosen::types(&[CONFIG, APP, COMPLIANCE, SECURITY]);
    let all = [
        (CONFIG, Told::Saw(&["1", "2"][..])),
        (APP, Told::Saw(&["1", "2"])),
        (COMPLIANCE, Told::Saw(&["1", "2"])),
        (SECURITY, Told::Saw(&["1", "2"])),
    ];
    let older = desk.sync(&types, &all).await.record.run_id;
    let told = [
        (CONFIG, Told::BrokeOff(&["1", "3"], ErrorCode::GraphThrottled)),
        (APP, Told::Untouched),
        (COMPLIANCE, Told::Failed(ErrorCode::GraphFeatureUnavailable)),
        (SECURITY, Told::Saw(&["1"])),
    ];
    let newer = desk.sync(&types, &told).await.record.run_id;
    let answer = between(&desk, older, newer).await;
    let side = |name: &str| answer.listings.iter().find(|row| row.policy_type == kind(name)).expect("a type of both");
    assert_eq!(side(CONFIG).newer, DiffSide::Incomplete);
    assert_eq!(side(CONFIG).counts, DiffCounts { appeared: 1, gone_low: 1, ..DiffCounts::default() }, "what was seen was seen");
    assert_eq!((side(APP).newer, side(APP).counts.gone_low), (DiffSide::NotStarted, 2));
    assert_eq!((side(COMPLIANCE).newer, side(COMPLIANCE).counts.gone_low), (DiffSide::Unavailable, 2));
    assert_eq!((side(SECURITY).newer, side(SECURITY).counts.gone, side(SECURITY).counts.gone_low), (DiffSide::Complete, 1, 0));
    assert_eq!((answer.counts.gone, answer.counts.gone_low), (1, 5), "that the run was partial is nothing against a complete listing");
    let missing = desk.missing(&types).await.expect("a baseline");
    for item in answer.changes.iter().filter(|item| item.change == Gone) {
        let said = missing.items.iter().find(|other| (&other.policy_type, &other.external_id) == (&item.policy_type, &item.external_id));
        let said = said.expect("what is gone is missing").reasons.iter().copied().filter(|reason| !reason.is_about_the_run());
        assert_eq!(item.reasons, said.collect::<Vec<_>>(), "as missing judges it, but for what is about the whole run");
    }
}

pub(crate) async fn what_came_after_a_listing_that_was_not_complete_may_have_been_there(lab: Lab) {
    let desk = lab.desk(1);
    let types = Chosen::types(&[CONFIG, APP, COMPLIANCE]);
    desk.sync(&types, &[(CONFIG, Told::Saw(&["1", "2"])), (APP, Told::Saw(&["app"])), (COMPLIANCE, Told::Saw(&["rule"]))]).await;
    let told = [
        (CONFIG, Told::BrokeOff(&["1"], ErrorCode::GraphTimeout)),
        (APP, Told::Untouched),
        (COMPLIANCE, Told::Failed(ErrorCode::GraphFeatureUnavailable)),
    ];
    let older = desk.sync(&types, &told).await.record.run_id;
    let told = [(CONFIG, Told::Saw(&["1", "2", "3"][..])), (APP, Told::Saw(&["app"])), (COMPLIANCE, Told::Saw(&["rule"]))];
    let newer = desk.sync(&types, &told).await.record.run_id;
    let answer = between(&desk, older, newer).await;
    assert_eq!(
        changes(&answer),
        [
            ("rule", Reappeared, vec![Reason::ListingUnavailable]),
            ("2", Reappeared, vec![Reason::ListingIncomplete]),
            ("3", Appeared, vec![Reason::ListingIncomplete]),
            ("app", Reappeared, vec![Reason::ListingNotStarted, Reason::Unconfirmed]),
        ],
        "by type: compliance, configuration, apps"
    );
    assert_eq!(answer.counts, DiffCounts { appeared_low: 1, reappeared_low: 3, ..DiffCounts::default() });
}

pub(crate) async fn i24_an_id_that_a_run_passed_over_as_another_type_neither_went_nor_came_for_certain(lab: Lab) {
    let desk = lab.desk(1);
    let chosen = Chosen::types(&[SECURITY]);
    let passing_over = async |ids: &[&str], passed_over: &[&str]| {
        let open = desk.start(&chosen).await;
        let mut page = open.page_of(1, &[(SECURITY, ids)], Some(PageEnd::Complete));
        page.passed_over = passed_over.iter().map(|text| id(text)).collect();
        open.record(&page).await.expect("a page");
        open.finish().await.record.run_id
    };
    let first = passing_over(&["1", "2"], &[]).await;
    let second = passing_over(&["1"], &["2"]).await;
    assert_eq!(changes(&between(&desk, first, second).await), [("2", Gone, vec![Reason::SeenAsOtherType])]);
    let third = passing_over(&["1", "2"], &[]).await;
    let since = vec![Reason::SeenSince, Reason::SeenAsOtherType];
    assert_eq!(changes(&between(&desk, first, second).await), [("2", Gone, since)], "as missing would judge it now");
    assert_eq!(changes(&between(&desk, second, third).await), [("2", Reappeared, vec![Reason::SeenAsOtherType])]);
    assert_eq!(changes(&between(&desk, first, third).await), [], "between these two it is as it was");
}

pub(crate) async fn i27_a_dropped_listing_is_told_as_dropped_and_never_as_no_difference(lab: Lab) {
    let desk = lab.desk(1);
    let types = Chosen::types(&[CONFIG, APP, SECURITY]);
    let broken = |name| (name, Told::Failed(ErrorCode::GraphTimeout));
    // No run is a success, and no later one completes apps: that listing of the first stays, and its other ones need not.
    let older = desk.sync(&types, &[(CONFIG, Told::Saw(&["1", "2"])), (APP, Told::Saw(&["1"])), broken(SECURITY)]).await.record.run_id;
    let newer = desk.sync(&types, &[(CONFIG, Told::Saw(&["3"])), broken(APP), broken(SECURITY)]).await.record.run_id;
    let whole = between(&desk, older, newer).await;
    assert_eq!(whole.listings[0].counts, DiffCounts { appeared: 1, gone: 2, ..DiffCounts::default() });
    for _ in 0..2 {
        desk.sync(&types, &[(CONFIG, Told::Saw(&["3"])), broken(APP), broken(SECURITY)]).await;
    }
    desk.keep(1).await;

    let answer = between(&desk, older, newer).await;
    let sides: Vec<_> = answer.listings.iter().map(|row| (row.policy_type.as_str(), row.older, row.newer)).collect();
    let wanted = [
        // Kept in the newer run, because what is missing is missing since then.
        (CONFIG, DiffSide::Dropped, DiffSide::Complete),
        (SECURITY, DiffSide::Dropped, DiffSide::Dropped),
        (APP, DiffSide::Complete, DiffSide::Dropped),
    ];
    assert_eq!(sides, wanted);
    assert!(answer.listings.iter().all(|row| row.counts == DiffCounts::default()), "what can't be compared says nothing");
    assert_eq!(changes(&answer), []);
}

pub(crate) async fn i24_what_is_gone_from_a_listing_whose_base_was_dropped_is_never_certain(lab: Lab) {
    let desk = lab.desk(1);
    saw(&desk, &["1", "2", "3", "4"]).await;
    // It breaks off, so the newer run's listing is measured against the first.
    let older = desk.sync(&one_type(), &[(CONFIG, Told::BrokeOff(&["1", "2"], ErrorCode::GraphTimeout))]).await.record.run_id;
    let newer = saw(&desk, &["1"]).await;
    saw(&desk, &["1"]).await;
    let before = between(&desk, older, newer).await;
    assert_eq!(changes(&before), [("2", Gone, vec![])], "three of four are few enough for the guard");
    assert_eq!(desk.keep(3).await.listings, 1, "of the first run");
    let after = between(&desk, older, newer).await;
    assert_eq!(changes(&after), [("2", Gone, vec![Reason::MassDisappearance])], "the guard can't be asked any more");
    assert_eq!(after.counts, DiffCounts { gone_low: 1, ..DiffCounts::default() });
    let certain = DiffQuery { confidence: Some(Confidence::High), ..about([older, newer]) };
    assert_eq!(changes(&ask(&desk, &certain).await), []);
}

pub(crate) async fn i24_what_came_after_a_listing_that_lost_almost_everything_is_not_said_to_have_come_back_for_certain(lab: Lab) {
    let desk = lab.desk(1);
    let ids: Vec<String> = (1..=40).map(|number| number.to_string()).collect();
    let all: Vec<&str> = ids.iter().map(String::as_str).collect();
    let first = saw(&desk, &all).await;
    let emptied = saw(&desk, &[]).await;
    let third = saw(&desk, &[&all[..], &["new"]].concat()).await;
    for run in [first, emptied, third] {
        assert_eq!(desk.run(run).await.record.status, RunStatus::Success, "nothing but the number is odd");
    }
    let answer = between(&desk, emptied, third).await;
    assert_eq!(answer.counts, DiffCounts { appeared_low: 1, reappeared_low: 40, ..DiffCounts::default() });
    assert!(changes(&answer).iter().all(|(_, _, reasons)| *reasons == [Reason::MassDisappearance]), "{answer:?}");
    let gone = between(&desk, first, emptied).await;
    assert_eq!(gone.counts, DiffCounts { gone_low: 40, ..DiffCounts::default() }, "nor to have gone");
    assert_eq!(between(&desk, first, third).await.counts, DiffCounts { appeared: 1, ..DiffCounts::default() });
}

pub(crate) async fn i24_what_came_after_a_listing_whose_base_was_dropped_is_never_certain(lab: Lab) {
    let desk = lab.desk(1);
    saw(&desk, &["1", "2", "3", "4"]).await;
    let older = saw(&desk, &["1", "2", "3"]).await;
    let newer = saw(&desk, &["1", "2", "3", "4", "5"]).await;
    assert_eq!(changes(&between(&desk, older, newer).await), [("4", Reappeared, vec![]), ("5", Appeared, vec![])]);
    assert_eq!(desk.keep(2).await.listings, 1, "of the first run");
    let doubt = vec![Reason::MassDisappearance];
    let after = between(&desk, older, newer).await;
    assert_eq!(changes(&after), [("4", Reappeared, doubt.clone()), ("5", Appeared, doubt)], "the guard can't be asked any more");
    assert_eq!(after.counts, DiffCounts { appeared_low: 1, reappeared_low: 1, ..DiffCounts::default() });
    let certain = DiffQuery { confidence: Some(Confidence::High), ..about([older, newer]) };
    assert_eq!(changes(&ask(&desk, &certain).await), []);
}

pub(crate) async fn i31_what_comes_with_another_contract_may_have_been_there(lab: Lab) {
    let desk = lab.desk(1);
    let under_another = one_type().under(CONFIG, 2, 2);
    saw(&desk, &["1", "2"]).await;
    let older = saw(&desk, &["1"]).await;
    let told = [(CONFIG, Told::Saw(&["1", "2", "3"][..]))];
    let newer = desk.sync(&under_another, &told).await.record.run_id;
    let doubt = vec![Reason::ContractChanged];
    let answer = between(&desk, older, newer).await;
    assert_eq!(changes(&answer), [("2", Reappeared, doubt.clone()), ("3", Appeared, doubt.clone())], "the contract may have hidden them");
    let last = desk.sync(&one_type(), &[(CONFIG, Told::Saw(&["1", "2"]))]).await.record.run_id;
    assert_eq!(changes(&between(&desk, newer, last).await), [("3", Gone, doubt)]);
}

pub(crate) async fn i06_what_comes_on_a_path_that_pages_by_offset_may_have_slipped_past_the_older_run(lab: Lab) {
    let desk = lab.desk(1);
    let chosen = Chosen::types(&[APP]);
    let saw = async |ids: &[&str]| desk.sync(&chosen, &[(APP, Told::Saw(ids))]).await.record.run_id;
    saw(&["1", "2"]).await;
    let older = saw(&["1"]).await;
    let again = saw(&["1"]).await;
    let newer = saw(&["1", "2", "3"]).await;
    let doubt = vec![Reason::Unconfirmed];
    assert_eq!(changes(&between(&desk, older, newer).await), [("2", Reappeared, doubt.clone()), ("3", Appeared, doubt.clone())]);
    assert_eq!(changes(&between(&desk, again, newer).await), [("2", Reappeared, vec![]), ("3", Appeared, doubt)], "missed twice");
}

pub(crate) async fn i05_a_type_that_may_never_be_read_clouds_no_other_type(lab: Lab) {
    let desk = lab.desk(1);
    let types = Chosen::types(&[CONFIG, SECURITY]);
    let run = async |ids: &[&str]| {
        let told = [(CONFIG, Told::Saw(ids)), (SECURITY, Told::Failed(ErrorCode::GraphForbidden))];
        let record = desk.sync(&types, &told).await.record;
        assert_eq!((record.status, record.had_errors), (RunStatus::Partial, true));
        record.run_id
    };
    let (first, second, third) = (run(&["1", "2"]).await, run(&["1", "3"]).await, run(&["1", "2", "3"]).await);
    assert_eq!(changes(&between(&desk, first, second).await), [("2", Gone, vec![Reason::SeenSince]), ("3", Appeared, vec![])]);
    assert_eq!(changes(&between(&desk, second, third).await), [("2", Reappeared, vec![])]);
    let fourth = run(&["1", "2"]).await;
    assert_eq!(changes(&between(&desk, third, fourth).await), [("3", Gone, vec![])]);
}

pub(crate) async fn a_type_that_one_run_did_not_cover_is_told_as_not_in_scope(lab: Lab) {
    let desk = lab.desk(1);
    // The registry grew between the two: one selection, two scopes.
    let all = Chosen::everything();
    let before = Chosen { types: all.types.iter().filter(|known| known.policy_type != kind(CATALOG)).cloned().collect(), ..all.clone() };
    let older = desk.start(&before).await.finish().await.record.run_id;
    let newer = desk.sync(&all, &[(CATALOG, Told::Saw(&["1"]))]).await.record.run_id;
    let answer = between(&desk, older, newer).await;
    let row = answer.listings.iter().find(|row| row.policy_type == kind(CATALOG)).expect("a type of one of them");
    assert_eq!((row.older, row.newer, row.counts), (DiffSide::NotInScope, DiffSide::Complete, DiffCounts::default()));
    assert_eq!(answer.listings.len(), all.types.len());
    assert!(answer.listings.is_sorted_by_key(|row| row.policy_type.clone()), "by type");
    assert_eq!(changes(&answer), []);
}

pub(crate) async fn pages_and_filters_narrow_the_changes_and_never_the_counts(lab: Lab) {
    let desk = lab.desk(1);
    let both = Chosen::types(&[CONFIG, SECURITY]);
    desk.sync(&both, &[(CONFIG, Told::Saw(&["back"])), (SECURITY, Told::Saw(&[]))]).await;
    let told = [(CONFIG, Told::Saw(&["a", "b", "ü"][..])), (SECURITY, Told::BrokeOff(&["x", "y"], ErrorCode::GraphTimeout))];
    let older = desk.sync(&both, &told).await.record.run_id;
    let told = [(CONFIG, Told::Saw(&["b", "back", "c"][..])), (SECURITY, Told::Saw(&["y", "z"]))];
    let newer = desk.sync(&both, &told).await.record.run_id;
    let all = between(&desk, older, newer).await;
    let keys: Vec<_> = all.changes.iter().map(|item| (item.policy_type.as_str(), item.external_id.as_str())).collect();
    assert_eq!(keys, [(CONFIG, "a"), (CONFIG, "back"), (CONFIG, "c"), (CONFIG, "ü"), (SECURITY, "x"), (SECURITY, "z")]);
    for limit in 1..=7 {
        let (mut query, mut given) = (DiffQuery { limit, ..about([older, newer]) }, Vec::new());
        loop {
            let page = ask(&desk, &query).await;
            assert!(page.changes.len() <= limit as usize);
            assert_eq!((&page.listings, page.counts), (&all.listings, all.counts));
            given.extend(page.changes);
            // As a caller would send it back.
            let Some(next) = page.next_cursor else { break };
            query.after = Some(next.to_string().parse().expect("a cursor that was given out"));
        }
        assert_eq!(given, all.changes, "{limit} a page");
    }
    let narrowed = async |query: DiffQuery| {
        let page = ask(&desk, &query).await;
        assert_eq!((&page.listings, page.counts), (&all.listings, all.counts));
        page.changes.iter().map(|item| item.external_id.to_string()).collect::<Vec<_>>()
    };
    let query = || about([older, newer]);
    assert_eq!(narrowed(DiffQuery { kinds: vec![Gone, Reappeared], ..query() }).await, ["a", "back", "ü", "x"]);
    assert_eq!(narrowed(DiffQuery { types: vec![kind(SECURITY)], ..query() }).await, ["x", "z"]);
    assert_eq!(narrowed(DiffQuery { confidence: Some(Confidence::Low), ..query() }).await, ["z"]);
    let both = DiffQuery { kinds: vec![Gone], confidence: Some(Confidence::High), ..query() };
    assert_eq!(narrowed(both).await, ["a", "ü", "x"]);
}

pub(crate) async fn runs_that_cannot_be_held_against_each_other_say_why(lab: Lab) {
    let (desk, stranger) = (lab.desk(1), lab.desk(2));
    let done = saw(&desk, &["1"]).await;
    let other = desk.start(&Chosen::types(&[APP])).await.finish().await.record.run_id;
    let foreign = saw(&stranger, &["1"]).await;
    let open = desk.start(&one_type()).await.run_id;
    let why = async |runs: [RunId; 2]| format!("{:?}", desk.store.diff(&desk.scope, &about(runs)).await.expect("an answer"));
    for nobody in [foreign, uuid::Uuid::from_bytes([7; 16]).try_into().expect("a run id")] {
        let said = format!("{:?}", Diff::NoSuchRun(nobody));
        assert_eq!((why([done, nobody]).await, why([nobody, done]).await, why([nobody, nobody]).await), (said.clone(), said.clone(), said));
    }
    let running = format!("{:?}", Diff::NotCompleted(open, RunStatus::Running));
    assert_eq!((why([done, open]).await, why([open, other]).await), (running.clone(), running));
    assert_eq!(why([done, other]).await, "OtherSelections");
}
