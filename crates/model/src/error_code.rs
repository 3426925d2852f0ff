//! The closed set of error codes, and the only things that are ever kept of an error.
//!
//! No text from outside is stored or logged: what is kept is a code and typed, bounded fields. So no token and no secret
//! can be in it, whatever an endpoint answers.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::ids::PolicyType;

/// At most this many error entries are kept of a run; the rest are counted.
pub const RUN_ERRORS_KEPT: usize = 20;

macro_rules! codes {
    ($($variant:ident $text:literal $meaning:literal;)*) => {
        /// A stable error code. Adding one is fine; renaming or reusing one breaks its readers.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum ErrorCode {
            $(#[doc = $meaning] $variant,)*
        }

        impl ErrorCode {
            /// Every code, in the order of the reference.
            pub const ALL: &[ErrorCode] = &[$(ErrorCode::$variant,)*];

            /// The code's stable text.
            pub fn as_str(self) -> &'static str {
                match self { $(ErrorCode::$variant => $text,)* }
            }

            /// What it means, in a sentence without an end.
            pub fn meaning(self) -> &'static str {
                match self { $(ErrorCode::$variant => $meaning,)* }
            }
        }

        impl FromStr for ErrorCode {
            type Err = UnknownCode;
            fn from_str(text: &str) -> Result<Self, UnknownCode> {
                match text { $($text => Ok(ErrorCode::$variant),)* _ => Err(UnknownCode) }
            }
        }
    };
}

codes! {
    LockContended "lock_contended" "a live run of the same tenant and selection exists";
    ConcurrencyLimitGlobal "concurrency_limit_global" "as many runs as allowed in all are running";
    ConcurrencyLimitTenant "concurrency_limit_tenant" "as many runs as allowed for one tenant are running";
    AuthFailed "auth_failed" "the token endpoint refused the credential";
    CredentialUnavailable "credential_unavailable" "the tenant's credential could not be read: its file or variable is missing, or is not what its reference says";
    AuthTenantMismatch "auth_tenant_mismatch" "the token is readable and is for another tenant; nothing was read with it";
    GraphUnauthorized "graph_unauthorized" "401 that a fresh token did not cure";
    GraphForbidden "graph_forbidden" "403: permission or consent is missing";
    GraphFeatureUnavailable "graph_feature_unavailable" "the tenant has no such feature or licence";
    GraphBadRequest "graph_bad_request" "Graph refused the request: the contract is wrong for this tenant";
    GraphThrottled "graph_throttled" "still throttled when the retry budget ended";
    GraphUnavailable "graph_unavailable" "still failing on Graph's side when the retry budget ended";
    GraphTimeout "graph_timeout" "no whole answer within the time limit";
    GraphConnection "graph_connection" "no connection, or it broke before the answer was whole";
    GraphInvalidResponse "graph_invalid_response" "the answer is not JSON, cut off, without a value array, too large or too deep";
    GraphUntrustedLink "graph_untrusted_link" "a next link left Graph's origin or its version prefix; it was not followed";
    GraphPageLoop "graph_page_loop" "a page link came twice";
    GraphPageCap "graph_page_cap" "more pages than the cap";
    ItemRejected "item_rejected" "an object could not be identified";
    StoreUnavailable "store_unavailable" "the database stayed away past the retry budget";
    WorkerLost "worker_lost" "the run's worker went away; its lease or its place in the queue expired";
    Cancelled "cancelled" "a person or a shutdown ended the run";
    Internal "internal" "a bug in Lastseen ended the run";
}

impl ErrorCode {
    /// Whether this code stands for a condition of the tenant and not for an error: it stays on the listing and is not
    /// counted.
    pub fn is_unavailability(self) -> bool {
        self == ErrorCode::GraphFeatureUnavailable
    }
}

/// A text that is no [`ErrorCode`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an error code")]
pub struct UnknownCode;

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl Serialize for ErrorCode {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for ErrorCode {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// Graph's own error code, kept only when it looks like one: `[A-Za-z0-9_.-]{1,64}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct GraphCode(String);

impl GraphCode {
    /// The code, or nothing where the text is not one.
    pub fn accept(text: &str) -> Option<Self> {
        let fits = (1..=64).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-'));
        fits.then(|| Self(text.to_owned()))
    }
    /// The code's text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for GraphCode {
    type Error = UnknownCode;
    fn try_from(text: String) -> Result<Self, UnknownCode> {
        Self::accept(&text).ok_or(UnknownCode)
    }
}

impl From<GraphCode> for String {
    fn from(code: GraphCode) -> String {
        code.0
    }
}

/// What is kept beside a code: typed, bounded fields and nothing else.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct ErrorContext {
    /// The answer's HTTP status.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub http_status: Option<u16>,
    /// Graph's own code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub graph_code: Option<GraphCode>,
    /// Graph's id of the request, for its support.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<Uuid>,
    /// The type whose listing it ended; absent for what ended the run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy_type: Option<PolicyType>,
    /// The page within its path, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub page: Option<u32>,
    /// How often it was tried.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempts: Option<u32>,
    /// How long Graph asked to wait, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after_ms: Option<u64>,
    /// Entra's number of a refused sign-in (AADSTS), which says what to mend.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub aadsts: Option<u32>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_reads_back_from_its_text_and_no_other_does() {
        for code in ErrorCode::ALL {
            assert_eq!(code.as_str().parse(), Ok(*code));
        }
        assert_eq!("graph_gone".parse::<ErrorCode>(), Err(UnknownCode));
    }

    #[test]
    fn r14_a_graph_code_that_could_carry_anything_is_dropped() {
        assert_eq!(GraphCode::accept("InvalidAuthenticationToken").map(String::from), Some("InvalidAuthenticationToken".into()));
        for dropped in ["", "No method match route template", "eyJ0eXAi=", "a/b", &"a".repeat(65), "naïve"] {
            assert_eq!(GraphCode::accept(dropped), None, "{dropped:?}");
        }
    }

    #[test]
    fn r14_a_context_has_no_field_for_foreign_text() {
        let context = serde_json::from_str::<ErrorContext>(r#"{"http_status":403,"message":"secret"}"#);
        assert!(context.is_err());
    }
}
