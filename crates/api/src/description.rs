//! The description of the API, OpenAPI 3.1, made of what the operations say of themselves.

use std::collections::{BTreeMap, BTreeSet};

use http::Method;
use lastseen_model::{ExternalId, PolicyType, Role, RunId, ScheduleId, TenantId, TokenId};
use utoipa::openapi::content::ContentBuilder;
use utoipa::openapi::header::HeaderBuilder;
use utoipa::openapi::info::InfoBuilder;
use utoipa::openapi::path::{HttpMethod, OperationBuilder, Parameter as Described, ParameterBuilder, ParameterIn, PathsBuilder};
use utoipa::openapi::request_body::RequestBodyBuilder;
use utoipa::openapi::response::{Response, ResponseBuilder, ResponsesBuilder};
use utoipa::openapi::schema::{ArrayBuilder, ComponentsBuilder, ObjectBuilder, Type};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{OpenApi, OpenApiBuilder, PathItem, Ref, RefOr, Required, Schema};

use crate::operation::{Content, Needs, Operation, SchemaOf, Schemas, schema_of};
use crate::operations;
use crate::parameter::Parameter;
use crate::problem::{self, Code};

const BEARER: &str = "bearer";

const ABOUT: &str = "\
What was last seen in the Intune tenants that Lastseen syncs, what is missing, and the runs that say so.\n\n\
**Who asks.** Every request but those under `service` shows a token: `Authorization: Bearer lastseen_...`. A token has a role (`reader`, \
`operator`, `admin`; each may do all that the one before it may) on all tenants or on some. What is none of a token's tenants answers as \
what does not exist: 404.\n\n\
**Refusals** are `application/problem+json` (RFC 9457). Programs go by `code`. An unknown parameter or field is refused by its name.\n\n\
**Pages.** A list that takes `cursor` ends with `next_cursor`; hand it back to go on, until it is `null`. The others come whole.\n\n\
**Asking again.** The answer of a GET has an `ETag`, but for `show_status`, which tells the time, and for events; sent back as \
`If-None-Match` it is answered 304 while nothing has changed.\n\n\
Times are RFC 3339 in UTC. A run that failed, or listed only a part, never says that something is gone: read `confidence` and `coverage`.";

/// The description as JSON, the same every time.
pub(crate) fn text() -> String {
    // It is made of texts; it can be written.
    let mut text = document().to_pretty_json().unwrap_or_default();
    text.push('\n');
    text
}

fn document() -> OpenApi {
    let mut schemas = Schemas::new();
    let mut paths = PathsBuilder::new();
    let mut items: BTreeMap<&str, PathItem> = BTreeMap::new();
    for endpoint in operations::all() {
        let operation = endpoint.operation;
        let item = PathItem::new(http_method(&operation.method), describe(operation, &mut schemas));
        match items.entry(operation.path) {
            std::collections::btree_map::Entry::Occupied(mut there) => there.get_mut().merge_operations(item),
            std::collections::btree_map::Entry::Vacant(free) => {
                free.insert(item);
            }
        }
    }
    for (path, item) in items {
        paths = paths.path(path, item);
    }
    let schemas: BTreeMap<String, RefOr<Schema>> = schemas.into_iter().collect();
    let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).bearer_format("lastseen_… or a JWT of the configured issuer").build();
    let components = ComponentsBuilder::new().schemas_from_iter(schemas).security_scheme(BEARER, SecurityScheme::Http(bearer)).build();
    let info = InfoBuilder::new().title("Lastseen").version(env!("CARGO_PKG_VERSION")).description(Some(ABOUT)).build();
    OpenApiBuilder::new().info(info).paths(paths).components(Some(components)).build()
}

fn http_method(method: &Method) -> HttpMethod {
    match *method {
        Method::POST => HttpMethod::Post,
        Method::PUT => HttpMethod::Put,
        Method::PATCH => HttpMethod::Patch,
        Method::DELETE => HttpMethod::Delete,
        _ => HttpMethod::Get,
    }
}

fn describe(operation: &Operation, schemas: &mut Schemas) -> utoipa::openapi::path::Operation {
    let needs = match operation.needs {
        Needs::Nobody => "Takes no token.".to_owned(),
        Needs::Anybody => "Takes any token.".to_owned(),
        Needs::AnyTenant(role) => format!("Takes the role `{role}` on some tenant, and answers of those tenants alone."),
        Needs::Tenant(role) | Needs::NewTenant(role) => format!("Takes the role `{role}` on the tenant."),
        Needs::Fleet(role) => format!("Takes the role `{role}` on all tenants."),
    };
    let token = if operation.needs == Needs::Nobody { "" } else { " -H \"Authorization: Bearer $TOKEN\"" };
    let about = format!("{}\n\n{needs}\n\n```sh\ncurl{token} {}\n```", operation.about, operation.example);
    let mut described = OperationBuilder::new()
        .tag(tag(operation.path))
        .operation_id(Some(operation.id))
        .summary(Some(operation.summary))
        .description(Some(about));
    for name in segments(operation.path) {
        described = described.parameter(segment(name, schemas));
    }
    for parameter in operation.parameters {
        described = described.parameter(described_parameter(parameter, ParameterIn::Query));
    }
    if let Some(header) = &operation.header {
        described = described.parameter(described_parameter(header, ParameterIn::Header));
    }
    if let Some(takes) = &operation.takes {
        let example = serde_json::from_str(takes.example).ok();
        let content = ContentBuilder::new().schema(Some((takes.schema)(schemas))).example(example).build();
        let body = RequestBodyBuilder::new().content("application/json", content).required(Some(Required::True)).build();
        described = described.request_body(Some(body));
    }
    if operation.needs != Needs::Nobody {
        described = described.security(SecurityRequirement::new(BEARER, Vec::<String>::new()));
    }
    let mut responses = ResponsesBuilder::new();
    for gives in operation.gives {
        responses = responses.response(gives.status.to_string(), answer(gives.about, &gives.body, schemas));
    }
    if operation.method == Method::GET && operation.needs != Needs::Nobody && !operation.is_stream() && !operation.tells_the_time {
        responses = responses.response("304", Response::new("The caller has this answer: `If-None-Match` named its `ETag`."));
    }
    for (status, codes) in refusals(operation) {
        responses = responses.response(status.to_string(), refusal(&codes, schemas));
    }
    described.responses(responses.build()).build()
}

/// What belongs together: the part of the path that names a thing.
fn tag(path: &str) -> &str {
    let mut named = path.split('/').filter(|part| !part.is_empty() && !part.starts_with('{'));
    match (named.next(), named.next(), named.next()) {
        (Some("v1"), Some("tenants"), Some(thing)) | (Some("v1"), Some(thing), _) => thing,
        _ => "service",
    }
}

fn segments(path: &'static str) -> impl Iterator<Item = &'static str> {
    path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
}

fn segment(name: &'static str, schemas: &mut Schemas) -> Described {
    let schema: SchemaOf = match name {
        "tenant_id" => schema_of::<TenantId>,
        "run_id" => schema_of::<RunId>,
        "token_id" => schema_of::<TokenId>,
        "schedule_id" => schema_of::<ScheduleId>,
        "policy_type" => schema_of::<PolicyType>,
        "external_id" => schema_of::<ExternalId>,
        _ => unreachable!("a part of a path that nobody has described: {name}"),
    };
    let schema = schema(schemas);
    ParameterBuilder::new().name(name).parameter_in(ParameterIn::Path).required(Required::True).schema(Some(schema)).build()
}

fn described_parameter(parameter: &Parameter, place: ParameterIn) -> Described {
    let schema = (parameter.schema)();
    let schema: RefOr<Schema> = if parameter.many { ArrayBuilder::new().items(schema).into() } else { schema.into() };
    let required = if parameter.required { Required::True } else { Required::False };
    ParameterBuilder::new()
        .name(parameter.name)
        .parameter_in(place)
        .required(required)
        .description(Some(parameter.about))
        .schema(Some(schema))
        .build()
}

fn answer(about: &str, content: &Content, schemas: &mut Schemas) -> Response {
    let response = ResponseBuilder::new().description(about);
    match content {
        Content::Nothing => response.build(),
        Content::Json(schema) => response.content("application/json", ContentBuilder::new().schema(Some(schema(schemas))).build()).build(),
        // A stream has no schema: what its events hold is said in words.
        Content::Events => response.content("text/event-stream", ContentBuilder::new().build()).build(),
    }
}

/// Every code under which an operation may refuse, by status.
pub(crate) fn refusals(operation: &Operation) -> BTreeMap<u16, BTreeSet<Code>> {
    let mut codes: BTreeSet<Code> = operation.refuses.iter().copied().collect();
    codes.extend([Code::InvalidParameter, Code::Internal]);
    if operation.needs != Needs::Nobody {
        codes.extend([Code::Unauthenticated, Code::Busy, Code::Unavailable, Code::IssuerUnavailable, Code::TooLong]);
    }
    match operation.needs {
        Needs::Nobody | Needs::Anybody => {}
        Needs::AnyTenant(_) | Needs::Fleet(_) => codes.extend([Code::Forbidden]),
        Needs::Tenant(role) | Needs::NewTenant(role) => {
            codes.extend([Code::NotFound]);
            codes.extend((role > Role::Reader).then_some(Code::Forbidden));
        }
    }
    if operation.takes.is_some() {
        codes.extend([Code::InvalidBody, Code::BodyTooLarge, Code::UnsupportedMediaType, Code::RequestTimeout]);
    }
    let mut by_status: BTreeMap<u16, BTreeSet<Code>> = BTreeMap::new();
    for code in codes {
        by_status.entry(code.status().as_u16()).or_default().insert(code);
    }
    by_status
}

fn refusal(codes: &BTreeSet<Code>, schemas: &mut Schemas) -> Response {
    let lines: Vec<String> = codes.iter().map(|code| format!("`{}`: {}", code.as_str(), code.meaning())).collect();
    let schema: RefOr<Schema> = schema_of::<problem::Document>(schemas);
    debug_assert!(matches!(&schema, RefOr::Ref(Ref { .. })));
    let content = ContentBuilder::new().schema(Some(schema)).build();
    let mut response = ResponseBuilder::new().description(lines.join("\n\n")).content(problem::MEDIA_TYPE, content);
    let number: Schema = ObjectBuilder::new().schema_type(Type::Integer).into();
    let text: Schema = ObjectBuilder::new().schema_type(Type::String).into();
    if codes.iter().any(|code| code.status() == http::StatusCode::SERVICE_UNAVAILABLE) {
        let header = HeaderBuilder::new().schema(Some(number)).description(Some("When to try again, in seconds.")).build();
        response = response.header("retry-after", header);
    }
    if codes.contains(&Code::Unauthenticated) {
        response = response.header("www-authenticate", HeaderBuilder::new().schema(Some(text)).description(Some("`Bearer`.")).build());
    }
    response.build()
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    #[test]
    fn every_reference_in_the_description_leads_somewhere() {
        let text = text();
        let document: Value = serde_json::from_str(&text).expect("JSON");
        let known = document["components"]["schemas"].as_object().expect("schemas");
        let named: BTreeSet<&str> = text.split("\"#/components/schemas/").skip(1).filter_map(|rest| rest.split('"').next()).collect();
        assert!(named.len() > 20, "{named:?}");
        for name in named {
            assert!(known.contains_key(name), "{name}");
        }
    }

    #[test]
    fn every_operation_says_what_there_is_to_say() {
        let mut ids = BTreeSet::new();
        for endpoint in operations::all() {
            let Operation { id, path, summary, about, example, gives, .. } = endpoint.operation;
            assert!(ids.insert(*id), "{id} is there twice");
            for text in [path, summary, about, example] {
                assert!(!text.is_empty(), "{id}");
            }
            assert!(!gives.is_empty(), "{id}");
            for name in segments(path) {
                assert!(example.contains(&format!("${}", name.to_uppercase())), "the example of {id} does not say `{name}`");
            }
            if let Some(takes) = &endpoint.operation.takes {
                assert!(serde_json::from_str::<Value>(takes.example).is_ok(), "the example body of {id}");
            }
        }
    }
}
