//! The registry: all contracts, read from the data files once.

use std::sync::LazyLock;

use lastseen_model::{PolicyType, Vocabulary};

use crate::contract::{PathContract, TypeContract};

/// All contracts, in registry order.
#[derive(Debug, Clone, Default)]
pub struct Registry {
    paths: Vec<PathContract>,
}

/// A data file that says something a contract can't.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{file}: {problem}")]
pub struct RegistryError {
    /// The file.
    pub file: String,
    /// What is wrong, and at which entry.
    pub problem: String,
}

/// One path to list, and which of its types are wanted.
#[derive(Debug, Clone)]
pub struct PathPlan<'a> {
    /// The path.
    pub path: &'a PathContract,
    /// Indexes into [`PathContract::types`], ascending; never empty.
    pub wanted: Vec<usize>,
}

static BUILTIN: LazyLock<Registry> = LazyLock::new(Registry::default);

impl Registry {
    /// The registry that ships with the program.
    pub fn builtin() -> &'static Registry {
        &BUILTIN
    }

    /// Reads data files, given as (name, text), and checks them.
    pub fn read(_files: &[(&str, &str)]) -> Result<Self, RegistryError> {
        Ok(Self::default())
    }

    /// Every path, in registry order.
    pub fn paths(&self) -> &[PathContract] {
        &self.paths
    }

    /// Every type with its path, in registry order.
    pub fn types(&self) -> impl Iterator<Item = (&PathContract, &TypeContract)> {
        self.paths.iter().flat_map(|path| path.types.iter().map(move |known| (path, known)))
    }

    /// A type and its path.
    pub fn find(&self, policy_type: &PolicyType) -> Option<(&PathContract, &TypeContract)> {
        self.types().find(|(_, known)| known.policy_type == *policy_type)
    }

    /// The names a selection may use.
    pub fn vocabulary(&self) -> Vocabulary {
        Vocabulary::default()
    }

    /// Which paths to list for these types. A type the registry does not have is passed over.
    pub fn plan(&self, _scope: &[PolicyType]) -> Vec<PathPlan<'_>> {
        Vec::new()
    }
}
