//! The outermost layer: it names the request, writes it down, and sees to it that every answer has what all have.

use std::panic::AssertUnwindSafe;

use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures_util::FutureExt;
use http::header::{self, HeaderName, HeaderValue};
use lastseen_engine::new_request_id;
use tracing::Instrument;

use crate::answer::unless_known;
use crate::problem::{Code, Problem};
use crate::shared::App;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Answers a request, whatever happens to it on the way.
pub(crate) async fn receive(State(app): State<App>, request: Request, next: Next) -> Response {
    let id = new_request_id().to_string();
    let span = tracing::info_span!("request", %id, who = tracing::field::Empty);
    let begun = app.api.timer.now();
    let (method, asked) = (request.method().clone(), request.headers().clone());
    // The pattern of the path, and not the path: what a caller wrote there may be anything.
    let path = request.extensions().get::<MatchedPath>().map_or_else(|| "-".to_owned(), |path| path.as_str().to_owned());
    // A bug in one request is that request's alone.
    let outcome = AssertUnwindSafe(next.run(request).instrument(span.clone())).catch_unwind().await;
    let answer = outcome.unwrap_or_else(|_| {
        tracing::error!(parent: &span, "a request panicked");
        Problem::new(Code::Internal).into_response()
    });
    let mut answer = if method.is_safe() { unless_known(&asked, answer) } else { answer };
    let headers = answer.headers_mut();
    if let Ok(id) = HeaderValue::try_from(&id) {
        headers.insert(REQUEST_ID, id);
    }
    // What is one caller's is no other's: no cache between may hand it on.
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
    headers.insert(header::VARY, HeaderValue::from_static("authorization"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    let took = app.api.timer.now().saturating_sub(begun);
    tracing::info!(parent: &span, %method, path, status = answer.status().as_u16(), ms = took.as_millis(), "answered");
    answer
}

#[cfg(test)]
mod tests {
    use axum::Router;
    use axum::body::{Body, to_bytes};
    use axum::middleware::from_fn_with_state;
    use axum::routing::get;
    use http::StatusCode;
    use tower::ServiceExt;

    use super::*;
    use crate::for_tests::{self, Waits};

    #[tokio::test]
    async fn a_bug_in_one_request_is_answered_under_its_id_and_says_nothing() {
        let (app, _folder) = for_tests::app(Waits::Endless).await;
        let routes = Router::new().route("/", get(async || -> String { panic!("canary") }));
        let request = Request::builder().uri("/").body(Body::empty()).expect("a request");
        let answer = routes.layer(from_fn_with_state(app, receive)).oneshot(request).await.expect("the router never fails");
        assert_eq!(answer.status(), StatusCode::INTERNAL_SERVER_ERROR);
        assert!(answer.headers().contains_key(REQUEST_ID));
        let body = to_bytes(answer.into_body(), 4_096).await.expect("a body");
        assert!(!String::from_utf8_lossy(&body).contains("canary"));
    }
}
