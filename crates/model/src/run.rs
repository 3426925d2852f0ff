//! A run's states, and which of them a run ends in.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::error_code::ErrorCode;
use crate::listing::{ListingOutcome, UnknownWord};

/// Where a run is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum RunStatus {
    /// Queued or waiting for a slot; holds the lock; carries an expiry.
    Pending,
    /// Claimed by a worker under a lease; holds the lock.
    Running,
    /// Never claimed. Has no listings and is never a reference.
    Skipped,
    /// Ended without one complete listing, or without its worker, or without signing in.
    Failed,
    /// Ended with some listing complete and some not.
    Partial,
    /// Ended with every listing complete, or unavailable.
    Success,
}

impl RunStatus {
    /// Every status.
    pub const ALL: &[RunStatus] = &[Self::Pending, Self::Running, Self::Skipped, Self::Failed, Self::Partial, Self::Success];

    /// The stored text.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Running => "running",
            Self::Skipped => "skipped",
            Self::Failed => "failed",
            Self::Partial => "partial",
            Self::Success => "success",
        }
    }

    /// Holds the lock of its tenant and selection.
    pub fn is_live(self) -> bool {
        matches!(self, Self::Pending | Self::Running)
    }

    /// Claimed and ended: what *missing* can refer to.
    pub fn is_completed(self) -> bool {
        matches!(self, Self::Failed | Self::Partial | Self::Success)
    }

    /// How a run ends, by the first line that fits.
    pub fn conclude(ending: Ending, outcomes: impl IntoIterator<Item = ListingOutcome>) -> Self {
        if matches!(ending, Ending::WorkerLost | Ending::SignInFailed) {
            return Self::Failed;
        }
        let (mut complete, mut broken) = (false, false);
        for outcome in outcomes {
            match outcome {
                ListingOutcome::Complete => complete = true,
                ListingOutcome::Incomplete | ListingOutcome::NotStarted => broken = true,
                ListingOutcome::Unavailable => {}
            }
        }
        match (complete, broken) {
            (false, _) => Self::Failed,
            (true, true) => Self::Partial,
            (true, false) => Self::Success,
        }
    }
}

impl fmt::Display for RunStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for RunStatus {
    type Err = UnknownWord;
    fn from_str(text: &str) -> Result<Self, UnknownWord> {
        Self::ALL.iter().copied().find(|status| status.as_str() == text).ok_or(UnknownWord("run status"))
    }
}

/// Why a claimed run ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// Every path was listed as far as it would go.
    Finished,
    /// No token could be had, or it was for another tenant.
    SignInFailed,
    /// A person or a shutdown ended it.
    Cancelled,
    /// A bug ended it.
    Internal,
    /// Its lease expired.
    WorkerLost,
}

impl Ending {
    /// Why listings that were begun are open when a run ends without naming an error of its own: a listing that broke off has a
    /// code. A worker that has finished leaves none open.
    pub fn code(self) -> ErrorCode {
        match self {
            Self::WorkerLost => ErrorCode::WorkerLost,
            Self::SignInFailed => ErrorCode::AuthFailed,
            Self::Cancelled => ErrorCode::Cancelled,
            Self::Finished | Self::Internal => ErrorCode::Internal,
        }
    }
}

/// Who asked for a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Trigger {
    /// A person at the command line.
    Manual,
    /// A schedule.
    Schedule,
    /// A caller of the API.
    Api,
}

impl Trigger {
    /// Every trigger.
    pub const ALL: &[Trigger] = &[Self::Manual, Self::Schedule, Self::Api];

    /// The stored text.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Manual => "manual",
            Self::Schedule => "schedule",
            Self::Api => "api",
        }
    }
}

impl FromStr for Trigger {
    type Err = UnknownWord;
    fn from_str(text: &str) -> Result<Self, UnknownWord> {
        Self::ALL.iter().copied().find(|trigger| trigger.as_str() == text).ok_or(UnknownWord("trigger"))
    }
}

/// What a start does when a limit is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum OnLimit {
    /// Becomes a visible run, `skipped`.
    Skip,
    /// Stays `pending` until a slot is free.
    Wait,
}

impl OnLimit {
    /// The stored text.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Skip => "skip",
            Self::Wait => "wait",
        }
    }
}

/// How many runs may be `running` at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// In all.
    pub global: u32,
    /// Of one tenant.
    pub per_tenant: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self { global: 8, per_tenant: 2 }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use ListingOutcome::{Complete, Incomplete, NotStarted, Unavailable};

    #[rstest]
    #[case::all_complete(Ending::Finished, &[Complete, Complete], RunStatus::Success)]
    #[case::unavailable_does_not_cloud(Ending::Finished, &[Complete, Unavailable], RunStatus::Success)]
    #[case::one_incomplete(Ending::Finished, &[Complete, Incomplete], RunStatus::Partial)]
    #[case::one_not_started(Ending::Cancelled, &[Complete, NotStarted], RunStatus::Partial)]
    #[case::none_complete(Ending::Finished, &[Incomplete, NotStarted], RunStatus::Failed)]
    #[case::all_unavailable(Ending::Finished, &[Unavailable, Unavailable], RunStatus::Failed)]
    #[case::worker_lost_beats_complete(Ending::WorkerLost, &[Complete], RunStatus::Failed)]
    #[case::sign_in_failed(Ending::SignInFailed, &[NotStarted], RunStatus::Failed)]
    #[case::a_bug_after_all_was_listed(Ending::Internal, &[Complete], RunStatus::Success)]
    fn r10_a_run_ends_by_the_first_line_that_fits(#[case] ending: Ending, #[case] outcomes: &[ListingOutcome], #[case] status: RunStatus) {
        assert_eq!(RunStatus::conclude(ending, outcomes.iter().copied()), status);
    }

    #[test]
    fn skipped_is_never_completed_and_only_pending_and_running_hold_the_lock() {
        let live: Vec<_> = RunStatus::ALL.iter().filter(|status| status.is_live()).collect();
        assert_eq!(live, [&RunStatus::Pending, &RunStatus::Running]);
        assert!(!RunStatus::Skipped.is_completed());
        for status in RunStatus::ALL {
            assert!(!(status.is_live() && status.is_completed()));
            assert_eq!(status.as_str().parse(), Ok(*status));
        }
    }
}
