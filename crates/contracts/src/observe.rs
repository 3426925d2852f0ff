//! From the text of one object to an observation: which type it is, and what of it is kept.

use std::borrow::Cow;
use std::collections::BTreeMap;

use lastseen_model::ids::EXTERNAL_ID_MAX_BYTES;
use lastseen_model::{ExternalId, IdError, Observation};
use serde_json::Value;
use serde_json::value::RawValue;

use crate::assignments::{self, Counted};
use crate::contract::{Assignments, MatchRule, MetaKind, Observed, PathContract, PathKind, PlatformRule, Rejection, TypeContract};
use crate::field::{self, ODATA_TYPE};
use crate::object::Picked;
use crate::{platform, value};

/// More words than any platform field holds; a longer list names no single platform.
const PLATFORM_MAX_WORDS: usize = 64;
/// The longest word of a platform field, or name of a type.
const WORD_MAX_CHARS: usize = 256;

impl PathContract {
    /// Sorts and reduces one object, given as its JSON text.
    ///
    /// Only what the contract names is ever decoded; everything else is skipped as text. The answer does not depend on the
    /// order of keys, and where a key is repeated the last one counts.
    pub fn observe(&self, object: &str) -> Result<Observed, Rejection> {
        self.observe_as_asked(object, true)
    }

    /// The same for an object of a page that was asked for with `$expand`, or without it because the path did not take it. Then a list of
    /// assignments may be there all the same, and be empty for want of the question: the count is unknown (I26).
    pub fn observe_as_asked(&self, object: &str, expanded: bool) -> Result<Observed, Rejection> {
        let read = self.assignments == Assignments::Expand;
        let counted = read && expanded;
        let named =
            |key: &[u8]| self.reads().find_map(|path| field::head_if(path, key)).or_else(|| assignments::named(key).filter(|_| read));
        let picked = Picked::read(object, named);
        let picked = picked.ok_or(Rejection::NotAnObject)?;
        let type_index = self.sort(&picked)?;
        let known = &self.types[type_index];
        let external_id = self.external_id(known, &picked)?;

        let mut reduction = Reduction { meta: BTreeMap::new(), dropped: 0 };
        let unkept = self.sorted_by().chain(known.named_by()).chain(assignments::NAMES).map(|path| Wanted { path, keep: None });
        let kept = known.meta.iter().map(|kept| Wanted { path: &kept.field, keep: Some((&kept.field, kept.kind)) });
        reduction.reduce(&picked, &unkept.chain(kept).collect::<Vec<_>>());
        let display_name = reduction.display_name(known, &picked);
        let platform = reduction.platform(known, &picked);
        let assignment_count = if counted { reduction.assignments(&picked) } else { None };

        let Reduction { meta, dropped } = reduction;
        let name = display_name.as_deref();
        let observation = Observation::new(&known.contract_version, external_id, name, platform, &meta, assignment_count);
        Ok(Observed { type_index, observation, dropped })
    }

    /// The first view that matches, else the base type.
    fn sort(&self, picked: &Picked<'_, '_>) -> Result<usize, Rejection> {
        // Views of one path mostly look at one field: it is read once.
        let mut last_read: Option<(&str, Option<Cow<'_, str>>)> = None;
        for (index, known) in self.types.iter().enumerate() {
            let Some(rule) = &known.matches else { return Ok(index) };
            let text = match &last_read {
                Some((field, text)) if *field == rule.field() => text.as_deref(),
                _ => last_read.insert((rule.field(), deciding_text(picked, rule.field())?)).1.as_deref(),
            };
            let Some(text) = text else { continue };
            let matches = match rule {
                MatchRule::OdataType(names) => names.iter().any(|name| name == platform::type_name(text)),
                MatchRule::FieldStartsWith { any_of, .. } => any_of.iter().any(|beginning| text.starts_with(beginning.as_str())),
            };
            if matches {
                return Ok(index);
            }
        }
        Err(Rejection::Unsortable)
    }

    fn external_id(&self, known: &TypeContract, picked: &Picked<'_, '_>) -> Result<ExternalId, Rejection> {
        let id = match (picked.get("id"), self.kind) {
            (Some(raw), _) if raw.get().len() > EXTERNAL_ID_MAX_BYTES * 6 + 2 && raw.get().starts_with('"') => {
                return Err(Rejection::LongId);
            }
            (Some(raw), _) => value::text(raw).ok_or(Rejection::NoId)?.into_owned(),
            // Anything without an id could be an empty answer; only what shows a field of its own is the object.
            (None, PathKind::Singleton) if known.shows(picked) => known.policy_type.as_str().to_owned(),
            (None, PathKind::Singleton | PathKind::Collection) => return Err(Rejection::NoId),
        };
        ExternalId::try_from(id).map_err(|error| match error {
            IdError::Empty => Rejection::EmptyId,
            IdError::TooLong => Rejection::LongId,
            IdError::HoldsNul => Rejection::NulInId,
            _ => Rejection::NoId,
        })
    }
}

impl TypeContract {
    /// Whether the object has any field that the contract keeps or names it by.
    fn shows(&self, picked: &Picked<'_, '_>) -> bool {
        let mut fields = self.meta.iter().map(|kept| kept.field.as_str()).filter(|field| !field.starts_with('@')).chain(self.named_by());
        fields.any(|field| matches!(picked.at(field), Ok(Some(_))))
    }
}

/// The text that decides a type; none where it is absent or null.
fn deciding_text<'a>(picked: &Picked<'_, 'a>, field: &str) -> Result<Option<Cow<'a, str>>, Rejection> {
    let raw: Option<&'a RawValue> = picked.at(field).map_err(|_| Rejection::Unsortable)?;
    raw.map(|raw| value::text(raw).ok_or(Rejection::Unsortable)).transpose()
}

/// A field to read, relative to the object at hand.
#[derive(Clone, Copy)]
struct Wanted<'c> {
    path: &'c str,
    /// The key it is kept under and what it must be; none for a field that is read but not kept.
    keep: Option<(&'c str, MetaKind)>,
}

/// What is kept of one object so far, and how much was not.
struct Reduction {
    meta: BTreeMap<String, Value>,
    dropped: u32,
}

impl Reduction {
    fn drop_one(&mut self) {
        self.dropped = self.dropped.saturating_add(1);
    }

    /// Keeps what is wanted of an object, and counts its other keys and its unusable values.
    fn reduce(&mut self, picked: &Picked<'_, '_>, wanted: &[Wanted<'_>]) {
        self.dropped = self.dropped.saturating_add(picked.others());
        for (name, raw) in picked.values() {
            let here = || wanted.iter().filter(|wanted| wanted.path == *name);
            let below: Vec<Wanted<'_>> = wanted.iter().filter_map(|wanted| wanted.below(name)).collect();
            if let Some((key, kind)) = here().find_map(|wanted| wanted.keep) {
                match value::read(kind, raw) {
                    value::Reading::Kept(kept) => {
                        self.meta.insert(key.to_owned(), kept);
                    }
                    value::Reading::Absent => {}
                    value::Reading::Wrong => self.drop_one(),
                }
            } else if !below.is_empty() {
                self.reduce_nested(raw, &below);
            } else if here().next().is_none() {
                self.drop_one();
            }
        }
    }

    fn reduce_nested(&mut self, raw: &RawValue, wanted: &[Wanted<'_>]) {
        if raw.get() == "null" {
            return;
        }
        match Picked::read(raw.get(), |key| wanted.iter().find_map(|wanted| field::head_if(wanted.path, key))) {
            Some(picked) => self.reduce(&picked, wanted),
            None => self.drop_one(),
        }
    }

    fn display_name<'a>(&mut self, known: &TypeContract, picked: &Picked<'_, 'a>) -> Option<Cow<'a, str>> {
        let field = known.display_name_field.as_deref()?;
        // What is not an object on the way was counted when the object was reduced.
        let raw = picked.at(field).ok().flatten()?;
        let name = value::lossy_text(raw);
        if name.is_none() {
            self.drop_one();
        }
        name
    }

    fn assignments(&mut self, picked: &Picked<'_, '_>) -> Option<u32> {
        match assignments::count(picked) {
            Counted::All(count) => Some(count),
            Counted::Unknown => None,
            Counted::Wrong => {
                self.drop_one();
                None
            }
        }
    }

    fn platform<'c>(&mut self, known: &'c TypeContract, picked: &Picked<'_, '_>) -> Option<&'c str> {
        let field = match &known.platform {
            PlatformRule::None => return None,
            PlatformRule::Fixed(platform) => return Some(platform),
            PlatformRule::OdataType => ODATA_TYPE,
            PlatformRule::Field(field) => field,
        };
        let raw = picked.at(field).ok().flatten()?;
        let Some(words) = value::texts(raw, PLATFORM_MAX_WORDS, WORD_MAX_CHARS) else {
            // A field that is also whitelisted was counted there, by its own bounds.
            if !known.meta.iter().any(|kept| kept.field == field) {
                self.drop_one();
            }
            return None;
        };
        platform::of_words(words.iter().flat_map(|text| platform::words(field, text)))
    }
}

impl<'c> Wanted<'c> {
    /// The same field, relative to the object under this name; none where it is not in there.
    fn below(&self, name: &str) -> Option<Wanted<'c>> {
        match field::split(self.path) {
            (head, Some(rest)) if head == name => Some(Wanted { path: rest, keep: self.keep }),
            _ => None,
        }
    }
}
