//! Other proofs than a secret: certificates, federated assertions, and a machine's identity.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{RSA_PKCS1_SHA256, RSA_PSS_SHA256, RsaEncoding, RsaKeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use lastseen_model::TenantId;
use lastseen_simulator::{FederatedPlan, MachinePlan, Simulator, SimulatorConfig, TenantPlan};
use rcgen::{CertificateParams, KeyPair, PKCS_RSA_SHA256};
use serde_json::{Value, json};

use crate::support::{Client, TYPE, target};

struct Pair {
    key: RsaKeyPair,
    certificate: Vec<u8>,
}

impl Pair {
    fn new() -> Self {
        let key = KeyPair::generate_for(&PKCS_RSA_SHA256).expect("a key");
        let certificate = CertificateParams::new(Vec::new()).expect("parameters").self_signed(&key).expect("a certificate");
        Self { key: RsaKeyPair::from_pkcs8(key.serialized_der()).expect("a key"), certificate: certificate.der().to_vec() }
    }

    fn thumbprint(&self) -> String {
        URL_SAFE_NO_PAD.encode(digest(&SHA256, &self.certificate))
    }

    fn sign(&self, encoding: &'static dyn RsaEncoding, header: &Value, claims: &Value) -> String {
        let message = format!("{}.{}", URL_SAFE_NO_PAD.encode(header.to_string()), URL_SAFE_NO_PAD.encode(claims.to_string()));
        let mut signature = vec![0; self.key.public_modulus_len()];
        self.key.sign(encoding, &SystemRandom::new(), message.as_bytes(), &mut signature).expect("signed");
        format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}

#[expect(clippy::disallowed_methods, reason = "an assertion names the time of day")]
fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs()
}

const SECRETLESS: (&str, &str) = ("client_secret", "");

/// What a token request with this assertion comes to: 200, or Entra's number.
async fn with(client: &Client, tenant: TenantId, assertion: &str) -> i64 {
    let form =
        [("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"), ("client_assertion", assertion), SECRETLESS];
    let reply = client.token_request(&tenant.to_string(), &form).await.expect("an answer");
    if reply.status == 200 { 200 } else { reply.json()["error_codes"][0].as_i64().expect("a number") }
}

async fn simulator(config: SimulatorConfig) -> (Simulator, Client, TenantId) {
    let tenant = TenantPlan::numbered(1);
    let id = tenant.tenant_id;
    let simulator = Simulator::start(SimulatorConfig { tenants: vec![tenant, TenantPlan::numbered(2)], ..config }).await.expect("started");
    let client = Client::sign_in(&simulator, id).await;
    (simulator, client, id)
}

#[tokio::test]
async fn a_certificates_assertion_is_verified_to_its_last_claim() {
    let (pair, other) = (Pair::new(), Pair::new());
    let config = SimulatorConfig { certificates: vec![pair.certificate.clone()], ..SimulatorConfig::default() };
    let app = config.client_id.clone();
    let (simulator, client, tenant) = simulator(config).await;
    let header = json!({"alg": "PS256", "typ": "JWT", "x5t#S256": pair.thumbprint()});
    let claims = |id: &str| {
        let endpoint = format!("{}/{tenant}/oauth2/v2.0/token", simulator.origin());
        json!({"aud": endpoint, "iss": app, "sub": app, "jti": id, "nbf": now(), "exp": now() + 300})
    };
    let changed = |name: &str, value: Value| {
        let mut claims = claims(name);
        claims[name] = value;
        claims
    };
    let good = pair.sign(&RSA_PSS_SHA256, &header, &claims("1"));
    assert_eq!(with(&client, tenant, &good).await, 200);
    assert_eq!(with(&client, tenant, &good).await, 50_027, "its id was used");
    let foreign = json!({"alg": "PS256", "x5t#S256": other.thumbprint()});
    for (assertion, number) in [
        (other.sign(&RSA_PSS_SHA256, &header, &claims("2")), 700_027),
        (other.sign(&RSA_PSS_SHA256, &foreign, &claims("3")), 700_027),
        (pair.sign(&RSA_PKCS1_SHA256, &header, &claims("4")), 700_027),
        (pair.sign(&RSA_PSS_SHA256, &header, &changed("aud", "https://login.example".into())), 700_023),
        (pair.sign(&RSA_PSS_SHA256, &header, &changed("iss", "other".into())), 700_021),
        (pair.sign(&RSA_PSS_SHA256, &header, &changed("sub", "other".into())), 700_021),
        (pair.sign(&RSA_PSS_SHA256, &header, &changed("exp", (now() - 1_000).into())), 700_024),
        (pair.sign(&RSA_PSS_SHA256, &header, &changed("exp", (now() + 1_000).into())), 700_024),
        (pair.sign(&RSA_PSS_SHA256, &header, &changed("nbf", (now() + 1_000).into())), 700_024),
        (pair.sign(&RSA_PSS_SHA256, &header, &changed("jti", Value::Null)), 50_027),
        ("a.b.c".to_owned(), 50_027),
        (String::new(), 50_027),
    ] {
        assert_eq!(with(&client, tenant, &assertion).await, number);
    }
    simulator.shutdown().await;
}

#[tokio::test]
async fn a_federated_assertion_is_taken_from_one_issuer_about_one_subject_for_one_audience() {
    let (pair, other) = (Pair::new(), Pair::new());
    let plan = FederatedPlan {
        issuer: "https://cluster.example/".to_owned(),
        subject: "system:serviceaccount:lastseen:worker".to_owned(),
        audience: "api://AzureADTokenExchange".to_owned(),
        certificate: pair.certificate.clone(),
    };
    let (simulator, client, tenant) = simulator(SimulatorConfig { federated: vec![plan.clone()], ..SimulatorConfig::default() }).await;
    let header = json!({"alg": "RS256", "kid": "1"});
    let claims =
        |issuer: &str, subject: &str, audience: &str, end: u64| json!({"iss": issuer, "sub": subject, "aud": audience, "exp": end});
    let FederatedPlan { issuer, subject, audience, .. } = &plan;
    let later = now() + 3600;
    for (assertion, expected) in [
        (pair.sign(&RSA_PKCS1_SHA256, &header, &claims(issuer, subject, audience, later)), 200),
        (pair.sign(&RSA_PKCS1_SHA256, &header, &claims("https://other.example/", subject, audience, later)), 700_211),
        (pair.sign(&RSA_PKCS1_SHA256, &header, &claims(issuer, "other", audience, later)), 700_213),
        (pair.sign(&RSA_PKCS1_SHA256, &header, &claims(issuer, subject, "api://AzureADTokenExchangeChina", later)), 700_212),
        (pair.sign(&RSA_PKCS1_SHA256, &header, &claims(issuer, subject, audience, now() - 1_000)), 700_024),
        (other.sign(&RSA_PKCS1_SHA256, &header, &claims(issuer, subject, audience, later)), 50_013),
    ] {
        assert_eq!(with(&client, tenant, &assertion).await, expected);
    }
    simulator.shutdown().await;
}

#[tokio::test]
async fn a_token_request_without_any_proof_is_told_so() {
    let (simulator, client, tenant) = simulator(SimulatorConfig::default()).await;
    let reply = client.token_request(&tenant.to_string(), &[SECRETLESS]).await.expect("an answer");
    assert_eq!(reply.json()["error_codes"][0], 7_000_216);
    simulator.shutdown().await;
}

#[tokio::test]
async fn a_machines_identity_endpoint_gives_tokens_for_its_own_tenant() {
    let tenant = TenantPlan::numbered(1).tenant_id;
    let machine = MachinePlan { tenant_id: tenant, client_id: Some("user-assigned".to_owned()), header: "the-header".to_owned() };
    let (simulator, mut client, _) = simulator(SimulatorConfig { machine: Some(machine), ..SimulatorConfig::default() }).await;
    let ask = async |target: &str, header: (&str, &str)| {
        Client::read(client.request("GET", target).header(header.0, header.1)).await.expect("an answer")
    };
    let resource = simulator.origin();
    let question = format!("/metadata/identity/oauth2/token?api-version=2018-02-01&resource={resource}");
    let whole = format!("{question}&client_id=user-assigned");
    let metadata = ("Metadata", "true");
    let given = ask(&whole, metadata).await;
    assert_eq!((given.status, given.json()["expires_in"].is_string()), (200, true));
    let service = format!("/msi/token?api-version=2019-08-01&resource={resource}&client_id=user-assigned");
    let by_service = ask(&service, ("X-IDENTITY-HEADER", "the-header")).await;
    assert_eq!((by_service.status, by_service.json().get("expires_in"), by_service.json()["expires_on"].is_string()), (200, None, true));
    for (target, header, status) in [
        (whole.as_str(), ("Accept", "*/*"), 400),
        (question.as_str(), metadata, 400),
        (&whole.replace("2018-02-01", "2017-01-01"), metadata, 400),
        (&whole.replace("resource=http", "resource=ftp"), metadata, 400),
        (service.as_str(), ("X-IDENTITY-HEADER", "wrong"), 403),
    ] {
        let refused = ask(target, header).await;
        assert_eq!((refused.status, refused.json()["error"].is_string()), (status, true), "{target}");
    }
    let token = given.json()["access_token"].as_str().expect("a token").to_owned();
    client.token = token;
    assert_eq!(client.get(&target(TYPE)).await.status, 200);
    simulator.shutdown().await;
}

#[tokio::test]
async fn without_a_machine_there_is_no_identity_endpoint_and_no_certificate_is_no_certificate() {
    let (simulator, client, _) = simulator(SimulatorConfig::default()).await;
    assert_eq!(client.get("/metadata/identity/oauth2/token?api-version=2018-02-01").await.status, 400);
    simulator.shutdown().await;
    let wrong = SimulatorConfig { certificates: vec![vec![1, 2, 3]], latency: Duration::ZERO, ..SimulatorConfig::default() };
    assert_eq!(Simulator::start(wrong).await.map(drop).map_err(|error| error.kind()), Err(std::io::ErrorKind::InvalidInput));
}
