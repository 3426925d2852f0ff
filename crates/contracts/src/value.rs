//! Reading whitelisted values: each kind, its bounds, and the ways Graph writes it.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt;

use jiff::Timestamp;
use serde::de::{Deserializer, SeqAccess, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;

use crate::contract::MetaKind;
use crate::object::Bytes;

/// The longest escape of one character: two `\uXXXX`.
const CHAR_MAX_BYTES: usize = 12;
/// More than any way to write a point in time needs.
const TIME_MAX_CHARS: usize = 64;
/// The largest integer that every reader of JSON keeps exactly.
const INTEGER_MAX: u64 = (1 << 53) - 1;

/// What became of a value.
#[derive(Debug, PartialEq)]
pub(crate) enum Reading {
    /// It is kept so.
    Kept(Value),
    /// There is none: null, or a time that stands for none.
    Absent,
    /// It is not what the whitelist says, or over its bound.
    Wrong,
}

/// Reads a value of a kind.
pub(crate) fn read(kind: MetaKind, raw: &RawValue) -> Reading {
    if raw.get() == "null" {
        return Reading::Absent;
    }
    let kept = match kind {
        MetaKind::Text(chars) => bounded_text(raw, chars).map(|text| Value::String(text.into_owned())),
        MetaKind::Integer => integer(raw).map(Value::from),
        MetaKind::Boolean => match raw.get() {
            "true" => Some(Value::Bool(true)),
            "false" => Some(Value::Bool(false)),
            _ => None,
        },
        MetaKind::Time => return time(raw),
        MetaKind::TextList { items, chars } => texts(raw, items, chars).map(|texts| texts.into_iter().map(Value::String).collect()),
    };
    kept.map_or(Reading::Wrong, Reading::Kept)
}

/// A JSON string as text; none where it is another kind, or holds half of a surrogate pair.
pub(crate) fn text(raw: &RawValue) -> Option<Cow<'_, str>> {
    let inside = raw.get().strip_prefix('"')?.strip_suffix('"')?;
    if inside.contains('\\') { serde_json::from_str(raw.get()).ok().map(Cow::Owned) } else { Some(Cow::Borrowed(inside)) }
}

/// As [`text`], but what can't be read of it becomes U+FFFD: Microsoft cuts names in the middle of an emoji.
pub(crate) fn lossy_text(raw: &RawValue) -> Option<Cow<'_, str>> {
    text(raw).or_else(|| {
        let Bytes(bytes) = raw.get().starts_with('"').then(|| serde_json::from_str(raw.get()).ok())??;
        Some(Cow::Owned(String::from_utf8_lossy(&bytes).into_owned()))
    })
}

/// A text of at most this many characters. One that can't fit is not even decoded.
pub(crate) fn bounded_text(raw: &RawValue, chars: usize) -> Option<Cow<'_, str>> {
    if raw.get().len() > chars.saturating_mul(CHAR_MAX_BYTES).saturating_add(2) {
        return None;
    }
    text(raw).filter(|text| text.chars().count() <= chars)
}

fn integer(raw: &RawValue) -> Option<i64> {
    let quoted = if raw.get().starts_with('"') { Some(bounded_text(raw, 20)?) } else { None };
    let digits = quoted.as_deref().unwrap_or(raw.get());
    let number: i64 = if digits.starts_with('+') { None } else { digits.parse().ok() }?;
    (number.unsigned_abs() <= INTEGER_MAX).then_some(number)
}

/// RFC 3339 with any number of digits, or `/Date(milliseconds)/`; kept in UTC with six digits.
fn time(raw: &RawValue) -> Reading {
    let Some(text) = bounded_text(raw, TIME_MAX_CHARS) else { return Reading::Wrong };
    let milliseconds = text.strip_prefix("/Date(").and_then(|rest| rest.strip_suffix(")/"));
    let time = match milliseconds {
        Some(milliseconds) => of_milliseconds(milliseconds),
        // Year 9999 is beyond what the parser takes, so the usual words for "never" are known by their text.
        None if text.starts_with("0001-01-01") || text.starts_with("9999-12-31") => return Reading::Absent,
        None => text.parse().ok(),
    };
    let Some(time) = time else { return Reading::Wrong };
    // .NET's first day, which stands for no time at all, in whatever form and zone it is written.
    let first_day_ends = Timestamp::constant(-62_135_596_800 + 2 * 86_400, 0);
    if time < first_day_ends { Reading::Absent } else { Reading::Kept(format!("{time:.6}").into()) }
}

/// Milliseconds since 1970 in UTC; a zone behind them, `+0100`, says only where it was written.
fn of_milliseconds(text: &str) -> Option<Timestamp> {
    let zone = text.char_indices().skip(1).find(|(_, c)| matches!(c, '+' | '-')).map_or(text.len(), |(at, _)| at);
    Timestamp::from_millisecond(text[..zone].parse().ok()?).ok()
}

/// A list of texts, or one text with commas: sorted, without repetition.
pub(crate) fn texts(raw: &RawValue, items: usize, chars: usize) -> Option<BTreeSet<String>> {
    if raw.get().starts_with('[') {
        return serde_json::Deserializer::from_str(raw.get()).deserialize_seq(Texts { items, chars }).ok();
    }
    let joined = bounded_text(raw, items.saturating_mul(chars.saturating_add(2)))?;
    let mut found = BTreeSet::new();
    for (n, word) in joined.split(',').map(str::trim).filter(|word| !word.is_empty()).enumerate() {
        if n >= items || word.chars().count() > chars {
            return None;
        }
        found.insert(word.to_owned());
    }
    Some(found)
}

struct Texts {
    items: usize,
    chars: usize,
}

impl<'a> Visitor<'a> for Texts {
    type Value = BTreeSet<String>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a bounded list of bounded texts")
    }

    fn visit_seq<S: SeqAccess<'a>>(self, mut list: S) -> Result<Self::Value, S::Error> {
        let mut found = BTreeSet::new();
        let mut count = 0;
        while let Some(raw) = list.next_element::<&RawValue>()? {
            count += 1;
            let text = bounded_text(raw, self.chars).filter(|_| count <= self.items);
            found.insert(text.ok_or_else(|| serde::de::Error::custom("out of bounds"))?.into_owned());
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    const LIST: MetaKind = MetaKind::TextList { items: 3, chars: 4 };

    fn reading(kind: MetaKind, json: &str) -> Reading {
        read(kind, serde_json::from_str(json).expect("json"))
    }

    #[rstest]
    #[case(MetaKind::Text(3), r#""abc""#, json!("abc"))]
    #[case(MetaKind::Text(3), r#""名前😀""#, json!("名前😀"))]
    #[case(MetaKind::Text(1), r#""\ud83d\ude00""#, json!("😀"))]
    #[case(MetaKind::Text(3), r#""""#, json!(""))]
    #[case(MetaKind::Integer, "7", json!(7))]
    #[case(MetaKind::Integer, "-7", json!(-7))]
    #[case::as_text(MetaKind::Integer, r#""12""#, json!(12))]
    #[case(MetaKind::Integer, "9007199254740991", json!(9_007_199_254_740_991_i64))]
    #[case(MetaKind::Boolean, "true", json!(true))]
    #[case(MetaKind::Boolean, "false", json!(false))]
    #[case::seven_digits(MetaKind::Time, r#""2024-04-02T02:29:51.9302061Z""#, json!("2024-04-02T02:29:51.930206Z"))]
    #[case::no_digits(MetaKind::Time, r#""2024-04-02T02:29:51Z""#, json!("2024-04-02T02:29:51.000000Z"))]
    #[case::another_zone(MetaKind::Time, r#""2024-04-02T02:29:51+02:00""#, json!("2024-04-02T00:29:51.000000Z"))]
    #[case::milliseconds(MetaKind::Time, r#""/Date(1606753670897)/""#, json!("2020-11-30T16:27:50.897000Z"))]
    #[case::escaped_slashes(MetaKind::Time, r#""\/Date(1606753670897)\/""#, json!("2020-11-30T16:27:50.897000Z"))]
    #[case::milliseconds_with_zone(MetaKind::Time, r#""/Date(1606753670897+0100)/""#, json!("2020-11-30T16:27:50.897000Z"))]
    #[case::before_1970(MetaKind::Time, r#""/Date(-1000)/""#, json!("1969-12-31T23:59:59.000000Z"))]
    #[case(LIST, r#"["b","a","b"]"#, json!(["a", "b"]))]
    #[case::joined(LIST, r#""b, a,b""#, json!(["a", "b"]))]
    #[case(LIST, "[]", json!([]))]
    #[case(LIST, r#""""#, json!([]))]
    fn a_value_of_the_kind_is_kept(#[case] kind: MetaKind, #[case] json: &str, #[case] kept: Value) {
        assert_eq!(reading(kind, json), Reading::Kept(kept));
    }

    #[rstest]
    #[case(MetaKind::Text(3), r#""abcd""#)]
    #[case(MetaKind::Text(3), "1")]
    #[case(MetaKind::Text(3), r#"["a"]"#)]
    #[case::half_a_pair(MetaKind::Text(3), r#""\ud83d""#)]
    #[case(MetaKind::Integer, "1.5")]
    #[case(MetaKind::Integer, "1e3")]
    #[case(MetaKind::Integer, "9007199254740992")]
    #[case(MetaKind::Integer, "99999999999999999999")]
    #[case(MetaKind::Integer, r#""one""#)]
    #[case(MetaKind::Integer, r#""+1""#)]
    #[case(MetaKind::Integer, "true")]
    #[case(MetaKind::Boolean, r#""true""#)]
    #[case(MetaKind::Boolean, "0")]
    #[case(MetaKind::Time, r#""yesterday""#)]
    #[case::no_zone(MetaKind::Time, r#""2024-04-02T02:29:51""#)]
    #[case(MetaKind::Time, "1606753670897")]
    #[case(MetaKind::Time, r#""/Date()/""#)]
    #[case(MetaKind::Time, r#""/Date(99999999999999999)/""#)]
    #[case(LIST, r#"["a","b","c","d"]"#)]
    #[case(LIST, r#"["abcde"]"#)]
    #[case(LIST, r#"["a",1]"#)]
    #[case(LIST, r#"["a",null]"#)]
    #[case(LIST, r#""a,b,c,d""#)]
    #[case(LIST, r#""abcde""#)]
    #[case(LIST, "{}")]
    fn r08_a_value_of_another_kind_or_over_its_bound_is_dropped(#[case] kind: MetaKind, #[case] json: &str) {
        assert_eq!(reading(kind, json), Reading::Wrong);
    }

    #[rstest]
    #[case(r#""0001-01-01T00:00:00Z""#)]
    #[case(r#""0001-01-01T00:00:00""#)]
    #[case(r#""0001-01-01T08:00:00+08:00""#)]
    #[case(r#""/Date(-62135596800000)/""#)]
    #[case(r#""9999-12-31T23:59:59.9999999Z""#)]
    #[case("null")]
    fn a_time_that_stands_for_none_is_no_time(#[case] json: &str) {
        assert_eq!(reading(MetaKind::Time, json), Reading::Absent);
    }

    #[test]
    fn a_name_cut_in_the_middle_of_an_emoji_is_still_a_name() {
        let raw: Box<RawValue> = serde_json::from_str(r#""Pilot \ud83d""#).expect("json");
        assert_eq!(text(&raw), None);
        assert!(lossy_text(&raw).is_some_and(|name| name.starts_with("Pilot \u{fffd}")));
        let number: Box<RawValue> = serde_json::from_str("1").expect("json");
        assert_eq!(lossy_text(&number), None);
    }
}
