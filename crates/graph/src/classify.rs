//! The one table that judges every answer, so that none can be overlooked (I3).
//!
//! | what came | what follows |
//! | --- | --- |
//! | 200 with a page | the page |
//! | 200, not JSON or cut off | again, a few times; then `graph_invalid_response` |
//! | 200 with an `error`, without `value`, too large, too deep; any other 2xx | `graph_invalid_response` |
//! | a redirect without a place to go (how a tenant without Intune answers) | `graph_feature_unavailable` |
//! | any other 3xx; never followed | `graph_invalid_response` |
//! | 401 | a fresh token once, then `graph_unauthorized` |
//! | 408 | again; then `graph_timeout` |
//! | 429, or a 4xx whose code means it | again; then `graph_throttled` |
//! | 4xx or 500 that says *not for this tenant* or *no licence* | `graph_feature_unavailable` |
//! | 4xx that says *later* | again; then `graph_unavailable` |
//! | 403, 404 where the contract marks the feature as optional | `graph_feature_unavailable` |
//! | 403 | `graph_forbidden` |
//! | 400, 410 on a next link, that says *not for this tenant* | `graph_bad_request` |
//! | any other 400, 410 on a next link: its page token has expired | from page one again; then `graph_bad_request` |
//! | 400 on a first page with `$top`, that says the limit was exceeded | a smaller `$top` (below); then `graph_bad_request` |
//! | 400 on a first page with `$select` | without it; then `graph_bad_request` |
//! | 400 on a first page with `$expand` | without it; then `graph_bad_request` |
//! | 400 on a first page with `$top` | a smaller `$top`; then `graph_bad_request` |
//! | any other 4xx | `graph_bad_request` |
//! | 500 | again, a few times; then `graph_unavailable` |
//! | any other 5xx | again; after a 503 over a new connection; then `graph_unavailable` |
//! | no answer: time-out, no connection | again; then `graph_timeout`, `graph_connection` |
//!
//! Once a page of it or of its parents was read, a listing never ends with `graph_feature_unavailable`: the rows that say so are passed
//! over, and the next one that fits holds.
//!
//! **Fallbacks.** Each takes something away from what a first page is asked with, and the listing begins at page one: `$select`, then
//! `$expand`, then `$top` (999 → 100 → 50 → 25 → Graph's own size). So a listing has six at most. A page without a next link that ends the
//! listing just where `$top` would end it, were it a limit and not a page size (a first page of so many objects or more, or so many in
//! all), is no proof of an end: it is not delivered, and the listing falls back to Graph's own size. A page with `$top`, the first or a
//! later one, that ends with 500, 502, 503, 504 or `graph_timeout` when its tries are over falls back to a smaller `$top`, too, and is
//! then asked for a few times only. All fallbacks before a page comes share the time of one page; each is a request like any other
//! and counts as a retry. When a page comes, the last fallback is remembered for the tenant and path; those before it did not help,
//! so they are tried again next time. When none comes, the listing ends as it would have without them, unless something else than
//! what they are for (a 403, a 429, ...) ended it.

use lastseen_contracts::PathKind;
use lastseen_model::{ErrorCode, ErrorContext};
use reqwest::StatusCode;

use crate::body::Fault;
use crate::envelope::{self, Envelope, Unreadable};
use crate::error_body::{GraphError, SignInError};
use crate::failure::GraphFailure;
use crate::options::{Fallback, Options};
use crate::token::{self, Grant};
use crate::transport::{Answer, Route};

/// What bears on the judgement of an answer besides the answer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asked {
    pub(crate) kind: PathKind,
    pub(crate) depth_cap: usize,
    /// The contract says that a tenant may lack the feature.
    pub(crate) optional_feature: bool,
    /// A next link was asked for, and not the first page.
    pub(crate) next_link: bool,
    /// A page of this listing, or of its parents, was read: the tenant has the feature.
    pub(crate) page_read: bool,
    /// What the first page was asked with.
    pub(crate) options: Options,
    /// It is tried a few times only, whatever keeps it from coming, but for a limit on requests.
    pub(crate) few: bool,
    /// The token was fetched anew for this page.
    pub(crate) fresh_token: bool,
}

/// What follows from an answer.
pub(crate) enum Verdict {
    /// It is a page.
    Page(Envelope),
    /// Ask again later.
    Again(Again),
    /// Ask again with a fresh token.
    FreshToken,
    /// Ask for less.
    Fallback(Fallback),
    /// Begin the listing again.
    Restart,
    /// The listing ends.
    End(ErrorCode),
}

impl Verdict {
    /// Its name in the log.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Page(_) => "page",
            Self::Again(again) => again.code.as_str(),
            Self::FreshToken => "fresh token",
            Self::Fallback(fallback) => fallback.name(),
            Self::Restart => "restart",
            Self::End(code) => code.as_str(),
        }
    }
}

/// How to ask again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Again {
    /// The code when the budget ends.
    pub(crate) code: ErrorCode,
    /// Only a few times: it seldom helps.
    pub(crate) few: bool,
    /// Over which connection.
    pub(crate) route: Route,
}

impl Again {
    const fn often(code: ErrorCode) -> Self {
        Self { code, few: false, route: Route::Pooled }
    }
    pub(crate) const fn seldom(code: ErrorCode) -> Self {
        Self { code, few: true, route: Route::Pooled }
    }
    const fn elsewhere(self) -> Self {
        Self { route: Route::New, ..self }
    }
}

/// Judges what Graph answered, and gives the facts that are kept of it.
pub(crate) fn judge(outcome: Result<Answer, Fault>, asked: &Asked) -> (Verdict, ErrorContext) {
    let (mut verdict, context) = of_outcome(outcome, asked);
    if let Verdict::Again(again) = &mut verdict {
        again.few |= asked.few && again.code != ErrorCode::GraphThrottled;
    }
    (verdict, context)
}

/// Whether a page that was asked for with `$top` and ended so may come when it is smaller.
pub(crate) fn smaller_pages_may_help(failure: &GraphFailure) -> bool {
    failure.code == ErrorCode::GraphTimeout
        || (failure.code == ErrorCode::GraphUnavailable && matches!(failure.context.http_status, Some(500 | 502 | 503 | 504)))
}

/// Whether a failure is of the kind that fallbacks are for.
pub(crate) fn was_a_fallbacks(failure: &GraphFailure) -> bool {
    failure.code == ErrorCode::GraphBadRequest || smaller_pages_may_help(failure)
}

fn of_outcome(outcome: Result<Answer, Fault>, asked: &Asked) -> (Verdict, ErrorContext) {
    let answer = match outcome {
        Ok(answer) => answer,
        Err(fault) => return (of_fault(fault), ErrorContext::default()),
    };
    let mut context = ErrorContext { http_status: Some(answer.status.as_u16()), request_id: answer.request_id, ..ErrorContext::default() };
    if answer.status == StatusCode::OK {
        return (of_body(answer.body, asked), context);
    }
    let error = GraphError::read(answer.body.as_deref().unwrap_or_default());
    let verdict = of_status(answer.status, &error, answer.has_location, asked);
    context.request_id = context.request_id.or(error.request_id);
    context.graph_code = error.code;
    (verdict, context)
}

fn of_fault(fault: Fault) -> Verdict {
    match fault {
        Fault::Connection => Verdict::Again(Again::often(ErrorCode::GraphConnection).elsewhere()),
        Fault::Timeout => Verdict::Again(Again::often(ErrorCode::GraphTimeout).elsewhere()),
        Fault::CutOff | Fault::Garbled => Verdict::Again(Again::seldom(ErrorCode::GraphInvalidResponse).elsewhere()),
        Fault::TooLarge | Fault::Encoding => Verdict::End(ErrorCode::GraphInvalidResponse),
        Fault::Unsendable => Verdict::End(ErrorCode::Internal),
    }
}

fn of_body(body: Result<Vec<u8>, Fault>, asked: &Asked) -> Verdict {
    let body = match body {
        Ok(body) => body,
        Err(fault) => return of_fault(fault),
    };
    match envelope::read(body, asked.kind, asked.depth_cap) {
        Ok(envelope) => Verdict::Page(envelope),
        Err(Unreadable::NotJson) => Verdict::Again(Again::seldom(ErrorCode::GraphInvalidResponse)),
        Err(Unreadable::TooDeep | Unreadable::NotAPage) => Verdict::End(ErrorCode::GraphInvalidResponse),
    }
}

fn of_status(status: StatusCode, error: &GraphError, has_location: bool, asked: &Asked) -> Verdict {
    let may_be_unavailable = !asked.page_read;
    let with = asked.options;
    match status.as_u16() {
        301 | 302 | 303 | 307 | 308 if !has_location && may_be_unavailable => Verdict::End(ErrorCode::GraphFeatureUnavailable),
        401 if asked.fresh_token => Verdict::End(ErrorCode::GraphUnauthorized),
        401 => Verdict::FreshToken,
        408 => Verdict::Again(Again::often(ErrorCode::GraphTimeout)),
        429 => Verdict::Again(Again::often(ErrorCode::GraphThrottled)),
        400..=500 if error.not_for_this_tenant && may_be_unavailable => Verdict::End(ErrorCode::GraphFeatureUnavailable),
        400..=499 if error.too_many => Verdict::Again(Again::often(ErrorCode::GraphThrottled)),
        400..=499 if error.later => Verdict::Again(Again::often(ErrorCode::GraphUnavailable)),
        403 | 404 if asked.optional_feature && may_be_unavailable => Verdict::End(ErrorCode::GraphFeatureUnavailable),
        403 => Verdict::End(ErrorCode::GraphForbidden),
        400 | 410 if asked.next_link && error.not_for_this_tenant => Verdict::End(ErrorCode::GraphBadRequest),
        400 | 410 if asked.next_link => Verdict::Restart,
        400 if with.top.is_some() && error.top_exceeded => Verdict::Fallback(Fallback::SmallerPages),
        400 if with.select => Verdict::Fallback(Fallback::NoSelect),
        400 if with.expand => Verdict::Fallback(Fallback::NoExpand),
        400 if with.top.is_some() => Verdict::Fallback(Fallback::SmallerPages),
        400..=499 => Verdict::End(ErrorCode::GraphBadRequest),
        500 => Verdict::Again(Again::seldom(ErrorCode::GraphUnavailable)),
        503 => Verdict::Again(Again::often(ErrorCode::GraphUnavailable).elsewhere()),
        501..=599 => Verdict::Again(Again::often(ErrorCode::GraphUnavailable)),
        _ => Verdict::End(ErrorCode::GraphInvalidResponse),
    }
}

/// What follows from the token endpoint's answer.
pub(crate) enum SignInVerdict {
    /// A token.
    Granted(Grant),
    /// Ask again later.
    Again(Again),
    /// Signing in has failed.
    End(ErrorCode),
}

/// Judges what the token endpoint answered: 200 is a token or `graph_invalid_response`; 408, 429, 5xx and no answer are tried
/// again as Graph's are; any other 4xx refuses the credential.
pub(crate) fn judge_sign_in(outcome: Result<Answer, Fault>) -> (SignInVerdict, ErrorContext) {
    let answer = match outcome {
        Ok(answer) => answer,
        Err(fault) => return (sign_in_fault(fault), ErrorContext::default()),
    };
    let mut context = ErrorContext { http_status: Some(answer.status.as_u16()), request_id: answer.request_id, ..ErrorContext::default() };
    if answer.status == StatusCode::OK {
        let verdict = match answer.body {
            Ok(body) => match token::read(&body) {
                Ok(grant) => SignInVerdict::Granted(grant),
                Err(Unreadable::NotJson) => SignInVerdict::Again(Again::seldom(ErrorCode::GraphInvalidResponse)),
                Err(Unreadable::TooDeep | Unreadable::NotAPage) => SignInVerdict::End(ErrorCode::GraphInvalidResponse),
            },
            Err(fault) => sign_in_fault(fault),
        };
        return (verdict, context);
    }
    let error = SignInError::read(answer.body.as_deref().unwrap_or_default());
    context.aadsts = error.aadsts;
    let verdict = match answer.status.as_u16() {
        408 => SignInVerdict::Again(Again::often(ErrorCode::GraphTimeout)),
        429 => SignInVerdict::Again(Again::often(ErrorCode::GraphThrottled)),
        400..=499 if error.later => SignInVerdict::Again(Again::often(ErrorCode::GraphUnavailable)),
        400..=499 => SignInVerdict::End(ErrorCode::AuthFailed),
        500 => SignInVerdict::Again(Again::seldom(ErrorCode::GraphUnavailable)),
        501..=599 => SignInVerdict::Again(Again::often(ErrorCode::GraphUnavailable).elsewhere()),
        _ => SignInVerdict::End(ErrorCode::GraphInvalidResponse),
    };
    (verdict, context)
}

fn sign_in_fault(fault: Fault) -> SignInVerdict {
    match of_fault(fault) {
        Verdict::Again(again) => SignInVerdict::Again(again),
        Verdict::End(code) => SignInVerdict::End(code),
        Verdict::Page(_) | Verdict::FreshToken | Verdict::Fallback(_) | Verdict::Restart => SignInVerdict::End(ErrorCode::Internal),
    }
}

#[cfg(test)]
#[path = "classify_tests.rs"]
mod tests;
