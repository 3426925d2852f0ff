//! Which ordinals a listing observed: plain bytes, bit `n` in byte `n / 8`, least significant first, so that both
//! databases can test a bit in plain SQL.

use crate::ids::Ordinal;

/// A set of ordinals. Trailing zero bytes are never kept, so equal sets have equal bytes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OrdinalBitmap(Vec<u8>);

impl OrdinalBitmap {
    /// The empty set.
    pub fn new() -> Self {
        Self::default()
    }

    /// The set whose bytes these are.
    pub fn from_bytes(mut bytes: Vec<u8>) -> Self {
        let used = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
        bytes.truncate(used);
        Self(bytes)
    }

    /// The bytes to store.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Adds an ordinal; whether it was new.
    pub fn insert(&mut self, ordinal: Ordinal) -> bool {
        let (byte, bit) = place(ordinal);
        if self.0.len() <= byte {
            self.0.resize(byte + 1, 0);
        }
        let new = self.0[byte] & bit == 0;
        self.0[byte] |= bit;
        new
    }

    /// Whether an ordinal is in the set; false past the end.
    pub fn contains(&self, ordinal: Ordinal) -> bool {
        let (byte, bit) = place(ordinal);
        self.0.get(byte).is_some_and(|b| b & bit != 0)
    }

    /// How many ordinals are in the set.
    pub fn len(&self) -> u64 {
        self.0.iter().map(|byte| u64::from(byte.count_ones())).sum()
    }

    /// Whether the set is empty.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many ordinals below `end` are in the set.
    pub fn len_below(&self, end: Ordinal) -> u64 {
        let (whole, _) = place(end);
        let full: u64 = self.0.iter().take(whole).map(|byte| u64::from(byte.count_ones())).sum();
        let rest = self.0.get(whole).map_or(0, |byte| byte & ((1u8 << (end % 8)) - 1));
        full + u64::from(rest.count_ones())
    }

    /// An ordinal that is greater than every one in the set, by less than eight more than it need be.
    pub fn end(&self) -> Ordinal {
        u32::try_from(self.0.len()).map_or(Ordinal::MAX, |bytes| bytes.saturating_mul(8))
    }

    /// Those that are not in `other`.
    #[must_use]
    pub fn without(&self, other: &Self) -> Self {
        let mut bytes = self.0.clone();
        bytes.iter_mut().zip(&other.0).for_each(|(byte, taken)| *byte &= !taken);
        Self::from_bytes(bytes)
    }

    /// Those that are in either.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        let (mut long, short) = (self.0.clone(), &other.0);
        long.resize(long.len().max(short.len()), 0);
        long.iter_mut().zip(short).for_each(|(byte, more)| *byte |= more);
        Self::from_bytes(long)
    }

    /// Every ordinal, ascending.
    pub fn iter(&self) -> impl Iterator<Item = Ordinal> + '_ {
        let byte = |(place, byte): (usize, &u8)| {
            let (place, byte) = (u32::try_from(place).unwrap_or(u32::MAX), *byte);
            (0..8).filter(move |bit| byte >> bit & 1 == 1).map(move |bit| place * 8 + bit)
        };
        self.0.iter().enumerate().flat_map(byte)
    }

    /// The ordinals below `end` that are not in the set, ascending: what a listing that knew `end` items did not see.
    pub fn absent_below(&self, end: Ordinal) -> impl Iterator<Item = Ordinal> + '_ {
        (0..end).filter(|ordinal| !self.contains(*ordinal))
    }
}

impl FromIterator<Ordinal> for OrdinalBitmap {
    fn from_iter<I: IntoIterator<Item = Ordinal>>(ordinals: I) -> Self {
        let mut bitmap = Self::new();
        for ordinal in ordinals {
            bitmap.insert(ordinal);
        }
        bitmap
    }
}

fn place(ordinal: Ordinal) -> (usize, u8) {
    ((ordinal / 8) as usize, 1 << (ordinal % 8))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn bit_n_is_in_byte_n_div_8_least_significant_first() {
        let bitmap: OrdinalBitmap = [0, 3, 8, 23].into_iter().collect();
        assert_eq!(bitmap.as_bytes(), [0b0000_1001, 0b0000_0001, 0b1000_0000]);
    }

    #[test]
    fn past_the_end_is_not_observed() {
        assert!(!OrdinalBitmap::new().contains(0));
        assert!(!OrdinalBitmap::from_bytes(vec![0xff]).contains(8));
    }

    #[test]
    fn bitmaps_of_any_two_lengths_are_taken_together_as_sets() {
        let bitmap = |ordinals: &[Ordinal]| ordinals.iter().copied().collect::<OrdinalBitmap>();
        let (short, long) = (bitmap(&[0, 3, 7]), bitmap(&[3, 8, 40]));
        assert_eq!(short.without(&long), bitmap(&[0, 7]));
        assert_eq!(long.without(&short), bitmap(&[8, 40]));
        assert_eq!(short.union(&long), bitmap(&[0, 3, 7, 8, 40]));
        assert_eq!(long.union(&short), short.union(&long));
        assert_eq!(long.iter().collect::<Vec<_>>(), [3, 8, 40]);
    }

    proptest! {
        #[test]
        fn a_bitmap_is_a_set_of_numbers(ordinals in prop::collection::btree_set(0u32..200, 0..60), end in 0u32..220) {
            let bitmap: OrdinalBitmap = ordinals.iter().copied().collect();
            prop_assert_eq!(bitmap.len(), ordinals.len() as u64);
            prop_assert_eq!(bitmap.is_empty(), ordinals.is_empty());
            let least = ordinals.last().map_or(0, |last| last + 1);
            prop_assert!((least..least + 8).contains(&bitmap.end()));
            prop_assert_eq!(bitmap.len_below(end), ordinals.range(..end).count() as u64);
            let absent: BTreeSet<u32> = bitmap.absent_below(end).collect();
            prop_assert_eq!(absent, (0..end).filter(|n| !ordinals.contains(n)).collect::<BTreeSet<_>>());
            let mut padded = bitmap.as_bytes().to_vec();
            padded.extend([0, 0]);
            prop_assert_eq!(OrdinalBitmap::from_bytes(padded), bitmap);
        }
    }
}
