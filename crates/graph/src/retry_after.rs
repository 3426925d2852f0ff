//! What `Retry-After` says, in all the forms that Graph's front doors were seen to send.
//!
//! Seen: `10`, `2.128`, `0.249`, pairs such as `30,120` and `0,120`, none at all; RFC 9110 also allows a date. The value is a
//! minimum and comes from outside: reading it never panics, and what it gives lies between [`FLOOR`] and [`CEILING`].

use std::time::Duration;

/// The shortest wait that is ever read out of it.
pub(crate) const FLOOR: Duration = Duration::from_secs(1);

/// The longest: a year. Whoever waits has a lower ceiling of its own.
pub(crate) const CEILING: Duration = Duration::from_hours(365 * 24);

/// The wait of a `Retry-After` value, or nothing where it says none (unreadable, zero, negative, past): then the caller backs
/// off by its own rule.
///
/// `date` is the answer's `Date`: the sender's own clock, the only one its date can be held against.
pub(crate) fn parse(value: &str, date: Option<&str>) -> Option<Duration> {
    let value = value.trim();
    // A date has a comma in it, so pairs come last.
    match seconds(value) {
        Some(wait) => wait.positive(),
        None => match httpdate::parse_http_date(value) {
            Ok(until) => {
                let from = httpdate::parse_http_date(date?.trim()).ok()?;
                until.duration_since(from).ok().filter(|wait| !wait.is_zero()).map(bounded)
            }
            Err(_) => value.split(',').filter_map(|part| seconds(part.trim())?.positive()).max(),
        },
    }
}

/// A number of seconds, rounded up.
enum Seconds {
    Positive(Duration),
    NotPositive,
}

impl Seconds {
    fn positive(self) -> Option<Duration> {
        match self {
            Self::Positive(wait) => Some(wait),
            Self::NotPositive => None,
        }
    }
}

/// Reads digits with an optional sign and fraction; nothing else is a number here (no exponent, no `inf`).
fn seconds(text: &str) -> Option<Seconds> {
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, ""));
    let digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
    if (whole.is_empty() && fraction.is_empty()) || !digits(whole) || !digits(fraction) {
        return None;
    }
    let more = fraction.bytes().any(|b| b != b'0');
    // Only too many digits can fail here.
    let whole = if whole.is_empty() { 0 } else { whole.parse::<u64>().unwrap_or(u64::MAX) };
    if text.starts_with('-') || (whole == 0 && !more) {
        return Some(Seconds::NotPositive);
    }
    Some(Seconds::Positive(bounded(Duration::from_secs(whole.saturating_add(u64::from(more))))))
}

fn bounded(wait: Duration) -> Duration {
    wait.clamp(FLOOR, CEILING)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    const NOW: &str = "Sun, 22 Nov 2026 10:00:00 GMT";

    #[rstest]
    #[case::whole("10", Some(10))]
    #[case::white_space(" 10 ", Some(10))]
    #[case::decimal_is_rounded_up("2.128", Some(3))]
    #[case::below_a_second("0.249", Some(1))]
    #[case::decimal_without_a_remainder("5.000", Some(5))]
    #[case::no_whole_part(".5", Some(1))]
    #[case::plus("+7", Some(7))]
    #[case::zero("0", None)]
    #[case::zero_decimal("0.0", None)]
    #[case::negative("-5", None)]
    #[case::absent("", None)]
    #[case::words("soon", None)]
    #[case::exponent("1e3", None)]
    #[case::infinity("inf", None)]
    #[case::not_a_number("NaN", None)]
    #[case::dot(".", None)]
    #[case::date("Sun, 22 Nov 2026 10:00:45 GMT", Some(45))]
    #[case::old_date_form("Sunday, 22-Nov-26 10:02:00 GMT", Some(120))]
    #[case::date_now(NOW, None)]
    #[case::date_past("Sun, 22 Nov 2026 09:59:59 GMT", None)]
    #[case::huge("99999999999999999999999", Some(365 * 24 * 3600))]
    fn i14_every_form_of_retry_after_is_read(#[case] value: &str, #[case] seconds: Option<u64>) {
        assert_eq!(parse(value, Some(NOW)), seconds.map(Duration::from_secs));
    }

    #[rstest]
    #[case("30,120", Some(120))]
    #[case("0,120", Some(120))]
    #[case("60, 120", Some(120))]
    #[case("120,30", Some(120))]
    #[case("0.5,0.2", Some(1))]
    #[case("-1,20", Some(20))]
    #[case("x,20", Some(20))]
    #[case("0,0", None)]
    #[case(",", None)]
    fn i14_a_retry_after_pair_takes_the_larger(#[case] value: &str, #[case] seconds: Option<u64>) {
        assert_eq!(parse(value, Some(NOW)), seconds.map(Duration::from_secs));
    }

    #[test]
    fn i14_a_date_is_held_against_the_answers_own_date_and_no_other_clock() {
        assert_eq!(parse("Sun, 22 Nov 2026 10:00:45 GMT", None), None);
        assert_eq!(parse("Sun, 22 Nov 2026 10:00:45 GMT", Some("yesterday")), None);
        assert_eq!(parse("Thu, 01 Jan 1970 00:00:09 GMT", Some("Thu, 01 Jan 1970 00:00:00 GMT")), Some(Duration::from_secs(9)));
    }

    proptest! {
        #[test]
        fn i14_no_value_panics_and_every_wait_is_within_floor_and_ceiling(value in "\\PC{0,40}", date in "\\PC{0,40}") {
            if let Some(wait) = parse(&value, Some(&date)) {
                prop_assert!((FLOOR..=CEILING).contains(&wait));
            }
        }

        #[test]
        fn i14_numbers_dates_and_pairs_are_within_floor_and_ceiling(
            value in "[-+]?[0-9]{0,25}[.,]?[0-9]{0,25}|(Mon|Tue|Sun)(day)?, [0-9]{1,2}[ -](Jan|Feb|Dec)[ -][0-9]{2,4} [0-9]{2}:[0-9]{2}:[0-9]{2} GMT"
        ) {
            if let Some(wait) = parse(&value, Some(NOW)) {
                prop_assert!((FLOOR..=CEILING).contains(&wait));
            }
        }
    }
}
