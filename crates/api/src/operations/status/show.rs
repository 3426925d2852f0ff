//! `GET /v1/status`

use std::collections::BTreeSet;
use std::time::Duration;

use axum::extract::State;
use http::StatusCode;
use lastseen_engine::status::{FleetStatus, STALE_AFTER, STALE_AFTER_BOUNDS, judge};
use lastseen_model::{Role, ScheduleId, SelectionHash};
use lastseen_store::ScheduleRecord;
use utoipa::openapi::schema::{ObjectBuilder, Type};

use crate::answer::Answer;
use crate::authority::Caller;
use crate::operation::{Endpoint, Gives, Needs, Operation};
use crate::operations::common::{LIMIT, optional, several, switch};
use crate::operations::schedules::{covering, seen};
use crate::parameter::{Parameter, Query, plain};
use crate::problem::Problem;
use crate::shared::App;

const STALE: Parameter = optional("stale_after_secs", "How long a success stays fresh, in seconds; a day where nothing is said.", || {
    ObjectBuilder::new()
        .schema_type(Type::Integer)
        .minimum(Some(STALE_AFTER_BOUNDS.start().as_secs()))
        .maximum(Some(STALE_AFTER_BOUNDS.end().as_secs()))
        .build()
});
const ATTENTION: Parameter =
    optional("needs_attention", "Only what needs somebody: not what is fresh, nor a schedule that is kept.", switch);

const SELECTIONS: Parameter =
    several("selection", "Only this selection, by its hash; may be given more than once.", plain::<SelectionHash>);

const OPERATION: Operation = Operation {
    id: "show_status",
    path: "/v1/status",
    needs: Needs::AnyTenant(Role::Reader),
    summary: "How the caller's tenants stand",
    about: "Each selection that was synced: failing, stale, never completed or fresh, and whether a run of it is under way. What needs \
            somebody first comes first, and a list holds `limit` at most; `counts` counts all of them.",
    example: "\"$HOST/v1/status?needs_attention=true\"",
    parameters: &[SELECTIONS, STALE, ATTENTION, LIMIT],
    tells_the_time: true,
    gives: &[Gives::done::<FleetStatus>(200, "How they stand.")],
    ..Operation::NONE
};

pub(super) fn endpoint() -> Endpoint {
    Endpoint::new(&OPERATION, handle)
}

async fn handle(State(app): State<App>, caller: Caller, query: Query) -> Result<Answer, Problem> {
    let stale_after = query.number(&STALE)?.map_or(STALE_AFTER, |seconds| Duration::from_secs(seconds.into()));
    let (attention, limit) = (query.switch(&ATTENTION)?, query.limit(&LIMIT)? as usize);
    let theirs = caller.authority().tenants(Role::Reader);
    let only: Vec<SelectionHash> = query.many(&SELECTIONS)?;
    let mut state = app.api.store.fleet_state(&theirs).await?;
    state.only(&only);
    let mut tenants = app.api.store.tenants().await?;
    tenants.retain(|tenant| theirs.has(tenant.tenant_id));
    let schedules = covering(&app, &caller).await?;
    let mut status = judge(state, &tenants, &schedules, stale_after);
    // Whether a schedule is kept is the whole schedule's; when it is due may be another tenant's.
    let hidden = hidden(&caller, schedules);
    for schedule in status.schedules.iter_mut().filter(|schedule| hidden.contains(&schedule.schedule_id)) {
        schedule.next_due_at = None;
    }
    if attention {
        status.only_what_needs_attention();
    }
    status.selections.truncate(limit);
    status.tenants_without_runs.truncate(limit);
    status.schedules.truncate(limit);
    Answer::done(StatusCode::OK, &status)
}

/// The schedules whose next time is not the caller's to know.
fn hidden(caller: &Caller, schedules: Vec<ScheduleRecord>) -> BTreeSet<ScheduleId> {
    let is_hidden = |schedule: ScheduleRecord| {
        let (id, whole) = (schedule.schedule_id, schedule.next_due_at);
        (seen(caller, schedule).and_then(|seen| seen.next_due_at) != whole).then_some(id)
    };
    schedules.into_iter().filter_map(is_hidden).collect()
}
