//! `GET /v1/status`

use std::time::Duration;

use axum::extract::State;
use lastseen_engine::status::{FleetStatus, Health, STALE_AFTER, judge};
use lastseen_model::{Role, SelectionHash};
use utoipa::openapi::schema::{ObjectBuilder, Type};

use crate::answer::Answer;
use crate::authority::Caller;
use crate::operation::{Endpoint, Gives, Needs, Operation};
use crate::operations::common::{LIMIT, optional, several, switch};
use crate::operations::schedules::seen_by;
use crate::parameter::{Parameter, Query, plain};
use crate::problem::Problem;
use crate::shared::App;

const STALE: Parameter = optional("stale_after_secs", "How long a success stays fresh, in seconds; a day where nothing is said.", || {
    ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(60_u32)).maximum(Some(31_622_400_u32)).build()
});
const ATTENTION: Parameter = optional("needs_attention", "Only what needs somebody: not what is fresh.", switch);

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
    gives: &[Gives::found::<FleetStatus>("How they stand.")],
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
    let schedules = seen_by(&app, &caller).await?;
    let mut status = judge(state, &tenants, &schedules, stale_after);
    status.selections.retain(|selection| !attention || selection.health != Health::Fresh);
    status.selections.truncate(limit);
    status.tenants_without_runs.truncate(limit);
    status.schedules.truncate(limit);
    Answer::found(&status)
}
