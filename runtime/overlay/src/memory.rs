//! States on which an overlay can stand without a database: rows in memory, or no rows at all.

use std::ops::Bound;

use diem_core::storage::{Key, StateRead, Value};
use imbl::OrdMap;

use crate::writes::WriteSet;

/// The state without a row, which a genesis is written over.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Empty;

impl StateRead for Empty {
    fn get(&self, _key: &[u8]) -> Option<Value> {
        None
    }

    fn range(&self, _start: &[u8], _end: Option<&[u8]>, _limit: usize) -> Vec<(Key, Value)> {
        Vec::new()
    }
}

/// Rows in memory. A clone takes constant time and shares the rows, so it serves as a snapshot.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct MemoryRows(OrdMap<Key, Value>);

impl MemoryRows {
    /// The number of rows.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// All rows in key order.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.0.iter().map(|(key, value)| (key.as_slice(), value.as_slice()))
    }

    /// Applies the writes of a block.
    pub fn apply(&mut self, writes: &WriteSet) {
        for (key, value) in writes.rows() {
            match value {
                Some(value) => self.0.insert(key.clone(), value.clone()),
                None => self.0.remove(key),
            };
        }
    }
}

impl FromIterator<(Key, Value)> for MemoryRows {
    fn from_iter<T: IntoIterator<Item = (Key, Value)>>(rows: T) -> Self {
        Self(rows.into_iter().collect())
    }
}

impl StateRead for MemoryRows {
    fn get(&self, key: &[u8]) -> Option<Value> {
        self.0.get(key).cloned()
    }

    fn range(&self, start: &[u8], end: Option<&[u8]>, limit: usize) -> Vec<(Key, Value)> {
        // An ordered map panics on a range that ends before it starts.
        if end.is_some_and(|end| end <= start) {
            return Vec::new();
        }
        let end = end.map_or(Bound::Unbounded, Bound::Excluded);
        let rows = self.0.range::<_, [u8]>((Bound::Included(start), end));
        rows.take(limit).map(|(key, value)| (key.clone(), value.clone())).collect()
    }
}
