//! The table at the top of [`super`], row by row: every row has cases, and no case is of a row that is not there.

use std::collections::BTreeSet;

use super::*;
use Came::{Deep, Nothing, Redirect, Status};

/// What came, in a case.
enum Came {
    /// A status and a body, without a `Location`.
    Status(u16, &'static str),
    /// A redirect with a `Location`.
    Redirect(u16),
    /// A page with something so deep in its `value`.
    Deep(usize),
    /// No whole answer.
    Nothing(Fault),
}

/// Its name, what came, what was asked, and the verdict as [`said`] says it.
struct Case(&'static str, Came, Asked, &'static str);

/// A row of the table by its first column, and its cases.
struct Row(&'static str, &'static [Case]);

const ROWS: &[Row] = &[
    Row(
        "200 with a page",
        &[Case("a_page", Status(200, r#"{"value":[]}"#), FIRST, "page"), Case("as_deep_as_may_be", Deep(62), FIRST, "page")],
    ),
    Row(
        "200, not JSON or cut off",
        &[
            Case("not_json", Status(200, "<html>"), FIRST, "again, a few times: graph_invalid_response"),
            Case("cut_off_json", Status(200, r#"{"value":["#), FIRST, "again, a few times: graph_invalid_response"),
            Case("cut_off", Nothing(Fault::CutOff), FIRST, "again, a few times, over a new connection: graph_invalid_response"),
            Case("garbled", Nothing(Fault::Garbled), FIRST, "again, a few times, over a new connection: graph_invalid_response"),
        ],
    ),
    Row(
        "200 with an `error`, without `value`, too large, too deep; any other 2xx",
        &[
            Case("an_error_in_a_200", Status(200, r#"{"value":[],"error":{"code":"TooManyRequests"}}"#), FIRST, "graph_invalid_response"),
            Case("no_value", Status(200, "{}"), FIRST, "graph_invalid_response"),
            Case("created", Status(201, r#"{"value":[]}"#), FIRST, "graph_invalid_response"),
            Case("no_content", Status(204, ""), FIRST, "graph_invalid_response"),
            Case("part_of_it", Status(206, r#"{"value":[]}"#), FIRST, "graph_invalid_response"),
            Case("too_large", Nothing(Fault::TooLarge), FIRST, "graph_invalid_response"),
            Case("packed_as_nobody_asked", Nothing(Fault::Encoding), FIRST, "graph_invalid_response"),
            Case("too_deep", Deep(65), FIRST, "graph_invalid_response"),
        ],
    ),
    Row(
        "a redirect without a place to go (how a tenant without Intune answers)",
        &[
            Case("redirect_to_nowhere", Status(302, ""), FIRST, "graph_feature_unavailable"),
            Case("moved_to_nowhere", Status(308, ""), OPTIONAL, "graph_feature_unavailable"),
        ],
    ),
    Row(
        "any other 3xx; never followed",
        &[
            Case("not_modified", Status(304, ""), FIRST, "graph_invalid_response"),
            Case("redirect_on_a_link", Status(302, ""), LINK, "graph_invalid_response"),
            Case("redirect_below_a_parent", Status(302, ""), CHILD, "graph_invalid_response"),
            Case("redirect_with_a_place_to_go", Redirect(302), OPTIONAL, "graph_invalid_response"),
        ],
    ),
    Row(
        "401",
        &[
            Case("unauthorized", Status(401, ""), FIRST, "fresh token"),
            Case("unauthorized_again", Status(401, ""), FRESH, "graph_unauthorized"),
            Case("unauthorized_where_optional", Status(401, LICENCE), Asked { optional_feature: true, ..FRESH }, "graph_unauthorized"),
        ],
    ),
    Row(
        "408",
        &[
            Case("request_timeout", Status(408, ""), FIRST, "again: graph_timeout"),
            Case("request_timeout_after_a_smaller_top", Status(408, ""), FEW, "again, a few times: graph_timeout"),
        ],
    ),
    Row(
        "429, or a 4xx whose code means it",
        &[
            Case("too_many_as_400", Status(400, r#"{"error":{"code":"TooManyRequests"}}"#), LINK, "again: graph_throttled"),
            Case("throttled", Status(429, ""), FIRST, "again: graph_throttled"),
            Case("throttled_with_a_licence_text", Status(429, LICENCE), OPTIONAL, "again: graph_throttled"),
            Case("throttled_after_a_smaller_top", Status(429, ""), FEW, "again: graph_throttled"),
        ],
    ),
    Row(
        "4xx or 500 that says *not for this tenant* or *no licence*",
        &[
            Case("no_licence", Status(400, LICENCE), FIRST, "graph_feature_unavailable"),
            Case("no_licence_with_select", Status(400, LICENCE), SELECT, "graph_feature_unavailable"),
            Case("no_licence_as_403", Status(403, LICENCE), FIRST, "graph_feature_unavailable"),
            Case("no_licence_as_404", Status(404, LICENCE), FIRST, "graph_feature_unavailable"),
            Case("no_licence_as_500", Status(500, LICENCE), FIRST, "graph_feature_unavailable"),
        ],
    ),
    Row(
        "4xx that says *later*",
        &[
            Case("later_as_400", Status(400, r#"{"error":{"code":"ServiceUnavailable"}}"#), SELECT, "again: graph_unavailable"),
            Case(
                "later_by_text",
                Status(400, r#"{"error":{"code":"","message":"Resource temporarily unavailable"}}"#),
                FIRST,
                "again: graph_unavailable",
            ),
        ],
    ),
    Row(
        "403, 404 where the contract marks the feature as optional",
        &[
            Case("forbidden_where_optional", Status(403, PLAIN), OPTIONAL, "graph_feature_unavailable"),
            Case("not_found_where_optional", Status(404, ""), OPTIONAL, "graph_feature_unavailable"),
        ],
    ),
    Row(
        "403",
        &[
            Case("forbidden", Status(403, PLAIN), FIRST, "graph_forbidden"),
            Case("forbidden_on_a_link", Status(403, PLAIN), LINK, "graph_forbidden"),
            Case("forbidden_below_a_parent", Status(403, PLAIN), CHILD, "graph_forbidden"),
            Case("no_licence_below_a_parent", Status(403, LICENCE), CHILD, "graph_forbidden"),
        ],
    ),
    Row(
        "400, 410 on a next link, that says *not for this tenant*",
        &[
            Case("no_licence_in_mid_listing", Status(400, LICENCE), LINK, "graph_bad_request"),
            Case("no_licence_in_mid_listing_with_everything", Status(400, LICENCE), ALL_ON_A_LINK, "graph_bad_request"),
        ],
    ),
    Row(
        "any other 400, 410 on a next link: its page token has expired",
        &[
            Case("expired_link", Status(400, PLAIN), LINK, "restart"),
            Case("expired_link_with_everything", Status(400, EXCEEDED), ALL_ON_A_LINK, "restart"),
            Case("gone_link", Status(410, ""), LINK, "restart"),
        ],
    ),
    Row(
        "400 on a first page with `$top`, that says the limit was exceeded",
        &[Case("top_exceeded_with_everything", Status(400, EXCEEDED), ALL, "smaller pages")],
    ),
    Row(
        "400 on a first page with `$select`",
        &[
            Case("bad_request_with_select", Status(400, PLAIN), SELECT, "without $select"),
            Case("bad_request_with_everything", Status(400, PLAIN), ALL, "without $select"),
            Case("top_exceeded_without_top", Status(400, EXCEEDED), SELECT, "without $select"),
        ],
    ),
    Row("400 on a first page with `$expand`", &[Case("bad_request_with_expand", Status(400, PLAIN), EXPAND, "without $expand")]),
    Row("400 on a first page with `$top`", &[Case("bad_request_with_top", Status(400, PLAIN), TOP, "smaller pages")]),
    Row(
        "any other 4xx",
        &[
            Case("bad_request", Status(400, PLAIN), FIRST, "graph_bad_request"),
            Case("bad_request_where_optional", Status(400, PLAIN), OPTIONAL, "graph_bad_request"),
            Case("no_licence_as_400_below_a_parent", Status(400, LICENCE), CHILD, "graph_bad_request"),
            Case("not_found_below_a_parent", Status(404, ""), CHILD, "graph_bad_request"),
            Case("not_found", Status(404, ""), FIRST, "graph_bad_request"),
            Case("not_found_on_a_link", Status(404, ""), LINK, "graph_bad_request"),
            Case("method", Status(405, ""), FIRST, "graph_bad_request"),
            Case("gone", Status(410, ""), FIRST, "graph_bad_request"),
            Case("unprocessable", Status(422, ""), SELECT, "graph_bad_request"),
        ],
    ),
    Row(
        "500",
        &[
            Case("internal", Status(500, PLAIN), FIRST, "again, a few times: graph_unavailable"),
            Case("internal_on_a_link", Status(500, ""), LINK, "again, a few times: graph_unavailable"),
            Case("internal_with_top", Status(500, PLAIN), TOP, "again, a few times: graph_unavailable"),
        ],
    ),
    Row(
        "any other 5xx",
        &[
            Case("not_implemented", Status(501, ""), FIRST, "again: graph_unavailable"),
            Case("bad_gateway", Status(502, ""), FIRST, "again: graph_unavailable"),
            Case("unavailable", Status(503, ""), FIRST, "again, over a new connection: graph_unavailable"),
            Case("gateway_timeout", Status(504, ""), FIRST, "again: graph_unavailable"),
            Case("gateway_timeout_after_a_smaller_top", Status(504, ""), FEW, "again, a few times: graph_unavailable"),
            Case("bandwidth", Status(509, ""), OPTIONAL, "again: graph_unavailable"),
        ],
    ),
    Row(
        "no answer: time-out, no connection",
        &[
            Case("no_connection", Nothing(Fault::Connection), FIRST, "again, over a new connection: graph_connection"),
            Case("time_out", Nothing(Fault::Timeout), FIRST, "again, over a new connection: graph_timeout"),
        ],
    ),
];

/// The rows of the table as the documentation has them: what came, and what follows.
fn documented() -> Vec<(&'static str, &'static str)> {
    let lines = include_str!("classify.rs").lines().map_while(|line| line.strip_prefix("//!")).map(str::trim);
    let rows = lines.filter_map(|line| line.strip_prefix("| ")?.strip_suffix(" |")?.split_once(" | "));
    rows.filter(|(came, _)| !came.starts_with("---") && *came != "what came").collect()
}

#[test]
fn i03_every_row_of_the_table_has_cases_and_every_case_a_row() {
    let documented: Vec<_> = documented().into_iter().map(|(came, _)| came).collect();
    let covered: Vec<_> = ROWS.iter().map(|Row(came, _)| *came).collect();
    assert_eq!(documented, covered, "the rows of classify.rs, and those with cases here");
    assert!(documented.len() > 15, "the table was read");
    assert!(ROWS.iter().all(|Row(_, cases)| !cases.is_empty()));
    let names: BTreeSet<_> = ROWS.iter().flat_map(|Row(_, cases)| *cases).map(|Case(name, ..)| name).collect();
    assert_eq!(names.len(), ROWS.iter().map(|Row(_, cases)| cases.len()).sum::<usize>(), "each name once");
}

#[test]
fn i03_every_answer_is_judged_as_its_row_of_the_table_says() {
    for (Row(row, cases), (_, follows)) in ROWS.iter().zip(documented()) {
        for Case(name, came, asked, expected) in *cases {
            let (outcome, status) = match came {
                Status(status, body) => (Ok(answer(*status, body)), Some(*status)),
                Redirect(status) => (Ok(Answer { has_location: true, ..answer(*status, "") }), Some(*status)),
                Deep(depth) => {
                    let body = format!(r#"{{"value":[{}{}]}}"#, "[".repeat(*depth), "]".repeat(*depth));
                    (Ok(answer(200, &body)), Some(200))
                }
                Nothing(fault) => (Err(*fault), None),
            };
            let (verdict, context) = judge(outcome, asked);
            assert_eq!(said(&verdict), *expected, "{row}: {name}");
            assert_eq!(context.http_status, status, "{row}: {name}");
            // And the row says no less: the code that it may come to in the end, and that it is asked for again.
            let code = expected.rsplit(' ').next().unwrap_or_default();
            if code.starts_with("graph_") {
                assert!(follows.contains(&format!("`{code}`")), "{row}: {name}: {code} is not in `{follows}`");
            }
            assert_eq!(expected.starts_with("again"), follows.starts_with("again"), "{row}: {name}");
        }
    }
}

#[test]
fn a_status_that_is_none_is_no_answer() {
    assert_eq!(said(&judge(Ok(answer(600, "")), &FIRST).0), "graph_invalid_response");
}
