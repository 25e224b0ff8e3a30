//! The state at one height, and the ring of the last heights.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use diem_core::storage::{Key, StateRead, Value};
use diem_core::{BlockInfo, QueryContext, Time};
use ics23::CommitmentProof;

use crate::backend::View;
use crate::cache::Cache;
use crate::error::StoreError;
use crate::proof;
use crate::rows::{IndexRow, Meta};
use crate::tree::{Hash, Root};
use diem_overlay::Row;

/// Rows read at a time by [`Snapshot::rows`].
const PAGE: usize = 4096;

/// The state at one height. It stays as it is for as long as somebody holds it; cloning it is cheap.
#[derive(Clone)]
pub struct Snapshot {
    at: Arc<At>,
}

struct At {
    meta: Option<Meta>,
    tree: Root,
    view: View,
    cache: Arc<Cache>,
}

impl Snapshot {
    pub(crate) fn new(meta: Option<Meta>, tree: Root, view: View, cache: Arc<Cache>) -> Snapshot {
        Snapshot { at: Arc::new(At { meta, tree, view, cache }) }
    }

    /// Height, root, time and app version; `None` for a store in which nothing was committed.
    pub fn meta(&self) -> Option<Meta> {
        self.at.meta
    }

    /// The height, 0 for an empty store.
    pub fn height(&self) -> u64 {
        self.at.meta.map_or(0, |meta| meta.height)
    }

    /// The state root after this height; for an empty store the root of the empty tree.
    pub fn root(&self) -> Hash {
        self.at.tree.hash()
    }

    /// The block's time in milliseconds since 1970, 0 for an empty store.
    pub fn time_ms(&self) -> u64 {
        self.at.meta.map_or(0, |meta| meta.time_ms)
    }

    /// What the questions of the modules are asked with: they are answered from this height.
    pub fn context(&self) -> QueryContext<'_> {
        QueryContext { state: self, block: BlockInfo { height: self.height(), time: Time(self.time_ms()) } }
    }

    /// The number of state rows. Every node that has this state counts the same, whether it executed the blocks
    /// before, went back to it, or read it from disk.
    pub fn row_count(&self) -> u64 {
        self.at.tree.rows()
    }

    /// The memory that the tree takes, in bytes: that of all heights together.
    pub fn tree_bytes(&self) -> usize {
        self.at.tree.bytes()
    }

    /// The memory that the cache of rows takes, in bytes, which all heights share.
    pub fn cache_bytes(&self) -> usize {
        self.at.cache.bytes()
    }

    pub(crate) fn tree(&self) -> &Root {
        &self.at.tree
    }

    /// The row `key` and an ICS23 proof against [`Snapshot::root`] that it is there, or is not. Clients verify it by
    /// [`diem_core::proof::verify`].
    pub fn prove(&self, key: &[u8]) -> (Option<Value>, CommitmentProof) {
        proof::prove(&self.at.tree, key, |key| self.get(key))
    }

    /// The values under the keys of `rows`, in their order.
    pub(crate) fn get_all(&self, rows: &[Row]) -> Vec<Option<Value>> {
        let At { tree, view, cache, .. } = &*self.at;
        let cached = cache.get_all(rows, tree.version()).into_iter();
        cached.zip(rows).map(|(cached, (key, _))| cached.unwrap_or_else(|| view.get(key))).collect()
    }

    /// All state rows in key order, read page by page. They pass by the caches, which keep what is read again.
    pub fn rows(&self) -> Rows {
        Rows { snapshot: self.clone(), next: Some(Key::new()), page: VecDeque::new() }
    }

    /// A row of the node's index, as of this height.
    pub fn index_get(&self, key: &[u8]) -> Option<Vec<u8>> {
        self.at.view.index_get(key)
    }

    /// At most `limit` rows of the node's index with `start <= key < end`, ascending, or descending if `reverse`.
    pub fn index_range(&self, start: &[u8], end: Option<&[u8]>, limit: usize, reverse: bool) -> Vec<IndexRow> {
        self.at.view.index_range(start, end, limit, reverse)
    }
}

impl StateRead for Snapshot {
    fn get(&self, key: &[u8]) -> Option<Value> {
        let At { tree, view, cache, .. } = &*self.at;
        cache.get(key, tree.version()).unwrap_or_else(|| {
            let value = view.get(key);
            cache.fill(key, value.as_ref(), tree.version());
            value
        })
    }

    fn range(&self, start: &[u8], end: Option<&[u8]>, limit: usize) -> Vec<(Key, Value)> {
        self.at.view.range(start, end, limit)
    }
}

/// An iterator over all state rows of a snapshot: see [`Snapshot::rows`].
pub struct Rows {
    snapshot: Snapshot,
    /// The key at which the next page starts; `None` after the last page.
    next: Option<Key>,
    page: VecDeque<(Key, Value)>,
}

impl Iterator for Rows {
    type Item = (Key, Value);

    fn next(&mut self) -> Option<Self::Item> {
        if self.page.is_empty() {
            let start = self.next.take()?;
            self.page = self.snapshot.at.view.page(&start, PAGE).into();
            if self.page.len() == PAGE {
                self.next = self.page.back().map(|(key, _)| {
                    let mut after = key.clone();
                    after.push(0);
                    after
                });
            }
        }
        self.page.pop_front()
    }
}

/// The snapshots of the last heights: the latest, and at most `len - 1` before it.
pub(crate) struct Ring {
    latest: Snapshot,
    past: BTreeMap<u64, Snapshot>,
    len: usize,
}

impl Ring {
    pub(crate) fn new(latest: Snapshot, len: usize) -> Ring {
        Ring { latest, past: BTreeMap::new(), len }
    }

    pub(crate) fn latest(&self) -> &Snapshot {
        &self.latest
    }

    pub(crate) fn at(&self, height: u64) -> Result<Snapshot, StoreError> {
        let latest = self.latest.height();
        if height == latest {
            return Ok(self.latest.clone());
        }
        self.past.get(&height).cloned().ok_or(StoreError::NotKept { height, oldest: self.oldest(), latest })
    }

    /// The oldest height that is kept; 0 before the first commit.
    pub(crate) fn oldest(&self) -> u64 {
        self.past.keys().next().copied().unwrap_or_else(|| self.latest.height())
    }

    /// Adds a new height. It returns what left the ring, so that it is dropped outside of the lock.
    pub(crate) fn push(&mut self, snapshot: Snapshot) -> Vec<Snapshot> {
        let before = std::mem::replace(&mut self.latest, snapshot);
        if before.meta().is_none() {
            return vec![before];
        }
        self.past.insert(before.height(), before);
        let mut left = Vec::new();
        while self.past.len() >= self.len.max(1) {
            left.extend(self.past.pop_first().map(|(_, snapshot)| snapshot));
        }
        left
    }

    /// Replaces the latest height by the same one with other rows of the node's index. It returns what left the ring.
    pub(crate) fn renew(&mut self, snapshot: Snapshot) -> Snapshot {
        std::mem::replace(&mut self.latest, snapshot)
    }

    /// Begins anew at the height of `snapshot`. It returns what left the ring.
    pub(crate) fn restart(&mut self, snapshot: Snapshot) -> Vec<Snapshot> {
        let mut left: Vec<Snapshot> = std::mem::take(&mut self.past).into_values().collect();
        left.push(std::mem::replace(&mut self.latest, snapshot));
        left
    }

    /// Goes back to a lower height: `snapshot` replaces it and all above.
    pub(crate) fn rewind(&mut self, snapshot: Snapshot) -> Vec<Snapshot> {
        let mut left: Vec<Snapshot> = self.past.split_off(&snapshot.height()).into_values().collect();
        left.push(std::mem::replace(&mut self.latest, snapshot));
        left
    }
}
