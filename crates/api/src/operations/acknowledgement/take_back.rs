//! `DELETE /v1/tenants/{tenant_id}/items/{policy_type}/{external_id}/acknowledgement`

use axum::extract::State;
use lastseen_model::Role;

use crate::answer::Answer;
use crate::gate::Tenant;
use crate::operation::{Content, Endpoint, Gives, Needs, Operation};
use crate::problem::{Code, Problem};
use crate::segments::Segments;
use crate::shared::App;

const OPERATION: Operation = Operation {
    id: "unacknowledge_item",
    method: http::Method::DELETE,
    path: "/v1/tenants/{tenant_id}/items/{policy_type}/{external_id}/acknowledgement",
    needs: Needs::Tenant(Role::Operator),
    summary: "Take an acknowledgement back",
    about: "The item is listed again while it is missing.",
    example: "-X DELETE $HOST/v1/tenants/$TENANT_ID/items/$POLICY_TYPE/$EXTERNAL_ID/acknowledgement",
    gives: &[Gives { status: 204, about: "The note is gone.", body: Content::Nothing }],
    ..Operation::NONE
};

pub(super) fn endpoint() -> Endpoint {
    Endpoint::new(&OPERATION, handle)
}

async fn handle(State(app): State<App>, tenant: Tenant, segments: Segments) -> Result<Answer, Problem> {
    let (policy_type, external_id) = (segments.get("policy_type")?, segments.get("external_id")?);
    let was_there = app.api.store.unacknowledge(&tenant.scope, &policy_type, &external_id).await?;
    if was_there { Ok(Answer::nothing()) } else { Err(Problem::new(Code::NotFound)) }
}
