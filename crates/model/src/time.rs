//! How times are written for programs: RFC 3339, UTC, always six fractional digits, as the SQL contract has them.

use serde::Serializer;

use crate::Timestamp;

/// `2026-01-12T09:14:00.000000Z`.
pub fn text(time: Timestamp) -> String {
    format!("{time:.6}")
}

/// For `#[serde(serialize_with)]`.
pub fn serialize<S: Serializer>(time: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&text(*time))
}

/// For `#[serde(serialize_with)]` on an optional time.
pub fn serialize_option<S: Serializer>(time: &Option<Timestamp>, serializer: S) -> Result<S::Ok, S::Error> {
    match time {
        Some(time) => serialize(time, serializer),
        None => serializer.serialize_none(),
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_time_is_written_with_six_digits_always() {
        let time = |text: &str| text.parse().expect("a time");
        assert_eq!(super::text(time("2026-01-12T09:14:00Z")), "2026-01-12T09:14:00.000000Z");
        assert_eq!(super::text(time("2026-01-12T10:14:00.12345+01:00")), "2026-01-12T09:14:00.123450Z");
    }
}
