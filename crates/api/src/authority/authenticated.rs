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
    /// Who did it, where that is kept: people may change their name, so their subject stands behind it. As many characters as fit.
    pub(crate) fn author(&self, most: usize) -> String {
        let cut = |text: &str, most: usize| text.chars().take(most).collect::<String>();
        match self {
            Self::Oidc { subject, name: Some(name) } if name != subject => {
                let behind = format!(" ({subject})");
                // Rather the subject alone than a part of it.
                match most.checked_sub(behind.chars().count()) {
                    None | Some(0) => cut(subject, most),
                    Some(room) => cut(name, room) + &behind,
                }
            }
            Self::Token { .. } | Self::Oidc { .. } => cut(self.name(), most),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_author_is_never_only_a_name_that_people_may_change() {
        let author = |name: Option<&str>, most| Who::Oidc { subject: "0-1-2".into(), name: name.map(str::to_owned) }.author(most);
        assert_eq!(author(Some("Ada"), 100), "Ada (0-1-2)");
        assert_eq!(author(Some("Adalbert"), 11), "Ada (0-1-2)", "the subject stays whole");
        assert_eq!(author(Some("Ada"), 8), "0-1-2");
        assert_eq!(author(None, 100), "0-1-2");
        assert_eq!(author(Some("0-1-2"), 100), "0-1-2");
    }
}
