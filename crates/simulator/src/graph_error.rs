//! The errors that Graph and Intune answer with, in their own shapes: `{"error": {code, message, innerError}}`, where Intune's
//! message is itself a JSON text. Every message holds a canary and the kind of thing that must not be kept: a URL with a scale
//! unit and ids.

use serde::Deserialize;
use serde_json::{Value, json};

use crate::canary;

/// An error that Graph is known to answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NamedError {
    /// 429 `TooManyRequests`, with `Retry-After: 10` unless the fault says otherwise.
    Throttled,
    /// 401 `InvalidAuthenticationToken`.
    Unauthorized,
    /// 403 `Forbidden` with Intune's message inside a message: a permission is missing.
    Forbidden,
    /// 403 `AccessDenied`, as conditional access answers.
    AccessDenied,
    /// 400 `BadRequest`, "Request not applicable to target tenant": no Intune licence.
    NotApplicable,
    /// 400 `BadRequest`, "Neither tenant is B2C or tenant doesn't have premium license".
    NoPremiumLicence,
    /// 403 `Forbidden`, "Your tenant is not licensed for this feature."
    NotLicensed,
    /// 404 `ResourceNotFound`: the tenant has no such feature.
    FeatureNotFound,
    /// 400 `No method match route template`.
    NoRoute,
    /// 400 `BadRequest`: a property that `$select` may not name.
    SelectRefused,
    /// 410 `resyncRequired`: the page token has expired.
    PageTokenGone,
    /// 400 `BadRequest`: the page token is not valid any more.
    PageTokenInvalid,
    /// 500 `InternalServerError`.
    Internal,
    /// 502 with an HTML page, as a gateway answers.
    BadGateway,
    /// 503 `ServiceUnavailable`.
    Unavailable,
    /// 504 `UnknownError`.
    GatewayTimeout,
}

impl NamedError {
    /// The status it comes with.
    pub fn status(self) -> u16 {
        match self {
            Self::NotApplicable | Self::NoPremiumLicence | Self::NoRoute | Self::SelectRefused | Self::PageTokenInvalid => 400,
            Self::Unauthorized => 401,
            Self::Forbidden | Self::AccessDenied | Self::NotLicensed => 403,
            Self::FeatureNotFound => 404,
            Self::PageTokenGone => 410,
            Self::Throttled => 429,
            Self::Internal => 500,
            Self::BadGateway => 502,
            Self::Unavailable => 503,
            Self::GatewayTimeout => 504,
        }
    }

    /// The body and its content type.
    pub(crate) fn body(self, request_id: &str) -> (String, &'static str) {
        let (code, message) = match self {
            Self::Throttled => ("TooManyRequests", intune("Too many requests were made.", request_id)),
            Self::Unauthorized => {
                ("InvalidAuthenticationToken", format!("Access token has expired or is not yet valid. {}", canary::GRAPH_ERROR))
            }
            Self::Forbidden => ("Forbidden", forbidden(&["DeviceManagementConfiguration.Read.All"], request_id)),
            Self::AccessDenied => ("AccessDenied", access_denied()),
            Self::NotApplicable => ("BadRequest", intune("Request not applicable to target tenant.", request_id)),
            Self::NoPremiumLicence => {
                ("BadRequest", format!("Neither tenant is B2C or tenant doesn't have premium license. {}", canary::GRAPH_ERROR))
            }
            Self::NotLicensed => ("Forbidden", intune("Your tenant is not licensed for this feature.", request_id)),
            Self::FeatureNotFound => ("ResourceNotFound", intune("Resource not found.", request_id)),
            Self::NoRoute => ("No method match route template", intune("No OData route exists that match template.", request_id)),
            Self::SelectRefused => ("BadRequest", select_refused("a property", "a type")),
            Self::PageTokenGone => ("resyncRequired", format!("The page token has expired; begin again. {}", canary::GRAPH_ERROR)),
            Self::PageTokenInvalid => ("BadRequest", intune("Skip token is not valid.", request_id)),
            Self::Internal => ("InternalServerError", intune("An internal server error has occurred.", request_id)),
            Self::BadGateway => return (format!("<html><body><h1>502 Bad Gateway</h1>{}</body></html>", canary::GRAPH_ERROR), "text/html"),
            Self::Unavailable => ("ServiceUnavailable", intune("Service unavailable.", request_id)),
            Self::GatewayTimeout => ("UnknownError", String::new()),
        };
        (envelope(code, &message, request_id).to_string(), "application/json")
    }
}

/// Graph's error envelope.
pub(crate) fn envelope(code: &str, message: &str, request_id: &str) -> Value {
    json!({ "error": {
        "code": code,
        "message": message,
        "innerError": { "date": "2026-01-01T00:00:00", "request-id": request_id, "client-request-id": request_id },
    } })
}

/// Intune's message: a JSON text whose own message names internals.
pub(crate) fn intune(what: &str, request_id: &str) -> String {
    let message = format!(
        "{what} - Operation ID (for customer support): 00000000-0000-0000-0000-000000000000 - Activity ID: {request_id} - \
         Url: https://fef.simulated.manage.microsoft.com/StatelessConfiguration/deviceManagement/things('{secret}')?api-version=5025-01-01&note={secret}",
        secret = canary::GRAPH_ERROR,
    );
    let inner = json!({ "_version": 3, "Message": message, "CustomApiErrorPhrase": "", "RetryAfter": null, "ErrorSourceService": "", "HttpHeaders": "{}" });
    format!("{inner:#}")
}

/// Intune's 403, twice wrapped, which names the permissions that would do.
pub(crate) fn forbidden(scopes: &[&str], request_id: &str) -> String {
    let text = format!(
        "Application is not authorized to perform this operation. Application must have one of the following scopes: {}",
        scopes.join(", ")
    );
    let inner = json!({ "ErrorCode": "Forbidden", "Message": intune(&text, request_id), "Target": null, "Details": null });
    inner.to_string()
}

/// Conditional access's 403.
pub(crate) fn access_denied() -> String {
    format!("You cannot perform the requested operation, required scopes are missing in the token. {}", canary::GRAPH_ERROR)
}

/// OData's 400 for a property that the declared type doesn't have.
pub(crate) fn select_refused(property: &str, on: &str) -> String {
    format!(
        "Parsing OData Select and Expand failed: Could not find a property named '{property}' on type 'microsoft.graph.{on}'. {}",
        canary::GRAPH_ERROR
    )
}
