//! `GET /openapi.json`

use axum::extract::State;
use utoipa::PartialSchema;
use utoipa::ToSchema;
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::{RefOr, Schema};

use crate::answer::Answer;
use crate::operation::{Endpoint, Gives, Needs, Operation};
use crate::shared::App;

const OPERATION: Operation = Operation {
    id: "describe",
    path: "/openapi.json",
    needs: Needs::Nobody,
    summary: "This description",
    about: "OpenAPI 3.1. A page to try the API by it is at `/docs/`, where this Lastseen was built with one.",
    example: "$HOST/openapi.json",
    gives: &[Gives::found::<Description>("The description.")],
    ..Operation::NONE
};

pub(super) fn endpoint() -> Endpoint {
    Endpoint::new(&OPERATION, async |State(app): State<App>| Answer::written(app.description.clone()))
}

/// A description as OpenAPI has it, which says itself what is in it.
struct Description;

impl PartialSchema for Description {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new().schema_type(Type::Object).description(Some("An OpenAPI 3.1 document.")).into()
    }
}

impl ToSchema for Description {}
