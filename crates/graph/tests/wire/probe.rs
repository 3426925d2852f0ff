//! Probing: which requests, what is found, and what is suggested of it.

use std::time::Duration;

use lastseen_contracts::{Assignments, MetaField, MetaKind, Parent, PathContract, PathKind, PathOverride};
use lastseen_graph::{ExpandFound, GraphFailure, Probe, SelectFound, SizeFound};
use serde_json::json;

use crate::support::*;

/// A path that keeps one field beside the name.
fn things() -> PathContract {
    let mut path = path("/things");
    path.types[0].meta = vec![MetaField { field: "state".into(), kind: MetaKind::Text(16) }];
    path
}

fn targets(server: &Server) -> Vec<String> {
    server.asked().iter().map(|request| request.target().trim_start_matches("/beta/things").to_owned()).collect()
}

/// So many objects, with what a test adds to each.
fn objects(count: u32, more: bool, added: &serde_json::Value) -> Reply {
    let object = |n: u32| {
        let mut object = json!({"id": n.to_string(), "displayName": "n", "state": "on"});
        let fields = object.as_object_mut().expect("an object");
        fields.extend(added.as_object().expect("fields").clone());
        object
    };
    let mut page = json!({"value": (0..count).map(object).collect::<Vec<_>>()});
    if more {
        page["@odata.nextLink"] = "http://nowhere/next".into();
    }
    json(200, &page.to_string())
}

fn lean(count: u32, more: bool) -> Reply {
    objects(count, more, &json!({}))
}

fn heavy(count: u32, more: bool) -> Reply {
    objects(count, more, &json!({"settings": "x".repeat(1000), "assignments": null}))
}

fn assigned(count: u32, assignments: usize) -> Reply {
    objects(count, false, &json!({"assignments": vec![json!({}); assignments]}))
}

async fn probe(server: &Server, path: &PathContract) -> Result<Probe, GraphFailure> {
    server.session(&FakeTimer::new()).probe(path).await.map(|probe| probe.expect("something to ask"))
}

fn suggests(probe: &Probe) -> (Option<u32>, Option<bool>, Option<bool>) {
    probe.suggestion.as_ref().map_or((None, None, None), |it| (it.page_size, it.select, it.assignments))
}

#[tokio::test]
async fn each_option_is_asked_for_alone_and_only_what_was_proved_is_suggested() {
    let server = Server::start().await;
    server.graph([heavy(30, true), lean(30, true), assigned(30, 2), lean(200, true), lean(200, true)]);
    let found = probe(&server, &things()).await.expect("a probe");
    assert_eq!(
        targets(&server),
        [
            "",
            "?$select=displayName,id,state",
            "?$expand=assignments",
            "?$select=displayName,id,state&$top=999",
            "?$select=displayName,id,state&$top=200"
        ]
    );
    assert_eq!((found.plain.objects, found.plain.more), (30, true));
    let SelectFound::Same(selected) = found.select else { panic!("{:?}", found.select) };
    assert!(selected.bytes < found.plain.bytes);
    assert!(matches!(found.expand, Some(ExpandFound::Page { counted: 30, assignments: 60, .. })));
    assert!(matches!(found.sizes[..], [(999, SizeFound::Ignored(_)), (200, SizeFound::Honoured(_))]));
    let expected = PathOverride { page_size: Some(200), select: Some(true), assignments: Some(true), ..PathOverride::of(&things()) };
    assert_eq!(found.suggestion, Some(expected));
}

#[tokio::test]
async fn a_contract_that_is_right_is_left_as_it_is() {
    let server = Server::start().await;
    server.graph([heavy(30, true), lean(30, true), assigned(30, 2), lean(100, true)]);
    let path = PathContract { select: true, assignments: Assignments::Expand, page_size: Some(100), ..things() };
    let found = probe(&server, &path).await.expect("a probe");
    assert!(matches!(found.sizes[..], [(100, SizeFound::Honoured(_))]), "no larger one is tried: it is there for a reason");
    assert_eq!((found.suggestion, server.asked().len()), (None, 4));
}

#[tokio::test]
async fn i18_a_select_under_which_any_observation_differs_is_never_suggested() {
    let other = |added: serde_json::Value| objects(30, false, &added);
    for (name, selected) in [
        ("a field is gone", other(json!({"state": null}))),
        ("a value differs", other(json!({"state": "off"}))),
        ("the name differs", other(json!({"displayName": "m"}))),
        ("an object is missing", lean(29, false)),
        ("an object more", lean(31, false)),
        ("ids are gone", other(json!({"id": null}))),
        ("nothing came", lean(0, false)),
    ] {
        let server = Server::start().await;
        server.graph([heavy(30, false), selected, assigned(30, 0), heavy(30, false)]);
        let found = probe(&server, &things()).await.expect("a probe");
        assert!(matches!(found.select, SelectFound::Differs(_)), "{name}");
        assert_eq!(suggests(&found), (None, None, None), "{name}");
        assert_eq!(targets(&server)[3], "?$top=999", "{name}: nor is it used");
        // Where the contract has it, it is to go.
        let server = Server::start().await;
        server.graph([heavy(30, false), lean(29, false), assigned(30, 0), heavy(30, false)]);
        let found = probe(&server, &PathContract { select: true, ..things() }).await.expect("a probe");
        assert_eq!(suggests(&found), (None, Some(false), None));
    }
}

#[tokio::test]
async fn i02_a_page_size_that_cuts_the_list_off_is_a_limit_and_never_suggested() {
    let server = Server::start().await;
    server.graph([lean(250, false), lean(250, false), lean(250, false), lean(250, false)]);
    let found = probe(&server, &things()).await.expect("a probe");
    assert!(matches!(found.sizes[..], [(999, SizeFound::TooFewToSee(_))]));
    let server = Server::start().await;
    server.graph([lean(30, true), lean(30, true), lean(30, false), lean(999, false), lean(200, false), lean(100, false), lean(29, false)]);
    let found = probe(&server, &things()).await.expect("a probe");
    assert!(found.sizes.iter().all(|(_, found)| matches!(found, SizeFound::Limit(_))), "{:?}", found.sizes);
    assert_eq!((found.sizes.len(), suggests(&found).0), (4, None));
    let server = Server::start().await;
    server.graph([lean(250, false), lean(250, false), lean(250, false), lean(200, false), lean(250, true), lean(50, false)]);
    let path = PathContract { page_size: Some(200), ..things() };
    let found = probe(&server, &path).await.expect("a probe");
    assert!(matches!(found.sizes[..], [(200, SizeFound::Limit(_)), (100, SizeFound::Ignored(_)), (50, SizeFound::Limit(_))]));
    assert_eq!(suggests(&found).0, None);
}

#[tokio::test]
async fn an_empty_path_proves_nothing() {
    let server = Server::start().await;
    server.graph([lean(0, false), lean(0, false), lean(0, false), lean(0, false)]);
    let found = probe(&server, &things()).await.expect("a probe");
    assert!(matches!(found.select, SelectFound::Empty(_)));
    assert!(matches!(found.sizes[..], [(999, SizeFound::TooFewToSee(_))]));
    assert_eq!(found.suggestion, None);
}

#[tokio::test]
async fn what_the_contract_asks_and_the_path_refuses_is_to_go() {
    let server = Server::start().await;
    server.graph([heavy(30, false), answer(400, &[]), answer(400, &[]), answer(400, &[]), heavy(30, false)]);
    let path = PathContract { select: true, assignments: Assignments::Expand, page_size: Some(500), ..things() };
    let found = probe(&server, &path).await.expect("a probe");
    assert!(matches!(found.sizes[..], [(500, SizeFound::Refused(_)), (200, SizeFound::TooFewToSee(_))]));
    assert_eq!(suggests(&found), (Some(200), Some(false), Some(false)));
}

#[tokio::test]
async fn a_list_that_shows_no_assignments_at_all_may_be_one_that_never_does() {
    for expanded in [assigned(30, 0), lean(30, false)] {
        let server = Server::start().await;
        server.graph([lean(30, false), lean(30, false), expanded, lean(30, false)]);
        assert_eq!(suggests(&probe(&server, &things()).await.expect("a probe")), (None, None, None));
    }
}

#[tokio::test]
async fn i13_a_probe_is_bounded_and_asks_a_failing_page_a_few_times_only() {
    let server = Server::start().await;
    server.graph([lean(30, true)]);
    // Whatever is tried, select, expand and five sizes: no page comes.
    server.graph(vec![answer(503, &[]); 3 * 7]);
    let found = probe(&server, &PathContract { page_size: Some(1000), ..things() }).await.expect("a probe");
    assert!(found.sizes.iter().all(|(_, found)| matches!(found, SizeFound::Refused(_))));
    assert_eq!(found.sizes.iter().map(|(size, _)| *size).collect::<Vec<_>>(), [1000, 999, 200, 100, 50]);
    assert_eq!(suggests(&found), (None, None, None));
    assert_eq!(server.asked().len(), 1 + 3 * 7);
}

#[tokio::test]
async fn what_says_nothing_of_an_option_ends_the_probe() {
    for good in 0..=3 {
        let server = Server::start().await;
        server.graph(vec![lean(30, true); good]);
        server.graph([answer(403, &[])]);
        let failure = probe(&server, &things()).await.expect_err("a failure");
        assert_eq!((failure.code.as_str(), server.asked().len()), ("graph_forbidden", good + 1));
    }
}

#[tokio::test]
async fn a_singleton_is_asked_twice() {
    let server = Server::start().await;
    let body = json!({"id": "1", "displayName": "n", "state": "on", "payload": "x".repeat(100)});
    server.graph([json(200, &body.to_string()), json(200, r#"{"id":"1","displayName":"n","state":"on"}"#)]);
    let found = probe(&server, &PathContract { kind: PathKind::Singleton, ..things() }).await.expect("a probe");
    assert_eq!((found.expand.is_none(), found.sizes.len(), server.asked().len()), (true, 0, 2));
    assert_eq!(suggests(&found), (None, Some(true), None));
}

#[tokio::test]
async fn below_a_parent_the_first_one_is_asked_and_where_there_is_none_nothing() {
    let parent = Parent { path: "/wholes".into(), page_size: None, select: false };
    let parts = PathContract { parent: Some(parent), path: "/wholes/{id}/parts".into(), ..things() };
    let server = Server::start().await;
    server.graph([server.page(&["a/b", "c"], Some("/beta/wholes?$skiptoken=2"))]);
    server.graph([lean(3, false), lean(3, false), lean(3, false), lean(3, false)]);
    let found = probe(&server, &parts).await.expect("a probe");
    assert_eq!((found.plain.objects, server.asked().len()), (3, 5));
    assert_eq!(server.asked()[1].target(), "/beta/wholes/a%2Fb/parts");
    let server = Server::start().await;
    server.graph([server.page(&[], None)]);
    assert_eq!(server.session(&FakeTimer::new()).probe(&parts).await, Ok(None));
}

#[tokio::test]
async fn only_a_page_is_an_answer_to_a_knock() {
    let path = PathContract { select: true, ..things() };
    for (replies, code, asked) in [
        (vec![lean(1, true)], None, 1),
        (vec![answer(400, &[]), lean(1, true)], None, 2),
        (vec![answer(400, &[]); 2], Some("graph_bad_request"), 2),
        (vec![answer(400, &[]), answer(403, &[])], Some("graph_forbidden"), 2),
        (vec![answer(403, &[])], Some("graph_forbidden"), 1),
    ] {
        let server = Server::start().await;
        server.graph(replies);
        let answer = server.session(&FakeTimer::new()).knock(&path).await;
        assert_eq!(answer.map_err(|failure| failure.code.as_str()).err(), code);
        assert_eq!(server.asked().len(), asked);
        assert!(targets(&server)[0].ends_with("&$top=1") && targets(&server)[1..].iter().all(String::is_empty));
    }
}

#[tokio::test]
async fn the_time_a_page_took_is_the_timers() {
    let server = Server::start().await;
    server.graph([answer(503, &[("Retry-After", "8")]), lean(1, false), lean(1, false), lean(1, false), lean(1, false)]);
    let found = probe(&server, &things()).await.expect("a probe");
    assert!((Duration::from_secs(8)..=Duration::from_secs(10)).contains(&found.plain.took), "{:?}", found.plain.took);
    let SelectFound::Same(selected) = found.select else { panic!("{:?}", found.select) };
    assert_eq!(selected.took, Duration::ZERO);
}
