//! Numbers, times and names in the words of people.

use std::time::Duration;

use lastseen_model::{Category, PolicyType, Selection, TenantId, Timestamp};

/// `1 item`, `2 items`, `1,204 items`.
pub(crate) fn count(number: u64, one: &str, many: &str) -> String {
    format!("{} {}", grouped(number), if number == 1 { one } else { many })
}

/// `1,204`.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `just now`, `3 minutes ago`, `2 hours ago`, `9 days ago`, and from two months on the date.
pub(crate) fn ago(now: Timestamp, then: Timestamp) -> String {
    match long_ago(now, then).as_str() {
        "just now" => "just now".to_owned(),
        date if date.starts_with("on ") => date.to_owned(),
        length => format!("{length} ago"),
    }
}

/// As [`ago`], without the word.
fn long_ago(now: Timestamp, then: Timestamp) -> String {
    let seconds = now.as_second().saturating_sub(then.as_second());
    let of = |unit: i64, one, many| count(u64::try_from(seconds / unit).unwrap_or_default(), one, many);
    match seconds {
        ..10 => "just now".to_owned(),
        10..60 => of(1, "second", "seconds"),
        60..3_600 => of(60, "minute", "minutes"),
        3_600..86_400 => of(3_600, "hour", "hours"),
        86_400..5_184_000 => of(86_400, "day", "days"),
        _ => format!("on {}", then.strftime("%-d %B %Y")),
    }
}

/// `in 3 minutes`, `in 2 hours`, and from two months on the date; `now` for what is due.
pub(crate) fn until(now: Timestamp, then: Timestamp) -> String {
    match then.as_second().saturating_sub(now.as_second()) {
        ..1 => "now".to_owned(),
        seconds @ 1..10 => format!("in {}", count(seconds.unsigned_abs(), "second", "seconds")),
        _ => match long_ago(then, now).as_str() {
            date if date.starts_with("on ") => format!("on {}", then.strftime("%-d %B %Y")),
            length => format!("in {length}"),
        },
    }
}

/// A length of time in the largest unit that it is a whole number of: `45 seconds`, `10 minutes`, `24 hours`, `90 days`.
pub(crate) fn length(length: Duration) -> String {
    let seconds = length.as_secs();
    let of = |unit: u64, one, many| count(seconds / unit, one, many);
    match seconds {
        _ if seconds > 0 && seconds.is_multiple_of(86_400) && seconds > 86_400 => of(86_400, "day", "days"),
        _ if seconds > 0 && seconds.is_multiple_of(3_600) => of(3_600, "hour", "hours"),
        _ if seconds > 0 && seconds.is_multiple_of(60) => of(60, "minute", "minutes"),
        _ => of(1, "second", "seconds"),
    }
}

/// `12 January 2026 09:14 UTC`.
pub(crate) fn exact(then: Timestamp) -> String {
    then.strftime("%-d %B %Y %H:%M UTC").to_string()
}

/// `0.4 s`, `6.2 s`, `75 s`.
pub(crate) fn seconds(length: Duration) -> String {
    if length < Duration::from_mins(1) { format!("{:.1} s", length.as_secs_f64()) } else { format!("{} s", grouped(length.as_secs())) }
}

/// `everything`, or the names of a selection, cut where there are many.
pub(crate) fn selection_words(selection: &Selection) -> String {
    if selection.is_everything() {
        return "everything".to_owned();
    }
    let categories = selection.categories.iter().map(Category::as_str);
    let names: Vec<&str> = categories.chain(selection.policy_types.iter().map(PolicyType::as_str)).collect();
    first_few(&names)
}

/// The first three names, and how many more there are.
pub(crate) fn first_few(names: &[&str]) -> String {
    match names {
        [first, second, third, rest @ ..] if !rest.is_empty() => format!("{first}, {second}, {third} and {} more", rest.len()),
        few => few.join(", "),
    }
}

/// The flags that name a tenant and a selection again, so that a hint can be typed as it stands.
pub(crate) fn flags(tenant: TenantId, selection: Option<&Selection>) -> String {
    let mut flags = format!("--tenant {tenant}");
    let Some(selection) = selection else { return flags };
    let joined = |names: Vec<&str>| names.join(",");
    if !selection.policy_types.is_empty() {
        flags = format!("{flags} --types {}", joined(selection.policy_types.iter().map(PolicyType::as_str).collect()));
    }
    if !selection.categories.is_empty() {
        flags = format!("{flags} --categories '{}'", joined(selection.categories.iter().map(Category::as_str).collect()));
    }
    flags
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(0, "0")]
    #[case(999, "999")]
    #[case(1_000, "1,000")]
    #[case(1_234_567, "1,234,567")]
    fn thousands_are_grouped(#[case] number: u64, #[case] text: &str) {
        assert_eq!(grouped(number), text);
    }

    #[rstest]
    #[case(-5, "now")]
    #[case(0, "now")]
    #[case(9, "in 9 seconds")]
    #[case(3_599, "in 59 minutes")]
    #[case(172_800, "in 2 days")]
    #[case(6_000_000, "on 22 March 2026")]
    fn a_time_to_come_is_told_as_people_would(#[case] seconds: i64, #[case] text: &str) {
        let now: Timestamp = "2026-01-12T09:14:00Z".parse().expect("a time");
        let then = Timestamp::from_second(now.as_second() + seconds).expect("a time");
        assert_eq!(until(now, then), text);
    }

    #[rstest]
    #[case(0, "0 seconds")]
    #[case(90, "90 seconds")]
    #[case(600, "10 minutes")]
    #[case(86_400, "24 hours")]
    #[case(7_776_000, "90 days")]
    fn a_length_is_told_in_the_largest_whole_unit(#[case] seconds: u64, #[case] text: &str) {
        assert_eq!(length(Duration::from_secs(seconds)), text);
    }

    #[rstest]
    #[case(-5, "just now")]
    #[case(9, "just now")]
    #[case(59, "59 seconds ago")]
    #[case(60, "1 minute ago")]
    #[case(7_199, "1 hour ago")]
    #[case(172_800, "2 days ago")]
    #[case(6_000_000, "on 3 November 2025")]
    fn a_time_is_told_as_people_would(#[case] seconds: i64, #[case] text: &str) {
        let now: Timestamp = "2026-01-12T09:14:00Z".parse().expect("a time");
        let then = Timestamp::from_second(now.as_second() - seconds).expect("a time");
        assert_eq!(ago(now, then), text);
    }
}
