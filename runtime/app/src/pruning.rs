//! Which blocks a node keeps. It is local configuration and changes no result: execution reads neither blocks nor the
//! index.

use diem_core::{BlockInfo, Fatal, Time};
use diem_store::Floor;

use crate::App;

/// The most heights by which one block raises the floor: whoever begins to prune a long chain does so a little with each
/// block, and none waits for it.
const STEP: u64 = 64;

/// The blocks that a node keeps: what either setting keeps stays. With neither all of them stay.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Keep {
    /// The number of blocks below the latest that are kept; 0 makes no cut.
    pub blocks: u64,
    /// The time before the latest block, in milliseconds, whose blocks are kept; 0 makes no cut.
    pub time_ms: u64,
}

impl Keep {
    /// Whether all blocks are kept.
    pub const fn is_all(&self) -> bool {
        self.blocks == 0 && self.time_ms == 0
    }
}

impl App {
    /// The lowest height of which this node has block, transactions, events and payouts: those below were pruned, or are
    /// below the snapshot with which it began, or there never were any.
    pub fn first_block(&self) -> u64 {
        let initial = self.chain().map_or(1, |chain| chain.initial_height);
        let began = self.began_at().map_or(0, |height| height.saturating_add(1));
        self.store.floor().height.max(began).max(initial)
    }

    /// The blocks that this node keeps, by its configuration.
    pub const fn keep(&self) -> Keep {
        self.keep
    }

    /// Whether this node had a block of this height, or could have had, and has none any more: it is below the first one.
    pub fn is_pruned(&self, height: u64) -> bool {
        let initial = self.chain().map_or(1, |chain| chain.initial_height);
        (initial..self.first_block()).contains(&height)
    }

    /// The first block that `keep` asks for by itself, whatever rollbacks and snapshots need.
    pub fn first_block_wanted(&self, keep: Keep) -> u64 {
        let (first, Some(meta)) = (self.first_block(), self.store.meta()) else { return self.first_block() };
        let blocks = if keep.blocks == 0 { u64::MAX } else { keep.blocks };
        let by_blocks =
            if keep.time_ms > 0 && keep.blocks == 0 { meta.height } else { meta.height.saturating_sub(blocks) };
        let most = by_blocks.max(first);
        if keep.time_ms == 0 {
            most
        } else {
            self.first_since(Time(meta.time_ms.saturating_sub(keep.time_ms)), first, most)
        }
    }

    /// Removes at once what `keep` does not keep, and returns the first height that is left. It takes as long as rewriting
    /// the store.
    ///
    /// # Errors
    /// The disk refused.
    pub fn prune(&self, keep: Keep) -> Result<u64, Fatal> {
        let consensus = self.consensus.lock();
        let floor = self.store.meta().and_then(|meta| {
            let latest = BlockInfo { height: meta.height, time: Time(meta.time_ms) };
            self.floor_within(keep, latest, u64::MAX)
        });
        let floor = floor.unwrap_or_else(|| self.store.floor());
        self.store.prune(floor).map_err(|error| Fatal(format!("the store cannot be pruned: {error}")))?;
        drop(consensus);
        Ok(self.first_block())
    }

    /// The floor to which the block that is about to be committed raises that of the index; `None` where it stays.
    pub(crate) fn next_floor(&self, block: BlockInfo) -> Option<Floor> {
        self.floor_within(self.keep, block, STEP)
    }

    /// The floor that `keep` asks for where `latest` is the last block, at most `step` heights above the present one. It is
    /// never above what whoever joins by the oldest snapshot needs, nor above what a rollback leads to.
    fn floor_within(&self, keep: Keep, latest: BlockInfo, step: u64) -> Option<Floor> {
        if keep.is_all() {
            return None;
        }
        let first = self.first_block();
        let by_blocks = if keep.blocks == 0 { u64::MAX } else { latest.height.saturating_sub(keep.blocks) };
        let most = by_blocks.min(first.saturating_add(step)).min(self.undoes_to().unwrap_or_default());
        // The folder of snapshots is read where there is something to prune only.
        let most = if most > first { most.min(self.oldest_snapshot().unwrap_or(u64::MAX)) } else { most };
        let height = if keep.time_ms == 0 {
            most
        } else {
            self.first_since(Time(latest.time.millis().saturating_sub(keep.time_ms)), first, most)
        };
        let block = self.index().block(height).filter(|_| height > first)?;
        Some(Floor { height, time_ms: block.time.millis() })
    }

    /// The lowest of the heights from `first` to `most` whose block is not before `time`; `most` where all are. It is found
    /// by binary search, since times of blocks ascend.
    fn first_since(&self, time: Time, first: u64, most: u64) -> u64 {
        let (mut low, mut high) = (first, most);
        while low < high {
            let middle = low.midpoint(high);
            match self.index().block(middle) {
                Some(block) if block.time < time => low = middle.saturating_add(1),
                _ => high = middle,
            }
        }
        high
    }
}
