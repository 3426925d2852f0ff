//! `GET /v1/tenants/{tenant_id}/diff`

use axum::extract::State;
use lastseen_model::{ChangeKind, Role, RunId, TenantId};
use lastseen_store::{Diff, DiffAnswer, DiffQuery};
use serde::Serialize;
use utoipa::ToSchema;

use crate::answer::Answer;
use crate::gate::Tenant;
use crate::operation::{Endpoint, Gives, Needs, Operation};
use crate::operations::common::{CONFIDENCE, CURSOR, LIMIT, TYPES, cursor, one_of, several};
use crate::parameter::{Parameter, Query, plain};
use crate::problem::{Code, Problem};
use crate::shared::App;

const OLDER: Parameter = Parameter { name: "older", about: "One run.", many: false, required: true, schema: plain::<RunId> };
const NEWER: Parameter = Parameter { name: "newer", about: "The other run.", many: false, required: true, schema: plain::<RunId> };
const KINDS: Parameter =
    several("kind", "Only changes of this kind; may be given more than once.", || one_of(ChangeKind::ALL.iter().map(|kind| kind.as_str())));

const OPERATION: Operation = Operation {
    id: "compare_runs",
    path: "/v1/tenants/{tenant_id}/diff",
    needs: Needs::Tenant(Role::Reader),
    summary: "What changed between two runs of one selection",
    about: "The run that was claimed first is the older, whichever way round they are named. `confidence` and `reasons` say of each change \
            how far it can be trusted, and `listings` how each run listed each type: where one of the two did not, or retention has dropped \
            what it listed, no changes are known, which is not that there are none. `counts` counts all, whatever the page and the filters.",
    example: "\"$HOST/v1/tenants/$TENANT_ID/diff?older=$OLDER&newer=$NEWER&kind=gone\"",
    parameters: &[OLDER, NEWER, KINDS, TYPES, CONFIDENCE, CURSOR, LIMIT],
    gives: &[Gives::found::<Comparison>("A page of the changes.")],
    refuses: &[Code::RunNotCompleted, Code::OtherSelections, Code::InvalidCursor],
    ..Operation::NONE
};

pub(super) fn endpoint() -> Endpoint {
    Endpoint::new(&OPERATION, handle)
}

/// Two runs of a tenant, compared.
#[derive(Debug, Serialize, ToSchema)]
struct Comparison {
    /// The tenant.
    tenant_id: TenantId,
    /// What they say.
    #[serde(flatten)]
    answer: Box<DiffAnswer>,
}

async fn handle(State(app): State<App>, tenant: Tenant, query: Query) -> Result<Answer, Problem> {
    // Both are required, so the gate has seen them.
    let (Some(older), Some(newer)) = (query.one(&OLDER)?, query.one(&NEWER)?) else { return Err(Problem::new(Code::Internal)) };
    let asked = DiffQuery {
        runs: [older, newer],
        kinds: query.many(&KINDS)?,
        types: query.many(&TYPES)?,
        confidence: query.one(&CONFIDENCE)?,
        after: cursor(&query)?,
        limit: query.limit(&LIMIT)?,
    };
    match app.api.store.diff(&tenant.scope, &asked).await? {
        Diff::Answer(answer) => Answer::found(&Comparison { tenant_id: tenant.id(), answer }),
        Diff::NoSuchRun(_) => Err(Problem::new(Code::NotFound)),
        Diff::NotCompleted(run, status) => {
            let detail = format!("the run is {status}, so there is nothing to compare");
            Err(Problem::new(Code::RunNotCompleted).detail(detail).run(run))
        }
        Diff::OtherSelections => Err(Problem::new(Code::OtherSelections)),
    }
}
