//! Tenants that change, and limits.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::support::{Client, policy_type, small, target};
use lastseen_simulator::{ChurnPlan, Simulator, SimulatorConfig, SizePlan, TenantPlan, ThrottlePlan, WorldError};

const COMPLIANCE: &str = "deviceCompliancePolicy";
const PLAN: ChurnPlan = ChurnPlan { percent_gone: 10, percent_new: 20, percent_renamed: 30, seed: 5 };

#[tokio::test]
async fn churn_takes_brings_and_renames_as_many_as_planned_and_the_socket_shows_it() {
    let (simulator, client, tenant) = small(50).await;
    let of = policy_type(COMPLIANCE);
    let before: BTreeSet<_> = simulator.world().list(tenant, &of).into_iter().collect();
    let churned = simulator.world().churn_type(tenant, &of, PLAN).expect("a known type");
    assert_eq!((churned.gone.len(), churned.new.len(), churned.renamed.len()), (5, 10, 15));
    let after: BTreeSet<_> = simulator.world().list(tenant, &of).into_iter().collect();
    assert_eq!(after.len(), 55);
    assert_eq!(before.intersection(&after).count(), 30, "neither gone nor renamed");
    let listed: BTreeSet<String> = client.all_ids(&target(COMPLIANCE)).await.into_iter().collect();
    assert_eq!(listed, after.into_iter().map(|(id, _)| id).collect());
    assert!(churned.gone.iter().all(|(_, id)| !listed.contains(id)));
    simulator.shutdown().await;
}

#[tokio::test]
async fn the_same_calls_change_the_same_objects() {
    let run = async || {
        let (simulator, _, tenant) = small(30).await;
        let churned = simulator.world().churn(tenant, PLAN).expect("a known tenant");
        let again = simulator.world().churn(tenant, ChurnPlan { seed: 6, ..PLAN }).expect("a known tenant");
        simulator.shutdown().await;
        assert!(!churned.gone.is_empty() && churned != again);
        (churned, again)
    };
    assert_eq!(run().await, run().await);
}

#[tokio::test]
async fn an_object_goes_comes_back_and_gets_another_name_under_the_same_id() {
    let (simulator, client, tenant) = small(4).await;
    let (world, of) = (simulator.world(), policy_type(COMPLIANCE));
    let all = client.all_ids(&target(COMPLIANCE)).await;
    world.remove(tenant, &of, &all[1]).expect("removed");
    assert_eq!(client.all_ids(&target(COMPLIANCE)).await, [&all[..1], &all[2..]].concat());
    world.restore(tenant, &of, &all[1]).expect("restored");
    assert_eq!(client.all_ids(&target(COMPLIANCE)).await, all);

    let before = client.get(&target(COMPLIANCE)).await.json()["value"][1].clone();
    world.rename(tenant, &of, &all[1], "Neuer Name").expect("renamed");
    let object = client.get(&target(COMPLIANCE)).await.json()["value"][1].clone();
    assert_eq!((object["id"].as_str(), object["displayName"].as_str()), (Some(all[1].as_str()), Some("Neuer Name")));
    assert_ne!(object["version"], before["version"]);
    simulator.shutdown().await;
}

#[tokio::test]
async fn objects_are_added_put_in_by_hand_and_counted() {
    let (simulator, client, tenant) = small(2).await;
    let (world, of) = (simulator.world(), policy_type(COMPLIANCE));
    let new = world.add(tenant, &of, 2).expect("added");
    world.insert(tenant, &of, "odd id/é?", Some("By hand")).expect("inserted");
    let ids = client.all_ids(&target(COMPLIANCE)).await;
    assert_eq!(ids.len(), 5);
    assert_eq!(ids[2..4], new);
    assert_eq!(ids[4], "odd id/é?");
    world.remove(tenant, &of, "odd id/é?").expect("removed");
    world.set_size(tenant, &of, 1).expect("resized");
    assert_eq!(client.all_ids(&target(COMPLIANCE)).await, ids[..1]);
    simulator.shutdown().await;
}

#[tokio::test]
async fn i24_i31_an_object_moves_to_another_type_under_the_same_id() {
    let (simulator, client, tenant) = small(3).await;
    let (world, catalogue) = (simulator.world(), policy_type("settingsCatalogPolicy"));
    let moved = world.list(tenant, &catalogue)[0].0.clone();

    let baseline = policy_type("securityBaselinePolicy");
    world.move_to_type(tenant, &catalogue, &moved, &baseline).expect("moved");
    let holds = |of| world.list(tenant, of).iter().any(|(id, _)| *id == moved);
    assert!(!holds(&catalogue) && holds(&baseline));
    let page = client.pages(&target("settingsCatalogPolicy")).await;
    let objects = page.iter().flat_map(|page| page.json()["value"].as_array().expect("an array").clone());
    let object = objects.into_iter().find(|object| object["id"] == moved.as_str()).expect("still on the path");
    let path = lastseen_contracts::Registry::builtin().find(&baseline).expect("known").0;
    let seen = path.observe(&object.to_string()).expect("an observation");
    assert_eq!(path.types[seen.type_index].policy_type, baseline);

    let compliance = policy_type(COMPLIANCE);
    world.move_to_type(tenant, &baseline, &moved, &compliance).expect("moved");
    assert!(!holds(&baseline) && holds(&compliance));
    assert!(!client.all_ids(&target("settingsCatalogPolicy")).await.contains(&moved));
    assert!(client.all_ids(&target(COMPLIANCE)).await.contains(&moved));
    simulator.shutdown().await;
}

#[tokio::test]
async fn a_change_to_what_is_not_there_is_refused() {
    let (simulator, _, tenant) = small(1).await;
    let (world, of) = (simulator.world(), policy_type(COMPLIANCE));
    let stranger = TenantPlan::numbered(77).tenant_id;
    assert_eq!(world.churn(stranger, PLAN), Err(WorldError::UnknownTenant(stranger)));
    assert_eq!(world.issue_tokens_of(tenant, Some(stranger)), Err(WorldError::UnknownTenant(stranger)));
    assert_eq!(world.add(tenant, &policy_type("noSuchType"), 1), Err(WorldError::UnknownType(policy_type("noSuchType"))));
    assert!(matches!(world.remove(tenant, &of, "no such id"), Err(WorldError::UnknownObject { .. })));
    assert!(matches!(world.add(tenant, &policy_type("deviceManagementSettings"), 1), Err(WorldError::Singleton(_))));
    simulator.shutdown().await;
}

#[tokio::test]
async fn a_configuration_that_makes_no_sense_does_not_start() {
    let refused = async |config: SimulatorConfig| {
        let error = Simulator::start(config).await.expect_err("refused");
        assert_eq!(error.kind(), std::io::ErrorKind::InvalidInput);
        error.to_string()
    };
    let plan = TenantPlan { sizes: SizePlan::each(1).with(policy_type("noSuchType"), 3), ..TenantPlan::numbered(1) };
    assert!(refused(SimulatorConfig { tenants: vec![plan], ..SimulatorConfig::default() }).await.contains("noSuchType"));
    let twice = vec![TenantPlan::numbered(1), TenantPlan::numbered(1)];
    assert!(refused(SimulatorConfig { tenants: twice, ..SimulatorConfig::default() }).await.contains("twice"));
    let throttle = Some(ThrottlePlan::intune().scaled(0.0));
    assert!(refused(SimulatorConfig { throttle, ..SimulatorConfig::default() }).await.contains("scale"));
}

#[tokio::test]
async fn the_demo_has_three_tenants_with_names_and_types_of_many_objects() {
    let simulator = Simulator::start(SimulatorConfig::demo()).await.expect("started");
    let [small, middling, large] = simulator.tenants() else { panic!("three tenants") };
    let held = |plan: &TenantPlan| simulator.world().list(plan.tenant_id, &policy_type("deviceConfiguration")).len();
    assert_eq!((held(small), held(middling), held(large)), (18, 44, 120));
    assert!(simulator.tenants().iter().all(|plan| !plan.name.is_empty()));
    simulator.shutdown().await;
}

#[tokio::test]
async fn i13_over_the_limit_graph_answers_429_with_the_wait_and_conditional_access_without() {
    let config = SimulatorConfig {
        throttle: Some(ThrottlePlan { requests: 5, window: Duration::from_secs(20), ..ThrottlePlan::intune() }),
        ..SimulatorConfig::default()
    };
    let tenant = config.tenants[0].tenant_id;
    let simulator = Simulator::start(config).await.expect("started");
    let client = Client::sign_in(&simulator, tenant).await;
    for _ in 0..5 {
        assert_eq!(client.get(&target(COMPLIANCE)).await.status, 200);
    }
    let throttled = client.get(&target(COMPLIANCE)).await;
    assert_eq!((throttled.status, throttled.error_code().as_str()), (429, "TooManyRequests"));
    let wait: u32 = throttled.header("retry-after").expect("a wait").parse().expect("whole seconds");
    assert!((1..=20).contains(&wait), "{wait}");

    assert_eq!(client.get(&target("conditionalAccessPolicy")).await.status, 200, "a budget of its own");
    let paced = client.get(&target("conditionalAccessPolicy")).await;
    assert_eq!((paced.status, paced.header("retry-after")), (429, None));
    assert_eq!(simulator.counts().throttled, 2);
    simulator.shutdown().await;
}

#[tokio::test]
async fn latency_holds_every_answer_back() {
    let config = SimulatorConfig { latency: Duration::from_millis(40), ..SimulatorConfig::default() };
    let tenant = config.tenants[0].tenant_id;
    let simulator = Simulator::start(config).await.expect("started");
    let asked = std::time::Instant::now();
    let client = Client::sign_in(&simulator, tenant).await;
    client.get(&target(COMPLIANCE)).await;
    assert!(asked.elapsed() >= Duration::from_millis(80));
    simulator.shutdown().await;
}
