//! `DELETE /v1/tokens/{token_id}`

use axum::extract::State;
use http::StatusCode;
use lastseen_model::Role;
use lastseen_store::TokenRecord;

use crate::answer::Answer;
use crate::operation::{Endpoint, Gives, Needs, Operation};
use crate::problem::{Code, Problem};
use crate::segments::Segments;
use crate::shared::App;

const OPERATION: Operation = Operation {
    id: "revoke_token",
    method: http::Method::DELETE,
    path: "/v1/tokens/{token_id}",
    needs: Needs::Fleet(Role::Admin),
    summary: "Take a token back",
    about: "It holds no longer, from the next request on. Its record stays. A token may take itself back.",
    example: "-X DELETE $HOST/v1/tokens/$TOKEN_ID",
    gives: &[Gives::done::<TokenRecord>(200, "It is taken back; again, and nothing changes.")],
    refuses: &[Code::NotFound],
    ..Operation::NONE
};

pub(super) fn endpoint() -> Endpoint {
    Endpoint::new(&OPERATION, handle)
}

async fn handle(State(app): State<App>, segments: Segments) -> Result<Answer, Problem> {
    let revoked = app.api.store.revoke_token(segments.get("token_id")?).await?;
    Answer::done(StatusCode::OK, &revoked.ok_or_else(|| Problem::new(Code::NotFound))?)
}
