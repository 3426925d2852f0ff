//! Counting the assignments that came with an object. An unknown number is none, and never 0 (I26).

use std::fmt;

use serde::de::{Deserializer, IgnoredAny, SeqAccess, Visitor};
use serde_json::value::RawValue;

use crate::object::Picked;

/// The field that `$expand=assignments` adds.
pub(crate) const FIELD: &str = "assignments";
/// The annotation that says that there are more than the field holds.
const MORE: &str = "assignments@odata.nextLink";
/// The annotation that says how many there are, whether or not the field holds them all.
const COUNT: &str = "assignments@odata.count";
/// What is read of an object to count its assignments.
pub(crate) const NAMES: [&str; 3] = [FIELD, MORE, COUNT];

/// Which of the names a key is. The annotations have several spellings (OData 4.01 has one without `odata.`): overlooking one would
/// make a part of the assignments look like all of them.
pub(crate) fn named(key: &[u8]) -> Option<&'static str> {
    let ends = |rest: &[u8], word: &[u8]| rest.len().checked_sub(word.len()).is_some_and(|at| rest[at..].eq_ignore_ascii_case(word));
    match key.strip_prefix(FIELD.as_bytes())? {
        [] => Some(FIELD),
        [b'@', rest @ ..] if ends(rest, b"nextlink") => Some(MORE),
        [b'@', rest @ ..] if ends(rest, b"count") => Some(COUNT),
        _ => None,
    }
}

/// What an object tells of its assignments.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Counted {
    /// It has so many.
    All(u32),
    /// It tells nothing, or not all.
    Unknown,
    /// What should be a list is none.
    Wrong,
}

/// Counts the assignments of an object.
pub(crate) fn count(picked: &Picked<'_, '_>) -> Counted {
    let Some(list) = picked.get(FIELD) else { return Counted::Unknown };
    let Some(count) = length(list) else { return Counted::Wrong };
    let all = picked.get(MORE).is_none() && picked.get(COUNT).is_none_or(|said| says(said, count));
    if all { Counted::All(count) } else { Counted::Unknown }
}

/// Whether the annotation says the same number; Graph may write a large one as a text.
fn says(said: &RawValue, count: u32) -> bool {
    said.get().trim_matches('"').parse() == Ok(count)
}

/// How many elements a list has, none of them built.
fn length(list: &RawValue) -> Option<u32> {
    serde_json::Deserializer::from_str(list.get()).deserialize_seq(Length).ok()
}

struct Length;

impl<'a> Visitor<'a> for Length {
    type Value = u32;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_seq<S: SeqAccess<'a>>(self, mut list: S) -> Result<u32, S::Error> {
        let mut count: u32 = 0;
        while list.next_element::<IgnoredAny>()?.is_some() {
            count = count.saturating_add(1);
        }
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(r#"{"assignments": []}"#, Counted::All(0))]
    #[case(r#"{"assignments": [{"id": "1", "target": {"x": [1, 2]}}, {}, null]}"#, Counted::All(3))]
    #[case(r#"{"assignments": [1], "assignments": [1, 2]}"#, Counted::All(2))]
    #[case(r#"{"assignments": [1], "assignments@odata.nextLink": null}"#, Counted::All(1))]
    #[case::absent("{}", Counted::Unknown)]
    #[case::null(r#"{"assignments": null}"#, Counted::Unknown)]
    #[case::more(r#"{"assignments": [1], "assignments@odata.nextLink": "https://h/2"}"#, Counted::Unknown)]
    #[case::more_before(r#"{"assignments@odata.nextLink": "", "assignments": []}"#, Counted::Unknown)]
    #[case::more_in_another_spelling(r#"{"assignments": [1], "assignments@nextlink": "https://h/2"}"#, Counted::Unknown)]
    #[case::as_many_as_said(r#"{"assignments": [1], "assignments@odata.count": 1}"#, Counted::All(1))]
    #[case::as_many_as_said_in_a_text(r#"{"assignments@count": "1", "assignments": [1]}"#, Counted::All(1))]
    #[case::said_of_none(r#"{"assignments": [1], "assignments@odata.count": null}"#, Counted::All(1))]
    #[case::more_than_came(r#"{"assignments": [], "assignments@odata.count": 3}"#, Counted::Unknown)]
    #[case::more_than_came_in_another_spelling(r#"{"assignments": [1], "assignments@Count": 2}"#, Counted::Unknown)]
    #[case::fewer_than_came(r#"{"assignments": [1, 2], "assignments@odata.count": 1}"#, Counted::Unknown)]
    #[case::no_number_at_all(r#"{"assignments": [1], "assignments@odata.count": {}}"#, Counted::Unknown)]
    #[case::not_a_list(r#"{"assignments": {"value": []}}"#, Counted::Wrong)]
    #[case::a_number(r#"{"assignments": 0}"#, Counted::Wrong)]
    #[case::a_text(r#"{"assignments": "[]"}"#, Counted::Wrong)]
    fn i26_only_a_whole_list_has_a_count(#[case] object: &str, #[case] counted: Counted) {
        let picked = Picked::read(object, named).expect("an object");
        assert_eq!(count(&picked), counted);
    }

    #[test]
    fn a_key_that_only_begins_like_a_name_is_none() {
        for key in ["assignment", "assignmentsX", "assignments@odata.context", "assignments@odata.counts", "Assignments", "assignments@"] {
            assert_eq!(named(key.as_bytes()), None, "{key}");
        }
    }
}
