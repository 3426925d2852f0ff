//! Reading data files: what they may not say, and what a registry answers.

use lastseen_contracts::{Registry, RegistryError};
use lastseen_model::{PolicyType, Selection};
use rstest::rstest;

use crate::made_up::{TEXT, registry};

/// The error that a data file of this text is refused with.
fn refusal(text: &str) -> String {
    let error: RegistryError = Registry::read(&[("fruit.toml", text)]).expect_err("refused");
    error.to_string()
}

/// The made-up file with one text in it replaced.
fn with(old: &str, new: &str) -> String {
    assert!(TEXT.contains(old), "{old}");
    TEXT.replacen(old, new, 1)
}

#[rstest]
#[case::path_without_slash("\"/fruit/baskets\"", "\"fruit/baskets\"", "fruit.toml: path `fruit/baskets`: must begin with `/`")]
#[case::path_with_a_placeholder("\"/fruit/baskets\"", "\"/fruit/{name}\"", "must be words of letters and digits between single slashes")]
#[case::id_at_the_end("\"/fruit/baskets\"", "\"/fruit/{id}\"", "`{id}` stands once in a path, between")]
#[case::id_at_the_beginning("\"/fruit/baskets\"", "\"/{id}/baskets\"", "`{id}` stands once in a path, between")]
#[case::two_ids("\"/fruit/baskets\"", "\"/fruit/{id}/baskets/{id}/more\"", "`{id}` stands once in a path, between")]
#[case::singleton_below_a_parent("\"/fruit/settings\"", "\"/fruit/jams/{id}/settings\"", "what a parent has is a collection")]
#[case::singleton_as_a_parent(
    "\"/fruit/jams\"\napi_version = \"v1.0\"",
    "\"/fruit/settings/{id}/jams\"\napi_version = \"beta\"",
    "path `/fruit/settings/{id}/jams`: its parent is a singleton"
)]
#[case::assignments_of_a_singleton(
    "kind = \"singleton\"",
    "kind = \"singleton\"\nassignments = \"expand\"",
    "assignments are read of collections"
)]
#[case::assignments_kept("isRed = \"boolean\"", "assignments = \"integer\"", "`assignments`: assignments are counted")]
#[case::assignments_as_a_name("\"label.text\"", "\"assignments.id\"", "`assignments.id`: assignments are counted")]
#[case::path_with_two_slashes("\"/fruit/baskets\"", "\"/fruit//baskets\"", "must be words of letters and digits between single slashes")]
#[case::same_path("\"/fruit/settings\"", "\"/fruit/baskets\"", "path `/fruit/baskets`: is there twice on beta")]
#[case::permission_to_write("Fruit.Read.All", "Fruit.ReadWrite.All", "the permission `Fruit.ReadWrite.All` is not one that only reads")]
#[case::empty_page("page_size = 100", "page_size = 0", "`page_size` must be 1 to 1000")]
#[case::huge_page("page_size = 100", "page_size = 1001", "`page_size` must be 1 to 1000")]
#[case::singleton_pages("kind = \"singleton\"", "kind = \"singleton\"\npage_size = 1", "a singleton has no pages")]
#[case::no_evidence("[\"made up\"]", "[]", "`evidence` must say where the facts come from")]
#[case::blank_evidence("[\"made up\"]", "[\" \"]", "`evidence` must say where the facts come from")]
#[case::same_key("\"citrusBasket\"", "\"appleBasket\"", "type `appleBasket`: is there already, on `/fruit/baskets`")]
#[case::same_key_elsewhere("\"jam\"\nname", "\"basket\"\nname", "path `/fruit/jams`: type `basket`: is there already, on `/fruit/baskets`")]
#[case::bad_key("\"appleBasket\"", "\"apple_basket\"", "type `apple_basket`: the policy type must begin with a letter")]
#[case::key_with_space("\"appleBasket\"", "\"apple basket\"", "a key has no spaces")]
#[case::bad_category("\"Fresh fruit\"", "\"Fresh/fruit\"", "the category must begin with a letter")]
#[case::empty_name("\"apple basket\"", "\"\"", "`name` must be 1 to 64 characters")]
#[case::base_before_view(
    "match = { odata_type = [\"apple\", \"crabApple\"] }",
    "",
    "type `appleBasket`: without `match` it takes every object"
)]
#[case::view_of_a_singleton(
    "category = \"Fruit\"\nplatform",
    "category = \"Fruit\"\nmatch = { odata_type = [\"a\"] }\nplatform",
    "a singleton needs no `match`"
)]
#[case::match_on_nothing("[\"apple\", \"crabApple\"]", "[]", "`match` on nothing")]
#[case::match_on_odd_word("\"crabApple\"", "\"crab apple\"", "`match` on `crab apple`: must be letters, digits and `_`")]
#[case::match_on_odd_field("\"label.family\", any", "\"label/family\", any", "`label/family` is not a field")]
#[case::unknown_platform("\"macos\"", "\"macOS\"", "`macOS` is not a platform: android, ios, macos")]
#[case::odd_platform_field("\"shelves\"", "\"shel ves\"", "`shel ves` is not a field")]
#[case::odd_meta_field("isRed", "\"is.\"", "meta `is.`: `is.` is not a field")]
#[case::id_as_meta("isRed", "id", "`id` has a place of its own")]
#[case::name_as_meta("isRed", "name", "`name` has a place of its own")]
#[case::repeated_meta("isRed = \"boolean\"", "version = \"integer\"", "`version` is kept by every type of the path already")]
#[case::empty_text("{ text = 16 }", "{ text = 0 }", "a text has 1 to 256 characters")]
#[case::long_text("{ text = 16 }", "{ text = 257 }", "a text has 1 to 256 characters")]
#[case::empty_list("items = 4", "items = 0", "a list has 1 to 256 items")]
#[case::long_list_texts("chars = 8", "chars = 300", "a text has 1 to 256 characters")]
#[case::free_text(
    "isRed = \"boolean\"",
    "longDescription = { text = 99 }",
    "meta `longDescription`: a text of this name can hold anything"
)]
#[case::secret("isRed = \"boolean\"", "clientSecret = { text = 99 }", "meta `clientSecret`: a text of this name can hold anything")]
#[case::inside_each_other("isRed = \"boolean\"", "label = { text = 9 }", "lie inside each other")]
#[case::no_reason("\"too sweet\"", "\" \"", "`off_unless_named` says why")]
#[case::inside_the_name("\"label.text\"", "\"id.text\"", "lie inside each other")]
fn a_data_file_that_says_what_a_contract_cannot_is_refused_by_entry(#[case] old: &str, #[case] new: &str, #[case] problem: &str) {
    let refusal = refusal(&with(old, new));
    assert!(refusal.starts_with("fruit.toml: ") && refusal.contains(problem), "{refusal}");
}

#[rstest]
#[case::unknown_path_key("page_size = 100", "pagesize = 100", "unknown field `pagesize`")]
#[case::unknown_type_key("off_unless_named = \"too sweet\"", "enabled = false", "unknown field `enabled`")]
#[case::unknown_version("\"beta\"", "\"v2.0\"", "unknown variant `v2.0`, expected `v1.0` or `beta`")]
#[case::unknown_workload("workload = \"intune\"", "workload = \"teams\"", "unknown variant `teams`")]
#[case::unknown_kind("\"boolean\"", "\"bool\"", "unknown variant `bool`")]
#[case::unknown_rule("odata_type = [\"apple\", \"crabApple\"]", "odata = [\"apple\"]", "unknown variant `odata`")]
#[case::unknown_bound("items = 4,", "item = 4,", "unexpected keys in table: item")]
#[case::unknown_way_to_read_assignments(
    "select = true",
    "assignments = \"count\"",
    "unknown variant `count`, expected `not_read` or `expand`"
)]
#[case::missing_permission("permission = \"Fruit.Read.All\"", "", "missing field `permission`")]
#[case::no_toml("[[path]]", "[[path", "line 2")]
fn r08_a_data_file_of_another_shape_is_refused_by_line(#[case] old: &str, #[case] new: &str, #[case] problem: &str) {
    let refusal = refusal(&with(old, new));
    assert!(refusal.starts_with("fruit.toml: line ") && refusal.contains(problem), "{refusal}");
}

#[test]
fn a_fault_of_shape_names_the_entry_it_is_in() {
    let refusal = refusal(&with("off_unless_named = \"too sweet\"", "off_unless_named = 1"));
    assert!(refusal.contains(r#"(path = "/fruit/jams", key = "jam"): "#), "{refusal}");
}

#[test]
fn a_fault_of_a_path_names_no_type_of_the_path_before() {
    let refusal = refusal(&with("kind = \"singleton\"", "kind = \"heap\""));
    assert!(refusal.contains(r#"(path = "/fruit/settings"): unknown variant `heap`"#), "{refusal}");
}

#[test]
fn a_rule_that_an_earlier_one_covers_is_refused() {
    let third = "[[path.type]]\nkey = \"basket\"";
    let view = |rule: &str| {
        with(
            third,
            &format!(
                "[[path.type]]\nkey = \"late\"\nname = \"late\"\ncategory = \"Fruit\"\nplatform = \"none\"\nmatch = {rule}\n\n{third}"
            ),
        )
    };
    let covered = |rule: &str| refusal(&view(rule));
    assert!(
        covered(r#"{ odata_type = ["pear", "apple"] }"#).contains("`match` on `apple` can never be reached: `appleBasket` comes first")
    );
    let longer = r#"{ field_starts_with = { field = "label.family", any_of = ["citrusSweet"] } }"#;
    assert!(covered(longer).contains("`match` on `citrusSweet` can never be reached: `citrusBasket` comes first"));
    assert!(Registry::read(&[("fruit.toml", &view(r#"{ odata_type = ["pear"] }"#))]).is_ok());
}

#[test]
fn a_path_or_key_is_one_across_files() {
    let twice = Registry::read(&[("one.toml", TEXT), ("two.toml", TEXT)]).expect_err("refused");
    assert_eq!((twice.file.as_str(), twice.problem.as_str()), ("two.toml", "path `/fruit/baskets`: is there twice on beta"));
}

#[test]
fn the_vocabulary_has_every_type_in_order_with_what_a_selection_needs() {
    let registry = registry();
    let vocabulary = registry.vocabulary();
    let scope = |categories: &[&str], types: &[&str]| {
        let selection = Selection::from_names(&vocabulary, categories.iter().copied(), types.iter().copied()).expect("known");
        vocabulary.scope(&selection).expect("not empty").iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    assert_eq!(scope(&[], &[]), ["appleBasket", "citrusBasket", "basket", "fruitSettings"]);
    assert_eq!(scope(&["Fruit"], &["jam"]), ["basket", "jam", "fruitSettings"]);
}

#[test]
fn a_plan_reads_each_path_once_and_passes_over_strangers() {
    let registry = registry();
    let scope = |types: &[&str]| types.iter().map(|key| key.parse().expect("key")).collect::<Vec<PolicyType>>();
    let plan = |types: &[&str]| {
        let plans = registry.plan(&scope(types));
        plans.into_iter().map(|plan| (plan.path.path.clone(), plan.wanted)).collect::<Vec<_>>()
    };
    assert_eq!(
        plan(&["jam", "basket", "appleBasket", "retiredLongAgo"]),
        [("/fruit/baskets".to_owned(), vec![0, 2]), ("/fruit/jams".to_owned(), vec![0])]
    );
    assert_eq!(plan(&[]), []);
}

#[test]
fn a_type_is_found_with_its_path() {
    let registry = registry();
    let (path, known) = registry.find(&"basket".parse().expect("key")).expect("found");
    assert_eq!((path.path.as_str(), known.policy_type.as_str()), ("/fruit/baskets", "basket"));
    assert!(registry.find(&"tray".parse().expect("key")).is_none());
}

#[test]
fn a_path_with_an_id_in_it_has_a_parent_that_is_asked_as_its_own_entry_says() {
    let below =
        |parent: &str| with("\"/fruit/jams\"\napi_version = \"v1.0\"", &format!("\"{parent}/{{id}}/jams\"\napi_version = \"beta\""));
    let parent = |text: &str| {
        let registry = Registry::read(&[("fruit.toml", text)]).expect("right");
        let (path, _) = registry.find(&"jam".parse().expect("key")).expect("found");
        (path.path.clone(), path.parent.clone().expect("a parent"))
    };
    let (child, own) = parent(&below("/fruit/baskets"));
    assert_eq!(child, "/fruit/baskets/{id}/jams");
    assert_eq!((own.path.as_str(), own.page_size, own.select), ("/fruit/baskets", Some(100), true));
    let (_, foreign) = parent(&below("/fruit/cellars"));
    assert_eq!((foreign.path.as_str(), foreign.page_size, foreign.select), ("/fruit/cellars", None, false));
    assert!(registry().paths().iter().all(|path| path.parent.is_none()));
}

#[test]
fn a_parent_may_stand_in_a_later_file() {
    let child = "[[path]]\npath = \"/fruit/baskets/{id}/pips\"\napi_version = \"beta\"\nworkload = \"intune\"\npermission = \"Fruit.Read.All\"\nevidence = [\"made up\"]\n\n\
                 [[path.type]]\nkey = \"pip\"\nname = \"pip\"\ncategory = \"Fruit\"\nplatform = \"none\"\n";
    let registry = Registry::read(&[("pips.toml", child), ("fruit.toml", TEXT)]).expect("right");
    assert_eq!(registry.paths()[0].parent.as_ref().and_then(|parent| parent.page_size), Some(100));
}
