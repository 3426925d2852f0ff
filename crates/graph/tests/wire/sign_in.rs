//! Signing in: what is sent, what is kept, and how it fails.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use lastseen_graph::GraphSettings;
use lastseen_model::ErrorCode;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::support::*;

fn other(client: &Client) -> lastseen_graph::Session {
    client.session(tenant(OTHER_TENANT), correlation(), CancellationToken::new())
}

fn grant(token: &str) -> Reply {
    json(200, &format!(r#"{{"access_token":"{token}","expires_in":3599}}"#))
}

#[tokio::test]
async fn the_form_is_a_client_credentials_grant_for_graphs_scope_of_the_tenant() {
    let server = Server::start().await;
    server.session(&FakeTimer::new()).sign_in().await.expect("signed in");
    let requests = server.requests();
    assert_eq!(requests.len(), 1);
    assert_eq!(requests[0].line(), format!("POST /{TENANT}/oauth2/v2.0/token HTTP/1.1"));
    assert_eq!(requests[0].header("content-type"), Some("application/x-www-form-urlencoded"));
    let fields: Vec<(String, String)> =
        url::form_urlencoded::parse(requests[0].body.as_bytes()).map(|(name, value)| (name.into(), value.into())).collect();
    let scope = server.url("/.default");
    let expected = [
        ("client_id", "client-id"),
        ("scope", scope.as_str()),
        ("grant_type", "client_credentials"),
        ("client_secret", "canary-secret &=+%"),
    ];
    assert_eq!(fields, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
}

#[tokio::test]
async fn a_token_is_kept_for_all_sessions_of_its_tenant_until_shortly_before_its_end() {
    let server = Server::start().await;
    let timer = FakeTimer::new();
    let client = server.client(&timer);
    session(&client).sign_in().await.expect("signed in");
    session(&client).sign_in().await.expect("signed in");
    timer.advance(Duration::from_secs(3298));
    session(&client).sign_in().await.expect("signed in");
    assert_eq!(server.signed_in().len(), 1);
    timer.advance(Duration::from_secs(1));
    session(&client).sign_in().await.expect("signed in");
    assert_eq!(server.signed_in().len(), 2);
}

#[tokio::test]
async fn i13_a_token_without_a_life_is_no_sign_in_a_request_and_a_401_replaces_it() {
    let server = Server::start().await;
    server.sign_in(vec![json(200, r#"{"access_token":"short","expires_in":0}"#); 2]);
    server.graph([server.page(&["1"], Some("/beta/things?$skiptoken=a")), answer(401, &[]), server.page(&["2"], None)]);
    assert!(list(server.session(&FakeTimer::new()).pages(&path("/things"), &[0])).await.whole());
    assert_eq!(server.signed_in().len(), 2);
}

#[tokio::test]
async fn i21_each_tenant_has_a_token_of_its_own() {
    let server = Server::start().await;
    let client = server.client(&FakeTimer::new());
    server.graph(vec![page_to(&[], None); 4]);
    for _ in 0..2 {
        assert!(list(session(&client).pages(&path("/things"), &[0])).await.whole());
        assert!(list(other(&client).pages(&path("/things"), &[0])).await.whole());
    }
    let bearers: Vec<_> = server.asked().iter().map(|request| request.header("authorization").expect("a token").to_owned()).collect();
    assert_eq!(bearers, ["Bearer token-1", "Bearer token-2", "Bearer token-1", "Bearer token-2"]);
    let for_tenants: Vec<_> = server.signed_in().iter().map(|request| request.target()[1..37].to_owned()).collect();
    assert_eq!(for_tenants, [TENANT, OTHER_TENANT]);
}

#[tokio::test]
async fn i21_a_token_that_names_another_tenant_ends_it_before_graph_is_asked() {
    let server = Server::start().await;
    let jwt = |tenant: &str| format!("e30.{}.c2ln", URL_SAFE_NO_PAD.encode(format!(r#"{{"tid":"{tenant}"}}"#)));
    server.sign_in([grant(&jwt(OTHER_TENANT)), grant(&jwt(TENANT))]);
    let timer = FakeTimer::new();
    let session = server.session(&timer);
    assert_eq!(session.sign_in().await.map_err(|failure| failure.code), Err(ErrorCode::AuthTenantMismatch));
    assert_eq!(list(session.pages(&path("/things"), &[0])).await.code(), "auth_tenant_mismatch");
    assert_eq!((server.asked().len(), server.signed_in().len()), (0, 1));
    timer.advance(Duration::from_secs(30));
    session.sign_in().await.expect("the right tenant's token is taken");
}

#[tokio::test]
async fn side_by_side_one_token_is_fetched_and_one_refused_secret_is_sent() {
    let server = Server::start().await;
    let client = server.client(&FakeTimer::new());
    server.graph(vec![page_to(&[], None); 8]);
    let all = |client: &Client| {
        let session = session(client);
        (0..8).map(|_| list(session.pages(&path("/things"), &[0]))).collect::<JoinSet<_>>()
    };
    assert!(all(&client).join_all().await.iter().all(Listed::whole));
    assert_eq!(server.signed_in().len(), 1);

    let server = Server::start().await;
    server.sign_in([json(401, r#"{"error":"invalid_client","error_codes":[7000215]}"#)]);
    let client = server.client(&FakeTimer::new());
    assert!(all(&client).join_all().await.iter().all(|listed| listed.code() == "auth_failed"));
    assert_eq!((server.signed_in().len(), server.asked().len()), (1, 0));
}

#[tokio::test]
async fn i13_a_refused_secret_is_sent_once_and_not_once_a_path_or_session_until_its_time_is_over() {
    let server = Server::start().await;
    let refusal = json(401, r#"{"error":"invalid_client","error_codes":[7000215]}"#);
    server.sign_in([refusal.clone()]);
    let timer = FakeTimer::new();
    let client = server.client(&timer);
    for _ in 0..8 {
        assert_eq!(list(session(&client).pages(&path("/things"), &[0])).await.code(), "auth_failed");
    }
    assert_eq!(server.requests().len(), 1);
    other(&client).sign_in().await.expect("another tenant is none the worse for it");
    timer.advance(Duration::from_secs(30));
    server.sign_in([refusal]);
    assert_eq!(list(session(&client).pages(&path("/things"), &[0])).await.code(), "auth_failed");
    assert_eq!(server.requests().len(), 3);
}

#[tokio::test]
async fn i21_i13_another_tenants_token_in_mid_run_costs_one_request_and_not_one_a_path() {
    let server = Server::start().await;
    let session = server.session(&FakeTimer::new());
    session.sign_in().await.expect("signed in");
    let foreign = format!("e30.{}.c2ln", URL_SAFE_NO_PAD.encode(format!(r#"{{"tid":"{OTHER_TENANT}"}}"#)));
    server.sign_in([grant(&foreign)]);
    server.graph([answer(401, &[])]);
    for _ in 0..8 {
        assert_eq!(list(session.pages(&path("/things"), &[0])).await.code(), "auth_tenant_mismatch");
    }
    assert_eq!((server.asked().len(), server.signed_in().len()), (1, 2), "nothing was read with it");
}

#[tokio::test]
async fn i14_a_throttled_sign_in_is_left_alone_until_its_retry_after_is_over() {
    let server = Server::start().await;
    server.sign_in([throttled("300")]);
    let timer = FakeTimer::new();
    let client = server.client(&timer);
    for seconds in [0, 299] {
        timer.advance(Duration::from_secs(seconds));
        assert_eq!(session(&client).sign_in().await.map_err(|failure| failure.code), Err(ErrorCode::GraphThrottled));
    }
    assert_eq!(server.requests().len(), 1);
    timer.advance(Duration::from_secs(1));
    session(&client).sign_in().await.expect("signed in");
}

#[tokio::test]
async fn a_refused_credential_is_auth_failed_with_entras_number_and_is_not_tried_again() {
    let server = Server::start().await;
    let text =
        r#"{"error":"invalid_client","error_description":"AADSTS7000215: Invalid client secret provided for app \u0027canary\u0027."}"#;
    server.sign_in([json(401, text)]);
    let timer = FakeTimer::new();
    let failure = server.session(&timer).sign_in().await.expect_err("refused");
    assert_eq!(failure.code, ErrorCode::AuthFailed);
    assert_eq!((failure.context.http_status, failure.context.aadsts, failure.context.attempts), (Some(401), Some(7_000_215), Some(1)));
    assert!(!format!("{failure} {failure:?}").contains("canary"));
    assert_eq!((server.requests().len(), timer.pauses().len()), (1, 0));
    assert!(failure.to_string().starts_with("auth_failed: "));
}

#[tokio::test]
async fn a_token_endpoint_that_is_busy_down_or_gone_is_tried_again() {
    let server = Server::start().await;
    let timer = FakeTimer::new();
    server.sign_in([throttled("9"), answer(503, &[]), Reply::SendAndClose(Vec::new()), grant("t")]);
    let session = server.session(&timer);
    session.sign_in().await.expect("signed in at last");
    assert!(timer.pauses()[0] >= Duration::from_secs(9));
    let traffic = session.traffic();
    assert_eq!((traffic.requests, traffic.retries, traffic.throttled), (4, 3, 1));

    for (reply, tries, code) in [
        (answer(429, &[]), 6, ErrorCode::GraphThrottled),
        (throttled("121"), 1, ErrorCode::GraphThrottled),
        (answer(500, &[]), 3, ErrorCode::GraphUnavailable),
        (answer(503, &[]), 6, ErrorCode::GraphUnavailable),
        (Reply::Reset(Vec::new()), 6, ErrorCode::GraphConnection),
        (json(200, "<html>"), 3, ErrorCode::GraphInvalidResponse),
        (json(200, &"x".repeat(70_000)), 1, ErrorCode::GraphInvalidResponse),
    ] {
        let server = Server::start().await;
        server.sign_in(vec![reply; tries]);
        let failure = server.session(&FakeTimer::new()).sign_in().await.expect_err("never");
        assert_eq!((failure.code, server.requests().len()), (code, tries));
    }
}

#[tokio::test]
async fn an_authority_that_is_not_there_is_graph_connection() {
    let server = Server::start().await;
    let closed = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let mut client = server.client(&FakeTimer::new());
    client.access.endpoints.authority = format!("http://{}", closed.local_addr().expect("bound")).parse().expect("loopback");
    drop(closed);
    let failure = session(&client).sign_in().await.expect_err("nobody is there");
    assert_eq!((failure.code, failure.context.attempts), (ErrorCode::GraphConnection, Some(6)));
}

#[tokio::test]
async fn a_401_in_mid_run_is_cured_by_a_fresh_token_once_a_page() {
    let server = Server::start().await;
    server.graph([
        server.page(&["1"], Some("/beta/things?$skiptoken=a")),
        answer(401, &[]),
        server.page(&["2"], Some("/beta/things?$skiptoken=b")),
        answer(401, &[]),
        server.page(&["3"], None),
    ]);
    let listed = list(server.session(&FakeTimer::new()).pages(&path("/things"), &[0])).await;
    assert!(listed.whole());
    let bearers: Vec<_> = server.asked().iter().map(|request| request.header("authorization").expect("a token").to_owned()).collect();
    let token = |n| format!("Bearer token-{n}");
    assert_eq!(bearers, [token(1), token(1), token(2), token(2), token(3)]);
}

#[tokio::test]
async fn a_401_that_a_fresh_token_does_not_cure_is_graph_unauthorized() {
    let server = Server::start().await;
    server.graph([answer(401, &[]), answer(503, &[]), answer(401, &[]), server.page(&[], None)]);
    let listed = list(server.session(&FakeTimer::new()).pages(&path("/things"), &[0])).await;
    assert_eq!((listed.code(), server.asked().len(), server.signed_in().len()), ("graph_unauthorized", 3, 2));
}

#[tokio::test]
async fn a_401_for_many_fetches_one_token_for_all() {
    let server = Server::start().await;
    let client = server.client_with(GraphSettings { tenant_concurrency: 8, ..GraphSettings::default() }, &FakeTimer::new());
    let session = session(&client);
    session.sign_in().await.expect("signed in");
    server.graph(vec![answer(401, &[]); 8]);
    server.graph(vec![page_to(&[], None); 8]);
    let all: JoinSet<_> = (0..8).map(|_| list(session.pages(&path("/things"), &[0]))).collect();
    assert!(all.join_all().await.iter().all(Listed::whole));
    assert_eq!(server.signed_in().len(), 2);
}

#[tokio::test]
async fn a_refused_sign_in_in_mid_listing_names_the_page_it_stopped() {
    let server = Server::start().await;
    server.graph([server.page(&["1"], Some("/beta/things?$skiptoken=a")), answer(401, &[])]);
    let session = server.session(&FakeTimer::new());
    session.sign_in().await.expect("signed in");
    server.sign_in([json(400, r#"{"error":"x","error_codes":[700016]}"#)]);
    let listed = list(session.pages(&path("/things"), &[0])).await;
    let failure = listed.failure.expect("a failure");
    assert_eq!((failure.code, failure.context.page, failure.context.aadsts), (ErrorCode::AuthFailed, Some(2), Some(700_016)));
}
