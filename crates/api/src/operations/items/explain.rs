//! `GET /v1/tenants/{tenant_id}/items/{policy_type}/{external_id}`

use axum::extract::State;
use lastseen_model::Role;
use lastseen_store::Explanation;

use super::explained;
use crate::answer::Answer;
use crate::gate::Tenant;
use crate::operation::{Endpoint, Gives, Needs, Operation};
use crate::problem::Problem;
use crate::segments::Segments;
use crate::shared::App;

const OPERATION: Operation = Operation {
    id: "explain_item",
    path: "/v1/tenants/{tenant_id}/items/{policy_type}/{external_id}",
    needs: Needs::Tenant(Role::Reader),
    summary: "An item, and why it counts as it does",
    about: "The item, every listing that bears on it, where it stands for each selection, and the note on it. Percent-encode the id: \
            a slash in it is `%2F`.",
    example: "$HOST/v1/tenants/$TENANT_ID/items/$POLICY_TYPE/$EXTERNAL_ID",
    gives: &[Gives::found::<Explanation>("The item.")],
    ..Operation::NONE
};

pub(super) fn endpoint() -> Endpoint {
    Endpoint::new(&OPERATION, handle)
}

async fn handle(State(app): State<App>, tenant: Tenant, segments: Segments) -> Result<Answer, Problem> {
    Answer::found(&explained(&app, &tenant, &segments).await?)
}
