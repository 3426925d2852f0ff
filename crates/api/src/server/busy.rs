//! What whoever finds no place is told.

use axum::Router;
use axum::http::StatusCode;
use axum::http::header::{CACHE_CONTROL, CONNECTION, CONTENT_TYPE, RETRY_AFTER};
use axum::response::IntoResponse as _;

/// The problem of RFC 9457, which the operations answer with as well when too many of them are at work.
const PROBLEM: &str =
    r#"{"type":"about:blank","title":"Service Unavailable","status":503,"detail":"All connections are taken.","code":"busy"}"#;

/// Answers everything with `503`, and closes the connection.
pub(super) fn router() -> Router {
    Router::new().fallback(|| async {
        let headers = [(CONTENT_TYPE, "application/problem+json"), (RETRY_AFTER, "1"), (CACHE_CONTROL, "no-store"), (CONNECTION, "close")];
        (StatusCode::SERVICE_UNAVAILABLE, headers, PROBLEM).into_response()
    })
}
