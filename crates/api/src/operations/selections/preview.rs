//! `POST /v1/selections/preview`

use http::StatusCode;
use lastseen_contracts::Registry;
use lastseen_model::{PolicyType, Selection, SelectionHash};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::answer::Answer;
use crate::body::Body;
use crate::operation::{Endpoint, Gives, Needs, Operation, Takes, schema_of};
use crate::operations::common::{SelectionAsked, invalid, selection};
use crate::problem::{Code, Problem};

const OPERATION: Operation = Operation {
    id: "preview_selection",
    method: http::Method::POST,
    path: "/v1/selections/preview",
    needs: Needs::Anybody,
    summary: "What a selection comes to",
    about: "Its hash, the text that the hash is of, and the types that a run of it lists in this version. Nothing is written.",
    example: "-H \"Content-Type: application/json\" -d '{\"selection\":{\"categories\":[\"Compliance\"]}}' $HOST/v1/selections/preview",
    takes: Some(Takes { schema: schema_of::<Asked>, example: r#"{"selection":{"categories":["Compliance"],"policy_types":[]}}"# }),
    gives: &[Gives::done::<Preview>(200, "What it comes to.")],
    refuses: &[Code::InvalidSelection],
    ..Operation::NONE
};

pub(super) fn endpoint() -> Endpoint {
    Endpoint::new(&OPERATION, handle)
}

/// A selection to look at.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Asked {
    /// The selection.
    #[schema(value_type = SelectionAsked)]
    selection: Value,
}

/// What a selection comes to.
#[derive(Debug, Serialize, ToSchema)]
struct Preview {
    /// Its hash.
    selection_hash: SelectionHash,
    /// The selection, in order and without repetition.
    selection_payload: Selection,
    /// The text that the hash is of.
    canonical: String,
    /// The types that a run of it lists, in the order of the registry.
    policy_types: Vec<PolicyType>,
}

async fn handle(Body(asked): Body<Asked>) -> Result<Answer, Problem> {
    let selection = selection(&asked.selection)?;
    let policy_types = Registry::builtin().vocabulary().scope(&selection).map_err(|error| invalid(&error))?;
    let preview =
        Preview { selection_hash: selection.hash(), canonical: selection.canonical(), selection_payload: selection, policy_types };
    Answer::done(StatusCode::OK, &preview)
}
