//! Parameters of the address: each is declared once, which both describes it and lets it in.

use std::fmt::Display;
use std::str::FromStr;

use axum::extract::FromRequestParts;
use http::request::Parts;
use lastseen_model::Timestamp;
use lastseen_model::suggest::nearest;
use url::form_urlencoded;
use utoipa::openapi::Schema;
use utoipa::openapi::schema::Object;

use crate::problem::{Code, Problem};

/// At most this many values of a parameter that may be given more than once.
const VALUES_MAX: usize = 100;
/// The longest unknown name that is repeated. A token of ours in the wrong place is longer.
const NAME_MAX_CHARS: usize = 40;
/// How many things a page holds where nothing is said.
pub(crate) const PAGE_DEFAULT: u32 = 100;

/// A parameter of the query.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Parameter {
    /// Its name.
    pub(crate) name: &'static str,
    /// What it does.
    pub(crate) about: &'static str,
    /// Whether it may be given more than once.
    pub(crate) many: bool,
    /// Whether it must be given.
    pub(crate) required: bool,
    /// What its value may be.
    pub(crate) schema: fn() -> Object,
}

impl Parameter {
    fn words(&self) -> Vec<String> {
        let words = (self.schema)().enum_values.unwrap_or_default();
        words.iter().filter_map(|word| word.as_str().map(str::to_owned)).collect()
    }

    fn wrong(&self, why: impl Display) -> Problem {
        Problem::parameter(self.name, format!("`{}`: {why}", self.name))
    }
}

/// The parameters that came with a request. Only those that its operation declares can be in it.
#[derive(Debug, Clone)]
pub(crate) struct Query {
    given: Vec<(&'static str, String)>,
}

impl Query {
    /// Reads the query of an address. What is not declared is refused by its name, and so is what comes twice and may not.
    pub(crate) fn read(query: &str, declared: &[Parameter]) -> Result<Self, Problem> {
        let mut given: Vec<(&'static str, String)> = Vec::new();
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            let Some(parameter) = declared.iter().find(|parameter| parameter.name == name) else {
                return Err(unknown(&name, declared));
            };
            // What is no UTF-8 was read as something else than was sent.
            if value.chars().any(|c| c == '\u{fffd}' || c.is_control()) {
                return Err(parameter.wrong("must be text without control characters"));
            }
            let before = given.iter().filter(|(known, _)| *known == parameter.name).count();
            if before >= if parameter.many { VALUES_MAX } else { 1 } {
                let most = if parameter.many { format!("more than {VALUES_MAX} times") } else { "more than once".to_owned() };
                return Err(parameter.wrong(format!("is given {most}")));
            }
            given.push((parameter.name, value.into_owned()));
        }
        match declared.iter().find(|parameter| parameter.required && given.iter().all(|(name, _)| *name != parameter.name)) {
            Some(absent) => Err(absent.wrong("must be given")),
            None => Ok(Self { given }),
        }
    }

    /// The value of a parameter.
    pub(crate) fn one<T: FromStr<Err: Display>>(&self, parameter: &Parameter) -> Result<Option<T>, Problem> {
        Ok(self.many(parameter)?.into_iter().next())
    }

    /// Every value of a parameter.
    pub(crate) fn many<T: FromStr<Err: Display>>(&self, parameter: &Parameter) -> Result<Vec<T>, Problem> {
        let words = parameter.words();
        let read = |text: &str| -> Result<T, Problem> {
            if !words.is_empty() && !words.iter().any(|word| word == text) {
                let hint = nearest(text, words.iter().map(String::as_str)).map(|word| format!("; did you mean `{word}`?"));
                let hint =
                    hint.unwrap_or_else(|| if words.len() > 9 { String::new() } else { format!(": it is one of {}", words.join(", ")) });
                let problem = parameter.wrong(format!("has no such value{hint}"));
                return Err(if words.len() > 9 { problem.next("see what it takes in /openapi.json") } else { problem });
            }
            text.parse().map_err(|error| parameter.wrong(error))
        };
        self.texts(parameter).map(read).collect()
    }

    /// A whole number within the bounds that the parameter declares.
    pub(crate) fn number(&self, parameter: &Parameter) -> Result<Option<u32>, Problem> {
        let bounds = (parameter.schema)();
        let bound = |bound: Option<utoipa::Number>| match bound {
            Some(utoipa::Number::UInt(number)) => u32::try_from(number).ok(),
            Some(utoipa::Number::Int(number)) => u32::try_from(number).ok(),
            _ => None,
        };
        let (least, most) = (bound(bounds.minimum).unwrap_or(0), bound(bounds.maximum).unwrap_or(u32::MAX));
        let read = |text: &str| -> Result<u32, Problem> {
            let number = text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse::<u32>().ok()).flatten();
            number
                .filter(|number| (least..=most).contains(number))
                .ok_or_else(|| parameter.wrong(format!("must be a whole number from {least} to {most}")))
        };
        self.texts(parameter).next().map(read).transpose()
    }

    /// A point in time.
    pub(crate) fn time(&self, parameter: &Parameter) -> Result<Option<Timestamp>, Problem> {
        let read =
            |text: &str| text.parse::<Timestamp>().map_err(|_| parameter.wrong("must be a time such as 2026-01-12T09:14:00Z, by RFC 3339"));
        self.texts(parameter).next().map(read).transpose()
    }

    /// Whether a switch is on.
    pub(crate) fn switch(&self, parameter: &Parameter) -> Result<bool, Problem> {
        match self.texts(parameter).next() {
            None | Some("false") => Ok(false),
            Some("true") => Ok(true),
            Some(_) => Err(parameter.wrong("must be true or false")),
        }
    }

    /// How many things the page may hold, by a parameter such as `LIMIT`.
    pub(crate) fn limit(&self, parameter: &Parameter) -> Result<u32, Problem> {
        Ok(self.number(parameter)?.unwrap_or(PAGE_DEFAULT))
    }

    fn texts(&self, parameter: &Parameter) -> impl Iterator<Item = &str> {
        self.given.iter().filter(|(name, _)| *name == parameter.name).map(|(_, text)| text.as_str())
    }
}

fn unknown(name: &str, declared: &[Parameter]) -> Problem {
    let hint = nearest(name, declared.iter().map(|parameter| parameter.name));
    let hint = hint.map(|name| format!("; did you mean `{name}`?")).unwrap_or_default();
    let name = shown(name);
    Problem::parameter(name.clone(), format!("there is no parameter `{name}`{hint}"))
}

/// A name that a caller made up, as it may be repeated to them.
pub(crate) fn shown(name: &str) -> String {
    if name.chars().count() > NAME_MAX_CHARS {
        return "…".to_owned();
    }
    name.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

/// The schema of a type that is a text or a number.
pub(crate) fn plain<T: utoipa::PartialSchema>() -> Object {
    match T::schema() {
        utoipa::openapi::RefOr::T(Schema::Object(object)) => object,
        _ => unreachable!("a parameter's value is a text or a number"),
    }
}

impl<S: Sync> FromRequestParts<S> for Query {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        // The gate before every operation has put it there.
        parts.extensions.get().cloned().ok_or_else(|| Problem::new(Code::Internal))
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use utoipa::openapi::schema::{ObjectBuilder, Type};

    use super::*;

    const STATUS: Parameter = Parameter {
        name: "status",
        about: "",
        many: true,
        required: false,
        schema: || ObjectBuilder::new().schema_type(Type::String).enum_values(Some(["failed", "success"])).build(),
    };
    const LIMIT: Parameter = Parameter {
        name: "limit",
        about: "",
        many: false,
        required: false,
        schema: || ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(1)).maximum(Some(1000)).build(),
    };

    fn read(query: &str) -> Result<(Vec<String>, u32), Problem> {
        let query = Query::read(query, &[STATUS, LIMIT])?;
        Ok((query.many(&STATUS)?, query.limit(&LIMIT)?))
    }

    #[test]
    fn what_is_declared_is_read() {
        assert_eq!(read(""), Ok((vec![], 100)));
        assert_eq!(read("status=failed&limit=7&status=success"), Ok((vec!["failed".to_owned(), "success".to_owned()], 7)));
    }

    #[rstest]
    #[case::unknown("limits=7", "there is no parameter `limits`; did you mean `limit`?")]
    #[case::unknown_and_strange("a%0ab=7", "there is no parameter `a\u{fffd}b`")]
    #[case::twice("limit=7&limit=7", "`limit`: is given more than once")]
    #[case::no_number("limit=seven", "`limit`: must be a whole number from 1 to 1000")]
    #[case::a_sign("limit=%2B7", "`limit`: must be a whole number from 1 to 1000")]
    #[case::nothing("limit=", "`limit`: must be a whole number from 1 to 1000")]
    #[case::beyond("limit=1001", "`limit`: must be a whole number from 1 to 1000")]
    #[case::no_such_word("status=succes", "`status`: has no such value; did you mean `success`?")]
    #[case::no_word("status=", "`status`: has no such value: it is one of failed, success")]
    #[case::no_text("status=%ff", "`status`: must be text without control characters")]
    #[case::a_nul("status=a%00b", "`status`: must be text without control characters")]
    fn what_is_not_is_refused_in_our_own_words(#[case] query: &str, #[case] detail: &str) {
        let problem = read(query).expect_err("refused");
        assert_eq!(problem, Problem::parameter(query.split('=').next().expect("a name").replace("%0a", "\u{fffd}"), detail.to_owned()));
    }
}
