//! Encoded rows of committed state in RAM, for all snapshots at once.
//!
//! Every entry knows the version since which it holds, every shard the version up to which its entries are current.
//! So a snapshot of version `v` may use an entry if `since <= v <= current`: nobody wrote the key between. A row that a
//! snapshot read below may be kept only if `v == current`: later versions may have written the key. Together the two
//! rules make the cache right for any snapshot at any time, also while a commit is filling it.
//!
//! The hash map only finds entries; its order never shows.

use std::hash::BuildHasher;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use diem_core::storage::{Key, Value};
use foldhash::fast::RandomState;
use parking_lot::RwLock;

use diem_overlay::Places;
use diem_overlay::Row;

/// The number of shards: readers of different ones take different locks.
const SHARDS: usize = 64;

pub(crate) struct Cache {
    hasher: RandomState,
    shards: Box<[RwLock<Shard>]>,
}

struct Shard {
    current: u64,
    bytes: usize,
    limit: usize,
    entries: Vec<Entry>,
    /// The place of each key in `entries`, by its hash.
    places: Places,
    /// The hand of the clock: the next entry to be evicted, unless it was used.
    hand: usize,
}

struct Entry {
    key: Key,
    /// An empty value says that there is no such row. Stored values are never empty.
    value: Value,
    /// The version since which it holds, times two; plus one if it was used since the hand last passed.
    stamp: AtomicU64,
}

impl Entry {
    fn since(&self) -> u64 {
        self.stamp.load(Relaxed) >> 1
    }

    /// Marks the entry as used. Most entries that are read were read before: then nothing is written to shared memory.
    fn mark_used(&self) {
        let stamp = self.stamp.load(Relaxed);
        if stamp & 1 == 0 {
            self.stamp.store(stamp | 1, Relaxed);
        }
    }

    /// Clears the mark of use; returns whether it was set.
    fn was_used(&self) -> bool {
        self.stamp.fetch_and(!1, Relaxed) & 1 == 1
    }

    fn bytes(&self) -> usize {
        let heap = spilled(&self.key).saturating_add(spilled(&self.value));
        // About every second word of the table of places is taken.
        heap.saturating_add(size_of::<Entry>()).saturating_add(16)
    }
}

impl Cache {
    /// An empty cache of at most `limit` bytes, current for `version`.
    pub(crate) fn new(limit: usize, version: u64) -> Cache {
        let shard = || Shard {
            current: version,
            bytes: 0,
            limit: limit / SHARDS,
            entries: Vec::new(),
            places: Places::default(),
            hand: 0,
        };
        let shards = std::iter::repeat_with(|| RwLock::new(shard())).take(SHARDS).collect();
        Cache { hasher: RandomState::default(), shards }
    }

    /// The row as `version` sees it, `Some(None)` if it knows that there is none; `None` if the cache cannot tell.
    pub(crate) fn get(&self, key: &[u8], version: u64) -> Option<Option<Value>> {
        let hash = self.hasher.hash_one(key);
        self.shards[shard_of(hash)].read().get(hash, key, version)
    }

    /// [`Cache::get`] for the keys of all `rows`. Their shards are locked once each: between two locks the processor
    /// would wait for the memory of every single row.
    pub(crate) fn get_all(&self, rows: &[Row], version: u64) -> Vec<Option<Option<Value>>> {
        let mut found = vec![None; rows.len()];
        for group in self.by_shard(rows).chunk_by(|(a, _), (b, _)| shard_of(*a) == shard_of(*b)) {
            let Some((first, _)) = group.first() else { continue };
            let shard = self.shards[shard_of(*first)].read();
            for (hash, at) in group {
                found[*at] = shard.get(*hash, &rows[*at].0, version);
            }
        }
        found
    }

    /// Keeps a row that `version` read below the cache, if it is still current.
    pub(crate) fn fill(&self, key: &[u8], value: Option<&Value>, version: u64) {
        let hash = self.hasher.hash_one(key);
        let mut shard = self.shards[shard_of(hash)].write();
        if shard.current == version {
            shard.put(&self.hasher, hash, key, value, version);
        }
    }

    /// Follows a commit: from now on the cache is current for `version`, which wrote `rows`. It must end before anybody
    /// gets a snapshot of `version`.
    pub(crate) fn advance(&self, version: u64, rows: &[Row]) {
        for shard in &self.shards {
            shard.write().current = version;
        }
        for group in self.by_shard(rows).chunk_by(|(a, _), (b, _)| shard_of(*a) == shard_of(*b)) {
            let Some((first, _)) = group.first() else { continue };
            let mut shard = self.shards[shard_of(*first)].write();
            for (hash, at) in group {
                let (key, value) = &rows[*at];
                shard.put(&self.hasher, *hash, key, value.as_ref(), version);
            }
        }
    }

    /// The memory that its entries take, in bytes.
    pub(crate) fn bytes(&self) -> usize {
        self.shards.iter().fold(0, |sum, shard| sum.saturating_add(shard.read().bytes))
    }

    /// Forgets everything; from now on the cache is current for `version`.
    pub(crate) fn clear(&self, version: u64) {
        for shard in &self.shards {
            let mut shard = shard.write();
            shard.current = version;
            shard.bytes = 0;
            shard.entries = Vec::new();
            shard.places = Places::default();
        }
    }

    /// Hash and place of every row, those of one shard together.
    fn by_shard(&self, rows: &[Row]) -> Vec<(u64, usize)> {
        let mut hashes: Vec<(u64, usize)> =
            rows.iter().enumerate().map(|(at, (key, _))| (self.hasher.hash_one(key.as_slice()), at)).collect();
        hashes.sort_unstable_by_key(|(hash, _)| shard_of(*hash));
        hashes
    }
}

/// The tables of places use the lower half.
fn shard_of(hash: u64) -> usize {
    (hash >> 32) as usize % SHARDS
}

impl Shard {
    /// The row as `version` sees it, if its entry can tell.
    fn get(&self, hash: u64, key: &[u8], version: u64) -> Option<Option<Value>> {
        let entry = self.entries.get(self.find(hash, key)?)?;
        if entry.since() > version || version > self.current {
            return None;
        }
        entry.mark_used();
        Some(if entry.value.is_empty() { None } else { Some(Value::from_slice(&entry.value)) })
    }

    fn find(&self, hash: u64, key: &[u8]) -> Option<usize> {
        self.places.find(hash, |at| self.entries.get(at).is_some_and(|entry| entry.key.as_slice() == key))
    }

    fn put(&mut self, hasher: &RandomState, hash: u64, key: &[u8], value: Option<&Value>, since: u64) {
        let value = value.map(|value| Value::from_slice(value)).unwrap_or_default();
        let stamp = AtomicU64::new(since << 1);
        if let Some(at) = self.find(hash, key)
            && let Some(entry) = self.entries.get_mut(at)
        {
            self.bytes = self.bytes.saturating_sub(entry.bytes());
            (entry.value, entry.stamp) = (value, stamp);
            entry.mark_used();
            self.bytes = self.bytes.saturating_add(entry.bytes());
        } else {
            let entry = Entry { key: Key::from_slice(key), value, stamp };
            self.bytes = self.bytes.saturating_add(entry.bytes());
            self.places.insert(hash, self.entries.len());
            self.entries.push(entry);
        }
        while self.bytes > self.limit && !self.entries.is_empty() {
            self.evict(hasher);
        }
    }

    /// Evicts the next entry that was not used since the hand last passed.
    fn evict(&mut self, hasher: &RandomState) {
        loop {
            match self.entries.get(self.hand) {
                None => self.hand = 0,
                Some(entry) if entry.was_used() => self.hand = self.hand.saturating_add(1),
                Some(_) => break,
            }
        }
        let last = self.entries.len().saturating_sub(1);
        let hash_at = |at: usize| self.entries.get(at).map_or(0, |entry| hasher.hash_one(entry.key.as_slice()));
        self.places.remove(hash_at(self.hand), self.hand);
        self.places.rename(hash_at(last), last, self.hand);
        let gone = self.entries.swap_remove(self.hand);
        self.bytes = self.bytes.saturating_sub(gone.bytes());
    }
}

/// Bytes on the heap of a key or a value.
fn spilled<A: smallvec::Array<Item = u8>>(bytes: &smallvec::SmallVec<A>) -> usize {
    if bytes.spilled() { bytes.capacity() } else { 0 }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::arithmetic_side_effects, clippy::unwrap_used)]

    use super::*;

    fn row(key: u8, value: u8) -> Row {
        (Key::from_slice(&[key]), Some(Value::from_slice(&[value])))
    }

    fn value(n: u8) -> Value {
        Value::from_slice(&[n])
    }

    #[test]
    fn a_commit_is_seen_by_its_own_version_only() {
        let cache = Cache::new(1 << 20, 1);
        cache.fill(b"a", Some(&value(1)), 1);
        cache.advance(2, &[row(b'a', 2)]);
        assert_eq!(cache.get(b"a", 2), Some(Some(value(2))));
        assert_eq!(cache.get(b"a", 1), None, "version 1 must read below");
    }

    #[test]
    fn an_unchanged_row_serves_old_and_new_versions() {
        let cache = Cache::new(1 << 20, 1);
        cache.fill(b"a", Some(&value(1)), 1);
        cache.fill(b"b", None, 1);
        cache.advance(2, &[row(b'c', 2)]);
        for version in [1, 2] {
            assert_eq!(cache.get(b"a", version), Some(Some(value(1))));
            assert_eq!(cache.get(b"b", version), Some(None));
        }
    }

    #[test]
    fn a_late_reader_cannot_put_an_old_value_in() {
        let cache = Cache::new(1 << 20, 1);
        cache.advance(2, &[]);
        cache.fill(b"a", Some(&value(1)), 1);
        assert_eq!(cache.get(b"a", 1), None);
        assert_eq!(cache.get(b"a", 2), None);
    }

    #[test]
    fn a_version_that_the_cache_has_not_reached_reads_below() {
        let cache = Cache::new(1 << 20, 1);
        cache.fill(b"a", Some(&value(1)), 1);
        assert_eq!(cache.get(b"a", 2), None);
    }

    #[test]
    fn clearing_forgets_rows_and_refuses_older_fills() {
        let cache = Cache::new(1 << 20, 1);
        cache.fill(b"a", Some(&value(1)), 1);
        cache.clear(2);
        cache.fill(b"a", Some(&value(1)), 1);
        assert_eq!(cache.get(b"a", 1), None);
        cache.fill(b"a", Some(&value(3)), 2);
        assert_eq!(cache.get(b"a", 2), Some(Some(value(3))));
    }

    #[test]
    fn it_stays_within_its_bytes_and_keeps_what_is_used() {
        let limit = 1 << 20;
        let cache = Cache::new(limit, 1);
        let value = |n: u32| Value::from_slice(&n.to_be_bytes().repeat(n as usize % 40 + 1));
        for n in 0..50_000u32 {
            cache.get(&7u32.to_be_bytes(), 1);
            cache.fill(&n.to_be_bytes(), Some(&value(n)), 1);
        }
        let mut kept = 0;
        for shard in &cache.shards {
            let shard = shard.read();
            assert!(shard.bytes <= shard.limit);
            assert_eq!(shard.bytes, shard.entries.iter().map(Entry::bytes).sum::<usize>());
            assert_eq!(shard.places.len(), shard.entries.len());
            kept += shard.entries.len();
        }
        assert!(kept > 4000, "{kept}");
        let found = (0..50_000u32).filter_map(|n| cache.get(&n.to_be_bytes(), 1).map(|found| (n, found.unwrap())));
        assert!(found.inspect(|(n, found)| assert_eq!(*found, value(*n))).count() == kept);
        assert!(cache.get(&7u32.to_be_bytes(), 1).is_some(), "the row that was read all the time is gone");
    }

    #[test]
    fn a_row_larger_than_the_cache_is_not_kept() {
        let cache = Cache::new(SHARDS * 1000, 1);
        cache.fill(b"a", Some(&Value::from_vec(vec![1; 5000])), 1);
        assert_eq!(cache.get(b"a", 1), None);
        assert_eq!(cache.get_all(&[row(b'a', 0)], 1), vec![None]);
    }
}
