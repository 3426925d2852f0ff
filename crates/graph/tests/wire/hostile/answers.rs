//! Errors, tokens and the answers of an identity endpoint, spoilt in every way: a code or a token, and none of their text (I3, I15, I17).

use lastseen_graph::{Credential, GraphFailure, IdentityEndpoint, Proof};
use proptest::prelude::*;
use proptest::sample::{Index, select};

use super::{config, only_below_the_version, runtime};
use crate::support::*;

/// What is put somewhere into an answer.
const SNIPPETS: &[&str] = &[
    "\u{feff}",
    "\0",
    "\"",
    "\\",
    "\\ud800",
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    "null",
    "true",
    "-1",
    "1e999",
    "99999999999999999999999999",
    "0.5",
    "\"access_token\":\"canary-other\",",
    "\"expires_in\":\"x\",",
    "\"expires_in\":0,",
    "\"expires_on\":\"18446744073709551615\",",
    "\"error\":{},",
    "\"error\":\"canary\",",
    "\"error\":{\"code\":\"canary code\"},",
    "\"code\":\"canary/secret\",",
    "AADSTS",
    "AADSTS99999999999999999999",
    "\"error_codes\":[-1],",
    "\"message\":\"{}\",",
    "\"innerError\":{\"request-id\":\"canary\"},",
    "Request not applicable to target tenant",
    "TooManyRequests",
    "\"value\":[],",
];

/// One spoiling of a text: at a place, by a snippet or a byte, or cut.
fn spoiling() -> impl Strategy<Value = (Index, Result<&'static str, u8>, u8)> {
    let what = prop_oneof![select(SNIPPETS).prop_map(Ok), any::<u8>().prop_map(Err)];
    (any::<Index>(), what, 0..4_u8)
}

fn spoil(text: &str, spoilings: &[(Index, Result<&'static str, u8>, u8)]) -> Vec<u8> {
    let mut bytes = text.as_bytes().to_vec();
    for (at, what, how) in spoilings {
        let at = at.index(bytes.len() + 1);
        match (what, how) {
            (_, 0) => bytes.truncate(at),
            (Ok(snippet), 1) => {
                let until = (at + snippet.len()).min(bytes.len());
                drop(bytes.splice(at..until, snippet.bytes()));
            }
            (Ok(snippet), _) => drop(bytes.splice(at..at, snippet.bytes())),
            (Err(byte), _) => bytes.insert(at, *byte),
        }
    }
    bytes
}

const ERRORS: &[&str] = &[
    r#"{"error":{"code":"BadRequest","message":"canary-message","innerError":{"date":"2026-11-22T10:00:00","request-id":"3f1f0f6b-5a54-4c0e-9d6b-8c2f0c1e7a10","client-request-id":"canary"}}}"#,
    r#"{"error":{"code":"Forbidden","message":"{\"_version\":3,\"Message\":\"canary - Operation ID (for customer support): x - Url: https://fef.canary.manage.microsoft.com/\",\"CustomApiErrorPhrase\":\"canary\",\"RetryAfter\":null}"}}"#,
    "<html>canary</html>",
];

/// What is read of an answer, whatever else is in it.
#[derive(serde::Deserialize)]
struct Token {
    access_token: String,
}

/// Nothing of a foreign text is in what is told and kept of a failure, and all of it is bounded.
fn says_nothing(failure: &GraphFailure) -> Result<(), TestCaseError> {
    let kept = serde_json::to_string(&failure.context).expect("JSON");
    let said = format!("{failure} {failure:?} {kept}");
    prop_assert!(!said.contains("canary"), "{said}");
    prop_assert!(said.len() < 2_000, "{said}");
    Ok(())
}

proptest! {
    #![proptest_config(config(250))]

    #[test]
    fn i15_i17_whatever_an_error_says_it_comes_to_a_code_and_no_text_of_it_stays(
        status in 300..1_000_u16,
        error in select(ERRORS),
        spoilings in prop::collection::vec(spoiling(), 0..3),
        select_it: bool,
    ) {
        runtime().block_on(async {
            let server = Server::start().await;
            let body = spoil(error, &spoilings);
            server.route(move |_| Reply::Send(bytes(status, &[("request-id", "canary"), ("x-ms-ags-diagnostic", "canary")], &body)));
            let asked = lastseen_contracts::PathContract { select: select_it, page_size: Some(999), ..path("/things") };
            let listed = list(server.session(&FakeTimer::new()).pages(&asked, &[0])).await;
            prop_assert!(listed.pages.is_empty());
            says_nothing(&listed.failure.expect("no status but 200 is a page"))?;
            only_below_the_version(&server, 6 + 6 * 6)
        })?;
    }

    #[test]
    fn i03_i17_a_spoilt_token_is_a_code_or_the_token_that_is_there(
        status in prop_oneof![4 => Just(200_u16), 1 => 201..600_u16],
        spoilings in prop::collection::vec(spoiling(), 0..3),
        refusal: bool,
    ) {
        runtime().block_on(async {
            let server = Server::start().await;
            let whole = if refusal {
                r#"{"error":"invalid_client","error_description":"AADSTS7000215: canary","error_codes":[7000215],"trace_id":"canary"}"#
            } else {
                r#"{"token_type":"Bearer","expires_in":3599,"ext_expires_in":3599,"access_token":"e30.e30.canary"}"#
            };
            let body = spoil(whole, &spoilings);
            server.sign_in(vec![Reply::Send(bytes(status, &[], &body)); 20]);
            server.graph([server.page(&["1"], None)]);
            let listed = list(server.session(&FakeTimer::new()).pages(&path("/things"), &[0])).await;
            prop_assert!(server.signed_in().len() <= 6);
            if let Some(failure) = &listed.failure {
                says_nothing(failure)?;
                prop_assert!(server.asked().is_empty());
            } else {
                let text = str::from_utf8(&body).expect("only text has a token");
                let bearer = format!("Bearer {}", serde_json::from_str::<Token>(text).expect("a token").access_token);
                let asked = server.asked();
                prop_assert_eq!(asked[0].header("authorization"), Some(bearer.as_str()));
            }
            Ok(())
        })?;
    }

    #[test]
    fn i03_i17_a_spoilt_answer_of_an_identity_endpoint_is_a_code_or_the_token_that_is_there(
        status in prop_oneof![4 => Just(200_u16), 1 => 201..600_u16],
        spoilings in prop::collection::vec(spoiling(), 0..3),
    ) {
        runtime().block_on(async {
            let (server, machine) = (Server::start().await, Server::start().await);
            let body = spoil(r#"{"access_token":"e30.e30.canary","expires_in":"86400","expires_on":"1506484173","resource":"x","token_type":"Bearer"}"#, &spoilings);
            machine.route(move |_| Reply::Send(bytes(status, &[("Location", "http://127.0.0.1:1/canary")], &body)));
            server.graph([server.page(&["1"], None)]);
            let endpoint = IdentityEndpoint::machine_at(&machine.url("")).expect("loopback");
            let access = server.access_by(Credential { client_id: None, proof: Proof::ManagedIdentity(endpoint) });
            let listed = list(server.client(&FakeTimer::new()).session_by(TENANT, access).pages(&path("/things"), &[0])).await;
            prop_assert!(machine.requests().len() <= 6);
            for request in machine.requests() {
                prop_assert!(request.header("authorization").is_none() && request.target().starts_with("/metadata/identity/oauth2/token?"));
            }
            if let Some(failure) = &listed.failure {
                says_nothing(failure)?;
            }
            prop_assert_eq!(listed.failure.is_some(), server.asked().is_empty());
            Ok(())
        })?;
    }
}
