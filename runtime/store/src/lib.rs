//! Committed state: rows, their Merkle root, past heights and proofs.
//!
//! ```text
//! Snapshot ........ the state at one height: rows, root, proofs; the last heights form a ring
//! Store ........... stage(writes) -> root; commit: rows, undo row, index and meta row in one batch; rollback
//!   tree .......... sparse binary Merkle tree in RAM, copied on write
//!   cache ......... encoded rows of committed state
//!   rocks/memory .. where the rows lie
//! ```

mod backend;
mod cache;
mod error;
mod memory;
mod open;
mod proof;
mod rocks;
mod rows;
mod snapshot;
mod store;
pub mod tree;
mod undo;

pub use error::StoreError;
pub use rows::{IndexOp, IndexRow, Meta};
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
    /// A function that is called right before and right after the one write of a commit: a place for tests to end the
    /// process.
    pub on_write: Option<fn(WritePoint)>,
}

impl Default for Options {
    fn default() -> Self {
        Options { ring: 64, cache_bytes: 256 << 20, sync: true, on_write: None }
    }
}

/// The two moments at which [`Options::on_write`] is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WritePoint {
    /// The moment before anything of the block is written.
    Before,
    /// The moment after all of the block is written.
    After,
}
