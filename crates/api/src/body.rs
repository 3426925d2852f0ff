//! Bodies of requests: JSON, bounded in size and in time, and nothing in them that is not known.

use std::collections::BTreeSet;
use std::fmt::{self, Display};
use std::str::FromStr;
use std::time::Duration;

use axum::extract::{FromRequest, Request};
use futures_util::StreamExt;
use http::header;
use lastseen_model::suggest::nearest;
use lastseen_model::{TenantId, Tenants};
use lastseen_store::Change;
use serde::de::{DeserializeOwned, Error as _, IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use utoipa::openapi::schema::{ArrayBuilder, ObjectBuilder, OneOfBuilder, SchemaType, Type};
use utoipa::openapi::{Ref, RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use crate::parameter::shown;
use crate::problem::{Code, Problem};
use crate::shared::App;

/// More than any request needs.
pub(crate) const BODY_MAX_BYTES: usize = 64 * 1024;
/// How long a body may take.
const BODY_WITHIN: Duration = Duration::from_secs(10);

/// A body that was read.
#[derive(Debug)]
pub(crate) struct Body<T>(pub(crate) T);

impl<T: DeserializeOwned + ToSchema> FromRequest<App> for Body<T> {
    type Rejection = Problem;
    async fn from_request(request: Request, app: &App) -> Result<Self, Problem> {
        if !says_json(&request) {
            return Err(Problem::new(Code::UnsupportedMediaType).field("content-type").next("send it as application/json"));
        }
        let bytes = tokio::select! {
            biased;
            bytes = bounded(request) => bytes?,
            () = app.api.timer.pause(BODY_WITHIN) => return Err(Problem::new(Code::RequestTimeout)),
        };
        read(&bytes).map(Self)
    }
}

fn says_json(request: &Request) -> bool {
    let said = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    said.split(';').next().is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/json"))
}

async fn bounded(request: Request) -> Result<Vec<u8>, Problem> {
    let too_large = || Problem::new(Code::BodyTooLarge).next(format!("send at most {BODY_MAX_BYTES} bytes"));
    let declared = request.headers().get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
    if declared.is_some_and(|length| length > BODY_MAX_BYTES) {
        return Err(too_large());
    }
    let mut bytes = Vec::new();
    let mut pieces = request.into_body().into_data_stream();
    while let Some(piece) = pieces.next().await {
        let piece = piece.map_err(|_| Problem::body("", "the body broke off"))?;
        if bytes.len() + piece.len() > BODY_MAX_BYTES {
            return Err(too_large());
        }
        bytes.extend_from_slice(&piece);
    }
    Ok(bytes)
}

fn read<T: DeserializeOwned + ToSchema>(bytes: &[u8]) -> Result<T, Problem> {
    let value: Value = serde_json::from_slice(bytes).map_err(|_| Problem::body("", "the body is not JSON"))?;
    let Value::Object(object) = &value else { return Err(Problem::body("", "the body must be a JSON object")) };
    let known = names::<T>();
    if let Some(name) = object.keys().find(|name| !known.contains(name)) {
        let hint = nearest(name, known.iter().map(String::as_str)).map(|name| format!("; did you mean `{name}`?"));
        let name = shown(name);
        return Err(Problem::body(pointer(&name), format!("there is no field `{name}`{}", hint.unwrap_or_default())));
    }
    if let Some(name) = twice(bytes) {
        return Err(Problem::body(pointer(&name), "is given twice"));
    }
    if let Some(name) = required::<T>().into_iter().find(|name| !object.contains_key(name)) {
        return Err(Problem::body(pointer(&name), "must be given"));
    }
    // From the bytes, not from the value: of numbers, that has less.
    let mut json = serde_json::Deserializer::from_slice(bytes);
    serde_path_to_error::deserialize(&mut json).map_err(|error| {
        let place: String = error.path().iter().map(segment).collect();
        // The library's words repeat what was sent, which may be a secret in the wrong place.
        let detail = wanted::<T>(&place).unwrap_or_else(|| "is of the wrong kind, or has a part that is".to_owned());
        Problem::body(place, detail).next("see what it takes in /openapi.json")
    })
}

/// The first field that comes more than once. In a `Value` only the last one is left of it.
fn twice(bytes: &[u8]) -> Option<String> {
    struct Names;
    impl<'de> Visitor<'de> for Names {
        type Value = Option<String>;
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object")
        }
        fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Option<String>, M::Error> {
            let (mut seen, mut twice) = (BTreeSet::new(), None);
            while let Some((name, IgnoredAny)) = map.next_entry::<String, IgnoredAny>()? {
                if seen.contains(&name) {
                    twice.get_or_insert(name);
                } else {
                    seen.insert(name);
                }
            }
            Ok(twice)
        }
    }
    // It has been read as an object before.
    serde_json::Deserializer::from_slice(bytes).deserialize_map(Names).ok().flatten()
}

/// What a field of the body must be, by its description; none for a place within one.
fn wanted<T: ToSchema>(place: &str) -> Option<String> {
    let RefOr::T(Schema::Object(body)) = T::schema() else { return None };
    let field = body.properties.get(place.strip_prefix('/')?)?;
    let mut described = Vec::new();
    T::schemas(&mut described);
    let mut words = Vec::new();
    let kind = simple(field, &described, &mut words)?;
    Some(match kind {
        Type::String if words.is_empty() => "must be text".to_owned(),
        Type::String => format!("must be one of {}", words.join(", ")),
        Type::Integer => "must be a whole number from 0 to 4294967295".to_owned(),
        Type::Boolean => "must be true or false".to_owned(),
        _ => return None,
    })
}

/// The one kind of value that a schema takes beside null, and its words where it takes no other.
fn simple(schema: &RefOr<Schema>, described: &[(String, RefOr<Schema>)], words: &mut Vec<String>) -> Option<Type> {
    let object = match schema {
        RefOr::Ref(to) => {
            let name = to.ref_location.rsplit('/').next()?;
            return simple(&described.iter().find(|(known, _)| known == name)?.1, described, words);
        }
        RefOr::T(Schema::OneOf(choice)) => {
            let mut kinds = choice.items.iter().filter(|item| !is_null(item));
            let (Some(only), None) = (kinds.next(), kinds.next()) else { return None };
            return simple(only, described, words);
        }
        RefOr::T(Schema::Object(object)) => object,
        RefOr::T(_) => return None,
    };
    words.extend(object.enum_values.iter().flatten().filter_map(|word| Some(format!("`{}`", word.as_str()?))));
    match &object.schema_type {
        SchemaType::Type(kind) => Some(kind.clone()),
        SchemaType::Array(kinds) => kinds.iter().find(|kind| **kind != Type::Null).cloned(),
        SchemaType::AnyValue => None,
    }
}

fn is_null(schema: &RefOr<Schema>) -> bool {
    matches!(schema, RefOr::T(Schema::Object(object)) if object.schema_type == SchemaType::Type(Type::Null))
}

/// The fields that a body must have, by its description.
fn required<T: PartialSchema>() -> Vec<String> {
    match T::schema() {
        RefOr::T(Schema::Object(object)) => object.required,
        _ => Vec::new(),
    }
}

/// The fields that a body may have, by its description.
fn names<T: PartialSchema>() -> Vec<String> {
    match T::schema() {
        RefOr::T(Schema::Object(object)) => object.properties.keys().cloned().collect(),
        _ => Vec::new(),
    }
}

fn segment(segment: &serde_path_to_error::Segment) -> String {
    match segment {
        serde_path_to_error::Segment::Seq { index } => format!("/{index}"),
        serde_path_to_error::Segment::Map { key } => pointer(&shown(key)),
        serde_path_to_error::Segment::Enum { .. } | serde_path_to_error::Segment::Unknown => String::new(),
    }
}

fn pointer(name: &str) -> String {
    format!("/{}", name.replace('~', "~0").replace('/', "~1"))
}

/// A field that changes something: what is not said stays, and what is null goes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) enum Said<T> {
    /// Nothing was said of it.
    #[default]
    Nothing,
    /// It is to go.
    Null,
    /// It is to be this.
    Value(T),
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Said<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Option::deserialize(deserializer)?.map_or(Self::Null, Self::Value))
    }
}

impl<T> Said<T> {
    /// The change that it stands for.
    pub(crate) fn change<U>(self, read: impl FnOnce(T) -> Result<U, Problem>) -> Result<Change<U>, Problem> {
        Ok(match self {
            Self::Nothing => Change::Leave,
            Self::Null => Change::Clear,
            Self::Value(value) => Change::Set(read(value)?),
        })
    }
}

/// At most this many tenants in a list of them.
const TENANTS_MAX: usize = 1_000;

/// Tenants in a body: the word `all`, or an array of ids.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(crate) enum TenantsAsked {
    /// A word.
    Word(String),
    /// Ids.
    Ids(Vec<String>),
}

impl TenantsAsked {
    /// The tenants that are meant.
    pub(crate) fn read(&self, pointer: &'static str) -> Result<Tenants, Problem> {
        let wrong = || Problem::body(pointer, format!("must be \"all\", or an array of 1 to {TENANTS_MAX} tenant ids"));
        match self {
            Self::Word(word) if word == "all" => Ok(Tenants::All),
            Self::Ids(ids) if (1..=TENANTS_MAX).contains(&ids.len()) => {
                let read = |(index, id): (usize, &String)| {
                    id.parse::<TenantId>().map_err(|error| Problem::body(format!("{pointer}/{index}"), error.to_string()))
                };
                Ok(Tenants::Some(ids.iter().enumerate().map(read).collect::<Result<_, _>>()?))
            }
            _ => Err(wrong()),
        }
    }
}

impl PartialSchema for TenantsAsked {
    fn schema() -> RefOr<Schema> {
        let all = ObjectBuilder::new().schema_type(Type::String).enum_values(Some(["all"]));
        let some = ArrayBuilder::new().items(Ref::from_schema_name(TenantId::name())).min_items(Some(1)).max_items(Some(TENANTS_MAX));
        let about = "`all`, those that come later too, or an array of ids.";
        Schema::from(OneOfBuilder::new().item(all).item(some).description(Some(about)).build()).into()
    }
}

impl ToSchema for TenantsAsked {
    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        schemas.push((TenantId::name().into_owned(), TenantId::schema()));
    }
}

/// A whole number. JSON knows one kind of number, so `25.0` is one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Whole(pub(crate) u32);

impl<'de> Deserialize<'de> for Whole {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let number = serde_json::Number::deserialize(deserializer)?;
        let whole = number.as_u64().or_else(|| {
            let text = format!("{:.0}", number.as_f64().filter(|number| number.fract() == 0.0)?);
            text.parse().ok()
        });
        whole.and_then(|whole| u32::try_from(whole).ok()).map(Self).ok_or_else(|| D::Error::custom("no whole number"))
    }
}

/// Reads a field that is text and stands for more.
pub(crate) fn field<T: FromStr<Err: Display>>(pointer: &'static str, text: &str) -> Result<T, Problem> {
    text.parse().map_err(|error| Problem::body(pointer, format!("{error}")))
}

/// A text for people, on one line, between one and so many characters.
pub(crate) fn line(pointer: &'static str, text: &str, most: usize) -> Result<String, Problem> {
    let fits = (1..=most).contains(&text.chars().count()) && !text.chars().any(char::is_control) && !text.trim().is_empty();
    if fits { Ok(text.trim().to_owned()) } else { Err(Problem::body(pointer, format!("must be 1 to {most} characters on one line"))) }
}

#[cfg(test)]
mod tests {
    use lastseen_model::{OnLimit, Role};
    use rstest::rstest;
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize, ToSchema)]
    struct Example {
        #[expect(dead_code, reason = "only read")]
        name: String,
        #[serde(default)]
        #[expect(dead_code, reason = "only read")]
        tenants: Vec<String>,
        #[schema(nullable = false)]
        #[expect(dead_code, reason = "only read")]
        role: Option<Role>,
        #[schema(nullable = false)]
        #[expect(dead_code, reason = "only read")]
        on_limit: Option<OnLimit>,
        #[serde(default)]
        #[schema(value_type = Option<u32>)]
        #[expect(dead_code, reason = "only read")]
        seconds: Option<Whole>,
    }

    #[rstest]
    #[case::no_json("{", "", "the body is not JSON")]
    #[case::more("{} {}", "", "the body is not JSON")]
    #[case::no_object("[]", "", "the body must be a JSON object")]
    #[case::unknown(r#"{"name":"a","tenant":[]}"#, "/tenant", "there is no field `tenant`; did you mean `tenants`?")]
    #[case::strange(r#"{"name":"a","a/~b":[]}"#, "/a~1~0b", "there is no field `a/~b`")]
    #[case::absent("{}", "/name", "must be given")]
    #[case::within(r#"{"name":"a","tenants":["a",{"canary":1}]}"#, "/tenants/1", "is of the wrong kind, or has a part that is")]
    #[case::no_text(r#"{"name":1}"#, "/name", "must be text")]
    #[case::no_word(r#"{"name":"a","role":"canary"}"#, "/role", "must be one of `reader`, `operator`, `admin`")]
    #[case::no_word_but_never_null(r#"{"name":"a","on_limit":"canary"}"#, "/on_limit", "must be one of `skip`, `wait`")]
    #[case::no_number(r#"{"name":"a","seconds":"canary"}"#, "/seconds", "must be a whole number from 0 to 4294967295")]
    #[case::twice(r#"{"name":"a","name":"a"}"#, "/name", "is given twice")]
    fn a_body_that_is_not_right_names_the_place(#[case] body: &str, #[case] place: &str, #[case] detail: &str) {
        let problem = read::<Example>(body.as_bytes()).expect_err("refused");
        let expected = Problem::body(place.to_owned(), detail.to_owned());
        let kind = detail.contains("kind") || detail.starts_with("must be ") && !detail.ends_with("given") && !place.is_empty();
        let expected = if kind { expected.next("see what it takes in /openapi.json") } else { expected };
        assert_eq!(problem, expected);
    }

    #[rstest]
    #[case("25", Some(25))]
    #[case("25.0", Some(25))]
    #[case("2.5e1", Some(25))]
    #[case("0", Some(0))]
    #[case("-0.0", None)]
    #[case("25.5", None)]
    #[case("-1", None)]
    #[case("4294967295", Some(u32::MAX))]
    #[case("4294967296", None)]
    #[case("1e300", None)]
    #[case("\"25\"", None)]
    fn a_whole_number_is_one_however_it_is_written(#[case] text: &str, #[case] expected: Option<u32>) {
        assert_eq!(serde_json::from_str::<Whole>(text).ok().map(|Whole(number)| number), expected);
    }

    #[rstest]
    #[case("a", Some("a"))]
    #[case(" a b ", Some("a b"))]
    #[case("", None)]
    #[case("  ", None)]
    #[case("a\n", None)]
    #[case("\ta", None)]
    #[case("12345", Some("12345"))]
    #[case("123456", None)]
    fn a_line_has_something_on_it_and_nothing_else(#[case] text: &str, #[case] expected: Option<&str>) {
        assert_eq!(line("/a", text, 5).ok().as_deref(), expected);
    }

    #[test]
    fn a_body_that_is_right_is_read() {
        assert!(read::<Example>(br#" {"name":"a"} "#).is_ok());
    }
}
