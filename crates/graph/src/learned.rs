//! What the paths of one tenant were found not to take. It lasts as long as the process, so that a path which has changed its
//! mind is asked in full again some day.

use std::collections::HashMap;
use std::sync::Mutex;

use lastseen_contracts::ApiVersion;

use crate::budget::locked;
use crate::options::{Fallback, Options};

/// The memory of one tenant.
#[derive(Debug, Default)]
pub(crate) struct Learned(Mutex<HashMap<(ApiVersion, String), Known>>);

#[derive(Debug, Clone, Copy, Default)]
struct Known {
    no_select: bool,
    no_expand: bool,
    pages: PageSize,
}

/// The largest pages that a path is asked for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum PageSize {
    /// As the contract says.
    #[default]
    AsWanted,
    /// Of at most this size.
    UpTo(u32),
    /// As Graph chooses.
    GraphsOwn,
}

impl Learned {
    /// What of these options a path takes, as far as is known.
    pub(crate) fn takes(&self, version: ApiVersion, path: &str, wanted: Options) -> Options {
        let known = locked(&self.0).get(&(version, path.to_owned())).copied().unwrap_or_default();
        Options {
            select: wanted.select && !known.no_select,
            expand: wanted.expand && !known.no_expand,
            top: match known.pages {
                PageSize::AsWanted => wanted.top,
                PageSize::UpTo(size) => wanted.top.map(|top| top.min(size)),
                PageSize::GraphsOwn => None,
            },
        }
    }

    /// Remembers the fallback after which a page came. Those before it did not help, so nothing is known of them.
    pub(crate) fn note(&self, version: ApiVersion, path: &str, fallback: Fallback, options: Options) {
        let mut all = locked(&self.0);
        let known = all.entry((version, path.to_owned())).or_default();
        match fallback {
            Fallback::NoSelect => known.no_select = true,
            Fallback::NoExpand => known.no_expand = true,
            Fallback::NoTop => known.pages = PageSize::GraphsOwn,
            // Two listings of one path can learn side by side; the smaller pages are the safer ones.
            Fallback::SmallerPages => {
                known.pages = match (known.pages, options.top) {
                    (PageSize::GraphsOwn, _) | (_, None) => PageSize::GraphsOwn,
                    (PageSize::UpTo(known), Some(top)) => PageSize::UpTo(known.min(top)),
                    (PageSize::AsWanted, Some(top)) => PageSize::UpTo(top),
                };
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: Options = Options { select: true, expand: true, top: Some(999) };

    #[test]
    fn what_is_learned_holds_for_one_path_on_one_version() {
        let learned = Learned::default();
        assert_eq!(learned.takes(ApiVersion::Beta, "/a", ALL), ALL);
        learned.note(ApiVersion::Beta, "/a", Fallback::NoSelect, ALL);
        learned.note(ApiVersion::Beta, "/a", Fallback::NoExpand, ALL);
        assert_eq!(learned.takes(ApiVersion::Beta, "/a", ALL), Options { select: false, expand: false, ..ALL });
        assert_eq!(learned.takes(ApiVersion::V1, "/a", ALL), ALL);
        assert_eq!(learned.takes(ApiVersion::Beta, "/b", ALL), ALL);
    }

    #[test]
    fn pages_that_were_learned_only_get_smaller() {
        let learned = Learned::default();
        let note = |top| learned.note(ApiVersion::Beta, "/a", Fallback::SmallerPages, Options { top, ..ALL });
        let takes = |top| learned.takes(ApiVersion::Beta, "/a", Options { top, ..ALL }).top;
        note(Some(50));
        assert_eq!((takes(Some(999)), takes(Some(20)), takes(None)), (Some(50), Some(20), None));
        note(Some(100));
        assert_eq!(takes(Some(999)), Some(50));
        note(None);
        note(Some(100));
        assert_eq!(takes(Some(999)), None);
        learned.note(ApiVersion::Beta, "/b", Fallback::NoTop, ALL);
        assert_eq!(learned.takes(ApiVersion::Beta, "/b", ALL), Options { top: None, ..ALL });
    }
}
