//! The rows beside those of state, and what one block writes of all of them.

use std::ops::Range;
use std::path::Path;

use borsh::{BorshDeserialize, BorshSerialize};
use diem_core::storage::{Key, Value};

use crate::error::StoreError;
use crate::pruning::Floor;
use diem_overlay::WriteSet;

/// The identity of the last commit, in a row of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Meta {
    /// The height of the last committed block.
    pub height: u64,
    /// The state root after it.
    pub root: [u8; 32],
    /// The block's time, milliseconds since 1970.
    pub time_ms: u64,
    /// The version of the state machine that wrote the rows.
    pub app_version: u64,
}

/// What is read of a store that is not opened for use.
pub struct Held {
    /// The meta row of the last commit.
    pub meta: Meta,
    /// The height of the snapshot with which the store began; `None` for one that holds its chain from the first block.
    pub began_at: Option<u64>,
    /// The state rows that were asked for.
    pub rows: Vec<Option<Value>>,
}

impl Meta {
    /// Refuses rows of another version of the state machine than `ours`; `path` is the store's folder.
    ///
    /// # Errors
    /// [`StoreError::OtherVersion`].
    pub fn check_version(&self, path: &Path, ours: u64) -> Result<(), StoreError> {
        if self.app_version == ours {
            return Ok(());
        }
        Err(StoreError::OtherVersion { path: path.to_path_buf(), held: self.app_version, ours })
    }
}

/// A row of the node's index, as key and value.
pub type IndexRow = (Vec<u8>, Vec<u8>);

/// A change of the node's index, written in the same batch as the block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IndexOp {
    /// Sets a row of the index.
    Put {
        /// The key; up to 32 bytes lie inline.
        key: Key,
        /// The value of the row.
        value: Vec<u8>,
    },
    /// Removes a row of the index.
    Delete {
        /// The key of the row.
        key: Key,
    },
}

impl IndexOp {
    /// The key of the row.
    pub fn key(&self) -> &Key {
        match self {
            IndexOp::Put { key, .. } | IndexOp::Delete { key } => key,
        }
    }
}

/// The undo row of a height: key and value.
pub(crate) struct UndoRow {
    pub(crate) height: u64,
    pub(crate) bytes: Vec<u8>,
}

/// All writes of one block, which take effect at once or not at all.
pub(crate) struct Block<'a> {
    pub(crate) rows: &'a WriteSet,
    pub(crate) index: &'a [IndexOp],
    pub(crate) meta: &'a Meta,
    /// The heights whose undo rows are deleted.
    pub(crate) drop_undo: Range<u64>,
    /// The floor to which the block raises that of the index.
    pub(crate) floor: Option<Floor>,
}
