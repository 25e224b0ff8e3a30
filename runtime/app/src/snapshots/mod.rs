//! State snapshots, as consensus asks for them: which are taken and kept, what a node offers, and how an empty node
//! restores one. The types map one to one onto the four snapshot calls of ABCI 0.38.
//!
//! ```text
//! schedule ... which heights are taken, which are kept: pure functions
//! taker ...... called after each commit: takes on a thread of the caller's, removes the old
//! serve ...... App::{list_snapshots, load_chunk}
//! restore .... App::{offer_snapshot, apply_chunk}
//! ```

mod restore;
mod schedule;
mod serve;
mod taker;

use std::path::{Path, PathBuf};

use bytes::Bytes;

pub use restore::{ChunkAnswer, ChunkVerdict, OfferError, OfferVerdict, RestoreProgress};
pub(crate) use restore::{Progress, Restoring};
pub use schedule::{YOUNG_CHAIN, is_due, outdated};
pub(crate) use serve::Snapshots;
pub use taker::{Outcome, Settings, TakeSnapshot, Taker};

/// The name of the folder of snapshots.
const FOLDER: &str = "snapshots";

/// The folder of snapshots of the application whose store is in the folder `data`.
pub fn folder(data: &Path) -> PathBuf {
    data.join(FOLDER)
}

/// A snapshot as peers tell each other of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SnapshotInfo {
    /// The height of its rows.
    pub height: u64,
    /// The form of its manifest and chunks: [`diem_store::state_sync::FORMAT`].
    pub format: u32,
    /// The number of its chunks.
    pub chunks: u32,
    /// sha256 of the manifest.
    pub hash: Bytes,
    /// The manifest.
    pub metadata: Bytes,
}
