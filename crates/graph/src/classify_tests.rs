use rstest::rstest;
use serde_json::json;

use super::*;

#[path = "classify_rows.rs"]
mod rows;

const FIRST: Asked = Asked {
    kind: PathKind::Collection,
    depth_cap: 64,
    optional_feature: false,
    page_read: false,
    next_link: false,
    options: Options { select: false, expand: false, top: None },
    few: false,
    fresh_token: false,
};
const OPTIONAL: Asked = Asked { optional_feature: true, ..FIRST };
const LINK: Asked = Asked { next_link: true, page_read: true, ..FIRST };
const CHILD: Asked = Asked { page_read: true, ..OPTIONAL };
const ALL: Asked = Asked { options: Options { select: true, expand: true, top: Some(999) }, ..FIRST };
const SELECT: Asked = Asked { options: Options { select: true, expand: false, top: None }, ..FIRST };
const EXPAND: Asked = Asked { options: Options { select: false, expand: true, top: Some(999) }, ..FIRST };
const TOP: Asked = Asked { options: Options { select: false, expand: false, top: Some(999) }, ..FIRST };
const ALL_ON_A_LINK: Asked = Asked { next_link: true, page_read: true, ..ALL };
const FEW: Asked = Asked { few: true, ..TOP };
const FRESH: Asked = Asked { fresh_token: true, ..FIRST };

const PLAIN: &str = r#"{"error":{"code":"BadRequest","message":"no"}}"#;
const EXCEEDED: &str = r#"{"error":{"code":"BadRequest","message":"The limit of '200' for Top query has been exceeded."}}"#;
const LICENCE: &str = r#"{"error":{"code":"BadRequest","message":"Request not applicable to target tenant."}}"#;

/// A verdict as text, so that a row of the table reads as one.
fn said(verdict: &Verdict) -> String {
    match verdict {
        Verdict::Again(again) => {
            let few = if again.few { ", a few times" } else { "" };
            let route = if again.route == Route::New { ", over a new connection" } else { "" };
            format!("again{few}{route}: {}", again.code)
        }
        other => other.name().to_owned(),
    }
}

fn answer(status: u16, body: &str) -> Answer {
    let status = StatusCode::from_u16(status).expect("a status");
    Answer { status, retry_after: None, request_id: None, claims: None, has_location: false, body: Ok(body.as_bytes().to_vec()) }
}

#[rstest]
#[case(Fault::Connection, "again, over a new connection: graph_connection")]
#[case(Fault::Timeout, "again, over a new connection: graph_timeout")]
#[case(Fault::CutOff, "again, a few times, over a new connection: graph_invalid_response")]
#[case(Fault::Garbled, "again, a few times, over a new connection: graph_invalid_response")]
#[case(Fault::TooLarge, "graph_invalid_response")]
#[case(Fault::Encoding, "graph_invalid_response")]
#[case(Fault::Unsendable, "internal")]
fn i15_no_answer_has_a_code_too_before_and_within_the_body(#[case] fault: Fault, #[case] expected: &str) {
    let (verdict, context) = judge(Err(fault), &FIRST);
    assert_eq!((said(&verdict).as_str(), context), (expected, ErrorContext::default()));
    let (verdict, _) = judge(Ok(Answer { body: Err(fault), ..answer(200, "") }), &FIRST);
    assert_eq!(said(&verdict), expected);
}

#[rstest]
#[case(ErrorCode::GraphUnavailable, Some(500), true, true)]
#[case(ErrorCode::GraphUnavailable, Some(502), true, true)]
#[case(ErrorCode::GraphUnavailable, Some(503), true, true)]
#[case(ErrorCode::GraphUnavailable, Some(504), true, true)]
#[case(ErrorCode::GraphTimeout, None, true, true)]
#[case(ErrorCode::GraphTimeout, Some(408), true, true)]
#[case(ErrorCode::GraphUnavailable, Some(509), false, false)]
#[case(ErrorCode::GraphUnavailable, Some(400), false, false)]
#[case(ErrorCode::GraphBadRequest, Some(400), false, true)]
#[case(ErrorCode::GraphThrottled, Some(429), false, false)]
#[case(ErrorCode::GraphForbidden, Some(403), false, false)]
#[case(ErrorCode::GraphConnection, None, false, false)]
#[case(ErrorCode::Cancelled, None, false, false)]
fn what_ends_a_page_decides_whether_a_smaller_one_is_asked_for(
    #[case] code: ErrorCode,
    #[case] http_status: Option<u16>,
    #[case] smaller: bool,
    #[case] fallbacks: bool,
) {
    let failure = GraphFailure { code, context: ErrorContext { http_status, ..ErrorContext::default() } };
    assert_eq!((smaller_pages_may_help(&failure), was_a_fallbacks(&failure)), (smaller, fallbacks));
}

#[test]
fn i25_below_a_parent_no_answer_is_an_absent_feature() {
    for status in (100..=999).filter(|status| *status != 200) {
        for body in [PLAIN, LICENCE, ""] {
            let (verdict, _) = judge(Ok(answer(status, body)), &CHILD);
            assert!(!matches!(verdict, Verdict::End(ErrorCode::GraphFeatureUnavailable)), "{status} {body}");
        }
    }
}

#[test]
fn i25_no_status_but_200_is_ever_a_page() {
    for status in (100..=999).filter(|status| *status != 200) {
        for asked in [FIRST, OPTIONAL, LINK, SELECT, ALL, CHILD, FEW, FRESH] {
            let (verdict, _) = judge(Ok(answer(status, r#"{"value":[]}"#)), &asked);
            assert!(!matches!(verdict, Verdict::Page(_)), "{status}");
        }
    }
}

#[test]
fn an_error_whose_body_broke_off_is_judged_by_its_status() {
    let (verdict, _) = judge(Ok(Answer { body: Err(Fault::CutOff), ..answer(403, "") }), &FIRST);
    assert_eq!(said(&verdict), "graph_forbidden");
}

#[test]
fn the_context_keeps_status_code_and_the_request_id_of_the_header_or_else_the_body() {
    let body =
        json!({"error": {"code": "Forbidden", "message": "canary", "innerError": {"request-id": "3f1f0f6b-5a54-4c0e-9d6b-8c2f0c1e7a10"}}});
    let (_, context) = judge(Ok(answer(403, &body.to_string())), &FIRST);
    assert_eq!(context.graph_code.as_ref().map(lastseen_model::GraphCode::as_str), Some("Forbidden"));
    assert_eq!(context.request_id.map(|id| id.to_string()).as_deref(), Some("3f1f0f6b-5a54-4c0e-9d6b-8c2f0c1e7a10"));
    let header = uuid::Uuid::from_u128(7);
    let (_, context) = judge(Ok(Answer { request_id: Some(header), ..answer(403, &body.to_string()) }), &FIRST);
    assert_eq!(context.request_id, Some(header));
}

fn said_of_sign_in(verdict: &SignInVerdict) -> String {
    match verdict {
        SignInVerdict::Granted(_) => "granted".into(),
        SignInVerdict::Again(again) => said(&Verdict::Again(*again)),
        SignInVerdict::End(code) => code.to_string(),
    }
}

#[rstest]
#[case(200, r#"{"access_token":"t","expires_in":3599}"#, "granted", None)]
#[case(200, "<html>", "again, a few times: graph_invalid_response", None)]
#[case(200, r#"{"error":"x"}"#, "graph_invalid_response", None)]
#[case(302, "", "graph_invalid_response", None)]
#[case(400, r#"{"error":"x","error_codes":[90002]}"#, "auth_failed", Some(90_002))]
#[case(400, r#"{"error":"temporarily_unavailable"}"#, "again: graph_unavailable", None)]
#[case(401, r#"{"error":"invalid_client","error_codes":[7000215]}"#, "auth_failed", Some(7_000_215))]
#[case(404, "", "auth_failed", None)]
#[case(408, "", "again: graph_timeout", None)]
#[case(429, "", "again: graph_throttled", None)]
#[case(500, "", "again, a few times: graph_unavailable", None)]
#[case(503, "", "again, over a new connection: graph_unavailable", None)]
fn every_answer_of_the_token_endpoint_is_judged(
    #[case] status: u16,
    #[case] body: &str,
    #[case] expected: &str,
    #[case] aadsts: Option<u32>,
) {
    let (verdict, context) = judge_sign_in(Ok(answer(status, body)));
    assert_eq!((said_of_sign_in(&verdict).as_str(), context.aadsts, context.http_status), (expected, aadsts, Some(status)));
}

#[test]
fn no_answer_of_the_token_endpoint_has_a_code_too() {
    let code = |fault| said_of_sign_in(&judge_sign_in(Err(fault)).0);
    assert_eq!(code(Fault::Connection), "again, over a new connection: graph_connection");
    assert_eq!(code(Fault::Timeout), "again, over a new connection: graph_timeout");
    assert_eq!(code(Fault::TooLarge), "graph_invalid_response");
}
