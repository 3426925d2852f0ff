//! What an answer that is no page says about itself. Its text is looked at here and goes no further.

use lastseen_model::GraphCode;
use serde_json::Value;
use uuid::Uuid;

/// How deep an error is looked into; Intune's messages are JSON texts within JSON texts.
const MESSAGES_WITHIN: usize = 4;

/// Texts by which Graph says that a tenant has no such feature or licence, in lower case. Its code is then only `BadRequest` or
/// `Forbidden`, so there is nothing else to go by. Seen: Graph and Intune answers quoted in msgraph-beta-sdk-go#198,
/// ugurkocde/IntuneGet#993, Microsoft365DSC PR#3020, CIPP's Get-NormalizedError.
const NOT_FOR_THIS_TENANT: [&str; 5] = [
    "request not applicable to target tenant",
    "tenant is not licensed for this feature",
    "applifecycle_2210",
    "neither tenant is b2c or tenant doesn't have premium license",
    "unable to perform redirect as location header is not set",
];

/// Codes that mean "later" whatever the status.
const LATER: [&str; 6] =
    ["ServiceUnavailable", "RequestTimeout", "BadGateway", "GatewayTimeout", "CancelledOnServiceTimeout", "serviceNotAvailable"];

/// Codes that mean "too many" whatever the status.
const TOO_MANY: [&str; 3] = ["RequestThrottled", "TooManyRequests", "activityLimitReached"];

/// A text that means "later" whatever the status, in lower case (CIPP's New-GraphGetRequest).
const LATER_TEXT: &str = "resource temporarily unavailable";

/// How OData words the refusal of a `$top` above an endpoint's limit, in lower case ("The limit of '200' for Top query has been
/// exceeded. ..."). Its code is only `BadRequest`, as that of a refused `$select` is.
const TOP_EXCEEDED_TEXT: &str = "for top query has been exceeded";

/// What a Graph error came to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct GraphError {
    /// Graph's code, where it looks like one.
    pub(crate) code: Option<GraphCode>,
    /// Graph's id of the request.
    pub(crate) request_id: Option<Uuid>,
    /// The tenant has no such feature or licence.
    pub(crate) not_for_this_tenant: bool,
    /// It will pass.
    pub(crate) later: bool,
    /// It will pass, when fewer requests are sent.
    pub(crate) too_many: bool,
    /// The endpoint has no pages as large as `$top`.
    pub(crate) top_exceeded: bool,
}

impl GraphError {
    /// Reads an error's body; what is unreadable says nothing.
    pub(crate) fn read(body: &[u8]) -> Self {
        let Ok(answer) = serde_json::from_slice::<Value>(body) else { return Self::default() };
        let Some(error) = answer.get("error") else { return Self::default() };
        let inner = error.get("innerError").or_else(|| error.get("innererror"));
        let code_of = |value: Option<&Value>| value.and_then(|value| value.get("code")).and_then(Value::as_str).map(str::to_owned);
        let codes: Vec<String> = code_of(Some(error)).into_iter().chain(code_of(inner)).collect();
        let messages = messages(error);
        let says = |text: &str| codes.iter().chain(&messages).any(|said| said.to_lowercase().contains(text));
        let is_one_of = |known: &[&str]| codes.iter().any(|code| known.iter().any(|known| code.eq_ignore_ascii_case(known)));
        Self {
            code: codes.iter().find_map(|code| GraphCode::accept(code)),
            request_id: inner
                .and_then(|inner| inner.get("request-id").or_else(|| inner.get("requestId")))
                .and_then(Value::as_str)
                .and_then(|id| Uuid::try_parse(id).ok()),
            not_for_this_tenant: NOT_FOR_THIS_TENANT.iter().any(|text| says(text)),
            later: is_one_of(&LATER) || says(LATER_TEXT),
            too_many: is_one_of(&TOO_MANY),
            top_exceeded: says(TOP_EXCEEDED_TEXT),
        }
    }
}

/// The message of an error, and the messages packed into it as JSON texts.
fn messages(error: &Value) -> Vec<String> {
    let mut found = Vec::new();
    let mut next = message(error);
    while let Some(text) = next {
        next = if found.len() < MESSAGES_WITHIN { serde_json::from_str(&text).ok().and_then(|packed| message(&packed)) } else { None };
        found.push(text);
    }
    found
}

fn message(value: &Value) -> Option<String> {
    value.as_object()?.iter().find(|(key, _)| key.eq_ignore_ascii_case("message"))?.1.as_str().map(str::to_owned)
}

/// What the token endpoint's error came to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct SignInError {
    /// Entra's number, which says what to mend.
    pub(crate) aadsts: Option<u32>,
    /// It will pass.
    pub(crate) later: bool,
}

impl SignInError {
    /// Reads an error's body; what is unreadable says nothing.
    pub(crate) fn read(body: &[u8]) -> Self {
        let Ok(answer) = serde_json::from_slice::<Value>(body) else { return Self::default() };
        let listed = answer.get("error_codes").and_then(|codes| codes.get(0)).and_then(Value::as_u64);
        let told = || {
            let (_, after) = answer.get("error_description")?.as_str()?.split_once("AADSTS")?;
            let end = after.find(|c: char| !c.is_ascii_digit()).unwrap_or(after.len());
            after[..end].parse::<u64>().ok()
        };
        Self {
            aadsts: listed.or_else(told).and_then(|number| u32::try_from(number).ok()),
            later: answer.get("error").and_then(Value::as_str) == Some("temporarily_unavailable"),
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    fn error(code: &str, message: &str) -> GraphError {
        GraphError::read(json!({"error": {"code": code, "message": message}}).to_string().as_bytes())
    }

    #[test]
    fn r14_of_an_error_only_a_code_an_id_and_verdicts_are_kept() {
        let body = json!({"error": {"code": "BadRequest", "message": "canary", "innerError": {
            "date": "2026-11-22T10:00:00", "request-id": "3f1f0f6b-5a54-4c0e-9d6b-8c2f0c1e7a10", "client-request-id": "x"}}});
        let read = GraphError::read(body.to_string().as_bytes());
        assert_eq!(read.code.as_ref().map(GraphCode::as_str), Some("BadRequest"));
        assert_eq!(read.request_id.map(|id| id.to_string()).as_deref(), Some("3f1f0f6b-5a54-4c0e-9d6b-8c2f0c1e7a10"));
        assert!(!format!("{read:?}").contains("canary"));
    }

    #[rstest]
    #[case("Request not applicable to target tenant.")]
    #[case("Your tenant is not licensed for this feature.")]
    #[case("AppLifecycle_2210: x")]
    #[case("Neither tenant is B2C or tenant doesn't have premium license")]
    #[case("Unable to perform redirect as Location Header is not set in response")]
    fn i25_a_licence_answer_is_known_by_its_text_however_deep_it_is_packed(#[case] text: &str) {
        // As Intune packs it: escaped, so that the text itself is not in the outer one.
        let mut packed = text.replace('\'', "\\u0027");
        packed = format!(r#"{{"_version":3,"Message":"{packed} - Operation ID (for customer support): x","RetryAfter":null}}"#);
        assert!(error("BadRequest", text).not_for_this_tenant);
        assert!(error("BadRequest", &packed).not_for_this_tenant);
        let twice = json!({"_version": 3, "Message": packed}).to_string();
        assert!(error("BadRequest", &twice).not_for_this_tenant);
    }

    #[test]
    fn a_code_that_means_later_is_known_in_any_case_and_in_the_inner_error() {
        assert!(error("serviceunavailable", "").later);
        assert!(error("CancelledOnServiceTimeout", "").later);
        assert!(error("Unknown", "Resource temporarily unavailable, try later").later);
        assert!(error("TooManyRequests", "").too_many);
        let inner = GraphError::read(br#"{"error":{"code":"","innererror":{"code":"RequestThrottled"}}}"#);
        assert!(inner.too_many);
        assert_eq!(inner.code.as_ref().map(GraphCode::as_str), Some("RequestThrottled"));
        assert!(!error("BadRequest", "no").later && !error("BadRequest", "no").too_many && !error("BadRequest", "no").not_for_this_tenant);
    }

    #[test]
    fn a_top_above_the_limit_is_known_by_its_text() {
        let text = "The limit of '200' for Top query has been exceeded. The value from the incoming request is '999'.";
        assert!(error("BadRequest", text).top_exceeded);
        assert!(error("BadRequest", &json!({"Message": text}).to_string()).top_exceeded);
        assert!(!error("BadRequest", "Could not find a property named 'top'").top_exceeded);
    }

    #[rstest]
    #[case(b"")]
    #[case(b"<html>")]
    #[case(br#"{"error":"text"}"#)]
    #[case(br#"{"error":{"code":7,"message":[]}}"#)]
    #[case(br#"[{"error":{}}]"#)]
    fn an_error_that_is_none_says_nothing(#[case] body: &[u8]) {
        assert_eq!(GraphError::read(body), GraphError::default());
    }

    #[rstest]
    #[case(r#"{"error":"invalid_client","error_codes":[7000215],"error_description":"AADSTS1: x"}"#, Some(7_000_215))]
    #[case(
        r#"{"error":"invalid_client","error_description":"AADSTS7000222: The provided client secret keys are expired"}"#,
        Some(7_000_222)
    )]
    #[case(r#"{"error":"x","error_description":"AADSTS: none"}"#, None)]
    #[case(r#"{"error":"x","error_description":"AADSTS99999999999999999999"}"#, None)]
    #[case(r#"{"error":"x","error_codes":[99999999999]}"#, None)]
    #[case(r#"{"error":"x","error_codes":["7000215"]}"#, None)]
    #[case("<html>", None)]
    fn of_a_refused_sign_in_only_entras_number_is_kept(#[case] body: &str, #[case] number: Option<u32>) {
        assert_eq!(SignInError::read(body.as_bytes()), SignInError { aadsts: number, later: false });
    }
}
