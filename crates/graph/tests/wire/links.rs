//! Next links: to the letter, to nowhere else, and not for ever.

use lastseen_contracts::{ApiVersion, PathContract};
use lastseen_graph::GraphSettings;
use rstest::rstest;

use crate::support::*;

#[tokio::test]
async fn a_next_link_goes_over_the_wire_byte_for_byte() {
    let server = Server::start().await;
    let targets = [
        "/beta/things?$top=25&$skiptoken=%255Bcosmosdb%255D%5B%7B%22token%22%3A%22%2BRID%3A~%3D%23RT%3A1%22%7D%5D",
        "/beta/things?$skiptoken=a+b%20c%2Bd&x=[]{}|^`~!*()@:;,&y=%c3%a9%C3%A9&$select=id",
        "/beta/Things('a%2Fb')//x?$filter=isAssigned%20eq%20%27true%27&a?b",
    ];
    for (n, target) in targets.iter().enumerate() {
        server.graph([server.page(&[&n.to_string()], Some(target))]);
    }
    server.graph([server.page(&[], None)]);
    assert!(list(server.session(&FakeTimer::new()).pages(&path("/things"), &[0])).await.whole());
    let asked = server.asked();
    for (target, request) in targets.iter().zip(&asked[1..]) {
        assert_eq!(request.line(), format!("GET {target} HTTP/1.1"));
        assert_eq!(request.header("authorization"), Some("Bearer token-1"));
    }
}

#[rstest]
#[case::foreign_host("http://127.0.0.2:{port}/beta/things?$skiptoken=a")]
#[case::other_name_for_the_host("http://localhost:{port}/beta/things?$skiptoken=a")]
#[case::other_scheme("https://127.0.0.1:{port}/beta/things?$skiptoken=a")]
#[case::other_port("http://127.0.0.1:{elsewhere}/beta/things?$skiptoken=a")]
#[case::user("http://127.0.0.1:{port}@127.0.0.1:{elsewhere}/beta/things?$skiptoken=a")]
#[case::other_version("http://127.0.0.1:{port}/v1.0/things?$skiptoken=a")]
#[case::out_of_the_version("http://127.0.0.1:{port}/beta/../v1.0/things?$skiptoken=a")]
#[case::relative("/beta/things?$skiptoken=a")]
#[case::empty("")]
#[tokio::test]
async fn i29_a_link_that_leaves_origin_or_version_is_not_followed_and_gets_no_token(#[case] link: &str) {
    let server = Server::start().await;
    let elsewhere = Server::start().await;
    let port = |server: &Server| server.url("").rsplit(':').next().expect("a port").to_owned();
    let link = link.replace("{port}", &port(&server)).replace("{elsewhere}", &port(&elsewhere));
    server.graph([page_to(&["1"], Some(&link)), server.page(&[], None)]);
    let listed = list(server.session(&FakeTimer::new()).pages(&path("/things"), &[0])).await;
    assert_eq!((listed.code(), listed.ids()), ("graph_untrusted_link", vec!["1".to_owned()]));
    assert!(!listed.pages[0].last);
    assert_eq!(listed.failure.expect("a failure").context.page, Some(2));
    assert_eq!((server.asked().len(), elsewhere.requests().len()), (1, 0));
}

#[tokio::test]
async fn a_listing_on_v1_stays_on_v1() {
    let server = Server::start().await;
    server.graph([server.page(&["1"], Some("/v1.0/things?$skiptoken=a")), server.page(&["2"], Some("/beta/things?$skiptoken=b"))]);
    let v1 = PathContract { api_version: ApiVersion::V1, ..path("/things") };
    let listed = list(server.session(&FakeTimer::new()).pages(&v1, &[0])).await;
    assert_eq!((listed.code(), listed.pages.len()), ("graph_untrusted_link", 2));
    assert_eq!(server.asked()[0].target(), "/v1.0/things");
}

#[rstest]
#[case::to_itself(&["/beta/things?$skiptoken=a", "/beta/things?$skiptoken=a"], 2)]
#[case::to_page_one(&["/beta/things"], 1)]
#[case::in_a_circle(&["/beta/things?$skiptoken=a", "/beta/things?$skiptoken=b", "/beta/things?$skiptoken=a"], 3)]
#[case::to_itself_with_a_fragment(&["/beta/things?$skiptoken=a", "/beta/things?$skiptoken=a#b"], 2)]
#[tokio::test]
async fn i29_a_link_that_comes_twice_ends_the_listing(#[case] links: &[&str], #[case] asked: usize) {
    let server = Server::start().await;
    for link in links {
        server.graph([server.page(&["1"], Some(link))]);
    }
    server.graph([server.page(&[], None)]);
    let listed = list(server.session(&FakeTimer::new()).pages(&path("/things"), &[0])).await;
    assert_eq!((listed.code(), listed.pages.len(), server.asked().len()), ("graph_page_loop", links.len(), asked));
    assert!(listed.pages.iter().all(|page| !page.last));
}

#[tokio::test]
async fn i30_the_page_cap_ends_a_listing_as_incomplete_and_a_listing_of_just_so_many_pages_is_whole() {
    for (pages, code) in [(3, "none"), (4, "graph_page_cap")] {
        let server = Server::start().await;
        for n in 1..pages {
            server.graph([server.page(&["1"], Some(&format!("/beta/things?$skiptoken={n}")))]);
        }
        server.graph([server.page(&["1"], None)]);
        let client = server.client_with(GraphSettings { page_cap: 3, ..GraphSettings::default() }, &FakeTimer::new());
        let listed = list(session(&client).pages(&path("/things"), &[0])).await;
        assert_eq!((listed.code(), listed.pages.len(), listed.whole(), server.asked().len()), (code, 3, code == "none", 3));
    }
}

#[tokio::test]
async fn i16_an_expired_page_token_begins_the_listing_again_and_page_numbers_go_on() {
    for expired in [400, 410] {
        let server = Server::start().await;
        server.graph([
            server.page(&["1"], Some("/beta/things?$skiptoken=a")),
            server.page(&["2"], Some("/beta/things?$skiptoken=b")),
            answer(expired, &[]),
            // The links may be the same ones: the listing is a new one.
            server.page(&["1"], Some("/beta/things?$skiptoken=a")),
            server.page(&["2"], Some("/beta/things?$skiptoken=b")),
            server.page(&["3"], None),
        ]);
        let listed = list(server.session(&FakeTimer::new()).pages(&path("/things"), &[0])).await;
        assert!(listed.whole());
        assert_eq!((listed.numbers(), listed.ids().join("")), (vec![1, 2, 3, 4, 5], "12123".to_owned()));
        assert_eq!(server.asked()[3].target(), "/beta/things");
    }
}

#[tokio::test]
async fn i16_restarts_are_bounded() {
    let server = Server::start().await;
    for _ in 0..5 {
        server.graph([server.page(&["1"], Some("/beta/things?$skiptoken=a")), answer(410, &[])]);
    }
    let listed = list(server.session(&FakeTimer::new()).pages(&path("/things"), &[0])).await;
    assert_eq!((listed.code(), listed.pages.len(), server.asked().len()), ("graph_bad_request", 3, 6));
    let context = listed.failure.expect("a failure").context;
    assert_eq!((context.page, context.http_status), (Some(4), Some(410)));
}
