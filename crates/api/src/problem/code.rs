//! The closed set of codes under which a request is refused.

use http::StatusCode;
use serde::{Serialize, Serializer};
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

macro_rules! codes {
    ($($variant:ident $text:literal $status:ident $meaning:literal;)*) => {
        /// Why a request was refused. Adding one is fine; renaming or reusing one breaks its readers.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Code {
            $(#[doc = $meaning] $variant,)*
        }

        impl Code {
            /// Every code, in the order of the reference.
            pub const ALL: &[Code] = &[$(Code::$variant,)*];

            /// The code's stable text.
            pub fn as_str(self) -> &'static str {
                match self { $(Code::$variant => $text,)* }
            }

            /// The HTTP status it comes with.
            pub fn status(self) -> StatusCode {
                match self { $(Code::$variant => StatusCode::$status,)* }
            }

            /// What it means, in a sentence without an end.
            pub fn meaning(self) -> &'static str {
                match self { $(Code::$variant => $meaning,)* }
            }
        }
    };
}

codes! {
    InvalidParameter "invalid_parameter" BAD_REQUEST "a part of the address or a header is not what it should be; `field` names it";
    InvalidBody "invalid_body" BAD_REQUEST "the body is not what it should be; `field` points to the place";
    Unauthenticated "unauthenticated" UNAUTHORIZED "no token that holds was shown";
    Forbidden "forbidden" FORBIDDEN "the token's role does not allow this";
    NotFound "not_found" NOT_FOUND "there is no such thing, or it is none of the caller's";
    MethodNotAllowed "method_not_allowed" METHOD_NOT_ALLOWED "there is such a thing, and this can't be done to it";
    RequestTimeout "request_timeout" REQUEST_TIMEOUT "the body did not come in time";
    LockContended "lock_contended" CONFLICT "a live run of the same tenant and selection exists; the start was recorded as a skipped run";
    ConcurrencyLimitGlobal "concurrency_limit_global" CONFLICT "as many runs as allowed in all are running; the start was recorded as a skipped run";
    ConcurrencyLimitTenant "concurrency_limit_tenant" CONFLICT "as many runs as allowed for one tenant are running; the start was recorded as a skipped run";
    RunOver "run_over" CONFLICT "the run has ended already";
    RunNotCompleted "run_not_completed" CONFLICT "the run has not completed, so it says nothing yet, or never will";
    OtherSelections "other_selections" CONFLICT "the two runs list different selections, so they can't be compared";
    TenantRemoved "tenant_removed" CONFLICT "the tenant was removed, so no run of it is made";
    NotMissing "not_missing" CONFLICT "the item is not missing, so there is nothing to acknowledge";
    NameTaken "name_taken" CONFLICT "another one has this name";
    BodyTooLarge "body_too_large" PAYLOAD_TOO_LARGE "the body is larger than any request needs";
    UnsupportedMediaType "unsupported_media_type" UNSUPPORTED_MEDIA_TYPE "the body is not said to be JSON";
    InvalidCursor "invalid_cursor" UNPROCESSABLE_ENTITY "the cursor is not one that Lastseen gave out; begin without one";
    ConflictingParameters "conflicting_parameters" UNPROCESSABLE_ENTITY "two parameters contradict each other; `field` names one of them";
    InvalidSelection "invalid_selection" UNPROCESSABLE_ENTITY "the selection names what is not there, or selects nothing";
    InvalidCadence "invalid_cadence" UNPROCESSABLE_ENTITY "the schedule's times or its time zone can't be understood";
    NoSuchTenant "no_such_tenant" UNPROCESSABLE_ENTITY "a tenant that the body names is not known, or is none of the caller's";
    StartKeyReused "start_key_reused" UNPROCESSABLE_ENTITY "the key was used for another start";
    Internal "internal" INTERNAL_SERVER_ERROR "a bug in Lastseen; its log says more under the answer's `x-request-id`";
    Busy "busy" SERVICE_UNAVAILABLE "as many requests as allowed are at work; try again";
    Unavailable "unavailable" SERVICE_UNAVAILABLE "the database does not answer; try again";
    IssuerUnavailable "issuer_unavailable" SERVICE_UNAVAILABLE "the issuer of the token was not reached, so it can't be judged; try again";
    TooLong "too_long" SERVICE_UNAVAILABLE "the answer took too long; ask for less, or try again";
    Draining "draining" SERVICE_UNAVAILABLE "this process is about to end; another one answers";
}

impl Serialize for Code {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl PartialSchema for Code {
    fn schema() -> RefOr<Schema> {
        let words = Self::ALL.iter().map(|code| code.as_str());
        let about = "Why a request was refused. Never renamed; new ones may come.";
        ObjectBuilder::new().schema_type(Type::String).enum_values(Some(words)).description(Some(about)).into()
    }
}

impl ToSchema for Code {
    fn name() -> std::borrow::Cow<'static, str> {
        "ProblemCode".into()
    }
}
