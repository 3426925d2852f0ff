//! Tokens of the issuer at the API's own door.

use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use axum::body::{Body, to_bytes};
use http::{Request, StatusCode};
use lastseen_api::{Api, router};
use lastseen_engine::{EngineSettings, Timer};
use lastseen_store_sqlite::SqliteStore;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use crate::issuer::{Issuer, tenant};
use crate::signer::Signer;

/// No time passes for the API: no request of these is given up.
struct Still;

#[async_trait]
impl Timer for Still {
    async fn pause(&self, _: Duration) {
        pending::<()>().await;
    }

    fn now(&self) -> Duration {
        Duration::ZERO
    }
}

/// What the API answers under a token of the issuer.
async fn ask(issuer: &Issuer, token: &str, path: &str) -> (StatusCode, Value) {
    let folder = tempfile::tempdir().expect("a folder");
    let store = Arc::new(SqliteStore::open(&folder.path().join("lastseen.db")).await.expect("a database"));
    let oidc = Some(Arc::new(issuer.known_to(&Arc::default())));
    let api = Api { store, engine: EngineSettings::default(), oidc, timer: Arc::new(Still), drain: CancellationToken::new() };
    let request = Request::builder().uri(path).header("authorization", format!("Bearer {token}"));
    let answer = router(api).oneshot(request.body(Body::empty()).expect("a request")).await.expect("the router never fails");
    let status = answer.status();
    let body = to_bytes(answer.into_body(), 1 << 20).await.expect("a body");
    (status, serde_json::from_slice(&body).expect("JSON"))
}

#[tokio::test]
async fn whom_the_issuer_answers_for_is_let_in_with_what_they_were_granted() {
    let signer = Signer::rsa("a");
    let issuer = Issuer::with(&[&signer]).await;
    let (status, whoami) = ask(&issuer, &signer.token(&issuer.claims()), "/v1/whoami").await;
    assert_eq!((status, &whoami["subject"], &whoami["token_id"]), (StatusCode::OK, &json!("somebody"), &json!(null)));
    assert_eq!(whoami["grants"], json!([{ "role": "reader", "tenants": "all" }]));
}

#[tokio::test]
async fn whoever_was_granted_nothing_is_known_and_may_do_nothing() {
    let signer = Signer::rsa("a");
    let issuer = Issuer::with(&[&signer]).await;
    let token = signer.token(&issuer.claims_but(&json!({"roles": ["strangers"]})));
    assert_eq!(ask(&issuer, &token, "/v1/whoami").await.0, StatusCode::OK);
    assert_eq!(ask(&issuer, &token, "/v1/tenants").await.0, StatusCode::FORBIDDEN);
    assert_eq!(ask(&issuer, &token, &format!("/v1/tenants/{}", tenant(1))).await.0, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_token_that_is_refused_is_told_no_more_than_one_that_is_none() {
    let (signer, other) = (Signer::rsa("a"), Signer::rsa("a"));
    let issuer = Issuer::with(&[&signer]).await;
    let none = ask(&issuer, "x", "/v1/whoami").await;
    assert_eq!(none.0, StatusCode::UNAUTHORIZED);
    assert_eq!(ask(&issuer, &other.token(&issuer.claims()), "/v1/whoami").await, none);
}

#[tokio::test]
async fn while_the_keys_of_the_issuer_can_not_be_had_nobody_is_told_that_their_token_does_not_hold() {
    let signer = Signer::rsa("a");
    let issuer = Issuer::with(&[&signer]).await;
    issuer.now(|answers| answers.away = true);
    let (status, problem) = ask(&issuer, &signer.token(&issuer.claims()), "/v1/whoami").await;
    assert_eq!((status, &problem["code"]), (StatusCode::SERVICE_UNAVAILABLE, &json!("issuer_unavailable")));
    // What is no token of an issuer needs no keys to be refused.
    assert_eq!(ask(&issuer, "x", "/v1/whoami").await.0, StatusCode::UNAUTHORIZED);
}
