//! `GET /healthz`

use serde::Serialize;
use utoipa::ToSchema;

use crate::answer::Answer;
use crate::operation::{Endpoint, Gives, Needs, Operation};
use crate::problem::Problem;

const OPERATION: Operation = Operation {
    id: "alive",
    path: "/healthz",
    needs: Needs::Nobody,
    summary: "Whether the process lives",
    about: "Asks nothing of the database: a process whose database is away is not helped by being started anew.",
    example: "$HOST/healthz",
    gives: &[Gives::found::<Alive>("It lives.")],
    ..Operation::NONE
};

pub(super) fn endpoint() -> Endpoint {
    Endpoint::new(&OPERATION, async || -> Result<Answer, Problem> { Answer::found(&Alive { alive: true }) })
}

/// That the process lives.
#[derive(Debug, Serialize, ToSchema)]
struct Alive {
    /// Always.
    alive: bool,
}
