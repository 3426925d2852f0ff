//! Off-boarding: everything of one tenant goes, and nothing of another.

use std::collections::BTreeMap;

use lastseen_model::{Ending, ErrorCode, Guard, OnLimit, PageEnd, Role};
use lastseen_store::{Acknowledgement, Advance, Cancelled, Enqueued, Start, StoreError};

use crate::fixture::{Desk, LEASE, Lab, MICRO, Open, Told, for_queue, tenants_of, terms};
use crate::world::{APP, COMPLIANCE, CONFIG, Chosen, id, kind};

/// All types of a tenant that has something in every table.
fn all() -> Chosen {
    Chosen::types(&[CONFIG, APP])
}

fn note(external_id: &str) -> Acknowledgement {
    Acknowledgement {
        policy_type: kind(CONFIG),
        external_id: id(external_id),
        author: "ada".into(),
        note: "known".into(),
        acknowledged_at: None,
    }
}

/// A tenant that has something in every table.
async fn furnish(desk: &Desk) {
    desk.sync(&all(), &[(CONFIG, Told::Saw(&["1", "2"])), (APP, Told::Saw(&["1"]))]).await;
    desk.sync(&all(), &[(CONFIG, Told::Saw(&["1"])), (APP, Told::Failed(ErrorCode::GraphForbidden))]).await;
    assert!(desk.store.acknowledge(&desk.scope, &note("2")).await.expect("an answer"));
    desk.store.create_token(&desk.new_token(Role::Reader, tenants_of([desk]))).await.expect("a token");
    desk.store.add_schedule(&desk.new_schedule(&all(), tenants_of([desk]))).await.expect("a schedule");
}

async fn rows(lab: &Lab, desk: &Desk) -> BTreeMap<String, Vec<String>> {
    lab.database.rows_of(desk.scope.tenant()).await
}

fn filled(rows: &BTreeMap<String, Vec<String>>) -> Vec<&str> {
    rows.iter().filter(|(_, rows)| !rows.is_empty()).map(|(table, _)| table.as_str()).collect()
}

pub(crate) async fn a_purge_leaves_no_row_of_the_tenant_in_any_table_and_none_of_another_changed(lab: Lab) {
    let (gone, twin) = (lab.desk(1), lab.desk(2));
    for desk in [&gone, &twin] {
        furnish(desk).await;
    }
    let (before, others) = (rows(&lab, &gone).await, rows(&lab, &twin).await);
    let empty: Vec<&String> = before.iter().filter(|(_, rows)| rows.is_empty()).map(|(table, _)| table).collect();
    assert!(empty.is_empty(), "a table that holds tenants' rows must hold some here, and must be purged: {empty:?}");
    let purged = lab.database.purge(&gone.scope).await.expect("nothing runs");
    assert_eq!(filled(&rows(&lab, &gone).await), [] as [&str; 0]);
    assert_eq!(rows(&lab, &twin).await, others, "byte for byte");
    let told: BTreeMap<String, u64> = purged.tables.iter().map(|known| (known.table.to_owned(), known.rows)).collect();
    assert_eq!(told, before.into_iter().map(|(table, rows)| (table, rows.len() as u64)).collect());
    assert!(purged.knew_it());
    assert_eq!(gone.store.tenants().await.expect("tenants").len(), 1);
}

pub(crate) async fn a_purge_is_refused_while_a_run_is_running_and_says_which(lab: Lab) {
    let desk = lab.desk(1);
    furnish(&desk).await;
    let open = desk.start(&all()).await;
    desk.store.remove_tenant(&desk.scope).await.expect("an answer");
    let before = rows(&lab, &desk).await;
    let refused = lab.database.purge(&desk.scope).await.expect_err("refused");
    assert!(matches!(refused, StoreError::TenantBusy { run } if run == open.run_id), "{refused:?}");
    assert_eq!(rows(&lab, &desk).await, before);
    open.finish().await;
    lab.database.purge(&desk.scope).await.expect("nothing runs");
    assert_eq!(filled(&rows(&lab, &desk).await), [] as [&str; 0]);
}

pub(crate) async fn a_run_whose_lease_is_over_and_one_that_is_pending_go_with_the_rest(lab: Lab) {
    let desk = lab.desk(1);
    furnish(&desk).await;
    let dead = desk.start(&all()).await;
    dead.page(1, &[(CONFIG, &["3"])], None).await.expect("a page");
    let pending = desk.new_run(&Chosen::types(&[COMPLIANCE]), OnLimit::Wait);
    let queued = desk.store.enqueue_run(&desk.scope, &pending, &for_queue()).await.expect("an answer");
    assert!(matches!(queued, Enqueued::Queued(_)));
    lab.pass(LEASE.saturating_sub(MICRO));
    assert!(matches!(lab.database.purge(&desk.scope).await, Err(StoreError::TenantBusy { .. })), "not yet");
    lab.pass(MICRO);
    assert_eq!(lab.database.purge(&desk.scope).await.expect("its lease is over").rows("sync_runs"), 4);
    assert_eq!(filled(&rows(&lab, &desk).await), [] as [&str; 0]);
}

async fn lost<T>(verb: &str, answer: impl Future<Output = Result<T, StoreError>>) {
    assert!(matches!(answer.await, Err(StoreError::LeaseLost)), "{verb}");
}

pub(crate) async fn i11_a_zombie_of_a_purged_tenant_writes_nothing(lab: Lab) {
    let desk = lab.desk(1);
    furnish(&desk).await;
    let zombie: Open = desk.start(&all()).await;
    lab.pass(LEASE);
    lab.database.purge(&desk.scope).await.expect("its lease is over");
    lost("renew", zombie.renew()).await;
    lost("begin", zombie.begin(&[CONFIG])).await;
    lost("page", zombie.page(1, &[(CONFIG, &["planted"])], Some(PageEnd::Complete))).await;
    lost("finish", zombie.end(Ending::Finished, None)).await;
    let failure = crate::fixture::failure(&[CONFIG], ErrorCode::Internal);
    lost("fail", desk.store.fail_listings(&desk.scope, &zombie.lease, &failure)).await;
    assert!(!desk.store.acknowledge(&desk.scope, &note("2")).await.expect("an answer"));
    assert!(matches!(desk.cancel(zombie.run_id).await, Cancelled::NoSuchRun));
    assert_eq!(filled(&rows(&lab, &desk).await), [] as [&str; 0]);
    // Nor into a tenant that begins anew.
    desk.sync(&all(), &[(CONFIG, Told::Saw(&["1"]))]).await;
    lost("page", zombie.page(1, &[(CONFIG, &["planted"])], Some(PageEnd::Complete))).await;
    assert_eq!(desk.items().await.len(), 1);
}

pub(crate) async fn i12_a_purge_that_breaks_off_leaves_all_as_it_was(lab: Lab) {
    let desk = lab.desk(1);
    furnish(&desk).await;
    let before = rows(&lab, &desk).await;
    // The last table says no, when every other one is empty already.
    lab.database.refuse("tenants", &["DELETE"]).await;
    let refused = lab.database.purge(&desk.scope).await.expect_err("broken off");
    assert!(matches!(refused, StoreError::Refused(_)), "{refused:?}");
    assert_eq!(rows(&lab, &desk).await, before);
    assert_eq!(desk.items().await.len(), 3);
}

pub(crate) async fn a_purged_tenant_begins_anew_and_a_strangers_purge_finds_nothing(lab: Lab) {
    let (desk, stranger) = (lab.desk(1), lab.desk(2));
    furnish(&desk).await;
    let nothing = lab.database.purge(&stranger.scope).await.expect("an answer");
    assert!(!nothing.knew_it() && nothing.tables.iter().all(|table| table.rows == 0), "{nothing:?}");
    lab.database.purge(&desk.scope).await.expect("nothing runs");
    assert_eq!(desk.store.tenant(&desk.scope).await.expect("an answer"), None);
    assert!(desk.missing(&all()).await.is_none(), "no baseline");
    let at = lab.now();
    let run = desk.sync(&all(), &[(CONFIG, Told::Saw(&["2"])), (APP, Told::Saw(&[]))]).await;
    assert_eq!((run.listings[0].known_before, run.listings[0].created), (0, 1), "nothing was known");
    assert_eq!(desk.store.tenant(&desk.scope).await.expect("an answer").expect("known").registered_at, at);
    assert!(desk.missing(&all()).await.expect("a baseline").items.is_empty());
}

/// What a verb may answer that meets a purge: that it was done, or that there is nothing any more. Never a bug.
fn stands<T>(verb: &str, answer: Result<T, StoreError>) -> Option<T> {
    match answer {
        Ok(answer) => Some(answer),
        Err(StoreError::LeaseLost | StoreError::NoSuchTenant(_)) => None,
        Err(other) => panic!("{verb}: {other:?} {:?}", std::error::Error::source(&other)),
    }
}

pub(crate) async fn a_purge_amid_starts_pages_notes_and_claims_leaves_nothing_half_there(lab: Lab) {
    for round in 0..6 {
        let desk = lab.elsewhere(1).await;
        furnish(&desk).await;
        let lab_now = lab.now();
        let work = [CONFIG, APP, COMPLIANCE].map(|name| {
            let desk = desk.clone();
            tokio::spawn(async move {
                let chosen = Chosen::types(&[name]);
                for _ in 0..4 {
                    let new = desk.new_run(&chosen, OnLimit::Skip);
                    let started = stands("start", desk.store.start_run(&desk.scope, &new, &terms(&chosen)).await);
                    let Some(Start::Claimed(claimed)) = started else { continue };
                    let (run_id, run_no) = (claimed.lease.run_id, claimed.run_no);
                    let open = Open { desk: desk.clone(), chosen: chosen.clone(), lease: claimed.lease, run_id, run_no };
                    stands("page", open.page(1, &[(name, &["a", "b", "c"])], Some(PageEnd::Complete)).await);
                    stands("finish", open.end(Ending::Finished, None).await);
                    stands("note", desk.store.acknowledge(&desk.scope, &note("a")).await);
                    stands("prune", desk.store.prune(&desk.scope, &lastseen_store::Retention::default()).await);
                    // These hold the tenant by nothing but a reference to it.
                    stands("token", desk.store.create_token(&desk.new_token(Role::Reader, tenants_of([&desk]))).await);
                    let schedule = desk.new_schedule(&chosen, tenants_of([&desk]));
                    stands("schedule", desk.store.add_schedule(&schedule).await);
                    let step = Advance { schedule_id: schedule.schedule_id, from: None, to: lab_now, run: None };
                    stands("step", desk.store.advance_schedule(&desk.scope, &step, Guard::default()).await);
                    let step =
                        Advance { from: Some(lab_now), to: lab_now + MICRO, run: Some(desk.new_run(&chosen, OnLimit::Wait)), ..step };
                    stands("step", desk.store.advance_schedule(&desk.scope, &step, Guard::default()).await);
                }
            })
        });
        let mut purges = 0;
        while work.iter().any(|work| !work.is_finished()) {
            match lab.database.purge(&desk.scope).await {
                Ok(_) => purges += 1,
                Err(StoreError::TenantBusy { .. }) => {}
                Err(other) => panic!("round {round}: {other:?} {:?}", std::error::Error::source(&other)),
            }
            tokio::task::yield_now().await;
        }
        for work in work {
            work.await.expect("no panic");
        }
        let left = rows(&lab, &desk).await;
        assert!(left["catalogue"].is_empty() || !left["sync_runs"].is_empty(), "no item without the run that saw it");
        assert!(left["tenants"].len() == 1 || filled(&left).is_empty(), "after {purges} purges: {:?}", filled(&left));
        lab.database.purge(&desk.scope).await.expect("nothing runs");
        assert_eq!(filled(&rows(&lab, &desk).await), [] as [&str; 0]);
    }
}
