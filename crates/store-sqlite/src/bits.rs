//! Arithmetic on whole bitmaps, a byte at a time.

use lastseen_model::{Ordinal, OrdinalBitmap};

/// Those of `one` that are not in `other`.
pub(crate) fn without(one: &OrdinalBitmap, other: &OrdinalBitmap) -> OrdinalBitmap {
    let mut bytes = one.as_bytes().to_vec();
    bytes.iter_mut().zip(other.as_bytes()).for_each(|(byte, taken)| *byte &= !taken);
    OrdinalBitmap::from_bytes(bytes)
}

/// Those that are in either.
pub(crate) fn union(one: &OrdinalBitmap, other: &OrdinalBitmap) -> OrdinalBitmap {
    let (mut long, short) = (one.as_bytes().to_vec(), other.as_bytes());
    long.resize(long.len().max(short.len()), 0);
    long.iter_mut().zip(short).for_each(|(byte, more)| *byte |= more);
    OrdinalBitmap::from_bytes(long)
}

/// Every ordinal, ascending.
pub(crate) fn ordinals(bitmap: &OrdinalBitmap) -> impl Iterator<Item = Ordinal> {
    let byte = |(place, byte): (usize, &u8)| {
        let (place, byte) = (u32::try_from(place).unwrap_or(u32::MAX), *byte);
        (0..8).filter(move |bit| byte >> bit & 1 == 1).map(move |bit| place * 8 + bit)
    };
    bitmap.as_bytes().iter().enumerate().flat_map(byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bitmap(ordinals: &[Ordinal]) -> OrdinalBitmap {
        ordinals.iter().copied().collect()
    }

    #[test]
    fn bitmaps_of_any_two_lengths_are_taken_together_as_sets() {
        let (short, long) = (bitmap(&[0, 3, 7]), bitmap(&[3, 8, 40]));
        assert_eq!(without(&short, &long), bitmap(&[0, 7]));
        assert_eq!(without(&long, &short), bitmap(&[8, 40]));
        assert_eq!(union(&short, &long), bitmap(&[0, 3, 7, 8, 40]));
        assert_eq!(union(&long, &short), union(&short, &long));
        assert_eq!(ordinals(&long).collect::<Vec<_>>(), [3, 8, 40]);
    }
}
