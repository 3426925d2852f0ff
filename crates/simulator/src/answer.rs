//! Answers, good and bad, as they go onto the socket.

use std::io;
use std::sync::Arc;

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use http::{HeaderName, HeaderValue, StatusCode, header};
use serde_json::Value;

use crate::canary;
use crate::count::Tally;
use crate::graph_error::{NamedError, envelope};

/// Levels of [`Answer::deep`].
const DEEP: usize = 100_000;
/// How much of [`Answer::huge`] is made at once, in bytes.
const CHUNK: usize = 64 * 1024;

/// An answer that has not been sent.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    headers: Vec<(String, String)>,
    body: Payload,
}

#[derive(Debug)]
enum Payload {
    Whole(Bytes),
    /// Only the first half goes out, then the connection closes.
    Cut(Bytes),
    /// A page of this many bytes.
    Huge(u64),
}

impl Answer {
    pub(crate) fn new(status: StatusCode, body: impl Into<Bytes>, content_type: &str) -> Self {
        let headers = vec![(header::CONTENT_TYPE.to_string(), content_type.to_owned())];
        Self { status, headers, body: Payload::Whole(body.into()) }
    }

    pub(crate) fn json(status: StatusCode, body: &Value) -> Self {
        Self::new(status, body.to_string(), "application/json;odata.metadata=minimal;odata.streaming=true;charset=utf-8")
    }

    /// Graph's error with this code and message.
    pub(crate) fn error(status: StatusCode, code: &str, message: &str, request_id: &str) -> Self {
        Self::json(status, &envelope(code, message, request_id))
    }

    /// A known error with its usual status and headers.
    pub(crate) fn named(error: NamedError, request_id: &str) -> Self {
        let (body, content_type) = error.body(request_id);
        let status = StatusCode::from_u16(error.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let answer = Self::new(status, body, content_type);
        match error {
            NamedError::Throttled => answer.with("Retry-After", "10"),
            NamedError::Unauthorized => answer.with("WWW-Authenticate", CHALLENGE),
            _ => answer,
        }
    }

    /// 200 with a page of HTML.
    pub(crate) fn html() -> Self {
        let body = format!("<!DOCTYPE html><html><body><p>Sign in to the guest network {}</p></body></html>", canary::GARBAGE);
        Self::new(StatusCode::OK, body, "text/html; charset=utf-8")
    }

    /// 200 with JSON that breaks off.
    pub(crate) fn invalid_json() -> Self {
        Self::new(StatusCode::OK, format!("{{\"value\":[{{\"id\":\"{}\",", canary::GARBAGE), "application/json")
    }

    /// 200 with JSON far too deep for a recursive parser.
    pub(crate) fn deep() -> Self {
        let body = format!("{{\"value\":[{{\"id\":\"deep\",\"settings\":{}{}}}]}}", "[".repeat(DEEP), "]".repeat(DEEP));
        Self::new(StatusCode::OK, body, "application/json")
    }

    /// 200 with a valid page of about this many bytes, made while it is sent.
    pub(crate) fn huge(bytes: u64) -> Self {
        Self { body: Payload::Huge(bytes), ..Self::new(StatusCode::OK, Bytes::new(), "application/json") }
    }

    /// The same answer cut in the middle of its body; `Content-Length` tells the whole length.
    pub(crate) fn truncated(mut self) -> Self {
        if let Payload::Whole(body) = self.body {
            self.body = Payload::Cut(body);
        }
        self
    }

    /// Sets a header in place of any of the same name; an empty value takes it away.
    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.headers.retain(|(known, _)| !known.eq_ignore_ascii_case(name));
        if !value.is_empty() {
            self.headers.push((name.to_owned(), value.to_owned()));
        }
        self
    }

    /// A header's value.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    pub(crate) fn into_response(mut self, tally: &Arc<Tally>) -> Response {
        if matches!(self.status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED) {
            self.body = Payload::Whole(Bytes::new());
        }
        let length = match &self.body {
            Payload::Whole(body) | Payload::Cut(body) => Some(body.len()),
            Payload::Huge(_) => None,
        };
        let body = match self.body {
            Payload::Whole(body) => {
                tally.sent(body.len());
                Body::from(body)
            }
            Payload::Cut(body) => {
                let half = body.slice(..body.len() / 2);
                tally.sent(half.len());
                // What is queued goes out while the body is not ready; an error at once would take it along.
                let end = stream::once(async {
                    tokio::task::yield_now().await;
                    Err(io::Error::from(io::ErrorKind::ConnectionAborted))
                });
                Body::from_stream(stream::iter([Ok(half)]).chain(end))
            }
            Payload::Huge(bytes) => huge_body(bytes, Arc::clone(tally)),
        };
        let mut response = Response::new(body);
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        if let Some(length) = length {
            headers.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
        }
        for (name, value) in self.headers {
            if let (Ok(name), Ok(value)) = (HeaderName::try_from(&name), HeaderValue::try_from(&value)) {
                headers.append(name, value);
            } else {
                // Scripts are checked when they are read; a test that adds such a fault by hand sees it here.
                tracing::warn!(name, "a header that can't be sent was left out");
            }
        }
        response
    }
}

/// What comes with a 401.
pub(crate) const CHALLENGE: &str = "Bearer realm=\"\", authorization_uri=\"https://login.simulated.example/common/oauth2/authorize\", client_id=\"00000003-0000-0000-c000-000000000000\"";

fn huge_body(bytes: u64, tally: Arc<Tally>) -> Body {
    const HEAD: &[u8] = b"{\"value\":[{\"id\":\"huge\",\"description\":\"";
    const TAIL: &[u8] = b"\"}]}";
    let filler = Bytes::from(vec![b'x'; CHUNK]);
    let middle = bytes.saturating_sub((HEAD.len() + TAIL.len()) as u64);
    let chunks = middle / CHUNK as u64;
    let rest = filler.slice(..usize::try_from(middle % CHUNK as u64).unwrap_or(0));
    let parts = std::iter::once(Bytes::from_static(HEAD))
        .chain((0..chunks).map(move |_| filler.clone()))
        .chain([rest, Bytes::from_static(TAIL)])
        .map(move |part| {
            tally.sent(part.len());
            Ok::<_, io::Error>(part)
        });
    Body::from_stream(stream::iter(parts))
}
