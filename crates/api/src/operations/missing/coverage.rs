//! `GET /v1/tenants/{tenant_id}/coverage`

use axum::extract::State;
use lastseen_model::{Reference, Role, Selection, SelectionHash, TenantId};
use lastseen_store::{Coverage, Missing, MissingQuery};
use serde::Serialize;
use utoipa::ToSchema;

use super::asked::{REFERENCE, SELECTION, SELECTION_CATEGORIES, SELECTION_TYPES, reference, selection};
use crate::answer::Answer;
use crate::gate::Tenant;
use crate::operation::{Endpoint, Gives, Needs, Operation};
use crate::parameter::Query;
use crate::problem::{Code, Problem};
use crate::shared::App;

const OPERATION: Operation = Operation {
    id: "show_coverage",
    path: "/v1/tenants/{tenant_id}/coverage",
    needs: Needs::Tenant(Role::Reader),
    summary: "How each type of a selection was listed",
    about: "What an answer about missing rests on, without the items. The selection is named as for `list_missing`.",
    example: "$HOST/v1/tenants/$TENANT_ID/coverage",
    parameters: &[SELECTION, SELECTION_TYPES, SELECTION_CATEGORIES, REFERENCE],
    gives: &[Gives::found::<CoverageAnswer>("Each type of the reference run.")],
    refuses: &[Code::ConflictingParameters],
    ..Operation::NONE
};

pub(super) fn endpoint() -> Endpoint {
    Endpoint::new(&OPERATION, handle)
}

/// How the types of a selection were listed.
#[derive(Debug, Serialize, ToSchema)]
struct CoverageAnswer {
    /// The tenant.
    tenant_id: TenantId,
    /// The selection.
    selection_hash: SelectionHash,
    /// What it selects; none where the tenant has not used that hash.
    selection_payload: Option<Selection>,
    /// Which run the answer refers to.
    reference: Reference,
    /// Whether there is one.
    baseline: bool,
    /// How each type of it was listed.
    coverage: Vec<Coverage>,
}

async fn handle(State(app): State<App>, tenant: Tenant, query: Query) -> Result<Answer, Problem> {
    let (selection_hash, selection_payload) = selection(&*app.api.store, &tenant.scope, &query).await?;
    let reference = reference(&query)?;
    let asked =
        MissingQuery { selection: selection_hash, reference, confidence: None, since: None, acknowledged: false, after: None, limit: 1 };
    let (baseline, coverage) = match app.api.store.missing(&tenant.scope, &asked).await? {
        Missing::NoBaseline => (false, Vec::new()),
        Missing::Answer(answer) => (true, answer.coverage),
    };
    let tenant_id = tenant.id();
    Answer::found(&CoverageAnswer { tenant_id, selection_hash, selection_payload, reference, baseline, coverage })
}
