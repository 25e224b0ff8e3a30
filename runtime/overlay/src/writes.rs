//! The writes of a transaction or a block: the last value written to each key.
//!
//! Rows lie in the order of first writing. A hash index finds them once there are more than a few; an ordered index
//! exists only for the tables (first two bytes of a key) that somebody scans, because most writes of a block go to
//! tables that nobody scans, and keeping all of them in order would cost more than everything else here. Neither
//! index can change a result: what leaves is in key order.

use std::collections::BTreeMap;
use std::hash::BuildHasher;
use std::ops::Bound;

use diem_core::storage::{Key, StateRead, Value};
use foldhash::fast::RandomState;
use parking_lot::Mutex;

use crate::places::Places;

/// Up to this many rows are found by a linear scan, which is cheaper than hashing for the overlay of a transaction.
const FEW: usize = 8;

/// Module byte and table byte.
type Table = [u8; 2];

/// The scanned tables, each with its written keys in order and the place of their rows.
type Ordered = BTreeMap<Table, BTreeMap<Key, usize>>;

/// A written row: its key, and the value or `None` where the row is removed.
pub type Row = (Key, Option<Value>);

/// A set of writes, at most one for each key: `Some` sets the row, `None` removes it.
#[derive(Default)]
pub struct WriteSet {
    rows: Vec<Row>,
    hasher: RandomState,
    /// Places of all rows by hash of key; empty while there are [`FEW`].
    index: Places,
    /// The index that scans use. It stands behind a lock because reading builds it.
    ordered: Mutex<Ordered>,
}

impl WriteSet {
    /// A set without writes.
    pub fn new() -> WriteSet {
        WriteSet::default()
    }

    /// The number of written keys.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether nothing is written.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// By how many rows these writes make `base` larger; negative if they make it smaller.
    pub fn growth(&self, base: &dyn StateRead) -> i64 {
        let change = |(key, value): &Row| match (base.get(key).is_some(), value.is_some()) {
            (false, true) => 1,
            (true, false) => -1,
            (true, true) | (false, false) => 0,
        };
        self.rows.iter().map(change).fold(0i64, i64::saturating_add)
    }

    /// The write to `key`: `Some(None)` if the row was removed, `None` if the key was not written.
    pub fn get(&self, key: &[u8]) -> Option<Option<&Value>> {
        self.find(key).and_then(|at| self.rows.get(at)).map(|(_, value)| value.as_ref())
    }

    /// Writes `key`, replacing an earlier write.
    ///
    /// # Panics
    /// If the value is empty: such a row could not be proven.
    pub fn insert(&mut self, key: &[u8], value: Option<Value>) {
        assert!(!value.as_ref().is_some_and(|value| value.is_empty()), "a stored value must not be empty");
        match self.row_mut(key) {
            Some(row) => row.1 = value,
            None => self.push(Key::from_slice(key), value),
        }
    }

    /// Merges later writes into these.
    pub fn merge(&mut self, later: WriteSet) {
        if self.is_empty() {
            *self = later;
            return;
        }
        for (key, value) in later.rows {
            match self.row_mut(&key) {
                Some(row) => row.1 = value,
                None => self.push(key, value),
            }
        }
    }

    /// The writes in key order.
    pub fn iter(&self) -> impl Iterator<Item = (&Key, Option<&Value>)> {
        let mut rows: Vec<&Row> = self.rows.iter().collect();
        rows.sort_unstable_by(|a, b| a.0.cmp(&b.0));
        rows.into_iter().map(|(key, value)| (key, value.as_ref()))
    }

    /// The rows, in no order that anybody may rely on.
    pub fn rows(&self) -> &[Row] {
        &self.rows
    }

    fn row_mut(&mut self, key: &[u8]) -> Option<&mut Row> {
        self.find(key).and_then(|at| self.rows.get_mut(at))
    }

    fn find(&self, key: &[u8]) -> Option<usize> {
        if self.rows.len() <= FEW {
            return self.rows.iter().position(|(k, _)| k.as_slice() == key);
        }
        self.index.find(self.hasher.hash_one(key), |at| self.rows.get(at).is_some_and(|(k, _)| k.as_slice() == key))
    }

    /// Adds a row that is not there yet.
    fn push(&mut self, key: Key, value: Option<Value>) {
        let at = self.rows.len();
        if let Some(table) = table_of(&key)
            && let Some(keys) = self.ordered.get_mut().get_mut(&table)
        {
            keys.insert(key.clone(), at);
        }
        self.rows.push((key, value));
        if at >= FEW {
            let first = if at == FEW { 0 } else { at };
            for (place, (key, _)) in self.rows.iter().enumerate().skip(first) {
                self.index.insert(self.hasher.hash_one(key.as_slice()), place);
            }
        }
    }

    /// Calls `scan` with the written rows of `start <= key < end` in key order. `scan` must not read from this set.
    pub(crate) fn scan<R>(
        &self,
        start: &[u8],
        end: Option<&[u8]>,
        scan: impl FnOnce(&mut dyn Iterator<Item = &Row>) -> R,
    ) -> R {
        if self.is_empty() || end.is_some_and(|end| end <= start) {
            return scan(&mut std::iter::empty());
        }
        let Some(table) = single_table(start, end).filter(|_| self.rows.len() > FEW) else {
            let inside = |key: &Key| key.as_slice() >= start && end.is_none_or(|end| key.as_slice() < end);
            let mut rows: Vec<&Row> = self.rows.iter().filter(|(key, _)| inside(key)).collect();
            rows.sort_unstable_by(|a, b| a.0.cmp(&b.0));
            return scan(&mut rows.into_iter());
        };
        let mut ordered = self.ordered.lock();
        let keys = ordered.entry(table).or_insert_with(|| self.keys_of(table));
        let end = end.map_or(Bound::Unbounded, Bound::Excluded);
        let mut rows = keys.range::<[u8], _>((Bound::Included(start), end)).filter_map(|(_, at)| self.rows.get(*at));
        scan(&mut rows)
    }

    fn keys_of(&self, table: Table) -> BTreeMap<Key, usize> {
        let rows = self.rows.iter().enumerate();
        rows.filter(|(_, (key, _))| table_of(key) == Some(table)).map(|(at, (key, _))| (key.clone(), at)).collect()
    }
}

impl Clone for WriteSet {
    fn clone(&self) -> Self {
        let (rows, hasher, index) = (self.rows.clone(), self.hasher.clone(), self.index.clone());
        WriteSet { rows, hasher, index, ordered: Mutex::default() }
    }
}

impl PartialEq for WriteSet {
    fn eq(&self, other: &Self) -> bool {
        self.len() == other.len() && self.iter().eq(other.iter())
    }
}

impl Eq for WriteSet {}

impl std::fmt::Debug for WriteSet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

impl FromIterator<Row> for WriteSet {
    fn from_iter<I: IntoIterator<Item = Row>>(rows: I) -> Self {
        let mut writes = WriteSet::new();
        for (key, value) in rows {
            writes.insert(&key, value);
        }
        writes
    }
}

fn table_of(key: &[u8]) -> Option<Table> {
    key.first_chunk().copied()
}

/// The one table that holds all keys of the range, if there is such a table.
fn single_table(start: &[u8], end: Option<&[u8]>) -> Option<Table> {
    let table = table_of(start)?;
    let next = diem_core::storage::prefix_end(&table);
    let within = match (end, next) {
        (_, None) => true,
        (Some(end), Some(next)) => end <= next.as_slice(),
        (None, Some(_)) => false,
    };
    within.then_some(table)
}
