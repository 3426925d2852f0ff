//! `POST /v1/tenants/{tenant_id}/runs/{run_id}/cancel`

use axum::extract::State;
use http::StatusCode;
use lastseen_model::Role;
use lastseen_store::{Cancelled, RunDetail};

use crate::answer::Answer;
use crate::gate::Tenant;
use crate::operation::{Endpoint, Gives, Needs, Operation};
use crate::problem::{Code, Problem};
use crate::segments::Segments;
use crate::shared::App;

const OPERATION: Operation = Operation {
    id: "cancel_run",
    method: http::Method::POST,
    path: "/v1/tenants/{tenant_id}/runs/{run_id}/cancel",
    needs: Needs::Tenant(Role::Operator),
    summary: "End a run early",
    about: "One that waits ends at once, as `skipped`. One that is running ends when its worker hears of it, which it does when it next renews its \
            lease (every 15 seconds, unless `run.renew_every` says otherwise): what it has listed stays, and what it has not is `incomplete` or `not_started`, so nothing of it counts as missing for sure.",
    example: "-X POST $HOST/v1/tenants/$TENANT_ID/runs/$RUN_ID/cancel",
    gives: &[
        Gives::done::<RunDetail>(200, "It waited, and has ended."),
        Gives::done::<RunDetail>(202, "It is running, and its worker is told."),
    ],
    refuses: &[Code::RunOver],
    ..Operation::NONE
};

pub(super) fn endpoint() -> Endpoint {
    Endpoint::new(&OPERATION, handle)
}

async fn handle(State(app): State<App>, tenant: Tenant, segments: Segments) -> Result<Answer, Problem> {
    match app.api.store.cancel_run(&tenant.scope, segments.get("run_id")?).await? {
        Cancelled::Ended(run) => Answer::done(StatusCode::OK, &run),
        Cancelled::Asked(run) => Answer::done(StatusCode::ACCEPTED, &run),
        Cancelled::Over(run) => Err(Problem::new(Code::RunOver).run(run.record.run_id)),
        Cancelled::NoSuchRun => Err(Problem::new(Code::NotFound)),
    }
}
