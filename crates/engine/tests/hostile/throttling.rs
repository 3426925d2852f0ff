//! Too many requests: waits are read, kept within bounds, and end in a code (I13, I14).

use lastseen_model::ErrorCode::{GraphThrottled, GraphUnavailable};

use crate::row::{Row, prove};

/// Conditional access, which never says when.
const CONDITIONAL_ACCESS: &str = "authenticationContext";

pub(crate) const FOR_EVER: &[Row] = &[
    Row::ends("seconds", "action='status'\nerror='throttled'\nretry_after='10'", GraphThrottled, 6),
    Row::ends("a decimal", "action='status'\nerror='throttled'\nretry_after='2.128'", GraphThrottled, 6),
    Row::ends(
        "a pair: two waits of two minutes fill the budget of a page",
        "action='status'\nerror='throttled'\nretry_after='30,120'",
        GraphThrottled,
        3,
    ),
    Row::ends("a pair that begins with nothing", "action='status'\nerror='throttled'\nretry_after='0,120'", GraphThrottled, 3),
    Row::ends("zero", "action='status'\nerror='throttled'\nretry_after='0'", GraphThrottled, 6),
    Row::ends("negative", "action='status'\nerror='throttled'\nretry_after='-5'", GraphThrottled, 6),
    Row::ends("absent", "action='status'\nerror='throttled'\nretry_after=''", GraphThrottled, 6),
    Row::ends("words", "action='status'\nerror='throttled'\nretry_after='soon'", GraphThrottled, 6),
    Row::ends("a date in the past", "action='status'\nerror='throttled'\nretry_after='Sun, 06 Nov 1994 08:49:37 GMT'", GraphThrottled, 6),
    Row::ends(
        "a date in the far future",
        "action='status'\nerror='throttled'\nretry_after='Fri, 31 Dec 9999 23:59:59 GMT'",
        GraphThrottled,
        1,
    ),
    Row::ends("a second above the ceiling", "action='status'\nerror='throttled'\nretry_after='121'", GraphThrottled, 1),
    Row::ends("a number without end", "action='status'\nerror='throttled'\nretry_after='99999999999999999999999'", GraphThrottled, 1),
    Row::ends("on the second page", "action='status'\nerror='throttled'\nretry_after='10'\npage=2", GraphThrottled, 7),
    Row::ends(
        "said by a code in a 400",
        "action='status'\nstatus=400\ntext='{\"error\":{\"code\":\"TooManyRequests\"}}'",
        GraphThrottled,
        6,
    ),
    Row::ends("conditional access never says when", "action='status'\nerror='throttled'\nretry_after=''", GraphThrottled, 6)
        .on(CONDITIONAL_ACCESS),
    Row::ends("a 503 that says when", "action='status'\nerror='unavailable'\nretry_after='2.128'", GraphUnavailable, 6),
];

const PASSING: &[Row] = &[
    Row::passes("two times ten seconds", "action='status'\nerror='throttled'\nretry_after='10'\ntimes=2", 5),
    Row::passes("one pair", "action='status'\nerror='throttled'\nretry_after='60,120'\ntimes=1", 4),
    Row::passes("twice without a word", "action='status'\nerror='throttled'\nretry_after=''\ntimes=2", 5),
    Row::passes("five times on the last page", "action='status'\nerror='throttled'\nretry_after='1'\npage=3\ntimes=5", 8),
    Row::passes("conditional access, twice", "action='status'\nerror='throttled'\nretry_after=''\ntimes=2", 5).on(CONDITIONAL_ACCESS),
];

#[tokio::test(flavor = "multi_thread")]
async fn i13_i14_a_limit_that_never_lets_up_ends_the_listing_within_bounds() {
    prove(FOR_EVER).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn i13_a_limit_that_lets_up_costs_nothing_but_time() {
    prove(PASSING).await;
}
