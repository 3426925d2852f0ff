//! Every status: for ever on the first page, and in mid-listing (I15, I25).

use lastseen_model::ErrorCode::{GraphBadRequest, GraphForbidden, GraphInvalidResponse, GraphTimeout, GraphUnauthorized, GraphUnavailable};

use crate::row::{Row, prove};

/// A feature that a tenant may lack.
const OPTIONAL: &str = "cloudPcUserSetting";

pub(crate) const FIRST_PAGE: &[Row] = &[
    Row::ends("400", "action='status'\nstatus=400\ntext='{}'", GraphBadRequest, 1),
    Row::ends("401", "action='unauthorized'", GraphUnauthorized, 2),
    Row::ends("401 without a body", "action='status'\nstatus=401\ntext=''", GraphUnauthorized, 2),
    Row::ends("403", "action='status'\nerror='forbidden'", GraphForbidden, 1),
    Row::ends("403 of conditional access", "action='status'\nerror='access_denied'", GraphForbidden, 1).on("authenticationContext"),
    Row::ends("404", "action='status'\nerror='feature_not_found'", GraphBadRequest, 1),
    Row::ends("405", "action='status'\nstatus=405\ntext=''", GraphBadRequest, 1),
    Row::ends("408", "action='status'\nstatus=408\ntext=''", GraphTimeout, 6),
    Row::ends("410", "action='status'\nerror='page_token_gone'", GraphBadRequest, 1),
    Row::ends("422", "action='status'\nstatus=422\ntext='[]'", GraphBadRequest, 1),
    Row::ends("500", "action='status'\nerror='internal'", GraphUnavailable, 3),
    Row::ends("501", "action='status'\nstatus=501\ntext=''", GraphUnavailable, 6),
    Row::ends("502", "action='status'\nerror='bad_gateway'", GraphUnavailable, 6),
    Row::ends("503", "action='status'\nerror='unavailable'", GraphUnavailable, 6),
    Row::ends("504", "action='status'\nerror='gateway_timeout'", GraphUnavailable, 6),
    Row::ends("509", "action='status'\nstatus=509\ntext=''", GraphUnavailable, 6),
    Row::ends("201", "action='status'\nstatus=201\ntext='{\"value\":[]}'", GraphInvalidResponse, 1),
    Row::ends("204", "action='status'\nstatus=204\ntext=''", GraphInvalidResponse, 1),
    Row::ends("206", "action='status'\nstatus=206\ntext='{\"value\":[]}'", GraphInvalidResponse, 1),
    Row::ends("304", "action='status'\nstatus=304\ntext=''", GraphInvalidResponse, 1),
    Row::ends("a redirect", "action='status'\nstatus=302\ntext=''\nheaders={Location='http://127.0.0.1:9/beta'}", GraphInvalidResponse, 1),
];

pub(crate) const UNAVAILABLE: &[Row] = &[
    Row::unavailable("no Intune licence", "action='status'\nerror='not_applicable'"),
    Row::unavailable("no premium licence", "action='status'\nerror='no_premium_licence'"),
    Row::unavailable("not licensed", "action='status'\nerror='not_licensed'"),
    Row::unavailable("a redirect to nowhere", "action='status'\nstatus=302\ntext=''"),
    Row::unavailable("403 where the feature is optional", "action='status'\nerror='forbidden'").on(OPTIONAL),
    Row::unavailable("404 where the feature is optional", "action='status'\nerror='feature_not_found'").on(OPTIONAL),
];

pub(crate) const MID_LISTING: &[Row] = &[
    Row::ends("a page token that always expires", "action='status'\nerror='page_token_gone'\npage=2", GraphBadRequest, 6),
    Row::ends("a page token that is never valid", "action='status'\nerror='page_token_invalid'\npage=2", GraphBadRequest, 6),
    Row::ends("401 in mid-listing", "action='unauthorized'\npage=2", GraphUnauthorized, 3),
    Row::ends("403 in mid-listing", "action='status'\nerror='forbidden'\npage=2", GraphForbidden, 2),
    Row::ends("404 in mid-listing", "action='status'\nerror='feature_not_found'\npage=3", GraphBadRequest, 3),
    Row::ends("no licence in mid-listing", "action='status'\nerror='not_applicable'\npage=2", GraphBadRequest, 2),
    Row::ends("optional, and 404 in mid-listing", "action='status'\nerror='feature_not_found'\npage=2", GraphBadRequest, 2).on(OPTIONAL),
    Row::ends("500 in mid-listing", "action='status'\nerror='internal'\npage=2", GraphUnavailable, 4),
    Row::ends("504 on the last page", "action='status'\nerror='gateway_timeout'\npage=3", GraphUnavailable, 8),
];

const PASSING: &[Row] = &[
    Row::passes("i16: a page token that expires", "action='status'\nerror='page_token_gone'\npage=2\ntimes=1", 5),
    Row::passes("i16: one that is not valid any more", "action='status'\nerror='page_token_invalid'\npage=3\ntimes=1", 6),
    Row::passes("i16: one that expires twice", "action='status'\nerror='page_token_gone'\npage=2\ntimes=2", 7),
    Row::passes("a token that was revoked", "action='unauthorized'\npage=2\ntimes=1", 4),
    Row::passes("a sick front end", "action='status'\nerror='unavailable'\npage=2\ntimes=3", 6),
    Row::passes("a bad moment", "action='status'\nerror='internal'\ntimes=2", 5),
];

#[tokio::test(flavor = "multi_thread")]
async fn i15_i25_each_status_on_the_first_page_has_its_code_and_is_no_empty_list() {
    prove(FIRST_PAGE).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn i25_a_feature_that_the_tenant_lacks_is_unavailable_and_takes_nothing_away() {
    prove(UNAVAILABLE).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn i02_i15_i16_each_status_in_mid_listing_leaves_it_incomplete() {
    prove(MID_LISTING).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn i16_what_passes_leaves_the_listing_whole() {
    prove(PASSING).await;
}
