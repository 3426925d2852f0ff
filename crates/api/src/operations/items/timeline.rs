//! `GET /v1/tenants/{tenant_id}/items/{policy_type}/{external_id}/timeline`

use axum::extract::State;
use lastseen_engine::timeline::Timeline;
use lastseen_model::Role;

use super::explained;
use crate::answer::Answer;
use crate::gate::Tenant;
use crate::operation::{Endpoint, Gives, Needs, Operation};
use crate::problem::Problem;
use crate::segments::Segments;
use crate::shared::App;

const OPERATION: Operation = Operation {
    id: "show_timeline",
    path: "/v1/tenants/{tenant_id}/items/{policy_type}/{external_id}/timeline",
    needs: Needs::Tenant(Role::Reader),
    summary: "An item over the runs",
    about: "For each selection what each listing of the item's type says of it, oldest first, and where that turned: first seen, gone, \
            reappeared. Only a complete listing says that it was not there. The newest 200 listings alone, all selections together.",
    example: "$HOST/v1/tenants/$TENANT_ID/items/$POLICY_TYPE/$EXTERNAL_ID/timeline",
    gives: &[Gives::found::<Timeline>("The item over the runs.")],
    ..Operation::NONE
};

pub(super) fn endpoint() -> Endpoint {
    Endpoint::new(&OPERATION, handle)
}

async fn handle(State(app): State<App>, tenant: Tenant, segments: Segments) -> Result<Answer, Problem> {
    let explanation = explained(&app, &tenant, &segments).await?;
    let used = app.api.store.selections(&tenant.scope).await?;
    Answer::found(&Timeline::of(&explanation, used))
}
