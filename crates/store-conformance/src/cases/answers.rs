//! Lists, filters, cursors, explanations and notes.

use lastseen_model::{Confidence, ErrorCode, Reason};
use lastseen_store::{Acknowledgement, Item, ItemQuery, MissingQuery, SightingRow};

use crate::fixture::{Desk, Lab, MICRO, Told, about, everything, ids};
use crate::world::{APP, CATALOG, CONFIG, Chosen, SECURITY, id, kind};

fn one_type() -> Chosen {
    Chosen::types(&[CONFIG])
}

async fn acknowledge(desk: &Desk, policy_type: &str, external_id: &str, note: &str) -> bool {
    let note = Acknowledgement {
        policy_type: kind(policy_type),
        external_id: id(external_id),
        author: "ada".into(),
        note: note.into(),
        acknowledged_at: None,
    };
    desk.store.acknowledge(&desk.scope, &note).await.expect("an answer")
}

async fn found(desk: &Desk, query: ItemQuery) -> Vec<String> {
    desk.find(&query).await.into_iter().map(|item| item.external_id.to_string()).collect()
}

pub(crate) async fn items_come_by_type_and_id_with_all_that_was_observed(lab: Lab) {
    let desk = lab.desk(1);
    let told = [(CATALOG, Told::Saw(&["2", "10"][..])), (CONFIG, Told::Saw(&["b", "B"]))];
    let run = desk.sync(&Chosen::types(&[CATALOG, CONFIG]), &told).await.record;
    let items = desk.items().await;
    let order: Vec<_> = items.iter().map(|item| (item.policy_type.as_str(), item.external_id.as_str())).collect();
    assert_eq!(order, [(CONFIG, "B"), (CONFIG, "b"), (CATALOG, "10"), (CATALOG, "2")], "by code point");
    let item = &items[0];
    assert_eq!((item.tenant_id, item.category.as_str()), (desk.scope.tenant(), "Configuration"));
    assert_eq!((item.display_name.as_deref(), item.platform.as_deref()), (Some("Policy B, edition 1"), Some("windows")));
    assert_eq!((item.meta_jsonb.get(), item.assignment_count), (r#"{"edition":1,"tags":["é","2"]}"#, Some(1)));
    assert_eq!((item.first_seen_run_id, item.last_seen_run_id, item.last_seen_at), (run.run_id, run.run_id, lab.now()));
}

pub(crate) async fn item_filters_narrow_each_other(lab: Lab) {
    let desk = lab.desk(1);
    let chosen = Chosen::types(&[CONFIG, APP, CATALOG]);
    let open = desk.start(&chosen).await;
    open.saw(CONFIG, &["1", "2"]).await;
    open.saw(APP, &["3"]).await;
    open.saw(CATALOG, &["4"]).await;
    open.finish().await;
    let types = |names: &[&str]| ItemQuery { types: names.iter().map(|name| kind(name)).collect(), ..everything() };
    assert_eq!(found(&desk, types(&[APP])).await, ["3"]);
    assert_eq!(found(&desk, types(&[CONFIG, APP])).await, ["1", "2", "3"]);
    assert_eq!(found(&desk, types(&[SECURITY])).await, [""; 0]);
    let category = |name: &str| ItemQuery { categories: vec![name.parse().expect("a category")], ..everything() };
    assert_eq!(found(&desk, category("Configuration")).await, ["1", "2", "4"]);
    let both = ItemQuery { types: vec![kind(CATALOG), kind(APP)], ..category("Configuration") };
    assert_eq!(found(&desk, both).await, ["4"]);
    let platform = |name: &str| ItemQuery { platform: Some(name.into()), ..everything() };
    assert_eq!(found(&desk, platform("windows")).await.len(), 4);
    assert_eq!(found(&desk, platform("ios")).await, [""; 0]);
}

pub(crate) async fn items_not_seen_since_a_time_are_those_last_seen_before_it(lab: Lab) {
    let desk = lab.desk(1);
    desk.sync(&one_type(), &[(CONFIG, Told::Saw(&["1", "2"]))]).await;
    let early = lab.now();
    lab.pass(MICRO);
    desk.sync(&one_type(), &[(CONFIG, Told::Saw(&["2"]))]).await;
    let not_since = |time| ItemQuery { not_seen_since: Some(time), ..everything() };
    assert_eq!(found(&desk, not_since(early)).await, [""; 0]);
    assert_eq!(found(&desk, not_since(lab.now())).await, ["1"]);
}

pub(crate) async fn search_finds_names_and_ids_whatever_the_case_and_takes_no_patterns(lab: Lab) {
    let desk = lab.desk(1);
    desk.sync(&one_type(), &[(CONFIG, Told::Saw(&["ÄRGER-1", "50%", "a_b", "axb", "c\\d", "ОТДЕЛ", "straße"]))]).await;
    let search = |text: &str| ItemQuery { search: Some(text.into()), ..everything() };
    assert_eq!(found(&desk, search("ärger")).await, ["ÄRGER-1"]);
    assert_eq!(found(&desk, search("отдел")).await, ["ОТДЕЛ"]);
    assert_eq!(found(&desk, search("%")).await, ["50%"]);
    assert_eq!(found(&desk, search("_")).await, ["a_b"]);
    assert_eq!(found(&desk, search("\\")).await, ["c\\d"]);
    assert_eq!(found(&desk, search("POLICY A_B")).await, ["a_b"], "the name, too");
    assert_eq!(found(&desk, search("nowhere")).await, [""; 0]);
}

pub(crate) async fn cursors_give_each_item_once_whatever_the_page_size(lab: Lab) {
    let desk = lab.desk(1);
    let told = [(CONFIG, Told::Saw(&["1", "2", "ü/?", "a:b"][..])), (SECURITY, Told::Saw(&["1", "2"])), (CATALOG, Told::Saw(&["1"]))];
    desk.sync(&Chosen::types(&[CONFIG, SECURITY, CATALOG]), &told).await;
    let key = |item: &Item| (item.policy_type.clone(), item.external_id.clone());
    let all: Vec<_> = desk.items().await.iter().map(key).collect();
    assert_eq!(all.len(), 7);
    for limit in 1..=8 {
        let (mut query, mut given) = (ItemQuery { limit, ..ItemQuery::default() }, Vec::new());
        loop {
            let page = desk.store.items(&desk.scope, &query).await.expect("items");
            assert!(page.items.len() <= limit as usize);
            given.extend(page.items.iter().map(key));
            // As a caller would send it back.
            let Some(next) = page.next_cursor else { break };
            query.after = Some(next.to_string().parse().expect("a cursor that was given out"));
        }
        assert_eq!(given, all, "{limit} a page");
    }
}

pub(crate) async fn cursors_give_each_missing_item_once_with_the_same_totals(lab: Lab) {
    let desk = lab.desk(1);
    let chosen = Chosen::types(&[CONFIG, APP]);
    desk.sync(&chosen, &[(CONFIG, Told::Saw(&["1", "2", "3", "4", "5"])), (APP, Told::Saw(&["1", "2", "6"]))]).await;
    desk.sync(&chosen, &[(CONFIG, Told::Saw(&["5", "4", "3"])), (APP, Told::Saw(&["6"]))]).await;
    let all = desk.missing(&chosen).await.expect("a baseline");
    assert_eq!((all.high, all.low, all.items.len()), (2, 2, 4));
    for limit in 1..=5 {
        let (mut query, mut given) = (MissingQuery { limit, ..about(&chosen) }, Vec::new());
        loop {
            let page = desk.ask(&query).await.expect("a baseline");
            assert_eq!((page.high, page.low, page.coverage.len()), (2, 2, 2), "totals are of all pages");
            given.extend(page.items);
            let Some(next) = page.next_cursor else { break };
            query.after = Some(next);
        }
        assert_eq!(given, all.items, "{limit} a page");
    }
}

pub(crate) async fn missing_is_narrowed_by_confidence_and_by_time(lab: Lab) {
    let desk = lab.desk(1);
    let chosen = Chosen::types(&[CONFIG, APP]);
    desk.sync(&chosen, &[(CONFIG, Told::Saw(&["1", "2"])), (APP, Told::Saw(&["a"]))]).await;
    desk.sync(&chosen, &[(CONFIG, Told::Saw(&["1"])), (APP, Told::Saw(&["a"]))]).await;
    lab.pass(MICRO);
    desk.sync(&chosen, &[(CONFIG, Told::Saw(&[])), (APP, Told::Saw(&[]))]).await;
    let ask = async |query: MissingQuery| {
        let answer = desk.ask(&query).await.expect("a baseline");
        assert_eq!((answer.high, answer.low), (2, 1), "totals are of everything");
        answer.items.iter().map(|item| item.external_id.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(ask(MissingQuery { confidence: Some(Confidence::High), ..about(&chosen) }).await, ["1", "2"]);
    assert_eq!(ask(MissingQuery { confidence: Some(Confidence::Low), ..about(&chosen) }).await, ["a"]);
    assert_eq!(ask(MissingQuery { since: Some(lab.now()), ..about(&chosen) }).await, ["1", "a"]);
}

pub(crate) async fn an_acknowledgement_hides_an_item_until_it_is_seen_again(lab: Lab) {
    let desk = lab.desk(1);
    desk.sync(&one_type(), &[(CONFIG, Told::Saw(&["1", "2", "3"]))]).await;
    desk.sync(&one_type(), &[(CONFIG, Told::Saw(&["1"]))]).await;
    let before = desk.missing(&one_type()).await.expect("a baseline").items;
    lab.pass(MICRO);
    let noted_at = lab.now();
    assert!(acknowledge(&desk, CONFIG, "2", "retired on purpose").await);
    let shown = async |acknowledged| {
        let answer = desk.ask(&MissingQuery { acknowledged, ..about(&one_type()) }).await.expect("a baseline");
        assert_eq!(answer.high, 2, "it changes nothing that is derived");
        (answer.items.iter().map(|item| item.external_id.to_string()).collect::<Vec<_>>(), answer.acknowledged)
    };
    assert_eq!(shown(false).await, (vec!["3".to_owned()], 1));
    assert_eq!(shown(true).await, (vec!["2".to_owned(), "3".to_owned()], 1));
    let after = desk.missing(&one_type()).await.expect("a baseline").items;
    assert_eq!(after[0].acknowledged_at, Some(noted_at));
    let mut unnoted = after.clone();
    unnoted[0].acknowledged_at = None;
    assert_eq!(unnoted, before, "beside the evidence");

    desk.sync(&one_type(), &[(CONFIG, Told::Saw(&["1"]))]).await;
    assert_eq!(shown(false).await.0, ["3"], "also in later runs");
    desk.sync(&one_type(), &[(CONFIG, Told::Saw(&["1", "2", "3"]))]).await;
    desk.sync(&one_type(), &[(CONFIG, Told::Saw(&["1"]))]).await;
    assert_eq!(shown(false).await, (vec!["2".to_owned(), "3".to_owned()], 0), "not once it was seen again");
}

pub(crate) async fn a_note_can_be_replaced_and_taken_back(lab: Lab) {
    let desk = lab.desk(1);
    desk.sync(&one_type(), &[(CONFIG, Told::Saw(&["1"]))]).await;
    assert!(!acknowledge(&desk, CONFIG, "nobody", "?").await, "no such item");
    assert!(!acknowledge(&desk, APP, "1", "?").await, "not under this type");
    assert!(acknowledge(&desk, CONFIG, "1", "first").await);
    lab.pass(MICRO);
    assert!(acknowledge(&desk, CONFIG, "1", &"ü".repeat(1_000)).await);
    let note = desk.store.explain(&desk.scope, &kind(CONFIG), &id("1")).await.expect("an answer").expect("an item").acknowledgement;
    let note = note.expect("a note in force");
    assert_eq!((note.author.as_str(), note.note, note.acknowledged_at), ("ada", "ü".repeat(1_000), Some(lab.now())));
    let back = async || desk.store.unacknowledge(&desk.scope, &kind(CONFIG), &id("1")).await.expect("an answer");
    assert!(back().await);
    assert!(!back().await, "there is none any more");
}

pub(crate) async fn an_explanation_shows_every_listing_that_bears_on_the_item(lab: Lab) {
    let desk = lab.desk(1);
    let both = Chosen::types(&[CONFIG, APP]);
    assert!(desk.store.explain(&desk.scope, &kind(CONFIG), &id("1")).await.expect("an answer").is_none());
    let first = desk.sync(&one_type(), &[(CONFIG, Told::Saw(&["1", "2"]))]).await.record;
    let second = desk.sync(&both, &[(CONFIG, Told::BrokeOff(&["2"], ErrorCode::GraphTimeout)), (APP, Told::Saw(&["9"]))]).await.record;
    let third = desk.sync(&one_type(), &[(CONFIG, Told::Saw(&["2"]))]).await.record;
    desk.sync(&Chosen::types(&[APP]), &[(APP, Told::Saw(&["9"]))]).await;
    let open = desk.start(&one_type()).await;
    let said = desk.store.explain(&desk.scope, &kind(CONFIG), &id("1")).await.expect("an answer").expect("an item");
    assert_eq!(said.item.external_id.as_str(), "1");
    let runs: Vec<_> = said.listings.iter().map(|row| row.run_id).collect();
    assert_eq!(runs, [open.run_id, third.run_id, second.run_id, first.run_id], "newest claim first, only of its type");
    let seen: Vec<_> = said.listings.iter().map(|row| (row.seen, row.known_before, row.is_reference)).collect();
    assert_eq!(seen, [(None, true, false), (Some(false), true, true), (None, true, true), (Some(true), false, false)]);
    let SightingRow { outcome, error_code, pages, .. } = said.listings[2].clone();
    assert_eq!((outcome, error_code, pages), (Some(lastseen_model::ListingOutcome::Incomplete), Some(ErrorCode::GraphTimeout), 1));
    assert_eq!((said.listings[0].outcome, said.listings[3].run_no), (None, first.run_no.expect("claimed")));
    assert!(said.acknowledgement.is_none());

    let mut standing: Vec<_> = said.standing.iter().map(|row| row.selection_hash).collect();
    assert!(standing.is_sorted(), "by hash");
    assert_eq!(standing.len(), 2, "the selections that cover its type");
    standing.retain(|hash| *hash == one_type().selection.hash() || *hash == both.selection.hash());
    assert_eq!(standing.len(), 2);
    for row in &said.standing {
        let missing = row.missing.as_ref().expect("missing for both");
        let clouded = row.selection_hash == both.selection.hash();
        assert_eq!(missing.reasons.contains(&Reason::ListingIncomplete), clouded, "{missing:?}");
    }
    let seen = desk.store.explain(&desk.scope, &kind(CONFIG), &id("2")).await.expect("an answer").expect("an item");
    assert!(seen.standing.iter().all(|row| row.missing.is_none()), "{:?}", seen.standing);
    assert_eq!(ids(&[seen.item]), ["2"]);
}
