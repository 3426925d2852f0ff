//! `GET /v1/tenants/{tenant_id}/selections`

use axum::extract::State;
use lastseen_model::{Role, TenantId};
use lastseen_store::SelectionRecord;
use serde::Serialize;
use utoipa::ToSchema;

use crate::answer::Answer;
use crate::gate::Tenant;
use crate::operation::{Endpoint, Gives, Needs, Operation};
use crate::problem::Problem;
use crate::shared::App;

const OPERATION: Operation = Operation {
    id: "list_selections",
    path: "/v1/tenants/{tenant_id}/selections",
    needs: Needs::Tenant(Role::Reader),
    summary: "What was synced of a tenant",
    about: "Each selection that a run was asked for, the last used first, with its newest run.",
    example: "$HOST/v1/tenants/$TENANT_ID/selections",
    gives: &[Gives::found::<Selections>("All of them.")],
    ..Operation::NONE
};

pub(super) fn endpoint() -> Endpoint {
    Endpoint::new(&OPERATION, handle)
}

/// The selections of a tenant.
#[derive(Debug, Serialize, ToSchema)]
struct Selections {
    /// The tenant.
    tenant_id: TenantId,
    /// The selections.
    selections: Vec<SelectionRecord>,
}

async fn handle(State(app): State<App>, tenant: Tenant) -> Result<Answer, Problem> {
    let selections = app.api.store.selections(&tenant.scope).await?;
    Answer::found(&Selections { tenant_id: tenant.id(), selections })
}
