//! Finds the place that holds a key: a hash table of one word for each place.
//!
//! It probes linearly over words of (place + 1, low half of the hash), so that a look-up in a table far larger than the
//! processor's caches waits for memory once before it knows the place; a general hash table waits twice. Its order
//! never shows: it only finds.

#![expect(clippy::arithmetic_side_effects, reason = "indices masked to the table, places far below 2^32")]
#![expect(clippy::cast_possible_truncation, reason = "half a hash is kept on purpose")]

/// Places by hash. Nothing of a key is kept but half its hash: whoever asks compares the keys.
#[derive(Default, Clone)]
pub struct Places {
    /// The words of the table; 0 marks a free slot. Their number is a power of two, and at most three quarters are
    /// taken.
    slots: Vec<u64>,
    len: usize,
}

/// The table's first size.
const FIRST: usize = 16;

impl Places {
    /// The number of places in the table.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether the table is empty.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Finds the place of that hash for which `is_it` is true.
    #[inline]
    pub fn find(&self, hash: u64, is_it: impl Fn(usize) -> bool) -> Option<usize> {
        self.slot_of(hash, is_it).map(|(_, place)| place)
    }

    /// Adds a place that is not there yet.
    pub fn insert(&mut self, hash: u64, place: usize) {
        if self.len * 4 >= self.slots.len() * 3 {
            let larger = vec![0; (self.slots.len() * 2).max(FIRST)];
            for word in std::mem::replace(&mut self.slots, larger).into_iter().filter(|word| *word != 0) {
                self.put(word);
            }
        }
        self.put(word(hash, place));
        self.len += 1;
    }

    /// Renumbers the entry of the place `from` as `to`.
    pub fn rename(&mut self, hash: u64, from: usize, to: usize) {
        if let Some((at, _)) = self.slot_of(hash, |place| place == from) {
            self.slots[at] = word(hash, to);
        }
    }

    /// Removes a place; one that is not there is left alone.
    pub fn remove(&mut self, hash: u64, place: usize) {
        let Some((mut free, _)) = self.slot_of(hash, |found| found == place) else { return };
        self.len -= 1;
        let mask = self.slots.len() - 1;
        let mut at = free;
        loop {
            at = (at + 1) & mask;
            let word = self.slots[at];
            if word == 0 {
                self.slots[free] = 0;
                return;
            }
            // A word moves back into the gap unless its own slot lies behind the gap.
            if at.wrapping_sub(home(word, mask)) & mask >= at.wrapping_sub(free) & mask {
                self.slots[free] = word;
                free = at;
            }
        }
    }

    fn slot_of(&self, hash: u64, is_it: impl Fn(usize) -> bool) -> Option<(usize, usize)> {
        let mask = self.slots.len().checked_sub(1)?;
        let mut at = home(hash, mask);
        loop {
            let word = self.slots[at];
            if word == 0 {
                return None;
            }
            if word as u32 == hash as u32 && is_it(place(word)) {
                return Some((at, place(word)));
            }
            at = (at + 1) & mask;
        }
    }

    fn put(&mut self, word: u64) {
        let mask = self.slots.len() - 1;
        let mut at = home(word, mask);
        while self.slots[at] != 0 {
            at = (at + 1) & mask;
        }
        self.slots[at] = word;
    }
}

fn word(hash: u64, place: usize) -> u64 {
    (place as u64 + 1) << 32 | u64::from(hash as u32)
}

fn place(word: u64) -> usize {
    (word >> 32) as usize - 1
}

/// The slot at which the search for a hash, or for the half of it in a word, begins.
fn home(hash: u64, mask: usize) -> usize {
    hash as u32 as usize & mask
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn it_finds_what_was_put_in_and_nothing_else(
            ops in prop::collection::vec((0..40usize, 0..4u8, any::<bool>()), 0..300),
        ) {
            // Few hashes, so that they collide and wrap around the end of the table.
            let hash = |place: usize, n: u8| [u64::MAX, u64::MAX - 1, 14, place as u64][usize::from(n)];
            let (mut places, mut model) = (Places::default(), BTreeMap::new());
            for (place, n, add) in ops {
                match (model.get(&place).copied(), add) {
                    (None, true) => {
                        places.insert(hash(place, n), place);
                        model.insert(place, hash(place, n));
                    }
                    (Some(old), false) => {
                        places.remove(old, place);
                        model.remove(&place);
                    }
                    (Some(old), true) if !model.contains_key(&(place + 100)) => {
                        places.rename(old, place, place + 100);
                        model.remove(&place);
                        model.insert(place + 100, old);
                    }
                    _ => {}
                }
                prop_assert_eq!(places.len(), model.len());
                for place in 0..140 {
                    let hashes = (0..4).map(|n| hash(place % 100, n));
                    let found: Vec<u64> =
                        hashes.filter(|hash| places.find(*hash, |p| p == place) == Some(place)).collect();
                    prop_assert!(found.iter().all(|hash| model.get(&place) == Some(hash)));
                    prop_assert_eq!(found.is_empty(), !model.contains_key(&place));
                }
            }
        }
    }
}
