//! Next links that lead elsewhere or in circles (I29).

use lastseen_model::ErrorCode::{GraphPageLoop, GraphUntrustedLink};

use crate::row::{Row, prove};

pub(crate) const LINKS: &[Row] = &[
    Row::ends("to itself", "action='loop'", GraphPageLoop, 1),
    Row::ends("to itself in mid-listing", "action='loop'\npage=2", GraphPageLoop, 2),
    Row::ends("to another host", "action='foreign_next_link'\nlink='https://elsewhere.example/beta'", GraphUntrustedLink, 1),
    Row::ends("to another version", "action='foreign_next_link'\nlink='{origin}/v1.0'", GraphUntrustedLink, 1),
    Row::ends("to a version that looks like it", "action='foreign_next_link'\nlink='{origin}/beta2'", GraphUntrustedLink, 1),
    Row::ends("out of the version by dots", "action='foreign_next_link'\nlink='{origin}/beta/../v1.0'", GraphUntrustedLink, 1),
    Row::ends("by packed dots", "action='foreign_next_link'\nlink='{origin}/beta/%2e%2E/v1.0'", GraphUntrustedLink, 1),
    Row::ends(
        "by dots between packed slashes",
        "action='foreign_next_link'\nlink='{origin}/beta/x%2f..%2f..%2fv1.0'",
        GraphUntrustedLink,
        1,
    ),
    Row::ends("by backslashes", "action='foreign_next_link'\nlink='{origin}\\\\beta\\\\..\\\\v1.0'", GraphUntrustedLink, 1),
    Row::ends("to a host that begins like it", "action='foreign_next_link'\nlink='{origin}.elsewhere.example/beta'", GraphUntrustedLink, 1),
    Row::ends("a user named as it", "action='foreign_next_link'\nlink='{origin}@elsewhere.example/beta'", GraphUntrustedLink, 1),
    Row::ends("without a scheme", "action='foreign_next_link'\nlink='//elsewhere.example/beta'", GraphUntrustedLink, 1),
    Row::ends("no address", "action='foreign_next_link'\nlink='javascript:alert(1)'", GraphUntrustedLink, 1),
    Row::ends("in mid-listing", "action='foreign_next_link'\nlink='http://127.0.0.1:9/beta'\npage=2", GraphUntrustedLink, 2),
];

#[tokio::test(flavor = "multi_thread")]
async fn i29_a_link_is_followed_only_where_it_may_lead_and_only_once() {
    prove(LINKS).await;
}
