//! Overrides: what a file of them may say, and what they change.

use lastseen_contracts::{ApiVersion, Assignments, Overrides, PathContract, PathOverride, Registry};
use rstest::rstest;

use crate::made_up::{TEXT, path_of, registry};

const BASKETS: &str = "[[path]]\npath = \"/fruit/baskets\"\napi_version = \"beta\"\n";

fn read(text: &str) -> Result<Overrides, String> {
    Overrides::read("mine.toml", text, &registry()).map_err(|error| error.to_string())
}

fn overridden(text: &str) -> Registry {
    registry().with_overrides(&read(text).expect("right"))
}

/// Contract hash and version of every type.
fn hashes(registry: &Registry) -> Vec<(String, String)> {
    registry.types().map(|(_, known)| (known.contract_hash.to_string(), known.contract_version.to_string())).collect()
}

#[test]
fn an_override_changes_how_a_path_is_asked_and_nothing_else() {
    let changed = overridden(&format!("{BASKETS}page_size = 50\nselect = false\n"));
    let before = registry();
    let (old, new) = (path_of(&before, "/fruit/baskets"), path_of(&changed, "/fruit/baskets"));
    assert_eq!((new.page_size, new.select, new.assignments), (Some(50), false, Assignments::NotRead));
    assert!(new.select_fields().is_empty());
    let rest = |path: &PathContract| format!("{:?}", PathContract { page_size: None, select: false, ..path.clone() });
    assert_eq!(rest(old), rest(new));
    assert_eq!(hashes(&before), hashes(&changed), "no hash moves");
    let others = |registry: &Registry| format!("{:?}", &registry.paths()[1..]);
    assert_eq!(others(&before), others(&changed));
}

#[test]
fn only_assignments_move_a_version_and_nothing_moves_a_hash() {
    let counting = overridden(&format!("{BASKETS}assignments = true\n"));
    let (before, after) = (hashes(&registry()), hashes(&counting));
    for (n, (old, new)) in before.iter().zip(&after).enumerate() {
        assert_eq!(old.0, new.0);
        assert_eq!(old.1 == new.1, n > 2, "the three types of the baskets");
    }
    let overrides = Overrides::read("mine.toml", &format!("{BASKETS}assignments = false\n"), &counting).expect("right");
    assert_eq!(hashes(&counting.with_overrides(&overrides)), before, "and back again");
}

#[test]
fn what_is_written_reads_as_what_it_was() {
    let text = format!(
        "{BASKETS}page_size = 50\nselect = true\nassignments = true\n\n[[path]]\npath = \"/fruit/jams\"\napi_version = \"v1.0\"\nselect = false\n"
    );
    let overrides = read(&text).expect("right");
    let written = overrides.to_string();
    assert!(written.starts_with("# ") && written.ends_with(&text), "{written}");
    assert_eq!(read(&written), Ok(overrides));
    assert_eq!(read(&Overrides::default().to_string()), Ok(Overrides::default()));
}

#[test]
fn a_program_makes_overrides_under_the_same_checks() {
    let registry = registry();
    let jams = path_of(&registry, "/fruit/jams");
    let entry = PathOverride { page_size: Some(25), ..PathOverride::of(jams) };
    assert!(PathOverride::of(jams).is_empty() && !entry.is_empty());
    let overrides = Overrides::new(vec![entry.clone()], &registry).expect("right");
    assert_eq!(read(&overrides.to_string()), Ok(overrides));
    let stranger = PathOverride { api_version: ApiVersion::Beta, ..entry };
    assert_eq!(Overrides::new(vec![stranger], &registry), Err("path `/fruit/jams`: is listed on v1.0, not on beta".to_owned()));
}

#[test]
fn a_parent_that_is_asked_otherwise_is_so_for_its_children_too() {
    let child = "[[path]]\npath = \"/fruit/baskets/{id}/pips\"\napi_version = \"beta\"\nworkload = \"intune\"\npermission = \"Fruit.Read.All\"\nevidence = [\"made up\"]\n\n\
                 [[path.type]]\nkey = \"pip\"\nname = \"pip\"\ncategory = \"Fruit\"\nplatform = \"none\"\n";
    let registry = Registry::read(&[("fruit.toml", TEXT), ("pips.toml", child)]).expect("right");
    let text = format!("{BASKETS}page_size = 50\nselect = false\n");
    let changed = registry.with_overrides(&Overrides::read("mine.toml", &text, &registry).expect("right"));
    let parent = changed.paths().last().and_then(|path| path.parent.clone()).expect("a parent");
    assert_eq!((parent.page_size, parent.select), (Some(50), false));
}

#[rstest]
#[case::unknown_path(
    "[[path]]\npath = \"/fruit/basket\"\napi_version = \"beta\"\nselect = true",
    "path `/fruit/basket`: is not in the registry; did you mean `/fruit/baskets`?"
)]
#[case::stranger("[[path]]\npath = \"/payroll\"\napi_version = \"beta\"\nselect = true", "path `/payroll`: is not in the registry")]
#[case::other_version(
    "[[path]]\npath = \"/fruit/jams\"\napi_version = \"beta\"\nselect = true",
    "path `/fruit/jams`: is listed on v1.0, not on beta"
)]
#[case::nothing(BASKETS, "path `/fruit/baskets`: says nothing")]
#[case::twice(&format!("{BASKETS}select = true\n{BASKETS}select = true"), "path `/fruit/baskets`: is there twice on beta")]
#[case::empty_page(&format!("{BASKETS}page_size = 0"), "path `/fruit/baskets`: `page_size` must be 1 to 1000")]
#[case::huge_page(&format!("{BASKETS}page_size = 1001"), "path `/fruit/baskets`: `page_size` must be 1 to 1000")]
#[case::singleton(
    "[[path]]\npath = \"/fruit/settings\"\napi_version = \"beta\"\npage_size = 5",
    "path `/fruit/settings`: a singleton has no pages"
)]
#[case::unknown_key(&format!("{BASKETS}keep = \"all\""), "line 4 (path = \"/fruit/baskets\"): unknown field `keep`")]
#[case::wrong_kind(&format!("{BASKETS}select = \"yes\""), "line 4 (path = \"/fruit/baskets\"): invalid type")]
#[case::unknown_table("[path]", "line 1")]
fn a_file_that_says_what_an_override_cannot_is_refused_by_entry(#[case] text: &str, #[case] problem: &str) {
    let refusal = read(text).expect_err("refused");
    assert!(refusal.starts_with("mine.toml: ") && refusal.contains(problem), "{refusal}");
}
