//! The two ways in which execution sees state: reading rows and writing rows.
//!
//! Everything above the store (cells, contexts, modules) speaks to these traits only, so that the same code runs on
//! committed state, on an overlay and on a past height.

use smallvec::SmallVec;

/// A storage key: module byte, table byte, then order-preserving parts. Most keys fit inline.
pub type Key = SmallVec<[u8; 32]>;

/// A stored value: borsh, never empty (an empty value cannot be proven). Most values fit inline.
pub type Value = SmallVec<[u8; 64]>;

/// Reads rows. Reads cannot fail: a store that cannot be read ends the process with a sentence that says so, because
/// half a node is worse than none. It is shared between threads, which may read but never write.
pub trait StateRead: Sync {
    /// The value under `key`, or `None` if there is no such row.
    fn get(&self, key: &[u8]) -> Option<Value>;

    /// At most `limit` rows with `start <= key < end` in ascending key order. `end = None` means up to the last key.
    fn range(&self, start: &[u8], end: Option<&[u8]>, limit: usize) -> Vec<(Key, Value)>;
}

/// Writes rows. A write is visible to later reads through the same object.
pub trait StateWrite: StateRead {
    /// Sets the row. `value` must not be empty.
    fn set(&mut self, key: &[u8], value: Value);

    /// Removes the row; removing an absent row does nothing.
    fn remove(&mut self, key: &[u8]);
}

/// The smallest key greater than every key that starts with `prefix`, or `None` if there is none.
pub fn prefix_end(prefix: &[u8]) -> Option<Key> {
    let last = prefix.iter().rposition(|b| *b != 0xff)?;
    let mut end = Key::from_slice(prefix.get(..=last)?);
    if let Some(byte) = end.last_mut() {
        *byte = byte.wrapping_add(1);
    }
    Some(end)
}
