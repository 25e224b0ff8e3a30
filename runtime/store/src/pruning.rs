//! The floor of the node's index: what blocks below it have written is gone.
//!
//! The floor is one row of the database, written in the batch of a block, and only ever rises: raising it to the same
//! height again changes nothing. Readers look at it, so that a row below it is gone for them from that batch on,
//! whether it still lies on disk or not. It leaves the disk later and in whole pieces: files of rows in height order
//! are dropped, and all other rows are left out when the database compacts its files. Execution reads none of it.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use borsh::{BorshDeserialize, BorshSerialize};
use diem_core::storage::Key;

/// The lowest block of which the node's index has rows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Floor {
    /// The height of the block; 0 where nothing was pruned.
    pub height: u64,
    /// The time of the block, milliseconds since 1970.
    pub time_ms: u64,
}

/// The block that has written a row of the node's index, as far as the row tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Written {
    /// The block of this height.
    Height(u64),
    /// The block of this time, in milliseconds since 1970. Each block is later than the one before.
    Time(u64),
    /// The row does not tell, and is never pruned.
    Unknown,
}

/// What the store needs to know of the rows of the node's index to prune them.
#[derive(Debug, Clone, Copy)]
pub struct IndexLayout {
    /// Tells which block has written the row of this key and value.
    pub written: fn(&[u8], &[u8]) -> Written,
    /// The ranges of keys, end excluded, that hold nothing but rows of blocks below a height.
    pub below: fn(u64) -> Vec<[Key; 2]>,
}

impl IndexLayout {
    /// The layout of an index of which nothing is pruned.
    pub const UNKNOWN: Self = Self { written: |_, _| Written::Unknown, below: |_| Vec::new() };
}

/// The floor that readers respect, and the one below which rows may leave the disk: that one is on disk itself, so that
/// no row can go before the floor that hides it is certain.
#[derive(Debug)]
pub(crate) struct Pruning {
    layout: IndexLayout,
    hidden: Shared,
    dropped: Shared,
}

/// A floor that several threads read. Its two numbers may be read apart from each other: both only rise.
#[derive(Debug, Default)]
struct Shared {
    height: AtomicU64,
    time_ms: AtomicU64,
}

impl Shared {
    fn get(&self) -> Floor {
        Floor { height: self.height.load(Relaxed), time_ms: self.time_ms.load(Relaxed) }
    }

    fn raise(&self, to: Floor) {
        self.height.fetch_max(to.height, Relaxed);
        self.time_ms.fetch_max(to.time_ms, Relaxed);
    }

    fn hides(&self, layout: &IndexLayout, key: &[u8], value: &[u8]) -> bool {
        let floor = self.get();
        // Most nodes prune nothing, and look no closer.
        floor.height > 0
            && match (layout.written)(key, value) {
                Written::Height(height) => height < floor.height,
                Written::Time(time_ms) => time_ms < floor.time_ms,
                Written::Unknown => false,
            }
    }
}

impl Pruning {
    pub(crate) fn new(layout: IndexLayout) -> Self {
        Self { layout, hidden: Shared::default(), dropped: Shared::default() }
    }

    pub(crate) fn floor(&self) -> Floor {
        self.hidden.get()
    }

    /// Hides the rows below `floor` from readers, once it was written.
    pub(crate) fn hide_below(&self, floor: Floor) {
        self.hidden.raise(floor);
    }

    /// Lets the rows below `floor` leave the disk, once it is on disk itself.
    pub(crate) fn drop_below(&self, floor: Floor) {
        self.dropped.raise(floor);
    }

    /// Whether readers must not see this row.
    pub(crate) fn is_hidden(&self, key: &[u8], value: &[u8]) -> bool {
        self.hidden.hides(&self.layout, key, value)
    }

    /// Whether this row may leave the disk.
    pub(crate) fn is_dropped(&self, key: &[u8], value: &[u8]) -> bool {
        self.dropped.hides(&self.layout, key, value)
    }

    /// The ranges of keys that hold nothing but rows below `height`.
    pub(crate) fn ranges(&self, height: u64) -> Vec<[Key; 2]> {
        (self.layout.below)(height)
    }
}
