//! Refusals, as RFC 9457 has them: `application/problem+json`.
//!
//! The type is always `about:blank`, so the title is the status in words; what programs go by is `code`. Nothing of an answer is text from
//! elsewhere: neither a driver's nor a library's.

mod code;
mod store;

use std::borrow::Cow;

use axum::response::{IntoResponse, Response};
use http::header::{self, HeaderValue};
use lastseen_model::RunId;
use serde::Serialize;
use utoipa::ToSchema;

pub use code::Code;

/// The media type of a refusal.
pub(crate) const MEDIA_TYPE: &str = "application/problem+json";

/// Why a request was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Problem {
    body: Box<Document>,
    retry_after: Option<u8>,
}

/// A refused request. What `code` can be, and what each means, stands in the reference of problem codes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = Problem)]
pub(crate) struct Document {
    /// Always `about:blank`: the title says no more than the status.
    #[serde(rename = "type")]
    #[schema(value_type = String)]
    kind: &'static str,
    /// The status in words.
    #[schema(value_type = String)]
    title: &'static str,
    /// The answer's HTTP status.
    status: u16,
    /// What programs go by.
    code: Code,
    /// What is wrong, for people.
    #[schema(value_type = String)]
    detail: Cow<'static, str>,
    /// The parameter or header at fault by its name, or the place in the body as a JSON pointer.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, nullable = false)]
    field: Option<Cow<'static, str>>,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, nullable = false)]
    next: Option<Cow<'static, str>>,
    /// The run that it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    run_id: Option<RunId>,
}

impl Problem {
    /// A refusal, in the words of its code.
    pub(crate) fn new(code: Code) -> Self {
        let status = code.status();
        let body = Box::new(Document {
            kind: "about:blank",
            title: status.canonical_reason().unwrap_or_default(),
            status: status.as_u16(),
            code,
            detail: code.meaning().into(),
            field: None,
            next: None,
            run_id: None,
        });
        let retry_after = match code {
            Code::Busy => Some(1),
            Code::Unavailable | Code::IssuerUnavailable | Code::TooLong | Code::Draining => Some(5),
            _ => None,
        };
        Self { body, retry_after }
    }

    /// A parameter or header that is not what it should be.
    pub(crate) fn parameter(name: impl Into<Cow<'static, str>>, detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Code::InvalidParameter).detail(detail).field(name)
    }

    /// A place in the body, by its JSON pointer, that is not what it should be.
    pub(crate) fn body(pointer: impl Into<Cow<'static, str>>, detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Code::InvalidBody).detail(detail).field(pointer)
    }

    /// In these words instead.
    pub(crate) fn detail(mut self, detail: impl Into<Cow<'static, str>>) -> Self {
        self.body.detail = detail.into();
        self
    }

    /// What is at fault.
    pub(crate) fn field(mut self, field: impl Into<Cow<'static, str>>) -> Self {
        self.body.field = Some(field.into());
        self
    }

    /// What to do about it.
    pub(crate) fn next(mut self, next: impl Into<Cow<'static, str>>) -> Self {
        self.body.next = Some(next.into());
        self
    }

    /// The run that it is about.
    pub(crate) fn run(mut self, run: RunId) -> Self {
        self.body.run_id = Some(run);
        self
    }

    /// Its code.
    pub(crate) fn code(&self) -> Code {
        self.body.code
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        // A struct of texts and numbers can be written as JSON.
        let body = serde_json::to_vec(&self.body).unwrap_or_default();
        let mut response = (self.code().status(), [(header::CONTENT_TYPE, MEDIA_TYPE)], body).into_response();
        let headers = response.headers_mut();
        if let Some(seconds) = self.retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(u16::from(seconds)));
        }
        match self.code() {
            Code::Unauthenticated => {
                headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            }
            // What is still to come of the body is not waited for.
            Code::RequestTimeout | Code::BodyTooLarge => {
                headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
            }
            _ => {}
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn no_two_codes_share_a_text_and_each_is_a_refusal() {
        let texts: BTreeSet<_> = Code::ALL.iter().map(|code| code.as_str()).collect();
        assert_eq!(texts.len(), Code::ALL.len());
        assert!(Code::ALL.iter().all(|code| code.status().is_client_error() || code.status().is_server_error()));
    }

    #[test]
    fn whoever_is_told_to_try_again_is_told_when() {
        for code in Code::ALL.iter().filter(|code| code.status() == http::StatusCode::SERVICE_UNAVAILABLE) {
            assert!(Problem::new(*code).into_response().headers().contains_key(header::RETRY_AFTER), "{code:?}");
        }
    }
}
