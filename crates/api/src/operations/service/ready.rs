//! `GET /readyz`

use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use crate::answer::Answer;
use crate::operation::{Endpoint, Gives, Needs, Operation};
use crate::problem::{Code, Problem};
use crate::shared::App;

const OPERATION: Operation = Operation {
    id: "ready",
    path: "/readyz",
    needs: Needs::Nobody,
    summary: "Whether requests are best sent here",
    about: "Ready is who reaches the database within two seconds and is not about to end. Looked at once a second at most, however \
            many ask.",
    example: "$HOST/readyz",
    gives: &[Gives::found::<Ready>("It is ready.")],
    refuses: &[Code::Unavailable, Code::Draining],
    ..Operation::NONE
};

pub(super) fn endpoint() -> Endpoint {
    Endpoint::new(&OPERATION, handle)
}

/// That requests are best sent here.
#[derive(Debug, Serialize, ToSchema)]
struct Ready {
    /// Always.
    ready: bool,
}

async fn handle(State(app): State<App>) -> Result<Answer, Problem> {
    if app.api.drain.is_cancelled() {
        return Err(Problem::new(Code::Draining));
    }
    if app.reaches_the_database().await { Answer::found(&Ready { ready: true }) } else { Err(Problem::new(Code::Unavailable)) }
}
