//! `cargo xtask generate`: the committed references, written anew from the code.

use crate::command::{cargo, run};
use crate::step::{Outcome, Step};

/// The steps. Each reference is written by the very test that compares it, so that the two cannot drift apart.
pub(crate) fn steps() -> Vec<Step> {
    vec![command_line_reference()]
}

fn command_line_reference() -> Step {
    Step::new("command line reference", "Mend the reference test of lastseen-cli.", || {
        let mut command = cargo(&["test", "--package", "lastseen-cli", "--test", "reference", "--locked"]);
        run(command.env("LASTSEEN_GENERATE", "1").env("INSTA_UPDATE", "always"))?;
        Ok(Outcome::Done)
    })
}
