//! Which block has written a row, so that the store can prune the index without knowing it.
//!
//! Every row belongs to the block that wrote it, whatever it tells of, and goes with that block: a node that began at a
//! height has the same rows as one that pruned up to it.

use diem_core::Key;
use diem_store::{IndexLayout, Written};

use crate::{BLOCK, BLOCK_HASH, NODE_PREFIX, PAID, TX_HASH, TXS, bridge, height_key};

/// The second byte of the keys, behind [`NODE_PREFIX`], under which the node keeps a row of each height.
const NODE_BLOCK: u8 = b'i';

/// How the store prunes this index.
pub const LAYOUT: IndexLayout = IndexLayout { written, below };

/// The key of the row that the node around the runtime keeps of a height. It is pruned with the rows of that height.
pub fn node_block_key(height: u64) -> Key {
    let mut key = Key::from_slice(&[NODE_PREFIX, NODE_BLOCK]);
    key.extend_from_slice(&height.to_be_bytes());
    key
}

fn written(key: &[u8], value: &[u8]) -> Written {
    let found = match key {
        [BLOCK | TXS, rest @ ..] | [NODE_PREFIX, NODE_BLOCK, rest @ ..] => height(rest.first_chunk()),
        [TX_HASH | BLOCK_HASH, ..] => height(value.first_chunk()),
        // A payment ends with its height.
        [PAID, ..] => value.last_chunk().map(|height| Written::Height(u64::from_le_bytes(*height))),
        _ => bridge::written(key, value),
    };
    found.unwrap_or(Written::Unknown)
}

/// A height as it stands in keys, and in the rows by hash.
pub(crate) fn height(bytes: Option<&[u8; 8]>) -> Option<Written> {
    bytes.map(|height| Written::Height(u64::from_be_bytes(*height)))
}

fn below(height: u64) -> Vec<[Key; 2]> {
    let range = |kind| [height_key(kind, 0), height_key(kind, height)];
    vec![range(BLOCK), range(TXS), [node_block_key(0), node_block_key(height)]]
}
