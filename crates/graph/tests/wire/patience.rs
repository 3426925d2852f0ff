//! Asking again: when, how often, how long, and what it comes to in the end.

use std::time::Duration;

use lastseen_contracts::Workload;
use lastseen_graph::{GraphSettings, Origin};
use lastseen_model::ErrorCode;
use rstest::rstest;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::support::*;

const fn s(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

#[tokio::test]
async fn i13_a_retry_waits_at_least_as_long_as_asked_and_at_most_a_quarter_more() {
    let server = Server::start().await;
    let timer = FakeTimer::new();
    server.graph([
        throttled("10"),
        throttled("30,120"),
        answer(429, &[("date", "Sun, 22 Nov 2026 10:00:00 GMT"), ("retry-after", "Sun, 22 Nov 2026 10:00:20 GMT")]),
        answer(503, &[("Retry-After", "2.128")]),
        server.page(&["1"], None),
    ]);
    let session = server.session(&timer);
    assert!(list(session.pages(&path("/things"), &[0])).await.whole());
    let pauses = timer.pauses();
    assert_eq!(pauses.len(), 4);
    for (pause, asked) in pauses.iter().zip([s(10), s(120), s(20), s(3)]) {
        assert!((asked..=asked + asked / 4).contains(pause), "{pause:?} for {asked:?}");
    }
    let traffic = session.traffic();
    assert_eq!((traffic.retries, traffic.throttled), (4, 3));
}

#[rstest]
#[case::absent(&[])]
#[case::zero(&[("Retry-After", "0")])]
#[case::negative(&[("Retry-After", "-5")])]
#[case::past(&[("Date", "Sun, 22 Nov 2026 10:00:00 GMT"), ("Retry-After", "Sun, 22 Nov 2026 09:00:00 GMT")])]
#[case::unreadable(&[("Retry-After", "soon")])]
#[tokio::test]
async fn i14_without_a_usable_retry_after_it_backs_off_by_itself(#[case] headers: &[(&str, &str)]) {
    let server = Server::start().await;
    let timer = FakeTimer::new();
    server.graph(vec![answer(429, headers); 6]);
    let listed = list(server.session(&timer).pages(&path("/things"), &[0])).await;
    assert_eq!((listed.code(), server.asked().len()), ("graph_throttled", 6));
    let pauses = timer.pauses();
    assert_eq!(pauses.len(), 5);
    for (n, pause) in pauses.iter().enumerate() {
        assert!((Duration::from_millis(250)..=Duration::from_millis(250) + s(1 << n)).contains(pause), "{n}: {pause:?}");
    }
    let context = listed.failure.expect("a failure").context;
    assert_eq!((context.attempts, context.http_status, context.retry_after_ms), (Some(6), Some(429), None));
}

#[tokio::test]
async fn i14_above_the_ceiling_the_page_ends_at_once_and_so_does_the_next_of_its_bucket() {
    let server = Server::start().await;
    let timer = FakeTimer::new();
    server.graph([throttled("121"), server.page(&[], None)]);
    let client = server.client(&timer);
    let listed = list(session(&client).pages(&path("/things"), &[0])).await;
    assert_eq!((listed.code(), listed.failure.expect("a failure").context.retry_after_ms), ("graph_throttled", Some(121_000)));
    let next = list(session(&client).pages(&path("/more"), &[0])).await;
    assert_eq!((next.code(), next.failure.expect("a failure").context.attempts), ("graph_throttled", Some(0)));
    assert_eq!((timer.pauses().len(), server.asked().len()), (0, 1));
    // When its time has come nearer, it is waited for; a hostile year was cut to twenty minutes.
    timer.advance(s(2));
    assert!(list(session(&client).pages(&path("/more"), &[0])).await.whole());
    assert_eq!(timer.pauses().len(), 1);
    server.graph([throttled("31536000"), server.page(&[], None)]);
    assert_eq!(list(session(&client).pages(&path("/things"), &[0])).await.code(), "graph_throttled");
    timer.advance(s(20 * 60));
    assert!(list(session(&client).pages(&path("/things"), &[0])).await.whole());
}

#[rstest]
#[case::throttled(answer(429, &[]), 6, "graph_throttled")]
#[case::internal(answer(500, &[]), 3, "graph_unavailable")]
#[case::bad_gateway(answer(502, &[]), 6, "graph_unavailable")]
#[case::unavailable(answer(503, &[]), 6, "graph_unavailable")]
#[case::gateway_timeout(answer(504, &[]), 6, "graph_unavailable")]
#[case::bandwidth(answer(509, &[]), 6, "graph_unavailable")]
#[case::request_timeout(answer(408, &[]), 6, "graph_timeout")]
#[case::closed(Reply::SendAndClose(Vec::new()), 6, "graph_connection")]
#[case::reset(Reply::Reset(Vec::new()), 6, "graph_connection")]
#[case::reset_within_the_body(Reply::Reset(b"HTTP/1.1 200 x\r\ncontent-length: 9\r\n\r\n{".to_vec()), 6, "graph_connection")]
#[case::no_http(Reply::SendAndClose(b"SSH-2.0\r\n\r\n".to_vec()), 6, "graph_connection")]
#[tokio::test]
async fn i15_what_passes_is_tried_again_and_what_does_not_ends_in_its_code(#[case] reply: Reply, #[case] tries: usize, #[case] code: &str) {
    let server = Server::start().await;
    let timer = FakeTimer::new();
    server.graph(vec![reply.clone(); tries - 1]);
    server.graph([server.page(&["1"], None)]);
    server.graph(vec![reply; tries]);
    let session = server.session(&timer);
    assert!(list(session.pages(&path("/things"), &[0])).await.whole());
    let listed = list(session.pages(&path("/things"), &[0])).await;
    assert_eq!((listed.code(), listed.pages.len()), (code, 0));
    assert_eq!(server.asked().len(), 2 * tries);
    assert_eq!(session.traffic().retries, 2 * (tries as u64 - 1));
}

#[rstest]
#[case::before_the_head(b"")]
#[case::within_the_body(b"HTTP/1.1 200 x\r\ncontent-length: 12\r\n\r\n{\"value\"")]
#[tokio::test]
async fn i15_the_time_limit_covers_the_whole_answer(#[case] beginning: &[u8]) {
    let server = Server::start().await;
    let settings = GraphSettings { request_timeout: Duration::from_millis(200), max_attempts: 2, ..GraphSettings::default() };
    let client = server.client_with(settings, &FakeTimer::new());
    let session = session(&client);
    session.sign_in().await.expect("signed in");
    server.graph(vec![Reply::Hang(beginning.to_vec()); 2]);
    let listed = list(session.pages(&path("/things"), &[0])).await;
    assert_eq!((listed.code(), server.asked().len()), ("graph_timeout", 2));
}

#[tokio::test]
async fn i15_a_graph_that_is_not_there_is_graph_connection() {
    let server = Server::start().await;
    let closed = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let timer = FakeTimer::new();
    let mut client = server.client(&timer);
    client.access.endpoints.graph = Origin::parse(&format!("http://{}", closed.local_addr().expect("bound"))).expect("loopback");
    drop(closed);
    let session = session(&client);
    let listed = list(session.pages(&path("/things"), &[0])).await;
    assert_eq!((listed.code(), timer.pauses().len()), ("graph_connection", 5));
}

#[tokio::test]
async fn after_a_503_the_next_try_goes_over_a_new_connection() {
    let server = Server::start().await;
    server.graph([
        server.page(&["1"], Some("/beta/things?$skiptoken=a")),
        answer(500, &[]),
        answer(503, &[]),
        server.page(&["2"], Some("/beta/things?$skiptoken=b")),
        server.page(&["3"], None),
    ]);
    assert!(list(server.session(&FakeTimer::new()).pages(&path("/things"), &[0])).await.whole());
    let over: Vec<_> = server.asked().iter().map(|request| request.connection).collect();
    assert_eq!(over[0], over[1], "an open connection is used again");
    assert_eq!(over[1], over[2], "after a 500, too");
    assert_ne!(over[2], over[3]);
}

#[tokio::test]
async fn i13_the_tries_of_a_page_are_bounded_in_time() {
    let server = Server::start().await;
    let timer = FakeTimer::new();
    server.graph(vec![throttled("100"); 3]);
    let client = server.client(&timer);
    let listed = list(session(&client).pages(&path("/things"), &[0])).await;
    // A third wait would end after three hundred seconds.
    assert_eq!((listed.code(), server.asked().len(), timer.pauses().len()), ("graph_throttled", 3, 2));
    // The next page waits for the bucket to open, and has a time of its own.
    server.graph([server.page(&[], None)]);
    assert!(list(session(&client).pages(&path("/things"), &[0])).await.whole());
    assert!(timer.pauses()[2] > s(99));
}

#[tokio::test]
async fn i13_a_page_whose_time_ran_out_while_it_waited_is_not_asked_for_again() {
    let server = Server::start().await;
    let timer = FakeTimer::by_hand();
    server.graph([answer(503, &[]), server.page(&[], None)]);
    let listing = tokio::spawn(list(server.session(&timer).pages(&path("/things"), &[0])));
    timer.until_paused(1).await;
    // The machine slept, or the bucket stayed closed for others.
    timer.advance(s(301));
    let listed = listing.await.expect("ends");
    assert_eq!((listed.code(), server.asked().len()), ("graph_unavailable", 1));
}

#[tokio::test]
async fn a_page_that_comes_with_a_retry_after_is_kept_and_the_next_request_waits() {
    let server = Server::start().await;
    let timer = FakeTimer::new();
    let body = page_body(&["1"], Some(&server.url("/beta/things?$skiptoken=a")));
    server.graph([Reply::Send(bytes(200, &[("Retry-After", "7")], body.as_bytes())), server.page(&["2"], None)]);
    let session = server.session(&timer);
    assert_eq!(list(session.pages(&path("/things"), &[0])).await.ids(), ["1", "2"]);
    assert_eq!((session.traffic().retries, timer.pauses().len()), (0, 1));
    assert!(timer.pauses()[0] >= s(7));
}

#[tokio::test]
async fn cancelling_ends_a_request_at_once() {
    let server = Server::start().await;
    let cancel = CancellationToken::new();
    let client = server.client(&FakeTimer::new());
    let session = client.session(tenant(TENANT), correlation(), cancel.clone());
    server.graph([server.page(&["1"], Some("/beta/things?$skiptoken=a")), Reply::Hang(b"HTTP/1.1 200 x\r\n".to_vec())]);
    let listing = tokio::spawn(list(session.pages(&path("/things"), &[0])));
    server.until_asked(2).await;
    cancel.cancel();
    let listed = listing.await.expect("ends");
    assert_eq!((listed.code(), listed.ids()), ("cancelled", vec!["1".to_owned()]));
    assert!(!listed.pages[0].last);
    // Whatever of the session begins later ends at once, too.
    assert_eq!(list(session.pages(&path("/things"), &[0])).await.code(), "cancelled");
    assert_eq!(session.sign_in().await.map_err(|failure| failure.code), Err(ErrorCode::Cancelled));
    assert_eq!(server.requests().len(), 3);
}

#[tokio::test]
async fn cancelling_ends_a_wait_at_once() {
    let server = Server::start().await;
    let timer = FakeTimer::by_hand();
    let cancel = CancellationToken::new();
    let client = server.client(&timer);
    server.graph([throttled("60")]);
    let session = client.session(tenant(TENANT), correlation(), cancel.clone());
    let waits_to_retry = tokio::spawn(list(session.pages(&path("/things"), &[0])));
    timer.until_paused(1).await;
    let waits_for_its_turn = tokio::spawn(list(session.pages(&path("/more"), &[0])));
    timer.until_paused(2).await;
    cancel.cancel();
    assert_eq!(waits_to_retry.await.expect("ends").code(), "cancelled");
    assert_eq!(waits_for_its_turn.await.expect("ends").code(), "cancelled");
    assert_eq!(server.asked().len(), 1);
    // And what it held is free again for another session of the tenant.
    timer.advance(s(60));
    server.graph([server.page(&[], None)]);
    let other = client.session(tenant(TENANT), correlation(), CancellationToken::new());
    assert!(list(other.pages(&path("/things"), &[0])).await.whole());
}

#[tokio::test]
async fn a_page_whose_future_is_dropped_is_asked_for_again_by_the_next_call() {
    let server = Server::start().await;
    server.graph([server.page(&["1"], Some("/beta/things?$skiptoken=a")), Reply::Hang(Vec::new()), server.page(&["2"], None)]);
    let mut pages = server.session(&FakeTimer::new()).pages(&path("/things"), &[0]);
    pages.next().await.expect("page one").expect("page one");
    tokio::select! {
        _ = pages.next() => panic!("the server hangs"),
        () = server.until_asked(2) => {}
    }
    let page = pages.next().await.expect("page two").expect("page two");
    assert_eq!((page.number, page.last), (2, true));
    assert_eq!(page.objects().collect::<Vec<_>>(), [r#"{"id":"2"}"#]);
    assert!(pages.next().await.expect("the end").is_none());
}

#[tokio::test]
async fn a_failure_of_a_path_with_several_wanted_types_names_none() {
    let server = Server::start().await;
    server.graph([answer(403, &[]), answer(403, &[])]);
    let session = server.session(&FakeTimer::new());
    let mut shared = path("/things");
    shared.types.push(shared.types[0].clone());
    shared.workload = Workload::Identity;
    let listed = list(session.pages(&shared, &[0, 1])).await;
    assert_eq!(listed.failure.expect("a failure").context.policy_type, None);
    let listed = list(session.pages(&shared, &[1])).await;
    assert!(listed.failure.expect("a failure").context.policy_type.is_some());
}
