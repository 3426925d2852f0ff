//! `DELETE /v1/schedules/{schedule_id}`

use axum::extract::State;
use lastseen_model::Role;

use super::seen::find;
use crate::answer::Answer;
use crate::authority::Caller;
use crate::operation::{Content, Endpoint, Gives, Needs, Operation};
use crate::problem::{Code, Problem};
use crate::segments::Segments;
use crate::shared::App;

const OPERATION: Operation = Operation {
    id: "remove_schedule",
    method: http::Method::DELETE,
    path: "/v1/schedules/{schedule_id}",
    needs: Needs::AnyTenant(Role::Operator),
    summary: "Take a schedule away",
    about: "Takes the role `operator` on each tenant that it covers. Runs that it asked for stay.",
    example: "-X DELETE $HOST/v1/schedules/$SCHEDULE_ID",
    gives: &[Gives { status: 204, about: "It is gone.", body: Content::Nothing }],
    refuses: &[Code::NotFound],
    ..Operation::NONE
};

pub(super) fn endpoint() -> Endpoint {
    Endpoint::new(&OPERATION, handle)
}

async fn handle(State(app): State<App>, caller: Caller, segments: Segments) -> Result<Answer, Problem> {
    let schedule = find(&app, &caller, segments.get("schedule_id")?).await?;
    caller.on_each(&schedule.tenants, Role::Operator)?;
    let was_there = app.api.store.remove_schedule(schedule.schedule_id).await?;
    if was_there { Ok(Answer::nothing()) } else { Err(Problem::new(Code::NotFound)) }
}
