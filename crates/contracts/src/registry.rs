//! The registry: all contracts, read from the data files once.

use std::collections::HashMap;
use std::sync::LazyLock;

use lastseen_model::selection::KnownType;
use lastseen_model::{PolicyType, Vocabulary};

use crate::contract::{PathContract, TypeContract};
use crate::data_file::DataFile;
use crate::overrides::Overrides;
use crate::{check, data_file, hash};

/// All contracts, in registry order: the files as they are listed here, the entries as they stand in their file.
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

macro_rules! shipped {
    ($($file:literal)*) => {
        [$(($file, include_str!(concat!("../contracts/", $file))),)*]
    };
}

/// The data files that ship with the program.
const SHIPPED: [(&str, &str); 10] = shipped!(
    "configuration.toml"
    "endpoint_security.toml"
    "compliance.toml"
    "apps.toml"
    "enrollment.toml"
    "updates.toml"
    "scripts.toml"
    "conditional_access.toml"
    "tenant_administration.toml"
    "cloud_pc.toml"
);

// Every test that touches the registry reads these files, so a program whose files can't be read is never shipped.
static BUILTIN: LazyLock<Registry> = LazyLock::new(|| Registry::read(&SHIPPED).unwrap_or_else(|error| panic!("{error}")));

impl Registry {
    /// The registry that ships with the program.
    pub fn builtin() -> &'static Registry {
        &BUILTIN
    }

    /// Reads data files, given as (name, text), and checks them.
    pub fn read(files: &[(&str, &str)]) -> Result<Self, RegistryError> {
        let mut paths: Vec<PathContract> = Vec::new();
        for (file, text) in files {
            let at = |problem: String| RegistryError { file: (*file).to_owned(), problem };
            for entry in data_file::parse::<DataFile>(text).map_err(at)?.paths {
                let path = check::path(entry).map_err(at)?;
                if paths.iter().any(|known| (&known.path, known.api_version) == (&path.path, path.api_version)) {
                    return Err(at(format!("path `{}`: is there twice on {}", path.path, path.api_version.as_str())));
                }
                paths.push(path);
                unique_types(&paths).map_err(at)?;
            }
            check::parents(&mut paths).map_err(at)?;
        }
        Ok(Self { paths })
    }

    /// The same contracts, asked as the overrides say. Contract hashes stay; a contract version moves only where assignments are read
    /// now and were not, or the other way round. What the overrides say of a path that is not here changes nothing: reading them
    /// refuses it.
    #[must_use]
    pub fn with_overrides(&self, overrides: &Overrides) -> Self {
        let mut paths = self.paths.clone();
        for asked in overrides.paths() {
            if let Some(path) = paths.iter_mut().find(|path| asked.is_of(path)) {
                asked.apply(path);
                hash::seal(path);
            }
        }
        // No kind was changed, so no parent has become a singleton.
        let parents = check::parents(&mut paths);
        debug_assert!(parents.is_ok(), "{parents:?}");
        Self { paths }
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
        let known = |(_, known): (&PathContract, &TypeContract)| KnownType {
            policy_type: known.policy_type.clone(),
            category: known.category.clone(),
            enabled: known.is_on(),
        };
        self.types().map(known).collect()
    }

    /// Which paths to list for these types, in registry order. A type the registry does not have is passed over: the scope of
    /// an older program may hold one.
    pub fn plan(&self, scope: &[PolicyType]) -> Vec<PathPlan<'_>> {
        let wanted = |path: &PathContract| -> Vec<usize> {
            let types = path.types.iter().enumerate();
            types.filter(|(_, known)| scope.contains(&known.policy_type)).map(|(index, _)| index).collect()
        };
        self.paths.iter().map(|path| PathPlan { path, wanted: wanted(path) }).filter(|plan| !plan.wanted.is_empty()).collect()
    }
}

/// The last path brought no type that is there already.
fn unique_types(paths: &[PathContract]) -> Result<(), String> {
    let mut seen: HashMap<&PolicyType, &str> = HashMap::new();
    for path in paths {
        for known in &path.types {
            if let Some(earlier) = seen.insert(&known.policy_type, &path.path) {
                return Err(format!("path `{}`: type `{}`: is there already, on `{earlier}`", path.path, known.policy_type));
            }
        }
    }
    Ok(())
}
