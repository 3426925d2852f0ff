//! Somebody who has proven who they are.

use lastseen_model::{Authority, TokenId};

/// Who asks, proven, and all that they were granted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Authenticated {
    /// Who.
    pub who: Who,
    /// What they may.
    pub authority: Authority,
}

/// How somebody is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Who {
    /// By a token that Lastseen gave.
    Token {
        /// The token.
        token_id: TokenId,
        /// What it is for.
        name: String,
    },
    /// By a token of the configured issuer.
    Oidc {
        /// The issuer's word for them, which never changes.
        subject: String,
        /// How people call them, where the issuer says it.
        name: Option<String>,
    },
}

impl Who {
    /// The name that stands beside what they did.
    pub fn name(&self) -> &str {
        match self {
            Self::Token { name, .. } => name,
            Self::Oidc { subject, name } => name.as_deref().unwrap_or(subject),
        }
    }
    /// What they are known by in the log: never a secret.
    pub(crate) fn id(&self) -> String {
        match self {
            Self::Token { token_id, .. } => token_id.to_string(),
            Self::Oidc { subject, .. } => subject.clone(),
        }
    }
}
