//! Committed state: rows, their Merkle root, past heights and proofs.
//!
//! ```text
//! Snapshot ........ the state at one height: rows, root, proofs; the last heights form a ring
//! Store ........... stage(writes) -> root; commit: rows, undo row, index and meta row in one batch; rollback
//!   tree .......... sparse binary Merkle tree in RAM, copied on write
//!   cache ......... encoded rows of committed state
//!   rocks/memory .. where the rows lie
//!   pruning ....... the floor below which the node's index has no rows
//! state_sync ...... the rows of a height as files, and back into an empty store
//! ```

mod backend;
mod cache;
mod error;
mod memory;
mod open;
mod proof;
mod pruning;
mod rocks;
mod rows;
mod snapshot;
pub mod state_sync;
mod store;
pub mod tree;
mod undo;

pub use error::StoreError;
pub use pruning::{Floor, IndexLayout, Written};
pub use rows::{Held, IndexOp, IndexRow, Meta};
pub use snapshot::{Rows, Snapshot};
pub use store::{Staged, Store};

/// The settings with which a store is opened.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// The number of heights that can be read and proven, the latest among them, and that can be rolled back. It is at
    /// least 1.
    pub ring: usize,
    /// The most bytes that the cache of rows takes.
    pub cache_bytes: usize,
    /// Whether a commit returns only when the disk has it.
    pub sync: bool,
    /// The rows of the node's index, as pruning must know them.
    pub index: IndexLayout,
    /// A function that is called right before and right after the one write of a commit, and each of a restore: a place
    /// for tests to end the process.
    pub on_write: OnWrite,
}

impl Default for Options {
    fn default() -> Self {
        Options { ring: 64, cache_bytes: 256 << 20, sync: true, index: IndexLayout::UNKNOWN, on_write: None }
    }
}

impl Options {
    /// Does one write, and tells [`Options::on_write`] before and after it.
    pub(crate) fn around<T>(&self, write: impl FnOnce() -> T) -> T {
        around(self.on_write, write)
    }
}

/// A function that tests hear of writes by; a node has none.
pub type OnWrite = Option<fn(WritePoint)>;

/// Does one write, and tells `on_write` before and after it.
pub(crate) fn around<T>(on_write: OnWrite, write: impl FnOnce() -> T) -> T {
    let tell = |point| on_write.iter().for_each(|on_write| on_write(point));
    tell(WritePoint::Before);
    let written = write();
    tell(WritePoint::After);
    written
}

/// The two moments at which [`OnWrite`] is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WritePoint {
    /// The moment before anything of it is written.
    Before,
    /// The moment after all of it is written.
    After,
}
