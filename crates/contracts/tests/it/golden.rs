//! Vectors that freeze the two hashes of a type: every stored listing and item holds one. They were made by hand, with
//! `printf '<text>' | sha256sum | cut -c1-32`; the texts stand beside them.

use rstest::rstest;

use crate::made_up::registry;

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
