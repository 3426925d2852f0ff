//! The readers of what comes from outside, each by itself, against bytes that were made to hurt: none falls, none holds more than its
//! bound, and what is read is what is there. The whole client is put to the same in `tests/wire/hostile`.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;
use lastseen_contracts::PathKind;
use lastseen_model::ErrorCode;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use serde_json::value::RawValue;

use crate::body::Collector;
use crate::envelope::{self, Unreadable};
use crate::error_body::{GraphError, SignInError};
use crate::link;
use crate::origin::Origin;
use crate::parents::ParentIds;

const PAGE: &str = r#"{"@odata.context":"x","@odata.count":2,"value":[{"id":"a","displayName":"名\u00e9","settings":[{"value":1}]},{"id":"b","n":-1.5e3}],"@odata.nextLink":"https:\/\/graph.microsoft.com\/beta\/x?$skiptoken=1"}"#;
const PARENTS: &str = r#"{"value":[{"id":"3f1f0f6b-5a54-4c0e-9d6b-8c2f0c1e7a10"},{"id":"a/b?c#d"},{"token":"x","id":"é"}]}"#;
const ERROR: &str = r#"{"error":{"code":"BadRequest","message":"{\"Message\":\"{\\\"Message\\\":\\\"x\\\"}\"}","innerError":{"code":"y","request-id":"3f1f0f6b-5a54-4c0e-9d6b-8c2f0c1e7a10"}}}"#;
const REFUSAL: &str = r#"{"error":"invalid_client","error_description":"AADSTS7000215: x","error_codes":[7000215]}"#;

/// What is put into a text at some place.
fn snippet() -> impl Strategy<Value = Vec<u8>> {
    let known = select(vec![
        "\u{feff}",
        "\0",
        "\"",
        "\\",
        "\\u0000",
        "\\ud800",
        "\\udc00\\ud800",
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        "null",
        "true",
        "-0",
        "1e999",
        "-1e-999",
        "[[[[[[[[",
        "{\"a\":{\"a\":",
        "\"value\":[],",
        "\"value\":null,",
        "\"VALUE\":[],",
        "\"error\":{},",
        "\"error\":null,",
        "\"@odata.nextLink\":\"\",",
        "\"@odata.nextLink\":null,",
        "\"@nextLink\":1,",
        "\"id\":\"..\",",
        "\"id\":1,",
        "\"id\":\"\",",
        "\"code\":\"TooManyRequests\",",
        "\"message\":[],",
    ]);
    prop_oneof![
        4 => known.prop_map(|known| known.as_bytes().to_vec()),
        2 => prop::collection::vec(any::<u8>(), 1..4),
        1 => (1..5_000_usize).prop_map(|n| "[".repeat(n).into_bytes()),
        1 => (1..5_000_usize).prop_map(|n| "9".repeat(n).into_bytes()),
    ]
}

/// A text after some changes: bytes put in, taken out, put in the place of others, or everything behind a place cut off.
fn changed(text: &'static str) -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec((any::<Index>(), snippet(), 0..8_u8), 0..4).prop_map(move |changes| {
        let mut bytes = text.as_bytes().to_vec();
        for (at, snippet, how) in changes {
            let at = at.index(bytes.len() + 1);
            match how {
                0 => bytes.truncate(at),
                1 | 2 => drop(bytes.splice(at..(at + snippet.len()).min(bytes.len()), snippet)),
                3 => drop(bytes.drain(at..(at + snippet.len()).min(bytes.len()))),
                _ => drop(bytes.splice(at..at, snippet)),
            }
        }
        bytes
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn i02_what_reads_as_a_page_is_one_json_object_with_its_objects_as_they_came(bytes in changed(PAGE), singleton: bool) {
        let kind = if singleton { PathKind::Singleton } else { PathKind::Collection };
        let Ok(envelope) = envelope::read(bytes.clone(), kind, 64) else { return Ok(()) };
        let text = String::from_utf8(bytes).expect("a page is text");
        prop_assert!(serde_json::from_str::<&RawValue>(&text).is_ok() && text.trim_start().starts_with('{'), "{text}");
        prop_assert_eq!(envelope.bytes(), text.len() as u64);
        prop_assert!(envelope.objects().map(str::len).sum::<usize>() <= text.len());
        for object in envelope.objects() {
            prop_assert!(text.contains(object) && serde_json::from_str::<&RawValue>(object).is_ok());
        }
        // Whoever reads it otherwise finds the same. (That reader takes no half of a surrogate and no number that it can't hold.)
        if let Ok(page) = serde_json::from_str::<serde_json::Value>(&text) {
            prop_assert!(page["error"].is_null());
            if singleton {
                prop_assert_eq!(envelope.objects().len(), 1);
            } else {
                prop_assert_eq!(page["value"].as_array().map(Vec::len), Some(envelope.objects().len()));
            }
            prop_assert_eq!(page["@odata.nextLink"].as_str(), envelope.next.as_deref());
        }
    }

    #[test]
    fn i02_parents_are_segments_that_stay_below_their_path_or_end_the_listing(bytes in changed(PARENTS)) {
        let Ok(page) = envelope::read(bytes, PathKind::Collection, 64) else { return Ok(()) };
        let mut ids = ParentIds::default();
        if let Err(code) = ids.take(&page, 3) {
            prop_assert!(matches!(code, ErrorCode::GraphInvalidResponse | ErrorCode::GraphPageCap));
            return Ok(());
        }
        let ids = ids.into_ordered();
        prop_assert!(ids.len() <= 3 && page.objects().len() >= ids.len());
        for id in ids {
            let url = url::Url::parse(&format!("https://graph.example/beta/a/{id}/b")).expect("an address");
            prop_assert_eq!(url.path(), format!("/beta/a/{id}/b"));
            prop_assert!(url.query().is_none() && url.fragment().is_none() && id.len() <= 3 * 512);
        }
    }

    #[test]
    fn i15_r14_of_an_error_only_what_looks_like_a_code_or_an_id_is_kept(graph in changed(ERROR), sign_in in changed(REFUSAL)) {
        if let Some(code) = GraphError::read(&graph).code {
            prop_assert!(code.as_str().len() <= 64 && code.as_str().bytes().all(|b| b.is_ascii_alphanumeric() || b"_.-".contains(&b)));
        }
        let known = SignInError { aadsts: Some(7_000_215), later: false };
        prop_assert!(SignInError::read(&sign_in) == known || sign_in != REFUSAL.as_bytes());
    }

}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn i30_a_body_is_never_more_than_its_cap_and_never_another_one(
        body in prop::collection::vec(any::<u8>(), 0..400),
        zeros in 0..60_000_usize,
        changes in prop::collection::vec((any::<Index>(), any::<u8>(), any::<bool>()), 0..3),
        cap in 1..40_000_u64,
        chunk in 1..700_usize,
    ) {
        let whole = [body, vec![0; zeros]].concat();
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(&whole).expect("to memory");
        let mut packed = encoder.finish().expect("to memory");
        for (at, byte, cut) in &changes {
            let at = at.index(packed.len());
            if *cut { packed.truncate(at.max(1)) } else { packed[at] = *byte }
        }
        let mut collector = Collector::new(Some(b"gzip"), cap).expect("known");
        let taken = packed.chunks(chunk).try_for_each(|chunk| collector.take(chunk));
        let Ok(read) = taken.and_then(|()| collector.finish()) else { return Ok(()) };
        prop_assert!(read.len() as u64 <= cap && packed.len() as u64 <= cap);
        prop_assert_eq!(read, whole);
    }
}

/// Parts of links that were used to fool others.
const PARTS: &[&str] = &[
    "https://",
    "http://",
    "HTTPS:",
    "//",
    "\\\\",
    "/",
    "\\",
    "graph.microsoft.com",
    "GRAPH.Microsoft.COM",
    "graph.microsoft.com.",
    "graph.microsoft.com:443",
    "graph.microsoft.com:8443",
    "graph.microsoft.com@",
    "graph%2emicrosoft.com",
    "graph。microsoft。com",
    "xn--grph-5na.microsoft.com",
    "elsewhere.example",
    "user@",
    ":pass@",
    "/beta/",
    "/beta",
    "beta2/",
    "v1.0/",
    "/BETA/",
    "%62eta",
    "..",
    "../",
    "%2e%2e/",
    "%2E%2e",
    "%2f",
    "%5C",
    "%252f",
    "?",
    "#",
    "&$skiptoken=",
    "%",
    "%00",
    "\0",
    "\t",
    "\r\n",
    " ",
    "é",
    "\u{202e}",
    "[::1]",
    "127.0.0.1",
    ":",
    ";",
    "@",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(5_000))]

    #[test]
    fn i29_a_link_that_is_followed_begins_with_graphs_origin_and_version(
        begins: bool,
        parts in prop::collection::vec(select(PARTS), 0..10),
        tail in prop_oneof![6 => Just(String::new()), 1 => "\\PC{0,40}", 1 => (0..40_000_usize).prop_map(|n| "a".repeat(n))],
    ) {
        let link = format!("{}{}{tail}", if begins { "https://graph.microsoft.com/beta/" } else { "" }, parts.concat());
        let graph = Origin::parse("https://graph.microsoft.com").expect("an origin");
        match link::follow(&link, &graph, "beta") {
            Ok(url) => {
                let sent = url.as_str();
                prop_assert!(sent.starts_with("https://graph.microsoft.com/beta/"), "{link:?} is sent as {sent:?}");
                prop_assert!(sent.is_ascii() && !sent.contains(['#', ' ', '\t', '\r', '\n', '\0', '\\']) || url.query().is_some(), "{sent:?}");
                prop_assert!(url.fragment().is_none() && url.username().is_empty() && url.password().is_none() && url.port().is_none());
                prop_assert!(link.len() <= 16 * 1024);
            }
            Err(code) => prop_assert!(matches!(code, ErrorCode::GraphUntrustedLink | ErrorCode::GraphInvalidResponse)),
        }
    }

}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn i30_too_deep_is_told_whatever_else_is_in_it(deep in 65..3_000_usize, bytes in changed(PAGE)) {
        let mut nested = format!("{{\"value\":[{}{}],\"x\":", "[".repeat(deep), "]".repeat(deep)).into_bytes();
        nested.extend(bytes);
        let read = envelope::read(nested, PathKind::Collection, 64).map(drop);
        prop_assert!(matches!(read, Err(Unreadable::TooDeep | Unreadable::NotJson)));
    }
}
