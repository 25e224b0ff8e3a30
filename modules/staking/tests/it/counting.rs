//! State that counts what is read of it: what a step of a block costs.

use std::sync::atomic::{AtomicUsize, Ordering};

use diem_core::{Key, StateRead, StateWrite, Value};

/// State that counts the rows which it shows.
pub(crate) struct Counting<'a> {
    state: &'a mut dyn StateWrite,
    /// Rows asked for by their keys, whether or not there are any.
    pub(crate) got: AtomicUsize,
    /// The number of rows that were read in ranges.
    pub(crate) listed: AtomicUsize,
}

impl<'a> Counting<'a> {
    pub(crate) fn new(state: &'a mut dyn StateWrite) -> Self {
        Self { state, got: AtomicUsize::new(0), listed: AtomicUsize::new(0) }
    }
}

impl StateRead for Counting<'_> {
    fn get(&self, key: &[u8]) -> Option<Value> {
        self.got.fetch_add(1, Ordering::Relaxed);
        self.state.get(key)
    }

    fn range(&self, start: &[u8], end: Option<&[u8]>, limit: usize) -> Vec<(Key, Value)> {
        let rows = self.state.range(start, end, limit);
        self.listed.fetch_add(rows.len(), Ordering::Relaxed);
        rows
    }
}

impl StateWrite for Counting<'_> {
    fn set(&mut self, key: &[u8], value: Value) {
        self.state.set(key, value);
    }

    fn remove(&mut self, key: &[u8]) {
        self.state.remove(key);
    }
}
