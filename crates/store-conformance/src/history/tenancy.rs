//! What one tenant holds at Microsoft while a history goes on.

use std::collections::BTreeMap;

use lastseen_model::{ExternalId, Observation};
use lastseen_store::ScopedType;

use super::ops::Change;
use crate::world;

/// Ids that collide where somebody folds case, matches patterns or counts in the wrong unit.
const IDS: [&str; 7] = ["a", "A", "b%", "b_", "ü/漢字 🦀", "9", "10"];
/// An id that every type may have, each for an object of its own.
const TWIN: u8 = 7;
/// The id of an object without a name.
const NAMELESS: u8 = 6;

/// The objects, by the type they came with and the place of their id: the type they are of now, and their edition.
pub(super) struct Tenancy(BTreeMap<(u8, u8), (u8, u8)>);

impl Tenancy {
    /// A tenant with some of everything.
    pub(super) fn new() -> Self {
        Self((0..5).flat_map(|home| (0..5).map(move |id| ((home, id), (home, 0)))).collect())
    }

    /// What a listing of a type sees of the objects that the mask lets through.
    pub(super) fn observe(&self, scoped: &ScopedType, mask: u16) -> Vec<Observation> {
        let seen = self.seen(scoped.policy_type.as_str(), mask);
        seen.map(|(place, edition)| {
            // Objects of several types have one name, as those that Microsoft moved have, and some have none.
            let name = format!("Policy {}, edition {edition}", place.1);
            let platform = [None, Some("windows")][usize::from(edition) % 2];
            let name = Some(name.as_str()).filter(|_| place.1 != NAMELESS);
            world::named(&scoped.contract_version, &id_of(place), edition, name, platform)
        })
        .collect()
    }

    /// The ids of a type's objects that the mask lets through.
    pub(super) fn ids(&self, policy_type: &str, mask: u16) -> impl Iterator<Item = ExternalId> {
        self.seen(policy_type, mask).map(|(place, _)| world::id(&id_of(place)))
    }

    fn seen(&self, policy_type: &str, mask: u16) -> impl Iterator<Item = ((u8, u8), u8)> {
        let of_type = self.0.iter().filter(move |(_, (now, _))| world::TYPES[usize::from(*now)].0 == policy_type);
        let seen = of_type.filter(move |((home, id), _)| mask >> ((home * 3 + id) % 16) & 1 == 1);
        seen.map(|(place, (_, edition))| (*place, *edition))
    }

    /// Something changes.
    pub(super) fn change(&mut self, change: &Change) {
        match *change {
            Change::Toggle { policy_type, id, .. } => {
                if self.0.remove(&(policy_type, id)).is_none() {
                    self.0.insert((policy_type, id), (policy_type, 0));
                }
            }
            Change::Edit { policy_type, id, .. } => {
                if let Some((_, edition)) = self.0.get_mut(&(policy_type, id)) {
                    *edition = edition.wrapping_add(1);
                }
            }
            Change::Move { from, to, id, .. } => {
                if let Some((now, _)) = self.0.get_mut(&(from, id)).filter(|_| id != TWIN) {
                    *now = to;
                }
            }
            Change::Wipe { policy_type, spared, .. } => self.0.retain(|(_, id), (now, _)| *now != policy_type || *id == spared),
            Change::Fill { policy_type, .. } => {
                for id in 0..=TWIN {
                    self.0.entry((policy_type, id)).or_insert((policy_type, 0));
                }
            }
        }
    }
}

fn id_of((home, id): (u8, u8)) -> String {
    IDS.get(usize::from(id)).map_or_else(|| "twin".to_owned(), |text| format!("{text}{home}"))
}

impl Change {
    /// Whose change it is.
    pub(super) fn tenant(&self) -> usize {
        let (Self::Toggle { tenant, .. }
        | Self::Edit { tenant, .. }
        | Self::Move { tenant, .. }
        | Self::Wipe { tenant, .. }
        | Self::Fill { tenant, .. }) = self;
        usize::from(*tenant)
    }
}
