//! What must never be shown: secrets, tokens, page tokens, and texts from outside (I17).

use std::fmt::Write as _;
use std::io::{self, Write};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use lastseen_contracts::PathContract;
use lastseen_graph::{
    Credential, Endpoints, Environment, GraphClient, GraphFailure, GraphSettings, IdentityEndpoint, Origin, Proof, TokioTimer,
};
use lastseen_model::ErrorCode;
use tracing_subscriber::filter::LevelFilter;

use crate::keys;
use crate::support::*;

/// Everything that is logged, at the finest level, by any library, as text.
#[derive(Clone)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("whole").extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The whole process logs here: the client's connections live in tasks of their own.
fn log() -> &'static Log {
    static LOG: OnceLock<Log> = OnceLock::new();
    LOG.get_or_init(|| {
        let log = Log(Arc::default());
        let writer = log.clone();
        // Takes the records of the `log` crate too, which the HTTP library writes.
        tracing_subscriber::fmt().with_max_level(LevelFilter::TRACE).with_ansi(false).with_writer(move || writer.clone()).init();
        log
    })
}

struct Ways {
    failures: Vec<GraphFailure>,
    shown: String,
    /// What a certificate signed.
    assertion: String,
}

/// Signs in by every proof but a secret, well and badly.
async fn signed_in_by_every_proof(server: &Server, timer: &Arc<FakeTimer>) -> Ways {
    let client = server.client(timer);
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("assertion");
    let (mut failures, mut shown) = (Vec::new(), String::new());
    let header = IdentityEndpoint::app_service(&server.url("/msi/token").into(), "canary-header".into()).expect("loopback");
    for (credential, content) in [
        (keys::by_certificate(), "canary"),
        (Credential { proof: Proof::Federated(file.clone()), ..credential() }, "canary"),
        (Credential { proof: Proof::Federated(file.clone()), ..credential() }, "canary.canary.canary"),
        (Credential { client_id: None, proof: Proof::ManagedIdentity(header) }, "canary"),
    ] {
        std::fs::write(&file, content).expect("written");
        server.graph([json(400, r#"{"error":"canary","error_description":"canary"}"#)]);
        let session = client.session_by(OTHER_TENANT, server.access_by(credential));
        failures.extend(session.sign_in().await.err());
        write!(shown, "{:?} {:?}", session.traffic(), session.token_facts().await.map(|facts| facts.roles)).expect("to memory");
    }
    let certificate = folder.path().join("app.pfx");
    std::fs::write(&certificate, "canary").expect("written");
    let reference = format!("certificate:{},password=env:LASTSEEN_P", certificate.display()).parse().expect("a reference");
    let password: Environment = Arc::new(|_| Ok(Some("canary-password".into())));
    let problem = Credential::resolve(reference, credential().client_id, password, Duration::ZERO).await.expect_err("no certificate");
    write!(shown, "{problem} {problem:?} {:?}", server.access_by(keys::by_certificate())).expect("to memory");
    let body = server.signed_in().into_iter().find(|request| request.body.contains("client_assertion=")).expect("an assertion").body;
    let assertion = body.split("client_assertion=").nth(1).and_then(|rest| rest.split('&').next()).expect("an assertion").to_owned();
    Ways { failures, shown, assertion }
}

/// Is challenged for its token, and finds out what a path takes from one that answers with canaries alone.
async fn challenged_and_probed(server: &Server, timer: &Arc<FakeTimer>) -> (Vec<GraphFailure>, String) {
    let challenge = format!("Bearer error=\"insufficient_claims\", claims=\"{}\"", STANDARD.encode(CLAIMS));
    let session = server.client(timer).session_by(OTHER_TENANT, server.access_by(keys::by_secret("canary-third-secret")));
    server.graph([answer(401, &[("www-authenticate", &challenge)]), server.page(&["canary-object"], None)]);
    assert!(list(session.pages(&path("/things"), &[0])).await.whole());
    let replayed = server.signed_in().pop().expect("a sign-in").body;
    assert!(replayed.contains("canary-claim"), "the challenge is replayed");
    let mut shown = String::new();
    let mut failures = Vec::new();
    let page =
        r#"{"value":[{"id":"canary-object","scriptContent":"canary"}],"@odata.nextLink":"https://canary.example/?$skiptoken=canary"}"#;
    let error = r#"{"error":{"code":"canary code","message":"canary https://canary.example/?sig=canary"}}"#;
    let path = PathContract { select: true, page_size: Some(999), ..path("/probed") };
    for replies in [vec![json(200, page), json(400, error), json(400, error), json(400, error)], vec![json(403, error)]] {
        server.graph(replies);
        server.graph(vec![json(400, error); 9]);
        match session.probe(&path).await {
            Ok(found) => write!(shown, "{found:?}").expect("to memory"),
            Err(failure) => failures.push(failure),
        }
    }
    write!(shown, "{session_facts:?}", session_facts = session.token_facts().await.map(|facts| facts.expires_in)).expect("to memory");
    (failures, shown)
}

/// What a challenge claims.
const CLAIMS: &str = r#"{"access_token":{"acrs":{"essential":true,"value":"canary-claim"}}}"#;

#[tokio::test]
async fn i17_no_canary_is_in_a_log_at_trace_or_in_anything_that_can_be_shown() {
    let log = log();
    let server = Server::start().await;
    let timer = FakeTimer::new();
    let token = format!("canary-token.{}.canary-signature", URL_SAFE_NO_PAD.encode(format!(r#"{{"tid":"{TENANT}"}}"#)));
    let grant = || json(200, &format!(r#"{{"access_token":"{token}","expires_in":3599}}"#));
    server.sign_in([throttled("canary-retry-after"), grant(), grant(), grant()]);
    let error = r#"{"error":{"code":"canary code","message":"canary-message","innerError":{"request-id":"canary-request-id"}}}"#;
    let headers = [("request-id", "canary-request-id"), ("www-authenticate", "Bearer canary-challenge"), ("Retry-After", "canary")];
    let next = "/beta/things?$skiptoken=canary-skiptoken";
    server.graph([
        server.page(&["canary-object"], Some(next)),
        Reply::Send(bytes(503, &headers, error.as_bytes())),
        Reply::Send(bytes(401, &headers, error.as_bytes())),
        Reply::SendAndClose(bytes(200, &[], br#"{"value":["canary-body"#)),
        Reply::Reset(b"HTTP/1.1 200 x\r\ncontent-length: 99\r\n\r\n{\"canary".to_vec()),
        page_to(&["canary-object"], Some("https://canary-host.example/beta/things?canary-query")),
        json(400, error),
        json(400, error),
        answer(302, &[("Location", "https://canary-host.example/")]),
    ]);
    let client = server.client(&timer);
    let session = session(&client);
    let mut shown = String::new();
    let listed = list(session.pages(&path("/things"), &[0])).await;
    write!(shown, "{:?}", listed.pages).expect("to memory");
    assert_eq!((listed.code(), listed.pages.len()), ("graph_untrusted_link", 2));
    let mut failures = vec![listed.failure.expect("a failure")];
    for path in [PathContract { select: true, ..path("/things") }, path("/things")] {
        failures.push(list(session.pages(&path, &[0])).await.failure.expect("a failure"));
    }
    let refused = Server::start().await;
    refused.sign_in([json(401, r#"{"error":"canary","error_description":"AADSTS7000215: canary","error_codes":[7000215]}"#)]);
    failures.push(refused.session(&timer).sign_in().await.expect_err("refused"));
    let ways = signed_in_by_every_proof(&server, &timer).await;
    failures.extend(ways.failures);
    shown.push_str(&ways.shown);
    let (more, probed) = challenged_and_probed(&Server::start().await, &timer).await;
    failures.extend(more);
    shown.push_str(&probed);
    for failure in &failures {
        write!(shown, "{failure} {failure:?} {}", serde_json::to_string(&failure.context).expect("JSON")).expect("to memory");
    }
    write!(shown, "{:?} {:?} {:?}", credential(), server.access(), session.traffic()).expect("to memory");
    let logged = String::from_utf8_lossy(&log.0.lock().expect("whole")).into_owned();
    assert!(logged.contains("Graph answered") && logged.contains("signed in"), "the log is taken");
    assert!(logged.contains("TRACE") || logged.contains("hyper") || logged.contains("reqwest"), "of the libraries, too");
    let mut secrets = vec![STANDARD.encode("canary-secret"), STANDARD.encode(CLAIMS), ways.assertion];
    // A line of the key is more than anyone may see.
    secrets.extend(keys::pem().lines().take_while(|line| !line.contains("END")).skip(1).map(str::to_owned));
    for text in [&shown, &logged] {
        let caught = text.lines().find(|line| line.to_lowercase().contains("canary") || secrets.iter().any(|secret| line.contains(secret)));
        assert_eq!(caught, None, "a canary is shown");
    }
}

#[test]
fn a_client_for_the_public_cloud_needs_no_tls_set_up_by_its_caller() {
    // A build without a provider of its own panics here. A system without CA certificates is told so and is no bug.
    let client = GraphClient::new(GraphSettings::default(), Arc::new(TokioTimer::new())).expect("a client");
    let made = client.prepare(&Endpoints::default());
    assert!(made.is_ok() || made.is_err_and(|error| error.to_string().contains("CA certificates")));
}

#[tokio::test]
async fn a_plain_server_behind_an_https_origin_is_no_connection_and_gets_nothing() {
    let server = Server::start().await;
    let origin = Origin::parse(&server.origin().to_string().replace("http:", "https:")).expect("an origin");
    let mut client = server.client_with(GraphSettings { max_attempts: 1, ..GraphSettings::default() }, &FakeTimer::new());
    client.access.endpoints = Endpoints { authority: origin.clone(), graph: origin };
    if client.graph.prepare(&client.access.endpoints).is_err() {
        println!("skipped: this system has no CA certificates, so no client for https can be made");
        return;
    }
    let failure = session(&client).sign_in().await.expect_err("no TLS there");
    assert_eq!(failure.code, ErrorCode::GraphConnection);
    assert!(server.requests().is_empty());
}
