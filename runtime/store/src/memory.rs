//! The rows in memory, for tests: maps that copy in constant time, so that a view is a copy.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

use diem_core::storage::{Key, StateRead, Value};
use diem_overlay::MemoryRows;
use imbl::OrdMap;
use parking_lot::Mutex;

use crate::error::StoreError;
use crate::pruning::{Floor, IndexLayout, Pruning};
use crate::rows::{Block, IndexOp, IndexRow, Meta, UndoRow};

/// The rows of a store that never touches a disk.
pub(crate) struct Memory {
    rows: Mutex<Rows>,
    pruning: Arc<Pruning>,
}

struct Rows {
    view: MemoryView,
    undo: BTreeMap<u64, Vec<u8>>,
    meta: Option<Meta>,
}

/// A copy of the rows.
#[derive(Clone)]
pub(crate) struct MemoryView {
    state: MemoryRows,
    index: OrdMap<Vec<u8>, Vec<u8>>,
    pruning: Arc<Pruning>,
}

impl Memory {
    pub(crate) fn new(index: IndexLayout) -> Self {
        let pruning = Arc::new(Pruning::new(index));
        let view = MemoryView { state: MemoryRows::default(), index: OrdMap::new(), pruning: Arc::clone(&pruning) };
        Self { rows: Mutex::new(Rows { view, undo: BTreeMap::new(), meta: None }), pruning }
    }

    pub(crate) fn pruning(&self) -> &Pruning {
        &self.pruning
    }

    /// Removes the rows of the index below `floor`.
    #[expect(clippy::unnecessary_wraps, reason = "the same signature as the backend on disk")]
    pub(crate) fn drop_below(&self, floor: Floor) -> Result<(), StoreError> {
        self.pruning.hide_below(floor);
        let mut rows = self.rows.lock();
        let is_kept = |(key, value): &(&Vec<u8>, &Vec<u8>)| !self.pruning.is_hidden(key, value);
        let kept = rows.view.index.iter().filter(is_kept).map(|(key, value)| (key.clone(), value.clone())).collect();
        rows.view.index = kept;
        Ok(())
    }

    pub(crate) fn meta(&self) -> Option<Meta> {
        self.rows.lock().meta
    }

    pub(crate) fn view(&self) -> MemoryView {
        self.rows.lock().view.clone()
    }

    pub(crate) fn undo(&self, height: u64) -> Option<Vec<u8>> {
        self.rows.lock().undo.get(&height).cloned()
    }

    pub(crate) fn oldest_undo(&self) -> Option<u64> {
        self.rows.lock().undo.keys().next().copied()
    }

    #[expect(clippy::unnecessary_wraps, reason = "the same signature as the backend on disk")]
    pub(crate) fn write(&self, undo: Option<UndoRow>, block: Block<'_>) -> Result<(), StoreError> {
        let mut rows = self.rows.lock();
        rows.view.state.apply(block.rows);
        for op in block.index {
            match op {
                IndexOp::Put { key, value } => rows.view.index.insert(key.to_vec(), value.clone()),
                IndexOp::Delete { key } => rows.view.index.remove(key.as_slice()),
            };
        }
        rows.undo.extend(undo.map(|undo| (undo.height, undo.bytes)));
        rows.undo.retain(|height, _| !block.drop_undo.contains(height));
        rows.meta = Some(*block.meta);
        Ok(())
    }
}

impl MemoryView {
    pub(crate) fn get(&self, key: &[u8]) -> Option<Value> {
        self.state.get(key)
    }

    pub(crate) fn range(&self, start: &[u8], end: Option<&[u8]>, limit: usize) -> Vec<(Key, Value)> {
        self.state.range(start, end, limit)
    }

    pub(crate) fn index_get(&self, key: &[u8]) -> Option<Vec<u8>> {
        self.index.get(key).filter(|value| !self.pruning.is_hidden(key, value)).cloned()
    }

    pub(crate) fn index_range(&self, start: &[u8], end: Option<&[u8]>, limit: usize, reverse: bool) -> Vec<IndexRow> {
        let Some(bounds) = bounds(start, end) else { return Vec::new() };
        let rows = self.index.range::<_, [u8]>(bounds).filter(|(key, value)| !self.pruning.is_hidden(key, value));
        let copy = |(key, value): (&Vec<u8>, &Vec<u8>)| (key.clone(), value.clone());
        if reverse { rows.rev().take(limit).map(copy).collect() } else { rows.take(limit).map(copy).collect() }
    }
}

type Bounds<'a> = (Bound<&'a [u8]>, Bound<&'a [u8]>);

/// The bounds of a range; `None` if it is empty, which ordered maps refuse.
fn bounds<'a>(start: &'a [u8], end: Option<&'a [u8]>) -> Option<Bounds<'a>> {
    match end {
        Some(end) if end <= start => None,
        Some(end) => Some((Bound::Included(start), Bound::Excluded(end))),
        None => Some((Bound::Included(start), Bound::Unbounded)),
    }
}
