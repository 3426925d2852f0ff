//! What one run learned about one type: the unit of evidence.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::error_code::ErrorCode;

/// How a listing ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum ListingOutcome {
    /// Every page answered 2xx, the last one carried no next link, and every item on them is committed.
    Complete,
    /// The listing broke off.
    Incomplete,
    /// The tenant has no such feature or licence. Never evidence that items are gone.
    Unavailable,
    /// The run ended first.
    NotStarted,
}

impl ListingOutcome {
    /// Every outcome.
    pub const ALL: &[ListingOutcome] = &[Self::Complete, Self::Incomplete, Self::Unavailable, Self::NotStarted];

    /// The stored text.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Complete => "complete",
            Self::Incomplete => "incomplete",
            Self::Unavailable => "unavailable",
            Self::NotStarted => "not_started",
        }
    }

    /// How a listing that failed with `code` after `pages_stored` pages ends. *Unavailable* is possible only before a page
    /// was stored: after that the same answer makes it *incomplete*.
    pub fn after_failure(code: ErrorCode, pages_stored: u32) -> Self {
        if code.is_unavailability() && pages_stored == 0 { Self::Unavailable } else { Self::Incomplete }
    }

    /// What a listing with this outcome (none while it is open) says of an item that was known: whether it saw it, or nothing.
    /// Only a complete listing can say that it did not.
    pub fn tells(outcome: Option<Self>, bit: bool) -> Option<bool> {
        match (bit, outcome) {
            (true, _) => Some(true),
            (false, Some(Self::Complete)) => Some(false),
            (false, _) => None,
        }
    }

    /// How a listing without an outcome ends when its run ends: *incomplete* when it was begun.
    pub fn when_run_ends(begun: bool) -> Self {
        if begun { Self::Incomplete } else { Self::NotStarted }
    }
}

impl fmt::Display for ListingOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A text that is none of the words of a closed set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("unknown {0}")]
pub struct UnknownWord(pub &'static str);

impl FromStr for ListingOutcome {
    type Err = UnknownWord;
    fn from_str(text: &str) -> Result<Self, UnknownWord> {
        Self::ALL.iter().copied().find(|outcome| outcome.as_str() == text).ok_or(UnknownWord("listing outcome"))
    }
}

/// What the last page of a path says of its listings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PageEnd {
    /// The page had no next link, and every object of the path could be identified.
    Complete,
    /// The page had no next link, but an object of the path could not be identified or sorted.
    Rejected,
}

impl PageEnd {
    /// How it ends the listings of the path, and why they are not complete.
    pub fn outcome(self) -> (ListingOutcome, Option<ErrorCode>) {
        match self {
            Self::Complete => (ListingOutcome::Complete, None),
            Self::Rejected => (ListingOutcome::Incomplete, Some(ErrorCode::ItemRejected)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unavailable_is_possible_only_before_a_page_was_stored() {
        assert_eq!(ListingOutcome::after_failure(ErrorCode::GraphFeatureUnavailable, 0), ListingOutcome::Unavailable);
        assert_eq!(ListingOutcome::after_failure(ErrorCode::GraphFeatureUnavailable, 1), ListingOutcome::Incomplete);
    }

    #[test]
    fn i25_every_other_failure_is_incomplete() {
        for code in ErrorCode::ALL.iter().filter(|code| **code != ErrorCode::GraphFeatureUnavailable) {
            assert_eq!(ListingOutcome::after_failure(*code, 0), ListingOutcome::Incomplete, "{code}");
        }
    }

    #[test]
    fn a_listing_open_at_the_end_is_incomplete_when_begun() {
        assert_eq!(ListingOutcome::when_run_ends(true), ListingOutcome::Incomplete);
        assert_eq!(ListingOutcome::when_run_ends(false), ListingOutcome::NotStarted);
    }

    #[test]
    fn i07_only_a_complete_listing_says_that_it_did_not_see_an_item() {
        let outcomes = || ListingOutcome::ALL.iter().copied().map(Some).chain([None]);
        assert!(outcomes().all(|outcome| ListingOutcome::tells(outcome, true) == Some(true)));
        let says_no: Vec<_> = outcomes().filter(|outcome| ListingOutcome::tells(*outcome, false) == Some(false)).collect();
        assert_eq!(says_no, [Some(ListingOutcome::Complete)]);
    }

    #[test]
    fn outcomes_read_back() {
        for outcome in ListingOutcome::ALL {
            assert_eq!(outcome.as_str().parse(), Ok(*outcome));
        }
    }
}
