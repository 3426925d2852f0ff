//! Objects of every type that ships, changed in every way: nothing falls, only what the whitelist names is kept, within its bounds, and
//! the order of keys means nothing (I18, I19, I22).

use std::collections::BTreeMap;

use lastseen_contracts::{MetaKind, Observed, PathContract};
use proptest::prelude::*;
use proptest::sample::{Index, select};
use serde_json::{Value, json};

use crate::seeds::{Seed, seeds, tree};

/// What is put into the text of an object.
const SNIPPETS: &[&str] = &[
    "\u{feff}",
    "\0",
    "\"",
    "\\",
    "\\u0000",
    "\\ud800",
    "\\udc00\\ud83d",
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    "null",
    "1e999",
    "-99999999999999999999999999",
    "\u{202e}",
    "\"id\":\"\",",
    "\"id\":\"twice\",",
    "\"id\":null,",
    "\"\\u0069d\":\"x\",",
    "\"@odata.type\":\"#microsoft.graph.iosStoreApp\",",
    "\"@odata.type\":7,",
    "\"displayName\":[],",
    "\"assignments\":[],",
    "\"assignments\":{},",
    "\"assignments@odata.nextLink\":\"x\",",
    "\"omaSettings\":[{\"value\":\"x\"}],",
];

fn seed() -> impl Strategy<Value = &'static Seed> {
    any::<Index>().prop_map(|index| index.get(seeds()))
}

/// A value that is of no kind that anyone waits for, or of every kind.
fn odd() -> impl Strategy<Value = Value> {
    prop_oneof![
        select(vec![
            json!(null),
            json!(true),
            json!(0),
            json!(-1),
            json!(1.5),
            json!(9_007_199_254_740_993_u64),
            json!(u64::MAX),
            json!(""),
            json!("\0"),
            json!("\u{fffd}"),
            json!("0001-01-01T00:00:00Z"),
            json!("9999-12-31T23:59:59.9999999Z"),
            json!("/Date(253402300800000)/"),
            json!("-262144-01-01T00:00:00Z"),
            json!("a,b,,c, a"),
            json!([]),
            json!({}),
            json!([null]),
            json!([[1]]),
            json!({"id": "x", "templateFamily": "endpointSecurityFirewall"}),
            json!(["b", "a", "b"]),
        ]),
        any::<String>().prop_map(Value::String),
        (0..6_000_usize).prop_map(|n| Value::String("é".repeat(n))),
        (0..300_usize).prop_map(|n| (0..n).map(|n| json!(n.to_string())).collect()),
        (1..100_usize).prop_map(|n| (0..n).fold(json!("deep"), |inner, _| json!([inner]))),
    ]
}

/// Every place of a tree, by its number.
fn places(value: &mut Value) -> usize {
    1 + match value {
        Value::Array(values) => values.iter_mut().map(places).sum(),
        Value::Object(fields) => fields.values_mut().map(places).sum(),
        _ => 0,
    }
}

/// Puts a value at a place; gives how many places were passed.
fn put(value: &mut Value, at: usize, new: &Value) -> usize {
    if at == 0 {
        *value = new.clone();
        return 1;
    }
    let mut passed = 1;
    let inner: Vec<&mut Value> = match value {
        Value::Array(values) => values.iter_mut().collect(),
        Value::Object(fields) => fields.values_mut().collect(),
        _ => Vec::new(),
    };
    for inner in inner {
        let size = places(inner);
        if (passed..passed + size).contains(&at) {
            put(inner, at - passed, new);
        }
        passed += size;
    }
    passed
}

/// The tree as a text, its keys in an order of one's own, with white space.
fn written(value: &Value, backwards: bool) -> String {
    match value {
        Value::Array(values) => format!("[{}]", values.iter().map(|value| written(value, backwards)).collect::<Vec<_>>().join(" , ")),
        Value::Object(fields) => {
            let mut fields: Vec<_> = fields.iter().map(|(key, value)| format!("{}:\t{}", json!(key), written(value, backwards))).collect();
            if backwards {
                fields.reverse();
            }
            format!("{{\n{}}}", fields.join(","))
        }
        other => other.to_string(),
    }
}

/// The largest text that a kept value may be, in bytes.
fn most(kind: MetaKind) -> usize {
    match kind {
        MetaKind::Text(chars) => chars * 6 + 2,
        MetaKind::TextList { items, chars } => items * (chars * 6 + 3) + 2,
        MetaKind::Integer | MetaKind::Boolean | MetaKind::Time => 40,
    }
}

/// What is kept is on the whitelist, and within its bounds.
fn kept_is_whitelisted(path: &PathContract, observed: &Observed) -> Result<(), TestCaseError> {
    let known = &path.types[observed.type_index];
    let meta: BTreeMap<String, Value> = serde_json::from_str(&observed.observation.meta).expect("an object");
    for (key, value) in &meta {
        let kept = known.meta.iter().find(|kept| kept.field == *key);
        prop_assert!(kept.is_some_and(|kept| value.to_string().len() <= most(kept.kind)), "{}: {key}: {value}", known.policy_type);
    }
    let id = observed.observation.external_id.as_str();
    prop_assert!(!id.is_empty() && id.len() <= 512 && !id.contains('\0'));
    prop_assert!(observed.observation.display_name.as_ref().is_none_or(|name| name.chars().count() <= 2_000), "a name without end");
    Ok(())
}

fn said(path: &PathContract, text: &str) -> String {
    path.observe(text).map_or_else(
        |rejection| format!("{rejection:?}"),
        |observed| format!("{} {} {:?}", observed.type_index, observed.dropped, observed.observation),
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, max_shrink_iters: 500, ..ProptestConfig::default() })]

    #[test]
    fn i18_i22_a_tree_with_odd_values_keeps_to_the_whitelist_whatever_the_order_of_its_keys(
        seed in seed(),
        changes in prop::collection::vec((any::<Index>(), odd()), 0..4),
    ) {
        let mut changed = tree(seed);
        for (at, new) in &changes {
            // The whole object stays one: what is no object is another test's.
            let places = places(&mut changed);
            if places > 1 {
                put(&mut changed, 1 + at.index(places - 1), new);
            }
        }
        let (path, text) = (seed.0, written(&changed, false));
        if let Ok(observed) = path.observe(&text) {
            kept_is_whitelisted(path, &observed)?;
        }
        let here = said(path, &text);
        prop_assert_eq!(&said(path, &written(&changed, true)), &here, "the order of keys");
        for canary in lastseen_simulator::CANARIES {
            prop_assert!(!here.contains(canary), "i17: {canary} of {}", path.path);
        }
    }

    #[test]
    fn i18_i19_a_text_with_anything_in_it_keeps_to_the_whitelist_or_is_rejected(
        seed in seed(),
        changes in prop::collection::vec((any::<Index>(), prop_oneof![select(SNIPPETS).prop_map(str::to_owned), any::<String>()], 0..6_u8), 1..4),
    ) {
        let mut text = seed.1.clone();
        for (at, snippet, how) in &changes {
            let cuts: Vec<usize> = text.char_indices().map(|(at, _)| at).chain([text.len()]).collect();
            let at = *at.get(&cuts);
            let until = cuts.iter().copied().find(|cut| *cut >= at + snippet.len()).unwrap_or(text.len());
            match how {
                0 => text.truncate(at),
                1 => text.replace_range(at..until, ""),
                2 => text.replace_range(at..until, snippet),
                _ => text.insert_str(at, snippet),
            }
        }
        if let Ok(observed) = seed.0.observe(&text) {
            kept_is_whitelisted(seed.0, &observed)?;
        }
    }
}
