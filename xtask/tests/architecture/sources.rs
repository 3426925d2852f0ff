//! The files that the rules are put to.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::{fs, io};

use crate::tokens;

/// What a file is there for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// It is part of what runs; the tests within it are set aside by [`tokens::production`].
    Production,
    /// It is there for tests only.
    Test,
}

/// One Rust or SQL file under `crates/`.
#[derive(Debug, Clone)]
pub(crate) struct Source {
    /// From the workspace's root, with `/` between: `crates/graph/src/lib.rs`.
    pub(crate) path: String,
    /// Its text.
    pub(crate) text: String,
    /// What it is there for.
    pub(crate) purpose: Purpose,
}

impl Source {
    /// The folder of its crate: `graph` for `crates/graph/src/lib.rs`.
    pub(crate) fn crate_folder(&self) -> &str {
        self.path.split('/').nth(1).unwrap_or_default()
    }

    /// Whether it is SQL, and not Rust.
    pub(crate) fn is_sql(&self) -> bool {
        Path::new(&self.path).extension().is_some_and(|extension| extension == "sql")
    }
}

/// Reads every Rust and SQL file of the workspace's crates, in the order of their paths.
pub(crate) fn read_workspace() -> io::Result<Vec<Source>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut files = Vec::new();
    collect(&root.join("crates"), &mut files)?;
    files.sort();

    let mut sources = Vec::new();
    for file in files {
        let relative = file.strip_prefix(&root).map_err(io::Error::other)?;
        let path = relative.components().map(|part| part.as_os_str().to_string_lossy()).collect::<Vec<_>>().join("/");
        sources.push(Source { path, text: fs::read_to_string(&file)?, purpose: Purpose::Production });
    }
    mark_tests(&mut sources);
    Ok(sources)
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            if !path.ends_with("target") {
                collect(&path, files)?;
            }
        } else if path.extension().is_some_and(|extension| extension == "rs" || extension == "sql") {
            files.push(path);
        }
    }
    Ok(())
}

/// Libraries that only tests run: the suite for every store, and the servers that tests are given.
const FOR_TESTS: &[&str] = &["store-conformance", "test-postgres"];

/// Marks what is there for tests only: libraries for them, the folders that cargo keeps for tests, and the modules declared under
/// `#[cfg(test)]`.
pub(crate) fn mark_tests(sources: &mut [Source]) {
    let modules: BTreeSet<String> = sources
        .iter()
        .filter(|source| !source.is_sql())
        .flat_map(|source| {
            let home = module_folder(&source.path);
            tokens::test_modules(&source.text).into_iter().map(move |name| format!("{home}/{name}"))
        })
        .collect();
    for source in sources {
        let in_test_folder = source.path.split('/').nth(2).is_some_and(|folder| folder == "tests" || folder == "benches");
        let in_test_module = modules
            .iter()
            .any(|module| source.path.strip_prefix(module.as_str()).is_some_and(|rest| rest == ".rs" || rest.starts_with('/')));
        if FOR_TESTS.contains(&source.crate_folder()) || in_test_folder || in_test_module || tokens::is_test_file(&source.text) {
            source.purpose = Purpose::Test;
        }
    }
}

/// Where the modules that a file declares are kept: beside it when it is the head of its folder, else in a folder of its name.
fn module_folder(path: &str) -> &str {
    let (folder, file) = path.rsplit_once('/').unwrap_or(("", path));
    match file {
        "lib.rs" | "main.rs" | "mod.rs" => folder,
        _ => path.strip_suffix(".rs").unwrap_or(path),
    }
}

mod tests {
    use super::Purpose::{Production, Test};
    use super::*;

    fn purposes(files: &[(&str, &str)]) -> Vec<Purpose> {
        let mut sources: Vec<Source> =
            files.iter().map(|(path, text)| Source { path: (*path).into(), text: (*text).into(), purpose: Production }).collect();
        mark_tests(&mut sources);
        sources.iter().map(|source| source.purpose).collect()
    }

    #[test]
    fn test_folders_and_test_modules_are_told_from_what_runs() {
        let found = purposes(&[
            ("crates/a/src/lib.rs", "#[cfg(test)] mod tests; mod list;"),
            ("crates/a/src/tests.rs", ""),
            ("crates/a/src/tests/deep.rs", ""),
            ("crates/a/src/list.rs", "#[cfg(test)]\nmod cases;"),
            ("crates/a/src/list/cases.rs", ""),
            ("crates/a/src/cases.rs", ""),
            ("crates/a/tests/whole.rs", ""),
            ("crates/a/src/only.rs", "#![cfg(test)] fn a() {}"),
            ("crates/store-conformance/src/cases.rs", ""),
        ]);
        assert_eq!(found, [Production, Test, Test, Production, Test, Production, Test, Test, Test]);
    }
}
