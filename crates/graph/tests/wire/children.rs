//! Collections that each object of a parent has: the parents first and whole, then what each of them has.

use lastseen_contracts::{Parent, PathContract};
use lastseen_graph::GraphSettings;
use lastseen_model::ListingOutcome;
use rstest::rstest;

use crate::listing::deadly;
use crate::support::*;

fn parts() -> PathContract {
    let parent = Parent { path: "/wholes".into(), page_size: None, select: false };
    PathContract { parent: Some(parent), optional_feature: true, ..path("/wholes/{id}/parts") }
}

fn targets(server: &Server) -> Vec<String> {
    server.asked().iter().map(|request| request.target().to_owned()).collect()
}

#[tokio::test]
async fn i02_the_parents_are_read_to_the_last_and_then_what_each_of_them_has() {
    let server = Server::start().await;
    server.graph([
        server.page(&["a"], Some("/beta/wholes?$skiptoken=2")),
        server.page(&["b", "c/d"], None),
        server.page(&["1", "2"], Some("/beta/wholes/a/parts?$skiptoken=2")),
        server.page(&["3"], None),
        server.page(&[], None),
        server.page(&["4"], None),
    ]);
    let listed = list(server.session(&FakeTimer::new()).pages(&parts(), &[0])).await;
    assert!(listed.whole());
    assert_eq!(listed.ids(), ["1", "2", "3", "4"]);
    let pages: Vec<_> = listed.pages.iter().map(|page| (page.number, page.last)).collect();
    assert_eq!(pages, [(1, false), (2, false), (3, false), (4, true)], "the last page of the last parent is the last");
    assert_eq!(
        targets(&server),
        [
            "/beta/wholes",
            "/beta/wholes?$skiptoken=2",
            "/beta/wholes/a/parts",
            "/beta/wholes/a/parts?$skiptoken=2",
            "/beta/wholes/b/parts",
            "/beta/wholes/c%2Fd/parts"
        ]
    );
}

#[tokio::test]
async fn parents_are_asked_for_their_ids_alone_where_they_may_be() {
    let server = Server::start().await;
    server.graph([server.page(&["a"], None), server.page(&["1"], None)]);
    let parent = Parent { path: "/wholes".into(), page_size: Some(50), select: true };
    let asked = PathContract { parent: Some(parent), select: true, page_size: Some(20), ..parts() };
    assert!(list(server.session(&FakeTimer::new()).pages(&asked, &[0])).await.whole());
    assert_eq!(targets(&server), ["/beta/wholes?$select=id&$top=50", "/beta/wholes/a/parts?$select=displayName,id&$top=20"]);
}

#[tokio::test]
async fn no_parents_are_one_empty_last_page() {
    let server = Server::start().await;
    server.graph([server.page(&[], None)]);
    let listed = list(server.session(&FakeTimer::new()).pages(&parts(), &[0])).await;
    assert!(listed.whole());
    assert_eq!((listed.numbers(), listed.objects().len(), server.asked().len()), (vec![1], 0, 1));
}

#[rstest]
#[case(r#"{"value":[{"id":"a"},{"id":""}]}"#)]
#[case(r#"{"value":[{"id":".."}]}"#)]
#[case(r#"{"value":[{"name":"a"}]}"#)]
#[tokio::test]
async fn i02_a_parent_that_cannot_be_asked_ends_the_listing_before_any_child(#[case] parents: &str) {
    let server = Server::start().await;
    server.graph([json(200, parents), server.page(&["1"], None)]);
    let listed = list(server.session(&FakeTimer::new()).pages(&parts(), &[0])).await;
    assert_eq!((listed.code(), listed.pages.len(), server.asked().len()), ("graph_invalid_response", 0, 1));
}

#[tokio::test]
async fn i02_a_listing_killed_at_any_page_of_parents_or_children_is_never_whole() {
    // Two pages of parents, then two pages of each of their two collections.
    let answers = |server: &Server| {
        [
            server.page(&["a"], Some("/beta/wholes?$skiptoken=2")),
            server.page(&["b"], None),
            server.page(&["1"], Some("/beta/wholes/a/parts?$skiptoken=2")),
            server.page(&["2"], None),
            server.page(&["3"], Some("/beta/wholes/b/parts?$skiptoken=2")),
            server.page(&["4"], None),
        ]
    };
    let plain = PathContract { optional_feature: false, ..parts() };
    for (replies, code) in deadly() {
        for k in 1..=6 {
            let server = Server::start().await;
            server.graph(answers(&server).into_iter().take(k - 1));
            server.graph(replies.clone());
            // What would make it look whole, if anyone asked once more.
            server.graph([server.page(&[], None)]);
            let listed = list(server.session(&FakeTimer::new()).pages(&plain, &[0])).await;
            assert_eq!((listed.code(), listed.pages.len()), (code, k.saturating_sub(3)), "request {k}");
            assert!(listed.pages.iter().all(|page| !page.last));
            assert_eq!(server.asked().len(), k - 1 + replies.len(), "{code}, request {k}");
        }
    }
}

#[rstest]
#[case::before_any_parent(0, ListingOutcome::Unavailable)]
#[case::in_the_parents(1, ListingOutcome::Incomplete)]
#[case::first_page_of_the_first_parent(2, ListingOutcome::Incomplete)]
#[case::later(3, ListingOutcome::Incomplete)]
#[tokio::test]
async fn i25_once_a_parent_was_read_nothing_is_unavailable(#[case] good: usize, #[case] outcome: ListingOutcome) {
    let licence = r#"{"error":{"code":"BadRequest","message":"Request not applicable to target tenant."}}"#;
    for refusal in [answer(403, &[]), answer(404, &[]), json(400, licence), json(403, licence), answer(302, &[])] {
        let server = Server::start().await;
        let pages = [server.page(&["a"], Some("/beta/wholes?$skiptoken=2")), server.page(&["b"], None), server.page(&["1"], None)];
        server.graph(pages.into_iter().take(good));
        // A 400 on a next link is an expired token first.
        server.graph(vec![refusal; 3]);
        server.graph(vec![answer(404, &[]); 3]);
        let listed = list(server.session(&FakeTimer::new()).pages(&parts(), &[0])).await;
        let failure = listed.failure.expect("a failure");
        let stored = failure.context.page.expect("a page") - 1;
        assert_eq!(ListingOutcome::after_failure(failure.code, stored), outcome, "{}", failure.code);
    }
}

#[tokio::test]
async fn i25_a_parent_that_vanished_in_between_is_a_failure() {
    let server = Server::start().await;
    server.graph([server.page(&["a", "b"], None), server.page(&["1"], None), answer(404, &[])]);
    let listed = list(server.session(&FakeTimer::new()).pages(&parts(), &[0])).await;
    assert_eq!((listed.code(), listed.ids().join("")), ("graph_bad_request", "1".to_owned()));
    assert_eq!(listed.failure.expect("a failure").context.page, Some(2));
}

#[tokio::test]
async fn i16_an_expired_page_token_restarts_only_the_collection_it_belongs_to() {
    let server = Server::start().await;
    server.graph([
        server.page(&["a"], Some("/beta/wholes?$skiptoken=2")),
        answer(410, &[]),
        server.page(&["a"], Some("/beta/wholes?$skiptoken=2")),
        server.page(&["b"], None),
        server.page(&["1"], None),
        server.page(&["2"], Some("/beta/wholes/b/parts?$skiptoken=2")),
        answer(400, &[]),
        server.page(&["2"], Some("/beta/wholes/b/parts?$skiptoken=2")),
        server.page(&["3"], None),
    ]);
    let listed = list(server.session(&FakeTimer::new()).pages(&parts(), &[0])).await;
    assert!(listed.whole());
    assert_eq!((listed.numbers(), listed.ids().join("")), (vec![1, 2, 3, 4], "1223".to_owned()), "a parent that came twice is asked once");
    assert_eq!(targets(&server)[7], "/beta/wholes/b/parts");
}

#[tokio::test]
async fn i29_a_link_loop_among_parents_or_children_ends_the_listing() {
    let looping = |server: &Server, path: &str| server.page(&["a"], Some(&format!("/beta/{path}?$skiptoken=1")));
    let server = Server::start().await;
    server.graph([looping(&server, "wholes"), looping(&server, "wholes")]);
    let listed = list(server.session(&FakeTimer::new()).pages(&parts(), &[0])).await;
    assert_eq!((listed.code(), listed.pages.len()), ("graph_page_loop", 0));
    let server = Server::start().await;
    server.graph([server.page(&["a"], None), looping(&server, "wholes/a/parts"), looping(&server, "wholes/a/parts")]);
    let listed = list(server.session(&FakeTimer::new()).pages(&parts(), &[0])).await;
    assert_eq!((listed.code(), listed.pages.len()), ("graph_page_loop", 2));
}

#[rstest]
#[case::as_many_pages(&[2, 1], 3, "none")]
#[case::one_page_more_with_the_last_parent(&[2, 2], 3, "graph_page_cap")]
#[case::one_parent_more_than_pages_are_left(&[2, 1, 1], 3, "graph_page_cap")]
#[tokio::test]
async fn i30_all_collections_share_one_page_cap(#[case] pages: &[usize], #[case] asked: usize, #[case] code: &str) {
    let server = Server::start().await;
    let ids: Vec<String> = (0..pages.len()).map(|n| n.to_string()).collect();
    server.graph([server.page(&ids.iter().map(String::as_str).collect::<Vec<_>>(), None)]);
    for (parent, count) in pages.iter().enumerate() {
        for n in 1..*count {
            server.graph([server.page(&["x"], Some(&format!("/beta/wholes/{parent}/parts?$skiptoken={n}")))]);
        }
        server.graph([server.page(&["x"], None)]);
    }
    let client = client(GraphSettings { page_cap: 3, ..GraphSettings::default() }, server.access(), &FakeTimer::new());
    let listed = list(session(&client).pages(&parts(), &[0])).await;
    assert_eq!((listed.code(), listed.whole(), server.asked().len()), (code, code == "none", 1 + asked));
}

#[tokio::test]
async fn i30_more_parents_than_pages_may_be_end_the_listing_before_any_child() {
    let server = Server::start().await;
    server.graph([server.page(&["a", "b", "c", "d"], None), server.page(&[], None)]);
    let client = client(GraphSettings { page_cap: 3, ..GraphSettings::default() }, server.access(), &FakeTimer::new());
    let listed = list(session(&client).pages(&parts(), &[0])).await;
    assert_eq!((listed.code(), listed.pages.len(), server.asked().len()), ("graph_page_cap", 0, 1));
}

#[tokio::test]
async fn what_the_collection_of_one_parent_did_not_take_the_others_are_not_asked() {
    let server = Server::start().await;
    server.graph([server.page(&["a", "b"], None), answer(400, &[]), server.page(&["1"], None), server.page(&["2"], None)]);
    let selecting = PathContract { select: true, ..parts() };
    assert!(list(server.session(&FakeTimer::new()).pages(&selecting, &[0])).await.whole());
    assert_eq!(targets(&server)[1..], ["/beta/wholes/a/parts?$select=displayName,id", "/beta/wholes/a/parts", "/beta/wholes/b/parts"]);
}

#[tokio::test]
async fn a_call_whose_future_is_dropped_loses_no_parent_and_no_page() {
    let server = Server::start().await;
    server.graph([
        server.page(&["a"], Some("/beta/wholes?$skiptoken=2")),
        Reply::Hang(Vec::new()),
        server.page(&["b"], None),
        server.page(&["1"], None),
        Reply::Hang(Vec::new()),
        server.page(&["2"], None),
    ]);
    let mut pages = server.session(&FakeTimer::new()).pages(&parts(), &[0]);
    tokio::select! {
        _ = pages.next() => panic!("the server hangs"),
        () = server.until_asked(2) => {}
    }
    let first = pages.next().await.expect("page one").expect("page one");
    tokio::select! {
        _ = pages.next() => panic!("the server hangs"),
        () = server.until_asked(5) => {}
    }
    let last = pages.next().await.expect("page two").expect("page two");
    assert_eq!((first.number, first.last, last.number, last.last), (1, false, 2, true));
    assert_eq!(targets(&server)[4..], ["/beta/wholes/b/parts", "/beta/wholes/b/parts"]);
}
