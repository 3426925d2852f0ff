//! Two tenants with the same ids: as tenant A with B's ids, every verb answers as for ids that do not exist, and B stays as it is.

use std::collections::BTreeSet;

use lastseen_model::{Ending, ErrorCode, OnLimit, PageEnd, Reference, RunId};
use lastseen_store::{
    Acknowledgement, Advance, Advanced, Cancelled, Claim, Diff, DiffQuery, Enqueued, FinishRun, ItemQuery, Lease, Missing, NewRun,
    PageRecord, Retention, RunLookup, RunQuery, Start, StoreError, Traffic,
};

use crate::backend::TestDatabase;
use crate::fixture::{Desk, LEASE, Lab, MICRO, Open, Told, about, everything, failure, for_queue, tenants_of, terms};
use crate::world::{self, APP, CONFIG, Chosen, id, kind};

fn one_type() -> Chosen {
    Chosen::types(&[CONFIG])
}

/// All that a tenant can see of itself.
async fn sees(desk: &Desk) -> String {
    let json = |value: serde_json::Result<String>| value.expect("JSON");
    let runs = desk.store.runs(&desk.scope, &RunQuery { limit: 1_000, ..RunQuery::default() }).await.expect("runs");
    let mut said = json(serde_json::to_string(&desk.items().await)) + &json(serde_json::to_string(&runs));
    for run in &runs {
        said += &json(serde_json::to_string(&desk.run(run.run_id).await));
    }
    for chosen in [one_type(), Chosen::types(&[APP])] {
        said += &json(serde_json::to_string(&desk.missing(&chosen).await));
    }
    for item in desk.items().await {
        let explained = desk.store.explain(&desk.scope, &item.policy_type, &item.external_id).await.expect("an answer");
        said += &json(serde_json::to_string(&explained));
    }
    let counts = desk.store.missing_counts(&desk.scope, Reference::LatestCompleted).await.expect("counts");
    said += &json(serde_json::to_string(&counts));
    said + &json(serde_json::to_string(&desk.store.selections(&desk.scope).await.expect("selections")))
}

/// What every verb that is given ids answers `desk` for these.
async fn asks(
    desk: &Desk,
    run: RunId,
    lease: &Lease,
    page: &PageRecord,
    external_id: &str,
    hash_of: &Chosen,
    step: &Advance,
) -> Vec<String> {
    let (store, scope) = (&desk.store, &desk.scope);
    let lost = |error: Option<StoreError>| match error {
        Some(StoreError::LeaseLost) => "lease lost".to_owned(),
        other => format!("{other:?}"),
    };
    let finish = FinishRun { ending: Ending::Finished, error: None, traffic: Traffic::default() };
    let note = Acknowledgement {
        policy_type: kind(CONFIG),
        external_id: id(external_id),
        author: "eve".into(),
        note: "mine".into(),
        acknowledged_at: None,
    };
    let found = store.find_run(scope, &run.to_string()[20..]).await.expect("an answer");
    let before = store.runs(scope, &RunQuery { before: Some(run), limit: 10, ..RunQuery::default() }).await.expect("runs");
    let claimed = store.claim_run(scope, run, &terms(hash_of)).await.expect("an answer");
    let own = store.runs(scope, &RunQuery { limit: 1, ..RunQuery::default() }).await.expect("runs").pop().map(|run| run.run_id);
    let differs = async |runs| {
        let query = DiffQuery { runs, kinds: Vec::new(), types: Vec::new(), confidence: None, after: None, limit: 10 };
        let said = store.diff(scope, &query).await.expect("an answer");
        matches!(said, Diff::NoSuchRun(absent) if absent == run)
    };
    vec![
        format!("differs: {} {}", differs([run, run]).await, differs([own.unwrap_or(run), run]).await),
        format!("claims: {}", matches!(claimed, Claim::NoSuchRun)),
        format!(
            "steps: {}",
            matches!(store.advance_schedule(scope, step, terms(hash_of).guard).await.expect("an answer"), Advanced::NotDue)
        ),
        format!("cancels: {}", matches!(desk.cancel(run).await, Cancelled::NoSuchRun)),
        format!("renews: {}", lost(store.renew_lease(scope, lease, LEASE).await.err())),
        format!("begins: {}", lost(store.begin_listings(scope, lease, &[kind(CONFIG)]).await.err())),
        format!("records: {}", lost(store.record_page(scope, lease, page).await.err())),
        format!("fails: {}", lost(store.fail_listings(scope, lease, &failure(&[CONFIG], ErrorCode::Internal)).await.err())),
        format!("finishes: {}", lost(store.finish_run(scope, lease, &finish).await.err())),
        format!("reads: {:?}", store.run(scope, run).await.expect("an answer")),
        format!("finds: {}", matches!(found, RunLookup::None)),
        format!("pages: {}", before.len()),
        format!(
            "of the selection: {:?}",
            store
                .runs(scope, &RunQuery { selection: Some(hash_of.selection.hash()), limit: 10, ..RunQuery::default() })
                .await
                .expect("runs")
        ),
        format!("missing: {}", matches!(store.missing(scope, &about(hash_of)).await.expect("an answer"), Missing::NoBaseline)),
        format!("explains: {:?}", store.explain(scope, &kind(CONFIG), &id(external_id)).await.expect("an answer").is_some()),
        format!("notes: {}", store.acknowledge(scope, &note).await.expect("an answer")),
        format!("takes back: {}", store.unacknowledge(scope, &kind(CONFIG), &id(external_id)).await.expect("an answer")),
        format!("searches: {}", desk.find(&ItemQuery { search: Some(external_id.into()), ..everything() }).await.len()),
    ]
}

/// A step of a schedule of this tenant alone, with a run.
async fn a_step_of(desk: &Desk) -> Advance {
    let schedule = desk.new_schedule(&one_type(), tenants_of([desk]));
    desk.store.add_schedule(&schedule).await.expect("a schedule");
    let to = world::at_micros(1);
    Advance { schedule_id: schedule.schedule_id, from: None, to, run: Some(desk.new_run(&Chosen::types(&[APP]), OnLimit::Wait)) }
}

/// The same step of a schedule that nobody made.
fn a_step_of_nothing(step: &Advance) -> Advance {
    let schedule_id = uuid::Uuid::from_bytes([7; 16]).try_into().expect("a schedule id");
    Advance { schedule_id, ..step.clone() }
}

pub(crate) async fn r05_another_tenants_ids_answer_exactly_as_ids_that_do_not_exist(lab: Lab) {
    let (mallory, bob) = (lab.desk(1), lab.desk(2));
    mallory.sync(&Chosen::types(&[APP]), &[(APP, Told::Saw(&["own"]))]).await;
    bob.sync(&one_type(), &[(CONFIG, Told::Saw(&["bobs", "gone"]))]).await;
    bob.sync(&one_type(), &[(CONFIG, Told::Saw(&["bobs"]))]).await;
    let open: Open = bob.start(&one_type()).await;
    let page = open.page_of(1, &[(CONFIG, &["planted"])], Some(PageEnd::Complete));
    let step = a_step_of(&bob).await;
    let before = sees(&bob).await;

    // An id that nobody has, made in the same millisecond.
    let mut bytes = open.run_id.as_uuid().into_bytes();
    bytes[10] ^= 1;
    let nobody: RunId = uuid::Uuid::from_bytes(bytes).try_into().expect("a run id");
    let none = Lease { run_id: nobody, ..open.lease.clone() };
    let foreign = asks(&mallory, open.run_id, &open.lease, &page, "gone", &one_type(), &step).await;
    let absent = asks(&mallory, nobody, &none, &page, "nothing", &one_type(), &a_step_of_nothing(&step)).await;
    assert_eq!(foreign, absent);
    assert!(foreign.iter().all(|line| !line.contains("planted")), "{foreign:?}");
    assert_eq!(sees(&bob).await, before, "and nothing of the other tenant changed");
    let due = bob.store.due_schedules(10, &BTreeSet::new()).await.expect("an answer").due;
    assert_eq!(due.iter().map(|due| (due.tenant_id, due.due_at)).collect::<Vec<_>>(), [(bob.scope.tenant(), None)]);
    let own: Vec<_> = mallory.items().await.iter().map(|item| item.external_id.to_string()).collect();
    assert_eq!(own, ["own"]);
}

/// Every verb is asked with a tenant's own scope and ids, so that no `WHERE` of a statement hides anything, while `raise` has put up a
/// wall around another tenant: each must answer as for ids that do not exist, and write nothing. `lower` takes the wall down again.
///
/// # Panics
/// When something of the tenant shows or changes.
pub async fn the_wall_alone_hides_a_tenant(database: Box<dyn TestDatabase>, raise: &str, lower: &str) {
    let lab = Lab::of(database).await;
    let (inside, outside) = (lab.desk(1), lab.desk(2));
    inside.sync(&Chosen::types(&[APP]), &[(APP, Told::Saw(&["own"]))]).await;
    outside.sync(&one_type(), &[(CONFIG, Told::Saw(&["here", "gone"]))]).await;
    outside.sync(&one_type(), &[(CONFIG, Told::Saw(&["here"]))]).await;
    let open = outside.start(&one_type()).await;
    let page = open.page_of(1, &[(CONFIG, &["planted"])], Some(PageEnd::Complete));
    let queued = outside.new_run(&Chosen::types(&[APP]), OnLimit::Wait);
    let step = a_step_of(&outside).await;
    let before = sees(&outside).await;

    lab.database.execute(&raise.replace("{tenant}", &inside.scope.tenant().to_string())).await.expect("the wall is put up");
    let foreign = asks(&outside, open.run_id, &open.lease, &page, "gone", &one_type(), &step).await;
    let nobody: RunId = uuid::Uuid::from_bytes([7; 16]).try_into().expect("a run id");
    let none = Lease { run_id: nobody, ..open.lease.clone() };
    let absent = asks(&outside, nobody, &none, &page, "nothing", &one_type(), &a_step_of_nothing(&step)).await;
    assert_eq!(foreign, absent);
    assert!(outside.items().await.is_empty(), "no item shows");
    assert!(outside.store.selections(&outside.scope).await.expect("an answer").is_empty(), "no selection shows");
    let counts = outside.store.missing_counts(&outside.scope, Reference::LatestCompleted).await.expect("an answer");
    assert!(counts.is_empty(), "no selection is counted");
    let (store, scope) = (&outside.store, &outside.scope);
    assert_eq!(store.tenant(scope).await.expect("an answer"), None, "no record of the tenant shows");
    assert_eq!(store.remove_tenant(scope).await.expect("an answer"), None);
    let written = [
        store.set_tenant(scope, &lastseen_store::TenantChange::default()).await.err(),
        store.register_tenant(scope, Some("renamed")).await.err(),
        store.start_run(scope, &outside.new_run(&one_type(), OnLimit::Skip), &terms(&one_type())).await.err(),
        store.enqueue_run(scope, &queued, &for_queue()).await.err(),
    ];
    for (verb, error) in ["set", "register", "start", "enqueue"].into_iter().zip(written) {
        assert!(matches!(error, Some(StoreError::Forbidden(_))), "{verb}: {error:?}");
    }
    let pruned = store.prune(scope, &Retention { keep_runs: Some(0), older_than: None }).await.expect("an answer");
    assert_eq!(pruned, lastseen_store::Pruned::default(), "nothing to drop shows");

    lab.database.execute(lower).await.expect("the wall is taken down");
    assert_eq!(sees(&outside).await, before, "and nothing has changed");
}

pub(crate) async fn i21_the_same_ids_in_two_tenants_are_two_of_everything(lab: Lab) {
    let (one, two) = (lab.desk(1), lab.desk(2));
    one.sync(&one_type(), &[(CONFIG, Told::Saw(&["1", "2"]))]).await;
    lab.pass(MICRO);
    two.sync(&one_type(), &[(CONFIG, Told::Saw(&["2", "3"]))]).await;
    two.sync(&one_type(), &[(CONFIG, Told::Saw(&["3"]))]).await;
    let ids = async |desk: &Desk| desk.items().await.iter().map(|item| item.external_id.to_string()).collect::<Vec<_>>();
    assert_eq!((ids(&one).await, ids(&two).await), (vec!["1".into(), "2".into()], vec!["2".to_owned(), "3".to_owned()]));
    assert_eq!(one.doubts(&one_type()).await, [], "what B misses is not missing for A");
    assert_eq!(two.doubts(&one_type()).await, [("2".to_owned(), vec![])]);
    assert_eq!(lab.database.view("inventory_items").await.len(), 4);
}

pub(crate) async fn r05_a_note_and_a_prune_of_one_tenant_leave_the_other_as_it_is(lab: Lab) {
    let (one, two) = (lab.desk(1), lab.desk(2));
    for desk in [&one, &two] {
        for told in [&["1", "2"][..], &["1"], &["1"], &["1"]] {
            desk.sync(&one_type(), &[(CONFIG, Told::Saw(told))]).await;
        }
    }
    let before = sees(&two).await;
    let note = Acknowledgement {
        policy_type: kind(CONFIG),
        external_id: id("2"),
        author: "ada".into(),
        note: "known".into(),
        acknowledged_at: None,
    };
    assert!(one.store.acknowledge(&one.scope, &note).await.expect("an answer"));
    let everything = Retention { keep_runs: Some(0), older_than: None };
    assert!(one.store.prune(&one.scope, &everything).await.expect("a prune").listings > 0);
    assert_eq!(sees(&two).await, before);
}

pub(crate) async fn i21_a_run_id_that_another_tenant_used_is_free(lab: Lab) {
    let (one, two) = (lab.desk(1), lab.desk(2));
    let new = one.new_run(&one_type(), OnLimit::Skip);
    for desk in [&one, &two] {
        let started = desk.store.start_run(&desk.scope, &new, &terms(&one_type())).await.expect("a start");
        assert!(matches!(started, Start::Claimed(_)), "{started:?}");
    }
    assert_eq!(one.run(new.run_id).await.record.tenant_id, one.scope.tenant());
    assert_eq!(two.run(new.run_id).await.record.tenant_id, two.scope.tenant());
}

pub(crate) async fn i21_a_start_key_that_another_tenant_used_is_free(lab: Lab) {
    let (one, two) = (lab.desk(1), lab.desk(2));
    let key = Some("monday".parse().expect("a key"));
    for (desk, chosen) in [(&one, one_type()), (&two, Chosen::types(&[APP]))] {
        let new = NewRun { start_key: key.clone(), ..desk.new_run(&chosen, OnLimit::Wait) };
        let queued = desk.store.enqueue_run(&desk.scope, &new, &for_queue()).await.expect("an answer");
        assert!(matches!(&queued, Enqueued::Queued(run) if run.record.run_id == new.run_id), "{queued:?}");
    }
    let again = NewRun { start_key: key, ..two.new_run(&Chosen::types(&[APP]), OnLimit::Wait) };
    let repeated = two.store.enqueue_run(&two.scope, &again, &for_queue()).await.expect("an answer");
    assert!(matches!(&repeated, Enqueued::Repeated(run) if run.record.tenant_id == two.scope.tenant()), "{repeated:?}");
}
