//! Exit codes.

use std::process::ExitCode;

use lastseen_model::RunStatus;

/// What the process tells its caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// All went well.
    Success,
    /// A run failed, or what was asked for is not there.
    Failed,
    /// Usage, configuration, or anything that stopped before a run existed.
    Usage,
    /// A run was partial.
    Partial,
    /// A run was skipped.
    Skipped,
}

impl Exit {
    pub(crate) fn of_run(status: RunStatus) -> Self {
        match status {
            RunStatus::Success => Self::Success,
            RunStatus::Partial => Self::Partial,
            RunStatus::Skipped => Self::Skipped,
            // A run that has not ended when its command does has lost its worker.
            RunStatus::Failed | RunStatus::Pending | RunStatus::Running => Self::Failed,
        }
    }

    /// The worse of two, for several runs in one command.
    pub(crate) fn worse(self, other: Self) -> Self {
        let weight = |exit| match exit {
            Self::Success => 0,
            Self::Skipped => 1,
            Self::Partial => 2,
            Self::Failed => 3,
            Self::Usage => 4,
        };
        if weight(other) > weight(self) { other } else { self }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Success => 0,
            Exit::Failed => 1,
            Exit::Usage => 2,
            Exit::Partial => 3,
            Exit::Skipped => 4,
        })
    }
}
