//! `cargo xtask generate`: the committed references, written anew from the code.

use crate::command::{cargo, run_tests};
use crate::step::Step;
use crate::suite::some;

/// The steps. Each reference is written by the very test that compares it, so that the two cannot drift apart.
pub(crate) fn steps() -> Vec<Step> {
    vec![hashes(), api(), references()]
}

/// The hashes of the shipped policy types: the test is in lastseen-contracts' `golden` module.
fn hashes() -> Step {
    Step::new("hashes of policy types", "Mend the tests of lastseen-contracts' `golden` module.", || {
        let mut command = cargo(&["test", "--package", "lastseen-contracts", "--test", "it", "--locked", "golden::"]);
        some(run_tests(command.env("LASTSEEN_GENERATE", "1"))?)
    })
}

/// Command line, configuration, error codes and policy types: the tests are in lastseen-cli's `reference` module.
fn references() -> Step {
    Step::new("references", "Mend the tests of lastseen-cli's `reference` module.", || {
        let mut command = cargo(&["test", "--package", "lastseen-cli", "--bin", "lastseen", "--locked", "reference::"]);
        some(run_tests(command.env("LASTSEEN_GENERATE", "1"))?)
    })
}

/// The description of the API and its problem codes: the tests are in lastseen-api's `reference` module.
fn api() -> Step {
    Step::new("description of the API", "Mend the tests of lastseen-api's `reference` module.", || {
        let mut command = cargo(&["test", "--package", "lastseen-api", "--test", "it", "--locked", "reference::"]);
        some(run_tests(command.env("LASTSEEN_GENERATE", "1"))?)
    })
}
