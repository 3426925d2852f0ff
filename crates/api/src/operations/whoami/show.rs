//! `GET /v1/whoami`

use lastseen_model::{Grant, TokenId};
use serde::Serialize;
use utoipa::ToSchema;

use crate::answer::Answer;
use crate::authority::{Caller, Who};
use crate::operation::{Endpoint, Gives, Needs, Operation};
use crate::problem::Problem;

const OPERATION: Operation = Operation {
    id: "whoami",
    path: "/v1/whoami",
    needs: Needs::Anybody,
    summary: "Who the caller is, and what they may",
    about: "What a token is good for, asked with the token itself.",
    example: "$HOST/v1/whoami",
    gives: &[Gives::found::<Whoami>("Who it is.")],
    ..Operation::NONE
};

pub(super) fn endpoint() -> Endpoint {
    Endpoint::new(&OPERATION, handle)
}

/// Who a caller is.
#[derive(Debug, Serialize, ToSchema)]
struct Whoami {
    /// What the token is for, or how the issuer calls the person. The author of what they note, with the subject behind it where there is one.
    name: String,
    /// The token; none where an issuer answers for the caller.
    token_id: Option<TokenId>,
    /// The issuer's word for the caller; none where a token of Lastseen's was shown.
    subject: Option<String>,
    /// All that they were granted.
    grants: Vec<Grant>,
}

async fn handle(caller: Caller) -> Result<Answer, Problem> {
    let (token_id, subject) = match caller.who() {
        Who::Token { token_id, .. } => (Some(*token_id), None),
        Who::Oidc { subject, .. } => (None, Some(subject.clone())),
    };
    Answer::found(&Whoami { name: caller.who().name().to_owned(), token_id, subject, grants: caller.authority().grants().to_vec() })
}
