//! Where rows are kept: RocksDB, or memory for tests. Both keep the same four kinds of rows and write a block at once.

use std::sync::Arc;

use diem_core::storage::{Key, Value};

use crate::error::StoreError;
use crate::memory::{Memory, MemoryView};
use crate::pruning::{Floor, Pruning};
use crate::rocks::{Rocks, RocksView};
use crate::rows::{Block, IndexRow, Meta, UndoRow};
use diem_overlay::WriteSet;

pub(crate) enum Backend {
    Rocks(Arc<Rocks>),
    Memory(Memory),
}

/// The rows as they were when the view was taken.
pub(crate) enum View {
    Rocks(RocksView),
    Memory(MemoryView),
}

/// State rows and the undo row, made ready to be written.
pub(crate) enum Prepared {
    Rocks(rocksdb::WriteBatch),
    Memory(Option<UndoRow>),
}

impl Backend {
    pub(crate) fn meta(&self) -> Result<Option<Meta>, StoreError> {
        match self {
            Backend::Rocks(rocks) => rocks.meta(),
            Backend::Memory(memory) => Ok(memory.meta()),
        }
    }

    pub(crate) fn view(&self) -> View {
        match self {
            Backend::Rocks(rocks) => View::Rocks(RocksView::new(rocks)),
            Backend::Memory(memory) => View::Memory(memory.view()),
        }
    }

    pub(crate) fn prepare(&self, rows: &WriteSet, undo: Option<UndoRow>) -> Prepared {
        match self {
            Backend::Rocks(rocks) => Prepared::Rocks(rocks.prepare(rows, undo)),
            Backend::Memory(_) => Prepared::Memory(undo),
        }
    }

    /// Writes a block; `prepared` holds its state rows and its undo row, made by [`Backend::prepare`].
    pub(crate) fn write(&self, prepared: Prepared, block: Block<'_>) -> Result<(), StoreError> {
        match (self, prepared) {
            (Backend::Rocks(rocks), Prepared::Rocks(batch)) => rocks.write(batch, block),
            (Backend::Rocks(rocks), Prepared::Memory(undo)) => rocks.write(rocks.prepare(block.rows, undo), block),
            (Backend::Memory(memory), Prepared::Memory(undo)) => memory.write(undo, block),
            (Backend::Memory(_), Prepared::Rocks(_)) => Err(StoreError::Stale),
        }
    }

    pub(crate) fn undo(&self, height: u64) -> Result<Option<Vec<u8>>, StoreError> {
        match self {
            Backend::Rocks(rocks) => rocks.undo(height),
            Backend::Memory(memory) => Ok(memory.undo(height)),
        }
    }

    /// The height of the snapshot with which the rows began, if they did.
    pub(crate) fn began(&self) -> Result<Option<u64>, StoreError> {
        match self {
            Backend::Rocks(rocks) => rocks.began(),
            Backend::Memory(_) => Ok(None),
        }
    }

    pub(crate) fn pruning(&self) -> &Pruning {
        match self {
            Backend::Rocks(rocks) => rocks.pruning(),
            Backend::Memory(memory) => memory.pruning(),
        }
    }

    /// Lets the rows of the index below a floor that was written leave the disk.
    pub(crate) fn drop_below(&self, floor: Floor) -> Result<(), StoreError> {
        match self {
            Backend::Rocks(rocks) => rocks.drop_below(floor),
            Backend::Memory(memory) => memory.drop_below(floor),
        }
    }

    /// Raises the floor of the index and removes everything below it.
    pub(crate) fn prune(&self, floor: Floor) -> Result<(), StoreError> {
        match self {
            Backend::Rocks(rocks) => rocks.prune(floor),
            Backend::Memory(memory) => memory.drop_below(floor),
        }
    }

    /// The lowest height that has an undo row.
    pub(crate) fn oldest_undo(&self) -> Result<Option<u64>, StoreError> {
        match self {
            Backend::Rocks(rocks) => rocks.oldest_undo(),
            Backend::Memory(memory) => Ok(memory.oldest_undo()),
        }
    }
}

impl View {
    pub(crate) fn get(&self, key: &[u8]) -> Option<Value> {
        match self {
            View::Rocks(view) => view.get(key),
            View::Memory(view) => view.get(key),
        }
    }

    pub(crate) fn range(&self, start: &[u8], end: Option<&[u8]>, limit: usize) -> Vec<(Key, Value)> {
        match self {
            View::Rocks(view) => view.range(start, end, limit),
            View::Memory(view) => view.range(start, end, limit),
        }
    }

    /// At most `limit` rows from `start` on, for whoever reads all rows once: they do not push others out of the
    /// database's cache.
    pub(crate) fn page(&self, start: &[u8], limit: usize) -> Vec<(Key, Value)> {
        match self {
            View::Rocks(view) => view.page(start, limit),
            View::Memory(view) => view.range(start, None, limit),
        }
    }

    pub(crate) fn index_get(&self, key: &[u8]) -> Option<Vec<u8>> {
        match self {
            View::Rocks(view) => view.index_get(key),
            View::Memory(view) => view.index_get(key),
        }
    }

    pub(crate) fn index_range(&self, start: &[u8], end: Option<&[u8]>, limit: usize, reverse: bool) -> Vec<IndexRow> {
        match self {
            View::Rocks(view) => view.index_range(start, end, limit, reverse),
            View::Memory(view) => view.index_range(start, end, limit, reverse),
        }
    }
}
