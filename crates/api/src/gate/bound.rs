//! How many requests are at work at once, and for how long each.

use std::time::Duration;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::problem::{Code, Problem};
use crate::shared::App;

/// How long a request may take. The head of an event stream comes at once; how long the stream goes on is its own affair.
const WITHIN: Duration = Duration::from_secs(30);

/// Lets a request in where there is a place, and out when its time is over.
pub(crate) async fn bound(State(app): State<App>, request: Request, next: Next) -> Response {
    let _place = match app.place_at_work() {
        Ok(place) => place,
        Err(problem) => return problem.into_response(),
    };
    tokio::select! {
        biased;
        answer = next.run(request) => answer,
        () = app.api.timer.pause(WITHIN) => Problem::new(Code::TooLong).into_response(),
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use axum::Router;
    use axum::body::Body;
    use axum::middleware::from_fn_with_state;
    use axum::routing::get;
    use http::StatusCode;
    use tower::ServiceExt;

    use super::*;
    use crate::for_tests::{self, Waits};

    async fn ask(waits: Waits, path: &str) -> StatusCode {
        let (app, _folder) = for_tests::app(waits).await;
        let routes = Router::new().route("/quick", get(async || "done")).route("/never", get(async || pending::<String>().await));
        let request = Request::builder().uri(path).body(Body::empty()).expect("a request");
        routes.layer(from_fn_with_state(app, bound)).oneshot(request).await.expect("the router never fails").status()
    }

    #[tokio::test]
    async fn a_request_that_never_ends_is_given_up_and_one_that_is_done_is_answered() {
        assert_eq!(ask(Waits::Over, "/never").await, StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(ask(Waits::Over, "/quick").await, StatusCode::OK);
        assert_eq!(ask(Waits::Endless, "/quick").await, StatusCode::OK);
    }
}
