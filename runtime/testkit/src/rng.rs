//! A deterministic generator of random numbers, the same on every machine: splitmix64.

/// The generator, with its state.
#[derive(Debug, Clone)]
pub struct Rng(u64);

impl Rng {
    /// Makes the generator of a seed.
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Draws a number below `bound`, which is not zero.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    /// Draws a wide number below `bound`, which is not zero.
    pub fn below_wide(&mut self, bound: u128) -> u128 {
        ((u128::from(self.next()) << 64) | u128::from(self.next())) % bound
    }

    /// Draws true in `percent` of a hundred cases.
    pub fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    /// Draws an index into a list that is not empty.
    pub fn place(&mut self, len: usize) -> usize {
        usize::try_from(self.below(len as u64)).unwrap_or_default()
    }

    /// Draws an item of a list that is not empty.
    pub fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.place(of.len())]
    }

    /// Draws an amount for a balance of `most`: often a part of it, sometimes its edges, zero, dust, or far too much.
    pub fn amount(&mut self, most: u128) -> u128 {
        match self.below(24) {
            0 | 1 => most,
            2 => most.saturating_add(1),
            3 => 1,
            4 => most / 2,
            5 => 1 + self.below_wide(1_000_000),
            6 => most.saturating_sub(1 + self.below_wide(3)),
            7 => match self.below(8) {
                0 => u128::MAX,
                1 | 2 => self.below_wide(u128::MAX),
                3 => 0,
                _ => most.saturating_mul(2),
            },
            _ => {
                let part = 1 + self.below_wide(12);
                1 + self.below_wide(most.max(1)) / part
            }
        }
    }
}
