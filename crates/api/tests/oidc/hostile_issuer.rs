//! An issuer that answers what it should not, or somebody in its place.

use std::sync::Arc;

use axum::http::header::{CONTENT_ENCODING, LOCATION};
use axum::http::{HeaderName, StatusCode};
use axum::response::{IntoResponse as _, Response};
use lastseen_api::oidc::OidcRefusal;
use rstest::rstest;
use serde_json::{Value, json};

use crate::issuer::{Answers, Issuer};
use crate::signer::Signer;

/// Whether a good token is accepted after the answers were changed, and how often keys were asked for.
async fn with(change: impl FnOnce(&mut Answers)) -> (Result<(), OidcRefusal>, u32) {
    let signer = Signer::ed25519("a");
    let issuer = Issuer::with(&[&signer]).await;
    issuer.now(change);
    let judged = issuer.known_to(&Arc::default()).authority(&signer.token(&issuer.claims())).await.map(drop);
    (judged, issuer.asked().1)
}

#[tokio::test]
async fn an_issuer_that_answers_as_it_should_is_believed() {
    assert_eq!(with(|_| {}).await, (Ok(()), 1));
}

#[rstest]
#[case::of_another_issuer(json!({"issuer": "http://127.0.0.1:1/realm"}))]
#[case::of_nearly_the_issuer(json!({"issuer": "http://127.0.0.1/realm/"}))]
#[case::without_an_issuer(json!({"issuer": null}))]
#[case::without_keys(json!({"jwks_uri": null}))]
#[case::with_keys_in_plain_text_elsewhere(json!({"jwks_uri": "http://keys.example/keys"}))]
#[case::with_keys_in_a_file(json!({"jwks_uri": "file:///etc/passwd"}))]
#[case::with_keys_nowhere(json!({"jwks_uri": "keys"}))]
#[case::with_keys_under_a_user_name(json!({"jwks_uri": "http://user@127.0.0.1:1/keys"}))]
#[tokio::test]
async fn a_discovery_document_that_is_not_right_is_not_followed(#[case] changes: Value) {
    assert_eq!(with(|answers| answers.discovery = changes).await, (Err(OidcRefusal::KeysUnavailable), 0));
}

const BODY_CAP: usize = 1024 * 1024;

fn redirect() -> Response {
    (StatusCode::FOUND, [(LOCATION, "/elsewhere")]).into_response()
}

fn too_large() -> Response {
    format!(r#"{{"keys":[],"padding":"{}"}}"#, "x".repeat(BODY_CAP)).into_response()
}

fn packed() -> Response {
    ([(CONTENT_ENCODING, "gzip")], "{}").into_response()
}

fn no_json() -> Response {
    "<html>".into_response()
}

fn no_keys() -> Response {
    r#"{"keys":[]}"#.into_response()
}

fn created() -> Response {
    (StatusCode::CREATED, r#"{"keys":[]}"#).into_response()
}

fn nested() -> Response {
    format!(r#"{{"keys":[{}{}]}}"#, "[".repeat(100_000), "]".repeat(100_000)).into_response()
}

fn cut_off() -> Response {
    (
        [(HeaderName::from_static("content-length"), "1000")],
        axum::body::Body::from_stream(futures_util::stream::iter([
            Ok(axum::body::Bytes::from_static(b"{\"keys\":[")),
            Err(std::io::Error::other("cut off")),
        ])),
    )
        .into_response()
}

#[rstest]
#[case::a_redirect(redirect)]
#[case::too_large(too_large)]
#[case::packed(packed)]
#[case::no_json(no_json)]
#[case::no_keys(no_keys)]
#[case::another_status(created)]
#[case::deeply_nested(nested)]
#[case::cut_off(cut_off)]
#[tokio::test]
async fn an_answer_that_is_no_set_of_keys_is_none(#[case] answer: fn() -> Response) {
    assert_eq!(with(|answers| answers.instead_of_keys = Some(answer)).await, (Err(OidcRefusal::KeysUnavailable), 1));
}

#[tokio::test]
async fn a_hundred_keys_are_an_issuers_and_more_are_not() {
    let others = |count: usize| (0..count).map(|n| json!({"kty": "RSA", "kid": n.to_string(), "n": "AQAB", "e": "AQAB"}));
    assert_eq!(with(|answers| answers.keys.extend(others(99))).await, (Ok(()), 1));
    assert_eq!(with(|answers| answers.keys.extend(others(100))).await, (Err(OidcRefusal::KeysUnavailable), 1));
}

/// What was known goes on counting: a bad answer is no better than none.
#[tokio::test]
async fn a_bad_answer_takes_away_no_key() {
    let signer = Signer::ed25519("a");
    let issuer = Issuer::with(&[&signer]).await;
    let clock = Arc::new(crate::clock::Clock::default());
    let oidc = issuer.known_to(&clock);
    let token = signer.token(&issuer.claims());
    oidc.authority(&token).await.expect("known");
    for answer in [redirect, too_large, no_json, no_keys] as [fn() -> Response; 4] {
        issuer.now(|answers| answers.instead_of_keys = Some(answer));
        clock.pass(std::time::Duration::from_hours(1));
        oidc.authority(&token).await.expect("known");
    }
    assert_eq!(issuer.asked(), (5, 5));
}
