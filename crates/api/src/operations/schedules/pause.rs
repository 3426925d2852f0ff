//! `PATCH /v1/schedules/{schedule_id}`

use axum::extract::State;
use http::StatusCode;
use lastseen_model::Role;
use lastseen_store::ScheduleRecord;
use serde::Deserialize;
use utoipa::ToSchema;

use super::seen::find;
use crate::answer::Answer;
use crate::authority::Caller;
use crate::body::Body;
use crate::operation::{Endpoint, Gives, Needs, Operation, Takes, schema_of};
use crate::problem::{Code, Problem};
use crate::segments::Segments;
use crate::shared::App;

const OPERATION: Operation = Operation {
    id: "pause_schedule",
    method: http::Method::PATCH,
    path: "/v1/schedules/{schedule_id}",
    needs: Needs::AnyTenant(Role::Operator),
    summary: "Let a schedule rest, or go on",
    about: "Takes the role `operator` on each tenant that it covers. When it goes on, its next time is reckoned from then: what fell into \
            its rest is not made up for.",
    example: "-X PATCH -H \"Content-Type: application/json\" -d '{\"paused\":true}' $HOST/v1/schedules/$SCHEDULE_ID",
    takes: Some(Takes { schema: schema_of::<Rest>, example: r#"{"paused":true}"# }),
    gives: &[Gives::done::<ScheduleRecord>(200, "The schedule as it is now.")],
    refuses: &[Code::NotFound],
    ..Operation::NONE
};

pub(super) fn endpoint() -> Endpoint {
    Endpoint::new(&OPERATION, handle)
}

/// Whether a schedule rests.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Rest {
    /// Whether it rests.
    paused: bool,
}

async fn handle(State(app): State<App>, caller: Caller, segments: Segments, Body(rest): Body<Rest>) -> Result<Answer, Problem> {
    let schedule = find(&app, &caller, segments.get("schedule_id")?).await?;
    caller.on_each(&schedule.tenants, Role::Operator)?;
    let now = app.api.store.pause_schedule(schedule.schedule_id, rest.paused).await?;
    Answer::done(StatusCode::OK, &now.ok_or_else(|| Problem::new(Code::NotFound))?)
}
