//! What the tenants hold. An object is a number within its type; all that is kept of it is what was changed, so that a type of
//! 200,000 objects costs nothing until a page of it is rendered.

use std::collections::{BTreeMap, BTreeSet};

use lastseen_contracts::{PathContract, PathKind, TypeContract};
use lastseen_model::{PolicyType, TenantId};

use crate::config::TenantPlan;
use crate::mix::Mix;
use crate::{ids, kinds, names};

/// Where the positions of objects that were put in by hand begin, behind all others.
const EXTRAS: u64 = 1 << 48;

/// A place in a path's list. The order of places never changes, whatever comes and goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Slot {
    /// Object `index` of the type at this place in [`PathContract::types`].
    Own { type_index: usize, index: u32 },
    /// An object that was put in by hand.
    Extra(usize),
}

/// One tenant.
#[derive(Debug)]
pub(crate) struct Tenant {
    pub(crate) id: TenantId,
    mix: Mix,
    /// Permissions it has not granted.
    pub(crate) denied: BTreeSet<String>,
    /// Permissions it has granted beside those that paths need.
    pub(crate) granted_also: BTreeSet<String>,
    /// Who manages its devices.
    pub(crate) mdm_authority: String,
    /// How many tokens its endpoint has issued; the newest has this number.
    pub(crate) tokens_issued: u64,
    /// Tokens with a lower number are revoked.
    pub(crate) token_floor: u64,
    /// The tenant whose tokens this one's endpoint hands out by mistake.
    pub(crate) impostor: Option<TenantId>,
    /// In the order of the simulator's paths.
    pub(crate) paths: Vec<PathObjects>,
}

/// What a tenant holds on one path.
#[derive(Debug)]
pub(crate) struct PathObjects {
    above: Above,
    types: Vec<TypeObjects>,
    extras: Vec<Extra>,
}

/// What a path lies below.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Above {
    /// The version.
    Nothing,
    /// The objects of the path at this place.
    Path(usize),
    /// The objects of a path that the simulator doesn't have, so nothing of it is ever there.
    Unknown,
}

#[derive(Debug)]
struct TypeObjects {
    mix: Mix,
    size: u32,
    /// The objects below this number can have children. Those that come later begin with none, so that no child moves.
    bearing: u32,
    gone: BTreeSet<u32>,
    changed: BTreeMap<u32, Change>,
}

#[derive(Debug, Clone, Default)]
struct Change {
    revision: u32,
    name: Option<String>,
    /// The type it has become.
    type_index: Option<usize>,
}

#[derive(Debug)]
struct Extra {
    type_index: usize,
    external_id: String,
    name: Option<String>,
    present: bool,
    revision: u32,
    mix: Mix,
}

/// What there is to know of an object before it is rendered.
#[derive(Debug, Clone)]
pub(crate) struct Described {
    /// The type it is of now.
    pub(crate) type_index: usize,
    /// Its number; what it looks like follows from that.
    pub(crate) index: u32,
    pub(crate) mix: Mix,
    /// `id` as Graph gives it; none for a singleton without one.
    pub(crate) graph_id: Option<String>,
    pub(crate) name: Option<String>,
    /// How often it was changed.
    pub(crate) revision: u32,
}

impl Described {
    /// The id that Lastseen knows it by.
    pub(crate) fn external_id(&self, of: &TypeContract) -> String {
        self.graph_id.clone().unwrap_or_else(|| of.policy_type.as_str().to_owned())
    }
}

impl Tenant {
    pub(crate) fn new(plan: &TenantPlan, seed: u64, paths: &[PathContract]) -> Self {
        let mix = Mix::new(seed).and_text(&plan.tenant_id.to_string());
        let objects = |of: &TypeContract, kind: PathKind| {
            let size = plan.sizes.of(&of.policy_type);
            let size = if kind == PathKind::Singleton { size.min(1) } else { size };
            TypeObjects { mix: mix.and_text(of.policy_type.as_str()), size, bearing: size, gone: BTreeSet::new(), changed: BTreeMap::new() }
        };
        let place = |parent: &str, path: &PathContract| {
            paths.iter().position(|other| other.path == parent && other.api_version == path.api_version)
        };
        let path = |path: &PathContract| PathObjects {
            above: match &path.parent {
                None => Above::Nothing,
                Some(parent) => place(&parent.path, path).map_or(Above::Unknown, Above::Path),
            },
            types: path.types.iter().map(|of| objects(of, path.kind)).collect(),
            extras: Vec::new(),
        };
        Self {
            id: plan.tenant_id,
            mix,
            denied: BTreeSet::new(),
            granted_also: BTreeSet::new(),
            mdm_authority: "intune".to_owned(),
            tokens_issued: 0,
            token_floor: 0,
            impostor: None,
            paths: paths.iter().map(path).collect(),
        }
    }

    /// What is at a place of a path.
    pub(crate) fn describe(&self, path: &PathContract, path_index: usize, slot: Slot) -> Described {
        let objects = &self.paths[path_index];
        match slot {
            Slot::Own { type_index, index } => {
                let own = &objects.types[type_index];
                let of = &path.types[type_index];
                let mix = own.mix.and(u64::from(index));
                let change = own.changed.get(&index).cloned().unwrap_or_default();
                let graph_id = match path.kind {
                    PathKind::Collection => Some(ids::external_id(&path.path, kinds::choose(path, of, index).odata, mix, index)),
                    PathKind::Singleton => ids::singleton_id(&path.path, mix),
                };
                let named = of.display_name_field.is_some();
                let name = change.name.or_else(|| names::display_name(path, of, self.mix, index)).filter(|_| named);
                Described { type_index: change.type_index.unwrap_or(type_index), index, mix, graph_id, name, revision: change.revision }
            }
            Slot::Extra(number) => {
                let extra = &objects.extras[number];
                Described {
                    type_index: extra.type_index,
                    index: u32::try_from(number).unwrap_or(u32::MAX),
                    mix: extra.mix,
                    graph_id: Some(extra.external_id.clone()),
                    name: extra.name.clone(),
                    revision: extra.revision,
                }
            }
        }
    }

    /// Every place of a path whose object is of this type now, gone ones too.
    pub(crate) fn slots_of(&self, path_index: usize, type_index: usize) -> impl Iterator<Item = Slot> + '_ {
        let objects = &self.paths[path_index];
        objects.slots(0).map(|(_, slot)| slot).filter(move |slot| objects.type_of(*slot) == type_index)
    }

    /// Whether the object at a place is there. One whose parent is gone is gone with it.
    pub(crate) fn is_present(&self, path_index: usize, slot: Slot) -> bool {
        let objects = &self.paths[path_index];
        let borne = || match objects.above {
            Above::Nothing => true,
            Above::Path(above) => self.paths[above].bearer(slot).is_some_and(|bearer| self.is_present(above, bearer)),
            Above::Unknown => false,
        };
        objects.is_present(slot) && borne()
    }

    /// The place of the object with this id on the parent's path of a path; none where it is not there.
    pub(crate) fn parent_by_id(&self, paths: &[PathContract], path_index: usize, id: &str) -> Option<Slot> {
        let Above::Path(above) = self.paths[path_index].above else { return None };
        let mut there = self.paths[above].present(0).map(|(_, slot)| slot).filter(|slot| self.is_present(above, *slot));
        there.find(|slot| self.describe(&paths[above], above, *slot).graph_id.as_deref() == Some(id))
    }

    /// Whether an object is in the collection that belongs to this parent.
    pub(crate) fn is_borne_by(&self, path_index: usize, slot: Slot, bearer: Slot) -> bool {
        let Above::Path(above) = self.paths[path_index].above else { return false };
        self.paths[above].bearer(slot) == Some(bearer)
    }
}

impl PathObjects {
    /// Every place from a position on, with its position; gone ones too. The types take turns, so that a place does not move
    /// when a type grows.
    fn slots(&self, from: u64) -> impl Iterator<Item = (u64, Slot)> + '_ {
        let types = self.types.len() as u64;
        let longest = self.types.iter().map(|of| u64::from(of.size)).max().unwrap_or(0);
        let own = (from..longest * types).filter_map(move |position| {
            let type_index = usize::try_from(position % types).ok()?;
            let index = u32::try_from(position / types).ok()?;
            (index < self.types[type_index].size).then_some((position, Slot::Own { type_index, index }))
        });
        let first_extra = usize::try_from(from.saturating_sub(EXTRAS)).unwrap_or(usize::MAX);
        let extras = (first_extra..self.extras.len()).map(|number| (EXTRAS + number as u64, Slot::Extra(number)));
        own.chain(extras)
    }

    /// Every object that is there, from a position on.
    pub(crate) fn present(&self, from: u64) -> impl Iterator<Item = (u64, Slot)> + '_ {
        self.slots(from).filter(|(_, slot)| self.is_present(*slot))
    }

    /// The place here of the parent that an object on a path below this one has: they are dealt out in turn.
    fn bearer(&self, child: Slot) -> Option<Slot> {
        let number = match child {
            Slot::Own { index, .. } => index as usize,
            Slot::Extra(number) => number,
        };
        let bears = |slot: &Slot| matches!(slot, Slot::Own { type_index, index } if *index < self.types[*type_index].bearing);
        let bearing: usize = self.types.iter().map(|of| of.bearing as usize).sum();
        self.slots(0).map(|(_, slot)| slot).filter(bears).nth(number.checked_rem(bearing)?)
    }

    fn is_present(&self, slot: Slot) -> bool {
        match slot {
            Slot::Own { type_index, index } => !self.types[type_index].gone.contains(&index),
            Slot::Extra(number) => self.extras[number].present,
        }
    }

    fn type_of(&self, slot: Slot) -> usize {
        match slot {
            Slot::Own { type_index, index } => {
                self.types[type_index].changed.get(&index).and_then(|change| change.type_index).unwrap_or(type_index)
            }
            Slot::Extra(number) => self.extras[number].type_index,
        }
    }

    /// Takes an object away or brings it back.
    pub(crate) fn set_present(&mut self, slot: Slot, present: bool) {
        match slot {
            Slot::Own { type_index, index } if present => {
                self.types[type_index].gone.remove(&index);
            }
            Slot::Own { type_index, index } => {
                self.types[type_index].gone.insert(index);
            }
            Slot::Extra(number) => self.extras[number].present = present,
        }
    }

    /// Gives an object another name.
    pub(crate) fn rename(&mut self, slot: Slot, name: &str) {
        let (revision, old) = match slot {
            Slot::Own { type_index, index } => {
                let change = self.types[type_index].changed.entry(index).or_default();
                (&mut change.revision, &mut change.name)
            }
            Slot::Extra(number) => {
                let extra = &mut self.extras[number];
                (&mut extra.revision, &mut extra.name)
            }
        };
        *revision += 1;
        *old = Some(name.to_owned());
    }

    /// Makes an object one of another type of the same path.
    pub(crate) fn retype(&mut self, slot: Slot, to: usize) {
        match slot {
            Slot::Own { type_index, index } => {
                let change = self.types[type_index].changed.entry(index).or_default();
                change.revision += 1;
                change.type_index = Some(to);
            }
            Slot::Extra(number) => self.extras[number].type_index = to,
        }
    }

    /// Adds new objects of a type and says which places they took.
    pub(crate) fn grow(&mut self, type_index: usize, count: u32) -> impl Iterator<Item = Slot> + use<> {
        let of = &mut self.types[type_index];
        let first = of.size;
        of.size = of.size.saturating_add(count);
        (first..of.size).map(move |index| Slot::Own { type_index, index })
    }

    /// Puts an object in by hand.
    pub(crate) fn insert(&mut self, type_index: usize, external_id: &str, name: Option<&str>) {
        let mix = self.types[type_index].mix.and_text(external_id);
        let (external_id, name) = (external_id.to_owned(), name.map(str::to_owned));
        self.extras.push(Extra { type_index, external_id, name, present: true, revision: 0, mix });
    }

    /// Makes a type hold exactly the objects below this number.
    pub(crate) fn resize(&mut self, type_index: usize, size: u32) {
        let of = &mut self.types[type_index];
        of.size = size;
        of.bearing = size;
        of.gone.clear();
        of.changed.retain(|index, _| *index < size);
    }
}

/// Where a type is: its path and its place on it.
pub(crate) fn locate(paths: &[PathContract], policy_type: &PolicyType) -> Option<(usize, usize)> {
    paths.iter().enumerate().find_map(|(path_index, path)| {
        let type_index = path.types.iter().position(|of| of.policy_type == *policy_type)?;
        Some((path_index, type_index))
    })
}
