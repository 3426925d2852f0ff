//! `GET /v1/tenants/{tenant_id}/runs`

use axum::extract::State;
use lastseen_model::{Role, RunId, RunStatus, TenantId};
use lastseen_store::{RunQuery, RunRecord};
use serde::Serialize;
use utoipa::ToSchema;

use crate::answer::Answer;
use crate::gate::Tenant;
use crate::operation::{Endpoint, Gives, Needs, Operation};
use crate::operations::common::{LIMIT, SELECTION, one_of, optional};
use crate::parameter::{Parameter, Query, plain};
use crate::problem::Problem;
use crate::shared::App;

const STATUS: Parameter = optional("status", "Only with this status.", || one_of(RunStatus::ALL.iter().map(|status| status.as_str())));
const BEFORE: Parameter = optional("cursor", "Where to go on: the `next_cursor` of the page before.", plain::<RunId>);

const OPERATION: Operation = Operation {
    id: "list_runs",
    path: "/v1/tenants/{tenant_id}/runs",
    needs: Needs::Tenant(Role::Reader),
    summary: "The runs of a tenant",
    about: "Newest first by when they were asked for. Their listings and errors are with each run alone.",
    example: "\"$HOST/v1/tenants/$TENANT_ID/runs?status=failed&limit=20\"",
    parameters: &[SELECTION, STATUS, BEFORE, LIMIT],
    gives: &[Gives::found::<RunPage>("A page of them.")],
    ..Operation::NONE
};

pub(super) fn endpoint() -> Endpoint {
    Endpoint::new(&OPERATION, handle)
}

/// A page of runs.
#[derive(Debug, Serialize, ToSchema)]
struct RunPage {
    /// The tenant.
    tenant_id: TenantId,
    /// The runs.
    runs: Vec<RunRecord>,
    /// Where to go on; none on the last page.
    next_cursor: Option<RunId>,
}

async fn handle(State(app): State<App>, tenant: Tenant, query: Query) -> Result<Answer, Problem> {
    let limit = query.limit(&LIMIT)?;
    let asked = RunQuery { selection: query.one(&SELECTION)?, status: query.one(&STATUS)?, before: query.one(&BEFORE)?, limit };
    let runs = app.api.store.runs(&tenant.scope, &asked).await?;
    let next_cursor = match runs.last() {
        // A full page may be the last.
        Some(last) if runs.len() == limit as usize => {
            let after = RunQuery { before: Some(last.run_id), limit: 1, ..asked };
            let more = !app.api.store.runs(&tenant.scope, &after).await?.is_empty();
            more.then_some(last.run_id)
        }
        _ => None,
    };
    Answer::found(&RunPage { tenant_id: tenant.id(), runs, next_cursor })
}
