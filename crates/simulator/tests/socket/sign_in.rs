//! The token endpoint.

use std::time::Duration;

use crate::support::{Client, TYPE, policy_type, small, target};
use lastseen_simulator::{Simulator, SimulatorConfig, TenantPlan};
use serde_json::Value;

fn aadsts(body: &Value) -> (i64, bool) {
    let number = body["error_codes"][0].as_i64().expect("a number");
    let text = body["error_description"].as_str().expect("a text");
    (number, text.starts_with(&format!("AADSTS{number}: ")) && text.contains("canary-sign-in-error") && text.contains("\r\n"))
}

#[tokio::test]
async fn a_refusal_reads_like_entras() {
    let (simulator, client, tenant) = small(1).await;
    let tenant = tenant.to_string();
    let refused = [
        (tenant.as_str(), ("client_secret", "wrong"), 401, "invalid_client", 7_000_215),
        (tenant.as_str(), ("client_id", "wrong"), 400, "unauthorized_client", 700_016),
        (tenant.as_str(), ("grant_type", "password"), 400, "unsupported_grant_type", 70_003),
        (tenant.as_str(), ("scope", "openid"), 400, "invalid_scope", 70_011),
        ("7a1c0e5e-0000-4000-8000-000000000001", ("", ""), 400, "invalid_request", 90_002),
        ("contoso.onmicrosoft.com", ("", ""), 400, "invalid_request", 90_002),
    ];
    for (tenant, changed, status, error, number) in refused {
        let reply = client.token_request(tenant, &[changed]).await.expect("an answer");
        let body = reply.json();
        assert_eq!((reply.status, body["error"].as_str()), (status, Some(error)), "{changed:?}");
        assert_eq!(aadsts(&body), (number, true), "{changed:?}");
    }
    assert_eq!(simulator.counts().token_requests, 7);
    simulator.shutdown().await;
}

#[tokio::test]
async fn without_a_good_token_graph_answers_401_with_a_challenge() {
    let (simulator, mut client, _) = small(1).await;
    let good = client.token.clone();
    for bad in ["", "x", "a.b.c", &format!("{good}0")] {
        bad.clone_into(&mut client.token);
        let reply = client.get(&target(TYPE)).await;
        assert_eq!((reply.status, reply.error_code().as_str()), (401, "InvalidAuthenticationToken"), "{bad}");
        assert!(reply.header("www-authenticate").is_some_and(|challenge| challenge.starts_with("Bearer")));
    }
    client.token = good;
    assert_eq!(client.get(&target(TYPE)).await.status, 200);
    simulator.shutdown().await;
}

#[tokio::test]
async fn a_revoked_or_expired_token_is_cured_by_a_fresh_one() {
    let (simulator, client, tenant) = small(1).await;
    simulator.world().revoke_tokens(tenant).expect("a known tenant");
    assert_eq!(client.get(&target(TYPE)).await.status, 401);
    let client = Client::sign_in(&simulator, tenant).await;
    assert_eq!(client.get(&target(TYPE)).await.status, 200);

    simulator.world().set_token_lifetime(Duration::ZERO);
    let expired = Client::sign_in(&simulator, tenant).await;
    assert_eq!(expired.get(&target(TYPE)).await.status, 401);
    assert_eq!(client.get(&target(TYPE)).await.status, 200, "issued before");
    simulator.shutdown().await;
}

#[tokio::test]
async fn i21_a_token_of_another_tenant_says_so_and_opens_that_tenant() {
    let config = SimulatorConfig { tenants: vec![TenantPlan::numbered(1), TenantPlan::numbered(2)], ..SimulatorConfig::default() };
    let (one, two) = (config.tenants[0].tenant_id, config.tenants[1].tenant_id);
    let simulator = Simulator::start(config).await.expect("started");
    simulator.world().issue_tokens_of(one, Some(two)).expect("known tenants");
    let client = Client::sign_in(&simulator, one).await;
    let claims: Value = serde_json::from_slice(&decode(client.token.split('.').nth(1).expect("claims"))).expect("JSON");
    assert_eq!(claims["tid"], two.to_string());
    assert!(claims["roles"].as_array().is_some_and(|roles| roles.contains(&"DeviceManagementConfiguration.Read.All".into())));
    assert!(claims["exp"].as_u64() > claims["iat"].as_u64());
    let listed = client.all_ids(&target("deviceCompliancePolicy")).await;
    let held = |tenant| simulator.world().list(tenant, &policy_type("deviceCompliancePolicy"));
    assert_eq!(listed, held(two).into_iter().map(|(id, _)| id).collect::<Vec<_>>());
    assert_ne!(listed, held(one).into_iter().map(|(id, _)| id).collect::<Vec<_>>());
    simulator.shutdown().await;
}

fn decode(text: &str) -> Vec<u8> {
    use base64::Engine as _;
    base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(text).expect("base64url")
}
