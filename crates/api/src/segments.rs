//! The named parts of an address's path.

use std::fmt::Display;
use std::str::FromStr;

use axum::extract::{FromRequestParts, RawPathParams};
use http::request::Parts;

use crate::problem::{Code, Problem};

/// The parts of the path that its operation names, percent-decoded: `%2F` in a part is a slash of the part.
#[derive(Debug, Clone)]
pub(crate) struct Segments(Vec<(String, String)>);

impl Segments {
    /// The part of this name.
    pub(crate) fn get<T: FromStr<Err: Display>>(&self, name: &'static str) -> Result<T, Problem> {
        // An operation names the parts of its own path: one that is not there is a bug.
        let text = self.0.iter().find(|(known, _)| known == name).ok_or_else(|| Problem::new(Code::Internal))?;
        text.1.parse().map_err(|error| Problem::parameter(name, format!("{error}")))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Segments {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let raw = RawPathParams::from_request_parts(parts, state).await;
        let raw = raw.map_err(|_| Problem::parameter("path", "a part of the path is not UTF-8"))?;
        Ok(Self(raw.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()))
    }
}
