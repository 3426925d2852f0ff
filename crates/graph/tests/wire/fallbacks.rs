//! Asking for less: in which order, how often, what is remembered of it, and how it ends.

use std::time::Duration;

use lastseen_contracts::{Assignments, Parent, PathContract};
use lastseen_graph::GraphSettings;
use tokio_util::sync::CancellationToken;

use crate::support::*;

const EXCEEDED: &str = r#"{"error":{"code":"BadRequest","message":"The limit of '200' for Top query has been exceeded."}}"#;

/// A path that is asked with all there is.
fn asking_all() -> PathContract {
    PathContract { select: true, assignments: Assignments::Expand, page_size: Some(200), ..path("/things") }
}

/// A path that is asked with a page size alone.
fn sized(page_size: u32) -> PathContract {
    PathContract { page_size: Some(page_size), ..path("/things") }
}

/// What each request asked for: `S`elect, `E`xpand, and the page size; `>` for a next link.
fn questions(server: &Server) -> Vec<String> {
    let question = |request: Request| {
        let has = |option: &str| request.target().contains(option);
        let top = request.target().split("$top=").nth(1).map(|rest| rest.split('&').next().unwrap_or(rest).to_owned());
        let link = if has("$skiptoken") { ">" } else { "" };
        format!("{link}{}{}{}", if has("$select") { "S" } else { "" }, if has("$expand") { "E" } else { "" }, top.unwrap_or_default())
    };
    server.asked().into_iter().map(question).collect()
}

#[tokio::test]
async fn select_expand_and_top_are_sent_where_the_contract_says_so() {
    let server = Server::start().await;
    server.graph([server.page(&[], None)]);
    assert!(list(server.session(&FakeTimer::new()).pages(&asking_all(), &[0])).await.whole());
    assert_eq!(server.asked()[0].target(), "/beta/things?$select=displayName,id&$expand=assignments&$top=200");
}

#[tokio::test]
async fn a_path_that_refuses_select_is_asked_without_it_and_remembered_for_its_tenant() {
    let server = Server::start().await;
    let client = server.client(&FakeTimer::new());
    server.graph([answer(400, &[]), server.page(&["1"], None), server.page(&["1"], None), server.page(&["1"], None)]);
    let first = session(&client);
    assert!(list(first.pages(&asking_all(), &[0])).await.whole());
    assert_eq!((first.traffic().requests, first.traffic().retries), (3, 1), "sign-in, and two requests of which one repeats the other");
    assert!(list(session(&client).pages(&asking_all(), &[0])).await.whole());
    let other = client.session(tenant(OTHER_TENANT), correlation(), CancellationToken::new());
    assert!(list(other.pages(&asking_all(), &[0])).await.whole());
    assert_eq!(questions(&server), ["SE200", "E200", "E200", "SE200"]);
}

#[tokio::test]
async fn a_400_that_remains_without_select_is_asked_without_expand_and_only_that_is_remembered() {
    let server = Server::start().await;
    let client = server.client(&FakeTimer::new());
    server.graph([answer(400, &[]), answer(400, &[]), server.page(&["1"], None), server.page(&["1"], None)]);
    assert!(list(session(&client).pages(&asking_all(), &[0])).await.whole());
    assert!(list(session(&client).pages(&asking_all(), &[0])).await.whole());
    assert_eq!(questions(&server), ["SE200", "E200", "200", "S200"], "nothing is known of $select");
}

#[tokio::test]
async fn i26_a_page_says_whether_it_was_asked_for_with_expand() {
    let server = Server::start().await;
    let next = Some("/beta/things?$skiptoken=a");
    server.graph([server.page(&["1"], next), server.page(&["2"], None)]);
    server.graph([answer(400, &[]), answer(400, &[]), server.page(&["1"], next), server.page(&["2"], None)]);
    let session = server.session(&FakeTimer::new());
    for expanded in [true, false] {
        let listed = list(session.pages(&asking_all(), &[0])).await;
        assert_eq!(listed.pages.iter().map(|page| page.expanded).collect::<Vec<_>>(), [expanded, expanded]);
    }
}

#[tokio::test]
async fn a_path_that_refuses_both_is_known_after_two_listings() {
    let server = Server::start().await;
    let client = server.client(&FakeTimer::new());
    server.graph([answer(400, &[]), answer(400, &[]), server.page(&[], None)]);
    server.graph([answer(400, &[]), server.page(&[], None), server.page(&[], None)]);
    for _ in 0..3 {
        assert!(list(session(&client).pages(&asking_all(), &[0])).await.whole());
    }
    assert_eq!(questions(&server), ["SE200", "E200", "200", "S200", "200", "200"]);
}

#[tokio::test]
async fn a_path_that_refuses_everything_is_a_bad_request_and_not_remembered() {
    let server = Server::start().await;
    let client = server.client(&FakeTimer::new());
    server.graph(vec![answer(400, &[("request-id", CORRELATION)]); 7]);
    let asked = session(&client);
    let failed = list(asked.pages(&asking_all(), &[0])).await;
    assert_eq!((failed.code(), failed.pages.len()), ("graph_bad_request", 0));
    assert_eq!(questions(&server), ["SE200", "E200", "200", "100", "50", "25", ""]);
    assert_eq!(asked.traffic().retries, 6);
    server.graph([server.page(&[], None)]);
    assert!(list(session(&client).pages(&asking_all(), &[0])).await.whole());
    assert_eq!(questions(&server)[7], "SE200");
}

#[tokio::test]
async fn a_top_above_the_limit_costs_neither_select_nor_assignments() {
    let server = Server::start().await;
    let client = server.client(&FakeTimer::new());
    server.graph([json(400, EXCEEDED), server.page(&["1"], Some("/beta/things?$top=100&$skiptoken=a")), server.page(&["2"], None)]);
    assert!(list(session(&client).pages(&asking_all(), &[0])).await.whole());
    server.graph([server.page(&[], None)]);
    assert!(list(session(&client).pages(&asking_all(), &[0])).await.whole());
    assert_eq!(questions(&server), ["SE200", "SE100", ">100", "SE100"]);
}

#[tokio::test]
async fn pages_that_end_in_a_server_error_begin_again_smaller_and_smaller() {
    let server = Server::start().await;
    let client = server.client(&FakeTimer::new());
    server.graph(vec![answer(500, &[]); 3]);
    server.graph(vec![answer(504, &[]); 3]);
    server.graph([server.page(&["1"], None), server.page(&["1"], None)]);
    let first = session(&client);
    assert!(list(first.pages(&sized(999), &[0])).await.whole());
    assert_eq!(questions(&server), ["999", "999", "999", "100", "100", "100", "50"]);
    assert_eq!(first.traffic().retries, 6);
    assert!(list(session(&client).pages(&sized(999), &[0])).await.whole());
    assert_eq!(questions(&server)[7], "50");
}

#[tokio::test]
async fn i16_a_later_page_that_is_too_large_begins_the_listing_again_and_page_numbers_go_on() {
    let server = Server::start().await;
    server.graph([server.page(&["1"], Some("/beta/things?$top=100&$skiptoken=a"))]);
    server.graph(vec![answer(503, &[]); 6]);
    server.graph([
        // The links may be the same ones: the listing is a new one.
        server.page(&["1"], Some("/beta/things?$top=100&$skiptoken=a")),
        server.page(&["2"], None),
    ]);
    let listed = list(server.session(&FakeTimer::new()).pages(&sized(100), &[0])).await;
    assert!(listed.whole());
    assert_eq!((listed.numbers(), listed.ids().join("")), (vec![1, 2, 3], "112".to_owned()));
    assert_eq!(questions(&server)[7], "50");
}

#[tokio::test]
async fn pages_that_never_come_end_the_listing_with_the_code_they_began_with() {
    let server = Server::start().await;
    server.graph(vec![answer(503, &[("request-id", CORRELATION)]); 6]);
    server.graph(vec![answer(504, &[]); 3]);
    server.graph(vec![answer(500, &[]); 3]);
    server.graph([json(400, EXCEEDED)]);
    server.graph(vec![answer(500, &[]); 3]);
    let listed = list(server.session(&FakeTimer::new()).pages(&sized(999), &[0])).await;
    let failure = listed.failure.expect("a failure");
    assert_eq!((failure.code.as_str(), failure.context.http_status), ("graph_unavailable", Some(503)));
    assert_eq!(failure.context.request_id, Some(correlation().as_uuid()));
    let asked = questions(&server);
    assert_eq!(asked[5..], ["999", "100", "100", "100", "50", "50", "50", "25", "", "", ""], "few tries, and no circle");
}

#[tokio::test]
async fn i02_a_list_that_ends_at_top_is_listed_again_without_top_and_only_that_is_believed() {
    for (first, whole) in
        [(vec!["1", "2"], vec!["1", "2"]), (vec!["1", "2"], vec!["1", "2", "3"]), (vec!["1", "2", "3"], vec!["1", "2", "3"])]
    {
        let server = Server::start().await;
        let client = server.client(&FakeTimer::new());
        server.graph([server.page(&first, None), server.page(&whole, None), server.page(&whole, None)]);
        let asked = session(&client);
        let listed = list(asked.pages(&sized(2), &[0])).await;
        assert!(listed.whole());
        assert_eq!((listed.numbers(), listed.ids()), (vec![1], whole.iter().map(ToString::to_string).collect()));
        assert_eq!((questions(&server), asked.traffic().retries), (vec!["2".to_owned(), String::new()], 1));
        assert!(list(session(&client).pages(&sized(2), &[0])).await.whole());
        assert_eq!(questions(&server)[2], "", "it is known by now");
    }
}

#[tokio::test]
async fn i02_a_limit_that_is_spread_over_pages_is_no_end_either() {
    let server = Server::start().await;
    server.graph([
        server.page(&["1", "2"], Some("/beta/things?$top=1&$skiptoken=a")),
        server.page(&["3"], None),
        server.page(&["1", "2"], Some("/beta/things?$skiptoken=a")),
        server.page(&["3", "4"], None),
    ]);
    let listed = list(server.session(&FakeTimer::new()).pages(&sized(3), &[0])).await;
    assert!(listed.whole());
    assert_eq!((listed.numbers(), listed.ids().concat()), (vec![1, 2, 3], "121234".to_owned()));
}

#[tokio::test]
async fn a_list_that_goes_on_behind_top_or_ends_before_it_is_believed_at_once() {
    let server = Server::start().await;
    server.graph([server.page(&["1", "2"], Some("/beta/things?$top=2&$skiptoken=a")), server.page(&["3", "4"], None)]);
    server.graph([server.page(&["1"], None)]);
    let session = server.session(&FakeTimer::new());
    assert_eq!(list(session.pages(&sized(2), &[0])).await.ids().concat(), "1234");
    assert_eq!(list(session.pages(&sized(2), &[0])).await.ids().concat(), "1");
    assert_eq!(questions(&server), ["2", ">2", "2"]);
}

#[tokio::test]
async fn i02_an_end_at_a_smaller_top_is_no_end_either_and_what_follows_never_goes_in_a_circle() {
    let server = Server::start().await;
    server.graph(vec![answer(500, &[]); 3]);
    let ids: Vec<String> = (0..25).map(|n| n.to_string()).collect();
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    server.graph([server.page(&ids, None), answer(403, &[])]);
    let listed = list(server.session(&FakeTimer::new()).pages(&sized(50), &[0])).await;
    assert_eq!((listed.code(), listed.pages.len()), ("graph_forbidden", 0), "what was not believed is not delivered either");
    assert_eq!(questions(&server), ["50", "50", "50", "25", ""]);
    // And where it is a server error that ends it, that is what it ended with, though a page had come.
    let server = Server::start().await;
    server.graph([server.page(&["1"], None)]);
    server.graph(vec![answer(500, &[]); 3]);
    let listed = list(server.session(&FakeTimer::new()).pages(&sized(1), &[0])).await;
    assert_eq!((listed.code(), listed.pages.len(), server.asked().len()), ("graph_unavailable", 0, 4));
}

#[tokio::test]
async fn i02_parents_that_end_at_top_are_listed_again_too() {
    let server = Server::start().await;
    let parent = Parent { path: "/wholes".into(), page_size: Some(1), select: false };
    let parts = PathContract { parent: Some(parent), ..path("/wholes/{id}/parts") };
    server.graph([server.page(&["a"], None), server.page(&["a", "b"], None), server.page(&["1"], None), server.page(&["2"], None)]);
    let listed = list(server.session(&FakeTimer::new()).pages(&parts, &[0])).await;
    assert!(listed.whole());
    assert_eq!(listed.ids(), ["1", "2"]);
}

#[tokio::test]
async fn a_page_without_top_has_nothing_to_fall_back_to() {
    let server = Server::start().await;
    server.graph(vec![answer(500, &[]); 3]);
    let selecting = PathContract { select: true, ..path("/things") };
    assert_eq!(list(server.session(&FakeTimer::new()).pages(&selecting, &[0])).await.code(), "graph_unavailable");
    assert_eq!(server.asked().len(), 3);
}

#[tokio::test]
async fn what_no_smaller_page_helps_ends_the_listing_as_it_is() {
    for (replies, code) in [
        (vec![answer(403, &[])], "graph_forbidden"),
        (vec![throttled("86400")], "graph_throttled"),
        (vec![Reply::SendAndClose(Vec::new()); 6], "graph_connection"),
        (vec![answer(509, &[]); 6], "graph_unavailable"),
    ] {
        let server = Server::start().await;
        let count = replies.len();
        server.graph(replies.clone());
        assert_eq!(list(server.session(&FakeTimer::new()).pages(&sized(999), &[0])).await.code(), code);
        assert_eq!(server.asked().len(), count, "{code}");
        // The same after a fallback: it says something else than that the page was too large.
        let server = Server::start().await;
        server.graph(vec![answer(500, &[]); 3]);
        let few = if code == "graph_throttled" || count == 1 { count } else { 3 };
        server.graph(replies.into_iter().take(few));
        assert_eq!(list(server.session(&FakeTimer::new()).pages(&sized(999), &[0])).await.code(), code);
        assert_eq!(server.asked().len(), 3 + few, "{code} after a fallback");
    }
}

#[tokio::test]
async fn i13_all_fallbacks_before_a_page_share_the_time_of_one_page() {
    let server = Server::start().await;
    let timer = FakeTimer::new();
    let client = client(GraphSettings { page_budget: Duration::from_secs(30), ..GraphSettings::default() }, server.access(), &timer);
    // Each step takes 2 waits of 10 s or more: after the second there is no third.
    server.graph(vec![answer(500, &[("Retry-After", "10")]); 15]);
    let listed = list(session(&client).pages(&sized(999), &[0])).await;
    assert_eq!(listed.code(), "graph_unavailable");
    let steps: std::collections::BTreeSet<_> = questions(&server).into_iter().collect();
    assert_eq!(steps, ["100", "50", "999"].map(str::to_owned).into());
}

#[tokio::test]
async fn a_token_that_expires_after_a_fallback_does_not_bring_back_what_was_refused() {
    let server = Server::start().await;
    server.graph([
        answer(400, &[]),
        server.page(&["1"], Some("/beta/things?$expand=assignments&$top=200&$skiptoken=a")),
        answer(410, &[]),
        server.page(&["1"], None),
    ]);
    assert!(list(server.session(&FakeTimer::new()).pages(&asking_all(), &[0])).await.whole());
    assert_eq!(questions(&server), ["SE200", "E200", ">E200", "E200"]);
}

#[tokio::test]
async fn a_page_that_takes_too_long_is_asked_for_smaller() {
    let server = Server::start().await;
    let settings = GraphSettings { request_timeout: Duration::from_millis(200), max_attempts: 2, ..GraphSettings::default() };
    let client = client(settings, server.access(), &FakeTimer::new());
    let session = session(&client);
    session.sign_in().await.expect("signed in");
    server.graph(vec![Reply::Hang(b"HTTP/1.1 200 x\r\n".to_vec()); 2]);
    server.graph([server.page(&["1"], None)]);
    assert!(list(session.pages(&sized(100), &[0])).await.whole());
    assert_eq!(questions(&server), ["100", "100", "50"]);
}
