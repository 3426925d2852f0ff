//! A page: its envelope is parsed once, its objects stay slices of the body.

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;

use lastseen_contracts::PathKind;
use serde::Deserialize;
use serde::de::{IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::error::Category;
use serde_json::value::RawValue;

use crate::depth;

/// A page of Graph holds a thousand objects at most; one of a hundred times that is none of Graph's, and storing it would take
/// longer than a lease.
const OBJECTS_MAX: usize = 100_000;

/// One page of a listing.
pub struct RawPage {
    /// Its number within the listing, from 1. It goes on after a restart.
    pub number: u32,
    /// Whether it carried no next link: the listing is whole.
    pub last: bool,
    /// Whether it was asked for with `$expand=assignments`. Where it was not, a list of assignments in it proves nothing (I26).
    pub expanded: bool,
    body: String,
    objects: Vec<Range<usize>>,
}

impl RawPage {
    /// The one page of a listing that has nothing to ask for: whole, and without objects.
    pub(crate) fn empty(number: u32) -> Self {
        Self { number, last: true, expanded: false, body: String::new(), objects: Vec::new() }
    }

    /// The JSON texts of its objects, in their order; of a singleton the one object.
    pub fn objects(&self) -> impl ExactSizeIterator<Item = &str> {
        self.objects.iter().map(|range| &self.body[range.clone()])
    }
}

impl fmt::Debug for RawPage {
    /// Counts only: the body is nobody's business but the contract's.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RawPage")
            .field("number", &self.number)
            .field("last", &self.last)
            .field("expanded", &self.expanded)
            .field("objects", &self.objects.len())
            .field("bytes", &self.body.len())
            .finish()
    }
}

/// What was read of a page's body.
pub(crate) struct Envelope {
    body: String,
    objects: Vec<Range<usize>>,
    /// The next link, to the letter.
    pub(crate) next: Option<String>,
    /// Whether it was asked for with `$expand=assignments`. Who asked sets it.
    pub(crate) expanded: bool,
}

impl Envelope {
    /// The JSON texts of its objects.
    pub(crate) fn objects(&self) -> impl ExactSizeIterator<Item = &str> {
        self.objects.iter().map(|range| &self.body[range.clone()])
    }

    /// How long its body is, unpacked, in bytes.
    pub(crate) fn bytes(&self) -> u64 {
        self.body.len() as u64
    }

    pub(crate) fn into_page(self, number: u32, last: bool) -> RawPage {
        RawPage { number, last, expanded: self.expanded, body: self.body, objects: self.objects }
    }
}

/// A body that is no page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unreadable {
    /// Not JSON, or not to its end: it may read better when it comes again.
    NotJson,
    /// Nested deeper than the cap.
    TooDeep,
    /// JSON, but not what a page looks like.
    NotAPage,
}

#[derive(Deserialize)]
struct Collection<'a> {
    #[serde(borrow, default)]
    value: Option<Objects<'a>>,
    #[serde(borrow, rename = "@odata.nextLink", default)]
    next: Option<Cow<'a, str>>,
    #[serde(default)]
    error: Option<IgnoredAny>,
}

/// The objects of a page. No more of them are held than there may be: a body under the cap could be tens of millions of numbers.
struct Objects<'a>(Vec<&'a RawValue>);

impl<'de: 'a, 'a> Deserialize<'de> for Objects<'a> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Elements;
        impl<'de> Visitor<'de> for Elements {
            type Value = Objects<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an array")
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut array: A) -> Result<Objects<'de>, A::Error> {
                let mut objects = Vec::new();
                while let Some(object) = array.next_element()? {
                    if objects.len() == OBJECTS_MAX {
                        return Err(serde::de::Error::custom("more objects than a page has"));
                    }
                    objects.push(object);
                }
                Ok(Objects(objects))
            }
        }
        deserializer.deserialize_seq(Elements)
    }
}

/// The members of an envelope, by name alone.
struct Names {
    /// Whether one is a next link under another spelling (OData 4.01 has several). What it leads to would be left out.
    stray_link: bool,
}

impl<'de> Deserialize<'de> for Names {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;
        impl<'de> Visitor<'de> for Members {
            type Value = Names;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Names, A::Error> {
                let mut stray_link = false;
                while let Some(name) = map.next_key::<Cow<'de, str>>()? {
                    map.next_value::<IgnoredAny>()?;
                    stray_link |= name != "@odata.nextLink" && name.to_ascii_lowercase().ends_with("nextlink");
                }
                Ok(Names { stray_link })
            }
        }
        deserializer.deserialize_map(Members)
    }
}

#[derive(Deserialize)]
struct Singleton {
    #[serde(rename = "@odata.nextLink", default)]
    next: Option<IgnoredAny>,
    #[serde(default)]
    error: Option<IgnoredAny>,
}

/// Reads the body of an answer with status 200.
pub(crate) fn read(body: Vec<u8>, kind: PathKind, depth_cap: usize) -> Result<Envelope, Unreadable> {
    let body = String::from_utf8(body).map_err(|_| Unreadable::NotJson)?;
    if !depth::within(body.as_bytes(), depth_cap) {
        return Err(Unreadable::TooDeep);
    }
    // An array would pass for the fields in their order.
    if !body.trim_start().starts_with('{') {
        let whole: Result<IgnoredAny, _> = serde_json::from_str(&body);
        return Err(if whole.is_ok() { Unreadable::NotAPage } else { Unreadable::NotJson });
    }
    let (objects, next) = match kind {
        PathKind::Collection => {
            let page: Collection<'_> = serde_json::from_str(&body).map_err(|error| unreadable(&error))?;
            if page.error.is_some() {
                return Err(Unreadable::NotAPage);
            }
            let Objects(objects) = page.value.ok_or(Unreadable::NotAPage)?;
            let names: Names = serde_json::from_str(&body).map_err(|error| unreadable(&error))?;
            if names.stray_link {
                return Err(Unreadable::NotAPage);
            }
            let objects = objects.iter().map(|object| range_in(&body, object.get())).collect();
            (objects, page.next.map(Cow::into_owned))
        }
        PathKind::Singleton => {
            let object: Singleton = serde_json::from_str(&body).map_err(|error| unreadable(&error))?;
            if object.error.is_some() || object.next.is_some() {
                return Err(Unreadable::NotAPage);
            }
            (vec![range_in(&body, body.trim())], None)
        }
    };
    Ok(Envelope { body, objects, next, expanded: false })
}

fn unreadable(error: &serde_json::Error) -> Unreadable {
    match error.classify() {
        Category::Syntax | Category::Eof | Category::Io => Unreadable::NotJson,
        Category::Data => Unreadable::NotAPage,
    }
}

/// Where `part`, a slice of `whole`, lies in it.
fn range_in(whole: &str, part: &str) -> Range<usize> {
    let start = part.as_ptr().addr() - whole.as_ptr().addr();
    start..start + part.len()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    fn collection(body: &str) -> Result<(Vec<String>, Option<String>), Unreadable> {
        let mut envelope = read(body.into(), PathKind::Collection, 64)?;
        let next = envelope.next.take();
        let page = envelope.into_page(1, next.is_none());
        Ok((page.objects().map(str::to_owned).collect(), next))
    }

    #[test]
    fn objects_come_out_byte_for_byte() {
        let body = r#" { "@odata.context": "x", "value" : [ {"id":"1", "n": 9007199254740993 } ,{"id":"名"},7 ] ,"@odata.nextLink":"https:\/\/h\/%255B" } "#;
        let (objects, next) = collection(body).expect("a page");
        assert_eq!(objects, [r#"{"id":"1", "n": 9007199254740993 }"#, r#"{"id":"名"}"#, "7"]);
        assert_eq!(next.as_deref(), Some("https://h/%255B"));
        assert_eq!(collection(r#"{"value":[]}"#), Ok((vec![], None)));
        assert_eq!(collection(r#"{"value":[],"@odata.nextLink":null}"#), Ok((vec![], None)));
    }

    #[rstest]
    #[case("", Unreadable::NotJson)]
    #[case("<html>", Unreadable::NotJson)]
    #[case(r#"{"value":[{"id":"1"}"#, Unreadable::NotJson)]
    #[case(r#"{"value":[{"id":"1"}]}x"#, Unreadable::NotJson)]
    #[case("{}", Unreadable::NotAPage)]
    #[case(r#"{"value":null}"#, Unreadable::NotAPage)]
    #[case(r#"{"value":{}}"#, Unreadable::NotAPage)]
    #[case(r#"{"Value":[]}"#, Unreadable::NotAPage)]
    #[case(r#"{"value":[],"value":[]}"#, Unreadable::NotAPage)]
    #[case(r#"{"value":[],"@odata.nextLink":7}"#, Unreadable::NotAPage)]
    #[case(r#"{"value":[],"@odata.nextlink":"https://h/2"}"#, Unreadable::NotAPage)]
    #[case(r#"{"@nextLink":"https://h/2","value":[]}"#, Unreadable::NotAPage)]
    #[case(r#"{"value":[],"error":{"code":"TooManyRequests"}}"#, Unreadable::NotAPage)]
    #[case(r#"{"error":{"code":"TooManyRequests"}}"#, Unreadable::NotAPage)]
    #[case("[]", Unreadable::NotAPage)]
    #[case("[[],null,null]", Unreadable::NotAPage)]
    #[case("7", Unreadable::NotAPage)]
    fn i25_what_is_no_page_is_never_an_empty_page(#[case] body: &str, #[case] unreadable: Unreadable) {
        assert_eq!(collection(body), Err(unreadable));
    }

    #[rstest]
    #[case(r#" {"id":"1","value":[1,2]} "#, Ok(r#"{"id":"1","value":[1,2]}"#))]
    #[case(r#"{"error":{}}"#, Err(Unreadable::NotAPage))]
    #[case(r#"{"id":"1","@odata.nextLink":"x"}"#, Err(Unreadable::NotAPage))]
    #[case("[]", Err(Unreadable::NotAPage))]
    #[case("[null,null]", Err(Unreadable::NotAPage))]
    #[case("[", Err(Unreadable::NotJson))]
    #[case("null", Err(Unreadable::NotAPage))]
    #[case(r#"{"id":"1""#, Err(Unreadable::NotJson))]
    fn a_singleton_is_its_one_object_whatever_its_members(#[case] body: &str, #[case] object: Result<&str, Unreadable>) {
        let read = read(body.into(), PathKind::Singleton, 64).map(|envelope| {
            let page = envelope.into_page(1, true);
            page.objects().collect::<Vec<_>>().concat()
        });
        assert_eq!(read.as_deref(), object.as_ref().map(|text| *text));
    }

    #[test]
    fn i30_a_page_of_more_objects_than_graph_ever_sends_is_no_page() {
        let page = |objects: usize| format!(r#"{{"value":[{}0]}}"#, "0,".repeat(objects - 1));
        assert_eq!(collection(&page(OBJECTS_MAX)).map(|(objects, _)| objects.len()), Ok(OBJECTS_MAX));
        assert_eq!(collection(&page(OBJECTS_MAX + 1)), Err(Unreadable::NotAPage));
        // It is told at the first one too many: none of those behind it is held, or even looked at.
        let behind = format!("{}nonsense", page(OBJECTS_MAX + 1).trim_end_matches("]}"));
        assert_eq!(collection(&behind), Err(Unreadable::NotAPage));
    }

    #[test]
    fn i30_too_deep_is_told_before_it_is_parsed() {
        let deep = format!(r#"{{"value":[{}{}]}}"#, "[".repeat(70), "]".repeat(70));
        assert_eq!(collection(&deep), Err(Unreadable::TooDeep));
    }

    proptest! {
        #[test]
        fn i02_no_beginning_of_a_page_reads_as_a_page(ids in prop::collection::vec("\\PC{0,12}", 0..6), cut in any::<prop::sample::Index>()) {
            let objects: Vec<_> = ids.iter().map(|id| serde_json::json!({"id": id})).collect();
            let whole = serde_json::json!({"value": objects}).to_string();
            let split = cut.index(whole.len());
            prop_assert!(read(whole.as_bytes()[..split].to_vec(), PathKind::Collection, 64).is_err());
            prop_assert_eq!(collection(&whole).map(|(objects, _)| objects.len()), Ok(ids.len()));
        }
    }
}
