//! Overrides: how paths are asked in one installation, where that is other than what the registry says. They never change what is
//! kept of an answer, nor which type an object is of.

use std::fmt::{self, Write as _};

use lastseen_model::suggest::nearest;
use serde::Deserialize;

use crate::check::PAGE_SIZE_MAX;
use crate::contract::{ApiVersion, Assignments, PathContract, PathKind};
use crate::data_file;
use crate::registry::Registry;

/// Checked overrides, each of another path.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Overrides {
    paths: Vec<PathOverride>,
}

/// How one path is asked. What is none stays as the registry says.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PathOverride {
    /// Below the version prefix, as the registry has it.
    pub path: String,
    /// The version it is listed on.
    pub api_version: ApiVersion,
    /// What is asked for with `$top`.
    pub page_size: Option<u32>,
    /// Whether `$select` is sent.
    pub select: Option<bool>,
    /// Whether assignments are read, by `$expand=assignments`.
    pub assignments: Option<bool>,
}

/// A file of overrides that says something it can't.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{file}: {problem}")]
pub struct OverrideError {
    /// The file.
    pub file: String,
    /// What is wrong, and at which entry.
    pub problem: String,
}

/// The shape of a file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default, rename = "path")]
    paths: Vec<PathOverride>,
}

impl Overrides {
    /// Reads a file of overrides, given as name and text, and checks it against the registry that it is for.
    pub fn read(file: &str, text: &str, registry: &Registry) -> Result<Self, OverrideError> {
        let at = |problem: String| OverrideError { file: file.to_owned(), problem };
        let File { paths } = data_file::parse(text).map_err(at)?;
        Self::new(paths, registry).map_err(at)
    }

    /// Takes over entries that were made by a program, under the same checks.
    pub fn new(paths: Vec<PathOverride>, registry: &Registry) -> Result<Self, String> {
        for (n, asked) in paths.iter().enumerate() {
            let at = |problem: String| format!("path `{}`: {problem}", asked.path);
            asked.check(registry).map_err(at)?;
            if paths[..n].iter().any(|other| (&other.path, other.api_version) == (&asked.path, asked.api_version)) {
                return Err(at(format!("is there twice on {}", asked.api_version.as_str())));
            }
        }
        Ok(Self { paths })
    }

    /// The entries, in their order.
    pub fn paths(&self) -> &[PathOverride] {
        &self.paths
    }
}

impl fmt::Display for Overrides {
    /// The file that reads as these overrides.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("# How Lastseen asks these paths, where that is other than what it ships with.\n")?;
        for asked in &self.paths {
            write!(f, "\n[[path]]\npath = \"{}\"\napi_version = \"{}\"\n", asked.path, asked.api_version.as_str())?;
            asked.page_size.iter().try_for_each(|size| writeln!(f, "page_size = {size}"))?;
            asked.select.iter().try_for_each(|select| writeln!(f, "select = {select}"))?;
            asked.assignments.iter().try_for_each(|assignments| writeln!(f, "assignments = {assignments}"))?;
        }
        Ok(())
    }
}

impl PathOverride {
    /// An entry that changes nothing yet.
    pub fn of(path: &PathContract) -> Self {
        Self { path: path.path.clone(), api_version: path.api_version, page_size: None, select: None, assignments: None }
    }

    /// Whether it changes nothing.
    pub fn is_empty(&self) -> bool {
        self.page_size.is_none() && self.select.is_none() && self.assignments.is_none()
    }

    /// Whether it is about this path.
    pub(crate) fn is_of(&self, path: &PathContract) -> bool {
        (&self.path, self.api_version) == (&path.path, path.api_version)
    }

    /// Changes how a path is asked.
    pub(crate) fn apply(&self, path: &mut PathContract) {
        path.page_size = self.page_size.or(path.page_size);
        path.select = self.select.unwrap_or(path.select);
        path.assignments = match self.assignments {
            None => path.assignments,
            Some(false) => Assignments::NotRead,
            Some(true) => Assignments::Expand,
        };
    }

    fn check(&self, registry: &Registry) -> Result<(), String> {
        let Some(path) = registry.paths().iter().find(|path| self.is_of(path)) else { return Err(self.unknown(registry)) };
        if self.is_empty() {
            return Err("says nothing: give `page_size`, `select` or `assignments`".to_owned());
        }
        if path.kind == PathKind::Singleton && (self.page_size.is_some() || self.assignments.is_some()) {
            return Err("a singleton has no pages, and no assignments are read of it".to_owned());
        }
        match self.page_size {
            Some(size) if size == 0 || size > PAGE_SIZE_MAX => Err(format!("`page_size` must be 1 to {PAGE_SIZE_MAX}")),
            _ => Ok(()),
        }
    }

    fn unknown(&self, registry: &Registry) -> String {
        let known = || registry.paths().iter();
        if let Some(path) = known().find(|path| path.path == self.path) {
            return format!("is listed on {}, not on {}", path.api_version.as_str(), self.api_version.as_str());
        }
        let mut problem = "is not in the registry".to_owned();
        if let Some(near) = nearest(&self.path, known().map(|path| path.path.as_str())) {
            // Writing to a String can't fail.
            let _ = write!(problem, "; did you mean `{near}`?");
        }
        problem
    }
}
