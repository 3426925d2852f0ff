//! The contracts against objects that real tenants hold. The corpus is no part of the project (its objects belong to those
//! who published them), so where it is not there these tests say so and prove nothing.

#![expect(clippy::print_stderr, reason = "a skipped or read corpus is worth a line to whoever runs the test")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use lastseen_contracts::{ApiVersion, Observed, PathContract, Registry, Rejection};
use serde_json::Value;
use serde_json::value::RawValue;

/// A collection's contract, and the texts of its objects.
type Collection = (&'static PathContract, Vec<Box<RawValue>>);

/// The corpus, seen from the project's root; none where it is not there.
fn corpus() -> Option<Vec<Collection>> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/intune");
    let Ok(entries) = std::fs::read_dir(&folder) else {
        eprintln!("skipped: the corpus of real objects is not at ../shared/data/intune, seen from the project's root");
        return None;
    };
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.expect("entry").path()).collect();
    files.sort();
    let collections: Vec<Collection> = files.iter().filter_map(|file| collection(file)).collect();
    let objects: usize = collections.iter().map(|(_, objects)| objects.len()).sum();
    eprintln!("read {objects} objects of {} collections", collections.len());
    assert!(objects > 0, "the corpus is there, but holds nothing");
    Some(collections)
}

fn collection(file: &PathBuf) -> Option<Collection> {
    let name = file.file_name().and_then(|name| name.to_str()).and_then(|name| name.strip_suffix(".json"))?;
    let path = format!("/{}", name.replace('.', "/"));
    if name == "manifest" {
        return None;
    }
    let contract = Registry::builtin().paths().iter().find(|contract| contract.path == path).expect("every collection has a contract");
    let text = std::fs::read_to_string(file).expect("readable");
    Some((contract, serde_json::from_str(&text).expect("an array of objects")))
}

fn all(corpus: &[Collection]) -> impl Iterator<Item = (&'static PathContract, &RawValue)> {
    corpus.iter().flat_map(|(contract, objects)| objects.iter().map(|object| (*contract, object.as_ref())))
}

/// Every text inside a value, with the dotted path it stands at; the items of a list stand at the list's path.
fn texts<'v>(value: &'v Value, path: &str, found: &mut Vec<(String, &'v str)>) {
    match value {
        Value::String(text) => found.push((path.to_owned(), text)),
        Value::Array(values) => values.iter().for_each(|value| texts(value, path, found)),
        Value::Object(fields) => fields.iter().for_each(|(key, value)| {
            let below = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
            texts(value, &below, found);
        }),
        _ => {}
    }
}

#[test]
fn r17_every_real_object_becomes_an_observation() {
    let Some(corpus) = corpus() else { return };
    let mut types: BTreeMap<&str, usize> = BTreeMap::new();
    for (contract, object) in all(&corpus) {
        let id = serde_json::from_str::<Value>(object.get()).expect("json")["id"].as_str().map(str::to_owned);
        match contract.observe(object.get()) {
            Ok(Observed { type_index, observation, .. }) => {
                assert_eq!(Some(observation.external_id.as_str()), id.as_deref());
                *types.entry(contract.types[type_index].policy_type.as_str()).or_default() += 1;
            }
            Err(rejection) => {
                // The only reason an object of a tenant may be refused: it has no usable id.
                assert!(
                    matches!(rejection, Rejection::NoId | Rejection::EmptyId | Rejection::LongId | Rejection::NulInId),
                    "{}: {rejection:?}",
                    contract.path
                );
                assert!(id.is_none_or(|id| id.is_empty() || id.len() > 512), "{}: {rejection:?}", contract.path);
            }
        }
    }
    for (policy_type, count) in &types {
        eprintln!("{count:>4} {policy_type}");
    }
}

#[test]
fn i18_nothing_outside_the_whitelist_survives() {
    let Some(corpus) = corpus() else { return };
    for (contract, object) in all(&corpus) {
        let Ok(Observed { type_index, observation, .. }) = contract.observe(object.get()) else { continue };
        let known = &contract.types[type_index];
        let whitelist: BTreeSet<&str> = known.meta.iter().map(|kept| kept.field.as_str()).collect();
        let meta: BTreeMap<String, Value> = serde_json::from_str(&observation.meta).expect("a JSON object");
        assert!(meta.keys().all(|key| whitelist.contains(key.as_str())), "{}", known.policy_type);

        let whole: Value = serde_json::from_str(object.get()).expect("json");
        let mut all = Vec::new();
        texts(&whole, "", &mut all);
        let (read, foreign): (Vec<_>, Vec<_>) = all
            .into_iter()
            .partition(|(path, _)| path == "id" || known.display_name_field.as_ref() == Some(path) || whitelist.contains(path.as_str()));
        let kept = format!("{} {}", observation.display_name.unwrap_or_default(), observation.meta);
        // A policy's name or type may stand elsewhere in it, too; what is only elsewhere must be gone.
        for (path, text) in foreign.iter().filter(|(_, text)| text.chars().count() >= 16) {
            let also_read = read.iter().any(|(_, read)| read.contains(text));
            assert!(also_read || !kept.contains(text), "{}: the text at {path} survived", known.policy_type);
        }
        assert!(observation.meta.len() < 2_000, "{}: {} bytes of metadata", known.policy_type, observation.meta.len());
    }
}

#[test]
fn r17_what_is_kept_is_a_small_part_of_what_came() {
    let Some(corpus) = corpus() else { return };
    let came: usize = all(&corpus).map(|(_, object)| object.get().len()).sum();
    let kept =
        |(contract, object): (&PathContract, &RawValue)| contract.observe(object.get()).map_or(0, |seen| seen.observation.meta.len());
    let kept: usize = all(&corpus).map(kept).sum();
    eprintln!("{kept} of {came} bytes are kept as metadata");
    assert!(kept * 10 < came);
}

#[test]
fn every_time_of_a_real_object_is_kept_or_stands_for_none() {
    let Some(corpus) = corpus() else { return };
    let mut kept = 0;
    for (contract, object) in all(&corpus) {
        let Ok(Observed { observation, .. }) = contract.observe(object.get()) else { continue };
        let whole: Value = serde_json::from_str(object.get()).expect("json");
        let meta: Value = serde_json::from_str(&observation.meta).expect("json");
        for field in ["createdDateTime", "lastModifiedDateTime", "modifiedDateTime"] {
            let Some(time) = meta[field].as_str() else { continue };
            let written = whole[field].as_str().expect("a text became a time");
            assert!(time.len() == 27 && time.ends_with('Z'), "{time}");
            // To the second, which every form but `/Date(ms)/` shows.
            assert!(written.starts_with("/Date(") || written[..19] == time[..19], "{written} became {time}");
            kept += 1;
        }
    }
    eprintln!("{kept} times");
    assert!(kept > 0);
}

#[test]
fn conditional_access_is_read_on_v1_and_intune_on_beta() {
    for contract in Registry::builtin().paths() {
        let v1 = ["/identity/", "/identityGovernance/", "/policies/authentication"].iter().any(|start| contract.path.starts_with(start));
        assert_eq!(contract.api_version == ApiVersion::V1, v1, "{}", contract.path);
    }
}

/// What is known of Graph's policy types and is not in the registry, and why.
const LEFT_OUT: [(&str, &str); 3] = [
    ("/deviceAppManagement/targetedManagedAppConfigurations", "the same objects as managedAppPolicies has, under the same ids and type"),
    ("/policies/mobileDeviceManagementPolicies", "no application permission reads it"),
    ("/policies/mobileAppManagementPolicies", "no application permission reads it"),
];

/// A collection of facts on Graph's policy types, which is no part of the project either.
#[test]
fn every_type_that_a_list_call_with_an_application_permission_can_reach_is_in_the_registry() {
    let file = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/graph/policy_types.json");
    let Ok(text) = std::fs::read_to_string(&file) else {
        eprintln!("skipped: the facts on policy types are not at ../shared/graph, seen from the project's root");
        return;
    };
    let facts: Vec<Value> = serde_json::from_str(&text).expect("a list");
    let reachable: BTreeSet<&str> = facts.iter().filter_map(|known| known["graph_path"].as_str()).collect();
    let listed: BTreeSet<&str> = Registry::builtin().paths().iter().map(|path| path.path.as_str()).collect();
    let missing: Vec<&str> = reachable.difference(&listed).copied().collect();
    let mut left_out = LEFT_OUT.map(|(path, _)| path);
    left_out.sort_unstable();
    assert_eq!(missing, left_out);
}
