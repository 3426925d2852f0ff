//! The contracts that this installation asks by.

use std::path::PathBuf;
use std::sync::Arc;

use lastseen_contracts::{Overrides, Registry};

use super::read_capped;
use crate::problem::Problem;

/// Every path overridden in every way is some ten thousand bytes.
const FILE_CAP: u64 = 1 << 18;

/// The shipped registry under the overrides of this file, where there is one; and those.
pub(super) fn registry(file: Option<PathBuf>) -> Result<(Arc<Registry>, Overrides), Problem> {
    let shipped = Registry::builtin();
    let Some(file) = file else { return Ok((Arc::new(shipped.clone()), Overrides::default())) };
    let text = read_capped(&file, FILE_CAP).map_err(|problem| Problem::usage(format!("the file of contract overrides {problem}")))?;
    let overrides = Overrides::read(&file.display().to_string(), &text, shipped)
        .map_err(|error| Problem::usage("the contract overrides can't be used").with("because", error.to_string()))?;
    Ok((Arc::new(shipped.with_overrides(&overrides)), overrides))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Result<Arc<Registry>, Problem> {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("overrides.toml");
        std::fs::write(&file, text).expect("written");
        registry(Some(file)).map(|(registry, _)| registry)
    }

    #[test]
    fn without_a_file_paths_are_asked_as_shipped() {
        let (registry, overrides) = registry(None).expect("shipped");
        assert_eq!(overrides, Overrides::default());
        assert_eq!(format!("{registry:?}"), format!("{:?}", Registry::builtin()));
    }

    #[test]
    fn a_file_of_overrides_is_taken_or_refused_by_its_entry() {
        let entry = |path: &str| format!("[[path]]\npath = \"{path}\"\napi_version = \"beta\"\npage_size = 25\n");
        let registry = of(&entry("/deviceManagement/intents")).expect("right");
        let (path, _) = registry.find(&"deviceManagementIntent".parse().expect("a key")).expect("known");
        assert_eq!(path.page_size, Some(25));
        let problem = of(&entry("/deviceManagement/intent")).expect_err("refused");
        assert!(format!("{problem:?}").contains("did you mean `/deviceManagement/intents`?"), "{problem:?}");
        let nowhere = super::registry(Some(PathBuf::from("no/such/file.toml"))).expect_err("refused");
        assert!(nowhere.what.contains("can't be read"), "{}", nowhere.what);
    }
}
