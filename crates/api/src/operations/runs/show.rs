//! `GET /v1/tenants/{tenant_id}/runs/{run_id}`

use axum::extract::State;
use lastseen_model::Role;
use lastseen_store::RunDetail;

use crate::answer::Answer;
use crate::gate::Tenant;
use crate::operation::{Endpoint, Gives, Needs, Operation};
use crate::problem::{Code, Problem};
use crate::segments::Segments;
use crate::shared::App;

const OPERATION: Operation = Operation {
    id: "show_run",
    path: "/v1/tenants/{tenant_id}/runs/{run_id}",
    needs: Needs::Tenant(Role::Reader),
    summary: "A run, with what it learned about each type",
    about: "While it runs, its listings grow. Its counts are 0 until it has ended.",
    example: "$HOST/v1/tenants/$TENANT_ID/runs/$RUN_ID",
    gives: &[Gives::found::<RunDetail>("The run.")],
    ..Operation::NONE
};

pub(super) fn endpoint() -> Endpoint {
    Endpoint::new(&OPERATION, handle)
}

async fn handle(State(app): State<App>, tenant: Tenant, segments: Segments) -> Result<Answer, Problem> {
    let run = app.api.store.run(&tenant.scope, segments.get("run_id")?).await?;
    Answer::found(&run.ok_or_else(|| Problem::new(Code::NotFound))?)
}
