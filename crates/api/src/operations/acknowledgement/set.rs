//! `PUT /v1/tenants/{tenant_id}/items/{policy_type}/{external_id}/acknowledgement`

use axum::extract::State;
use lastseen_model::Role;
use lastseen_store::Acknowledgement;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::answer::Answer;
use crate::authority::Caller;
use crate::body::Body;
use crate::gate::Tenant;
use crate::operation::{Content, Endpoint, Gives, Needs, Operation, Takes, schema_of};
use crate::problem::{Code, Problem};
use crate::segments::Segments;
use crate::shared::App;

/// The longest note, in characters.
const NOTE_MAX_CHARS: usize = 1_000;
/// The longest author that is kept, in characters: room for the longest subject, and a name before it.
const AUTHOR_MAX_CHARS: usize = 400;

const OPERATION: Operation = Operation {
    id: "acknowledge_item",
    method: http::Method::PUT,
    path: "/v1/tenants/{tenant_id}/items/{policy_type}/{external_id}/acknowledgement",
    needs: Needs::Tenant(Role::Operator),
    summary: "Acknowledge that an item is missing",
    about: "It stays out of `list_missing` until it is seen again. The author is the caller: by the name of \
            the token, or by what an issuer calls them, with the subject behind it. Another note on the same item is replaced. An item that is not missing for any selection takes no note: it would hide the day it goes.",
    example: "-X PUT -H \"Content-Type: application/json\" -d '{\"note\":\"retired\"}' \
              $HOST/v1/tenants/$TENANT_ID/items/$POLICY_TYPE/$EXTERNAL_ID/acknowledgement",
    takes: Some(Takes { schema: schema_of::<Note>, example: r#"{"note":"Retired on purpose, ticket 4711."}"# }),
    gives: &[Gives { status: 204, about: "It is noted.", body: Content::Nothing }],
    refuses: &[Code::NotMissing],
    ..Operation::NONE
};

pub(super) fn endpoint() -> Endpoint {
    Endpoint::new(&OPERATION, handle)
}

/// What there is to say.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Note {
    /// At most 1,000 characters.
    #[schema(max_length = 1000, pattern = r"^[^\x00-\x08\x0b-\x1f\x7f-\x9f]*$")]
    note: String,
}

async fn handle(
    State(app): State<App>,
    caller: Caller,
    tenant: Tenant,
    segments: Segments,
    Body(Note { note }): Body<Note>,
) -> Result<Answer, Problem> {
    let (policy_type, external_id) = (segments.get("policy_type")?, segments.get("external_id")?);
    if note.chars().count() > NOTE_MAX_CHARS || note.contains(|c: char| c.is_control() && c != '\n' && c != '\t') {
        return Err(Problem::body("/note", format!("must be at most {NOTE_MAX_CHARS} characters, without control characters")));
    }
    let known = app.api.store.explain(&tenant.scope, &policy_type, &external_id).await?;
    let known = known.ok_or_else(|| Problem::new(Code::NotFound))?;
    if known.standing.iter().all(|standing| standing.missing.is_none()) {
        return Err(Problem::new(Code::NotMissing));
    }
    let author = caller.who().author(AUTHOR_MAX_CHARS);
    let note = Acknowledgement { policy_type, external_id, author, note, acknowledged_at: None };
    if app.api.store.acknowledge(&tenant.scope, &note).await? { Ok(Answer::nothing()) } else { Err(Problem::new(Code::NotFound)) }
}
