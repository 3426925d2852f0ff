//! `GET /v1/tenants`

use axum::extract::State;
use lastseen_model::{Role, TenantId};
use lastseen_store::TenantRecord;
use serde::Serialize;
use utoipa::ToSchema;

use crate::answer::Answer;
use crate::authority::Caller;
use crate::operation::{Endpoint, Gives, Needs, Operation};
use crate::operations::common::{LIMIT, optional, switch};
use crate::parameter::{Parameter, Query, plain};
use crate::problem::Problem;
use crate::shared::App;

const REMOVED: Parameter = optional("removed", "Also those that were removed.", switch);
pub(crate) const AFTER: Parameter = optional("cursor", "Where to go on: the `next_cursor` of the page before.", plain::<TenantId>);

const OPERATION: Operation = Operation {
    id: "list_tenants",
    path: "/v1/tenants",
    needs: Needs::AnyTenant(Role::Reader),
    summary: "The caller's tenants",
    about: "In the order of their ids. A removed tenant is not among them unless it is asked for.",
    example: "\"$HOST/v1/tenants?limit=100\"",
    parameters: &[REMOVED, AFTER, LIMIT],
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
    let (removed, after, limit) = (query.switch(&REMOVED)?, query.one::<TenantId>(&AFTER)?, query.limit(&LIMIT)?);
    let theirs = caller.authority().tenants(Role::Reader);
    let mut tenants = app.api.store.tenants().await?;
    tenants.retain(|record| theirs.has(record.tenant_id) && (removed || !record.is_removed()));
    tenants.sort_by_key(|record| record.tenant_id);
    tenants.retain(|record| after.is_none_or(|after| record.tenant_id > after));
    let more = tenants.len() > limit as usize;
    tenants.truncate(limit as usize);
    let next_cursor = tenants.last().filter(|_| more).map(|record| record.tenant_id);
    Answer::found(&TenantPage { tenants, next_cursor })
}
