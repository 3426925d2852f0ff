//! Dependencies between crates: what is drawn, what is there, and the difference.

use std::collections::BTreeSet;

use cargo_metadata::{DependencyKind, MetadataCommand};

/// The arrows of the architecture, each crate with the crates that it points to. What those point to in turn is allowed as well.
const ARROWS: &[(&str, &[&str])] = &[
    ("lastseen-model", &[]),
    ("lastseen-contracts", &["lastseen-model"]),
    ("lastseen-graph", &["lastseen-contracts"]),
    ("lastseen-store", &["lastseen-model"]),
    ("lastseen-store-sqlite", &["lastseen-store"]),
    ("lastseen-store-postgres", &["lastseen-store"]),
    ("lastseen-store-conformance", &["lastseen-store"]),
    ("lastseen-engine", &["lastseen-graph", "lastseen-store"]),
    ("lastseen-api", &["lastseen-engine"]),
    // It plays Graph by the registry, and by nothing of the client that it is there to test.
    ("lastseen-simulator", &["lastseen-contracts"]),
    ("lastseen-cli", &["lastseen-api", "lastseen-engine", "lastseen-store-postgres", "lastseen-store-sqlite", "lastseen-simulator"]),
    // It starts a server and knows nothing of what is kept there.
    ("lastseen-test-postgres", &[]),
    ("xtask", &["lastseen-test-postgres"]),
];

/// What the tests of any crate may lean on beside its own arrows.
const FOR_TESTS: &[&str] =
    &["lastseen-simulator", "lastseen-store-sqlite", "lastseen-store-postgres", "lastseen-store-conformance", "lastseen-test-postgres"];

/// A foreign crate that belongs to one part of the house.
struct Owned {
    name: &'static str,
    /// Who may depend on it.
    owners: &'static [&'static str],
    /// Whose tests may depend on it, too.
    tests: &'static [&'static str],
}

const BACKENDS: &[&str] = &["lastseen-store-sqlite", "lastseen-store-postgres"];

const OWNED: &[Owned] = &[
    Owned { name: "sqlx", owners: BACKENDS, tests: &["lastseen-cli", "lastseen-api"] },
    // The API asks nothing but an issuer's keys, in one file: `rules` looks.
    Owned { name: "reqwest", owners: &["lastseen-graph", "lastseen-api"], tests: &["lastseen-simulator"] },
    Owned { name: "axum", owners: &["lastseen-simulator", "lastseen-api"], tests: &[] },
    // The model and the contracts do no I/O, and the store's verbs say what is stored, not how.
    Owned {
        name: "tokio",
        owners: &[
            "lastseen-graph",
            "lastseen-store-sqlite",
            "lastseen-store-postgres",
            "lastseen-store-conformance",
            "lastseen-engine",
            "lastseen-api",
            "lastseen-simulator",
            "lastseen-cli",
        ],
        tests: &["lastseen-store"],
    },
];

/// One dependency.
#[derive(Debug, Clone)]
pub(crate) struct Edge {
    /// The crate of this workspace that has it.
    pub(crate) from: String,
    /// The crate that it leans on, of this workspace or foreign.
    pub(crate) to: String,
    /// Whether only its tests do.
    pub(crate) for_tests: bool,
}

/// The dependencies that the workspace's manifests declare, optional and target-specific ones included.
pub(crate) fn of_workspace() -> cargo_metadata::Result<Vec<Edge>> {
    let metadata = MetadataCommand::new().manifest_path(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml")).no_deps().exec()?;
    let edges = metadata.workspace_packages().into_iter().flat_map(|package| {
        package.dependencies.iter().map(|dependency| Edge {
            from: package.name.to_string(),
            to: dependency.name.clone(),
            for_tests: dependency.kind == DependencyKind::Development,
        })
    });
    Ok(edges.collect())
}

/// Every edge that is not drawn, in words.
pub(crate) fn violations(edges: &[Edge]) -> Vec<String> {
    edges.iter().filter_map(violation).collect()
}

fn violation(edge: &Edge) -> Option<String> {
    let Edge { from, to, for_tests } = edge;
    if !is_drawn(from) {
        return Some(format!("`{from}` is not in the architecture: draw its arrows first"));
    }
    let in_tests = if *for_tests { " in its tests" } else { "" };
    if is_drawn(to) {
        let allowed = reachable(from).contains(to.as_str()) || (*for_tests && FOR_TESTS.contains(&to.as_str()));
        return (!allowed).then(|| format!("`{from}` must not depend on `{to}`{in_tests}: no arrow leads there"));
    }
    let owned = OWNED.iter().find(|owned| owned.name == to)?;
    let allowed = owned.owners.contains(&from.as_str()) || (*for_tests && owned.tests.contains(&from.as_str()));
    (!allowed).then(|| format!("`{from}` must not depend on `{to}`{in_tests}: it belongs to {}", owned.owners.join(", ")))
}

fn is_drawn(name: &str) -> bool {
    ARROWS.iter().any(|(from, _)| *from == name)
}

/// Everything that the arrows lead to from a crate.
fn reachable(from: &str) -> BTreeSet<&'static str> {
    let arrows = |from: &str| ARROWS.iter().find(|(name, _)| *name == from).map_or(&[][..], |(_, to)| *to);
    let mut found = BTreeSet::new();
    let mut open: Vec<&'static str> = arrows(from).to_vec();
    while let Some(name) = open.pop() {
        if found.insert(name) {
            open.extend(arrows(name));
        }
    }
    found
}

mod tests {
    use super::*;

    fn judge(from: &str, to: &str, for_tests: bool) -> Option<String> {
        violation(&Edge { from: from.into(), to: to.into(), for_tests })
    }

    #[test]
    fn an_arrow_and_what_it_leads_to_are_allowed() {
        assert_eq!(judge("lastseen-engine", "lastseen-store", false), None);
        assert_eq!(judge("lastseen-engine", "lastseen-model", false), None);
        assert_eq!(judge("lastseen-cli", "lastseen-graph", false), None);
        assert_eq!(judge("lastseen-engine", "serde", false), None);
    }

    #[test]
    fn an_arrow_that_points_outward_is_refused() {
        for (from, to) in [
            ("lastseen-model", "lastseen-contracts"),
            ("lastseen-store", "lastseen-store-sqlite"),
            ("lastseen-graph", "lastseen-store"),
            ("lastseen-store-conformance", "lastseen-store-sqlite"),
            ("lastseen-simulator", "lastseen-graph"),
            ("lastseen-test-postgres", "lastseen-store"),
            ("lastseen-store-postgres", "lastseen-test-postgres"),
            ("xtask", "lastseen-model"),
        ] {
            assert!(judge(from, to, false).is_some(), "{from} -> {to}");
        }
    }

    #[test]
    fn a_backend_or_the_simulator_in_the_core_is_for_its_tests_only() {
        for from in ["lastseen-model", "lastseen-contracts", "lastseen-graph", "lastseen-store", "lastseen-engine", "lastseen-api"] {
            for to in FOR_TESTS {
                assert!(judge(from, to, false).is_some(), "{from} -> {to}");
                assert_eq!(judge(from, to, true), None, "{from} -> {to} in tests");
            }
        }
    }

    #[test]
    fn tests_do_not_turn_other_arrows_round() {
        assert!(judge("lastseen-model", "lastseen-engine", true).is_some());
        assert!(judge("lastseen-graph", "lastseen-cli", true).is_some());
    }

    #[test]
    fn a_foreign_crate_stays_with_its_owner() {
        assert_eq!(judge("lastseen-graph", "reqwest", false), None);
        assert_eq!(judge("lastseen-simulator", "reqwest", true), None);
        assert!(judge("lastseen-simulator", "reqwest", false).is_some());
        assert_eq!(judge("lastseen-api", "reqwest", false), None);
        assert!(judge("lastseen-cli", "reqwest", false).is_some());
        assert!(judge("lastseen-engine", "reqwest", true).is_some());
        assert!(judge("lastseen-engine", "sqlx", false).is_some());
        assert!(judge("lastseen-cli", "sqlx", false).is_some());
        assert!(judge("lastseen-engine", "axum", false).is_some());
        assert!(judge("lastseen-model", "tokio", false).is_some());
    }

    #[test]
    fn a_crate_that_is_not_drawn_is_refused() {
        assert!(judge("lastseen-extras", "serde", false).is_some_and(|why| why.contains("draw its arrows")));
    }
}
