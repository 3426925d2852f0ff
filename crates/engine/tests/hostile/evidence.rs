//! What faults and moves do to evidence: doubt, and never certainty (I24, I26, I31).

use std::collections::BTreeSet;
use std::sync::Arc;

use lastseen_contracts::Registry;
use lastseen_engine::{Event, Observer, Silent};
use lastseen_model::{Confidence, ErrorCode, ListingOutcome, Reason, Reference, RunStatus};
use lastseen_simulator::FaultScript;
use tokio_util::sync::CancellationToken;

use crate::row::{ended, high};
use crate::support::{World, key, request};

const CONFIGURATION: &str = "deviceConfiguration";
const CATALOG: &str = "settingsCatalogPolicy";

/// Takes all of a type away, and gives as many of another under new ids.
fn migrate(world: &World, from: &str, to: &str) -> usize {
    let held = world.simulator.world().list(world.tenant(), &key(from));
    for (id, _) in &held {
        world.simulator.world().remove(world.tenant(), &key(from), id).expect("it is there");
    }
    world.simulator.world().add(world.tenant(), &key(to), u32::try_from(held.len()).expect("few")).expect("a type");
    held.len()
}

#[tokio::test(flavor = "multi_thread")]
async fn i24_policies_that_microsoft_moves_to_another_type_under_new_ids_are_in_doubt_and_come_as_new() {
    let world = World::with_size(30).await;
    let types = [CONFIGURATION, CATALOG];
    world.sync(&types).await;
    let moved = migrate(&world, CONFIGURATION, CATALOG);
    // Every other page comes twice, shifted or late: none of it makes anyone surer.
    let faults = "[[fault]]\naction='shift'\npage=1\ntimes=1\n[[fault]]\naction='status'\nerror='throttled'\ntimes=2\n";
    world.simulator.faults().add_all(FaultScript::parse(faults).expect("a script").faults);
    let run = world.sync(&types).await;
    assert_eq!((run.record.status, run.record.counts.items_created), (RunStatus::Success, moved as u64));
    let answer = world.answer(&types).await;
    assert_eq!((answer.high, answer.low), (0, moved as u64), "no storm of certain alarms");
    assert!(answer.items.iter().all(|item| item.reasons == [Reason::MassDisappearance]));
}

#[tokio::test(flavor = "multi_thread")]
async fn i26_assignments_that_could_not_be_read_are_unknown_and_a_healthy_run_knows_them_again() {
    let world = World::with_size(40).await;
    let counts = async || world.items(CATALOG).await.iter().map(|item| item.assignment_count).collect::<BTreeSet<_>>();
    world.sync(&[CATALOG]).await;
    let known = counts().await;
    assert!(known.contains(&Some(0)) && known.contains(&Some(1)));
    world.simulator.world().refuse_expand(&World::path(CATALOG), true);
    assert_eq!(world.sync(&[CATALOG]).await.record.status, RunStatus::Success);
    assert_eq!(counts().await, [None].into(), "not one of them is 0");
    world.simulator.world().refuse_expand(&World::path(CATALOG), false);
    world.sync(&[CATALOG]).await;
    assert_eq!(counts().await, known);
}

#[tokio::test(flavor = "multi_thread")]
async fn i31_what_was_last_seen_by_another_contract_is_never_missing_with_high_confidence() {
    let world = World::with_size(12).await;
    world.sync(&[CONFIGURATION]).await;
    let gone = world.items(CONFIGURATION).await.remove(3);
    world.simulator.world().remove(world.tenant(), &gone.policy_type, gone.external_id.as_str()).expect("it is there");
    // Our own upgrade: what is an update ring is told by another rule, which could have moved any object of the path.
    let shipped = include_str!("../../../contracts/contracts/configuration.toml");
    let rule = r#"match = { odata_type = ["windowsUpdateForBusinessConfiguration"] }"#;
    assert!(shipped.contains(rule), "the rule to change");
    let upgraded = shipped.replace(rule, r#"match = { odata_type = ["windowsUpdateForBusinessConfiguration", "another"] }"#);
    let registry = Registry::read(&[("configuration.toml", &upgraded)]).expect("right");
    let engine = world.engine().with_registry(Arc::new(registry));
    let run = engine.sync(&world.scope(), &request(&[CONFIGURATION]), Arc::new(Silent), CancellationToken::new()).await.expect("a run");
    assert_eq!(run.record.status, RunStatus::Success);
    let answer = world.answer(&[CONFIGURATION]).await;
    let found: Vec<_> = answer.items.iter().map(|item| (&item.external_id, item.confidence, item.reasons.as_slice())).collect();
    assert_eq!(found, [(&gone.external_id, Confidence::Low, [Reason::ContractChanged].as_slice())]);
    assert!(high(&world, &[CONFIGURATION], Reference::LatestComplete).await.is_empty());
}

/// A bug of ours: it panics when the first page is stored.
struct Falls;

impl Observer for Falls {
    fn on(&self, event: Event) {
        assert!(!matches!(event, Event::Page { .. }), "this panic belongs to the test");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn i15_a_bug_ends_its_run_as_internal_and_takes_nothing_away() {
    let world = World::with_size(12).await;
    world.simulator.world().set_page_limit(Some(5));
    world.sync(&[CONFIGURATION]).await;
    let gone = world.items(CONFIGURATION).await.remove(3);
    world.simulator.world().remove(world.tenant(), &gone.policy_type, gone.external_id.as_str()).expect("it is there");
    let run = world.sync_watched(&[CONFIGURATION], Arc::new(Falls), CancellationToken::new()).await;
    assert_eq!((run.record.status, run.record.error_codes.as_slice()), (RunStatus::Failed, [ErrorCode::Internal].as_slice()));
    assert_eq!(ended(&run, CONFIGURATION).0, Some(ListingOutcome::Incomplete));
    assert!(high(&world, &[CONFIGURATION], Reference::LatestCompleted).await.is_empty());
    assert_eq!(world.sync(&[CONFIGURATION]).await.record.status, RunStatus::Success);
    assert_eq!(high(&world, &[CONFIGURATION], Reference::LatestCompleted).await.get(CONFIGURATION), Some(&1));
}
