//! Pages: how every question asks for a part of a list.

use borsh::{BorshDeserialize, BorshSerialize};

use crate::{Key, cell::KeyPart};

/// The most rows that an answer holds.
pub const MAX_ROWS: u16 = 200;

/// The part of a list that a question asks for. Lists are in the order of their keys; whoever wants all of one asks
/// again with the key of the last row received, until a page is empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Page<K> {
    /// The key after which the page begins, itself left out; the key need not be in the list. `None` begins with the
    /// first row.
    pub after: Option<K>,
    /// The most rows of the page; more than [`MAX_ROWS`] are never given.
    pub limit: u16,
}

impl<K> Page<K> {
    /// The largest page after a key, or from the first row on.
    pub const fn largest(after: Option<K>) -> Self {
        Self { after, limit: MAX_ROWS }
    }

    /// The most rows that the answer may hold.
    pub fn size(&self) -> usize {
        self.limit.min(MAX_ROWS).into()
    }
}

impl<K: KeyPart> Page<K> {
    /// The smallest key of state that the page may hold, where all keys of the list begin with `prefix`.
    pub(crate) fn start(&self, prefix: &Key) -> Key {
        let mut start = prefix.clone();
        if let Some(after) = &self.after {
            after.write(&mut start);
            // Nothing sorts between a key and the same with a zero byte more.
            start.push(0);
        }
        start
    }
}
