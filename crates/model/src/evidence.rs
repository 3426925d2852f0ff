//! What an open listing has seen so far, and what a page adds to it.

use crate::bitmap::OrdinalBitmap;
use crate::ids::Ordinal;

/// The bits of a listing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Evidence {
    /// The next free ordinal when the run was claimed: what is below it was known before.
    pub known_before: Ordinal,
    /// The items that the listing saw.
    pub observed: OrdinalBitmap,
    /// The items whose id the run saw on the path under a type outside its scope.
    pub seen_elsewhere: OrdinalBitmap,
}

/// How many items a page was the first of its listing to show.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Added {
    /// All of them.
    pub observed: u32,
    /// Of those, the ones that were known before the listing.
    pub known: u32,
}

impl Evidence {
    /// Sets the bits of a page. An item that an earlier page showed is not counted again.
    pub fn add(&mut self, seen: &[Ordinal], elsewhere: &[Ordinal]) -> Added {
        let mut added = Added::default();
        for ordinal in seen {
            if self.observed.insert(*ordinal) {
                added.observed += 1;
                added.known += u32::from(*ordinal < self.known_before);
            }
        }
        for ordinal in elsewhere {
            self.seen_elsewhere.insert(*ordinal);
        }
        added
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn i20_a_page_counts_each_item_once_and_tells_known_from_new() {
        let mut evidence = Evidence { known_before: 3, ..Evidence::default() };
        assert_eq!(evidence.add(&[0, 2, 3, 3], &[1]), Added { observed: 3, known: 2 });
        assert_eq!(evidence.add(&[2, 1, 9], &[]), Added { observed: 2, known: 1 });
        assert_eq!(evidence.observed.iter().collect::<Vec<_>>(), [0, 1, 2, 3, 9]);
        assert_eq!(evidence.seen_elsewhere.iter().collect::<Vec<_>>(), [1]);
    }
}
