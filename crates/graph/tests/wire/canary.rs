//! What must never be shown: secrets, tokens, page tokens, and texts from outside (I17).

use std::fmt::Write as _;
use std::io::{self, Write};
use std::sync::{Arc, Mutex, OnceLock};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use lastseen_contracts::PathContract;
use lastseen_graph::{Endpoints, GraphClient, GraphSettings, Origin, TokioTimer};
use lastseen_model::ErrorCode;
use tracing_subscriber::filter::LevelFilter;

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
    for failure in &failures {
        write!(shown, "{failure} {failure:?} {}", serde_json::to_string(&failure.context).expect("JSON")).expect("to memory");
    }
    write!(shown, "{:?} {:?} {:?}", credential(), server.access(), session.traffic()).expect("to memory");
    let logged = String::from_utf8_lossy(&log.0.lock().expect("whole")).into_owned();
    assert!(logged.contains("Graph answered") && logged.contains("signed in"), "the log is taken");
    assert!(logged.contains("TRACE") || logged.contains("hyper") || logged.contains("reqwest"), "of the libraries, too");
    let secret = STANDARD.encode("canary-secret");
    for text in [&shown, &logged] {
        let caught = text.lines().find(|line| line.to_lowercase().contains("canary") || line.contains(&secret));
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
    let mut client = server.client_with(GraphSettings { max_attempts: 1, ..server.settings() }, &FakeTimer::new());
    client.access.endpoints = Endpoints { authority: origin.clone(), graph: origin };
    if client.graph.prepare(&client.access.endpoints).is_err() {
        println!("skipped: this system has no CA certificates, so no client for https can be made");
        return;
    }
    let failure = session(&client).sign_in().await.expect_err("no TLS there");
    assert_eq!(failure.code, ErrorCode::GraphConnection);
    assert!(server.requests().is_empty());
}
