//! Encoded rows of committed state in RAM, for all snapshots at once.
//!
//! Every entry knows the version since which it holds, every shard the version up to which its entries are current.
//! So a snapshot of version `v` may use an entry if `since <= v <= current`: nobody wrote the key between. A row that a
//! snapshot read below may be kept only if `v == current`: later versions may have written the key. Together the two
//! rules make the cache right for any snapshot at any time, also while a commit is filling it.
//!
//! The hash map only finds entries; its order never shows.

use std::hash::BuildHasher;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use diem_core::storage::{Key, Value};
use hashbrown::{DefaultHashBuilder, HashTable};
use parking_lot::RwLock;

use crate::writes::Row;

/// Readers of different shards do not meet.
const SHARDS: usize = 64;

/// What an entry takes beside long keys and values: itself and its place in the hash table.
const ENTRY_BYTES: usize = size_of::<Entry>() + 16;

pub(crate) struct Cache {
    hasher: DefaultHashBuilder,
    shards: Box<[RwLock<Shard>]>,
}

struct Shard {
    current: u64,
    bytes: usize,
    limit: usize,
    entries: Vec<Entry>,
    places: HashTable<usize>,
    /// The next entry to be asked whether it may go.
    hand: usize,
}

struct Entry {
    key: Key,
    /// `None`: there is no such row.
    value: Option<Value>,
    since: u64,
    used: AtomicBool,
}

impl Entry {
    fn bytes(&self) -> usize {
        let value = self.value.as_ref().filter(|value| value.spilled()).map_or(0, |value| value.capacity());
        let key = if self.key.spilled() { self.key.capacity() } else { 0 };
        ENTRY_BYTES.saturating_add(key).saturating_add(value)
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
            places: HashTable::new(),
            hand: 0,
        };
        let shards = std::iter::repeat_with(|| RwLock::new(shard())).take(SHARDS).collect();
        Cache { hasher: DefaultHashBuilder::default(), shards }
    }

    fn shard(&self, hash: u64) -> &RwLock<Shard> {
        // The hash table below uses the lowest and the highest bits.
        let at = (hash >> 32) as usize % SHARDS;
        &self.shards[at]
    }

    /// The row as `version` sees it, `Some(None)` if it knows that there is none; `None` if the cache cannot tell.
    pub(crate) fn get(&self, key: &[u8], version: u64) -> Option<Option<Value>> {
        let hash = self.hasher.hash_one(key);
        let shard = self.shard(hash).read();
        let entry = shard.entries.get(shard.find(hash, key)?)?;
        if entry.since > version || shard.current < version {
            return None;
        }
        if !entry.used.load(Relaxed) {
            entry.used.store(true, Relaxed);
        }
        Some(entry.value.as_ref().map(|value| Value::from_slice(value)))
    }

    /// Keeps a row that `version` read below the cache, if it is still current.
    pub(crate) fn fill(&self, key: &[u8], value: Option<&Value>, version: u64) {
        let hash = self.hasher.hash_one(key);
        let mut shard = self.shard(hash).write();
        if shard.current == version && shard.find(hash, key).is_none() {
            shard.put(&self.hasher, hash, key, value, version);
        }
    }

    /// Follows a commit: from now on the cache is current for `version`, which wrote `rows`. Must end before anybody
    /// gets a snapshot of `version`.
    pub(crate) fn advance(&self, version: u64, rows: &[Row]) {
        for shard in &self.shards {
            shard.write().current = version;
        }
        for (key, value) in rows {
            let hash = self.hasher.hash_one(key.as_slice());
            self.shard(hash).write().put(&self.hasher, hash, key, value.as_ref(), version);
        }
    }

    /// Forgets everything; current for `version` from now on.
    pub(crate) fn clear(&self, version: u64) {
        for shard in &self.shards {
            let mut shard = shard.write();
            shard.current = version;
            shard.bytes = 0;
            shard.entries.clear();
            shard.places.clear();
        }
    }
}

impl Shard {
    fn find(&self, hash: u64, key: &[u8]) -> Option<usize> {
        self.places.find(hash, |at| self.entries.get(*at).is_some_and(|entry| entry.key.as_slice() == key)).copied()
    }

    fn put(&mut self, hasher: &DefaultHashBuilder, hash: u64, key: &[u8], value: Option<&Value>, since: u64) {
        let value = value.map(|value| Value::from_slice(value));
        if let Some(at) = self.find(hash, key)
            && let Some(entry) = self.entries.get_mut(at)
        {
            self.bytes = self.bytes.saturating_sub(entry.bytes());
            entry.value = value;
            entry.since = since;
            *entry.used.get_mut() = true;
            self.bytes = self.bytes.saturating_add(entry.bytes());
        } else {
            let entry = Entry { key: Key::from_slice(key), value, since, used: AtomicBool::new(false) };
            self.bytes = self.bytes.saturating_add(entry.bytes());
            let at = self.entries.len();
            self.entries.push(entry);
            let entries = &self.entries;
            let hash_of = |at: &usize| entries.get(*at).map_or(0, |entry| hasher.hash_one(entry.key.as_slice()));
            self.places.insert_unique(hash, at, hash_of);
        }
        while self.bytes > self.limit && !self.entries.is_empty() {
            self.evict(hasher);
        }
    }

    /// Takes out the next entry that was not used since it was last asked.
    fn evict(&mut self, hasher: &DefaultHashBuilder) {
        loop {
            if self.hand >= self.entries.len() {
                self.hand = 0;
            }
            match self.entries.get(self.hand) {
                None => return,
                Some(entry) if entry.used.swap(false, Relaxed) => self.hand = self.hand.saturating_add(1),
                Some(_) => break,
            }
        }
        let last = self.entries.len().saturating_sub(1);
        let hash_at = |at: usize| self.entries.get(at).map_or(0, |entry| hasher.hash_one(entry.key.as_slice()));
        let (gone, moved) = (hash_at(self.hand), hash_at(last));
        if let Ok(place) = self.places.find_entry(gone, |at| *at == self.hand) {
            place.remove();
        }
        if let Some(place) = self.places.find_mut(moved, |at| *at == last) {
            *place = self.hand;
        }
        let gone = self.entries.swap_remove(self.hand);
        self.bytes = self.bytes.saturating_sub(gone.bytes());
    }
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
        let cache = Cache::new(SHARDS * ENTRY_BYTES * 10, 1);
        for n in 0..5000u32 {
            cache.get(&7u32.to_be_bytes(), 1);
            cache.fill(&n.to_be_bytes(), Some(&Value::from_slice(&n.to_be_bytes())), 1);
        }
        let shards = cache.shards.iter().map(|shard| shard.read());
        let kept: usize = shards.map(|shard| {
            assert!(shard.bytes <= shard.limit);
            assert_eq!(shard.bytes, shard.entries.iter().map(Entry::bytes).sum::<usize>());
            assert_eq!(shard.places.len(), shard.entries.len());
            shard.entries.len()
        }).sum();
        assert!((SHARDS * 8..=SHARDS * 10).contains(&kept), "{kept}");
        for n in 0..5000u32 {
            if let Some(found) = cache.get(&n.to_be_bytes(), 1) {
                assert_eq!(found.unwrap().as_slice(), n.to_be_bytes());
            }
        }
        assert!(cache.get(&7u32.to_be_bytes(), 1).is_some(), "the row that was read all the time is gone");
    }

    #[test]
    fn a_row_larger_than_the_cache_is_not_kept() {
        let cache = Cache::new(SHARDS * 1000, 1);
        cache.fill(b"a", Some(&Value::from_vec(vec![1; 5000])), 1);
        assert_eq!(cache.get(b"a", 1), None);
    }
}
