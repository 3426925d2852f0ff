//! `GET /v1/schedules`

use axum::extract::State;
use lastseen_model::Role;
use lastseen_store::ScheduleRecord;
use serde::Serialize;
use utoipa::ToSchema;

use super::seen::seen_by;
use crate::answer::Answer;
use crate::authority::Caller;
use crate::operation::{Endpoint, Gives, Needs, Operation};
use crate::problem::Problem;
use crate::shared::App;

const OPERATION: Operation = Operation {
    id: "list_schedules",
    path: "/v1/schedules",
    needs: Needs::AnyTenant(Role::Reader),
    summary: "The schedules that cover a tenant of the caller's",
    about: "By name. `tenants` names those of the caller's alone; where a schedule covers others too, `next_due_at` is null.",
    example: "$HOST/v1/schedules",
    gives: &[Gives::found::<Schedules>("All of them.")],
    ..Operation::NONE
};

pub(super) fn endpoint() -> Endpoint {
    Endpoint::new(&OPERATION, handle)
}

/// The schedules.
#[derive(Debug, Serialize, ToSchema)]
struct Schedules {
    /// The schedules.
    schedules: Vec<ScheduleRecord>,
}

async fn handle(State(app): State<App>, caller: Caller) -> Result<Answer, Problem> {
    Answer::found(&Schedules { schedules: seen_by(&app, &caller).await? })
}
