//! Runs that sign in by every kind of credential, to a simulator that verifies it; and what becomes of a run that can't.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use lastseen_engine::{Accesses, Silent, SyncError, TenantAccess};
use lastseen_graph::{Access, Credential, CredentialProblem, Endpoints, Environment};
use lastseen_model::{ErrorCode, ListingOutcome, RunStatus, TenantId};
use lastseen_simulator::{FederatedPlan, MachinePlan, Simulator, SimulatorConfig, SizePlan, TenantPlan, Watched};
use lastseen_store::RunDetail;
use p12_keystore::{Certificate as Pkcs12Certificate, KeyStore, KeyStoreEntry, PrivateKey, PrivateKeyChain};
use rcgen::{CertificateParams, KeyPair, PKCS_RSA_SHA256, SigningKey as _};
use serde_json::json;
use tokio_util::sync::CancellationToken;

use crate::support::{World, request};

const TAG: &str = "roleScopeTag";

/// Where each tenant is, and where its credential is kept.
struct Told {
    tenants: BTreeMap<TenantId, (Endpoints, String)>,
    client_id: String,
    environment: Environment,
}

impl Told {
    /// One tenant, and nothing in the environment.
    fn one(world: &World, reference: impl Into<String>) -> Self {
        Self {
            tenants: BTreeMap::from([(world.tenant(), (world.endpoints.clone(), reference.into()))]),
            client_id: world.config.client_id.clone(),
            environment: Arc::new(|_| Ok(None)),
        }
    }
}

#[async_trait]
impl Accesses for Told {
    async fn access(&self, tenant: &TenantAccess) -> Result<Access, CredentialProblem> {
        let (endpoints, reference) = &self.tenants[&tenant.tenant_id];
        let client_id = (reference != "managed-identity").then(|| self.client_id.parse().expect("an id"));
        let reference = reference.parse().expect("a reference");
        let credential = Credential::resolve(reference, client_id, self.environment.clone(), Duration::from_secs(now())).await?;
        Ok(Access { endpoints: endpoints.clone(), credential: Arc::new(credential), requests_at_once: None })
    }
}

#[expect(clippy::disallowed_methods, reason = "an assertion names the time of day")]
fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs()
}

async fn sync(world: &World, accesses: Told) -> RunDetail {
    let engine = world.engine_by(Arc::new(accesses));
    engine.sync(&world.scope(), &request(&[TAG]), Arc::new(Silent), CancellationToken::new()).await.expect("a run")
}

fn pair() -> &'static (KeyPair, rcgen::Certificate) {
    static PAIR: OnceLock<(KeyPair, rcgen::Certificate)> = OnceLock::new();
    PAIR.get_or_init(|| made(&KeyPair::generate_for(&PKCS_RSA_SHA256).expect("a key").serialize_pem()))
}

fn made(pem: &str) -> (KeyPair, rcgen::Certificate) {
    let key = KeyPair::from_pem(pem).expect("a key");
    let certificate = CertificateParams::new(Vec::new()).expect("parameters").self_signed(&key).expect("a certificate");
    (key, certificate)
}

/// A world whose application has the certificate, whose cluster is trusted, and whose machine has an identity.
async fn world() -> World {
    let (_, certificate) = pair();
    let tenant = TenantPlan { sizes: SizePlan::each(3), ..TenantPlan::numbered(1) };
    World::of(SimulatorConfig {
        certificates: vec![certificate.der().to_vec()],
        federated: vec![FederatedPlan {
            issuer: "https://cluster.example/".to_owned(),
            subject: "worker".to_owned(),
            audience: "api://AzureADTokenExchange".to_owned(),
            certificate: certificate.der().to_vec(),
        }],
        machine: Some(MachinePlan { tenant_id: tenant.tenant_id, client_id: None, header: "canary-header-4711".to_owned() }),
        tenants: vec![tenant],
        record: true,
        ..SimulatorConfig::default()
    })
    .await
}

fn written(world: &World, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
    let file = world.folder.path().join(name);
    std::fs::write(&file, content).expect("written");
    file
}

fn pkcs12(password: &str) -> Vec<u8> {
    let (key, certificate) = pair();
    let key = PrivateKey::from_der(key.serialized_der()).expect("PKCS#8");
    let chain = PrivateKeyChain::new("1", key, [Pkcs12Certificate::from_der(certificate.der()).expect("a certificate")]);
    let mut store = KeyStore::new();
    store.add_entry("app", KeyStoreEntry::PrivateKeyChain(chain));
    store.writer(password).encryption_iterations(100).mac_iterations(100).write().expect("PKCS#12")
}

fn assertion(subject: &str) -> String {
    let claims = json!({"iss": "https://cluster.example/", "sub": subject, "aud": "api://AzureADTokenExchange", "exp": now() + 600});
    let message = format!("{}.{}", URL_SAFE_NO_PAD.encode(r#"{"alg":"RS256"}"#), URL_SAFE_NO_PAD.encode(claims.to_string()));
    let signature = pair().0.sign(message.as_bytes()).expect("signed");
    format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_signs_in_by_pem_by_pkcs12_by_an_assertion_and_as_a_machine() {
    let world = world().await;
    let (key, certificate) = pair();
    let pem = written(&world, "app.pem", key.serialize_pem() + &certificate.pem());
    let locked = written(&world, "app.pfx", pkcs12("pass-4711"));
    let password = written(&world, "password", "pass-4711\n");
    let token = written(&world, "token", assertion("worker"));
    let identity: Environment = {
        let endpoint = format!("{}/msi/token", world.simulator.origin());
        Arc::new(move |name| {
            Ok(match name {
                "IDENTITY_ENDPOINT" => Some(endpoint.clone().into()),
                "IDENTITY_HEADER" => Some("canary-header-4711".into()),
                _ => None,
            })
        })
    };
    for reference in [
        format!("certificate:{}", pem.display()),
        format!("certificate:{},password=file:{}", locked.display(), password.display()),
        format!("federated:{}", token.display()),
        "managed-identity".to_owned(),
    ] {
        let told = Told { environment: identity.clone(), ..Told::one(&world, reference.clone()) };
        let run = sync(&world, told).await;
        assert_eq!(run.record.status, RunStatus::Success, "{reference}: {:?}", run.errors);
    }
    assert_eq!(world.items(TAG).await.len(), 3);
    // What proved the client lies in files beside the database, and must not be in it.
    let mut kept = Vec::new();
    for entry in std::fs::read_dir(world.folder.path()).expect("a folder") {
        let file = entry.expect("an entry").path();
        if file.file_name().is_some_and(|name| name.to_string_lossy().starts_with("lastseen.db")) {
            kept.extend(std::fs::read(file).expect("a file"));
        }
    }
    let kept = String::from_utf8_lossy(&kept);
    assert!(kept.contains(TAG), "the database was read");
    let (pem, token) = (key.serialize_pem(), std::fs::read_to_string(token).expect("a file"));
    let lines = pem.lines().skip(1).take_while(|line| !line.contains("END"));
    for secret in lines.chain(token.split('.')).chain(["pass-4711", "canary-header-4711", "canary-access-token"]) {
        assert!(!kept.contains(secret), "i17: a secret is in the database");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_proof_fails_the_run_with_entras_number() {
    let world = world().await;
    let other = KeyPair::generate_for(&PKCS_RSA_SHA256).expect("a key");
    let (key, certificate) = made(&other.serialize_pem());
    let pem = written(&world, "other.pem", key.serialize_pem() + &certificate.pem());
    let token = written(&world, "token", assertion("somebody else"));
    for (reference, number) in [(format!("certificate:{}", pem.display()), 700_027), (format!("federated:{}", token.display()), 700_213)] {
        let run = sync(&world, Told::one(&world, reference)).await;
        assert_eq!((run.record.status, run.errors[0].code), (RunStatus::Failed, ErrorCode::AuthFailed));
        assert_eq!(run.errors[0].context.aadsts, Some(number));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_credential_that_is_not_there_ends_the_run_before_any_request_and_any_write() {
    let world = world().await;
    let locked = written(&world, "app.pfx", pkcs12("pass-4711"));
    let password = written(&world, "password", "another");
    let nowhere = world.folder.path().join("nowhere");
    for reference in [
        "env:LASTSEEN_NOT_SET".to_owned(),
        format!("file:{}", nowhere.display()),
        format!("certificate:{}", locked.display()),
        format!("certificate:{},password=file:{}", locked.display(), password.display()),
        format!("federated:{}", nowhere.display()),
    ] {
        let run = sync(&world, Told::one(&world, reference.clone())).await;
        assert_eq!(
            (run.record.status, run.record.error_codes.as_slice()),
            (RunStatus::Failed, [ErrorCode::CredentialUnavailable].as_slice()),
            "{reference}"
        );
        assert_eq!((run.listings[0].outcome, run.record.counts.traffic.requests), (Some(ListingOutcome::NotStarted), 0));
    }
    assert!(world.simulator.requests().is_empty() && world.items(TAG).await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_that_is_replaced_in_its_file_is_picked_up_by_the_next_run_of_the_same_engine() {
    let world = world().await;
    let file = written(&world, "secret", "the old one");
    let engine = world.engine_by(Arc::new(Told::one(&world, format!("file:{}", file.display()))));
    let mut codes = Vec::new();
    for content in ["the old one", world.config.client_secret.as_str(), "a third one"] {
        std::fs::write(&file, content).expect("written");
        let run = engine.sync(&world.scope(), &request(&[TAG]), Arc::new(Silent), CancellationToken::new()).await.expect("a run");
        codes.push(run.record.error_codes.first().copied());
    }
    assert_eq!(codes, [Some(ErrorCode::AuthFailed), None, Some(ErrorCode::AuthFailed)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn i21_one_engine_reads_two_tenants_of_two_clouds_each_by_its_own_credential() {
    let home = world().await;
    let plan = TenantPlan { sizes: SizePlan::each(5), ..TenantPlan::numbered(2) };
    let config = SimulatorConfig {
        tenants: vec![plan.clone()],
        seed: 7,
        client_secret: "the-other-clouds".to_owned(),
        record: true,
        ..SimulatorConfig::default()
    };
    let abroad: Watched = Simulator::start(config).await.expect("started").into();
    let origin: lastseen_graph::Origin = abroad.origin().parse().expect("an origin");
    let (ours, theirs) = (written(&home, "ours", &home.config.client_secret), written(&home, "theirs", "the-other-clouds"));
    let mut told = Told::one(&home, format!("file:{}", ours.display()));
    let endpoints = Endpoints { authority: origin.clone(), graph: origin };
    told.tenants.insert(plan.tenant_id, (endpoints, format!("file:{}", theirs.display())));
    let engine = home.engine_by(Arc::new(told));
    let (one, other) = (home.scope(), World::scope_of(plan.tenant_id));
    let ask = request(&[TAG]);
    for _ in 0..2 {
        let (one, other) = tokio::join!(
            engine.sync(&one, &ask, Arc::new(Silent), CancellationToken::new()),
            engine.sync(&other, &ask, Arc::new(Silent), CancellationToken::new()),
        );
        let observed = |run: Result<RunDetail, SyncError>| run.map(|run| (run.record.status, run.listings[0].observed)).expect("a run");
        assert_eq!((observed(one), observed(other)), ((RunStatus::Success, 3), (RunStatus::Success, 5)));
    }
    for (simulator, tenant) in [(&home.simulator, home.tenant()), (&abroad, plan.tenant_id)] {
        assert!(simulator.requests().iter().all(|request| request.tenant == Some(tenant) && request.status == 200));
        assert_eq!(simulator.counts().token_requests, 1);
    }
}

/// Accesses that never come.
struct Never;

#[async_trait]
impl Accesses for Never {
    async fn access(&self, _tenant: &TenantAccess) -> Result<Access, CredentialProblem> {
        std::future::pending().await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_whose_credential_is_slow_to_come_can_be_cancelled() {
    let world = world().await;
    let cancel = CancellationToken::new();
    cancel.cancel();
    let run = world.engine_by(Arc::new(Never)).sync(&world.scope(), &request(&[TAG]), Arc::new(Silent), cancel).await.expect("a run");
    assert_eq!(run.record.error_codes, [ErrorCode::Cancelled]);
}
