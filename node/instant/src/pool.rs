//! The transactions that wait for a block, in the order of their arrival.

use std::collections::{BTreeSet, VecDeque};

use bytes::Bytes;
use diem_core::tx::TxHash;

/// The most transactions that wait in the pool.
const MAX_TXS: usize = 100_000;
/// The most bytes of transactions that wait in the pool.
const MAX_BYTES: usize = 256 * 1024 * 1024;

/// The pool of transactions that wait for a block.
#[derive(Default)]
pub(crate) struct Pool {
    queue: VecDeque<(TxHash, Bytes)>,
    known: BTreeSet<TxHash>,
    bytes: usize,
}

impl Pool {
    pub(crate) fn len(&self) -> usize {
        self.queue.len()
    }

    pub(crate) fn has_room(&self, tx: &Bytes) -> bool {
        self.queue.len() < MAX_TXS && self.bytes.saturating_add(tx.len()) <= MAX_BYTES
    }

    pub(crate) fn knows(&self, hash: &TxHash) -> bool {
        self.known.contains(hash)
    }

    pub(crate) fn push(&mut self, hash: TxHash, tx: Bytes) {
        if self.known.insert(hash) {
            self.bytes = self.bytes.saturating_add(tx.len());
            self.queue.push_back((hash, tx));
        }
    }

    /// Removes the committed transactions, and of the others those for which `stays` is false; it is asked in order.
    pub(crate) fn update(&mut self, committed: &[TxHash], mut stays: impl FnMut(&Bytes) -> bool) {
        let committed: BTreeSet<&TxHash> = committed.iter().collect();
        self.queue.retain(|(hash, tx)| !committed.contains(hash) && stays(tx));
        self.known = self.queue.iter().map(|(hash, _)| *hash).collect();
        self.bytes = self.queue.iter().map(|(_, tx)| tx.len()).sum();
    }

    /// Removes all transactions of the pool.
    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }

    /// Returns all transactions in order.
    pub(crate) fn all(&self) -> Vec<Bytes> {
        self.queue.iter().map(|(_, tx)| tx.clone()).collect()
    }
}
