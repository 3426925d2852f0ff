//! How paths are asked, from the simulator to the database: below parents, with assignments, for less, and as overrides say.

use std::collections::BTreeSet;
use std::sync::Arc;

use lastseen_contracts::{Overrides, Registry};
use lastseen_engine::{Engine, Silent};
use lastseen_graph::{GraphClient, Probe, SelectFound, Session, SizeFound};
use lastseen_model::{CorrelationId, ErrorCode, ListingOutcome, RunStatus};
use lastseen_simulator::{Fault, FaultAction, FaultBody, NamedError};
use lastseen_store::RunDetail;
use rstest::rstest;
use tokio_util::sync::CancellationToken;

use crate::support::{SwiftTimer, World, key, request};

const CATALOG: &str = "settingsCatalogPolicy";
const PROFILE: &str = "depEnrollmentProfile";
const TOKEN: &str = "depOnboardingSetting";
const APP: &str = "mobileApp";

/// Three parents with four children each, which come in pages of three.
async fn families() -> World {
    let world = World::with_size(0).await;
    world.simulator.world().set_page_limit(Some(3));
    for (policy_type, size) in [(TOKEN, 3), (PROFILE, 12)] {
        world.simulator.world().set_size(world.tenant(), &key(policy_type), size).expect("a type");
    }
    world
}

fn outcome(run: &RunDetail) -> (Option<ListingOutcome>, Option<ErrorCode>) {
    (run.listings[0].outcome, run.listings[0].error_code)
}

/// The queries of all requests for a path.
fn queries(world: &World, policy_type: &str) -> Vec<String> {
    let path = World::path(policy_type);
    let requests = world.simulator.requests().into_iter();
    requests.filter(|request| request.path.ends_with(&path)).map(|request| request.query).collect()
}

async fn sync_with(world: &World, engine: &Engine, types: &[&str]) -> RunDetail {
    engine.sync(&world.scope(), &request(types), Arc::new(Silent), CancellationToken::new()).await.expect("a run")
}

#[tokio::test(flavor = "multi_thread")]
async fn i02_what_each_object_of_a_parent_has_is_one_complete_listing() {
    let world = families().await;
    let run = world.sync(&[PROFILE]).await;
    assert_eq!((run.record.status, outcome(&run)), (RunStatus::Success, (Some(ListingOutcome::Complete), None)));
    assert_eq!((run.listings[0].observed, run.listings[0].pages), (12, 6), "two pages for each of three parents");
    assert!(world.items(TOKEN).await.is_empty(), "the parents are asked for their ids, and are no items of this run");

    let (gone, _) = world.simulator.world().list(world.tenant(), &key(TOKEN)).remove(1);
    world.simulator.world().remove(world.tenant(), &key(TOKEN), &gone).expect("it is there");
    let run = world.sync(&[PROFILE]).await;
    assert_eq!((run.record.status, run.record.counts.items_unseen), (RunStatus::Success, 4));
    assert_eq!(world.answer(&[PROFILE]).await.high, 4, "what went with its parent is missing");
}

#[tokio::test(flavor = "multi_thread")]
async fn i02_no_parents_are_a_complete_listing_of_nothing() {
    let world = World::with_size(0).await;
    let run = world.sync(&[PROFILE]).await;
    assert_eq!((run.record.status, outcome(&run)), (RunStatus::Success, (Some(ListingOutcome::Complete), None)));
    assert_eq!((run.listings[0].observed, run.listings[0].pages), (0, 1));
}

#[rstest]
#[case::forbidden(NamedError::Forbidden, ErrorCode::GraphForbidden)]
#[case::the_parent_vanished(NamedError::FeatureNotFound, ErrorCode::GraphBadRequest)]
#[case::no_licence_any_more(NamedError::NotLicensed, ErrorCode::GraphForbidden)]
#[case::away(NamedError::Unavailable, ErrorCode::GraphUnavailable)]
#[tokio::test(flavor = "multi_thread")]
async fn i02_i25_children_broken_off_anywhere_are_never_complete_and_never_unavailable(#[case] error: NamedError, #[case] code: ErrorCode) {
    let world = families().await;
    world.sync(&[PROFILE]).await;
    // Six pages of children: the fault lets so many pass.
    for passed in 0..6 {
        world.simulator.faults().clear();
        world.simulator.faults().add(Fault::always(FaultAction::error(error)).on(&World::path(PROFILE)).after(passed));
        let run = world.sync(&[PROFILE]).await;
        assert_eq!(outcome(&run), (Some(ListingOutcome::Incomplete), Some(code)), "after {passed} pages");
        assert_eq!(run.listings[0].pages, passed);
        assert_eq!(world.answer(&[PROFILE]).await.high, 0);
    }
    world.simulator.faults().clear();
    world.simulator.faults().add(Fault::always(FaultAction::error(error)).on(&World::path(TOKEN)));
    let run = world.sync(&[PROFILE]).await;
    assert_ne!(run.listings[0].outcome, Some(ListingOutcome::Complete), "without its parents it is not even begun");
    assert_eq!(run.listings[0].pages, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn i16_a_page_token_that_expires_among_children_costs_no_item_and_doubles_none() {
    let world = families().await;
    let expired = FaultAction::error(NamedError::PageTokenGone);
    world.simulator.faults().add(Fault::always(expired).on(&World::path(PROFILE)).page(2).times(2));
    let run = world.sync(&[PROFILE]).await;
    assert_eq!((run.record.status, run.record.counts.items_observed), (RunStatus::Success, 12));
    assert_eq!(run.listings[0].pages, 8, "one collection began again, twice");
}

#[tokio::test(flavor = "multi_thread")]
async fn i26_assignments_are_counted_where_all_of_them_came_and_else_unknown() {
    let world = World::with_size(40).await;
    world.sync(&[CATALOG, APP]).await;
    let counts: BTreeSet<Option<u32>> = world.items(CATALOG).await.iter().map(|item| item.assignment_count).collect();
    assert_eq!(counts, [None, Some(0), Some(1), Some(2), Some(3)].into(), "none for those with a link to more");
    assert!(world.items(APP).await.iter().all(|item| item.assignment_count.is_none()), "they are not read");

    let again = world.sync(&[CATALOG, APP]).await;
    assert_eq!(again.record.counts.items_changed, 0);
    world.simulator.world().refuse_expand(&World::path(CATALOG), true);
    assert_eq!(world.sync(&[CATALOG]).await.record.status, RunStatus::Success);
    assert!(world.items(CATALOG).await.iter().all(|item| item.assignment_count.is_none()), "unknown is not 0");
}

#[tokio::test(flavor = "multi_thread")]
async fn i26_an_empty_list_of_assignments_that_was_not_asked_for_is_unknown_and_not_0() {
    let world = World::with_size(0).await;
    let body = r#"{"value":[{"id":"1","name":"n","assignments":[]},{"id":"2","name":"n","assignments":[{}]}]}"#;
    let page = FaultAction::Status { status: 200, headers: Vec::new(), body: FaultBody::Text(body.to_owned()) };
    world.simulator.faults().add(Fault::always(page).on(&World::path(CATALOG)));
    let counts = async || world.items(CATALOG).await.into_iter().map(|item| item.assignment_count).collect::<Vec<_>>();
    assert_eq!(world.sync(&[CATALOG]).await.record.counts.items_observed, 2);
    assert_eq!(counts().await, [Some(0), Some(1)]);
    world.simulator.world().refuse_expand(&World::path(CATALOG), true);
    assert_eq!(world.sync(&[CATALOG]).await.record.counts.items_observed, 2);
    assert_eq!(counts().await, [None, None]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_path_refuses_is_left_out_and_learned_by_the_process() {
    let world = World::with_size(0).await;
    world.simulator.world().set_size(world.tenant(), &key(CATALOG), 30).expect("a type");
    world.simulator.world().refuse_expand(&World::path(CATALOG), true);
    let engine = world.engine();
    for _ in 0..2 {
        let run = sync_with(&world, &engine, &[CATALOG]).await;
        assert_eq!((run.record.status, run.record.counts.items_observed), (RunStatus::Success, 30));
    }
    let queries = queries(&world, CATALOG);
    let asked: Vec<_> = queries.iter().map(|query| (query.contains("$select"), query.contains("$expand"))).collect();
    // Without $select the 400 remains; without $expand, too, it does not: so only that is learned.
    assert_eq!(asked, [(true, true), (false, true), (false, false), (true, false)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_that_are_too_large_come_smaller_and_every_item_comes() {
    let world = World::with_size(0).await;
    world.simulator.world().set_size(world.tenant(), &key(CATALOG), 130).expect("a type");
    world.simulator.world().fail_large_pages(&World::path(CATALOG), Some(60));
    let engine = world.engine();
    let first = sync_with(&world, &engine, &[CATALOG]).await;
    assert_eq!((first.record.status, first.record.counts.items_observed, first.listings[0].pages), (RunStatus::Success, 130, 3));
    assert_eq!((first.record.had_errors, first.record.counts.traffic.retries), (false, 3), "two tries more at 100, and one fallback");
    let second = sync_with(&world, &engine, &[CATALOG]).await;
    assert_eq!((second.record.counts.traffic.retries, second.listings[0].pages), (0, 3), "it is known by now");
}

#[tokio::test(flavor = "multi_thread")]
async fn i02_a_path_that_takes_top_for_a_limit_makes_nothing_missing() {
    let world = World::with_size(0).await;
    world.simulator.world().set_size(world.tenant(), &key(CATALOG), 250).expect("a type");
    world.sync(&[CATALOG]).await;
    world.simulator.world().cut_off_at_top(&World::path(CATALOG), true);
    let engine = world.engine();
    for retries in [1, 0] {
        let run = sync_with(&world, &engine, &[CATALOG]).await;
        assert_eq!((run.record.status, outcome(&run)), (RunStatus::Success, (Some(ListingOutcome::Complete), None)));
        assert_eq!((run.record.counts.items_observed, run.record.counts.traffic.retries), (250, retries));
        assert_eq!((run.record.counts.items_unseen, world.answer(&[CATALOG]).await.high), (0, 0));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_limit_of_page_sizes_costs_one_request() {
    let world = World::with_size(0).await;
    world.simulator.world().set_size(world.tenant(), &key(CATALOG), 30).expect("a type");
    world.simulator.world().limit_top(&World::path(CATALOG), Some(60));
    let run = world.sync(&[CATALOG]).await;
    assert_eq!((run.record.status, run.record.counts.traffic.retries), (RunStatus::Success, 1));
    assert!(queries(&world, CATALOG).iter().all(|query| query.contains("$select") && query.contains("$expand")));
}

#[tokio::test(flavor = "multi_thread")]
async fn r17_a_select_saves_bytes() {
    let world = World::with_size(0).await;
    world.simulator.world().set_size(world.tenant(), &key(CATALOG), 80).expect("a type");
    let cost = async |refuse: bool| {
        world.simulator.world().refuse_select(&World::path(CATALOG), refuse);
        let before = world.simulator.counts().bytes_sent;
        let run = world.sync(&[CATALOG]).await;
        assert_eq!((run.record.status, run.record.counts.items_observed), (RunStatus::Success, 80));
        (world.simulator.counts().bytes_sent - before, run.record.counts.traffic.bytes_received)
    };
    let (with, without) = (cost(false).await, cost(true).await);
    assert!(with.0 < without.0 && with.1 < without.1, "{with:?} {without:?}");
    assert_eq!(world.sync(&[CATALOG]).await.record.counts.items_changed, 0, "and costs nothing of what is kept");
}

#[tokio::test(flavor = "multi_thread")]
async fn overrides_change_how_a_path_is_asked_and_nothing_of_what_is_kept() {
    let world = World::with_size(0).await;
    world.simulator.world().set_size(world.tenant(), &key(CATALOG), 30).expect("a type");
    world.sync(&[CATALOG]).await;
    let text = format!("[[path]]\npath = \"{}\"\napi_version = \"beta\"\npage_size = 20\nselect = false\n", World::path(CATALOG));
    let overrides = Overrides::read("mine.toml", &text, Registry::builtin()).expect("right");
    let engine = world.engine().with_registry(Arc::new(Registry::builtin().with_overrides(&overrides)));
    let run = sync_with(&world, &engine, &[CATALOG]).await;
    assert_eq!((run.listings[0].pages, run.record.counts.items_observed, run.record.counts.items_changed), (2, 30, 0));
    assert!(queries(&world, CATALOG).iter().skip(1).all(|query| query.contains("$top=20") && !query.contains("$select")));
}

fn session(world: &World) -> Session {
    let graph = GraphClient::new(world.graph.clone(), Arc::new(SwiftTimer::default())).expect("a client");
    let correlation: CorrelationId = "33333333-5a54-4c0e-9d6b-3f1f0f6b7a10".parse().expect("a GUID");
    graph.session(world.tenant(), world.access(), correlation, CancellationToken::new()).expect("a session")
}

async fn probe(world: &World, policy_type: &str) -> Probe {
    let (path, _) = Registry::builtin().find(&key(policy_type)).expect("a type");
    session(world).probe(path).await.expect("a probe").expect("something to ask")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_probe_of_any_shipped_path_finds_no_fault_with_its_contract() {
    let world = World::with_size(30).await;
    let session = session(&world);
    for path in Registry::builtin().paths() {
        let before = world.simulator.counts().requests;
        let found = session.probe(path).await.unwrap_or_else(|failure| panic!("{}: {failure}", path.path)).expect("something to ask");
        assert_eq!(found.suggestion, None, "{}", path.path);
        assert_eq!(matches!(&found.select, SelectFound::Same(page) if page.bytes < found.plain.bytes), path.select, "{}", path.path);
        assert!(world.simulator.counts().requests - before <= 9, "{}", path.path);
    }
    assert_eq!(world.simulator.counts().not_get, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_probe_finds_what_a_tenants_path_does_not_take() {
    let world = World::with_size(30).await;
    world.simulator.world().refuse_select(&World::path(CATALOG), true);
    world.simulator.world().refuse_expand(&World::path(CATALOG), true);
    world.simulator.world().fail_large_pages(&World::path(CATALOG), Some(60));
    let found = probe(&world, CATALOG).await;
    assert!(matches!(found.sizes[..], [(100, SizeFound::Refused(_)), (50, SizeFound::Honoured(_))]), "{:?}", found.sizes);
    let suggestion = found.suggestion.expect("a suggestion");
    assert_eq!((suggestion.page_size, suggestion.select, suggestion.assignments), (Some(50), Some(false), Some(false)));

    let overrides = Overrides::new(vec![suggestion], Registry::builtin()).expect("right");
    let engine = world.engine().with_registry(Arc::new(Registry::builtin().with_overrides(&overrides)));
    let run = sync_with(&world, &engine, &[CATALOG]).await;
    assert_eq!((run.record.status, run.record.counts.traffic.retries), (RunStatus::Success, 0), "asked so, nothing is refused");
}
