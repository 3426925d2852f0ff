//! Display names: believable ones in several scripts, and a few that break careless programs.

use lastseen_contracts::{PathContract, TypeContract};

use crate::kinds::{Chosen, choose};
use crate::mix::Mix;

const SCOPES: &[&str] = &[
    "Berlin",
    "Zürich",
    "東京",
    "Ring 1",
    "القاهرة",
    "São Paulo",
    "Pilot 🚀",
    "תל אביב",
    "Київ",
    "Ring 2",
    "Field staff",
    "서울",
    "VIP 👩🏽‍💻",
    "Kiosk",
    "Αθήνα",
    "मुंबई",
];

/// The object that has no name.
const UNNAMED: u32 = 21;
/// The object that has the name of [`TWIN`].
const DUPLICATE: u32 = 22;
const TWIN: u32 = 20;
/// The object whose name is longer than any that is kept.
const LONG: u32 = 23;
/// The object whose name is written with combining marks.
const COMBINING: u32 = 24;
/// The object whose name mixes directions, controls included.
const MIXED: u32 = 25;

/// The name of an object of this type: none for one in a type, the same for two.
pub(crate) fn display_name(path: &PathContract, of: &TypeContract, tenant: Mix, index: u32) -> Option<String> {
    match index {
        UNNAMED => None,
        DUPLICATE => Some(plain(path, of, tenant, TWIN)),
        LONG => Some(format!("{} {}", plain(path, of, tenant, LONG), "very long – sehr lang – とても長い ".repeat(50))),
        COMBINING => Some("Zu\u{308}rich re\u{301}seau \u{1e9b}\u{323} – Z\u{351}\u{36b}\u{343}a\u{328}lgo".to_owned()),
        MIXED => Some("\u{202b}سياسة\u{202c} Wi-Fi \u{2067}תקן\u{2069} 👨‍👩‍👧‍👦 \"quoted\" \\ <b>&amp;</b>\ttab".to_owned()),
        _ => Some(plain(path, of, tenant, index)),
    }
}

fn plain(path: &PathContract, of: &TypeContract, mut tenant: Mix, index: u32) -> String {
    let own = capitalised(&of.name);
    let Chosen { kind, number, .. } = choose(path, of, index);
    let (stem, scope) = match kind.stems {
        [] => (own.as_str(), number),
        stems => (stems[number % stems.len()], number / stems.len()),
    };
    let place = SCOPES[(scope + tenant.below(SCOPES.len())) % SCOPES.len()];
    match scope / SCOPES.len() {
        0 => format!("{stem} {place}"),
        round => format!("{stem} {place} {}", round + 1),
    }
}

fn capitalised(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

#[cfg(test)]
mod tests {
    use lastseen_contracts::Registry;

    use super::*;

    fn name(index: u32) -> Option<String> {
        let key = "deviceConfiguration".parse().expect("a key");
        let (path, of) = Registry::builtin().find(&key).expect("a known type");
        display_name(path, of, Mix::new(1), index)
    }

    #[test]
    fn names_differ_but_for_one_pair_and_one_is_absent() {
        let names: Vec<_> = (0..500).filter_map(name).collect();
        let different: std::collections::HashSet<_> = names.iter().collect();
        assert_eq!(names.len(), 499);
        assert_eq!(different.len(), 498);
        assert_eq!(name(UNNAMED), None);
        assert_eq!(name(DUPLICATE), name(TWIN));
    }

    #[test]
    fn one_name_is_longer_than_what_is_kept() {
        let long = name(LONG).expect("a name");
        assert!(long.chars().count() > lastseen_model::observation::DISPLAY_NAME_MAX_CHARS);
    }
}
