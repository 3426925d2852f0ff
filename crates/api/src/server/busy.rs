//! What whoever finds no place is told.

use axum::Router;
use axum::http::HeaderValue;
use axum::http::header::{CACHE_CONTROL, CONNECTION};
use axum::response::{IntoResponse as _, Response};

use crate::problem::{Code, Problem};

/// Answers everything with `503`, and closes the connection.
pub(super) fn router() -> Router {
    Router::new().fallback(async || busy())
}

fn busy() -> Response {
    let mut answer = Problem::new(Code::Busy).detail("all connections are taken; try again").into_response();
    let headers = answer.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(CONNECTION, HeaderValue::from_static("close"));
    answer
}
