//! How a request, and with it a listing or a sign-in, fails.

use std::fmt;

use lastseen_model::{ErrorCode, ErrorContext};

/// A code of the closed set and bounded fields. No text from outside is in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GraphFailure {
    /// What it is.
    pub code: ErrorCode,
    /// The facts beside it.
    pub context: ErrorContext,
}

impl GraphFailure {
    /// A failure without an answer to tell of.
    pub(crate) fn of(code: ErrorCode) -> Self {
        Self { code, context: ErrorContext::default() }
    }
}

impl fmt::Display for GraphFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.code.meaning())
    }
}

impl std::error::Error for GraphFailure {}
