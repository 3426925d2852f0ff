//! From one object's text to its observation.

use lastseen_contracts::{Assignments, Observed, PathContract, Rejection};
use rstest::rstest;
use serde_json::json;

use crate::made_up::{observe, path_of, registry};

const BASKETS: &str = "/fruit/baskets";
const JAMS: &str = "/fruit/jams";
const SETTINGS: &str = "/fruit/settings";

#[test]
fn an_object_is_reduced_to_what_its_contract_keeps() {
    let object = r##"{
        "@odata.type": "#microsoft.graph.apple", "id": "0", "name": "Gala 🍎", "isRed": true, "version": "3",
        "madeDateTime": "2024-04-02T02:29:51.9302061Z", "tags": ["b", "a"], "recipe": {"secret": "never"}, "notes": "never"
    }"##;
    let seen = observe(BASKETS, object).expect("observed");
    assert_eq!(seen.type_index, 0);
    assert_eq!(seen.dropped, 2);
    assert_eq!(seen.observation.external_id.as_str(), "0");
    assert_eq!(seen.observation.display_name.as_deref(), Some("Gala 🍎"));
    assert_eq!(seen.observation.platform.as_deref(), Some("macos"));
    assert_eq!(seen.observation.assignment_count, None);
    assert_eq!(seen.observation.meta, r#"{"isRed":true,"madeDateTime":"2024-04-02T02:29:51.930206Z","tags":["a","b"],"version":3}"#);
}

#[rstest]
#[case::a_view_by_type(r##"{"id": "1", "@odata.type": "#microsoft.graph.crabApple"}"##, 0)]
#[case::without_the_usual_words(r#"{"id": "1", "@odata.type": "apple"}"#, 0)]
#[case::a_view_by_field(r#"{"id": "1", "label": {"family": "citrusFruit"}}"#, 1)]
#[case::its_second_word(r#"{"id": "1", "label": {"family": "agrume"}}"#, 1)]
#[case::the_first_view_wins(r#"{"id": "1", "@odata.type": "apple", "label": {"family": "citrus"}}"#, 0)]
#[case::the_first_view_wins_over_an_unreadable_one(r#"{"id": "1", "@odata.type": "apple", "label": 7}"#, 0)]
#[case::no_deciding_field(r#"{"id": "1"}"#, 2)]
#[case::null_decides_nothing(r#"{"id": "1", "@odata.type": null, "label": null}"#, 2)]
#[case::null_inside(r#"{"id": "1", "label": {"family": null}}"#, 2)]
#[case::another_type(r##"{"id": "1", "@odata.type": "#microsoft.graph.applePie", "label": {"family": "none"}}"##, 2)]
#[case::the_last_of_two(r#"{"id": "1", "@odata.type": "pear", "@odata.type": "apple"}"#, 0)]
fn an_object_is_of_the_first_type_that_matches(#[case] object: &str, #[case] type_index: usize) {
    assert_eq!(observe(BASKETS, object).expect("observed").type_index, type_index);
}

#[rstest]
#[case(BASKETS, r#"{"id": "1", "@odata.type": 7}"#, Rejection::Unsortable)]
#[case(BASKETS, r#"{"id": "1", "@odata.type": ["apple"]}"#, Rejection::Unsortable)]
#[case::half_a_pair(BASKETS, r#"{"id": "1", "@odata.type": "\ud800"}"#, Rejection::Unsortable)]
#[case(BASKETS, r#"{"id": "1", "label": "citrus"}"#, Rejection::Unsortable)]
#[case(BASKETS, r#"{"id": "1", "label": {"family": {}}}"#, Rejection::Unsortable)]
#[case::no_base_type(JAMS, r#"{"id": "1"}"#, Rejection::Unsortable)]
#[case::no_base_type(JAMS, r#"{"id": "1", "@odata.type": "honey"}"#, Rejection::Unsortable)]
#[case(BASKETS, "{}", Rejection::NoId)]
#[case(BASKETS, r#"{"id": null}"#, Rejection::NoId)]
#[case(BASKETS, r#"{"id": 7}"#, Rejection::NoId)]
#[case::half_a_pair(BASKETS, r#"{"id": "\ud800"}"#, Rejection::NoId)]
#[case(BASKETS, r#"{"id": ""}"#, Rejection::EmptyId)]
#[case(BASKETS, "[]", Rejection::NotAnObject)]
#[case(BASKETS, "null", Rejection::NotAnObject)]
#[case(BASKETS, r#"{"id": "1""#, Rejection::NotAnObject)]
#[case(BASKETS, r#"{"id": "1"} {}"#, Rejection::NotAnObject)]
#[case(SETTINGS, r#"{"id": {}}"#, Rejection::NoId)]
fn i19_an_object_that_cannot_be_identified_or_sorted_is_rejected(#[case] path: &str, #[case] object: &str, #[case] rejection: Rejection) {
    assert_eq!(observe(path, object).expect_err("rejected"), rejection);
}

#[rstest]
#[case::plain("x", 512, true)]
#[case::plain("x", 513, false)]
#[case::escaped(r"\u0041", 512, true)]
#[case::escaped(r"\u0041", 513, false)]
#[case::wide("名", 170, true)]
#[case::wide("名", 171, false)]
fn i19_an_id_has_at_most_512_bytes_however_it_is_written(#[case] unit: &str, #[case] times: usize, #[case] kept: bool) {
    let seen = observe(BASKETS, &format!(r#"{{"id": "{}"}}"#, unit.repeat(times)));
    assert_eq!(seen.as_ref().err(), if kept { None } else { Some(&Rejection::LongId) });
}

#[rstest]
#[case(r#""\u0000""#)]
#[case(r#""a\u0000b""#)]
fn i19_an_id_that_holds_u_0000_identifies_nothing(#[case] id: &str) {
    assert_eq!(observe(BASKETS, &format!(r#"{{"id": {id}}}"#)).expect_err("rejected"), Rejection::NulInId);
}

#[rstest]
#[case("T_8c2f0c1e-5a54-4c0e-9d6b-3f1f0f6b7a10")]
#[case("8c2f0c1e-5a54-4c0e-9d6b-3f1f0f6b7a10_DefaultLimit")]
#[case("0")]
#[case("c99")]
#[case(" a/b?c#d ")]
#[case("名前")]
fn i19_an_id_is_kept_byte_for_byte(#[case] id: &str) {
    assert_eq!(observe(BASKETS, &json!({"id": id}).to_string()).expect("observed").observation.external_id.as_str(), id);
}

#[test]
fn i19_the_same_name_many_times_is_as_many_items() {
    let ids = (0..50).map(|n| observe(BASKETS, &json!({"id": n.to_string(), "name": "Default"}).to_string()).expect("observed"));
    let ids: std::collections::BTreeSet<String> = ids.map(|seen| seen.observation.external_id.to_string()).collect();
    assert_eq!(ids.len(), 50);
}

#[test]
fn a_singleton_without_an_id_has_its_type_key() {
    let id = |object: &str| observe(SETTINGS, object).expect("observed").observation.external_id.to_string();
    assert_eq!(id(r#"{"ripe": true}"#), "fruitSettings");
    assert_eq!(id(r#"{"id": null, "ripe": false}"#), "fruitSettings");
    assert_eq!(id(r#"{"id": "its own"}"#), "its own");
}

#[rstest]
#[case("{}")]
#[case(r#"{"id": null}"#)]
#[case(r#"{"value": []}"#)]
#[case(r#"{"value": null}"#)]
#[case(r#"{"value": {"id": "x"}}"#)]
#[case(r#"{"@odata.context": "x", "@odata.null": true}"#)]
fn i25_an_empty_answer_is_no_singleton(#[case] object: &str) {
    assert_eq!(observe(SETTINGS, object).expect_err("rejected"), Rejection::NoId);
}

#[rstest]
#[case(r#""a""#, Some("a"), 0)]
#[case(r#""""#, Some(""), 0)]
#[case(r#""a\u0000b""#, Some("a\u{fffd}b"), 0)]
#[case::half_a_pair(r#""a\ud83d""#, Some("a\u{fffd}\u{fffd}\u{fffd}"), 0)]
#[case("null", None, 0)]
#[case("7", None, 1)]
#[case(r#"["a"]"#, None, 1)]
fn a_name_that_is_no_text_is_dropped_and_counted(#[case] name: &str, #[case] kept: Option<&str>, #[case] dropped: u32) {
    let seen = observe(BASKETS, &format!(r#"{{"id": "1", "name": {name}}}"#)).expect("observed");
    assert_eq!((seen.observation.display_name.as_deref(), seen.dropped), (kept, dropped));
}

#[rstest]
#[case(r#"{"text": "plum"}"#, Some("plum"), 0)]
#[case(r#"{"text": "plum", "colour": "blue"}"#, Some("plum"), 1)]
#[case("null", None, 0)]
#[case("7", None, 1)]
fn a_name_may_lie_inside_an_object(#[case] label: &str, #[case] kept: Option<&str>, #[case] dropped: u32) {
    let seen = observe(JAMS, &format!(r#"{{"id": "1", "@odata.type": "jam", "label": {label}}}"#)).expect("observed");
    assert_eq!((seen.observation.display_name.as_deref(), seen.dropped), (kept, dropped));
}

#[rstest]
#[case(r#""iOS""#, Some("ios"), 0)]
#[case(r#""windows10,windows10X""#, Some("windows"), 0)]
#[case(r#"["windows10", "windows10X"]"#, Some("windows"), 0)]
#[case(r#"["iOS", "macOS"]"#, None, 0)]
#[case(r#""none""#, None, 0)]
#[case("null", None, 0)]
#[case("7", None, 1)]
fn the_platform_is_read_from_a_field(#[case] shelves: &str, #[case] platform: Option<&str>, #[case] dropped: u32) {
    let seen = observe(BASKETS, &format!(r#"{{"id": "1", "label": {{"family": "citrus"}}, "shelves": {shelves}}}"#)).expect("observed");
    assert_eq!((seen.observation.platform.as_deref(), seen.dropped), (platform, dropped));
}

#[test]
fn r08_unknown_and_unusable_metadata_is_dropped_and_counted() {
    let object =
        r#"{"id": "1", "version": 1.5, "tags": ["far too long a tag"], "madeDateTime": "soon", "isRed": true, "x": {"id": 1}, "y": 1}"#;
    let seen = observe(BASKETS, object).expect("observed");
    // `isRed` is kept of apples only, and this is a plain basket.
    assert_eq!((seen.type_index, seen.observation.meta.as_str(), seen.dropped), (2, "{}", 6));
}

#[test]
fn r08_null_and_year_one_are_nothing_to_count() {
    let seen = observe(BASKETS, r#"{"id": "1", "version": null, "tags": null, "madeDateTime": "0001-01-01T00:00:00Z"}"#).expect("observed");
    assert_eq!((seen.observation.meta.as_str(), seen.dropped), ("{}", 0));
}

#[test]
fn r08_only_the_named_fields_of_a_nested_object_are_kept() {
    let object = r#"{"id": "1", "label": {"family": "citrus", "origin": {"country": "ES", "farm": "x"}, "price": 3}}"#;
    let seen = observe(BASKETS, object).expect("observed");
    assert_eq!((seen.observation.meta.as_str(), seen.dropped), (r#"{"label.family":"citrus","label.origin.country":"ES"}"#, 2));

    let object = r#"{"id": "1", "label": {"family": "citrus", "origin": "ES"}}"#;
    let seen = observe(BASKETS, object).expect("observed");
    assert_eq!((seen.observation.meta.as_str(), seen.dropped), (r#"{"label.family":"citrus"}"#, 1));
}

#[test]
fn escaped_keys_are_the_keys_they_stand_for() {
    let seen = observe(BASKETS, r#"{"\u0069d": "1", "n\u0061me": "a", "version\u0000": 2}"#).expect("observed");
    assert_eq!((seen.observation.display_name.as_deref(), seen.dropped), (Some("a"), 1));
}

#[test]
fn r17_heavy_values_cost_nothing_and_leave_nothing() {
    let heavy = format!(r#"{{"id": "1", "payload": "{}", "x": {}{}}}"#, "A".repeat(3_000_000), "[".repeat(50_000), "]".repeat(50_000));
    let seen = observe(BASKETS, &heavy).expect("observed");
    assert_eq!((seen.observation.meta.as_str(), seen.dropped), ("{}", 2));
}

#[test]
fn what_is_asked_for_is_what_any_type_of_the_path_reads() {
    let registry = registry();
    let fields = path_of(&registry, BASKETS).select_fields();
    assert_eq!(fields, ["id", "isRed", "label", "madeDateTime", "name", "shelves", "tags", "version"]);
    assert!(path_of(&registry, JAMS).select_fields().is_empty());
}

/// Observes an object of the made-up baskets where their assignments are read.
fn counting(object: &str) -> Observed {
    let registry = registry();
    let path = PathContract { assignments: Assignments::Expand, ..path_of(&registry, BASKETS).clone() };
    path.observe(object).expect("observed")
}

#[rstest]
#[case::none_at_all(r#"{"id": "1", "assignments": []}"#, Some(0), 0)]
#[case::some(r#"{"id": "1", "assignments": [{"id": "a"}, {"id": "b"}]}"#, Some(2), 0)]
#[case::some_and_their_context(r#"{"id": "1", "assignments@odata.context": "x", "assignments": [{}]}"#, Some(1), 1)]
#[case::absent(r#"{"id": "1"}"#, None, 0)]
#[case::null(r#"{"id": "1", "assignments": null}"#, None, 0)]
#[case::not_a_list(r#"{"id": "1", "assignments": 3}"#, None, 1)]
#[case::not_all(r#"{"id": "1", "assignments": [{}], "assignments@odata.nextLink": "https://h/2"}"#, None, 0)]
fn i26_assignments_are_counted_only_where_all_of_them_came(#[case] object: &str, #[case] count: Option<u32>, #[case] dropped: u32) {
    let seen = counting(object);
    assert_eq!((seen.observation.assignment_count, seen.dropped, seen.observation.meta.as_str()), (count, dropped, "{}"));
}

#[test]
fn i26_where_assignments_are_not_read_they_are_a_key_like_any_other() {
    let seen = observe(BASKETS, r#"{"id": "1", "assignments": [{}], "assignments@odata.nextLink": "x"}"#).expect("observed");
    assert_eq!((seen.observation.assignment_count, seen.dropped), (None, 2));
}

#[test]
fn an_assignment_more_is_a_change_of_the_item() {
    let fingerprint = |object| counting(object).observation.fingerprint;
    assert_ne!(fingerprint(r#"{"id": "1", "assignments": []}"#), fingerprint(r#"{"id": "1"}"#));
    assert_ne!(fingerprint(r#"{"id": "1", "assignments": [1]}"#), fingerprint(r#"{"id": "1", "assignments": [1, 2]}"#));
    assert_eq!(fingerprint(r#"{"id": "1", "assignments": [1]}"#), fingerprint(r#"{"assignments": [{"x": 2}], "id": "1"}"#));
}

#[test]
fn a_select_names_no_assignments_because_what_is_expanded_comes_anyway() {
    let registry = registry();
    let path = PathContract { assignments: Assignments::Expand, ..path_of(&registry, BASKETS).clone() };
    assert_eq!(path.select_fields(), path_of(&registry, BASKETS).select_fields());
}
