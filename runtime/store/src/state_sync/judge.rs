//! A chunk against its manifest.

use thiserror::Error;

use super::chunk::{self, ChunkError, RowRef};
use super::manifest::Manifest;
use crate::error::StoreError;
use crate::tree::{Assembly, Subtree, TreeFull};

/// Why a chunk is not the one of the manifest.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum WrongReason {
    /// The bytes are no chunk, or one with rows of another.
    #[error(transparent)]
    Chunk(#[from] ChunkError),
    /// It has more or fewer rows.
    #[error("it has {found} rows instead of {expected}")]
    Rows {
        /// The number in the manifest.
        expected: u64,
        /// The number in the chunk.
        found: u64,
    },
    /// Its rows are others, or the manifest has no chunk of this number.
    #[error("its rows do not make the subtree that the manifest names")]
    Root,
}

/// Why a chunk is not kept.
#[derive(Debug)]
pub(super) enum Fault {
    /// The chunk is wrong.
    Wrong(WrongReason),
    /// This build holds no larger tree.
    Full(TreeFull),
    /// The disk refuses.
    Store(StoreError),
}

impl<T: Into<WrongReason>> From<T> for Fault {
    fn from(reason: T) -> Fault {
        Fault::Wrong(reason.into())
    }
}

/// Builds the subtree of a chunk's unpacked rows, which must be the one that the manifest names. It returns the rows,
/// too.
pub(super) fn subtree<'a>(
    assembly: &Assembly,
    manifest: &Manifest,
    index: usize,
    plain: &'a [u8],
) -> Result<(Subtree, Vec<RowRef<'a>>), Fault> {
    let expected = manifest.chunks().get(index).ok_or(WrongReason::Root)?;
    let rows = chunk::rows(plain)?;
    let found = rows.len() as u64;
    if found != expected.rows {
        return Err(WrongReason::Rows { expected: expected.rows, found }.into());
    }
    let changes = chunk::hash_rows(&rows, manifest.depth(), index)?;
    let subtree = assembly.build(manifest.depth(), &changes).map_err(Fault::Full)?;
    if subtree.root() == expected.root { Ok((subtree, rows)) } else { Err(WrongReason::Root.into()) }
}
