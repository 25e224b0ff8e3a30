//! What a node knows about the signatures of its own validator key, and the mark of its last start. No block makes these
//! rows and no rollback takes them back: what was signed stays signed.

use borsh::{BorshDeserialize, BorshSerialize};
use diem_core::{Key, context::ConsensusAddress, encode};
use diem_store::IndexOp;

use crate::{Index, NODE_PREFIX, key};

const SIGNED: u8 = b'g';
const MARK: u8 = b'm';

/// The highest heights that a key is known to have signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, BorshSerialize, BorshDeserialize)]
pub struct Signed {
    /// The highest height whose commit in a block has a signature of the key, for a block or for none.
    pub in_commits: u64,
    /// The highest height that the signing state of the key had when a block was committed.
    pub in_state: u64,
}

impl Signed {
    /// The higher of both.
    pub fn highest(self) -> u64 {
        self.in_commits.max(self.in_state)
    }

    /// The same without a height of the signing state that the chain had not reached at this height: a vote is for the next
    /// block at most, so that it tells of no vote.
    #[must_use]
    pub const fn reached(self, height: u64) -> Self {
        let is_above = self.in_state > height.saturating_add(1);
        Self { in_state: if is_above { 0 } else { self.in_state }, ..self }
    }
}

/// The mark that a start leaves in the home and in the store, by which a copy of the home is told from the home itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Mark {
    /// A random number.
    pub number: [u8; 16],
    /// The inode of the file in the home that has the number.
    pub inode: u64,
    /// The time at which that file was made, in nanoseconds since 1970; 0 where the file system does not know it. An inode
    /// can be given to another file, but not with an earlier time.
    pub born: u64,
}

fn signed_key(address: &ConsensusAddress) -> Key {
    key(NODE_PREFIX, &[&[SIGNED], address])
}

/// The change that keeps what the key of a validator has signed.
pub fn put_signed(address: &ConsensusAddress, signed: Signed) -> IndexOp {
    IndexOp::Put { key: signed_key(address), value: encode(&signed) }
}

/// The change that keeps the mark of a start.
pub fn put_mark(mark: &Mark) -> IndexOp {
    IndexOp::Put { key: key(NODE_PREFIX, &[&[MARK]]), value: encode(mark) }
}

impl Index<'_> {
    /// What the key of a validator is known to have signed.
    pub fn signed(&self, address: &ConsensusAddress) -> Signed {
        let row = self.node_row(&signed_key(address));
        row.and_then(|row| Signed::try_from_slice(&row).ok()).unwrap_or_default()
    }

    /// The mark of the last start; `None` if there was none since the store began.
    pub fn mark(&self) -> Option<Mark> {
        let row = self.node_row(&key(NODE_PREFIX, &[&[MARK]]))?;
        Mark::try_from_slice(&row).ok()
    }
}
