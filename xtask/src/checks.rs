//! Steps that read the sources and run none of them.

use crate::command::{answers, cargo, run};
use crate::step::{Outcome, Step};

/// Formatting.
pub(crate) fn format() -> Step {
    Step::new("format", "Run `cargo fmt` and look at the difference.", || {
        run(&mut cargo(&["fmt", "--all", "--check"]))?;
        Ok(Outcome::Done)
    })
}

/// Lints, with the bans of `clippy.toml`.
pub(crate) fn clippy() -> Step {
    let remedy = "Mend what clippy names. A lint that is wrong here takes `#[expect(.., reason = \"..\")]`; `clippy.toml` says how for its \
        bans. After a statement of SQL has changed, `cargo xtask sql` comes first.";
    Step::new("clippy", remedy, || {
        run(&mut cargo(&["clippy", "--workspace", "--all-targets", "--locked", "--", "-D", "warnings"]))?;
        Ok(Outcome::Done)
    })
}

/// The documentation builds and its links lead somewhere.
pub(crate) fn documentation() -> Step {
    Step::new("documentation", "Mend the documentation comments that rustdoc names.", || {
        let mut command = cargo(&["doc", "--workspace", "--no-deps", "--document-private-items", "--locked"]);
        run(command.env("RUSTDOCFLAGS", "-D warnings"))?;
        Ok(Outcome::Done)
    })
}

/// Licences, bans and sources of the dependencies. Advisories need the network and are not asked for.
pub(crate) fn dependencies() -> Step {
    let remedy = "Look at `deny.toml`: choose another dependency, or say there why this one is right.";
    Step::new("dependencies", remedy, || {
        if !answers("cargo", &["deny", "--version"]) {
            return Ok(Outcome::Skipped("cargo-deny is not installed, so licences, bans and sources were not checked".into()));
        }
        run(&mut cargo(&["deny", "check", "--hide-inclusion-graph", "licenses", "bans", "sources"]))?;
        Ok(Outcome::Done)
    })
}
