//! `GET /v1/tokens`

use axum::extract::State;
use lastseen_model::Role;
use lastseen_store::TokenRecord;
use serde::Serialize;
use utoipa::ToSchema;

use crate::answer::Answer;
use crate::operation::{Endpoint, Gives, Needs, Operation};
use crate::problem::Problem;
use crate::shared::App;

const OPERATION: Operation = Operation {
    id: "list_tokens",
    path: "/v1/tokens",
    needs: Needs::Fleet(Role::Admin),
    summary: "The tokens of the API",
    about: "Newest first; those that have ended or were taken back too. The secrets are nowhere.",
    example: "$HOST/v1/tokens",
    gives: &[Gives::found::<Tokens>("All of them.")],
    ..Operation::NONE
};

pub(super) fn endpoint() -> Endpoint {
    Endpoint::new(&OPERATION, handle)
}

/// The tokens.
#[derive(Debug, Serialize, ToSchema)]
struct Tokens {
    /// The tokens.
    tokens: Vec<TokenRecord>,
}

async fn handle(State(app): State<App>) -> Result<Answer, Problem> {
    Answer::found(&Tokens { tokens: app.api.store.tokens().await? })
}
