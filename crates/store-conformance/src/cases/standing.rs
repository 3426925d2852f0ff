//! How a fleet stands, and how much is missing in numbers.

use lastseen_model::{ErrorCode, Limits, OnLimit, Reference, RunStatus, SelectionHash, TenantId, Tenants};
use lastseen_store::{Counted, FleetState, MissingCounts, RunRecord, Start};

use crate::fixture::{Desk, Lab, MICRO, Told, terms};
use crate::world::{APP, COMPLIANCE, CONFIG, Chosen, id, kind, tenant};

fn one_type() -> Chosen {
    Chosen::types(&[CONFIG])
}

async fn fleet(desk: &Desk, tenants: &Tenants) -> FleetState {
    desk.store.fleet_state(tenants).await.expect("the fleet's state")
}

/// Which selections of which tenants are told, in order.
fn told(fleet: &FleetState) -> Vec<(TenantId, SelectionHash)> {
    fleet.selections.iter().map(|state| (state.newest.tenant_id, state.newest.selection_hash)).collect()
}

async fn counts(desk: &Desk, reference: Reference) -> Vec<MissingCounts> {
    desk.store.missing_counts(&desk.scope, reference).await.expect("counts")
}

pub(crate) async fn a_selection_stands_with_its_newest_run_its_latest_completed_one_and_its_latest_success(lab: Lab) {
    let desk = lab.desk(1);
    let success = desk.sync(&one_type(), &[(CONFIG, Told::Saw(&["1"]))]).await.record;
    let ended = lab.now();
    lab.pass(MICRO);
    let failed = desk.sync(&one_type(), &[(CONFIG, Told::Failed(ErrorCode::GraphForbidden))]).await.record;
    lab.pass(MICRO);
    let open = desk.start(&one_type()).await;
    let contended = desk.new_run(&one_type(), OnLimit::Skip);
    let Start::Skipped(_) = desk.store.start_run(&desk.scope, &contended, &terms(&one_type())).await.expect("a start") else {
        panic!("a run is live")
    };

    let state = fleet(&desk, &Tenants::All).await;
    assert_eq!((state.now, state.selections.len()), (lab.now(), 1));
    let one = &state.selections[0];
    assert_eq!((one.newest.run_id, one.newest.status), (contended.run_id, RunStatus::Skipped), "the newest by creation");
    // Whoever asks again while a run is live makes a newer record, and hides nothing by it.
    assert_eq!(one.live_run.as_ref().map(|run| (run.run_id, run.status)), Some((open.run_id, RunStatus::Running)));
    assert_eq!(one.latest_completed.as_ref(), Some(&failed), "with all that a record says");
    assert_eq!((one.latest_success_run_id, one.latest_success_at), (Some(success.run_id), Some(ended)));

    open.tell(&[(CONFIG, Told::Saw(&["1"]))]).await.finish().await;
    let one = fleet(&desk, &Tenants::All).await.selections.remove(0);
    assert_eq!(one.live_run, None);
    assert_eq!((one.latest_success_run_id, one.latest_success_at), (one.latest_completed.map(|run| run.run_id), Some(lab.now())));
}

pub(crate) async fn a_selection_that_never_ended_well_has_neither_a_completed_run_nor_a_success(lab: Lab) {
    let desk = lab.desk(1);
    let new = desk.new_run(&one_type(), OnLimit::Skip);
    let none = lastseen_store::ClaimTerms { limits: Limits { global: 0, per_tenant: 0 }, ..terms(&one_type()) };
    desk.store.start_run(&desk.scope, &new, &none).await.expect("a start");
    let one = fleet(&desk, &Tenants::All).await.selections.remove(0);
    assert_eq!((one.newest.run_id, one.latest_completed, one.latest_success_run_id, one.latest_success_at), (new.run_id, None, None, None));
    let failed = desk.sync(&one_type(), &[(CONFIG, Told::Failed(ErrorCode::GraphForbidden))]).await.record;
    let one = fleet(&desk, &Tenants::All).await.selections.remove(0);
    assert_eq!((one.latest_completed, one.latest_success_run_id), (Some(failed), None));
}

pub(crate) async fn r05_a_fleet_is_the_tenants_that_were_asked_for_by_tenant_and_selection(lab: Lab) {
    let (one, two) = (lab.desk(1), lab.desk(2));
    for (desk, chosen) in [(&two, one_type()), (&one, Chosen::types(&[APP])), (&one, one_type())] {
        desk.start(&chosen).await.finish().await;
    }
    lab.desk(3).store.register_tenant(&lab.desk(3).scope, Some("without a run")).await.expect("registers");
    let own: Vec<RunRecord> = fleet(&one, &Tenants::Some([tenant(1)].into())).await.selections.into_iter().map(|row| row.newest).collect();
    assert_eq!(own.iter().map(|run| run.tenant_id).collect::<Vec<_>>(), [tenant(1), tenant(1)]);
    assert!(own.is_sorted_by_key(|run| run.selection_hash), "by hash");
    let all = told(&fleet(&one, &Tenants::All).await);
    assert_eq!(all, [(tenant(1), own[0].selection_hash), (tenant(1), own[1].selection_hash), (tenant(2), one_type().selection.hash())]);
    assert_eq!(told(&fleet(&one, &Tenants::Some([tenant(3), tenant(2), tenant(7)].into())).await), all[2..]);
    assert_eq!(told(&fleet(&one, &Tenants::Some([].into())).await), [], "none is not all");
}

pub(crate) async fn a_removed_tenant_is_no_part_of_the_fleet_until_it_is_back(lab: Lab) {
    let desk = lab.desk(1);
    desk.start(&one_type()).await.finish().await;
    desk.store.remove_tenant(&desk.scope).await.expect("an answer").expect("a known tenant");
    for asked in [Tenants::All, Tenants::Some([tenant(1)].into())] {
        assert_eq!(told(&fleet(&desk, &asked).await), []);
    }
    desk.store.set_tenant(&desk.scope, &lastseen_store::TenantChange::default()).await.expect("it is back");
    assert_eq!(told(&fleet(&desk, &Tenants::All).await).len(), 1);
}

pub(crate) async fn i09_counts_tell_no_baseline_from_nothing_missing(lab: Lab) {
    let desk = lab.desk(1);
    assert_eq!(counts(&desk, Reference::LatestCompleted).await, [], "no selection was used");
    let open = desk.start(&one_type()).await;
    let row = MissingCounts {
        tenant_id: tenant(1),
        selection_hash: one_type().selection.hash(),
        selection_payload: one_type().selection,
        counts: None,
    };
    assert_eq!(counts(&desk, Reference::LatestCompleted).await, [row]);
    open.tell(&[(CONFIG, Told::Failed(ErrorCode::GraphTimeout))]).await.finish().await;
    let of = async |reference| counts(&desk, reference).await.remove(0).counts;
    assert!(of(Reference::LatestCompleted).await.is_some_and(|counts| (counts.high, counts.low, counts.listings) == (0, 0, 1)));
    assert_eq!(of(Reference::LatestSuccess).await, None, "no success yet");
}

pub(crate) async fn r22_counts_are_each_selections_own_and_the_totals_of_what_is_missing(lab: Lab) {
    let desk = lab.desk(1);
    let three = Chosen::types(&[CONFIG, APP, COMPLIANCE]);
    let all: [&str; 4] = ["1", "2", "3", "4"];
    desk.sync(&three, &[(CONFIG, Told::Saw(&all)), (APP, Told::Saw(&["a", "b"])), (COMPLIANCE, Told::Saw(&[]))]).await;
    desk.sync(&one_type(), &[(CONFIG, Told::Saw(&["1", "2", "3"]))]).await;
    let told =
        [(CONFIG, Told::Saw(&["1", "2"][..])), (APP, Told::Saw(&["a"])), (COMPLIANCE, Told::Failed(ErrorCode::GraphFeatureUnavailable))];
    let latest = desk.sync(&three, &told).await.record;
    let note = lastseen_store::Acknowledgement {
        policy_type: kind(CONFIG),
        external_id: id("4"),
        author: "ada".into(),
        note: "known".into(),
        acknowledged_at: None,
    };
    assert!(desk.store.acknowledge(&desk.scope, &note).await.expect("an answer"));

    let found = counts(&desk, Reference::LatestCompleted).await;
    assert!(found.len() == 2 && found.is_sorted_by_key(|row| row.selection_hash), "{found:?}");
    let of = |chosen: &Chosen| {
        let hash = chosen.selection.hash();
        found.iter().find(|row| row.selection_hash == hash).and_then(|row| row.counts.clone()).expect("a baseline")
    };
    let Counted { reference, high, low, acknowledged, listings, listings_complete, listings_unavailable } = of(&three);
    assert_eq!(reference.reference_run_id, latest.run_id);
    assert_eq!((high, low, acknowledged), (2, 1, 1), "3 and 4 are gone; b is of a path that pages by offset, and unconfirmed");
    assert_eq!((listings, listings_complete, listings_unavailable), (3, 2, 1));
    let Counted { high, low, acknowledged, listings, .. } = of(&one_type());
    assert_eq!((high, low, acknowledged, listings), (1, 0, 1, 1));

    for chosen in [&three, &one_type()] {
        for reference in [Reference::LatestCompleted, Reference::LatestSuccess, Reference::LatestComplete] {
            let answer = desk.missing_against(chosen, reference).await.expect("a baseline");
            let row = counts(&desk, reference).await.into_iter().find(|row| row.selection_hash == chosen.selection.hash());
            let own = row.and_then(|row| row.counts).expect("a baseline");
            assert_eq!(
                (own.reference, own.high, own.low, own.acknowledged),
                (answer.reference, answer.high, answer.low, answer.acknowledged)
            );
        }
    }
}
