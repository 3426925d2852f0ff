//! The ids of a collection whose objects each have a collection of their own.

use std::borrow::Cow;
use std::collections::{HashSet, VecDeque};
use std::fmt::Write as _;

use lastseen_model::{ErrorCode, ExternalId};
use serde::Deserialize;

use crate::envelope::Envelope;

/// The ids read so far, each encoded as one segment of a path, in the order they came.
#[derive(Debug, Default)]
pub(crate) struct ParentIds {
    ordered: VecDeque<String>,
    known: HashSet<String>,
}

#[derive(Deserialize)]
struct Parent<'a> {
    #[serde(borrow)]
    id: Cow<'a, str>,
}

impl ParentIds {
    /// Adds the ids of a page. One that came before, as after a listing that began again, is there already.
    ///
    /// A parent that can't be named can't be asked, and without what it has the listing would not be whole: so it ends. Each parent
    /// has a page at least, so there are no more of them than pages may be.
    pub(crate) fn take(&mut self, page: &Envelope, cap: u32) -> Result<(), ErrorCode> {
        for object in page.objects() {
            // An array would pass for the fields in their order.
            if !object.starts_with('{') {
                return Err(ErrorCode::GraphInvalidResponse);
            }
            let parent: Parent<'_> = serde_json::from_str(object).map_err(|_| ErrorCode::GraphInvalidResponse)?;
            let segment = segment(&parent.id).ok_or(ErrorCode::GraphInvalidResponse)?;
            if self.known.insert(segment.clone()) {
                self.ordered.push_back(segment);
            }
            if self.ordered.len() > usize::try_from(cap).unwrap_or(usize::MAX) {
                return Err(ErrorCode::GraphPageCap);
            }
        }
        Ok(())
    }

    /// The ids, in their order.
    pub(crate) fn into_ordered(self) -> VecDeque<String> {
        self.ordered
    }
}

/// An id as one segment of a path; none where it can't be one. A segment of dots would lead elsewhere, encoded or not.
fn segment(id: &str) -> Option<String> {
    let id = ExternalId::try_from(id.to_owned()).ok().filter(|id| !matches!(id.as_str(), "." | ".."))?;
    let mut segment = String::new();
    for byte in id.as_str().bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            segment.push(char::from(byte));
        } else {
            // Writing to a String can't fail.
            let _ = write!(segment, "%{byte:02X}");
        }
    }
    Some(segment)
}

#[cfg(test)]
mod tests {
    use lastseen_contracts::PathKind;
    use rstest::rstest;
    use url::Url;

    use super::*;
    use crate::envelope;

    #[rstest]
    #[case("3f1f0f6b-5a54-4c0e-9d6b-8c2f0c1e7a10", "3f1f0f6b-5a54-4c0e-9d6b-8c2f0c1e7a10")]
    #[case("a_b.c~d", "a_b.c~d")]
    #[case("a/b?c#d", "a%2Fb%3Fc%23d")]
    #[case("../x", "..%2Fx")]
    #[case("%2e%2e", "%252e%252e")]
    #[case("a b'(é)", "a%20b%27%28%C3%A9%29")]
    #[case("\\", "%5C")]
    fn an_id_becomes_one_segment_that_stays_one_in_an_address(#[case] id: &str, #[case] expected: &str) {
        assert_eq!(segment(id).as_deref(), Some(expected));
        let url = Url::parse(&format!("https://graph.example/beta/a/{expected}/b")).expect("an address");
        assert_eq!(url.path(), format!("/beta/a/{expected}/b"));
    }

    fn take(ids: &mut ParentIds, page: &str) -> Result<(), ErrorCode> {
        ids.take(&envelope::read(page.into(), PathKind::Collection, 64).expect("a page"), 3)
    }

    #[rstest]
    #[case::empty(r#"{"id":""}"#)]
    #[case::dot(r#"{"id":"."}"#)]
    #[case::dots(r#"{"id":".."}"#)]
    #[case::nul(r#"{"id":"a\u0000"}"#)]
    #[case::too_long(&format!(r#"{{"id":"{}"}}"#, "a".repeat(513)))]
    #[case::absent("{}")]
    #[case::null(r#"{"id":null}"#)]
    #[case::number(r#"{"id":7}"#)]
    #[case::half_a_pair(r#"{"id":"\ud83d"}"#)]
    #[case::no_object("7")]
    #[case::an_array(r#"["a"]"#)]
    fn i02_a_parent_that_cannot_be_named_ends_the_listing(#[case] parent: &str) {
        let refused = take(&mut ParentIds::default(), &format!(r#"{{"value":[{{"id":"1"}},{parent}]}}"#));
        assert_eq!(refused, Err(ErrorCode::GraphInvalidResponse));
    }

    #[test]
    fn ids_keep_their_order_come_once_and_are_bounded_in_number() {
        let mut ids = ParentIds::default();
        assert_eq!(take(&mut ids, r#"{"value":[{"id":"b","token":"x"},{"id":"a"},{"id":"b"}]}"#), Ok(()));
        assert_eq!(take(&mut ids, r#"{"value":[{"id":"a"},{"id":"c"}]}"#), Ok(()));
        assert_eq!(take(&mut ids, r#"{"value":[{"id":"d"}]}"#), Err(ErrorCode::GraphPageCap));
        assert_eq!(ids.into_ordered(), ["b", "a", "c", "d"]);
    }
}
