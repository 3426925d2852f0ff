//! Answers that are none, or that never end (I15, I19, I30).

use std::time::Duration;

use lastseen_model::ErrorCode::{GraphConnection, GraphInvalidResponse, GraphPageCap, GraphTimeout, ItemRejected};

use crate::row::{Row, prove};
use crate::support::World;

/// A client that gives up soon.
fn impatient(world: &mut World) {
    world.graph.request_timeout = Duration::from_secs(2);
    world.graph.max_attempts = 2;
}

fn small_bodies(world: &mut World) {
    world.graph.body_cap = 100_000;
}

fn few_pages(world: &mut World) {
    world.graph.page_cap = 10;
}

pub(crate) const BROKEN: &[Row] = &[
    Row::ends("cut off", "action='truncate'", GraphInvalidResponse, 3),
    Row::ends("cut off in mid-listing", "action='truncate'\npage=2", GraphInvalidResponse, 4),
    Row::ends("reset", "action='reset'", GraphConnection, 6),
    Row::ends("reset on the last page", "action='reset'\npage=3", GraphConnection, 8),
    Row::ends("no answer at all", "action='hang'", GraphTimeout, 2).within(impatient),
    Row::ends("a page of HTML", "action='garbage'", GraphInvalidResponse, 3),
    Row::ends("JSON that breaks off", "action='invalid_json'\npage=2", GraphInvalidResponse, 4),
    Row::ends("an empty body", "action='status'\nstatus=200\ntext=''", GraphInvalidResponse, 3),
    Row::ends("no value", "action='no_value'", GraphInvalidResponse, 1),
    Row::ends("no value in mid-listing", "action='no_value'\npage=2", GraphInvalidResponse, 2),
    Row::ends("an error with 200", "action='status'\nstatus=200\ntext='{\"value\":[],\"error\":{}}'", GraphInvalidResponse, 1),
    Row::ends(
        "a link under another name",
        "action='status'\nstatus=200\ntext='{\"value\":[],\"@nextLink\":\"x\"}'",
        GraphInvalidResponse,
        1,
    ),
    Row::ends("a value that comes twice", "action='status'\nstatus=200\ntext='{\"value\":[],\"value\":[]}'", GraphInvalidResponse, 1),
    Row::ends(
        "packed as nobody asked",
        "action='status'\nstatus=200\ntext='{\"value\":[]}'\nheaders={Content-Encoding='br'}",
        GraphInvalidResponse,
        1,
    ),
    Row::ends(
        "packed, it says",
        "action='status'\nstatus=200\ntext='{\"value\":[]}'\nheaders={Content-Encoding='gzip'}",
        GraphInvalidResponse,
        3,
    ),
];

pub(crate) const WITHOUT_END: &[Row] = &[
    Row::ends("i30: too deep", "action='deep'", GraphInvalidResponse, 1),
    Row::ends("i30: too large", "action='huge'\nbytes=200000", GraphInvalidResponse, 1).within(small_bodies),
    Row::ends("i30: the same page for ever", "action='duplicate_page'", GraphPageCap, 10).within(few_pages),
];

pub(crate) const REJECTED: &[Row] = &[
    Row::ends("no id", "action='rejected_object'\nobject='no_id'\npage=2", ItemRejected, 3),
    Row::ends("an empty id", "action='rejected_object'\nobject='empty_id'", ItemRejected, 3),
    Row::ends("an id that is too long", "action='rejected_object'\nobject='long_id'", ItemRejected, 3),
    Row::ends("an id with a NUL", "action='rejected_object'\nobject='nul_id'", ItemRejected, 3),
    Row::ends("an id that is a number", "action='rejected_object'\nobject='number_id'", ItemRejected, 3),
    Row::ends("null", "action='rejected_object'\nobject='null'", ItemRejected, 3),
    Row::ends("a text on the last page", "action='rejected_object'\nobject='text'\npage=3", ItemRejected, 3),
];

const PASSING: &[Row] = &[
    Row::passes("cut off twice", "action='truncate'\ntimes=2", 5),
    Row::passes("reset five times", "action='reset'\npage=2\ntimes=5", 8),
    Row::passes("a guest network's page", "action='garbage'\ntimes=1", 4),
    Row::passes("late", "action='slow'\nmilliseconds=50", 3),
    Row::passes("i20: a page twice", "action='duplicate_page'\npage=2\ntimes=1", 4),
    Row::passes("i20: pages shift", "action='shift'\npage=1\ntimes=1", 3),
    Row::passes("an empty page between", "action='empty_page'\npage=2\ntimes=1", 4),
    Row::passes("a link on the last page after all", "action='next_link_on_last'\ntimes=1", 4),
];

#[tokio::test(flavor = "multi_thread")]
async fn i15_an_answer_that_is_none_has_its_code_and_is_no_list() {
    prove(BROKEN).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn i30_every_bound_that_stops_a_listing_leaves_it_incomplete() {
    prove(WITHOUT_END).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn i19_an_object_that_cannot_be_identified_leaves_its_listing_incomplete_and_costs_no_other() {
    prove(REJECTED).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn i20_what_passes_leaves_the_listing_whole() {
    prove(PASSING).await;
}
