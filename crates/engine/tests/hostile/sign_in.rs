//! Signing in that fails: the run ends before its first listing, and takes nothing away (I15, I21).

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use lastseen_engine::{Accesses, Silent, TenantAccess};
use lastseen_graph::{Access, Credential, CredentialProblem, Origin, Proof};
use lastseen_model::ErrorCode::{
    AuthFailed, AuthTenantMismatch, CredentialUnavailable, GraphConnection, GraphInvalidResponse, GraphThrottled, GraphTimeout,
    GraphUnavailable,
};
use lastseen_model::{ErrorCode, ListingOutcome, Reference, RunStatus};
use lastseen_simulator::{FaultScript, SizePlan, TenantPlan};
use lastseen_store::RunDetail;
use tokio_util::sync::CancellationToken;

use crate::row::{OBJECTS, PLAIN, ended, high, nothing_planted_is_on_disk};
use crate::support::{World, key, request};

/// A fault of the token endpoint, the code it comes to, and the most requests that may be sent.
pub(crate) struct Refusal(&'static str, pub(crate) ErrorCode, u64);

pub(crate) const REFUSALS: &[Refusal] = &[
    Refusal("action='status'\nstatus=400\ntext='{\"error\":\"x\",\"error_codes\":[90002]}'", AuthFailed, 1),
    Refusal("action='status'\nstatus=401\ntext='{\"error\":\"invalid_client\",\"error_codes\":[7000215]}'", AuthFailed, 1),
    Refusal("action='status'\nstatus=404\ntext=''", AuthFailed, 1),
    Refusal("action='status'\nstatus=400\ntext='{\"error\":\"temporarily_unavailable\"}'", GraphUnavailable, 6),
    Refusal("action='status'\nstatus=408\ntext=''", GraphTimeout, 6),
    Refusal("action='status'\nerror='throttled'\nretry_after='10'", GraphThrottled, 6),
    Refusal("action='status'\nerror='throttled'\nretry_after='30,120'", GraphThrottled, 3),
    Refusal("action='status'\nerror='throttled'\nretry_after='86400'", GraphThrottled, 1),
    Refusal("action='status'\nstatus=500\ntext='{}'", GraphUnavailable, 3),
    Refusal("action='status'\nerror='bad_gateway'", GraphUnavailable, 6),
    Refusal("action='status'\nerror='unavailable'", GraphUnavailable, 6),
    Refusal("action='reset'", GraphConnection, 6),
    Refusal("action='truncate'", GraphInvalidResponse, 3),
    Refusal("action='garbage'", GraphInvalidResponse, 3),
    Refusal("action='invalid_json'", GraphInvalidResponse, 3),
    Refusal("action='deep'", GraphInvalidResponse, 1),
    Refusal("action='huge'\nbytes=1000000", GraphInvalidResponse, 1),
    Refusal("action='status'\nstatus=200\ntext='{}'", GraphInvalidResponse, 1),
    Refusal("action='status'\nstatus=200\ntext='{\"access_token\":\"a b\",\"expires_in\":1}'", GraphInvalidResponse, 1),
    Refusal("action='status'\nstatus=200\ntext='{\"access_token\":\"a\",\"expires_in\":-1}'", GraphInvalidResponse, 1),
    Refusal("action='status'\nstatus=302\ntext=''\nheaders={Location='http://127.0.0.1:9/'}", GraphInvalidResponse, 1),
];

/// What else comes of a credential or an authority: see the tests below.
pub(crate) const OTHERS: &[ErrorCode] = &[AuthTenantMismatch, CredentialUnavailable, AuthFailed, GraphConnection];

/// A tenant that was read once, and has lost an object since.
async fn world() -> World {
    let tenant = |number| TenantPlan { sizes: SizePlan::each(OBJECTS), ..TenantPlan::numbered(number) };
    let world = World::with(vec![tenant(1), tenant(2)]).await;
    assert_eq!(world.sync(&[PLAIN]).await.record.status, RunStatus::Success);
    let gone = world.simulator.world().list(world.tenant(), &key(PLAIN)).remove(7).0;
    world.simulator.world().remove(world.tenant(), &key(PLAIN), &gone).expect("it is there");
    world
}

/// The run ended before anything was listed, and nothing is certain after it.
async fn failed_and_nothing_is_certain(world: &World, run: &RunDetail, code: ErrorCode, what: &str) {
    assert_eq!((run.record.status, run.record.error_codes.as_slice()), (RunStatus::Failed, [code].as_slice()), "{what}");
    assert_eq!(ended(run, PLAIN).0, Some(ListingOutcome::NotStarted), "{what}");
    assert!(high(world, &[PLAIN], Reference::LatestCompleted).await.is_empty(), "{what}: i01");
    assert_eq!(world.items(PLAIN).await.len(), OBJECTS as usize, "{what}: i04");
    nothing_planted_is_on_disk(world, what);
}

async fn mended(world: &World) {
    world.simulator.faults().clear();
    assert_eq!(world.sync(&[PLAIN]).await.record.status, RunStatus::Success);
    assert_eq!(high(world, &[PLAIN], Reference::LatestCompleted).await.get(PLAIN), Some(&1));
}

#[tokio::test(flavor = "multi_thread")]
async fn i15_whatever_the_token_endpoint_answers_has_a_code_and_takes_nothing_away() {
    let world = world().await;
    for Refusal(fault, code, most) in REFUSALS {
        world.simulator.faults().clear();
        let script = FaultScript::parse(&format!("[[fault]]\npath = \"token\"\n{fault}\n")).expect("a script");
        world.simulator.faults().add_all(script.faults);
        let run = world.sync(&[PLAIN]).await;
        failed_and_nothing_is_certain(&world, &run, *code, fault).await;
        let sent = run.record.counts.traffic.requests;
        assert!(sent <= *most, "{fault}: {sent} requests, and not {most} at most");
    }
    mended(&world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn i15_a_token_endpoint_that_says_nothing_is_a_time_out() {
    let mut world = world().await;
    world.graph.request_timeout = Duration::from_secs(2);
    world.graph.max_attempts = 2;
    let script = FaultScript::parse("[[fault]]\npath = \"token\"\naction = 'hang'\n").expect("a script");
    world.simulator.faults().add_all(script.faults);
    let run = world.sync(&[PLAIN]).await;
    failed_and_nothing_is_certain(&world, &run, GraphTimeout, "hang").await;
    assert_eq!(run.record.counts.traffic.requests, 2);
    mended(&world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn i21_a_token_of_another_tenant_takes_nothing_away() {
    let world = world().await;
    let other = world.simulator.tenants()[1].tenant_id;
    world.simulator.world().issue_tokens_of(world.tenant(), Some(other)).expect("known tenants");
    let run = world.sync(&[PLAIN]).await;
    failed_and_nothing_is_certain(&world, &run, AuthTenantMismatch, "another tenant's token").await;
    assert_eq!(run.record.counts.traffic.requests, 1);
    world.simulator.world().issue_tokens_of(world.tenant(), None).expect("known tenants");
    mended(&world).await;
}

/// Everyone is reached so.
struct By(Access);

#[async_trait]
impl Accesses for By {
    async fn access(&self, _tenant: &TenantAccess) -> Result<Access, CredentialProblem> {
        Ok(self.0.clone())
    }
}

async fn sync_by(world: &World, access: Access) -> RunDetail {
    let engine = world.engine_by(Arc::new(By(access)));
    engine.sync(&world.scope(), &request(&[PLAIN]), Arc::new(Silent), CancellationToken::new()).await.expect("a run")
}

fn by(world: &World, proof: Proof) -> Access {
    let credential = Credential { client_id: Some(world.config.client_id.parse().expect("an id")), proof };
    Access { credential: Arc::new(credential), ..world.access() }
}

#[tokio::test(flavor = "multi_thread")]
async fn i15_a_proof_that_is_wrong_or_gone_takes_nothing_away() {
    let world = world().await;
    let run = sync_by(&world, by(&world, Proof::Secret("canary-another-secret-1f20".into()))).await;
    failed_and_nothing_is_certain(&world, &run, AuthFailed, "another secret").await;
    assert!(!String::from_utf8_lossy(&world.disk()).contains("canary-another-secret-1f20"), "i17");
    let before = world.simulator.counts().requests;
    let folder = tempfile::tempdir().expect("a folder");
    for (file, content) in [("gone", None), ("no-assertion", Some("canary-no-assertion-77e1"))] {
        let file = folder.path().join(file);
        if let Some(content) = content {
            std::fs::write(&file, content).expect("written");
        }
        let run = sync_by(&world, by(&world, Proof::Federated(file))).await;
        failed_and_nothing_is_certain(&world, &run, CredentialUnavailable, "a federated credential").await;
    }
    assert_eq!(world.simulator.counts().requests, before, "nothing was asked");
    assert!(!String::from_utf8_lossy(&world.disk()).contains("canary-no-assertion-77e1"), "i17");
    mended(&world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn i15_an_authority_or_a_graph_that_is_not_there_takes_nothing_away() {
    let world = world().await;
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let nowhere = Origin::parse(&format!("http://{}", listener.local_addr().expect("an address"))).expect("an origin");
    drop(listener);
    let mut access = world.access();
    access.endpoints.authority = nowhere.clone();
    failed_and_nothing_is_certain(&world, &sync_by(&world, access).await, GraphConnection, "no authority").await;
    let mut access = world.access();
    access.endpoints.graph = nowhere;
    let run = sync_by(&world, access).await;
    assert_eq!(ended(&run, PLAIN), (Some(ListingOutcome::Incomplete), Some(GraphConnection)));
    assert_eq!(run.record.counts.traffic.requests, 1 + 6);
    mended(&world).await;
}
