//! What several endpoints said at one time, and what follows from it. Nothing here asks anybody.

use std::collections::BTreeMap;

/// What an endpoint said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct View {
    /// The number of its newest block.
    pub(crate) latest: u64,
    /// The number and the hash of its newest final block.
    pub(crate) finalized: (u64, [u8; 32]),
    /// The hashes of the blocks that it was asked for and has.
    pub(crate) hashes: BTreeMap<u64, [u8; 32]>,
}

/// What the endpoints said when they were asked at the same time. Those that are refused said nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Survey {
    views: Vec<Option<View>>,
    needed: usize,
}

impl Survey {
    pub(crate) const fn new(views: Vec<Option<View>>, needed: usize) -> Self {
        Self { views, needed }
    }

    fn views(&self) -> impl Iterator<Item = &View> {
        self.views.iter().flatten()
    }

    /// The highest number up to which enough endpoints call blocks final. Their hashes may still differ.
    pub fn finalized(&self) -> Option<u64> {
        self.reached(|view| view.finalized.0)
    }

    /// The highest number that enough endpoints have reached.
    pub fn latest(&self) -> Option<u64> {
        self.reached(|view| view.latest)
    }

    /// The highest number that any endpoint has reached: a proof proves itself, so that one endpoint is enough for it.
    pub fn newest(&self) -> Option<u64> {
        self.views().map(|view| view.latest).max()
    }

    fn reached(&self, number: impl Fn(&View) -> u64) -> Option<u64> {
        let mut numbers: Vec<u64> = self.views().map(number).collect();
        numbers.sort_unstable_by(|one, other| other.cmp(one));
        numbers.get(self.needed.checked_sub(1)?).copied()
    }

    /// The hash of the block of this number, if it is final: enough endpoints call it so and agree on its hash.
    pub fn final_hash(&self, number: u64) -> Option<[u8; 32]> {
        self.agreed(number, |view| view.finalized.0 >= number)
    }

    /// The hash of the block of this number on which enough endpoints agree, final or not.
    pub fn agreed_hash(&self, number: u64) -> Option<[u8; 32]> {
        self.agreed(number, |_| true)
    }

    fn agreed(&self, number: u64, counts: impl Fn(&View) -> bool) -> Option<[u8; 32]> {
        let mut votes: BTreeMap<[u8; 32], usize> = BTreeMap::new();
        for view in self.views().filter(|view| counts(view)) {
            if let Some(hash) = view.hashes.get(&number) {
                let count = votes.entry(*hash).or_default();
                *count = count.saturating_add(1);
            }
        }
        // Of three, no two hashes can have two votes each.
        votes.into_iter().find(|(_, count)| *count >= self.needed).map(|(hash, _)| hash)
    }

    /// The places of the endpoints that call a block of this number final whose hash is not the agreed one.
    pub(crate) fn differing(&self, number: u64) -> Vec<usize> {
        let Some(agreed) = self.final_hash(number) else { return Vec::new() };
        let differs =
            |view: &View| view.finalized.0 >= number && view.hashes.get(&number).is_some_and(|hash| *hash != agreed);
        let places = self.views.iter().enumerate();
        places.filter(|(_, view)| view.as_ref().is_some_and(differs)).map(|(place, _)| place).collect()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// Of each endpoint: its final block, and the first byte of its hash of block 10.
    fn survey(needed: usize, views: &[Option<(u64, u8)>]) -> Survey {
        let view = |(finalized, hash): (u64, u8)| View {
            latest: finalized.saturating_add(5),
            finalized: (finalized, [1; 32]),
            hashes: BTreeMap::from([(10, [hash; 32])]),
        };
        Survey::new(views.iter().map(|given| given.map(view)).collect(), needed)
    }

    #[test]
    fn a_block_is_final_when_two_of_three_are_there_and_agree_on_its_hash() {
        for (views, expected) in [
            ([Some((10, 7)), Some((12, 7)), None], Some(7)),
            ([Some((10, 7)), Some((9, 7)), Some((9, 7))], None),
            ([Some((10, 7)), Some((10, 8)), Some((10, 9))], None),
            ([Some((10, 7)), Some((10, 8)), Some((10, 7))], Some(7)),
            ([Some((10, 7)), Some((10, 8)), Some((9, 7))], None),
            ([Some((10, 7)), None, None], None),
            ([None, None, None], None),
        ] {
            assert_eq!(survey(2, &views).final_hash(10), expected.map(|byte| [byte; 32]), "{views:?}");
        }
    }

    #[test]
    fn finality_is_where_the_second_of_three_is() {
        let three = survey(2, &[Some((10, 7)), Some((40, 7)), Some((20, 7))]);
        assert_eq!((three.finalized(), three.latest(), three.newest()), (Some(20), Some(25), Some(45)));
        assert_eq!(survey(2, &[Some((10, 7)), None, None]).finalized(), None, "never over to the survivor");
        assert_eq!(survey(1, &[Some((10, 7))]).finalized(), Some(10));
    }

    #[test]
    fn who_differs_from_the_others_is_named_and_without_agreement_nobody_is() {
        assert_eq!(survey(2, &[Some((10, 7)), Some((10, 8)), Some((10, 7))]).differing(10), vec![1]);
        assert_eq!(survey(2, &[Some((10, 7)), Some((10, 8)), None]).differing(10), Vec::<usize>::new());
        // Before it calls the block final it may still change its mind.
        assert_eq!(survey(2, &[Some((10, 7)), Some((9, 8)), Some((10, 7))]).differing(10), Vec::<usize>::new());
    }

    #[test]
    fn a_block_that_is_not_final_yet_can_be_agreed_on() {
        let young = survey(2, &[Some((3, 7)), Some((4, 7)), Some((4, 8))]);
        assert_eq!((young.agreed_hash(10), young.final_hash(10)), (Some([7; 32]), None));
        assert_eq!(young.agreed_hash(11), None, "nobody was asked for it");
    }
}
