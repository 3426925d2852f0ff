//! What an operation answers when it does what it was asked.

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::header::{self, HeaderValue};
use http::{HeaderMap, StatusCode};
use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::problem::{Code, Problem};

/// How many bytes of its hash stand for an answer: too many for two to be alike by chance.
const ETAG_BYTES: usize = 16;

/// What an operation answers.
#[derive(Debug)]
pub(crate) struct Answer(Response);

impl Answer {
    /// What was asked for. It is told from another by its ETag, so that whoever has it already need not get it again.
    pub(crate) fn found(value: &impl Serialize) -> Result<Self, Problem> {
        Self::written(json(value)?.into())
    }

    /// The same of JSON that is written already.
    pub(crate) fn written(body: Bytes) -> Result<Self, Problem> {
        let digest = Sha256::digest(&body);
        let etag = digest[..ETAG_BYTES].iter().fold(String::new(), |tag, byte| tag + &format!("{byte:02x}"));
        let mut answer = Self::of(StatusCode::OK, body);
        let etag = HeaderValue::try_from(format!("\"{etag}\"")).map_err(|_| Problem::new(Code::Internal))?;
        answer.0.headers_mut().insert(header::ETAG, etag);
        Ok(answer)
    }

    /// What came of what was done.
    pub(crate) fn done(status: StatusCode, value: &impl Serialize) -> Result<Self, Problem> {
        Ok(Self::of(status, json(value)?.into()))
    }

    /// Done, and there is nothing to say about it.
    pub(crate) fn nothing() -> Self {
        Self(StatusCode::NO_CONTENT.into_response())
    }

    /// Where the thing is that came of it.
    pub(crate) fn at(mut self, location: &str) -> Result<Self, Problem> {
        let location = HeaderValue::try_from(location).map_err(|_| Problem::new(Code::Internal))?;
        self.0.headers_mut().insert(header::LOCATION, location);
        Ok(self)
    }

    fn of(status: StatusCode, body: Bytes) -> Self {
        Self((status, [(header::CONTENT_TYPE, "application/json")], body).into_response())
    }
}

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        self.0
    }
}

fn json(value: &impl Serialize) -> Result<Vec<u8>, Problem> {
    serde_json::to_vec(value).map_err(|error| {
        tracing::error!(%error, "an answer can't be written as JSON");
        Problem::new(Code::Internal)
    })
}

/// 304 in place of an answer that the caller has already.
pub(crate) fn unless_known(asked: &HeaderMap, answer: Response) -> Response {
    let known = answer.status() == StatusCode::OK && answer.headers().get(header::ETAG).is_some_and(|etag| names(asked, etag));
    if !known {
        return answer;
    }
    let (mut parts, _) = answer.into_parts();
    parts.status = StatusCode::NOT_MODIFIED;
    // They describe a body, and there is none.
    parts.headers.remove(header::CONTENT_TYPE);
    parts.headers.remove(header::CONTENT_LENGTH);
    Response::from_parts(parts, Body::empty())
}

/// Whether `If-None-Match` names an answer. Compared weakly, as RFC 9110 says: a proxy that packs an answer makes its tag weak.
fn names(asked: &HeaderMap, etag: &HeaderValue) -> bool {
    let lists = asked.get_all(header::IF_NONE_MATCH).iter().filter_map(|list| list.to_str().ok());
    let mut tags = lists.flat_map(|list| list.split(',')).map(str::trim);
    tags.any(|tag| tag == "*" || tag.strip_prefix("W/").unwrap_or(tag).as_bytes() == etag.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(tags: &[&str]) -> HeaderMap {
        tags.iter().map(|tag| (header::IF_NONE_MATCH, HeaderValue::from_str(tag).expect("a header"))).collect()
    }

    #[test]
    fn an_answer_is_known_by_its_tag_in_any_list_and_by_no_other() {
        let answer = || Answer::found(&["a"]).expect("an answer").into_response();
        let tag = answer().headers()[header::ETAG].to_str().expect("ASCII").to_owned();
        for lists in [vec![tag.as_str()], vec!["*"], vec!["\"x\"", &tag], vec![&format!("\"x\", W/{tag}")]] {
            assert_eq!(unless_known(&asked(&lists), answer()).status(), StatusCode::NOT_MODIFIED, "{lists:?}");
        }
        for lists in [vec![], vec!["\"x\""], vec![tag.trim_matches('"')]] {
            assert_eq!(unless_known(&asked(&lists), answer()).status(), StatusCode::OK, "{lists:?}");
        }
        let other = Answer::found(&["b"]).expect("an answer").into_response();
        assert_eq!(unless_known(&asked(&[&tag]), other).status(), StatusCode::OK);
    }
}
