//! What the API's description says of the types that are a text in JSON.

use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use crate::read::Cursor;

impl PartialSchema for Cursor {
    fn schema() -> RefOr<Schema> {
        let about = "Where a page ended: hand it back as `cursor` to go on. Its text means nothing else.";
        ObjectBuilder::new().schema_type(Type::String).description(Some(about)).into()
    }
}

impl ToSchema for Cursor {}
