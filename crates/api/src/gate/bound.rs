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
