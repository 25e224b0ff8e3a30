//! State snapshots: the rows of one height as files that another node restores, chunk by chunk, each checked when it
//! comes. (The [`crate::Snapshot`] of the ring is something else: a view of one height inside this process.)
//!
//! ```text
//! manifest ... the subtree roots of a height, which fold to its app hash; what a node offers
//! chunk ...... the rows of one subtree, in bytes
//! writer ..... the rows of a height to a folder of chunks and its manifest
//! shelf ...... the folders of a node: take, list, load, verify, remove
//! judge ...... a chunk against its manifest
//! restore .... chunks into an empty store, on all cores
//! sorted ..... the rows of all chunks in key order, as files of the database
//! ```
//!
//! The tree is ordered by `sha256(key)`, so the rows of a subtree are those whose key hashes share their first bits. A
//! verified app hash stands over the manifest, the manifest over each chunk: a lie is found before its rows are kept,
//! and whose lie it is.

mod chunk;
mod judge;
mod manifest;
mod restore;
mod shelf;
mod sorted;
mod writer;

pub use chunk::{ChunkError, check as check_chunk};
pub use judge::WrongReason;
pub use manifest::{ChunkEntry, Manifest, ManifestError};
pub(crate) use restore::remove_leftovers;
pub use restore::{Applied, Restore, WrongChunk};
pub use shelf::{Shelf, VerifyError, verify};
pub use writer::TakeError;

/// The number of this form of chunks and manifest. Another form gets another number.
pub const FORMAT: u32 = 1;

/// The deepest cut of the tree: a snapshot has at most 2^16 chunks, whose manifest CometBFT can still carry.
pub const MAX_DEPTH: u8 = 16;

/// The most bytes of a chunk, as it travels and unpacked. CometBFT carries 16 MB.
pub const MAX_CHUNK_BYTES: usize = 8 << 20;

/// The most bytes of a manifest: CometBFT carries 4,000,000 bytes of metadata.
pub const MAX_MANIFEST_BYTES: usize = 4_000_000;

/// The most rows of a chunk, on average over a snapshot.
pub const ROWS_PER_CHUNK: u64 = 65_536;
