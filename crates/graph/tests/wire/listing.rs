//! What is asked, what comes of an answer, and when a listing is whole.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use lastseen_contracts::{PathContract, PathKind};
use lastseen_graph::GraphSettings;
use lastseen_model::ErrorCode;
use rstest::rstest;
use uuid::Uuid;

use crate::support::*;

#[tokio::test]
async fn i02_a_listing_ends_with_the_page_that_carries_no_next_link() {
    let server = Server::start().await;
    server.graph([
        server.page(&["1", "2"], Some("/beta/things?$skiptoken=a")),
        server.page(&[], Some("/beta/things?$skiptoken=b")),
        server.page(&["3"], None),
    ]);
    let session = server.session(&FakeTimer::new());
    let listed = list(session.pages(&path("/things"), &[0])).await;
    assert!(listed.whole());
    assert_eq!(listed.ids(), ["1", "2", "3"]);
    assert_eq!(listed.pages.iter().map(|page| (page.number, page.last)).collect::<Vec<_>>(), [(1, false), (2, false), (3, true)]);
    assert_eq!(listed.pages[1].objects().len(), 0);
    let traffic = session.traffic();
    assert_eq!((traffic.requests, traffic.retries, traffic.throttled), (4, 0, 0));
    assert!(traffic.bytes_received > 0);
    let asked = server.asked();
    assert!(asked.iter().all(|request| request.connection == asked[0].connection), "one connection is enough");
}

#[tokio::test]
async fn i28_a_request_is_a_get_with_token_agent_and_an_id_of_its_own() {
    let server = Server::start().await;
    server.graph([server.page(&[], Some("/beta/things?$skiptoken=a")), server.page(&[], None)]);
    assert!(list(server.session(&FakeTimer::new()).pages(&path("/things"), &[0])).await.whole());
    let mut ids = Vec::new();
    for request in server.requests() {
        let sign_in = format!("POST /{TENANT}/oauth2/v2.0/token HTTP/1.1");
        assert!(request.line().starts_with("GET /beta/things") || request.line() == sign_in);
        assert_eq!(request.header("user-agent"), Some(concat!("lastseen/", env!("CARGO_PKG_VERSION"))));
        assert_eq!(request.header("accept"), Some("application/json"));
        assert_eq!(request.header("accept-encoding"), Some("gzip"));
        assert_eq!(request.header("authorization"), request.line().starts_with("GET").then_some("Bearer token-1"));
        ids.push(request.header("client-request-id").expect("an id").to_owned());
    }
    let of_the_run = |number: u64| Uuid::new_v5(&correlation().as_uuid(), &number.to_be_bytes()).to_string();
    assert_eq!(ids, [of_the_run(0), of_the_run(1), of_the_run(2)]);
}

fn selecting() -> PathContract {
    PathContract { select: true, page_size: Some(200), ..path("/things") }
}

#[tokio::test]
async fn select_and_top_are_sent_where_the_contract_says_so_and_only_there() {
    let server = Server::start().await;
    server.graph([server.page(&[], None), server.page(&[], None)]);
    let session = server.session(&FakeTimer::new());
    assert!(list(session.pages(&selecting(), &[0])).await.whole());
    assert!(list(session.pages(&path("/plain"), &[0])).await.whole());
    let asked = server.asked();
    assert_eq!(selecting().select_fields(), ["displayName", "id"]);
    assert_eq!(asked[0].target(), "/beta/things?$select=displayName,id&$top=200");
    assert_eq!(asked[1].target(), "/beta/plain");
}

#[tokio::test]
async fn a_singleton_is_one_page_with_its_one_object() {
    let server = Server::start().await;
    server.graph([json(200, r#" {"value": 7, "enabled": true} "#)]);
    let singleton = PathContract { kind: PathKind::Singleton, ..path("/settings") };
    let listed = list(server.session(&FakeTimer::new()).pages(&singleton, &[0])).await;
    assert!(listed.whole());
    assert_eq!(listed.objects(), [r#"{"value": 7, "enabled": true}"#]);
}

fn packed(body: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(body).expect("to memory");
    encoder.finish().expect("to memory")
}

#[tokio::test]
async fn a_packed_page_reads_as_the_page_and_counts_as_it_came() {
    let server = Server::start().await;
    let body = packed(page_body(&["1"; 1000], None).as_bytes());
    server.graph([Reply::Send(bytes(200, &[("Content-Encoding", "gzip")], &body))]);
    let session = server.session(&FakeTimer::new());
    session.sign_in().await.expect("signed in");
    let before = session.traffic().bytes_received;
    assert_eq!(list(session.pages(&path("/things"), &[0])).await.objects().len(), 1000);
    assert_eq!(session.traffic().bytes_received - before, body.len() as u64);
}

fn capped(server: &Server) -> Client {
    server.client_with(GraphSettings { body_cap: 1000, depth_cap: 10, ..GraphSettings::default() }, &FakeTimer::new())
}

#[rstest]
#[case::too_large(bytes(200, &[], page_body(&["1"; 200], None).as_bytes()))]
#[case::too_large_unpacked(bytes(200, &[("Content-Encoding", "gzip")], &packed(page_body(&["1"; 200], None).as_bytes())))]
#[case::too_deep(bytes(200, &[], format!(r#"{{"value":[{}{}]}}"#, "[".repeat(10), "]".repeat(10)).as_bytes()))]
#[case::packed_otherwise(bytes(200, &[("Content-Encoding", "br")], br#"{"value":[]}"#))]
#[case::an_error_with_a_good_status(bytes(200, &[], br#"{"value":[],"error":{"code":"x"}}"#))]
#[case::no_value(bytes(200, &[], b"{}"))]
#[case::accepted(bytes(202, &[], br#"{"value":[]}"#))]
#[case::part(bytes(206, &[], br#"{"value":[]}"#))]
#[tokio::test]
async fn i30_an_answer_that_is_no_page_ends_the_listing_at_once(#[case] reply: Vec<u8>) {
    let server = Server::start().await;
    server.graph([Reply::SendAndClose(reply), server.page(&[], None)]);
    let listed = list(session(&capped(&server)).pages(&path("/things"), &[0])).await;
    assert_eq!((listed.code(), listed.pages.len(), server.asked().len()), ("graph_invalid_response", 0, 1));
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_asked_for_again_a_few_times() {
    let whole = bytes(200, &[], page_body(&["1", "2"], None).as_bytes());
    let chunked = b"HTTP/1.1 200 x\r\ntransfer-encoding: chunked\r\n\r\n5\r\n{\"val\r\n".to_vec();
    let half_packed = packed(page_body(&["1"], None).as_bytes());
    for broken in [
        Reply::SendAndClose(whole[..whole.len() - 5].to_vec()),
        Reply::SendAndClose(chunked),
        Reply::Send(bytes(200, &[("content-encoding", "gzip")], &half_packed[..half_packed.len() / 2])),
        Reply::Send(bytes(200, &[], br#"{"value":[{"id":"1"}"#)),
        Reply::Send(bytes(200, &[], b"<html>")),
    ] {
        let server = Server::start().await;
        server.graph([broken.clone(), broken.clone(), server.page(&["1", "2"], None)]);
        let session = server.session(&FakeTimer::new());
        assert_eq!(list(session.pages(&path("/things"), &[0])).await.ids(), ["1", "2"]);
        assert_eq!(session.traffic().retries, 2);
        server.graph([broken.clone(), broken.clone(), broken, server.page(&[], None)]);
        let listed = list(session.pages(&path("/things"), &[0])).await;
        assert_eq!((listed.code(), server.asked().len()), ("graph_invalid_response", 6));
    }
}

#[tokio::test]
async fn i29_a_redirect_is_never_followed() {
    let server = Server::start().await;
    let elsewhere = Server::start().await;
    server.graph([answer(302, &[("Location", &elsewhere.url("/beta/things"))]), answer(307, &[("Location", &server.url("/beta/x"))])]);
    let session = server.session(&FakeTimer::new());
    for _ in 0..2 {
        assert_eq!(list(session.pages(&path("/things"), &[0])).await.code(), "graph_invalid_response");
    }
    assert_eq!((server.asked().len(), elsewhere.requests().len()), (2, 0));
}

#[tokio::test]
async fn i25_permission_licence_and_absence_are_never_an_empty_listing() {
    let licence = r#"{"error":{"code":"BadRequest","message":"{\"Message\":\"Request not applicable to target tenant.\"}"}}"#;
    let optional = || PathContract { optional_feature: true, ..path("/things") };
    for (reply, path, code) in [
        (answer(403, &[]), path("/things"), "graph_forbidden"),
        (answer(404, &[]), path("/things"), "graph_bad_request"),
        (answer(403, &[]), optional(), "graph_feature_unavailable"),
        (answer(404, &[]), optional(), "graph_feature_unavailable"),
        (json(400, licence), path("/things"), "graph_feature_unavailable"),
        (answer(302, &[]), path("/things"), "graph_feature_unavailable"),
    ] {
        let server = Server::start().await;
        server.graph([reply]);
        let listed = list(server.session(&FakeTimer::new()).pages(&path, &[0])).await;
        assert_eq!((listed.code(), listed.pages.len(), server.asked().len()), (code, 0, 1));
    }
}

#[tokio::test]
async fn a_refusal_after_a_page_is_no_missing_feature_and_names_the_page_it_broke_at() {
    let server = Server::start().await;
    server.graph([server.page(&["1"], Some("/beta/things?$skiptoken=a")), answer(403, &[("request-id", CORRELATION)])]);
    let listed = list(server.session(&FakeTimer::new()).pages(&PathContract { optional_feature: true, ..path("/things") }, &[0])).await;
    let failure = listed.failure.expect("a failure");
    assert_eq!((failure.code, failure.context.page, failure.context.http_status), (ErrorCode::GraphForbidden, Some(2), Some(403)));
    assert_eq!(failure.context.request_id, Some(correlation().as_uuid()));
    assert_eq!(failure.context.graph_code.map(String::from).as_deref(), Some("Code"));
    assert_eq!(failure.context.policy_type.map(String::from).as_deref(), Some("thing"));
    assert_eq!(failure.context.attempts, Some(1));
}

#[tokio::test]
async fn i25_a_feature_of_which_a_page_came_is_never_unavailable_in_the_same_listing() {
    let licence = r#"{"error":{"code":"BadRequest","message":"Request not applicable to target tenant."}}"#;
    for (reply, code) in [
        (answer(403, &[]), "graph_forbidden"),
        (answer(404, &[]), "graph_bad_request"),
        (json(400, licence), "graph_bad_request"),
        (json(403, licence), "graph_forbidden"),
        (answer(302, &[]), "graph_invalid_response"),
    ] {
        let optional = PathContract { optional_feature: true, ..path("/things") };
        let server = Server::start().await;
        server.graph([server.page(&["1"], Some("/beta/things?$skiptoken=a")), reply.clone()]);
        let listed = list(server.session(&FakeTimer::new()).pages(&optional, &[0])).await;
        assert_eq!((listed.code(), listed.pages.len(), server.asked().len()), (code, 1, 2));
        // Nor where it began again.
        let server = Server::start().await;
        server.graph([server.page(&["1"], Some("/beta/things?$skiptoken=a")), answer(410, &[]), reply]);
        let listed = list(server.session(&FakeTimer::new()).pages(&optional, &[0])).await;
        assert_eq!((listed.code(), listed.pages.len()), (code, 1));
    }
}

/// Every way a page can be killed for good, and the code it ends with.
pub(crate) fn deadly() -> Vec<(Vec<Reply>, &'static str)> {
    let whole = bytes(200, &[], page_body(&["x"], None).as_bytes());
    let times = |reply: Reply, n: usize| vec![reply; n];
    vec![
        (times(answer(403, &[]), 1), "graph_forbidden"),
        (times(answer(404, &[]), 1), "graph_bad_request"),
        (times(answer(401, &[]), 2), "graph_unauthorized"),
        (times(answer(429, &[]), 6), "graph_throttled"),
        (times(throttled("86400"), 1), "graph_throttled"),
        (times(answer(500, &[]), 3), "graph_unavailable"),
        (times(answer(503, &[]), 6), "graph_unavailable"),
        (times(Reply::SendAndClose(whole[..whole.len() - 1].to_vec()), 3), "graph_invalid_response"),
        (times(Reply::SendAndClose(Vec::new()), 6), "graph_connection"),
        (times(Reply::Reset(whole[..whole.len() / 2].to_vec()), 6), "graph_connection"),
        (times(json(200, r#"{"value":[],"error":{}}"#), 1), "graph_invalid_response"),
        (times(json(204, ""), 1), "graph_invalid_response"),
    ]
}

#[tokio::test]
async fn i02_a_listing_killed_at_any_page_in_any_way_is_never_whole() {
    const PAGES: usize = 4;
    for (replies, code) in deadly() {
        for k in 1..=PAGES {
            let server = Server::start().await;
            for n in 1..k {
                server.graph([server.page(&[&n.to_string()], Some(&format!("/beta/things?$skiptoken={n}")))]);
            }
            server.graph(replies.clone());
            // What would make it look whole, if anyone asked once more.
            server.graph([server.page(&[], None)]);
            let listed = list(server.session(&FakeTimer::new()).pages(&path("/things"), &[0])).await;
            assert_eq!((listed.code(), listed.pages.len()), (code, k - 1), "page {k}");
            assert!(listed.pages.iter().all(|page| !page.last));
            assert_eq!(listed.failure.expect("a failure").context.page, u32::try_from(k).ok());
            assert_eq!(server.asked().len(), k - 1 + replies.len(), "{code}, page {k}");
        }
    }
}
