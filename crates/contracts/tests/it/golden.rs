//! Vectors that freeze the two hashes of a type: every stored listing and item holds one. They were made by hand, with
//! `printf '<text>' | sha256sum | cut -c1-32`; the texts stand beside them.

use std::fmt::Write as _;
use std::path::PathBuf;

use lastseen_contracts::Registry;
use rstest::rstest;

use crate::made_up::{TEXT, registry};

// lastseen-classification-1\npath /fruit/baskets\nversion beta\ntype appleBasket odata_type apple crabApple\n
// type citrusBasket field label.family starts_with citrus agrume\ntype basket rest\n
const BASKETS: &str = "bef538b538a6cf1a5037902a314d6bf7";
// lastseen-classification-1\npath /fruit/jams\nversion v1.0\ntype jam odata_type jam\n
const JAMS: &str = "a95eda6e31dc463faee699adf936b13d";
// lastseen-classification-1\npath /fruit/settings\nversion beta\ntype fruitSettings rest\n
const SETTINGS: &str = "8e5c24e1a6fd0c0019689e8af794dbf3";

// lastseen-observation-1\ncontract <above>\ntype appleBasket\nname name\nplatform fixed macos\nkeep isRed boolean\n
// keep madeDateTime time\nkeep tags text_list 4 8\nkeep version integer\n
#[rstest]
#[case("appleBasket", BASKETS, "04082d78a40936023520e6472ffe8707")]
// ... type citrusBasket\nname name\nplatform field shelves\nkeep label.family text 16\nkeep label.origin.country text 2\n
// keep madeDateTime time\nkeep tags text_list 4 8\nkeep version integer\n
#[case("citrusBasket", BASKETS, "ece8ad0a9255bac63273e6a3984dddf7")]
// ... type basket\nname name\nplatform odata_type\nkeep madeDateTime time\nkeep tags text_list 4 8\nkeep version integer\n
#[case("basket", BASKETS, "c2deb894a7e44a8122ea152efda9c0fc")]
// ... type jam\nname label.text\n
#[case("jam", JAMS, "de7658007724a71731f34bc311bb6ee6")]
// ... type fruitSettings\nkeep ripe boolean\n
#[case("fruitSettings", SETTINGS, "495590640d678f3b84c96d620ba62de1")]
fn golden_vectors_freeze_the_contract_hash_and_version(#[case] key: &str, #[case] hash: &str, #[case] version: &str) {
    let registry = registry();
    let (_, known) = registry.find(&key.parse().expect("key")).expect("known");
    assert_eq!(known.contract_hash.to_string(), hash);
    assert_eq!(known.contract_version.to_string(), version);
}

// lastseen-observation-1\ncontract <BASKETS>\ntype appleBasket\n ... keep version integer\nassignments expand\n
const COUNTING: &str = "a65433cb08363e74a3ac1f4d0f31186b";
// lastseen-classification-1\npath /fruit/baskets/{id}/jams\nversion beta\ntype jam odata_type jam\n
const JAMS_OF_BASKETS: &str = "ca52d14f72b61a0475fe3ddd4f8e028b";

/// A type of the made-up registry with one text in it replaced: contract hash and version.
fn hashes(key: &str, old: &str, new: &str) -> (String, String) {
    let text = TEXT.replacen(old, new, 1);
    let registry = Registry::read(&[("made_up.toml", &text)]).expect("right");
    let (_, known) = registry.find(&key.parse().expect("key")).expect("known");
    (known.contract_hash.to_string(), known.contract_version.to_string())
}

#[test]
fn reading_assignments_moves_the_version_and_not_the_hash() {
    let (hash, version) = hashes("appleBasket", "select = true", "select = true\nassignments = \"expand\"");
    assert_eq!((hash.as_str(), version.as_str()), (BASKETS, COUNTING));
    let not_read = hashes("appleBasket", "select = true", "select = true\nassignments = \"not_read\"");
    assert_eq!(not_read, (BASKETS.to_owned(), "04082d78a40936023520e6472ffe8707".to_owned()), "as if nothing were said");
}

#[test]
fn a_path_below_a_parent_is_hashed_as_it_is_written() {
    let below = "\"/fruit/baskets/{id}/jams\"\napi_version = \"beta\"";
    assert_eq!(hashes("jam", "\"/fruit/jams\"\napi_version = \"v1.0\"", below).0, JAMS_OF_BASKETS);
}

/// Every stored listing and item of a user holds one of these: a line that changes here makes items of that type low in confidence
/// (hash) or rewrites them (version), and must be meant. `cargo xtask generate` writes the file anew.
#[test]
fn the_hashes_of_shipped_types_change_only_in_sight_of_a_reviewer() {
    let mut text = String::from("# type, contract hash, contract version; written by `cargo xtask generate`\n");
    for (_, known) in Registry::builtin().types() {
        writeln!(text, "{} {} {}", known.policy_type, known.contract_hash, known.contract_version).expect("a String takes everything");
    }
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/it/shipped_hashes.txt");
    #[expect(clippy::disallowed_methods, reason = "a switch of the test itself")]
    if std::env::var_os("LASTSEEN_GENERATE").is_some() {
        std::fs::write(&path, &text).expect("the file can be written");
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        committed == text,
        "tests/it/shipped_hashes.txt is not what the registry says; run `cargo xtask generate` and look at the difference"
    );
}
