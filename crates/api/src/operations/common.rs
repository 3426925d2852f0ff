//! Parameters that several operations take, and how names become a selection.

use lastseen_contracts::Registry;
use lastseen_model::{Category, Confidence, PolicyType, Role, Selection, SelectionError, SelectionHash, TenantId};
use lastseen_store::{Cursor, TenantRecord};
use utoipa::openapi::KnownFormat;
use utoipa::openapi::SchemaFormat;
use utoipa::openapi::schema::{Object, ObjectBuilder, Type};

use crate::authority::Caller;
use crate::parameter::{PAGE_DEFAULT, Parameter, Query, plain};
use crate::problem::{Code, Problem};
use crate::shared::App;

/// How many things a page holds at most.
pub(crate) const PAGE_MAX: u32 = 1_000;
/// The longest text that is searched for, in characters.
pub(crate) const TEXT_MAX_CHARS: usize = 200;

/// A parameter that may be left out.
pub(crate) const fn optional(name: &'static str, about: &'static str, schema: fn() -> Object) -> Parameter {
    Parameter { name, about, many: false, required: false, schema }
}

/// A parameter that may be given more than once, or left out.
pub(crate) const fn several(name: &'static str, about: &'static str, schema: fn() -> Object) -> Parameter {
    Parameter { name, about, many: true, required: false, schema }
}

/// A text of people.
pub(crate) fn text() -> Object {
    // What is no UTF-8 is read as U+FFFD, so that is refused as well.
    const NO_CONTROL: &str = r"^[^\x00-\x1f\x7f-\x9f\ufffd]*$";
    ObjectBuilder::new().schema_type(Type::String).max_length(Some(TEXT_MAX_CHARS)).pattern(Some(NO_CONTROL)).build()
}

/// A point in time.
pub(crate) fn time() -> Object {
    ObjectBuilder::new().schema_type(Type::String).format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime))).build()
}

/// Yes or no.
pub(crate) fn switch() -> Object {
    ObjectBuilder::new().schema_type(Type::Boolean).build()
}

/// One of these words.
pub(crate) fn one_of(words: impl IntoIterator<Item = &'static str>) -> Object {
    ObjectBuilder::new().schema_type(Type::String).enum_values(Some(words)).build()
}

fn page() -> Object {
    ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(1_u32)).maximum(Some(PAGE_MAX)).default(Some(PAGE_DEFAULT.into())).build()
}

pub(crate) fn known_types() -> Object {
    let types = Registry::builtin().types().map(|(_, known)| known.policy_type.to_string());
    ObjectBuilder::new().schema_type(Type::String).enum_values(Some(types.collect::<Vec<_>>())).build()
}

pub(crate) fn known_categories() -> Object {
    let categories: std::collections::BTreeSet<_> = Registry::builtin().types().map(|(_, known)| known.category.to_string()).collect();
    ObjectBuilder::new().schema_type(Type::String).enum_values(Some(categories)).build()
}

/// How many things the page may hold.
pub(crate) const LIMIT: Parameter = optional("limit", "How many the page may hold; 100 where nothing is said.", page);
/// Where to go on.
pub(crate) const CURSOR: Parameter = optional("cursor", "Where to go on: the `next_cursor` of the page before.", || {
    ObjectBuilder::new().schema_type(Type::String).pattern(Some("^[A-Za-z][A-Za-z0-9 -]{0,63}:([0-9a-f]{2}){1,512}$")).build()
});
/// Where to go on in the order of tenants.
pub(crate) const AFTER_TENANT: Parameter = optional("cursor", "Where to go on: the `next_cursor` of the page before.", plain::<TenantId>);
/// Only of these types.
pub(crate) const TYPES: Parameter = several("type", "Only of this policy type; may be given more than once.", known_types);
/// Only of these categories.
pub(crate) const CATEGORIES: Parameter = several("category", "Only of this category; may be given more than once.", known_categories);
/// Only of this selection.
pub(crate) const SELECTION: Parameter = optional("selection", "A selection, by its hash.", plain::<SelectionHash>);
/// Only with this confidence.
pub(crate) const CONFIDENCE: Parameter =
    optional("confidence", "Only with this confidence.", || one_of([Confidence::Low.as_str(), Confidence::High.as_str()]));

/// A text that is searched for. Bounded, because it is compared with much.
pub(crate) fn searched(query: &Query, parameter: &Parameter) -> Result<Option<String>, Problem> {
    let text: Option<String> = query.one(parameter)?;
    match &text {
        Some(text) if text.chars().count() > TEXT_MAX_CHARS => {
            Err(Problem::parameter(parameter.name, format!("`{}`: is longer than {TEXT_MAX_CHARS} characters", parameter.name)))
        }
        _ => Ok(text),
    }
}

/// The caller's tenants in the order of their ids, so many from the cursor on, and where to go on after them.
pub(crate) async fn page_of_tenants(
    app: &App,
    caller: &Caller,
    query: &Query,
    limit: &Parameter,
    removed: bool,
) -> Result<(Vec<TenantRecord>, Option<TenantId>), Problem> {
    let (after, limit) = (query.one::<TenantId>(&AFTER_TENANT)?, query.limit(limit)? as usize);
    let theirs = caller.authority().tenants(Role::Reader);
    let mut tenants = app.api.store.tenants().await?;
    tenants.retain(|record| {
        theirs.has(record.tenant_id) && (removed || !record.is_removed()) && after.is_none_or(|after| record.tenant_id > after)
    });
    tenants.sort_by_key(|record| record.tenant_id);
    let more = tenants.len() > limit;
    tenants.truncate(limit);
    let next = tenants.last().filter(|_| more).map(|record| record.tenant_id);
    Ok((tenants, next))
}

/// Where a query goes on.
pub(crate) fn cursor(query: &Query) -> Result<Option<Cursor>, Problem> {
    let text: Option<String> = query.one(&CURSOR)?;
    text.map(|text| text.parse().map_err(|_| Problem::new(Code::InvalidCursor).field(CURSOR.name))).transpose()
}

/// The types and categories that a query names, each known to the registry.
pub(crate) fn names(query: &Query) -> Result<(Vec<PolicyType>, Vec<Category>), Problem> {
    Ok((query.many(&TYPES)?, query.many(&CATEGORIES)?))
}

/// A selection in a body. A key that is not there is an empty array; both empty is every type that is listed by default.
#[derive(utoipa::ToSchema)]
#[schema(as = SelectionAsked)]
#[expect(dead_code, reason = "what a body is described by; `Selection::from_json` reads it")]
pub(crate) struct SelectionAsked {
    /// Every enabled type of these categories.
    #[schema(required = false, max_items = 1000)]
    categories: Vec<Category>,
    /// These types, the ones that are off by default too.
    #[schema(required = false, max_items = 1000)]
    policy_types: Vec<PolicyType>,
}

/// A selection that can't be used.
pub(crate) fn invalid(error: &SelectionError) -> Problem {
    let field = match error {
        SelectionError::NotAnObject | SelectionError::UnknownKey { .. } | SelectionError::Empty => "/selection",
        SelectionError::NotAnArray { key: "categories" } | SelectionError::UnknownCategory { .. } => "/selection/categories",
        SelectionError::NotAnArray { .. } | SelectionError::UnknownType { .. } => "/selection/policy_types",
    };
    Problem::new(Code::InvalidSelection).detail(error.to_string()).field(field).next("GET /v1/types names what there is")
}

/// A selection that resolves to types, from a body.
pub(crate) fn selection(payload: &serde_json::Value) -> Result<Selection, Problem> {
    let vocabulary = Registry::builtin().vocabulary();
    let selection = Selection::from_json(&vocabulary, payload).map_err(|error| invalid(&error))?;
    vocabulary.scope(&selection).map_err(|error| invalid(&error))?;
    Ok(selection)
}
