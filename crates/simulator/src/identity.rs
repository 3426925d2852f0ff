//! The identity endpoint of a machine, as Azure's: a virtual machine's, and App Service's.

use std::time::Duration;

use http::{HeaderMap, StatusCode};
use serde_json::json;
use url::form_urlencoded;

use crate::answer::Answer;
use crate::canary;
use crate::config::MachinePlan;

/// Where a virtual machine finds it.
pub(crate) const MACHINE_PATH: &str = "/metadata/identity/oauth2/token";
/// Where App Service's variable `IDENTITY_ENDPOINT` leads to.
pub(crate) const SERVICE_PATH: &str = "/msi/token";

/// How a token is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Style {
    Machine,
    Service,
}

/// The style of a path, where it is one of an identity endpoint.
pub(crate) fn style(path: &str) -> Option<Style> {
    match path {
        MACHINE_PATH => Some(Style::Machine),
        SERVICE_PATH => Some(Style::Service),
        _ => None,
    }
}

/// Looks at a question: the answer that refuses it, if one does. `origin` is the resource that tokens are given for.
pub(crate) fn refuse(style: Style, plan: &MachinePlan, headers: &HeaderMap, query: &str, origin: &str) -> Result<(), Answer> {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let field = |name: &str| form_urlencoded::parse(query.as_bytes()).find(|(key, _)| key == name).map(|(_, value)| value.into_owned());
    let refused = |status, error: &str, text: &str| {
        let description = format!("{text} {}", canary::SIGN_IN_ERROR);
        Err(Answer::json(status, &json!({ "error": error, "error_description": description })))
    };
    match style {
        Style::Machine if header("metadata") != Some("true") => {
            return refused(StatusCode::BAD_REQUEST, "invalid_request", "Required metadata header not specified");
        }
        Style::Service if header("x-identity-header") != Some(plan.header.as_str()) => {
            return refused(StatusCode::FORBIDDEN, "invalid_request", "The identity header is wrong");
        }
        Style::Machine | Style::Service => {}
    }
    let version = match style {
        Style::Machine => "2018-02-01",
        Style::Service => "2019-08-01",
    };
    if field("api-version").as_deref() != Some(version) {
        return refused(StatusCode::BAD_REQUEST, "bad_request_102", "Required api-version is missing");
    }
    if field("resource").as_deref() != Some(origin) {
        return refused(StatusCode::BAD_REQUEST, "invalid_resource", "AADSTS500011: The resource principal was not found.");
    }
    if field("client_id") != plan.client_id {
        return refused(StatusCode::BAD_REQUEST, "invalid_request", "Identity not found");
    }
    Ok(())
}

/// The answer with a token, as each gives it: App Service says nothing but when the token ends.
pub(crate) fn answer(style: Style, token: &str, lifetime: Duration, now: Duration, origin: &str) -> Answer {
    let mut body = json!({
        "access_token": token,
        "expires_on": (now + lifetime).as_secs().to_string(),
        "resource": origin,
        "token_type": "Bearer",
    });
    if style == Style::Machine {
        body["expires_in"] = lifetime.as_secs().to_string().into();
    }
    Answer::json(StatusCode::OK, &body)
}
