//! One JSON object, read without materialising what is not wanted: named values stay slices of the answer, others are
//! skipped and counted.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use serde::de::{Deserialize, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::field;

/// The named values of an object, and how many others it has. It holds at most one value a name, so its size is bounded by
/// the contract and not by the answer.
pub(crate) struct Picked<'c, 'a> {
    values: Vec<(&'c str, &'a RawValue)>,
    others: u32,
}

impl<'c, 'a> Picked<'c, 'a> {
    /// Reads a JSON text. `named` gives the name a key is kept under, or nothing. None: it is not one JSON object.
    pub(crate) fn read(object: &'a str, named: impl Fn(&[u8]) -> Option<&'c str>) -> Option<Self> {
        let mut json = serde_json::Deserializer::from_str(object);
        let picked = Pick { named, lifetime: PhantomData }.deserialize(&mut json).ok()?;
        json.end().is_ok().then_some(picked)
    }

    /// Reads an object's value at one field alone.
    fn read_one(object: &'a RawValue, name: &'c str) -> Option<Self> {
        Self::read(object.get(), |key| field::head_if(name, key))
    }

    /// The named values, each name once, in no order that means anything.
    pub(crate) fn values(&self) -> &[(&'c str, &'a RawValue)] {
        &self.values
    }

    /// How many keys are not named.
    pub(crate) fn others(&self) -> u32 {
        self.others
    }

    /// The value of a name; none where it is absent or null.
    pub(crate) fn get(&self, name: &str) -> Option<&'a RawValue> {
        self.values.iter().find(|(known, _)| *known == name).map(|(_, value)| *value).filter(|value| value.get() != "null")
    }

    /// The value at a dotted path, which must be among the named ones; none where it, or what holds it, is absent or null.
    pub(crate) fn at(&self, path: &str) -> Result<Option<&'a RawValue>, NotAnObject> {
        let (head, rest) = field::split(path);
        match (self.get(head), rest) {
            (None, _) => Ok(None),
            (found, None) => Ok(found),
            (Some(inner), Some(rest)) => Picked::read_one(inner, rest).ok_or(NotAnObject)?.at(rest),
        }
    }
}

/// A value on the way along a dotted path is not an object.
#[derive(Debug, Clone, Copy)]
pub(crate) struct NotAnObject;

struct Pick<'c, N> {
    named: N,
    lifetime: PhantomData<&'c str>,
}

impl<'c, 'a, N: Fn(&[u8]) -> Option<&'c str>> DeserializeSeed<'a> for Pick<'c, N> {
    type Value = Picked<'c, 'a>;
    fn deserialize<D: Deserializer<'a>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'c, 'a, N: Fn(&[u8]) -> Option<&'c str>> Visitor<'a> for Pick<'c, N> {
    type Value = Picked<'c, 'a>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<M: MapAccess<'a>>(self, mut map: M) -> Result<Self::Value, M::Error> {
        let mut picked = Picked { values: Vec::new(), others: 0 };
        while let Some(Bytes(key)) = map.next_key()? {
            let Some(name) = (self.named)(&key) else {
                map.next_value::<IgnoredAny>()?;
                picked.others = picked.others.saturating_add(1);
                continue;
            };
            let value = map.next_value()?;
            // A key that is there twice: the last one counts, as it does for most who read JSON.
            match picked.values.iter_mut().find(|(known, _)| *known == name) {
                Some(earlier) => earlier.1 = value,
                None => picked.values.push((name, value)),
            }
        }
        Ok(picked)
    }
}

/// A JSON string as bytes: borrowed where it has no escapes. Unlike text, it can hold half of a surrogate pair, so that one
/// odd key or name does not make an object unreadable.
pub(crate) struct Bytes<'a>(pub(crate) Cow<'a, [u8]>);

impl<'a> Deserialize<'a> for Bytes<'a> {
    fn deserialize<D: Deserializer<'a>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_bytes(BytesVisitor)
    }
}

struct BytesVisitor;

impl<'a> Visitor<'a> for BytesVisitor {
    type Value = Bytes<'a>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_borrowed_bytes<E>(self, bytes: &'a [u8]) -> Result<Self::Value, E> {
        Ok(Bytes(Cow::Borrowed(bytes)))
    }

    fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Self::Value, E> {
        Ok(Bytes(Cow::Owned(bytes.to_vec())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(object: &str) -> Option<Picked<'static, '_>> {
        Picked::read(object, |key| ["a.b", "c"].into_iter().find_map(|path| field::head_if(path, key)))
    }

    #[test]
    fn named_values_are_slices_and_the_rest_is_counted() {
        let picked = read(r#"{"a": {"b": [1, 2]}, "x": {"c": 1}, "\u0063": "n\u006f", "y": null}"#).expect("an object");
        assert_eq!(picked.others(), 2);
        assert_eq!(picked.get("c").map(RawValue::get), Some(r#""n\u006f""#));
        assert_eq!(picked.at("a.b").ok().flatten().map(RawValue::get), Some("[1, 2]"));
    }

    #[test]
    fn the_last_of_a_repeated_key_counts() {
        let picked = read(r#"{"c": 1, "c": 2, "\u0063": 3}"#).expect("an object");
        assert_eq!(picked.values().len(), 1);
        assert_eq!(picked.get("c").map(RawValue::get), Some("3"));
    }

    #[test]
    fn null_and_absence_are_one_on_the_way_and_at_the_end() {
        for object in ["{}", r#"{"a": null}"#, r#"{"a": {}}"#, r#"{"a": {"b": null}}"#] {
            assert!(read(object).expect("an object").at("a.b").expect("no wrong kind on the way").is_none(), "{object}");
        }
        assert!(read(r#"{"a": 1}"#).expect("an object").at("a.b").is_err());
    }

    #[test]
    fn what_is_not_one_whole_object_is_not_read() {
        for text in ["", "[]", "1", "null", "\"{}\"", "{", r#"{"c":}"#, "{} {}", r#"{"c": "\x"}"#, r#"{"x": 01}"#] {
            assert!(read(text).is_none(), "{text}");
        }
    }

    #[test]
    fn half_a_surrogate_pair_in_a_key_is_only_an_unknown_key() {
        let picked = read(r#"{"\ud83d": 1, "c": 2}"#).expect("an object");
        assert_eq!((picked.others(), picked.values().len()), (1, 1));
    }

    #[test]
    fn depth_is_no_danger_in_what_is_skipped() {
        let deep = format!(r#"{{"x": {0}{1}, "c": {0}{1}}}"#, "[".repeat(100_000), "]".repeat(100_000));
        assert_eq!(read(&deep).expect("an object").others(), 1);
    }
}
