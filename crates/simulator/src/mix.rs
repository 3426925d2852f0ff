//! The one source of variety: a value mixed from the seed and what it is for, the same on every machine and in every
//! version. (The generators of `rand` promise no such thing across versions; SplitMix64 is the whole of what is needed.)

/// A state that takes in what it is about and gives out numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Mix(u64);

impl Mix {
    /// From a seed.
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed).and(0x006c_6173_7473_6565)
    }

    /// About this number, too.
    pub(crate) fn and(self, value: u64) -> Self {
        Self(finish(self.0.rotate_left(17) ^ value.wrapping_mul(0x9e37_79b9_7f4a_7c15)))
    }

    /// About this text, too.
    pub(crate) fn and_text(self, text: &str) -> Self {
        let mixed = text.as_bytes().chunks(8).fold(self, |mix, chunk| {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            mix.and(u64::from_le_bytes(word))
        });
        mixed.and(text.len() as u64)
    }

    /// The next number.
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        finish(self.0)
    }

    /// The next number, below `bound` (which is never 0 here).
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() % bound.max(1) as u64).unwrap_or(0)
    }

    /// One of these.
    pub(crate) fn pick<'a, T: ?Sized>(&mut self, from: &[&'a T]) -> &'a T {
        from[self.below(from.len())]
    }

    /// A random-looking GUID.
    pub(crate) fn guid(&mut self) -> uuid::Uuid {
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&self.next().to_be_bytes());
        bytes[8..].copy_from_slice(&self.next().to_be_bytes());
        uuid::Builder::from_random_bytes(bytes).into_uuid()
    }
}

fn finish(value: u64) -> u64 {
    let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_numbers_for_ever() {
        let mut mix = Mix::new(7).and_text("deviceConfiguration").and(3);
        assert_eq!(mix, Mix::new(7).and_text("deviceConfiguration").and(3));
        assert_ne!(mix, Mix::new(8).and_text("deviceConfiguration").and(3));
        assert_ne!(mix, Mix::new(7).and_text("deviceConfiguration").and(4));
        assert_eq!(mix.guid().get_version_num(), 4);
    }

    #[test]
    fn a_hundred_thousand_guids_are_all_different() {
        let of_type = Mix::new(1).and_text("t");
        let ids: std::collections::HashSet<_> = (0..100_000).map(|index| of_type.and(index).guid()).collect();
        assert_eq!(ids.len(), 100_000);
    }
}
