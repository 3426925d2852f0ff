//! What the API's description says of the types that are a text in JSON, and of one object that can't derive it.

use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::{Ref, RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use lastseen_model::{ErrorCode, ErrorContext};

use crate::read::Cursor;
use crate::run::RunError;

impl PartialSchema for Cursor {
    fn schema() -> RefOr<Schema> {
        let about = "Where a page ended: hand it back as `cursor` to go on. Its text means nothing else.";
        ObjectBuilder::new().schema_type(Type::String).description(Some(about)).into()
    }
}

impl ToSchema for Cursor {}

/// The context stands beside the code in one object. Its own description says that nothing else does, which holds where it is read.
impl PartialSchema for RunError {
    fn schema() -> RefOr<Schema> {
        let mut schema = ErrorContext::schema();
        if let RefOr::T(Schema::Object(object)) = &mut schema {
            object.additional_properties = None;
            object.description = Some("A recorded error.".to_owned());
            object.properties.insert("code".to_owned(), Ref::from_schema_name(ErrorCode::name()).into());
            object.required.push("code".to_owned());
        }
        schema
    }
}

impl ToSchema for RunError {
    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        ErrorContext::schemas(schemas);
        schemas.push((ErrorCode::name().into_owned(), ErrorCode::schema()));
    }
}
