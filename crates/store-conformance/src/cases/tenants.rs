//! Tenants: added, changed, removed, brought back; and their own limits.

use lastseen_model::{ErrorCode, Limits, OnLimit, RunStatus};
use lastseen_store::{Change, Claim, ClaimTerms, Enqueued, RunQuery, Start, StoreError, TenantChange, TenantRecord};

use crate::fixture::{Desk, Lab, MICRO, PENDING, Told, for_queue, terms};
use crate::world::{APP, COMPLIANCE, CONFIG, Chosen};

/// Limits that hold nothing back.
const WIDE: Limits = Limits { global: 1_000, per_tenant: 1_000 };

fn one_type() -> Chosen {
    Chosen::types(&[CONFIG])
}

async fn set(desk: &Desk, change: &TenantChange) -> TenantRecord {
    desk.store.set_tenant(&desk.scope, change).await.expect("a tenant")
}

async fn record(desk: &Desk) -> Option<TenantRecord> {
    desk.store.tenant(&desk.scope).await.expect("an answer")
}

async fn runs(desk: &Desk) -> usize {
    desk.store.runs(&desk.scope, &RunQuery { limit: 1_000, ..RunQuery::default() }).await.expect("runs").len()
}

async fn enqueue(desk: &Desk, chosen: &Chosen) -> Result<Enqueued, StoreError> {
    desk.store.enqueue_run(&desk.scope, &desk.new_run(chosen, OnLimit::Wait), &for_queue()).await
}

async fn start(desk: &Desk, chosen: &Chosen, limits: Limits, on_limit: OnLimit) -> Result<Start, StoreError> {
    let terms = ClaimTerms { limits, ..terms(chosen) };
    desk.store.start_run(&desk.scope, &desk.new_run(chosen, on_limit), &terms).await
}

fn is_removed<T>(answer: &Result<T, StoreError>) -> bool {
    matches!(answer, Err(StoreError::TenantRemoved))
}

pub(crate) async fn a_tenant_is_added_changed_and_cleared_field_by_field(lab: Lab) {
    let desk = lab.desk(1);
    assert_eq!(record(&desk).await, None, "nobody knows it yet");
    let registered_at = lab.now();
    let change = TenantChange {
        name: Change::Set("Contoso".into()),
        cloud: Change::Set("usgov-dod".parse().expect("a cloud")),
        client_id: Change::Set("8c2f0c1e-5a54-4c0e-9d6b-3f1f0f6b7a10".parse().expect("a client id")),
        credential: Change::Set("certificate:/etc/ls/a,b.pfx,password=env:LASTSEEN_PFX".parse().expect("a reference")),
        runs_at_once: Change::Set(100),
        requests_at_once: Change::Set(64),
    };
    let added = set(&desk, &change).await;
    assert_eq!((added.tenant_id, added.registered_at, added.removed_at), (desk.scope.tenant(), registered_at, None));
    let told = (added.cloud.map(|cloud| cloud.to_string()), added.credential.as_ref().map(ToString::to_string));
    assert_eq!(told.0.as_deref(), Some("usgov-dod"));
    assert_eq!(told.1.as_deref(), Some("certificate:/etc/ls/a,b.pfx,password=env:LASTSEEN_PFX"));
    assert_eq!((added.name.as_deref(), added.runs_at_once, added.requests_at_once), (Some("Contoso"), Some(100), Some(64)));

    lab.pass(MICRO);
    assert_eq!(set(&desk, &TenantChange::default()).await, added, "what is left stays");
    let one = TenantChange { runs_at_once: Change::Set(1), credential: Change::Clear, ..TenantChange::default() };
    let changed = set(&desk, &one).await;
    assert_eq!(changed, TenantRecord { runs_at_once: Some(1), credential: None, ..added.clone() });
    assert_eq!(record(&lab.elsewhere(1).await).await, Some(changed.clone()));
    assert_eq!(desk.store.tenants().await.expect("tenants"), [changed]);
    let bare = TenantChange {
        name: Change::Clear,
        cloud: Change::Clear,
        client_id: Change::Clear,
        credential: Change::Clear,
        runs_at_once: Change::Clear,
        requests_at_once: Change::Clear,
    };
    let cleared = set(&desk, &bare).await;
    desk.store.register_tenant(&desk.scope, None).await.expect("known already");
    assert_eq!(record(&desk).await, Some(cleared.clone()));
    assert_eq!(
        (cleared.name, cleared.cloud, cleared.client_id, cleared.runs_at_once, cleared.requests_at_once),
        (None, None, None, None, None)
    );
}

pub(crate) async fn a_limit_outside_of_its_bounds_is_refused_and_nothing_changes(lab: Lab) {
    let desk = lab.desk(1);
    let known = set(&desk, &TenantChange::default()).await;
    for (runs, requests) in [(Some(0), None), (Some(101), None), (Some(u32::MAX), None), (None, Some(0)), (None, Some(65))] {
        let change = |limit: Option<u32>| limit.map_or(Change::Leave, Change::Set);
        let wrong = TenantChange {
            name: Change::Set("half".into()),
            runs_at_once: change(runs),
            requests_at_once: change(requests),
            ..TenantChange::default()
        };
        let refused = desk.store.set_tenant(&desk.scope, &wrong).await.expect_err("refused");
        assert!(matches!(refused, StoreError::Refused(_)), "{runs:?} {requests:?}: {refused:?}");
        assert_eq!(record(&desk).await, Some(known.clone()));
    }
}

pub(crate) async fn a_removed_tenant_keeps_what_was_seen_and_gets_no_run(lab: Lab) {
    let desk = lab.desk(1);
    desk.sync(&one_type(), &[(CONFIG, Told::Saw(&["1", "2"]))]).await;
    desk.sync(&one_type(), &[(CONFIG, Told::Saw(&["1"]))]).await;
    let (items, missing) = (desk.items().await.len(), desk.doubts(&one_type()).await);
    let at = lab.now();
    let removal = desk.store.remove_tenant(&desk.scope).await.expect("an answer").expect("known");
    assert_eq!((removal.removed_at, removal.cancelled, removal.running), (at, vec![], vec![]));
    let known = desk.store.tenants().await.expect("tenants");
    assert_eq!(known.iter().map(|tenant| (tenant.tenant_id, tenant.removed_at)).collect::<Vec<_>>(), [(desk.scope.tenant(), Some(at))]);
    for on_limit in [OnLimit::Skip, OnLimit::Wait] {
        assert!(is_removed(&start(&desk, &one_type(), WIDE, on_limit).await));
    }
    assert!(is_removed(&enqueue(&desk, &one_type()).await));
    assert_eq!(runs(&desk).await, 2, "no run is made, not even a skipped one");
    assert_eq!((desk.items().await.len(), desk.doubts(&one_type()).await), (items, missing), "history answers as before");
}

pub(crate) async fn a_removal_cancels_what_is_pending_and_lets_what_runs_end(lab: Lab) {
    let desk = lab.desk(1);
    let open = desk.start(&one_type()).await;
    let Ok(Enqueued::Queued(queued)) = enqueue(&desk, &Chosen::types(&[APP])).await else { panic!("queued") };
    let waits = start(&desk, &Chosen::types(&[COMPLIANCE]), Limits { global: 1, per_tenant: 1 }, OnLimit::Wait).await;
    assert!(matches!(waits, Ok(Start::Waiting(_))));
    let removal = desk.store.remove_tenant(&desk.scope).await.expect("an answer").expect("known");
    assert_eq!((removal.cancelled.len(), removal.cancelled[0]), (2, queued.record.run_id), "the queued and the waiting one, in order");
    assert_eq!(removal.running, [open.run_id]);
    for run in removal.cancelled {
        let run = desk.run(run).await.record;
        assert_eq!((run.status, run.error_codes.as_slice()), (RunStatus::Skipped, &[ErrorCode::Cancelled][..]));
        assert_eq!(run.finished_at, Some(lab.now()));
    }
    open.renew().await.expect("its lease goes on");
    open.saw(CONFIG, &["1"]).await;
    assert_eq!(open.finish().await.record.status, RunStatus::Success);
    assert_eq!(desk.items().await.len(), 1);
}

pub(crate) async fn a_removal_twice_changes_nothing_and_a_stranger_has_none(lab: Lab) {
    let (desk, stranger) = (lab.desk(1), lab.desk(2));
    set(&desk, &TenantChange::default()).await;
    let first = desk.store.remove_tenant(&desk.scope).await.expect("an answer");
    lab.pass(MICRO);
    assert_eq!(desk.store.remove_tenant(&desk.scope).await.expect("an answer"), first, "removed since the first time");
    assert_eq!(stranger.store.remove_tenant(&stranger.scope).await.expect("an answer"), None);
    assert_eq!(record(&stranger).await, None, "and it does not become known by it");
}

pub(crate) async fn registering_a_removed_tenant_does_not_bring_it_back_and_setting_it_does(lab: Lab) {
    let desk = lab.desk(1);
    let added = set(&desk, &TenantChange { runs_at_once: Change::Set(3), ..TenantChange::default() }).await;
    desk.store.remove_tenant(&desk.scope).await.expect("an answer");
    desk.store.register_tenant(&desk.scope, Some("Contoso")).await.expect("an answer");
    assert!(record(&desk).await.expect("known").is_removed());
    assert!(is_removed(&enqueue(&desk, &one_type()).await));
    lab.pass(MICRO);
    let back = set(&desk, &TenantChange::default()).await;
    assert_eq!(back, TenantRecord { name: Some("Contoso".into()), ..added }, "as it was, and known since then");
    desk.sync(&one_type(), &[(CONFIG, Told::Saw(&["1"]))]).await;
}

pub(crate) async fn a_pending_run_of_a_removed_tenant_is_neither_shown_nor_claimed(lab: Lab) {
    let desk = lab.desk(1);
    let Ok(Enqueued::Queued(queued)) = enqueue(&desk, &one_type()).await else { panic!("queued") };
    // As an older program leaves it, which knows nothing of removal and queues a run all the same.
    lab.database.execute("UPDATE tenants SET removed_at = registered_at").await.expect("marked");
    assert!(desk.store.queued_runs(WIDE, 10).await.expect("an answer").is_empty());
    let claimed = desk.store.claim_run(&desk.scope, queued.record.run_id, &terms(&one_type())).await;
    assert!(is_removed(&claimed), "{claimed:?}");
    assert_eq!(desk.run(queued.record.run_id).await.record.status, RunStatus::Pending);
    let removal = desk.store.remove_tenant(&desk.scope).await.expect("an answer").expect("known");
    assert_eq!(removal.cancelled, [queued.record.run_id], "a second removal ends it");
    let ended = desk.store.claim_run(&desk.scope, queued.record.run_id, &terms(&one_type())).await.expect("an answer");
    assert!(matches!(ended, Claim::Ended(_)), "what has ended can still be looked at: {ended:?}");
}

pub(crate) async fn r12_a_tenants_own_limit_outweighs_the_one_for_all(lab: Lab) {
    let (desk, other) = (lab.desk(1), lab.desk(2));
    let limits = Limits { global: 100, per_tenant: 2 };
    let types = [CONFIG, APP, COMPLIANCE].map(|name| Chosen::types(&[name]));
    set(&desk, &TenantChange { runs_at_once: Change::Set(1), ..TenantChange::default() }).await;
    let _first = desk.start(&types[0]).await;
    let Ok(Start::Skipped(second)) = start(&desk, &types[1], limits, OnLimit::Skip).await else { panic!("one is the limit") };
    assert_eq!(second.record.error_codes, [ErrorCode::ConcurrencyLimitTenant]);
    let Ok(Enqueued::Queued(queued)) = enqueue(&desk, &types[1]).await else { panic!("queued") };
    assert!(desk.store.queued_runs(limits, 10).await.expect("an answer").is_empty(), "a worker need not try");
    let claim = async || {
        let terms = ClaimTerms { limits, pending_for: PENDING, ..terms(&types[1]) };
        desk.store.claim_run(&desk.scope, queued.record.run_id, &terms).await.expect("an answer")
    };
    assert!(matches!(claim().await, Claim::Waiting(ErrorCode::ConcurrencyLimitTenant)));
    // The other tenant has none of its own.
    for chosen in &types[..2] {
        assert!(matches!(start(&other, chosen, limits, OnLimit::Skip).await, Ok(Start::Claimed(_))));
    }
    assert!(matches!(start(&other, &types[2], limits, OnLimit::Skip).await, Ok(Start::Skipped(_))));

    // It may be the larger one, too.
    set(&desk, &TenantChange { runs_at_once: Change::Set(3), ..TenantChange::default() }).await;
    assert_eq!(desk.store.queued_runs(limits, 10).await.expect("an answer").len(), 1);
    assert!(matches!(claim().await, Claim::Claimed(_)));
    assert!(matches!(start(&desk, &types[2], limits, OnLimit::Skip).await, Ok(Start::Claimed(_))));
    let everything = start(&desk, &Chosen::everything(), limits, OnLimit::Skip).await;
    assert!(matches!(everything, Ok(Start::Skipped(_))), "{everything:?}");
    // But never more than there may be in all.
    let few = Limits { global: 5, per_tenant: 2 };
    set(&desk, &TenantChange { runs_at_once: Change::Set(100), ..TenantChange::default() }).await;
    let Ok(Start::Skipped(full)) = start(&desk, &Chosen::everything(), few, OnLimit::Skip).await else { panic!("all are taken") };
    assert_eq!(full.record.error_codes, [ErrorCode::ConcurrencyLimitGlobal]);
}

pub(crate) async fn r05_changes_and_a_removal_of_one_tenant_leave_the_other_as_it_is(lab: Lab) {
    let (one, two) = (lab.desk(1), lab.desk(2));
    let before = set(&two, &TenantChange { runs_at_once: Change::Set(9), ..TenantChange::default() }).await;
    let Ok(Enqueued::Queued(queued)) = enqueue(&two, &one_type()).await else { panic!("queued") };
    set(&one, &TenantChange { runs_at_once: Change::Set(1), name: Change::Set("one".into()), ..TenantChange::default() }).await;
    one.store.remove_tenant(&one.scope).await.expect("an answer");
    assert_eq!(record(&two).await, Some(before));
    assert_eq!(two.run(queued.record.run_id).await, *queued);
    assert_eq!(two.store.queued_runs(WIDE, 10).await.expect("an answer").len(), 1);
}

pub(crate) async fn of_a_removal_and_starts_that_race_no_run_is_left_pending(lab: Lab) {
    let types = [CONFIG, APP, COMPLIANCE];
    for tenant in 1..=8 {
        let desk = lab.elsewhere(tenant).await;
        set(&desk, &TenantChange::default()).await;
        let starts = types.map(|name| {
            let desk = desk.clone();
            tokio::spawn(async move { enqueue(&desk, &Chosen::types(&[name])).await.map(|_| ()) })
        });
        let remover = lab.elsewhere(tenant).await;
        let removal = remover.store.remove_tenant(&remover.scope).await.expect("an answer").expect("known");
        let mut made = 0;
        for start in starts {
            match start.await.expect("no panic") {
                Ok(()) => made += 1,
                Err(StoreError::TenantRemoved) => {}
                Err(other) => panic!("{other:?}"),
            }
        }
        assert_eq!(removal.cancelled.len(), made, "each was made before, and cancelled, or refused");
        assert!(desk.store.queued_runs(WIDE, 100).await.expect("an answer").is_empty());
        assert_eq!(runs(&desk).await, made);
    }
}

pub(crate) async fn what_no_tenant_can_have_is_refused_or_told_by_table_column_and_key(lab: Lab) {
    let desk = lab.desk(1);
    set(&desk, &TenantChange::default()).await;
    for refused in
        ["cloud = 'mars'", "runs_at_once = 0", "runs_at_once = 101", "requests_at_once = 65", "client_id = ''", "credential = ''"]
    {
        assert!(lab.database.execute(&format!("UPDATE tenants SET {refused}")).await.is_err(), "{refused}");
    }
    for (column, odd) in [("client_id", "canary 4711"), ("credential", "canary~4711")] {
        lab.database.execute(&format!("UPDATE tenants SET {column} = '{odd}'")).await.expect("damaged");
        let one = desk.store.tenant(&desk.scope).await.expect_err("told");
        let all = desk.store.tenants().await.expect_err("told");
        for told in [one, all] {
            assert!(!told.to_string().contains("4711"), "it may be the secret itself: {told}");
            let StoreError::Inconsistent { table, column: of, key } = told else { panic!("{told:?}") };
            assert_eq!((table, of, key), ("tenants", column, desk.scope.tenant().to_string()));
        }
        lab.database.execute(&format!("UPDATE tenants SET {column} = NULL")).await.expect("mended");
    }
}
