//! `GET /v1/tenants`

use axum::extract::State;
use lastseen_model::{Role, TenantId};
use lastseen_store::TenantRecord;
use serde::Serialize;
use utoipa::ToSchema;

use crate::answer::Answer;
use crate::authority::Caller;
use crate::operation::{Endpoint, Gives, Needs, Operation};
use crate::operations::common::{AFTER_TENANT, LIMIT, optional, page_of_tenants, switch};
use crate::parameter::{Parameter, Query};
use crate::problem::Problem;
use crate::shared::App;

const REMOVED: Parameter = optional("removed", "Also those that were removed.", switch);

const OPERATION: Operation = Operation {
    id: "list_tenants",
    path: "/v1/tenants",
    needs: Needs::AnyTenant(Role::Reader),
    summary: "The caller's tenants",
    about: "In the order of their ids. A removed tenant is not among them unless it is asked for.",
    example: "\"$HOST/v1/tenants?limit=100\"",
    parameters: &[REMOVED, AFTER_TENANT, LIMIT],
    gives: &[Gives::found::<TenantPage>("A page of them.")],
    ..Operation::NONE
};

pub(super) fn endpoint() -> Endpoint {
    Endpoint::new(&OPERATION, handle)
}

/// A page of tenants.
#[derive(Debug, Serialize, ToSchema)]
struct TenantPage {
    /// The tenants.
    tenants: Vec<TenantRecord>,
    /// Where to go on; none on the last page.
    next_cursor: Option<TenantId>,
}

async fn handle(State(app): State<App>, caller: Caller, query: Query) -> Result<Answer, Problem> {
    let (tenants, next_cursor) = page_of_tenants(&app, &caller, &query, &LIMIT, query.switch(&REMOVED)?).await?;
    Answer::found(&TenantPage { tenants, next_cursor })
}
