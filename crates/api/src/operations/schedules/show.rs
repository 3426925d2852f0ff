//! `GET /v1/schedules/{schedule_id}`

use axum::extract::State;
use lastseen_engine::schedule::ScheduleShown;
use lastseen_model::Role;

use super::seen::{find, seen};
use crate::answer::Answer;
use crate::authority::Caller;
use crate::operation::{Endpoint, Gives, Needs, Operation};
use crate::problem::{Code, Problem};
use crate::segments::Segments;
use crate::shared::App;

const OPERATION: Operation = Operation {
    id: "show_schedule",
    path: "/v1/schedules/{schedule_id}",
    needs: Needs::AnyTenant(Role::Reader),
    summary: "A schedule that covers a tenant of the caller's",
    about: "As `list_schedules` shows it, and its next five times.",
    example: "$HOST/v1/schedules/$SCHEDULE_ID",
    gives: &[Gives::found::<ScheduleShown>("The schedule.")],
    refuses: &[Code::NotFound],
    ..Operation::NONE
};

pub(super) fn endpoint() -> Endpoint {
    Endpoint::new(&OPERATION, handle)
}

async fn handle(State(app): State<App>, caller: Caller, segments: Segments) -> Result<Answer, Problem> {
    let schedule = find(&app, &caller, segments.get("schedule_id")?).await?;
    let schedule = seen(&caller, schedule).ok_or_else(|| Problem::new(Code::NotFound))?;
    Answer::found(&ScheduleShown::at(schedule, app.api.store.about().await?.now))
}
