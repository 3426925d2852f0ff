//! How refusals read.

use std::fmt::Write;

use axum::body::Body;
use http::{Method, Request, header};
use lastseen_model::Role;
use serde_json::Value;

use crate::support::{CONFIGURATION, OURS, THERE, With, World, asking, only, telling, tenant};

#[tokio::test]
async fn a_refusal_says_what_is_wrong_where_and_what_to_do() {
    let world = World::new().await;
    let (admin, reader) = (world.admin().await, world.token(Role::Reader, only(OURS)).await);
    let ours = format!("/v1/tenants/{}", tenant(OURS));
    let note = format!("{ours}/items/{CONFIGURATION}/{THERE}/acknowledgement");
    let no_json = Request::builder().method(Method::PUT).uri(&ours).body(Body::from("{}")).expect("a request");
    let large = telling(Method::PUT, &ours, &format!("{{\"name\":\"{}\"}}", "n".repeat(70_000)));
    let requests = [
        ("no token", asking(Method::GET, &ours)),
        ("too low a role", telling(Method::PUT, &ours, "{}").with(&reader)),
        ("too low a role on all tenants", asking(Method::GET, "/v1/tokens").with(&reader)),
        ("a foreign tenant", asking(Method::GET, "/v1/tenants/00000000-0000-4000-8000-000000000002").with(&reader)),
        ("no such path", asking(Method::GET, "/v1/tenant").with(&admin)),
        ("no such method", asking(Method::PATCH, &ours).with(&admin)),
        ("no tenant id", asking(Method::GET, "/v1/tenants/contoso.com").with(&admin)),
        ("a path that is no text", asking(Method::GET, &format!("{ours}/items/{CONFIGURATION}/%ff")).with(&admin)),
        ("an unknown parameter", asking(Method::GET, &format!("{ours}/items?categories=Apps")).with(&admin)),
        ("an unknown type", asking(Method::GET, &format!("{ours}/items?type=deviceConfigurations")).with(&admin)),
        ("a number out of bounds", asking(Method::GET, &format!("{ours}/items?limit=1001")).with(&admin)),
        ("no time", asking(Method::GET, &format!("{ours}/items?not_seen_since=yesterday")).with(&admin)),
        ("no cursor of ours", asking(Method::GET, &format!("{ours}/items?cursor=x")).with(&admin)),
        (
            "a selection named twice",
            asking(Method::GET, &format!("{ours}/missing?selection={}&selection_type={CONFIGURATION}", "a".repeat(64))).with(&admin),
        ),
        ("no JSON said", no_json.with(&admin)),
        ("no JSON sent", telling(Method::PUT, &ours, "name").with(&admin)),
        ("too large", large.with(&admin)),
        ("an unknown field", telling(Method::PUT, &ours, r#"{"nmae":"Contoso"}"#).with(&admin)),
        ("a field of the wrong kind", telling(Method::PUT, &ours, r#"{"runs_at_once":"many"}"#).with(&admin)),
        ("a field out of bounds", telling(Method::PUT, &ours, r#"{"runs_at_once":101}"#).with(&admin)),
        ("what may be a secret", telling(Method::PUT, &ours, r#"{"credential":"hunter2"}"#).with(&admin)),
        (
            "an unknown selection",
            telling(Method::POST, "/v1/selections/preview", r#"{"selection":{"categories":["Device"]}}"#).with(&admin),
        ),
        ("nothing to acknowledge", telling(Method::PUT, &note, r#"{"note":"x"}"#).with(&admin)),
    ];
    let mut text = String::new();
    for (what, request) in requests {
        let answer = world.send(request).await;
        let body: Value = answer.json();
        assert_eq!(answer.header(header::CONTENT_TYPE), "application/problem+json", "{what}");
        assert_eq!(body["status"].as_u64(), Some(answer.status.as_u16().into()), "{what}");
        assert!(!answer.headers.contains_key(header::ETAG), "{what}");
        let body = serde_json::to_string_pretty(&body).expect("JSON");
        writeln!(text, "{what}\n{body}").expect("a String takes everything");
    }
    assert!(!text.contains("hunter2"));
    insta::assert_snapshot!(text);
}

#[tokio::test]
async fn a_method_that_is_not_there_is_answered_with_those_that_are() {
    let world = World::new().await;
    let admin = world.admin().await;
    let answer = world.act(&admin, Method::POST, &format!("/v1/tenants/{}", tenant(OURS))).await;
    let mut allowed: Vec<&str> = answer.header(header::ALLOW).split(',').collect();
    allowed.sort_unstable();
    assert_eq!((answer.status.as_u16(), allowed), (405, vec!["DELETE", "GET", "HEAD", "PUT"]));
}

#[tokio::test]
async fn the_page_shows_a_refusal_as_it_is() {
    let world = World::new().await;
    let token = world.admin().await;
    let refusal = world.get(&token, "/v1/tenants?limits=5").await;
    let text = String::from_utf8(refusal.body).expect("text");
    let page = include_str!("../../../../docs/api.md");
    assert!(page.contains(&format!("```json\n{text}\n```")), "docs/api.md has to show: {text}");
}
