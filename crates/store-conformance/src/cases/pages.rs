//! Pages: stored once, whole, in any order.

use std::future::Future;
use std::pin::pin;
use std::task::Poll;

use lastseen_model::{ListingOutcome, PageEnd};
use lastseen_store::{Item, ListingPage, PageRecord, PageStored, StoreError};

use crate::fixture::{Desk, Lab, MICRO, Open, Told, ids};
use crate::world::{APP, CATALOG, CONFIG, Chosen, SECURITY, kind};

fn one_type() -> Chosen {
    Chosen::types(&[CONFIG])
}

/// A complete page of one type whose objects have the edition given with them.
async fn editions(open: &Open, objects: &[(&str, u8)]) -> PageStored {
    let observations = objects.iter().map(|(id, edition)| open.observation(CONFIG, id, *edition)).collect();
    let listings = vec![ListingPage { policy_type: kind(CONFIG), observations }];
    open.record(&PageRecord { page: 1, listings, passed_over: Vec::new(), rejected: 0, end: Some(PageEnd::Complete) })
        .await
        .expect("a page")
}

/// What a person sees of the items, without times and runs.
async fn seen(desk: &Desk) -> Vec<(String, String, Option<String>, String)> {
    let row = |item: Item| (item.policy_type.to_string(), item.external_id.to_string(), item.display_name, item.meta_jsonb.to_string());
    desk.items().await.into_iter().map(row).collect()
}

pub(crate) async fn i20_a_page_delivered_again_changes_nothing(lab: Lab) {
    let desk = lab.desk(1);
    let open = desk.start(&Chosen::types(&[SECURITY, CATALOG])).await;
    open.page(1, &[(SECURITY, &["1"]), (CATALOG, &["2"])], None).await.expect("a page");
    open.page(2, &[(SECURITY, &["3"]), (CATALOG, &[])], Some(PageEnd::Complete)).await.expect("a page");
    let (items, run) = (seen(&desk).await, desk.run(open.run_id).await);
    lab.pass(MICRO);
    for page in [1, 2] {
        let again = open.page(page, &[(SECURITY, &["8", "1"]), (CATALOG, &["9"])], None).await.expect("an answer");
        assert_eq!(again, PageStored::AlreadyStored);
    }
    assert_eq!((seen(&desk).await, desk.run(open.run_id).await), (items, run));
}

pub(crate) async fn i20_pages_in_any_order_and_split_leave_the_same_catalogue(lab: Lab) {
    let pages: [&[&str]; 3] = [&["1", "2"], &["3"], &["2", "4", "5"]];
    let orders: [&[usize]; 4] = [&[0, 1, 2], &[2, 1, 0], &[1, 2, 0, 1], &[0, 0, 2, 2, 1]];
    let mut catalogues = Vec::new();
    for (tenant, order) in (1..).zip(orders) {
        let desk = lab.desk(tenant);
        let open = desk.start(&one_type()).await;
        for (number, page) in (1..).zip(order) {
            open.page(number, &[(CONFIG, pages[*page])], None).await.expect("a page");
        }
        open.page(u32::try_from(order.len()).expect("few") + 1, &[(CONFIG, &[])], Some(PageEnd::Complete)).await.expect("a page");
        let run = open.finish().await;
        assert_eq!((run.record.counts.items_observed, run.record.counts.items_created), (5, 5));
        catalogues.push(seen(&desk).await);
    }
    assert_eq!(catalogues[0].len(), 5);
    assert!(catalogues.iter().all(|catalogue| *catalogue == catalogues[0]));
}

pub(crate) async fn i20_an_id_twice_on_a_page_counts_once_with_what_came_last(lab: Lab) {
    let desk = lab.desk(1);
    let open = desk.start(&one_type()).await;
    assert_eq!(editions(&open, &[("1", 1), ("2", 1), ("1", 2)]).await, PageStored::Stored { created: 2, changed: 0 });
    let run = open.finish().await;
    assert_eq!((run.record.counts.items_observed, run.record.counts.items_created), (2, 2));
    assert_eq!(desk.item("1").await.display_name.as_deref(), Some("Policy 1, edition 2"));
}

pub(crate) async fn i19_the_same_name_is_many_items_and_a_new_name_is_the_same_item(lab: Lab) {
    let desk = lab.desk(1);
    let version = one_type().version(CONFIG);
    let named = |id: &str, name: &str| {
        let id = id.parse().expect("an id");
        lastseen_model::Observation::new(&version, id, Some(name), Some("windows"), &std::collections::BTreeMap::new(), None)
    };
    let page = |observations| {
        let listings = vec![ListingPage { policy_type: kind(CONFIG), observations }];
        PageRecord { page: 1, listings, passed_over: Vec::new(), rejected: 0, end: Some(PageEnd::Complete) }
    };
    let open = desk.start(&one_type()).await;
    open.record(&page(vec![named("1", "Baseline"), named("2", "Baseline"), named("3", "Baseline")])).await.expect("a page");
    open.finish().await;
    assert_eq!(ids(&desk.items().await), ["1", "2", "3"]);

    lab.pass(MICRO);
    let open = desk.start(&one_type()).await;
    open.record(&page(vec![named("1", "Renamed"), named("2", "Baseline"), named("3", "Baseline")])).await.expect("a page");
    let run = open.finish().await;
    assert_eq!((run.record.counts.items_created, run.record.counts.items_changed), (0, 1));
    let item = desk.item("1").await;
    assert_eq!((item.display_name.as_deref(), item.changed_at), (Some("Renamed"), lab.now()));
    assert_eq!(desk.items().await.len(), 3);
}

pub(crate) async fn r20_a_second_sync_makes_no_duplicates_and_moves_last_seen_only(lab: Lab) {
    let desk = lab.desk(1);
    let first = desk.sync(&one_type(), &[(CONFIG, Told::Saw(&["1", "2"]))]).await.record;
    let first_at = lab.now();
    lab.pass(MICRO);
    let second = desk.sync(&one_type(), &[(CONFIG, Told::Saw(&["2", "1"]))]).await.record;
    let items = desk.items().await;
    assert_eq!(ids(&items), ["1", "2"]);
    for item in items {
        assert_eq!((item.first_seen_run_id, item.first_seen_at, item.changed_at), (first.run_id, first_at, first_at));
        assert_eq!((item.last_seen_run_id, item.last_seen_at), (second.run_id, lab.now()));
    }
    let counts = second.counts;
    assert_eq!((counts.items_observed, counts.items_upserted, counts.items_created, counts.items_changed), (2, 2, 0, 0));
}

pub(crate) async fn an_item_reads_as_seen_as_soon_as_its_page_is_committed(lab: Lab) {
    let desk = lab.desk(1);
    desk.sync(&one_type(), &[(CONFIG, Told::Saw(&["1"]))]).await;
    lab.pass(MICRO);
    let open = desk.start(&one_type()).await;
    open.page(1, &[(CONFIG, &["1"])], None).await.expect("a page");
    assert_eq!(desk.item("1").await.last_seen_run_id, open.run_id, "while the run goes on");
    assert_eq!(desk.item("1").await.last_seen_at, lab.now());
    let run_id = open.run_id;
    open.fail(CONFIG, lastseen_model::ErrorCode::GraphTimeout).await;
    open.finish().await;
    assert_eq!(desk.item("1").await.last_seen_run_id, run_id, "also when the run failed");
}

pub(crate) async fn r20_changed_at_moves_only_when_an_observed_field_differs(lab: Lab) {
    let desk = lab.desk(1);
    let begun = lab.now();
    let open = desk.start(&one_type()).await;
    editions(&open, &[("1", 1), ("2", 1)]).await;
    open.finish().await;
    lab.pass(MICRO);
    let open = desk.start(&one_type()).await;
    assert_eq!(editions(&open, &[("1", 2), ("2", 1)]).await, PageStored::Stored { created: 0, changed: 1 });
    let run = open.finish().await;
    assert_eq!((desk.item("1").await.changed_at, desk.item("2").await.changed_at), (lab.now(), begun));
    assert_eq!((run.record.counts.items_changed, run.listings[0].changed), (1, 1));
}

pub(crate) async fn a_new_contract_version_rewrites_quietly(lab: Lab) {
    let desk = lab.desk(1);
    let begun = lab.now();
    let open = desk.start(&one_type()).await;
    editions(&open, &[("1", 1)]).await;
    open.finish().await;
    lab.pass(MICRO);
    let open = desk.start(&one_type().under(CONFIG, 1, 2)).await;
    assert_eq!(editions(&open, &[("1", 2)]).await, PageStored::Stored { created: 0, changed: 0 });
    open.finish().await;
    let item = desk.item("1").await;
    assert_eq!((item.changed_at, item.display_name.as_deref()), (begun, Some("Policy 1, edition 2")));
    lab.pass(MICRO);
    let open = desk.start(&one_type().under(CONFIG, 1, 2)).await;
    assert_eq!(editions(&open, &[("1", 3)]).await, PageStored::Stored { created: 0, changed: 1 });
    open.finish().await;
    assert_eq!(desk.item("1").await.changed_at, lab.now(), "under the same version again, a change is a change");
}

pub(crate) async fn i26_an_assignment_count_that_was_not_read_is_null_and_never_zero(lab: Lab) {
    let desk = lab.desk(1);
    let open = desk.start(&one_type()).await;
    editions(&open, &[("1", 0), ("2", 1)]).await;
    assert_eq!((desk.item("1").await.assignment_count, desk.item("2").await.assignment_count), (None, Some(1)));
    let rows = lab.database.view("inventory_items").await;
    let counts: Vec<_> = rows.iter().map(|row| (row["external_id"].as_str(), row["assignment_count"].as_u64())).collect();
    assert!(counts.contains(&(Some("1"), None)) && counts.contains(&(Some("2"), Some(1))), "{counts:?}");
}

pub(crate) async fn a_page_that_leaves_a_gap_or_follows_the_last_is_refused(lab: Lab) {
    let desk = lab.desk(1);
    let open = desk.start(&Chosen::types(&[CONFIG, APP])).await;
    let gap = open.page(2, &[(CONFIG, &["1"])], None).await;
    assert!(matches!(gap, Err(StoreError::PageOutOfOrder { page: 2, expected: 1 })), "{gap:?}");
    let zero = open.page(0, &[(CONFIG, &["1"])], None).await;
    assert!(!matches!(zero, Ok(PageStored::Stored { .. })), "pages count from 1: {zero:?}");
    open.saw(CONFIG, &["1"]).await;
    let after = open.page(2, &[(CONFIG, &["2"])], None).await;
    assert!(matches!(after, Err(StoreError::PageOutOfOrder { page: 2, .. })), "{after:?}");
    let foreign = open.page(1, &[(SECURITY, &["3"])], None).await;
    assert!(matches!(foreign, Err(StoreError::ListingNotOpen(_))), "not in the scope: {foreign:?}");
    assert_eq!(ids(&desk.items().await), ["1"]);
}

pub(crate) async fn i33_two_runs_that_meet_the_same_new_item_agree_and_ordinals_have_no_gaps(lab: Lab) {
    let (here, there) = (lab.desk(1), lab.elsewhere(1).await);
    let (one, other) = (Chosen::types(&[CONFIG]), Chosen::types(&[CONFIG, APP]));
    let (first, second) = (here.start(&one).await, there.start(&other).await);
    let both = async |page: u32, ids: &[&str], more: &[&str]| {
        let (one, other) = (first.page_of(page, &[(CONFIG, ids)], None), second.page_of(page, &[(CONFIG, more)], None));
        let (one, other) = tokio::join!(first.record(&one), second.record(&other));
        let created = |stored| match stored {
            PageStored::Stored { created, .. } => created,
            PageStored::AlreadyStored => panic!("not stored before"),
        };
        created(one.expect("a page")) + created(other.expect("a page"))
    };
    assert_eq!(both(1, &["1", "2", "3"], &["3", "2", "4"]).await, 4, "each new item is created once");
    assert_eq!(both(2, &["5", "1"], &["5", "6"]).await, 2);
    first.page(3, &[(CONFIG, &[])], Some(PageEnd::Complete)).await.expect("a page");
    second.page(3, &[(CONFIG, &["1"])], Some(PageEnd::Complete)).await.expect("a page");
    second.saw(APP, &[]).await;
    let (first, second) = (first.finish().await, second.finish().await);
    assert_eq!((first.listings[0].observed, second.listings[0].observed), (4, 6));
    assert_eq!(ids(&here.items().await), ["1", "2", "3", "4", "5", "6"]);
    let next = here.start(&one).await;
    assert_eq!(here.run(next.run_id).await.listings[0].known_before, 6, "as many ordinals as items");
}

pub(crate) async fn i33_a_refused_page_leaves_no_ordinals_behind(lab: Lab) {
    let desk = lab.desk(1);
    let open = desk.start(&Chosen::types(&[SECURITY, CATALOG])).await;
    open.page(2, &[(SECURITY, &["1", "2", "3"]), (CATALOG, &["4"])], None).await.expect_err("a gap");
    open.page(1, &[(SECURITY, &["5"]), (CONFIG, &["6"])], None).await.expect_err("out of scope");
    open.page(1, &[(SECURITY, &["7"]), (CATALOG, &[])], Some(PageEnd::Complete)).await.expect("a page");
    open.finish().await;
    assert_eq!(ids(&desk.items().await), ["7"]);
    let next = desk.start(&Chosen::types(&[SECURITY, CATALOG])).await;
    let known: Vec<_> = desk.run(next.run_id).await.listings.iter().map(|listing| listing.known_before).collect();
    assert_eq!(known, [1, 0]);
}

pub(crate) async fn i12_a_page_given_up_at_any_moment_is_stored_whole_or_not_at_all(lab: Lab) {
    let desk = lab.desk(1);
    for cut in 0..40 {
        let chosen = Chosen::types(&[SECURITY, CATALOG]);
        let open = desk.start(&chosen).await;
        let names: Vec<String> = (0..5).map(|number| format!("{cut}-{number}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let page = open.page_of(1, &[(SECURITY, &names[..3]), (CATALOG, &names[3..])], Some(PageEnd::Complete));
        polled_at_most(cut, open.record(&page)).await;

        let of_page = |item: &&Item| item.external_id.as_str().starts_with(&format!("{cut}-"));
        let stored = desk.items().await.iter().filter(of_page).count();
        let run = desk.run(open.run_id).await;
        let observed: u64 = run.listings.iter().map(|listing| listing.observed).sum();
        let complete = run.listings.iter().filter(|listing| listing.outcome == Some(ListingOutcome::Complete)).count();
        assert!(
            [(0, 0, 0), (5, 5, 2)].contains(&(stored, observed, complete)),
            "given up after {cut} polls: {stored} items, {observed} observed, {complete} complete"
        );
        let again = open.record(&page).await.expect("the page again");
        assert_eq!(again == PageStored::AlreadyStored, stored == 5, "given up after {cut} polls");
        assert_eq!(open.finish().await.record.counts.items_observed, 5);
    }
    assert_eq!(desk.items().await.len(), 200, "no item twice, none lost");
    let next = desk.start(&Chosen::types(&[SECURITY, CATALOG])).await;
    let known: u32 = desk.run(next.run_id).await.listings.iter().map(|listing| listing.known_before).sum();
    assert_eq!(known, 200, "and no ordinal either");
}

/// Polls a future each time it is woken, at most so often, and then drops it where it stands.
async fn polled_at_most(polls: usize, future: impl Future) {
    let mut future = pin!(future);
    let mut left = polls;
    std::future::poll_fn(|context| {
        if left == 0 {
            return Poll::Ready(());
        }
        left -= 1;
        future.as_mut().poll(context).map(|_| ())
    })
    .await;
}

pub(crate) async fn a_page_of_a_thousand_objects_is_one_page(lab: Lab) {
    let desk = lab.desk(1);
    let names: Vec<String> = (0..1_500).map(|number| format!("{number:04}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let open = desk.start(&one_type()).await;
    assert_eq!(open.page(1, &[(CONFIG, &names[..1_000])], None).await.expect("a page"), PageStored::Stored { created: 1_000, changed: 0 });
    let last = open.page(2, &[(CONFIG, &names[500..])], Some(PageEnd::Complete)).await.expect("a page");
    assert_eq!(last, PageStored::Stored { created: 500, changed: 0 });
    open.finish().await;
    assert_eq!(ids(&desk.items().await), names);
    desk.sync(&one_type(), &[(CONFIG, Told::Saw(&names[..1_499]))]).await;
    assert_eq!(desk.the_missing(&one_type()).await.external_id.as_str(), "1499");
}

pub(crate) async fn i19_ids_that_differ_by_one_byte_are_different_items(lab: Lab) {
    let desk = lab.desk(1);
    let odd = ["A", "a", "a ", "a'; --", "a%", "a_", "a\\", "é", "e\u{301}", "名前 🦀", &"x".repeat(512)];
    desk.sync(&one_type(), &[(CONFIG, Told::Saw(&odd))]).await;
    let mut sorted = odd.to_vec();
    sorted.sort_unstable();
    assert_eq!(ids(&desk.items().await), sorted, "byte for byte, and in the order of their bytes");
    desk.sync(&one_type(), &[(CONFIG, Told::Saw(&["a"]))]).await;
    let missing = desk.missing(&one_type()).await.expect("a baseline").items;
    assert_eq!(missing.len(), odd.len() - 1);
}
