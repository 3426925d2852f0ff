//! What a missing item may live on as, when Microsoft moved it to another type or path under a new id.

use lastseen_model::{Confidence, PageEnd, Reason};
use lastseen_store::{ListingPage, MissingItem, PageRecord};

use crate::fixture::{Desk, Lab, MICRO, Open};
use crate::world::{self, APP, CATALOG, COMPLIANCE, CONFIG, Chosen, SECURITY, id, kind};

/// An object: id, name, platform.
type Object<'a> = (&'a str, Option<&'a str>, Option<&'a str>);

const WINDOWS: Option<&str> = Some("windows");

fn object<'a>(id: &'a str, name: &'a str) -> Object<'a> {
    (id, Some(name), WINDOWS)
}

/// A complete listing of these objects, on one page.
async fn saw(open: &Open, policy_type: &str, objects: &[Object<'_>]) {
    let version = open.chosen.version(policy_type);
    let observations = objects.iter().map(|(id, name, platform)| world::named(&version, id, 1, *name, *platform)).collect();
    let listings = vec![ListingPage { policy_type: kind(policy_type), observations }];
    let page = PageRecord { page: 1, listings, passed_over: Vec::new(), rejected: 0, end: Some(PageEnd::Complete) };
    open.record(&page).await.expect("a page");
}

/// A whole run of one type.
async fn sync(desk: &Desk, policy_type: &str, objects: &[Object<'_>]) {
    let open = desk.start(&Chosen::types(&[policy_type])).await;
    saw(&open, policy_type, objects).await;
    open.finish().await;
}

/// The ids of an item's possible successors, with their types.
fn successors(item: &MissingItem) -> Vec<(&str, &str)> {
    item.possible_successors.iter().map(|found| (found.policy_type.as_str(), found.external_id.as_str())).collect()
}

async fn the_missing(desk: &Desk, policy_type: &str) -> MissingItem {
    desk.the_missing(&Chosen::types(&[policy_type])).await
}

pub(crate) async fn i24_an_item_that_moved_to_another_type_under_a_new_id_names_what_it_may_live_on_as(lab: Lab) {
    let desk = lab.desk(1);
    sync(&desk, CONFIG, &[object("old", "BitLocker"), object("stays", "Other")]).await;
    sync(&desk, CATALOG, &[object("c", "Other")]).await;
    lab.pass(MICRO);
    let at = lab.now();
    let both = Chosen::types(&[CONFIG, CATALOG]);
    let open = desk.start(&both).await;
    saw(&open, CONFIG, &[object("stays", "Other")]).await;
    saw(&open, CATALOG, &[object("c", "Other"), object("new", "BitLocker")]).await;
    let run = open.finish().await.record.run_id;
    let gone = desk.the_missing(&both).await;
    assert_eq!(successors(&gone), [(CATALOG, "new")]);
    let found = &gone.possible_successors[0];
    assert_eq!((found.first_seen_at, found.first_seen_run_id), (at, run));
}

pub(crate) async fn what_was_known_before_or_has_another_name_platform_type_or_tenant_is_no_successor(lab: Lab) {
    let (desk, stranger) = (lab.desk(1), lab.desk(2));
    sync(&desk, APP, &[object("before", "BitLocker")]).await;
    sync(&desk, CONFIG, &[object("old", "BitLocker"), ("bare", Some("Bare"), None)]).await;
    sync(&desk, CONFIG, &[object("same type", "BitLocker")]).await;
    sync(&desk, CATALOG, &[object("folded", "bitlocker"), ("no platform", Some("BitLocker"), None), object("bare too", "Bare")]).await;
    sync(&stranger, CATALOG, &[object("theirs", "BitLocker")]).await;
    let answer = desk.missing(&Chosen::types(&[CONFIG])).await.expect("a baseline");
    let found: Vec<_> = answer.items.iter().map(|item| (item.external_id.as_str(), successors(item))).collect();
    assert_eq!(found, [("bare", vec![]), ("old", vec![])]);
    // No platform is like no platform.
    sync(&desk, SECURITY, &[("bare 3", Some("Bare"), None)]).await;
    let answer = desk.missing(&Chosen::types(&[CONFIG])).await.expect("a baseline");
    assert_eq!(successors(&answer.items[0]), [(SECURITY, "bare 3")]);
    // Seen again since is not seen for the first time.
    sync(&desk, APP, &[object("before", "BitLocker")]).await;
    let answer = desk.missing(&Chosen::types(&[CONFIG])).await.expect("a baseline");
    assert_eq!(successors(&answer.items[1]), [] as [(&str, &str); 0]);
}

pub(crate) async fn since_is_decided_by_numbers_and_never_by_clocks(lab: Lab) {
    let desk = lab.desk(1);
    // Claimed before the last sighting, and stored long after it: it may have been there all the time.
    let early = desk.start(&Chosen::types(&[CATALOG])).await;
    sync(&desk, CONFIG, &[object("old", "BitLocker")]).await;
    lab.pass(MICRO);
    saw(&early, CATALOG, &[object("slow", "BitLocker")]).await;
    early.finish().await;
    sync(&desk, CONFIG, &[]).await;
    assert_eq!(successors(&the_missing(&desk, CONFIG).await), [] as [(&str, &str); 0]);
    // Claimed after it, at the same moment of the clock.
    sync(&desk, APP, &[object("new", "BitLocker")]).await;
    assert_eq!(successors(&the_missing(&desk, CONFIG).await), [(APP, "new")]);
    // Also while its run goes on.
    let open = desk.start(&Chosen::types(&[SECURITY])).await;
    saw(&open, SECURITY, &[object("newer", "BitLocker")]).await;
    assert_eq!(successors(&the_missing(&desk, CONFIG).await), [(APP, "new"), (SECURITY, "newer")]);
    // The item was seen again after that, and went once more: nothing is newer than it.
    sync(&desk, CONFIG, &[object("old", "BitLocker")]).await;
    sync(&desk, CONFIG, &[]).await;
    assert_eq!(successors(&the_missing(&desk, CONFIG).await), [] as [(&str, &str); 0]);
}

pub(crate) async fn at_most_three_are_named_in_the_order_of_their_first_sighting(lab: Lab) {
    let desk = lab.desk(1);
    sync(&desk, CONFIG, &[object("old", "BitLocker")]).await;
    sync(&desk, CONFIG, &[]).await;
    let twins: Vec<String> = (0..40).map(|n| format!("{n:02}")).collect();
    let twins: Vec<Object<'_>> = twins.iter().rev().map(|id| object(id, "BitLocker")).collect();
    let both = Chosen::types(&[SECURITY, CATALOG]);
    let open = desk.start(&both).await;
    let part = |policy_type: &str, objects: &[Object<'_>]| ListingPage {
        policy_type: kind(policy_type),
        observations: objects
            .iter()
            .map(|(id, name, platform)| world::named(&both.version(policy_type), id, 1, *name, *platform))
            .collect(),
    };
    let listings = vec![part(SECURITY, &twins[..2]), part(CATALOG, &twins)];
    let page = PageRecord { page: 1, listings, passed_over: Vec::new(), rejected: 0, end: Some(PageEnd::Complete) };
    open.record(&page).await.expect("a page");
    open.finish().await;
    // By type and id within a run.
    assert_eq!(successors(&the_missing(&desk, CONFIG).await), [(SECURITY, "38"), (SECURITY, "39"), (CATALOG, "00")]);
    // What was seen later comes later, whatever it is called.
    sync(&desk, APP, &[object("00", "BitLocker")]).await;
    assert_eq!(successors(&the_missing(&desk, CONFIG).await).last(), Some(&(CATALOG, "00")));
    sync(&desk, COMPLIANCE, &[object("first", "Other")]).await;
    sync(&desk, COMPLIANCE, &[]).await;
    for (run, policy_type) in [APP, CATALOG, APP, CATALOG].into_iter().enumerate() {
        let name = format!("z{}", 9 - run);
        let mut objects = if policy_type == APP { vec![object("00", "BitLocker")] } else { twins.clone() };
        objects.push(object(&name, "Other"));
        sync(&desk, policy_type, &objects).await;
    }
    assert_eq!(successors(&the_missing(&desk, COMPLIANCE).await), [(APP, "z9"), (CATALOG, "z8"), (APP, "z7")]);
}

pub(crate) async fn a_nameless_item_has_none_and_a_hint_changes_no_confidence(lab: Lab) {
    let desk = lab.desk(1);
    sync(&desk, CONFIG, &[("nameless", None, None), object("old", "BitLocker"), object("a", "a"), object("b", "b"), object("c", "c")])
        .await;
    sync(&desk, CATALOG, &[("nameless too", None, None), object("new", "BitLocker")]).await;
    sync(&desk, CONFIG, &[object("a", "a"), object("b", "b"), object("c", "c")]).await;
    let answer = desk.missing(&Chosen::types(&[CONFIG])).await.expect("a baseline");
    let found: Vec<_> = answer.items.iter().map(|item| (item.external_id.as_str(), successors(item).len(), item.confidence)).collect();
    assert_eq!(found, [("nameless", 0, Confidence::High), ("old", 1, Confidence::High)]);
    assert_eq!((answer.high, answer.low), (2, 0));
    // Under the id itself there is a reason beside the hint.
    sync(&desk, CATALOG, &[object("new", "BitLocker"), object("old", "BitLocker")]).await;
    let answer = desk.missing(&Chosen::types(&[CONFIG])).await.expect("a baseline");
    assert_eq!(successors(&answer.items[1]), [(CATALOG, "new"), (CATALOG, "old")]);
    assert_eq!(answer.items[1].reasons, [Reason::SeenAsOtherType]);
}

pub(crate) async fn i27_successors_outlive_the_listings_that_retention_drops(lab: Lab) {
    let desk = lab.desk(1);
    sync(&desk, CATALOG, &[object("before", "BitLocker")]).await;
    sync(&desk, CONFIG, &[object("old", "BitLocker")]).await;
    for _ in 0..3 {
        sync(&desk, CATALOG, &[object("before", "BitLocker"), object("new", "BitLocker")]).await;
        sync(&desk, CONFIG, &[]).await;
    }
    let before = the_missing(&desk, CONFIG).await;
    assert_eq!(successors(&before), [(CATALOG, "new")]);
    assert!(desk.keep(0).await.listings > 2, "also the listings that bound what is looked at");
    assert_eq!(the_missing(&desk, CONFIG).await, before);
}

pub(crate) async fn each_item_of_a_page_has_its_own_and_an_explanation_says_the_same(lab: Lab) {
    let desk = lab.desk(1);
    let (all, some) = (Chosen::types(&[CONFIG, APP]), Chosen::types(&[CONFIG]));
    let open = desk.start(&all).await;
    saw(&open, CONFIG, &[object("1", "One"), object("2", "Two"), object("3", "Three")]).await;
    saw(&open, APP, &[object("4", "Two")]).await;
    open.finish().await;
    sync(&desk, CATALOG, &[object("one", "One"), object("two", "Two")]).await;
    for chosen in [&all, &some] {
        let open = desk.start(chosen).await;
        saw(&open, CONFIG, &[]).await;
        if chosen.types.len() > 1 {
            saw(&open, APP, &[]).await;
        }
        open.finish().await;
    }
    let answer = desk.missing(&all).await.expect("a baseline");
    let found: Vec<_> = answer.items.iter().map(|item| (item.external_id.as_str(), successors(item))).collect();
    let (one, two) = (vec![(CATALOG, "one")], vec![(CATALOG, "two")]);
    assert_eq!(found, [("1", one), ("2", two.clone()), ("3", vec![]), ("4", two)]);
    let explained = desk.store.explain(&desk.scope, &kind(CONFIG), &id("2")).await.expect("an answer").expect("known");
    assert_eq!(explained.standing.len(), 2);
    for standing in explained.standing {
        assert_eq!(successors(&standing.missing.expect("missing")), [(CATALOG, "two")]);
    }
}
