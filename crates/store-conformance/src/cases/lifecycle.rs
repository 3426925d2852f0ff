//! A run from start to end: states, counts, codes, records.

use lastseen_model::{Ending, ErrorCode, ErrorContext, GraphCode, ListingOutcome, OnLimit, PageEnd, RunStatus};
use lastseen_store::{FinishRun, ListingFailure, PageStored, RegistryType, RunDetail, RunLookup, RunQuery, ScopedType, Start, Traffic};

use crate::fixture::{Lab, MICRO, Told, failure, ids, terms};
use crate::world::{APP, CATALOG, COMPLIANCE, CONFIG, Chosen, SECURITY, kind, registry, scoped};

fn outcomes(run: &RunDetail) -> Vec<(&str, Option<ListingOutcome>, Option<ErrorCode>)> {
    run.listings.iter().map(|listing| (listing.policy_type.as_str(), listing.outcome, listing.error_code)).collect()
}

pub(crate) async fn r10_a_run_records_who_when_what_and_how_much(lab: Lab) {
    let desk = lab.desk(1);
    let chosen = Chosen::types(&[CONFIG, APP]);
    let created_at = lab.now();
    let open = desk.start(&chosen).await;
    let running = desk.run(open.run_id).await;
    assert_eq!((running.record.status, running.record.run_no), (RunStatus::Running, Some(open.run_no)));
    assert_eq!(running.record.worker.as_deref(), Some("host-1-worker"));
    assert_eq!(outcomes(&running), [(CONFIG, None, None), (APP, None, None)], "in the order of the scope");

    lab.pass(MICRO);
    open.page(1, &[(CONFIG, &["1", "2"])], None).await.expect("a page");
    open.page(2, &[(CONFIG, &["2", "3"])], Some(PageEnd::Complete)).await.expect("a page");
    open.saw(APP, &[]).await;
    lab.pass(MICRO);
    let traffic = Traffic { requests: 5, retries: 1, throttled: 1, bytes_received: 1 << 40, meta_keys_dropped: 3 };
    let finish = FinishRun { ending: Ending::Finished, error: None, traffic };
    let run = desk.store.finish_run(&desk.scope, &open.lease, &finish).await.expect("the run ends");

    let record = &run.record;
    assert_eq!((record.status, record.had_errors, record.error_codes.as_slice()), (RunStatus::Success, false, &[][..]));
    assert_eq!((record.created_at, record.started_at), (created_at, Some(created_at)));
    assert_eq!(record.finished_at, Some(lab.now()));
    assert_eq!((record.selection_hash, &record.selection_payload), (chosen.selection.hash(), &chosen.selection));
    assert_eq!((record.counts.items_observed, record.counts.items_upserted, record.counts.items_created), (3, 3, 3));
    assert_eq!((record.counts.items_changed, record.counts.items_unseen, record.counts.items_rejected), (0, 0, 0));
    assert_eq!((record.counts.errors, record.counts.traffic), (0, traffic));
    let listing = &run.listings[0];
    assert_eq!((listing.observed, listing.created, listing.pages, listing.known_before), (3, 3, 2, 0));
    assert_eq!(desk.run(open.run_id).await, run, "what the finish says is what is stored");
    assert_eq!(desk.store.runs(&desk.scope, &RunQuery { limit: 10, ..RunQuery::default() }).await.expect("runs"), [run.record]);
}

pub(crate) async fn r10_one_broken_listing_makes_the_run_partial_with_its_code(lab: Lab) {
    let told = [(CONFIG, Told::Saw(&["1"])), (APP, Told::Failed(ErrorCode::GraphThrottled))];
    let run = lab.desk(1).sync(&Chosen::types(&[CONFIG, APP]), &told).await;
    assert_eq!((run.record.status, run.record.had_errors), (RunStatus::Partial, true));
    assert_eq!(run.record.error_codes, [ErrorCode::GraphThrottled]);
    assert_eq!(outcomes(&run)[1], (APP, Some(ListingOutcome::Incomplete), Some(ErrorCode::GraphThrottled)));
    assert_eq!(run.errors.len(), 1);
    assert_eq!(run.errors[0].context.policy_type.as_ref().map(ToString::to_string).as_deref(), Some(APP));
}

pub(crate) async fn r10_a_run_without_one_complete_listing_failed(lab: Lab) {
    let told = [(CONFIG, Told::BrokeOff(&["1"], ErrorCode::GraphTimeout)), (APP, Told::Failed(ErrorCode::GraphForbidden))];
    let run = lab.desk(1).sync(&Chosen::types(&[CONFIG, APP]), &told).await;
    assert_eq!(run.record.status, RunStatus::Failed);
    assert_eq!(run.record.error_codes, [ErrorCode::GraphForbidden, ErrorCode::GraphTimeout], "sorted by text");
    assert_eq!(ids(&lab.desk(1).items().await), ["1"], "what was stored stays");
}

pub(crate) async fn r10_a_refused_sign_in_fails_the_run_and_no_listing_was_begun(lab: Lab) {
    let desk = lab.desk(1);
    let open = desk.start(&Chosen::types(&[CONFIG])).await;
    let run = open.end(Ending::SignInFailed, Some(ErrorCode::AuthFailed)).await.expect("the run ends");
    assert_eq!((run.record.status, run.record.had_errors), (RunStatus::Failed, true));
    assert_eq!(outcomes(&run), [(CONFIG, Some(ListingOutcome::NotStarted), None)]);
    assert_eq!(run.record.error_codes, [ErrorCode::AuthFailed]);
}

pub(crate) async fn r10_unavailable_beside_complete_is_a_success_without_errors(lab: Lab) {
    let told = [(CONFIG, Told::Saw(&["1"])), (COMPLIANCE, Told::Failed(ErrorCode::GraphFeatureUnavailable))];
    let run = lab.desk(1).sync(&Chosen::types(&[CONFIG, COMPLIANCE]), &told).await;
    assert_eq!((run.record.status, run.record.had_errors, run.record.counts.errors), (RunStatus::Success, false, 0));
    assert_eq!(outcomes(&run)[1], (COMPLIANCE, Some(ListingOutcome::Unavailable), Some(ErrorCode::GraphFeatureUnavailable)));
    assert!(run.errors.is_empty() && run.record.error_codes.is_empty());
}

pub(crate) async fn r10_a_run_with_everything_unavailable_failed_and_says_why(lab: Lab) {
    let told = [(COMPLIANCE, Told::Failed(ErrorCode::GraphFeatureUnavailable))];
    let run = lab.desk(1).sync(&Chosen::types(&[COMPLIANCE]), &told).await;
    assert_eq!((run.record.status, run.record.had_errors), (RunStatus::Failed, true));
    assert_eq!(run.record.error_codes, [ErrorCode::GraphFeatureUnavailable]);
}

pub(crate) async fn unavailable_after_a_stored_page_is_incomplete_and_an_error(lab: Lab) {
    let told = [(COMPLIANCE, Told::BrokeOff(&["1"], ErrorCode::GraphFeatureUnavailable))];
    let run = lab.desk(1).sync(&Chosen::types(&[COMPLIANCE]), &told).await;
    assert_eq!(outcomes(&run), [(COMPLIANCE, Some(ListingOutcome::Incomplete), Some(ErrorCode::GraphFeatureUnavailable))]);
    assert_eq!((run.record.status, run.record.had_errors), (RunStatus::Failed, true));
}

pub(crate) async fn a_cancelled_run_closes_begun_listings_as_incomplete_and_others_as_not_started(lab: Lab) {
    let desk = lab.desk(1);
    let open = desk.start(&Chosen::types(&[CONFIG, APP, COMPLIANCE])).await;
    open.saw(CONFIG, &["1"]).await;
    open.begin(&[APP]).await.expect("begun");
    open.begin(&[APP]).await.expect("begun already, unchanged");
    let run = open.end(Ending::Cancelled, Some(ErrorCode::Cancelled)).await.expect("the run ends");
    assert_eq!(
        outcomes(&run),
        [
            (CONFIG, Some(ListingOutcome::Complete), None),
            (APP, Some(ListingOutcome::Incomplete), Some(ErrorCode::Cancelled)),
            (COMPLIANCE, Some(ListingOutcome::NotStarted), None),
        ]
    );
    assert_eq!((run.record.status, run.record.error_codes.as_slice()), (RunStatus::Partial, &[ErrorCode::Cancelled][..]));
}

pub(crate) async fn a_rejected_object_is_counted_and_its_path_incomplete_and_the_others_are_kept(lab: Lab) {
    let desk = lab.desk(1);
    let open = desk.start(&Chosen::types(&[CONFIG, SECURITY, CATALOG])).await;
    open.saw(CONFIG, &["0"]).await;
    let mut page = open.page_of(1, &[(SECURITY, &["1"]), (CATALOG, &["2", "3"])], None);
    page.rejected = 2;
    open.record(&page).await.expect("a page");
    let mut last = open.page_of(2, &[(SECURITY, &[]), (CATALOG, &["4"])], Some(PageEnd::Rejected));
    last.rejected = 1;
    open.record(&last).await.expect("a page");
    let run = open.finish().await;
    assert_eq!(
        outcomes(&run)[1..].iter().map(|row| (row.1, row.2)).collect::<Vec<_>>(),
        [(Some(ListingOutcome::Incomplete), Some(ErrorCode::ItemRejected)); 2]
    );
    assert_eq!((run.record.status, run.record.had_errors, run.record.counts.items_rejected), (RunStatus::Partial, true, 3));
    assert_eq!((run.listings[1].rejected, run.listings[2].rejected), (3, 0), "counted on the path's first listing");
    assert_eq!(run.record.error_codes, [ErrorCode::ItemRejected]);
    assert_eq!(desk.items().await.len(), 5, "the others are kept");
}

pub(crate) async fn r14_of_25_errors_20_are_kept_and_25_counted(lab: Lab) {
    let desk = lab.desk(1);
    let names: Vec<String> = (1..=25).map(|number| format!("type{number:02}")).collect();
    let mirrored = names.iter().map(|name| RegistryType { policy_type: kind(name), ..registry().swap_remove(0) });
    desk.store.mirror_registry(&mirrored.collect::<Vec<_>>()).await.expect("the registry grows");
    let scoped = names.iter().map(|name| ScopedType { policy_type: kind(name), ..scoped(CONFIG, 1, 1) });
    let chosen = Chosen { selection: Chosen::category("Configuration").selection, types: scoped.collect() };
    let open = desk.start(&chosen).await;
    for name in &names {
        let context = ErrorContext {
            http_status: Some(503),
            graph_code: GraphCode::accept("serviceNotAvailable"),
            request_id: Some(uuid::Uuid::from_bytes([3; 16])),
            policy_type: None,
            page: Some(1),
            attempts: Some(6),
            retry_after_ms: Some(u64::from(u32::MAX) + 1),
            aadsts: Some(7_000_215),
        };
        let broken = ListingFailure { context, ..failure(&[name], ErrorCode::GraphUnavailable) };
        desk.store.fail_listings(&desk.scope, &open.lease, &broken).await.expect("the failure is kept");
    }
    let run = open.finish().await;
    assert_eq!((run.errors.len(), run.record.counts.errors), (20, 25));
    assert_eq!(run.record.error_codes, [ErrorCode::GraphUnavailable]);
    for (error, name) in run.errors.iter().zip(&names) {
        assert_eq!(error.context.policy_type, Some(kind(name)), "the first ones are kept, in order");
        assert_eq!((error.context.retry_after_ms, error.context.aadsts), (Some(4_294_967_296), Some(7_000_215)));
        assert_eq!(error.context.graph_code, GraphCode::accept("serviceNotAvailable"));
        assert_eq!(error.context.request_id, Some(uuid::Uuid::from_bytes([3; 16])));
    }
}

pub(crate) async fn a_run_is_found_by_either_end_of_its_id_and_by_filters(lab: Lab) {
    let desk = lab.desk(1);
    let (one, other) = (Chosen::types(&[CONFIG]), Chosen::types(&[APP]));
    let first = desk.sync(&one, &[(CONFIG, Told::Saw(&["1"]))]).await.record;
    lab.pass(MICRO);
    let second = desk.sync(&other, &[(APP, Told::Failed(ErrorCode::Internal))]).await.record;
    let id = first.run_id.to_string();
    // The first eight digits are those of both.
    for part in [id.as_str(), &id[..13], &id[30..]] {
        let found = desk.store.find_run(&desk.scope, part).await.expect("an answer");
        assert!(matches!(&found, RunLookup::One(run) if run.record == first), "{part}: {found:?}");
    }
    let both_begin_alike = desk.store.find_run(&desk.scope, &id[..8]).await.expect("an answer");
    assert!(matches!(both_begin_alike, RunLookup::Several(2)), "{both_begin_alike:?}");
    let none = desk.store.find_run(&desk.scope, "ffffffff").await.expect("an answer");
    assert!(matches!(none, RunLookup::None), "{none:?}");

    let ask = |query: RunQuery| {
        let desk = desk.clone();
        async move { desk.store.runs(&desk.scope, &query).await.expect("runs").into_iter().map(|run| run.run_id).collect::<Vec<_>>() }
    };
    let all = RunQuery { limit: 10, ..RunQuery::default() };
    assert_eq!(ask(all.clone()).await, [second.run_id, first.run_id], "newest first");
    assert_eq!(ask(RunQuery { limit: 1, ..all.clone() }).await, [second.run_id]);
    assert_eq!(ask(RunQuery { before: Some(second.run_id), ..all.clone() }).await, [first.run_id]);
    assert_eq!(ask(RunQuery { before: Some(first.run_id), ..all.clone() }).await, []);
    assert_eq!(ask(RunQuery { selection: Some(one.selection.hash()), ..all.clone() }).await, [first.run_id]);
    assert_eq!(ask(RunQuery { status: Some(RunStatus::Failed), ..all }).await, [second.run_id]);
}

pub(crate) async fn tenants_are_known_by_name_and_a_start_makes_one_known(lab: Lab) {
    let (one, two) = (lab.desk(1), lab.desk(2));
    one.sync(&Chosen::types(&[CONFIG]), &[(CONFIG, Told::Saw(&[]))]).await;
    two.store.register_tenant(&two.scope, Some("Contoso")).await.expect("known");
    two.store.register_tenant(&two.scope, None).await.expect("known already; the name stays");
    let mut tenants = one.store.tenants().await.expect("tenants");
    tenants.sort_by_key(|tenant| tenant.tenant_id);
    let tenants: Vec<_> = tenants.into_iter().map(|tenant| (tenant.tenant_id, tenant.name)).collect();
    assert_eq!(tenants, [(one.scope.tenant(), None), (two.scope.tenant(), Some("Contoso".to_owned()))]);
}

pub(crate) async fn selections_are_listed_by_last_use(lab: Lab) {
    let desk = lab.desk(1);
    let (one, other) = (Chosen::types(&[CONFIG]), Chosen::category("Apps"));
    let first_used = lab.now();
    desk.sync(&one, &[(CONFIG, Told::Saw(&[]))]).await;
    lab.pass(MICRO);
    desk.sync(&other, &[(APP, Told::Saw(&[]))]).await;
    lab.pass(MICRO);
    let again = desk.sync(&one, &[(CONFIG, Told::Failed(ErrorCode::Internal))]).await.record;
    let selections = desk.store.selections(&desk.scope).await.expect("selections");
    let hashes: Vec<_> = selections.iter().map(|row| row.selection_hash).collect();
    assert_eq!(hashes, [one.selection.hash(), other.selection.hash()]);
    assert_eq!((selections[0].first_used_at, selections[0].last_run_at), (first_used, again.created_at));
    assert_eq!((selections[0].last_run_id, selections[0].last_run_status), (again.run_id, RunStatus::Failed));
}

pub(crate) async fn r12_a_skipped_run_is_a_visible_run_with_a_code(lab: Lab) {
    let desk = lab.desk(1);
    let chosen = Chosen::types(&[CONFIG]);
    let open = desk.start(&chosen).await;
    let new = desk.new_run(&chosen, OnLimit::Skip);
    let started = desk.store.start_run(&desk.scope, &new, &terms(&chosen)).await.expect("a start");
    let Start::Skipped(run) = started else { panic!("not skipped: {started:?}") };
    assert_eq!((run.record.status, run.record.had_errors, run.record.counts.errors), (RunStatus::Skipped, true, 1));
    assert_eq!(run.record.error_codes, [ErrorCode::LockContended]);
    assert_eq!((run.record.run_no, run.record.started_at, run.record.finished_at), (None, None, Some(lab.now())));
    assert!(run.listings.is_empty(), "a skipped run has no listings");
    assert_eq!(desk.run(new.run_id).await, *run);
    assert_eq!(
        open.page(1, &[(CONFIG, &["1"])], Some(PageEnd::Complete)).await.expect("a page"),
        PageStored::Stored { created: 1, changed: 0 }
    );
    open.finish().await;
}
