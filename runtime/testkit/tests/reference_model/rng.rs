//! Random numbers that a seed determines on every machine: splitmix64.

/// A generator.
#[derive(Debug, Clone)]
pub(crate) struct Rng(pub(crate) u64);

impl Rng {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `bound`, which is not zero.
    pub(crate) fn below(&mut self, bound: u128) -> u128 {
        ((u128::from(self.next()) << 64) | u128::from(self.next())) % bound
    }

    /// True in so many of a hundred cases.
    pub(crate) fn chance(&mut self, percent: u128) -> bool {
        self.below(100) < percent
    }

    /// One of them.
    pub(crate) fn pick<T: Clone>(&mut self, of: &[T]) -> T {
        of[self.below(of.len() as u128) as usize].clone()
    }

    /// An amount for which there is `most`: often a part of it, sometimes its edges.
    pub(crate) fn amount(&mut self, most: u128) -> u128 {
        match self.below(16) {
            0 => most,
            1 => most.saturating_add(1),
            2 => 1,
            3 => most / 2,
            4 => 1 + self.below(1_000_000),
            5 => self.below(u128::MAX),
            _ => 1 + self.below(most.max(1)) / (1 + self.below(8)),
        }
    }
}
