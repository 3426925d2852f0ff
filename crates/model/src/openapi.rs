//! What the API's description says of the types that are a text in JSON. Those that are an object derive it.

use std::borrow::Cow;

use utoipa::openapi::schema::{ArrayBuilder, Object, ObjectBuilder, OneOfBuilder, SchemaFormat, Type};
use utoipa::openapi::{Ref, RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use crate::access::{CREDENTIAL_MAX_BYTES, ClientId, Cloud, CredentialRef, SECRET_VARIABLE_PREFIX, SETTINGS};
use crate::authority::Tenants;
use crate::error_code::{ErrorCode, GraphCode};
use crate::ids::{
    Category, ContractHash, CorrelationId, EXTERNAL_ID_MAX_BYTES, ExternalId, PolicyType, RunId, ScheduleId, SelectionHash, TenantId,
    TokenId,
};

fn text() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String)
}

/// What can be said of a reference without knowing the machine. A path may hold more than this lets it: the parser has the last word.
fn credential() -> String {
    const PATH: &str = "/[^\\x00-\\x1f\\x7f-\\x9f,]*";
    let settings = SETTINGS.map(|name| format!("{name}$")).join("|");
    let variable = format!("env:(?!{settings}){SECRET_VARIABLE_PREFIX}[A-Z0-9_]+");
    format!("^({variable}|file:{PATH}|federated:{PATH}|certificate:{PATH}(,password=({variable}|file:{PATH}))?|managed-identity)$")
}

macro_rules! texts {
    ($($name:ident: $about:literal, $schema:expr;)*) => {$(
        impl PartialSchema for $name {
            fn schema() -> RefOr<Schema> {
                let schema: ObjectBuilder = $schema;
                Object::from(schema.description(Some($about))).into()
            }
        }

        impl ToSchema for $name {}
    )*};
}

fn guid() -> ObjectBuilder {
    // The parser takes the hyphenated form alone, and not the GUID of zeroes.
    const GUID: &str = "^(?!0{8}-0{4}-0{4}-0{4}-0{12}$)[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$";
    text().format(Some(SchemaFormat::Custom("uuid".to_owned()))).pattern(Some(GUID))
}

fn key() -> ObjectBuilder {
    text().pattern(Some("^[A-Za-z][A-Za-z0-9 -]{0,63}$"))
}

fn hash(digits: u32) -> ObjectBuilder {
    text().pattern(Some(format!("^[0-9a-f]{{{digits}}}$")))
}

texts! {
    TenantId: "The Entra tenant's GUID.", guid();
    RunId: "A run.", guid();
    CorrelationId: "What ties a run's requests at Graph together.", guid();
    TokenId: "A token of the API; never its secret.", guid();
    ScheduleId: "A schedule.", guid();
    PolicyType: "A key of the registry of policy types.", key();
    Category: "A group of policy types.", key();
    SelectionHash: "SHA-256 of a selection's canonical text.", hash(64);
    ContractHash: "How a type is listed, in a hash.", hash(32);
    ExternalId: "Graph's id of an item.", text().min_length(Some(1)).max_length(Some(EXTERNAL_ID_MAX_BYTES));
    Cloud: "One of Microsoft's clouds.", text().enum_values(Some(Cloud::ALL.iter().map(|cloud| cloud.as_str())));
    ClientId: "The id of an app registration.", text().pattern(Some("^[A-Za-z0-9-]{1,64}$"));
    CredentialRef: "Where a credential is kept; never the credential. `env:LASTSEEN_...`, `file:/path`, `certificate:/path`, `federated:/path` \
                    or `managed-identity`.", text().max_length(Some(CREDENTIAL_MAX_BYTES)).pattern(Some(credential()));
    ErrorCode: "A stable error code. New ones may come.", text().enum_values(Some(ErrorCode::ALL.iter().map(|code| code.as_str())));
    GraphCode: "Graph's own error code.", text().pattern(Some("^[A-Za-z0-9_.-]{1,64}$"));
}

impl PartialSchema for Tenants {
    fn schema() -> RefOr<Schema> {
        let all = text().enum_values(Some(["all"]));
        let some = ArrayBuilder::new().items(Ref::from_schema_name(TenantId::name())).unique_items(true);
        let about = "`all`, those that come later too, or an array of ids.";
        Schema::from(OneOfBuilder::new().item(all).item(some).description(Some(about)).build()).into()
    }
}

impl ToSchema for Tenants {
    fn name() -> Cow<'static, str> {
        "Tenants".into()
    }

    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        schemas.push((TenantId::name().into_owned(), TenantId::schema()));
    }
}
