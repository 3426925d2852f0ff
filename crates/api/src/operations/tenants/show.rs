//! `GET /v1/tenants/{tenant_id}`

use lastseen_model::Role;
use lastseen_store::TenantRecord;

use crate::answer::Answer;
use crate::gate::Tenant;
use crate::operation::{Endpoint, Gives, Needs, Operation};
use crate::problem::Problem;

const OPERATION: Operation = Operation {
    id: "show_tenant",
    path: "/v1/tenants/{tenant_id}",
    needs: Needs::Tenant(Role::Reader),
    summary: "A tenant, and how it is reached",
    about: "Also one that was removed: `removed_at` says since when. What is null is as the configuration says.",
    example: "$HOST/v1/tenants/$TENANT_ID",
    gives: &[Gives::found::<TenantRecord>("The tenant.")],
    ..Operation::NONE
};

pub(super) fn endpoint() -> Endpoint {
    Endpoint::new(&OPERATION, handle)
}

async fn handle(tenant: Tenant) -> Result<Answer, Problem> {
    Answer::found(&tenant.record)
}
