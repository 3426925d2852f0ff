//! Runs over a real socket into a real database: what was asked for, row by row.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use lastseen_engine::{Event, Observer, Silent};
use lastseen_graph::Origin;
use lastseen_model::{Confidence, ErrorCode, ListingOutcome, OnLimit, Reason, RunStatus};
use lastseen_simulator::{Fault, FaultAction, NamedError, RejectedObject, TenantPlan};
use lastseen_store::Missing;
use rstest::rstest;
use tokio_util::sync::CancellationToken;

use crate::support::{World, key, request};

const CONFIGURATION: &str = "deviceConfiguration";
const COMPLIANCE: &str = "deviceCompliancePolicy";
const CATALOG: &str = "settingsCatalogPolicy";
/// Of conditional access: a bucket of its own, which a throttled Intune leaves open.
const OTHER_WORKLOAD: &str = "namedLocation";

#[tokio::test(flavor = "multi_thread")]
async fn r20_a_re_sync_makes_no_duplicates_and_last_seen_moves() {
    let world = World::with_size(30).await;
    let first = world.sync(&[CONFIGURATION]).await;
    let before = world.items(CONFIGURATION).await;
    let second = world.sync(&[CONFIGURATION]).await;
    let after = world.items(CONFIGURATION).await;

    assert_eq!((first.record.status, second.record.status), (RunStatus::Success, RunStatus::Success));
    assert_eq!(before.len(), after.len());
    assert_eq!((first.record.counts.items_created, second.record.counts.items_created), (before.len() as u64, 0));
    assert_eq!(second.record.counts.items_changed, 0);
    for (old, new) in before.iter().zip(&after) {
        assert_eq!((&old.external_id, old.first_seen_at, old.changed_at), (&new.external_id, new.first_seen_at, new.changed_at));
        assert!(new.last_seen_at > old.last_seen_at);
        assert_eq!(new.last_seen_run_id, second.record.run_id);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_enabled_type_of_the_registry_is_listed_completely() {
    let world = World::with_size(7).await;
    let run = world.sync(&[]).await;
    let open: Vec<_> = run.listings.iter().filter(|listing| listing.outcome != Some(ListingOutcome::Complete)).collect();
    assert!(open.is_empty(), "{open:#?}");
    assert_eq!(run.record.status, RunStatus::Success);
    assert!(run.listings.iter().all(|listing| listing.observed > 0), "{:#?}", run.listings);
    assert!(!run.record.had_errors);
}

#[tokio::test(flavor = "multi_thread")]
async fn r21_what_a_complete_clean_run_does_not_see_is_missing_with_high_confidence() {
    let world = World::with_size(30).await;
    world.sync(&[CONFIGURATION]).await;
    let gone = world.items(CONFIGURATION).await.remove(4);
    world.simulator.world().remove(world.tenant(), &gone.policy_type, gone.external_id.as_str()).expect("it is there");
    let run = world.sync(&[CONFIGURATION]).await;

    let answer = world.answer(&[CONFIGURATION]).await;
    assert_eq!(answer.items.len(), 1);
    assert_eq!(answer.items[0].external_id, gone.external_id);
    assert_eq!((answer.items[0].confidence, answer.items[0].missing_since_run_id), (Confidence::High, Some(run.record.run_id)));
    assert_eq!(run.record.counts.items_unseen, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn r22_a_run_of_another_selection_changes_nothing_of_this_one() {
    let world = World::with_size(10).await;
    world.sync(&[CONFIGURATION, COMPLIANCE]).await;
    let gone = world.items(CONFIGURATION).await.remove(0);
    world.simulator.world().remove(world.tenant(), &gone.policy_type, gone.external_id.as_str()).expect("it is there");
    world.sync(&[CONFIGURATION]).await;

    assert!(world.answer(&[CONFIGURATION, COMPLIANCE]).await.items.is_empty(), "its own latest run still saw it");
    assert_eq!(world.answer(&[CONFIGURATION]).await.items.len(), 1);
    assert!(matches!(world.missing(&[COMPLIANCE]).await, Missing::NoBaseline), "i09: a selection that never ran has no baseline");
}

#[tokio::test(flavor = "multi_thread")]
async fn r23_a_partial_run_gives_low_confidence_and_says_why() {
    let world = World::with_size(30).await;
    world.sync(&[CONFIGURATION, COMPLIANCE]).await;
    let gone = world.items(CONFIGURATION).await.remove(0);
    world.simulator.world().remove(world.tenant(), &gone.policy_type, gone.external_id.as_str()).expect("it is there");
    world.simulator.faults().add(Fault::always(FaultAction::error(NamedError::Forbidden)).on(&World::path(COMPLIANCE)));
    let run = world.sync(&[CONFIGURATION, COMPLIANCE]).await;

    assert_eq!(run.record.status, RunStatus::Partial);
    assert_eq!(run.record.error_codes, [ErrorCode::GraphForbidden]);
    let answer = world.answer(&[CONFIGURATION, COMPLIANCE]).await;
    assert_eq!(answer.high, 0, "i01: nothing is certain");
    let of_type = |policy_type: &str| answer.items.iter().filter(|item| item.policy_type.as_str() == policy_type).collect::<Vec<_>>();
    assert_eq!(of_type(CONFIGURATION).len(), 1);
    assert_eq!(of_type(CONFIGURATION)[0].reasons.iter().map(ToString::to_string).collect::<Vec<_>>(), ["run_partial", "run_had_errors"]);
    assert_eq!(of_type(COMPLIANCE).len(), 30, "i25: forbidden is not empty, and every one of them is in doubt");
}

#[rstest]
#[case::forbidden(FaultAction::error(NamedError::Forbidden), ListingOutcome::Incomplete, ErrorCode::GraphForbidden)]
#[case::no_licence(FaultAction::error(NamedError::NotApplicable), ListingOutcome::Unavailable, ErrorCode::GraphFeatureUnavailable)]
#[case::server_error(FaultAction::error(NamedError::Internal), ListingOutcome::Incomplete, ErrorCode::GraphUnavailable)]
#[case::throttled(FaultAction::throttled(Some("1")), ListingOutcome::Incomplete, ErrorCode::GraphThrottled)]
#[case::throttled_too_long(FaultAction::throttled(Some("86400")), ListingOutcome::Incomplete, ErrorCode::GraphThrottled)]
#[case::unauthorized(FaultAction::Unauthorized, ListingOutcome::Incomplete, ErrorCode::GraphUnauthorized)]
#[case::reset(FaultAction::Reset, ListingOutcome::Incomplete, ErrorCode::GraphConnection)]
#[case::cut_off(FaultAction::Truncate, ListingOutcome::Incomplete, ErrorCode::GraphInvalidResponse)]
#[case::garbage(FaultAction::Garbage, ListingOutcome::Incomplete, ErrorCode::GraphInvalidResponse)]
#[case::no_value(FaultAction::NoValue, ListingOutcome::Incomplete, ErrorCode::GraphInvalidResponse)]
#[case::too_deep(FaultAction::Deep, ListingOutcome::Incomplete, ErrorCode::GraphInvalidResponse)]
#[case::object_without_id(FaultAction::RejectedObject(RejectedObject::NoId), ListingOutcome::Incomplete, ErrorCode::ItemRejected)]
#[case::object_with_a_nul_in_its_id(
    FaultAction::RejectedObject(RejectedObject::NulId),
    ListingOutcome::Incomplete,
    ErrorCode::ItemRejected
)]
#[case::null_object(FaultAction::RejectedObject(RejectedObject::Null), ListingOutcome::Incomplete, ErrorCode::ItemRejected)]
#[tokio::test(flavor = "multi_thread")]
async fn i15_each_failure_has_its_code_and_never_makes_a_listing_complete(
    #[case] action: FaultAction,
    #[case] outcome: ListingOutcome,
    #[case] code: ErrorCode,
) {
    let world = World::with_size(12).await;
    world.sync(&[CONFIGURATION, OTHER_WORKLOAD]).await;
    world.simulator.faults().add(Fault::always(action).on(&World::path(CONFIGURATION)));
    let run = world.sync(&[CONFIGURATION, OTHER_WORKLOAD]).await;

    let listing = run.listings.iter().find(|listing| listing.policy_type.as_str() == CONFIGURATION).expect("a listing");
    assert_eq!((listing.outcome, listing.error_code), (Some(outcome), Some(code)));
    let other = run.listings.iter().find(|listing| listing.policy_type.as_str() == OTHER_WORKLOAD).expect("a listing");
    assert_eq!(other.outcome, Some(ListingOutcome::Complete), "i05: the other type is not clouded");
    let answer = world.answer(&[CONFIGURATION, OTHER_WORKLOAD]).await;
    assert!(answer.items.iter().all(|item| item.confidence == Confidence::Low), "i01");
    assert_eq!(world.items(CONFIGURATION).await.len(), 12, "i04: nothing is lost");
}

// A 503 is asked for again in smaller and smaller pages, 100, 50, 25 and Graph's own: the pages before it come in each pass.
#[rstest]
#[case::for_good(NamedError::Forbidden, 1)]
#[case::at_every_page_size(NamedError::Unavailable, 4)]
#[tokio::test(flavor = "multi_thread")]
async fn i02_a_listing_broken_off_at_any_page_is_never_complete(#[case] error: NamedError, #[case] passes: u32) {
    let mut world = World::with_size(90).await;
    world.graph.max_attempts = 2;
    // configurationPolicies comes in pages of at most 100, and several types live on it.
    world.simulator.world().set_size(world.tenant(), &key(CATALOG), 350).expect("a type");
    world.sync(&[CATALOG]).await;
    let pages = world.sync(&[CATALOG]).await.listings[0].pages;
    assert!(pages >= 4, "{pages} pages");
    for page in 1..=pages {
        world.simulator.faults().clear();
        world.simulator.faults().add(Fault::always(FaultAction::error(error)).on(&World::path(CATALOG)).page(page));
        let run = world.sync(&[CATALOG]).await;
        assert_eq!(run.listings[0].outcome, Some(ListingOutcome::Incomplete), "page {page} was killed");
        assert_eq!(run.listings[0].pages, (page - 1) * passes);
        assert_eq!(run.record.status, RunStatus::Failed);
        assert_eq!(world.answer(&[CATALOG]).await.high, 0);
    }
}

#[rstest]
#[case::to_itself(FaultAction::Loop, ErrorCode::GraphPageLoop)]
#[case::to_another_host(FaultAction::ForeignNextLink("https://elsewhere.example/beta".into()), ErrorCode::GraphUntrustedLink)]
#[case::to_another_version(FaultAction::ForeignNextLink("{origin}/v1.0".into()), ErrorCode::GraphUntrustedLink)]
#[tokio::test(flavor = "multi_thread")]
async fn i29_a_next_link_is_followed_only_where_it_may_lead(#[case] action: FaultAction, #[case] code: ErrorCode) {
    let world = World::with_size(0).await;
    world.simulator.world().set_size(world.tenant(), &key(CATALOG), 250).expect("a type");
    world.simulator.faults().add(Fault::always(action).on(&World::path(CATALOG)).page(1));
    let run = world.sync(&[CATALOG]).await;
    assert_eq!((run.listings[0].outcome, run.listings[0].error_code), (Some(ListingOutcome::Incomplete), Some(code)));
}

#[tokio::test(flavor = "multi_thread")]
async fn i30_a_page_cap_makes_a_listing_incomplete() {
    let mut world = World::with_size(0).await;
    world.graph.page_cap = 2;
    world.simulator.world().set_size(world.tenant(), &key(CATALOG), 250).expect("a type");
    let run = world.sync(&[CATALOG]).await;
    assert_eq!((run.listings[0].outcome, run.listings[0].error_code), (Some(ListingOutcome::Incomplete), Some(ErrorCode::GraphPageCap)));
}

#[rstest]
#[case::a_page_comes_twice(FaultAction::DuplicatePage)]
#[case::pages_shift(FaultAction::Shift)]
#[case::an_empty_page_comes_between(FaultAction::EmptyPage)]
#[case::the_page_token_expires(FaultAction::error(NamedError::PageTokenGone))]
#[tokio::test(flavor = "multi_thread")]
async fn i20_i16_however_pages_come_each_item_counts_once(#[case] action: FaultAction) {
    let world = World::with_size(0).await;
    world.simulator.world().set_size(world.tenant(), &key(CATALOG), 250).expect("a type");
    world.simulator.faults().add(Fault::always(action).on(&World::path(CATALOG)).page(2).times(1));
    let run = world.sync(&[CATALOG]).await;
    assert_eq!(run.record.status, RunStatus::Success, "{:?}", run.errors);
    assert_eq!((run.record.counts.items_observed, run.record.counts.items_created), (250, 250));
    assert_eq!(world.items(CATALOG).await.len(), 250);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_revoked_in_mid_run_is_replaced_once() {
    let world = World::with_size(0).await;
    world.simulator.world().set_size(world.tenant(), &key(CATALOG), 250).expect("a type");
    world.simulator.faults().add(Fault::always(FaultAction::Unauthorized).on(&World::path(CATALOG)).page(2).times(1));
    let run = world.sync(&[CATALOG]).await;
    assert_eq!(run.record.status, RunStatus::Success, "{:?}", run.errors);
    assert_eq!(world.simulator.counts().token_requests, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_retry_that_then_succeeded_is_not_an_error() {
    let world = World::with_size(12).await;
    world.simulator.faults().add(Fault::always(FaultAction::throttled(Some("0.5"))).on(&World::path(CONFIGURATION)).times(2));
    let run = world.sync(&[CONFIGURATION]).await;
    assert_eq!((run.record.status, run.record.had_errors), (RunStatus::Success, false));
    assert_eq!((run.record.counts.traffic.throttled, run.record.counts.traffic.retries), (2, 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_secret_fails_the_run_and_keeps_only_its_number() {
    let mut world = World::with_size(3).await;
    world.config.client_secret = "wrong-secret-canary-4711".to_owned();
    let run = world.sync(&[CONFIGURATION]).await;
    assert_eq!((run.record.status, run.record.error_codes.as_slice()), (RunStatus::Failed, [ErrorCode::AuthFailed].as_slice()));
    assert_eq!(run.listings[0].outcome, Some(ListingOutcome::NotStarted));
    assert_eq!(run.errors[0].context.aadsts, Some(7_000_215));
    let disk = world.disk();
    assert!(!contains(&disk, b"wrong-secret-canary-4711"), "i17");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unreachable_graph_fails_the_run_with_a_connection_code() {
    let mut world = World::with_size(3).await;
    // A port that nothing listens on: bound, and given back at once.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let nowhere = Origin::parse(&format!("http://{}", listener.local_addr().expect("an address"))).expect("an origin");
    drop(listener);
    world.endpoints.authority = nowhere;
    let run = world.sync(&[CONFIGURATION]).await;
    assert_eq!((run.record.status, run.record.error_codes.as_slice()), (RunStatus::Failed, [ErrorCode::GraphConnection].as_slice()));
}

#[tokio::test(flavor = "multi_thread")]
async fn i21_a_token_of_another_tenant_stops_the_run_before_its_first_item() {
    let tenants = vec![TenantPlan::numbered(1), TenantPlan::numbered(2)];
    let other = tenants[1].tenant_id;
    let world = World::with(tenants).await;
    world.simulator.world().issue_tokens_of(world.tenant(), Some(other)).expect("known tenants");
    let run = world.sync(&[CONFIGURATION]).await;
    assert_eq!((run.record.status, run.record.error_codes.as_slice()), (RunStatus::Failed, [ErrorCode::AuthTenantMismatch].as_slice()));
    assert!(world.items(CONFIGURATION).await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn i21_the_same_id_in_two_tenants_is_two_items() {
    let tenants = vec![TenantPlan::numbered(1), TenantPlan::numbered(2)];
    let other = tenants[1].tenant_id;
    let world = World::with(tenants).await;
    let tag = "roleScopeTag";
    world.sync(&[tag]).await;
    world.engine().sync(&World::scope_of(other), &request(&[tag]), Arc::new(Silent), CancellationToken::new()).await.expect("a run");
    let ids = |items: Vec<lastseen_store::Item>| items.into_iter().map(|item| item.external_id).collect::<BTreeSet<_>>();
    let query = lastseen_store::ItemQuery { limit: 100, ..Default::default() };
    let (mine, theirs) = (
        ids(world.store.items(&world.scope(), &query).await.expect("items").items),
        ids(world.store.items(&World::scope_of(other), &query).await.expect("items").items),
    );
    assert!(mine.contains(&"0".parse().expect("id")) && theirs.contains(&"0".parse().expect("id")));
}

#[tokio::test(flavor = "multi_thread")]
async fn r16_r15_only_gets_to_graph_and_posts_to_the_token_endpoint_leave() {
    let world = World::with_size(3).await;
    world.sync(&[]).await;
    let requests = world.simulator.requests();
    assert!(requests.len() > 30);
    for request in &requests {
        let token = request.path.ends_with("/oauth2/v2.0/token");
        assert_eq!(request.method, if token { "POST" } else { "GET" }, "{}", request.path);
        assert!(request.user_agent.as_deref().is_some_and(|agent| agent.starts_with("lastseen/")), "{}", request.path);
    }
    let ids: Vec<_> = requests.iter().filter_map(|request| request.client_request_id.clone()).collect();
    assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), ids.len(), "every request has its own id");
}

#[tokio::test(flavor = "multi_thread")]
async fn i18_r17_no_canary_and_no_key_outside_the_whitelist_reaches_the_disk() {
    let world = World::with_size(8).await;
    world.sync(&[]).await;
    let disk = world.disk();
    assert!(contains(&disk, b"deviceConfiguration"), "the database was read");
    for canary in lastseen_simulator::CANARIES {
        assert!(!contains(&disk, canary.as_bytes()), "{canary} is on disk");
    }
}

/// Cancels the run when its first page was committed.
struct CancelOnPage(CancellationToken);

impl Observer for CancelOnPage {
    fn on(&self, event: Event) {
        if matches!(event, Event::Page { .. }) {
            self.0.cancel();
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_run_is_finished_in_good_order() {
    let world = World::with_size(0).await;
    world.simulator.world().set_size(world.tenant(), &key(CATALOG), 1_000).expect("a type");
    let cancel = CancellationToken::new();
    let run = world.sync_watched(&[CATALOG], Arc::new(CancelOnPage(cancel.clone())), cancel).await;
    assert_eq!(run.record.status, RunStatus::Failed, "no listing was complete");
    assert_eq!(run.record.error_codes, [ErrorCode::Cancelled]);
    assert_eq!((run.listings[0].outcome, run.listings[0].error_code), (Some(ListingOutcome::Incomplete), Some(ErrorCode::Cancelled)));
    assert_eq!(world.items(CATALOG).await.len() as u64, run.listings[0].observed, "what was committed stays");
    let next = world.sync(&[CATALOG]).await;
    assert_eq!(next.record.status, RunStatus::Success, "the lock is free");
}

/// Tells what happened, in order.
#[derive(Default)]
struct Notes(Mutex<Vec<Event>>);

impl Observer for Notes {
    fn on(&self, event: Event) {
        self.0.lock().expect("no panic").push(event);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn types_that_share_a_path_are_read_in_one_pass() {
    let world = World::with_size(40).await;
    let notes = Arc::new(Notes::default());
    let run =
        world.sync_watched(&[CATALOG, "endpointSecurityPolicy", "securityBaselinePolicy"], notes.clone(), CancellationToken::new()).await;
    assert_eq!(run.record.status, RunStatus::Success);
    let began = notes.0.lock().expect("no panic").iter().filter(|event| matches!(event, Event::Began { .. })).count();
    assert_eq!(began, 1);
    for listing in &run.listings {
        assert_eq!(listing.observed, 40, "{}", listing.policy_type);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn i10_r26_of_many_starts_one_runs_and_the_others_are_recorded_as_skipped() {
    let world = World::with_size(20).await;
    let scope = world.scope();
    let starts = (0..8).map(|_| {
        let (engine, scope) = (world.engine(), scope.clone());
        tokio::spawn(async move {
            engine.sync(&scope, &request(&[CONFIGURATION]), Arc::new(Silent), CancellationToken::new()).await.expect("a record")
        })
    });
    let mut statuses = Vec::new();
    for start in starts.collect::<Vec<_>>() {
        statuses.push(start.await.expect("no panic").record);
    }
    let skipped: Vec<_> = statuses.iter().filter(|run| run.status == RunStatus::Skipped).collect();
    assert!(statuses.iter().any(|run| run.status == RunStatus::Success));
    for run in &skipped {
        assert_eq!((run.error_codes.as_slice(), run.had_errors), ([ErrorCode::LockContended].as_slice(), true));
    }
    assert_eq!(world.items(CONFIGURATION).await.len(), 20);
}

#[tokio::test(flavor = "multi_thread")]
async fn r12_a_start_over_a_limit_is_skipped_or_waits_as_it_says() {
    let mut world = World::with_size(5).await;
    world.settings.limits.per_tenant = 1;
    world.settings.poll_every = Duration::from_millis(5);
    // A run that is held up: its listing hangs until it is cancelled.
    world.simulator.faults().add(Fault::always(FaultAction::Hang).on(&World::path(CONFIGURATION)));
    let (cancel, notes) = (CancellationToken::new(), Arc::new(Notes::default()));
    let held = {
        let (engine, scope, cancel, notes) = (world.engine(), world.scope(), cancel.clone(), notes.clone());
        tokio::spawn(async move { engine.sync(&scope, &request(&[CONFIGURATION]), notes, cancel).await.expect("a record") })
    };
    while !notes.0.lock().expect("no panic").iter().any(|event| matches!(event, Event::Began { .. })) {
        tokio::task::yield_now().await;
    }
    let skipped = world.sync(&[COMPLIANCE]).await;
    assert_eq!(
        (skipped.record.status, skipped.record.error_codes.as_slice()),
        (RunStatus::Skipped, [ErrorCode::ConcurrencyLimitTenant].as_slice())
    );
    assert!(skipped.record.had_errors && skipped.listings.is_empty());

    let waited = Arc::new(Notes::default());
    let waiting = {
        let (engine, scope, waited) = (world.engine(), world.scope(), waited.clone());
        let patient = lastseen_engine::SyncRequest { on_limit: OnLimit::Wait, ..request(&[COMPLIANCE]) };
        tokio::spawn(async move { engine.sync(&scope, &patient, waited, CancellationToken::new()).await.expect("a record") })
    };
    while !waited.0.lock().expect("no panic").iter().any(|event| matches!(event, Event::Waiting { .. })) {
        tokio::task::yield_now().await;
    }
    cancel.cancel();
    assert_eq!(held.await.expect("no panic").record.error_codes, [ErrorCode::Cancelled]);
    assert_eq!(waiting.await.expect("no panic").record.status, RunStatus::Success);
}

#[tokio::test(flavor = "multi_thread")]
async fn i24_most_of_a_type_gone_at_once_is_not_believed() {
    let world = World::with_size(50).await;
    world.sync(&[CONFIGURATION]).await;
    for item in world.items(CONFIGURATION).await.iter().take(40) {
        world.simulator.world().remove(world.tenant(), &item.policy_type, item.external_id.as_str()).expect("it is there");
    }
    world.sync(&[CONFIGURATION]).await;
    let answer = world.answer(&[CONFIGURATION]).await;
    assert_eq!((answer.high, answer.low), (0, 40));
    assert!(answer.items.iter().all(|item| item.reasons.iter().map(ToString::to_string).eq(["mass_disappearance"])));
}

#[rstest]
#[case::from_a_view_to_the_base("windowsUpdateRing", CONFIGURATION)]
#[case::from_the_base_to_a_view(CATALOG, "endpointSecurityPolicy")]
#[tokio::test(flavor = "multi_thread")]
async fn i24_an_object_that_became_one_of_a_type_outside_the_scope_is_not_missing_with_high_confidence(
    #[case] from: &str,
    #[case] to: &str,
) {
    let world = World::with_size(30).await;
    world.sync(&[from]).await;
    let before = world.items(from).await;
    let (moved, gone) = (&before[4], &before[9]);
    world.simulator.world().move_to_type(world.tenant(), &moved.policy_type, moved.external_id.as_str(), &key(to)).expect("it is there");
    world.simulator.world().remove(world.tenant(), &gone.policy_type, gone.external_id.as_str()).expect("it is there");
    let run = world.sync(&[from]).await;

    assert_eq!((run.record.status, run.record.counts.items_unseen, run.record.counts.items_created), (RunStatus::Success, 2, 0));
    let answer = world.answer(&[from]).await;
    let found: Vec<_> = answer.items.iter().map(|item| (&item.external_id, item.confidence, item.reasons.as_slice())).collect();
    let low: &[Reason] = &[Reason::SeenAsOtherType];
    let mut expected = [(&moved.external_id, Confidence::Low, low), (&gone.external_id, Confidence::High, &[])];
    expected.sort_by_key(|item| item.0);
    assert_eq!(found, expected);
}

fn contains(bytes: &[u8], wanted: &[u8]) -> bool {
    bytes.windows(wanted.len()).any(|window| window == wanted)
}
