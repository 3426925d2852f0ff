//! What databases said of a crate's statements, as the macros of sqlx keep it: a folder with a file for each statement, named by the
//! statement's hash.

use std::collections::BTreeMap;
use std::path::Path;
use std::{fs, io};

use anyhow::{Context, Result};

/// The files of such a folder: names and contents.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Kept(BTreeMap<String, Vec<u8>>);

impl Kept {
    /// Reads a folder; one that is not there keeps nothing.
    ///
    /// # Errors
    /// It can't be read.
    pub(crate) fn read(folder: &Path) -> Result<Self> {
        let read = || {
            let mut files = BTreeMap::new();
            for file in fs::read_dir(folder)? {
                let file = file?;
                files.insert(file.file_name().to_string_lossy().into_owned(), fs::read(file.path())?);
            }
            Ok(Self(files))
        };
        read()
            .or_else(|error: io::Error| if error.kind() == io::ErrorKind::NotFound { Ok(Self::default()) } else { Err(error) })
            .with_context(|| format!("{} can't be read", folder.display()))
    }

    /// Whether there is none.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Makes a folder hold this and nothing else.
    ///
    /// # Errors
    /// It can't be written.
    pub(crate) fn write(&self, folder: &Path) -> Result<()> {
        let write = || {
            match fs::remove_dir_all(folder) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => fs::create_dir_all(folder)?,
            }
            self.0.iter().try_for_each(|(name, content)| fs::write(folder.join(name), content))
        };
        write().with_context(|| format!("{} could not be written", folder.display()))
    }

    /// Every file that is not as it is found, with what is wrong with it.
    pub(crate) fn differences(&self, found: &Self) -> Vec<String> {
        let gone = self.0.keys().filter(|name| !found.0.contains_key(*name)).map(|name| format!("{name}: no statement has this any more"));
        let differing = found.0.iter().filter_map(|(name, content)| match self.0.get(name) {
            None => Some(format!("{name}: is missing")),
            Some(kept) if kept != content => Some(format!("{name}: the database says something else now")),
            Some(_) => None,
        });
        gone.chain(differing).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(files: &[(&str, &str)]) -> Kept {
        Kept(files.iter().map(|(name, content)| ((*name).into(), (*content).into())).collect())
    }

    #[test]
    fn a_missing_a_stale_and_a_differing_file_are_each_a_difference() {
        let found = kept(&[("a", "1"), ("b", "2"), ("c", "3")]);
        assert!(found.differences(&found).is_empty());
        let differences = kept(&[("a", "1"), ("b", "other"), ("old", "0")]).differences(&found);
        assert_eq!(differences, ["old: no statement has this any more", "b: the database says something else now", "c: is missing"]);
    }

    #[test]
    fn a_folder_is_made_to_hold_just_what_was_found() {
        let root = tempfile::tempdir().expect("a folder");
        let folder = root.path().join(".sqlx");
        assert!(Kept::read(&folder).expect("nothing is no failure").is_empty());
        for files in [kept(&[("a", "1"), ("b", "2")]), kept(&[("a", "3")])] {
            files.write(&folder).expect("written");
            assert_eq!(Kept::read(&folder).expect("read"), files);
        }
    }
}
