//! Names of fields: dotted paths below an object, and annotations, whose dots are part of the name.

/// The annotation that names an object's type.
pub(crate) const ODATA_TYPE: &str = "@odata.type";

/// The first segment of a dotted path, and the rest below it.
pub(crate) fn split(path: &str) -> (&str, Option<&str>) {
    if path.starts_with('@') {
        return (path, None);
    }
    path.split_once('.').map_or((path, None), |(head, rest)| (head, Some(rest)))
}

/// The first segment of `path`, if it is `key`. A key comes as the bytes of the answer, which need not be text.
pub(crate) fn head_if<'c>(path: &'c str, key: &[u8]) -> Option<&'c str> {
    let ends = path.as_bytes().starts_with(key) && (path.len() == key.len() || (path.as_bytes()[key.len()] == b'.' && key[0] != b'@'));
    if ends && !key.is_empty() { path.get(..key.len()) } else { None }
}

/// Whether this can be a dotted path: segments of letters and digits that begin with a letter, or [`ODATA_TYPE`].
pub(crate) fn is_path(path: &str) -> bool {
    let is_segment = |segment: &str| {
        segment.bytes().next().is_some_and(|first| first.is_ascii_alphabetic()) && segment.bytes().all(|b| b.is_ascii_alphanumeric())
    };
    path == ODATA_TYPE || path.split('.').all(is_segment)
}

/// Whether reading both would read a value and something inside that value.
pub(crate) fn overlap(one: &str, other: &str) -> bool {
    let inside = |outer: &str, inner: &str| inner.strip_prefix(outer).is_some_and(|rest| rest.starts_with('.'));
    inside(one, other) || inside(other, one)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_annotation_is_one_segment_whatever_its_dots() {
        assert_eq!(split("a.b.c"), ("a", Some("b.c")));
        assert_eq!(split("name"), ("name", None));
        assert_eq!(split(ODATA_TYPE), (ODATA_TYPE, None));
    }

    #[test]
    fn a_key_names_only_a_whole_first_segment() {
        assert_eq!(head_if("template.family", b"template"), Some("template"));
        assert_eq!(head_if("name", b"name"), Some("name"));
        assert_eq!(head_if(ODATA_TYPE, ODATA_TYPE.as_bytes()), Some(ODATA_TYPE));
        for other in [&b"temp"[..], b"template.family.x", b"", b"family", b"@odata", b"\xff"] {
            assert_eq!(head_if("template.family", other), None);
            assert_eq!(head_if(ODATA_TYPE, other), None);
        }
    }

    #[test]
    fn a_path_is_words_joined_by_dots() {
        assert!(["id", "templateReference.templateId", ODATA_TYPE].into_iter().all(is_path));
        assert!(!["", "a.", ".a", "a..b", "a b", "1a", "@odata.id", "a/b", "é"].into_iter().any(is_path));
    }
}
