//! Who is let in, and what all others are told.

use std::time::Duration;

use http::{Method, StatusCode};
use lastseen_engine::token;
use lastseen_model::{Role, Tenants};
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use sqlx::Connection;

use crate::operations::{ROWS, Target};
use crate::support::{OURS, With, World, asking, only, tenant};

#[tokio::test]
async fn whatever_is_wrong_with_a_token_the_answer_is_the_same() {
    let world = World::new().await;
    let (revoked, record) = world.token_and_record(Role::Admin, Tenants::All).await;
    world.store.revoke_token(record.token_id).await.expect("revoked");
    let expired = world.admin().await;
    world.clock.advance(Duration::from_hours(1));
    let never_given = token::mint().0.expose_secret().to_owned();
    let held = world.admin().await;
    let cut = &held[..held.len() - 1];

    let none = world.send(asking(Method::GET, "/v1/whoami")).await;
    assert_eq!((none.status, none.header("www-authenticate")), (StatusCode::UNAUTHORIZED, "Bearer"));
    let none = none.without_id();
    for (what, header) in [
        ("revoked", format!("Bearer {revoked}")),
        ("expired", format!("Bearer {expired}")),
        ("never given", format!("Bearer {never_given}")),
        ("cut", format!("Bearer {cut}")),
        ("no token", "Bearer x".to_owned()),
        ("another scheme", format!("Basic {held}")),
        ("no scheme", held.clone()),
        ("empty", "Bearer ".to_owned()),
        ("long", format!("Bearer {}", "a".repeat(20_000))),
    ] {
        let answer = world.send(asking(Method::GET, "/v1/whoami").and("authorization", &header)).await;
        assert_eq!(answer.without_id(), none, "{what}");
    }
    let twice = world.send(asking(Method::GET, "/v1/whoami").with(&held).with(&held)).await;
    assert_eq!(twice.without_id(), none, "two tokens");
    assert_eq!(world.get(&held, "/v1/whoami").await.status, StatusCode::OK, "the one that holds");
}

#[tokio::test]
async fn a_token_that_holds_is_answered_while_its_use_can_not_be_noted_and_noted_when_it_can() {
    let world = World::empty().await;
    let token = world.admin().await;
    let writer = world.writer().await;
    for _ in 0..3 {
        let answer = world.get(&token, "/v1/whoami").await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.json());
    }
    let last_used = async || world.store.tokens().await.expect("tokens")[0].last_used_at;
    assert_eq!(last_used().await, None, "somebody else writes");
    writer.close().await.expect("closes");
    while last_used().await.is_none() {
        assert_eq!(world.get(&token, "/v1/whoami").await.status, StatusCode::OK);
    }
}

#[tokio::test]
async fn nothing_but_the_service_itself_answers_without_a_token() {
    let world = World::new().await;
    let target = Target::of(&world, OURS).await;
    for row in ROWS {
        let answer = world.send((row.request)(&target)).await;
        let open = ["alive", "ready", "describe"].contains(&row.id);
        assert_eq!(answer.status == StatusCode::UNAUTHORIZED, !open, "{}: {}", row.id, answer.status);
    }
    // What is not there, and what can't be done, is told to nobody either.
    for (method, path) in [
        (Method::GET, "/"),
        (Method::GET, "/v1"),
        (Method::GET, "/v1/no-such-thing"),
        (Method::GET, "/v2/tenants"),
        (Method::PATCH, "/v1/tenants"),
        (Method::GET, "/v1/tenants/"),
        (Method::OPTIONS, "/v1/tenants"),
        (Method::GET, "/docsx"),
    ] {
        assert_eq!(world.send(asking(method.clone(), path)).await.status, StatusCode::UNAUTHORIZED, "{method} {path}");
    }
}

#[tokio::test]
async fn a_token_is_made_shown_once_used_and_taken_back() {
    let world = World::new().await;
    let admin = world.admin().await;
    let body = json!({ "name": " ci ", "role": "reader", "tenants": [tenant(OURS)], "expires_in_secs": 3600 }).to_string();
    let made = world.tell(&admin, Method::POST, "/v1/tokens", &body).await;
    assert_eq!(made.status, StatusCode::CREATED);
    let made = made.json();
    let secret = made["token"].as_str().expect("the secret").to_owned();
    assert_eq!((&made["name"], &made["expires_at"]), (&json!("ci"), &json!("2026-01-12T10:18:00.000000Z")));

    let whoami = world.get(&secret, "/v1/whoami").await.json();
    assert_eq!(whoami["grants"], json!([{ "role": "reader", "tenants": [tenant(OURS)] }]));
    assert_eq!(whoami["token_id"], made["token_id"]);
    let listed = world.get(&admin, "/v1/tokens").await;
    assert!(!String::from_utf8(listed.body.clone()).expect("text").contains(&secret));
    let listed = listed.json();
    let known = listed["tokens"].as_array().expect("tokens").iter().find(|token| token["token_id"] == made["token_id"]).expect("listed");
    assert!(known.get("token").is_none() && known["revoked_at"].is_null());

    let path = format!("/v1/tokens/{}", made["token_id"].as_str().expect("an id"));
    let revoked = world.act(&admin, Method::DELETE, &path).await.json();
    assert!(revoked["revoked_at"].is_string());
    assert_eq!(world.get(&secret, "/v1/whoami").await.status, StatusCode::UNAUTHORIZED);
    world.clock.advance(Duration::from_secs(1));
    assert_eq!(world.act(&admin, Method::DELETE, &path).await.json(), revoked, "again, and nothing changes");
}

#[tokio::test]
async fn a_token_that_can_not_be_made_is_refused_by_the_field_at_fault() {
    let world = World::new().await;
    let admin = world.admin().await;
    let right = json!({ "name": "ci", "role": "reader", "tenants": "all" });
    let with = |field: &str, value: Value| {
        let mut body = right.clone();
        body[field] = value;
        body.to_string()
    };
    for (body, code, field) in [
        (with("name", json!("")), "invalid_body", "/name"),
        (with("name", json!("a\nb")), "invalid_body", "/name"),
        (with("name", json!("n".repeat(101))), "invalid_body", "/name"),
        (with("role", json!("owner")), "invalid_body", "/role"),
        (with("tenants", json!([])), "invalid_body", "/tenants"),
        (with("tenants", json!("some")), "invalid_body", "/tenants"),
        (with("tenants", json!(["contoso.com"])), "invalid_body", "/tenants/0"),
        (with("tenants", json!([tenant(9)])), "no_such_tenant", "/tenants"),
        (with("expires_in_secs", json!(59)), "invalid_body", "/expires_in_secs"),
        (with("expires_in_secs", json!(-1)), "invalid_body", "/expires_in_secs"),
        (with("hash", json!("x")), "invalid_body", "/hash"),
    ] {
        let answer = world.tell(&admin, Method::POST, "/v1/tokens", &body).await;
        assert_eq!((answer.code().as_str(), answer.json()["field"].as_str()), (code, Some(field)), "{body}");
    }
    let count = world.store.tokens().await.expect("tokens").len();
    assert_eq!(count, 1, "none was made");
}

#[tokio::test]
async fn a_token_for_some_tenants_gives_no_role_beyond_them() {
    let world = World::new().await;
    let token = world.token(Role::Admin, only(OURS)).await;
    for (method, path, body) in [
        (Method::POST, "/v1/tokens", r#"{"name":"ci","role":"reader","tenants":"all"}"#),
        (Method::PUT, "/v1/tenants/00000000-0000-4000-8000-000000000001", r#"{"credential":"file:/run/secrets/other"}"#),
        (Method::PUT, "/v1/tenants/00000000-0000-4000-8000-000000000001", r#"{"cloud":"china"}"#),
        (Method::PUT, "/v1/tenants/00000000-0000-4000-8000-000000000001", r#"{"client_id":"99999999-0000-4000-8000-000000000001"}"#),
        (Method::PUT, "/v1/tenants/00000000-0000-4000-8000-000000000001", r#"{"runs_at_once":100}"#),
        (Method::PUT, "/v1/tenants/00000000-0000-4000-8000-000000000001", r#"{"requests_at_once":64}"#),
        (Method::PUT, "/v1/tenants/00000000-0000-4000-8000-000000000001", r#"{"cloud":null}"#),
    ] {
        let answer = world.tell(&token, method, path, body).await;
        assert_eq!((answer.status, answer.code().as_str()), (StatusCode::FORBIDDEN, "forbidden"), "{path} {body}");
    }
    let named = world.tell(&token, Method::PUT, "/v1/tenants/00000000-0000-4000-8000-000000000001", r#"{"name":"Ours"}"#).await;
    assert_eq!(named.status, StatusCode::OK, "its name is its own");
}
