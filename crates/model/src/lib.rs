//! The words and rules of Lastseen: ids, selections, states, confidence and error codes, without any I/O.
//!
//! Everything here is a value or a pure function. Nothing knows SQL, HTTP or a clock; a rule that needs a time or a number
//! takes it as an argument. The rules are those of the semantics the project was built to; each module names its part.

pub mod access;
pub mod authority;
pub mod bitmap;
pub mod change;
pub mod error_code;
pub mod evidence;
pub mod ids;
pub mod listing;
pub mod missing;
pub mod observation;
#[cfg(feature = "openapi")]
mod openapi;
pub mod run;
pub mod selection;
pub mod suggest;
pub mod time;

pub use access::{ClientId, Cloud, CredentialRef, SecretPlace};
pub use authority::{Authority, Grant, Role, Tenants};
pub use bitmap::OrdinalBitmap;
pub use change::ChangeKind;
pub use error_code::{ErrorCode, ErrorContext, GraphCode};
pub use evidence::Evidence;
pub use ids::{
    Category, ContractHash, ContractVersion, CorrelationId, ExternalId, Fence, Fingerprint, IdError, Ordinal, PolicyType, RunId,
    ScheduleId, SelectionHash, SequenceNo, StartKey, TenantId, TokenHash, TokenId, WorkerId,
};
pub use listing::{ListingOutcome, PageEnd};
pub use missing::{Confidence, Guard, Reason, Reference};
pub use observation::Observation;
pub use run::{Ending, Limits, OnLimit, RunStatus, Trigger};
pub use selection::{Selection, SelectionError, Vocabulary};

/// A point in time. Kept to microseconds wherever it is stored, because that is what both databases keep.
pub type Timestamp = jiff::Timestamp;
