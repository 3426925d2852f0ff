//! `GET /v1/tenants/{tenant_id}/missing`

use axum::extract::State;
use lastseen_model::{Reference, Role, RunId, RunStatus, Selection, SelectionHash, TenantId, Timestamp};
use lastseen_store::{Coverage, Cursor, Missing, MissingItem, MissingQuery};
use serde::Serialize;
use utoipa::ToSchema;

use super::asked::{REFERENCE, SELECTION, SELECTION_CATEGORIES, SELECTION_TYPES, reference, selection};
use crate::answer::Answer;
use crate::gate::Tenant;
use crate::operation::{Endpoint, Gives, Needs, Operation};
use crate::operations::common::{CONFIDENCE, CURSOR, LIMIT, cursor, optional, switch, time};
use crate::parameter::{Parameter, Query};
use crate::problem::{Code, Problem};
use crate::shared::App;

const SINCE: Parameter = optional("since", "Only those missing since this time or later.", time);
const ACKNOWLEDGED: Parameter = optional("acknowledged", "Also those that a person has acknowledged.", switch);

const OPERATION: Operation = Operation {
    id: "list_missing",
    path: "/v1/tenants/{tenant_id}/missing",
    needs: Needs::Tenant(Role::Reader),
    summary: "What is missing, how sure that is, and what it was looked for in",
    about: "For one selection, named by its hash (`selection`) or by what is in it (`selection_type`, `selection_category`); everything where \
            none is named. These name the selection, and filter nothing. An item is missing when it was known before the \
            reference run and that run did not see it. `confidence` says how far that goes, `reasons` what speaks against it, and `coverage` \
            how each type was listed: an empty list with an incomplete coverage is no all-clear. `baseline` is false where the selection \
            has no run to refer to; then nothing can be said. `high`, `low` and `acknowledged` count all, whatever the page and the filters.",
    example: "\"$HOST/v1/tenants/$TENANT_ID/missing?confidence=high\"",
    parameters: &[SELECTION, SELECTION_TYPES, SELECTION_CATEGORIES, REFERENCE, CONFIDENCE, SINCE, ACKNOWLEDGED, CURSOR, LIMIT],
    gives: &[Gives::found::<MissingPage>("A page of them.")],
    refuses: &[Code::ConflictingParameters, Code::InvalidCursor],
    ..Operation::NONE
};

pub(super) fn endpoint() -> Endpoint {
    Endpoint::new(&OPERATION, handle)
}

/// What is missing for a selection.
#[derive(Debug, Serialize, ToSchema)]
struct MissingPage {
    /// The tenant.
    tenant_id: TenantId,
    /// The selection.
    selection_hash: SelectionHash,
    /// What it selects; none where the tenant has not used that hash.
    selection_payload: Option<Selection>,
    /// Which run the answer refers to.
    reference: Reference,
    /// Whether there is one. Without it nothing is known, and the empty list means nothing.
    baseline: bool,
    /// That run.
    reference_run_id: Option<RunId>,
    /// Its status.
    reference_status: Option<RunStatus>,
    /// When it ended.
    #[serde(serialize_with = "lastseen_model::time::serialize_option")]
    reference_finished_at: Option<Timestamp>,
    /// How each type of it was listed.
    coverage: Vec<Coverage>,
    /// The items, in the order of type and id.
    missing: Vec<MissingItem>,
    /// How many are missing with high confidence in all.
    high: u64,
    /// How many with low.
    low: u64,
    /// How many of all are acknowledged.
    acknowledged: u64,
    /// Where to go on; none on the last page.
    next_cursor: Option<Cursor>,
}

async fn handle(State(app): State<App>, tenant: Tenant, query: Query) -> Result<Answer, Problem> {
    let (selection_hash, selection_payload) = selection(&*app.api.store, &tenant.scope, &query).await?;
    let reference = reference(&query)?;
    let asked = MissingQuery {
        selection: selection_hash,
        reference,
        confidence: query.one(&CONFIDENCE)?,
        since: query.time(&SINCE)?,
        acknowledged: query.switch(&ACKNOWLEDGED)?,
        after: cursor(&query)?,
        limit: query.limit(&LIMIT)?,
    };
    let answer = match app.api.store.missing(&tenant.scope, &asked).await? {
        Missing::NoBaseline => None,
        Missing::Answer(answer) => Some(*answer),
    };
    let run = answer.as_ref().map(|answer| answer.reference.clone());
    let mut page = MissingPage {
        tenant_id: tenant.id(),
        selection_hash,
        selection_payload,
        reference,
        baseline: run.is_some(),
        reference_run_id: run.as_ref().map(|run| run.reference_run_id),
        reference_status: run.as_ref().map(|run| run.reference_status),
        reference_finished_at: run.as_ref().map(|run| run.reference_finished_at),
        coverage: Vec::new(),
        missing: Vec::new(),
        high: 0,
        low: 0,
        acknowledged: 0,
        next_cursor: None,
    };
    if let Some(answer) = answer {
        page.coverage = answer.coverage;
        page.missing = answer.items;
        (page.high, page.low, page.acknowledged) = (answer.high, answer.low, answer.acknowledged);
        page.next_cursor = answer.next_cursor;
    }
    Answer::found(&page)
}
