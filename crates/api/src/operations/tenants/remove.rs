//! `DELETE /v1/tenants/{tenant_id}`

use axum::extract::State;
use http::StatusCode;
use lastseen_model::Role;
use lastseen_store::Removal;

use crate::answer::Answer;
use crate::gate::Tenant;
use crate::operation::{Endpoint, Gives, Needs, Operation};
use crate::problem::{Code, Problem};
use crate::shared::App;

const OPERATION: Operation = Operation {
    id: "remove_tenant",
    method: http::Method::DELETE,
    path: "/v1/tenants/{tenant_id}",
    needs: Needs::Tenant(Role::Admin),
    summary: "Remove a tenant",
    about: "From here on no run of it is made. Runs that wait end as `skipped`, and one that is running ends by itself. What was seen \
            stays and can be asked for; PUT brings the tenant back. Taking away what was seen is an administrator's act, at the command \
            line: `lastseen tenant purge`.",
    example: "-X DELETE $HOST/v1/tenants/$TENANT_ID",
    gives: &[Gives::done::<Removal>(200, "It is removed; again, and nothing changes.")],
    ..Operation::NONE
};

pub(super) fn endpoint() -> Endpoint {
    Endpoint::new(&OPERATION, handle)
}

async fn handle(State(app): State<App>, tenant: Tenant) -> Result<Answer, Problem> {
    let removal = app.api.store.remove_tenant(&tenant.scope).await?.ok_or_else(|| Problem::new(Code::NotFound))?;
    Answer::done(StatusCode::OK, &removal)
}
