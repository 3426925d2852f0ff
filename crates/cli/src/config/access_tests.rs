use lastseen_graph::{Proof, TokioTimer};
use lastseen_model::TenantId;

use super::*;

fn config(credential: Option<&str>) -> AccessConfig {
    AccessConfig {
        cloud: Cloud::Global,
        authority: None,
        graph: None,
        client_id: Some("ours".parse().expect("an id")),
        credential: credential.map(|text| text.parse().expect("a reference")),
        environment: Arc::new(|name| Ok(name.starts_with("LASTSEEN_").then(|| format!("value-of-{name}").into()))),
    }
}

fn tenant() -> TenantAccess {
    let id: TenantId = "8c2f0c1e-5a54-4c0e-9d6b-3f1f0f6b7a10".parse().expect("a tenant");
    TenantAccess::of(id)
}

async fn access(config: &AccessConfig, tenant: &TenantAccess) -> Result<Access, CredentialProblem> {
    config.accesses(Arc::new(TokioTimer::default())).access(tenant).await
}

fn client_of(access: &Access) -> Option<&str> {
    access.credential.client_id.as_ref().map(ClientId::as_str)
}

#[tokio::test]
async fn a_tenant_without_a_record_of_its_own_is_reached_as_configured() {
    let access = access(&config(Some("env:LASTSEEN_CLIENT_SECRET")), &tenant()).await.expect("an access");
    assert_eq!((&access.endpoints, client_of(&access), access.requests_at_once), (&Endpoints::default(), Some("ours"), None));
    assert!(matches!(access.credential.proof, Proof::Secret(_)));
}

#[tokio::test]
async fn a_tenants_own_cloud_client_and_credential_go_before_the_configured_ones() {
    let own = TenantAccess {
        cloud: Some(Cloud::UsGovernmentDod),
        client_id: Some("its-own".parse().expect("an id")),
        credential: Some("env:LASTSEEN_CONTOSO".parse().expect("a reference")),
        requests_at_once: Some(2),
        ..tenant()
    };
    let access = access(&config(Some("managed-identity")), &own).await.expect("an access");
    assert_eq!(access.endpoints, Endpoints::of(Cloud::UsGovernmentDod));
    assert_eq!((client_of(&access), access.requests_at_once), (Some("its-own"), NonZeroUsize::new(2)));
}

#[tokio::test]
async fn an_origin_of_ones_own_wins_over_the_cloud_of_a_tenant() {
    let graph = Some(Origin::parse("https://proxy.example").expect("an origin"));
    let config = AccessConfig { graph: graph.clone(), ..config(Some("env:LASTSEEN_CLIENT_SECRET")) };
    let access = access(&config, &TenantAccess { cloud: Some(Cloud::China), ..tenant() }).await.expect("an access");
    assert_eq!((Some(access.endpoints.graph), access.endpoints.authority), (graph, Endpoints::of(Cloud::China).authority));
}

#[tokio::test]
async fn our_client_id_goes_with_a_tenants_secret_and_never_with_a_machines_identity() {
    let own = |text: &str| TenantAccess { credential: Some(text.parse().expect("a reference")), ..tenant() };
    let ours = config(Some("env:LASTSEEN_CLIENT_SECRET"));
    assert_eq!(client_of(&access(&ours, &own("env:LASTSEEN_B")).await.expect("an access")), Some("ours"));
    assert_eq!(client_of(&access(&ours, &own("managed-identity")).await.expect("an access")), None);
    let problem = access(&config(Some("managed-identity")), &own("env:LASTSEEN_B")).await.map(drop).expect_err("no client id");
    assert_eq!(problem.reason, CredentialReason::NoClientId);
    // The configured one may be a user-assigned identity.
    assert_eq!(client_of(&access(&config(Some("managed-identity")), &tenant()).await.expect("an access")), Some("ours"));
}

#[tokio::test]
async fn without_any_credential_there_is_a_reason_and_no_access() {
    let problem = access(&config(None), &tenant()).await.map(drop).expect_err("refused");
    assert_eq!(problem, CredentialProblem { place: None, reason: CredentialReason::NotConfigured });
    let told = config(None).check(None, &TokioTimer::default()).await.expect_err("refused");
    assert!(told.to_string().contains("no credential"), "{told}");
}

#[test]
fn i17_a_configuration_does_not_show_its_secret() {
    let origin = Origin::parse("http://127.0.0.1:1").expect("an origin");
    let config = AccessConfig::for_demo(&origin, "demo", "canary-4711".to_owned()).expect("a configuration");
    assert!(!format!("{config:?}").contains("canary"));
}

#[test]
fn two_places_for_one_secret_in_the_file_are_refused_by_name() {
    let file = GraphConfig {
        credential: Some("managed-identity".to_owned()),
        client_secret_file: Some("secret".into()),
        ..GraphConfig::default()
    };
    let problem = credential(&file).expect_err("refused");
    assert_eq!(problem.what, "both graph.credential and graph.client_secret_file are set");
}

#[test]
fn i17_a_secret_in_the_place_of_its_reference_is_not_repeated() {
    let file = GraphConfig { credential: Some("canary-4711".to_owned()), ..GraphConfig::default() };
    let problem = credential(&file).expect_err("refused");
    assert!(problem.what.starts_with("graph.credential is not usable") && !problem.to_string().contains("4711"), "{problem}");
}
