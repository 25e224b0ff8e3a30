//! Encoded rows of committed state in RAM, for all snapshots at once.
//!
//! Every entry knows the version since which it holds, every shard the version up to which its entries are current.
//! So a snapshot of version `v` may use an entry if `since <= v <= current`: nobody wrote the key between. A row that a
//! snapshot read below may be kept only if `v == current`: later versions may have written the key. Together the two
//! rules make the cache right for any snapshot at any time, also while a commit is filling it.
//!
//! The hash map only finds entries; its order never shows.

use std::hash::BuildHasher;

use diem_core::storage::{Key, Value};
use hashbrown::{DefaultHashBuilder, HashTable};
use parking_lot::RwLock;

use crate::writes::Row;

/// Readers of different shards do not meet.
const SHARDS: usize = 64;

pub(crate) struct Cache {
    hasher: DefaultHashBuilder,
    shards: Box<[RwLock<Shard>]>,
}

/// Two generations: rows that are used move to the young one, and when that has grown to half of the limit it becomes
/// the old one, in place of the old one before. So rows that nobody used in the meantime go, without bookkeeping.
struct Shard {
    current: u64,
    /// Bytes of one generation at most.
    half: usize,
    young: Generation,
    old: Generation,
}

#[derive(Default)]
struct Generation {
    entries: HashTable<Entry>,
    /// Bytes of keys and values that do not lie in the table.
    spilled: usize,
}

struct Entry {
    key: Key,
    /// Empty: there is no such row. Stored values are never empty.
    value: Value,
    since: u64,
}

impl Cache {
    /// An empty cache of at most `limit` bytes, current for `version`.
    pub(crate) fn new(limit: usize, version: u64) -> Cache {
        let half = limit / SHARDS / 2;
        let shard = || Shard { current: version, half, young: Generation::default(), old: Generation::default() };
        let shards = std::iter::repeat_with(|| RwLock::new(shard())).take(SHARDS).collect();
        Cache { hasher: DefaultHashBuilder::default(), shards }
    }

    /// The row as `version` sees it, `Some(None)` if it knows that there is none; `None` if the cache cannot tell.
    pub(crate) fn get(&self, key: &[u8], version: u64) -> Option<Option<Value>> {
        let hash = self.hasher.hash_one(key);
        let lock = &self.shards[shard_of(hash)];
        let shard = lock.read();
        let (value, old) = shard.get(hash, key, version)?;
        let value = Value::from_slice(value);
        drop(shard);
        if old {
            lock.write().keep(&self.hasher, hash, key);
        }
        Some(Some(value).filter(|value| !value.is_empty()))
    }

    /// [`Cache::get`] for the keys of all `rows`. Their shards are locked once each: between two locks the processor
    /// would wait for the memory of every single row.
    pub(crate) fn get_all(&self, rows: &[Row], version: u64) -> Vec<Option<Option<Value>>> {
        let mut found = vec![None; rows.len()];
        for group in self.by_shard(rows).chunk_by(|(a, _), (b, _)| shard_of(*a) == shard_of(*b)) {
            let Some((first, _)) = group.first() else { continue };
            let shard = self.shards[shard_of(*first)].read();
            for (hash, at) in group {
                found[*at] = shard.get(*hash, &rows[*at].0, version).map(|(value, _)| {
                    if value.is_empty() { None } else { Some(Value::from_slice(value)) }
                });
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

    /// Follows a commit: from now on the cache is current for `version`, which wrote `rows`. Must end before anybody
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

    /// Forgets everything; current for `version` from now on.
    pub(crate) fn clear(&self, version: u64) {
        for shard in &self.shards {
            let mut shard = shard.write();
            shard.current = version;
            shard.young = Generation::default();
            shard.old = Generation::default();
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

/// The hash tables use the lowest and the highest bits.
fn shard_of(hash: u64) -> usize {
    (hash >> 32) as usize % SHARDS
}

impl Shard {
    /// The value as `version` sees it, and whether it lies in the old generation.
    fn get(&self, hash: u64, key: &[u8], version: u64) -> Option<(&Value, bool)> {
        let young = self.young.find(hash, key);
        let entry = young.or_else(|| self.old.find(hash, key))?;
        let usable = entry.since <= version && version <= self.current;
        usable.then_some((&entry.value, young.is_none()))
    }

    fn put(&mut self, hasher: &DefaultHashBuilder, hash: u64, key: &[u8], value: Option<&Value>, since: u64) {
        let value = value.map(|value| Value::from_slice(value)).unwrap_or_default();
        if let Some(entry) = self.young.entries.find_mut(hash, |entry| entry.key.as_slice() == key) {
            let before = spilled(&entry.value);
            self.young.spilled = self.young.spilled.saturating_sub(before).saturating_add(spilled(&value));
            (entry.value, entry.since) = (value, since);
        } else {
            self.old.take(hash, key);
            self.insert(hasher, hash, Entry { key: Key::from_slice(key), value, since });
        }
    }

    /// Moves an old row to the young ones, if it is still there.
    fn keep(&mut self, hasher: &DefaultHashBuilder, hash: u64, key: &[u8]) {
        if let Some(entry) = self.old.take(hash, key) {
            self.insert(hasher, hash, entry);
        }
    }

    fn insert(&mut self, hasher: &DefaultHashBuilder, hash: u64, entry: Entry) {
        let more = spilled(&entry.key).saturating_add(spilled(&entry.value));
        if self.young.bytes_with_one_more().saturating_add(more) > self.half {
            self.old = std::mem::take(&mut self.young);
            if self.young.bytes_with_one_more().saturating_add(more) > self.half {
                return;
            }
        }
        self.young.spilled = self.young.spilled.saturating_add(more);
        self.young.entries.insert_unique(hash, entry, |entry| hasher.hash_one(entry.key.as_slice()));
    }
}

impl Generation {
    fn find(&self, hash: u64, key: &[u8]) -> Option<&Entry> {
        self.entries.find(hash, |entry| entry.key.as_slice() == key)
    }

    fn take(&mut self, hash: u64, key: &[u8]) -> Option<Entry> {
        let (entry, _) = self.entries.find_entry(hash, |entry| entry.key.as_slice() == key).ok()?.remove();
        self.spilled = self.spilled.saturating_sub(spilled(&entry.key)).saturating_sub(spilled(&entry.value));
        Some(entry)
    }

    /// What it will take with another entry: the table doubles when it is full.
    fn bytes_with_one_more(&self) -> usize {
        let entries = &self.entries;
        let table = match entries.allocation_size() {
            0 => size_of::<Entry>().saturating_mul(4),
            size if entries.len() == entries.capacity() => size.saturating_mul(2),
            size => size,
        };
        table.saturating_add(self.spilled)
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
            for generation in [&shard.young, &shard.old] {
                let heap = generation.entries.iter().map(|entry| spilled(&entry.value)).sum::<usize>();
                assert_eq!(generation.spilled, heap);
                assert!(generation.entries.allocation_size() + heap <= limit / SHARDS / 2);
                kept += generation.entries.len();
            }
        }
        assert!(kept > 1000, "{kept}");
        let found = (0..50_000u32).filter_map(|n| cache.get(&n.to_be_bytes(), 1).map(|found| (n, found.unwrap())));
        assert!(found.inspect(|(n, found)| assert_eq!(*found, value(*n))).count() > 500);
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
