//! Objects that no honest endpoint would send. Whatever comes: no panic, no key outside the whitelist, no text from anywhere
//! else, the same answer in any order of keys.

use std::collections::{BTreeMap, BTreeSet};

use lastseen_contracts::{Assignments, MatchRule, MetaKind, Observed, Overrides, PathContract, Registry, Rejection, TypeContract};
use proptest::prelude::*;
use proptest::sample::{Index, select};
use serde_json::{Value, json};

/// Stands in values that no contract keeps; not a byte of it may come out.
const CANARY: &str = "CANARY-4f1c";

/// Everything an observation says, to compare and to search.
fn said(result: &Result<Observed, Rejection>) -> String {
    match result {
        Ok(Observed { type_index, observation, dropped }) => format!("{type_index} {dropped} {observation:?}"),
        Err(rejection) => format!("{rejection:?}"),
    }
}

/// Every field that some type of the path reads, as a top-level key.
fn known_keys(path: &PathContract) -> BTreeSet<String> {
    let of_type = |known: &TypeContract| {
        let rule = match &known.matches {
            Some(MatchRule::FieldStartsWith { field, .. }) => Some(field.clone()),
            _ => None,
        };
        let kept = known.meta.iter().map(|kept| kept.field.clone());
        kept.chain(known.display_name_field.clone()).chain(rule).collect::<Vec<_>>()
    };
    let fields = path.types.iter().flat_map(of_type).chain(["id", "@odata.type", "assignments"].map(str::to_owned));
    fields.map(|field| if field.starts_with('@') { field } else { field.split('.').next().unwrap_or_default().to_owned() }).collect()
}

/// A JSON string literal, not all of them valid text.
fn literal() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>().prop_map(|text| Value::String(text).to_string()),
        select(vec![
            r#""""#,
            r#""\ud83d""#,
            r#""\ude00\ud83d""#,
            r#""\u0000""#,
            r#""0001-01-01T00:00:00Z""#,
            r#""/Date(1606753670897)/""#,
            r#""/Date(é)/""#,
            r#""9999-12-31T23:59:59.9999999Z""#,
            r#""-262144-01-01T00:00:00Z""#,
            r#""windows10,iOS""#,
            r##""#microsoft.graph.iosStoreApp""##,
            r#""endpointSecurityFirewall""#,
            r#""12""#,
            r#""\u0069\u0064""#,
            r#""\"quoted\"""#,
        ])
        .prop_map(str::to_owned),
        (1usize..5_000).prop_map(|n| format!("\"{}\"", "é".repeat(n))),
    ]
}

/// Any JSON value, with what JSON allows and readers trip over.
fn value() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        literal(),
        any::<i64>().prop_map(|number| number.to_string()),
        select(vec!["null", "true", "false", "-0", "1e400", "1.5", "99999999999999999999999", "9007199254740993", "[]", "{}"])
            .prop_map(str::to_owned),
        (1usize..2_000).prop_map(|depth| format!("{}{}", "[".repeat(depth), "]".repeat(depth))),
    ];
    leaf.prop_recursive(3, 24, 6, |inner| {
        let key = prop_oneof![literal(), select(vec!["\"templateFamily\"", "\"templateId\"", "\"id\""]).prop_map(str::to_owned)];
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(|values| format!("[{}]", values.join(" ,\n"))),
            prop::collection::vec((key, inner), 0..6).prop_map(|fields| object(&fields)),
        ]
    })
}

/// An object of these fields, keys written as JSON.
fn object(fields: &[(String, String)]) -> String {
    let fields: Vec<String> = fields.iter().map(|(key, value)| format!("{key}\t: {value}")).collect();
    format!("{{{}}}", fields.join(","))
}

/// A path of the shipped registry, and fields for an object of it: mostly keys that it knows, some escaped, some strange,
/// some repeated.
fn path_and_fields() -> impl Strategy<Value = (&'static PathContract, Vec<(String, String)>)> {
    any::<Index>().prop_flat_map(|index| {
        let path = index.get(Registry::builtin().paths());
        let keys: Vec<String> = known_keys(path).into_iter().collect();
        let escaped = |key: String| format!("\"\\u{:04x}{}\"", u32::from(key.as_bytes()[0]), &key[1..]);
        let key = prop_oneof![
            6 => select(keys.clone()).prop_map(|key| format!("\"{key}\"")),
            1 => select(keys).prop_map(escaped),
            2 => literal(),
        ];
        let id = prop_oneof![4 => any::<u32>().prop_map(|id| format!("\"{id}\"")), 1 => value()];
        (Just(path), id, prop::collection::vec((key, value()), 0..12)).prop_map(|(path, id, mut fields)| {
            fields.insert(0, ("\"id\"".to_owned(), id));
            (path, fields)
        })
    })
}

/// Whether a kept value is what the whitelist says.
fn fits(kind: MetaKind, value: &Value) -> bool {
    let is_text = |value: &Value, most: usize| value.as_str().is_some_and(|text| text.chars().count() <= most);
    match kind {
        MetaKind::Text(chars) => is_text(value, chars),
        MetaKind::Integer => value.as_i64().is_some_and(|number| number.abs() < 1 << 53),
        MetaKind::Boolean => value.is_boolean(),
        MetaKind::Time => value.as_str().is_some_and(|time| time.ends_with('Z') && time.parse::<jiff::Timestamp>().is_ok()),
        MetaKind::TextList { items, chars } => value.as_array().is_some_and(|texts| {
            texts.len() <= items
                && texts.iter().all(|text| is_text(text, chars))
                && texts.is_sorted_by(|one, other| one.as_str() < other.as_str())
        }),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn i18_whatever_comes_only_whitelisted_keys_of_the_right_kind_are_kept((path, fields) in path_and_fields()) {
        if let Ok(Observed { type_index, observation, .. }) = path.observe(&object(&fields)) {
            let known = &path.types[type_index];
            let meta: BTreeMap<String, Value> = serde_json::from_str(&observation.meta).expect("a JSON object");
            for (key, value) in &meta {
                let kept = known.meta.iter().find(|kept| kept.field == *key);
                prop_assert!(kept.is_some_and(|kept| fits(kept.kind, value)), "{}: {key}: {value}", known.policy_type);
            }
            // Of a repeated key the last counts; whatever it holds, only a list on a path that reads assignments has a number.
            let named = |key: &str| serde_json::from_str::<String>(key).is_ok_and(|key| key == "assignments");
            let last = fields.iter().rfind(|(key, _)| named(key)).map(|(_, value)| value.as_str());
            let is_list = last.is_some_and(|value| value.starts_with('['));
            prop_assert_eq!(observation.assignment_count.is_some(), is_list && path.assignments == Assignments::Expand);
        }
    }

    #[test]
    fn i22_the_order_of_keys_changes_nothing((path, fields) in path_and_fields(), seed in any::<Index>()) {
        // Of a repeated key the last counts, so only objects whose keys differ have no order.
        let mut names = BTreeSet::new();
        let mut fields: Vec<_> = fields.into_iter().filter(|(key, _)| names.insert(serde_json::from_str::<String>(key).unwrap_or_else(|_| key.clone()))).collect();
        let one = said(&path.observe(&object(&fields)));
        let middle = seed.index(fields.len());
        fields.rotate_left(middle);
        prop_assert_eq!(&said(&path.observe(&object(&fields))), &one);
        fields.reverse();
        prop_assert_eq!(&said(&path.observe(&object(&fields))), &one);
    }

    #[test]
    fn i17_i18_not_a_byte_of_what_is_not_kept_comes_out(
        (path, fields) in path_and_fields(),
        strangers in prop::collection::vec(("[a-zA-Z@._]{1,12}", 0usize..4), 1..8),
    ) {
        let known = known_keys(path);
        let mut fields = fields;
        for (name, shape) in strangers.iter().filter(|(name, _)| !known.contains(name)) {
            let value = match shape {
                0 => json!(CANARY),
                1 => json!([CANARY, {"id": CANARY}]),
                2 => json!({"id": CANARY, "name": CANARY, CANARY: 1}),
                _ => json!({"displayName": {"value": [CANARY.repeat(100)]}}),
            };
            fields.push((format!("\"{name}\""), value.to_string()));
        }
        fields.push((format!("\"{CANARY}\""), "1".to_owned()));
        prop_assert!(!said(&path.observe(&object(&fields))).contains(CANARY));
    }

    #[test]
    fn any_text_at_all_is_answered(index in any::<Index>(), text in any::<String>()) {
        prop_assert_eq!(index.get(Registry::builtin().paths()).observe(&text).expect_err("no object"), Rejection::NotAnObject);
    }

    #[test]
    fn an_object_cut_off_anywhere_is_no_object((path, fields) in path_and_fields(), at in any::<Index>()) {
        let whole = object(&fields);
        let cuts: Vec<usize> = whole.char_indices().map(|(at, _)| at).collect();
        prop_assert_eq!(path.observe(&whole[..*at.get(&cuts)]).expect_err("cut off"), Rejection::NotAnObject);
    }

    #[test]
    fn i19_equal_names_never_make_equal_items(ids in prop::collection::btree_set("[ -~]{1,40}", 1..30), index in any::<Index>()) {
        let path = index.get(Registry::builtin().paths());
        let object = |id: &String| path.types.last().and_then(|known| known.display_name_field.clone()).map_or_else(|| json!({"id": id}), |name| json!({"id": id, name: "same"}));
        let seen: BTreeSet<String> = ids.iter().map(|id| path.observe(&object(id).to_string()).expect("observed").observation.external_id.to_string()).collect();
        prop_assert_eq!(seen, ids);
    }
}

#[test]
fn an_object_of_a_million_keys_is_held_in_little_memory_and_answered() {
    // What is held is one value a name, and not one a key.
    let fields = "\"displayName\":\"a\",".repeat(1_000_000);
    let path = Registry::builtin().paths().first().expect("a path");
    let seen = path.observe(&format!("{{{fields}\"id\":\"1\"}}")).expect("observed");
    assert_eq!((seen.observation.display_name.as_deref(), seen.dropped), (Some("a"), 0));
}

/// A file of overrides that is right.
const OVERRIDES: &str = "# A comment\n[[path]]\npath = \"/deviceManagement/configurationPolicies\"\napi_version = \"beta\"\npage_size = 50\nselect = false\n\n[[path]]\npath = '/deviceManagement/intents'\napi_version = \"beta\"\nassignments = false\n";

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn a_file_of_overrides_that_was_spoilt_is_refused_by_its_name_or_says_what_it_reads_as(
        changes in prop::collection::vec((any::<Index>(), prop_oneof![
            select(vec![
                "\u{feff}", "\0", "\"", "'''", "\"\"\"", "\\", "\\uD800", "[[", "]]", "[", "{", "}", "=", "#", "\r", "\n", "\n[[path]]\n", "\npage_size = -1\n", "99999999999999999999",
                "1e999", "nan", "0x", "1979-05-27", "path.path.path = 1\n", "\napi_version = \"v1.0\"\n", "../", "a.b.c.d.e.f = 1\n",
            ]).prop_map(str::to_owned),
            any::<String>(),
            (1usize..2_000).prop_map(|n| format!("\nx = {}", "[".repeat(n))),
            (1usize..2_000).prop_map(|n| format!("\nx = {}", "{a=".repeat(n))),
            (1usize..500).prop_map(|n| format!("\n{}a = 1\n", "a.".repeat(n))),
        ], 0..6_u8), 0..4),
    ) {
        let mut text = OVERRIDES.to_owned();
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
        match Overrides::read("mine.toml", &text, Registry::builtin()) {
            Err(error) => prop_assert!(error.to_string().starts_with("mine.toml: ")),
            Ok(read) => {
                let again = Overrides::read("again.toml", &read.to_string(), Registry::builtin()).expect("what it writes reads");
                prop_assert_eq!(again.paths(), read.paths());
                // However it asks, the same is kept of the same object: what is stored depends on no such file.
                let asked = Registry::builtin().with_overrides(&read);
                prop_assert!(asked.types().zip(Registry::builtin().types()).all(|((_, one), (_, other))| one.contract_hash == other.contract_hash));
            }
        }
    }
}
