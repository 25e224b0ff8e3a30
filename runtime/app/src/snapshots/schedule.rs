//! Which heights get a snapshot, and which snapshots are kept. Both follow from blocks alone, so that all nodes of a
//! chain have the same ones, and a node that joins can take its chunks from several.

use std::num::NonZeroU64;

use diem_core::{BlockInfo, Time};

/// The height this far above a chain's first one gets a snapshot whatever its time, so that a young chain can be joined.
pub const YOUNG_CHAIN: u64 = 99;

/// The number of headers above a snapshot's height that a light client needs to verify its app hash and what follows.
const HEADERS_ABOVE: u64 = 2;

/// Whether `block` gets a snapshot: the first block of each period of `every_ms` milliseconds, counted from 1970, and the
/// one that is [`YOUNG_CHAIN`] above `initial_height`. `before` is the time of the block before; where it is not known
/// no period is seen to begin.
pub fn is_due(every_ms: NonZeroU64, initial_height: u64, before: Option<Time>, block: BlockInfo) -> bool {
    let is_young = initial_height.checked_add(YOUNG_CHAIN) == Some(block.height);
    is_young || before.is_some_and(|before| before.epoch(every_ms) < block.time.epoch(every_ms))
}

/// Whether a snapshot of `height` may be offered where `latest` is committed: the headers that verify it exist.
pub(crate) fn is_offered(height: u64, latest: u64) -> bool {
    height.checked_add(HEADERS_ABOVE).is_some_and(|needed| needed <= latest)
}

/// The snapshots among `heights` (ascending) to remove where `latest` is committed: of those that are offered all but
/// the newest `keep`, at least one. What is not offered yet replaces nothing, so that there is always one to join by.
pub fn outdated(heights: &[u64], latest: u64, keep: usize) -> Vec<u64> {
    let mut offered: Vec<u64> = heights.iter().copied().filter(|height| is_offered(*height, latest)).collect();
    offered.truncate(offered.len().saturating_sub(keep.max(1)));
    offered
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::arithmetic_side_effects)]

    use super::*;

    const HOUR: NonZeroU64 = NonZeroU64::new(3_600_000).unwrap();

    fn block(height: u64, minute: u64) -> BlockInfo {
        BlockInfo { height, time: Time(minute * 60_000) }
    }

    #[test]
    fn the_first_block_of_each_hour_is_due_however_fast_blocks_come() {
        for seconds in [1, 7, 600, 5_000] {
            let times: Vec<u64> = (0..200).map(|n| 1_000_000_000 + n * seconds * 1_000).collect();
            let due = times.windows(2).zip(2..).filter(|(pair, height)| {
                is_due(HOUR, 1_000, Some(Time(pair[0])), BlockInfo { height: *height, time: Time(pair[1]) })
            });
            let hours: Vec<u64> = due.map(|(pair, _)| Time(pair[1]).epoch(HOUR)).collect();
            let mut expected: Vec<u64> = times.iter().map(|time| Time(*time).epoch(HOUR)).collect();
            expected.dedup();
            assert_eq!(hours, expected[1..], "{seconds}");
        }
    }

    #[test]
    fn the_hundredth_height_of_a_chain_is_due() {
        let due: Vec<u64> = (1..300).filter(|height| is_due(HOUR, 5, Some(Time(60)), block(*height, 1))).collect();
        assert_eq!(due, vec![104]);
        assert!(!is_due(HOUR, u64::MAX, None, block(3, 1)));
    }

    #[test]
    fn a_block_whose_predecessor_is_unknown_or_later_is_not_due() {
        assert!(!is_due(HOUR, 1, None, block(5, 600)));
        assert!(!is_due(HOUR, 1, Some(Time(700 * 60_000)), block(5, 600)));
    }

    #[test]
    fn the_newest_stay_and_what_is_not_offered_yet_replaces_nothing() {
        assert_eq!(outdated(&[], 500, 2), [0; 0]);
        assert_eq!(outdated(&[100], 500, 2), [0; 0]);
        assert_eq!(outdated(&[100, 200, 300], 500, 2), vec![100]);
        assert_eq!(outdated(&[100, 200, 300, 400], 500, 1), vec![100, 200, 300]);
        assert_eq!(outdated(&[100, 200, 300, 400], 500, 0), vec![100, 200, 300], "one always stays");
        assert_eq!(outdated(&[100, 200, 499], 500, 1), vec![100], "header 501 is not there");
        assert_eq!(outdated(&[100, 200, 499], 501, 1), vec![100, 200]);
        assert_eq!(outdated(&[100, u64::MAX], u64::MAX, 1), [0; 0]);
    }
}
