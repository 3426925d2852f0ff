//! One client, many tenants: whose token is whose, and what all work on one tenant shares.

use std::num::NonZeroUsize;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use lastseen_graph::{Access, Endpoints};
use tokio::task::JoinSet;

use crate::keys::{by_certificate, by_secret};
use crate::support::*;

fn bearers(server: &Server) -> Vec<String> {
    server.asked().iter().map(|request| request.header("authorization").expect("a token").to_owned()).collect()
}

fn grant(token: &str) -> Reply {
    json(200, &format!(r#"{{"access_token":"{token}","expires_in":3599}}"#))
}

#[tokio::test]
async fn i21_two_tenants_in_two_clouds_never_mix_tokens_or_secrets() {
    let (global, china) = (Server::start().await, Server::start().await);
    let client = global.client(&FakeTimer::new());
    global.sign_in([grant("token-of-global")]);
    china.sign_in([grant("token-of-china")]);
    for server in [&global, &china] {
        server.graph(vec![page_to(&["1"], None); 20]);
    }
    let one = || client.session_by(TENANT, global.access_by(by_secret("secret-of-global")));
    let other = || client.session_by(OTHER_TENANT, china.access_by(by_secret("secret-of-china")));
    let all: JoinSet<_> = (0..20)
        .map(|n| if n % 2 == 0 { one() } else { other() })
        .collect::<Vec<_>>()
        .into_iter()
        .map(|session| list(session.pages(&path("/things"), &[0])))
        .collect();
    assert!(all.join_all().await.iter().all(Listed::whole));
    for (server, name, of) in [(&global, "global", TENANT), (&china, "china", OTHER_TENANT)] {
        assert_eq!(bearers(server), vec![format!("Bearer token-of-{name}"); 10]);
        let signed_in = server.signed_in();
        assert_eq!(signed_in.len(), 1, "ten sessions side by side fetch one token");
        assert!(signed_in[0].body.contains(&format!("secret-of-{name}")) && signed_in[0].target().contains(of));
    }
}

#[tokio::test]
async fn i21_one_tenant_by_two_clients_proofs_or_authorities_has_a_token_for_each() {
    let (server, elsewhere) = (Server::start().await, Server::start().await);
    let client = server.client(&FakeTimer::new());
    server.graph(vec![page_to(&[], None); 8]);
    let access_of = |client_id: &str, mut access: Access| {
        let proof = by_secret("s").proof;
        access.credential = std::sync::Arc::new(lastseen_graph::Credential { client_id: Some(client_id.parse().expect("an id")), proof });
        access
    };
    let other_authority = Endpoints { authority: elsewhere.origin(), graph: server.origin() };
    elsewhere.sign_in([grant("elsewhere")]);
    for _ in 0..2 {
        for access in [
            access_of("first", server.access()),
            access_of("second", server.access()),
            server.access_by(by_certificate()),
            Access { endpoints: other_authority.clone(), ..access_of("first", server.access()) },
        ] {
            assert!(list(client.session_by(TENANT, access).pages(&path("/things"), &[0])).await.whole());
        }
    }
    let each = ["Bearer token-1", "Bearer token-2", "Bearer token-3", "Bearer elsewhere"];
    assert_eq!(bearers(&server), [each, each].concat());
}

#[tokio::test]
async fn a_secret_that_was_replaced_is_used_by_the_next_session() {
    let server = Server::start().await;
    let client = server.client(&FakeTimer::new());
    for secret in ["old", "old", "new", "new"] {
        client.session_by(TENANT, server.access_by(by_secret(secret))).sign_in().await.expect("signed in");
    }
    let secrets: Vec<_> = server.signed_in().iter().map(|request| request.body.rsplit('=').next().expect("a value").to_owned()).collect();
    assert_eq!(secrets, ["old", "new"]);
}

#[tokio::test]
async fn i13_all_work_on_a_tenant_waits_for_its_bucket_whatever_it_signs_in_with() {
    let server = Server::start().await;
    let timer = FakeTimer::by_hand();
    let client = server.client(&timer);
    server.graph([throttled("30")]);
    let first = tokio::spawn(list(client.session_by(TENANT, server.access_by(by_secret("a"))).pages(&path("/things"), &[0])));
    timer.until_paused(1).await;
    let second = tokio::spawn(list(client.session_by(TENANT, server.access_by(by_certificate())).pages(&path("/things"), &[0])));
    timer.until_paused(2).await;
    assert_eq!(server.asked().len(), 1);
    server.graph(vec![page_to(&[], None); 2]);
    timer.advance(Duration::from_mins(1));
    assert!(first.await.expect("listed").whole() && second.await.expect("listed").whole());
}

#[tokio::test]
async fn a_tenants_own_number_of_requests_at_once_holds_for_all_its_sessions() {
    let server = Server::start().await;
    let client = server.client(&FakeTimer::new());
    let access = Access { requests_at_once: NonZeroUsize::new(1), ..server.access() };
    client.session_by(TENANT, access.clone()).sign_in().await.expect("signed in");
    server.graph([Reply::Hang(Vec::new())]);
    let held = tokio::spawn(list(client.session_by(TENANT, access.clone()).pages(&path("/things"), &[0])));
    server.until_asked(1).await;
    let waiting = tokio::spawn(list(client.session_by(TENANT, access).pages(&path("/things"), &[0])));
    // Another tenant is asked meanwhile.
    server.graph([page_to(&[], None)]);
    assert!(list(client.session_by(OTHER_TENANT, server.access()).pages(&path("/things"), &[0])).await.whole());
    assert!(!waiting.is_finished());
    assert_eq!(server.asked().len(), 2);
    held.abort();
    server.graph([page_to(&[], None)]);
    assert!(waiting.await.expect("listed").whole());
}

#[tokio::test]
async fn a_claims_challenge_is_replayed_once_to_the_token_endpoint() {
    let server = Server::start().await;
    let claims = r#"{"access_token":{"nbf":{"essential":true,"value":"1604106651"}}}"#;
    let challenge = format!(
        r#"Bearer realm="", authorization_uri="https://login.example/authorize", error="insufficient_claims", claims="{}""#,
        STANDARD.encode(claims)
    );
    let session = server.session(&FakeTimer::new());
    server.graph([answer(401, &[("WWW-Authenticate", &challenge)]), server.page(&["1"], Some("/beta/things?$skiptoken=a"))]);
    server.graph([answer(401, &[]), server.page(&["2"], None)]);
    assert!(list(session.pages(&path("/things"), &[0])).await.whole());
    let sent: Vec<_> = server
        .signed_in()
        .iter()
        .map(|request| {
            url::form_urlencoded::parse(request.body.as_bytes()).find(|(name, _)| name == "claims").map(|(_, value)| value.into_owned())
        })
        .collect();
    assert_eq!(sent, [None, Some(claims.to_owned()), None], "unasked for, nothing is claimed, not even that challenges are understood");
}

#[tokio::test]
async fn what_a_token_says_of_itself_can_be_asked_for() {
    let server = Server::start().await;
    let payload = URL_SAFE_NO_PAD.encode(format!(r#"{{"tid":"{TENANT}","roles":["Policy.Read.All","a b"]}}"#));
    server.sign_in([grant(&format!("e30.{payload}.c2ln")), grant("opaque")]);
    let timer = FakeTimer::new();
    let session = server.session(&timer);
    let facts = session.token_facts().await.expect("signed in");
    assert_eq!(facts.roles.expect("readable").iter().map(ToString::to_string).collect::<Vec<_>>(), ["Policy.Read.All"]);
    assert_eq!(facts.expires_in, Duration::from_secs(3599));
    timer.advance(Duration::from_mins(10));
    assert_eq!(session.token_facts().await.expect("kept").expires_in, Duration::from_secs(2999));
    let opaque = server.client(&timer).session_by(OTHER_TENANT, server.access()).token_facts().await.expect("signed in");
    assert_eq!(opaque.roles, None);
}
