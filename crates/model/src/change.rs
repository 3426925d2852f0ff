//! What became of an item between two runs.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::listing::UnknownWord;

/// What became of an item between two runs of one selection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum ChangeKind {
    /// The newer run saw it; when the older was claimed it was not known.
    Appeared,
    /// The older run saw it, and the newer did not. Not a verdict about the tenant: how far it can be trusted is said beside it.
    Gone,
    /// The newer run saw it; it was known when the older was claimed, which did not see it.
    Reappeared,
    /// Both saw it, and between their sightings an observed field came to differ. The time of a sighting is that of its listing's last
    /// page, so where another selection lists the same type while a run does, a change may be told in the comparison of that run with
    /// the one before, or after, instead.
    Changed,
}

impl ChangeKind {
    /// Every kind.
    pub const ALL: &[ChangeKind] = &[Self::Appeared, Self::Gone, Self::Reappeared, Self::Changed];

    /// The text in answers.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Appeared => "appeared",
            Self::Gone => "gone",
            Self::Reappeared => "reappeared",
            Self::Changed => "changed",
        }
    }
}

impl fmt::Display for ChangeKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for ChangeKind {
    type Err = UnknownWord;
    fn from_str(text: &str) -> Result<Self, UnknownWord> {
        Self::ALL.iter().copied().find(|kind| kind.as_str() == text).ok_or(UnknownWord("kind of change"))
    }
}
