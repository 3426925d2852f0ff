//! Signing in by each proof: what is sent, that it is made anew each time, and how it fails.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use lastseen_graph::{Access, Credential, IdentityEndpoint, Proof, Session};
use lastseen_model::ErrorCode;
use rstest::rstest;
use tokio::net::TcpListener;

use crate::keys::{by_certificate, no_environment};
use crate::support::*;

fn form(request: &Request) -> BTreeMap<String, String> {
    url::form_urlencoded::parse(request.body.as_bytes()).map(|(name, value)| (name.into(), value.into())).collect()
}

fn session_by(server: &Server, credential: Credential) -> Session {
    server.client(&FakeTimer::new()).session_by(TENANT, server.access_by(credential))
}

async fn code(session: &Session) -> Option<ErrorCode> {
    session.sign_in().await.err().map(|failure| failure.code)
}

#[tokio::test]
async fn a_certificate_signs_an_assertion_for_the_token_endpoint_anew_at_each_try() {
    let server = Server::start().await;
    server.sign_in([answer(503, &[]), answer(429, &[])]);
    session_by(&server, by_certificate()).sign_in().await.expect("signed in");
    let requests = server.signed_in();
    let endpoint = server.url(&format!("/{TENANT}/oauth2/v2.0/token"));
    let mut ids = BTreeSet::new();
    for request in &requests {
        let form = form(request);
        let names: Vec<_> = form.keys().map(String::as_str).collect();
        assert_eq!(names, ["client_assertion", "client_assertion_type", "client_id", "grant_type", "scope"]);
        assert_eq!(form["client_assertion_type"], "urn:ietf:params:oauth:client-assertion-type:jwt-bearer");
        let claims = form["client_assertion"].split('.').nth(1).expect("a JWT");
        let claims: serde_json::Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).expect("base64")).expect("JSON");
        assert_eq!((claims["aud"].as_str(), claims["iss"].as_str()), (Some(endpoint.as_str()), Some("client-id")));
        ids.insert(claims["jti"].as_str().expect("an id").to_owned());
    }
    assert_eq!((requests.len(), ids.len()), (3, 3));
}

async fn federated(server: &Server, file: &Path) -> Session {
    let reference = format!("federated:{}", file.display()).parse().expect("a reference");
    let client_id = credential().client_id;
    session_by(server, Credential::resolve(reference, client_id, no_environment(), Duration::ZERO).await.expect("a credential"))
}

#[tokio::test]
async fn a_federated_assertion_is_read_anew_at_each_try() {
    let server = Server::start().await;
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("token");
    let session = federated(&server, &file).await;
    assert_eq!(code(&session).await, Some(ErrorCode::CredentialUnavailable), "it is not there yet");
    for assertion in ["a.b.first", "a.b.second"] {
        std::fs::write(&file, format!("{assertion}\n")).expect("written");
        federated(&server, &file).await.sign_in().await.expect("signed in");
        let last = form(server.signed_in().last().expect("a request"));
        assert_eq!(last["client_assertion"], assertion);
        assert!(!last.contains_key("client_secret"));
    }
    assert_eq!(server.signed_in().len(), 2);
}

#[rstest]
#[case::no_jwt("canary".to_owned())]
#[case::empty(String::new())]
#[case::too_large("a.b.c".repeat(100_000))]
#[tokio::test]
async fn i17_a_file_that_holds_no_assertion_is_sent_nowhere(#[case] content: String) {
    let server = Server::start().await;
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("token");
    std::fs::write(&file, content).expect("written");
    assert_eq!(code(&federated(&server, &file).await).await, Some(ErrorCode::CredentialUnavailable));
    assert!(server.requests().is_empty());
}

fn machine(server: &Server, client_id: Option<&str>) -> Credential {
    let endpoint = IdentityEndpoint::machine_at(&server.url("")).expect("loopback");
    Credential { client_id: client_id.map(|id| id.parse().expect("an id")), proof: Proof::ManagedIdentity(endpoint) }
}

fn identity(token: &str) -> Reply {
    json(200, &format!(r#"{{"access_token":"{token}","expires_in":"86400","expires_on":"1","resource":"x","token_type":"Bearer"}}"#))
}

#[tokio::test]
async fn a_managed_identity_asks_its_own_machine_and_never_the_token_endpoint() {
    let server = Server::start().await;
    server.graph([identity("machine-token"), server.page(&["1"], None)]);
    let session = session_by(&server, machine(&server, Some("user-assigned")));
    assert!(list(session.pages(&path("/things"), &[0])).await.whole());
    let requests = server.requests();
    assert!(requests.iter().all(|request| request.line().starts_with("GET ")));
    let resource = url::form_urlencoded::byte_serialize(server.url("").as_bytes()).collect::<String>();
    assert_eq!(
        requests[0].target(),
        format!("/metadata/identity/oauth2/token?api-version=2018-02-01&resource={resource}&client_id=user-assigned")
    );
    assert_eq!((requests[0].header("metadata"), requests[0].header("authorization")), (Some("true"), None));
    assert_eq!(requests[1].header("authorization"), Some("Bearer machine-token"));
}

#[tokio::test]
async fn app_service_is_asked_with_its_header_and_its_token_ends_by_the_time_of_day() {
    let server = Server::start().await;
    server.graph([json(200, r#"{"access_token":"t","expires_on":"99999999999","resource":"x","token_type":"Bearer"}"#)]);
    let endpoint = IdentityEndpoint::app_service(&server.url("/msi/token").into(), "canary-header".into()).expect("loopback");
    let session = session_by(&server, Credential { client_id: None, proof: Proof::ManagedIdentity(endpoint) });
    assert!(session.token_facts().await.expect("signed in").expires_in > Duration::from_hours(1_000));
    let request = &server.requests()[0];
    assert!(request.target().starts_with("/msi/token?api-version=2019-08-01&resource="), "{}", request.target());
    assert_eq!((request.header("x-identity-header"), request.header("metadata")), (Some("canary-header"), None));
}

#[rstest]
#[case::no_such_identity(
    json(400, r#"{"error":"invalid_request","error_description":"Identity not found"}"#),
    1,
    ErrorCode::CredentialUnavailable
)]
#[case::forbidden(json(403, ""), 1, ErrorCode::CredentialUnavailable)]
#[case::not_there(answer(404, &[]), 3, ErrorCode::CredentialUnavailable)]
#[case::being_updated(answer(410, &[]), 3, ErrorCode::CredentialUnavailable)]
#[case::refused_by_entra(json(400, r#"{"error":"x","error_description":"AADSTS500011: x"}"#), 1, ErrorCode::AuthFailed)]
#[case::closed(Reply::SendAndClose(Vec::new()), 3, ErrorCode::CredentialUnavailable)]
#[case::throttled(answer(429, &[]), 6, ErrorCode::GraphThrottled)]
#[case::failing(answer(500, &[]), 3, ErrorCode::GraphUnavailable)]
#[case::no_token(json(200, "{}"), 1, ErrorCode::GraphInvalidResponse)]
#[case::too_large(json(200, &"x".repeat(70_000)), 1, ErrorCode::GraphInvalidResponse)]
#[case::a_redirect(answer(302, &[("Location", "http://127.0.0.1:1/")]), 1, ErrorCode::GraphInvalidResponse)]
#[tokio::test]
async fn a_machine_without_an_identity_has_no_credential(#[case] reply: Reply, #[case] tries: usize, #[case] expected: ErrorCode) {
    let server = Server::start().await;
    server.graph(vec![reply; tries]);
    let failure = session_by(&server, machine(&server, None)).sign_in().await.expect_err("no token");
    assert_eq!((failure.code, server.requests().len()), (expected, tries));
}

#[tokio::test]
async fn a_machine_that_is_not_azures_has_no_credential_and_says_so_soon() {
    let server = Server::start().await;
    let closed = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let endpoint = IdentityEndpoint::machine_at(&format!("http://{}", closed.local_addr().expect("bound"))).expect("loopback");
    drop(closed);
    let failure = session_by(&server, Credential { client_id: None, proof: Proof::ManagedIdentity(endpoint) }).sign_in().await;
    let failure = failure.expect_err("nobody is there");
    assert_eq!((failure.code, failure.context.attempts), (ErrorCode::CredentialUnavailable, Some(3)));
}

#[tokio::test]
async fn i21_a_machine_of_another_tenant_ends_it_before_graph_is_asked() {
    let server = Server::start().await;
    let token = format!("e30.{}.c2ln", URL_SAFE_NO_PAD.encode(format!(r#"{{"tid":"{OTHER_TENANT}"}}"#)));
    server.graph([identity(&token)]);
    let session = session_by(&server, machine(&server, None));
    assert_eq!(list(session.pages(&path("/things"), &[0])).await.code(), "auth_tenant_mismatch");
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn a_credential_without_a_client_id_asks_nobody() {
    let server = Server::start().await;
    let nobody = Credential { client_id: None, ..credential() };
    assert_eq!(code(&session_by(&server, nobody)).await, Some(ErrorCode::CredentialUnavailable));
    assert!(server.requests().is_empty());
    let access: Access = server.access();
    assert_eq!(access.requests_at_once, None);
}
