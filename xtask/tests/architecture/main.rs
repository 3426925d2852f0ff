//! The architecture, as a test: which crate may lean on which, and what the sources may not say.
//!
//! [`edges`] judges the dependencies that `cargo metadata` tells of, and [`reasons`] whether each has its line in the documentation; [`rules`] judges the sources, which [`sources`] reads and [`tokens`]
//! takes apart. Each judge is a function over small inputs with tests that show it refusing; the tests here put the workspace before them.

mod edges;
mod reasons;
mod rules;
mod sources;
mod sql;
mod tokens;

use sources::Source;

/// Fails with every violation on a line of its own.
fn assert_none(violations: &[String]) {
    assert!(violations.is_empty(), "\n{}\n", violations.join("\n"));
}

/// The sources of every crate; that the walk found them is part of every test.
fn workspace() -> Vec<Source> {
    let found = sources::read_workspace().expect("the workspace's sources are readable");
    for expected in ["crates/model/src/lib.rs", "crates/graph/src/lib.rs", "crates/cli/src/main.rs", "crates/store-sqlite/src/lib.rs"] {
        assert!(found.iter().any(|source| source.path == expected), "{expected} was not found: does the walk still see the crates?");
    }
    found
}

#[test]
fn dependencies_point_inward_as_the_architecture_draws_them() {
    let edges = edges::of_workspace().expect("cargo tells of the workspace");
    assert!(edges.iter().any(|edge| edge.from == "lastseen-graph" && edge.to == "reqwest"), "no edge to judge");
    assert_none(&edges::violations(&edges));
}

#[test]
fn every_foreign_crate_has_its_line_in_the_documentation_and_no_line_is_left_over() {
    let edges = edges::of_workspace().expect("cargo tells of the workspace");
    let text = include_str!("../../../docs/dependencies.md");
    assert_none(&reasons::violations(&edges, text));
}

#[test]
fn sql_is_said_only_in_the_backends() {
    assert_none(&rules::sql_outside_backends(&workspace()));
}

#[test]
fn r15_only_graph_names_the_http_client() {
    assert_none(&rules::http_client_outside_graph(&workspace()));
}

#[test]
fn r16_graph_writes_to_nothing_but_the_token_endpoint() {
    assert_none(&rules::write_verbs(&workspace()));
}

#[test]
fn r18_the_reserved_word_is_never_produced() {
    assert_none(&rules::reserved_word(&workspace()));
}

#[test]
fn i04_no_statement_takes_an_item_away() {
    assert_none(&rules::items_taken_away(&workspace()));
}
