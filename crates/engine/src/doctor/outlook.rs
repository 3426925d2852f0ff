//! What would come of a sync, from what an examination found: the same rules by which a run's status follows from its listings.

use lastseen_contracts::PathContract;
use lastseen_graph::{GraphFailure, Probe};
use lastseen_model::ErrorCode;

use super::{Examination, Knock};

/// How the listing of a path would end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expected {
    /// Completely: it answers, or nothing is known that speaks against it.
    Complete,
    /// Not available in this tenant.
    Unavailable(ErrorCode),
    /// It would break off.
    Incomplete(ErrorCode),
    /// It can't be told without a probe: the token does not show its permissions.
    Unknown,
}

/// How a sync would end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outlook {
    /// It would succeed.
    Success,
    /// Some types could not be read.
    Partial,
    /// It would fail.
    Failed,
    /// It can't be told without a probe.
    Unknown,
}

impl Outlook {
    /// Its word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Partial => "partial",
            Self::Failed => "failed",
            Self::Unknown => "unknown",
        }
    }
}

/// How the listing of a path would end. What a probe saw is surer than what permissions and licence let expect.
pub(super) fn expected(
    path: &PathContract,
    signed_in: bool,
    granted: Option<bool>,
    knocks: &[Knock],
    probe: Option<&Result<Option<Probe>, GraphFailure>>,
) -> Expected {
    if !signed_in {
        return Expected::Incomplete(ErrorCode::AuthFailed);
    }
    if let Some(probe) = probe {
        return match probe {
            Ok(_) => Expected::Complete,
            Err(failure) if failure.code.is_unavailability() => Expected::Unavailable(failure.code),
            Err(failure) => Expected::Incomplete(failure.code),
        };
    }
    if let Some(expected) = knocks.iter().find(|knock| knock.workload == path.workload).and_then(|knock| by_knock(path, knock)) {
        return expected;
    }
    match granted {
        Some(true) => Expected::Complete,
        Some(false) if path.optional_feature => Expected::Unavailable(ErrorCode::GraphForbidden),
        Some(false) => Expected::Incomplete(ErrorCode::GraphForbidden),
        None => Expected::Unknown,
    }
}

/// What a question that was not answered says of a path of the same workload; nothing where it speaks of the asked path alone.
fn by_knock(path: &PathContract, knock: &Knock) -> Option<Expected> {
    let failure = knock.answer.as_ref().err()?;
    match failure.code {
        code if code.is_unavailability() => Some(Expected::Unavailable(code)),
        // A refusal is of one path and its permission; whatever else keeps one path from answering keeps the others, too.
        code @ (ErrorCode::GraphForbidden | ErrorCode::GraphBadRequest | ErrorCode::GraphInvalidResponse) => {
            (knock.path == path.path).then_some(Expected::Incomplete(code))
        }
        code => Some(Expected::Incomplete(code)),
    }
}

impl Examination {
    /// How a sync of these types would end (semantics, section 4).
    pub fn outlook(&self) -> Outlook {
        let any = |wanted: fn(&Expected) -> bool| self.paths.iter().any(|path| wanted(&path.expected));
        let unknown = any(|expected| *expected == Expected::Unknown);
        let complete = any(|expected| *expected == Expected::Complete);
        match any(|expected| matches!(expected, Expected::Incomplete(_))) {
            _ if self.sign_in.is_err() => Outlook::Failed,
            _ if !complete && !unknown => Outlook::Failed,
            true => Outlook::Partial,
            false if unknown => Outlook::Unknown,
            false => Outlook::Success,
        }
    }
}
