//! The hashes of the tree: SHA-256 with the domain prefixes that the proof specification names.
//!
//! All inputs but long values have a fixed, short length, so they go to the compression function directly: no buffer,
//! no state machine. `sha2` picks the processor's SHA instructions at run time.

use diem_core::proof::{INNER_PREFIX, LEAF_PREFIX};
use sha2::block_api::compress256;
use sha2::{Digest, Sha256};

/// A SHA-256 hash of 32 bytes.
pub type Hash = [u8; 32];

/// The initial state of SHA-256 (FIPS 180-4, 5.3.3).
const START: [u32; 8] =
    [0x6a09_e667, 0xbb67_ae85, 0x3c6e_f372, 0xa54f_f53a, 0x510e_527f, 0x9b05_688c, 0x1f83_d9ab, 0x5be0_cd19];

/// The longest message that fits into one block with its padding.
const ONE_BLOCK: usize = 55;

/// Hash of a key or a value.
pub fn sha256(data: &[u8]) -> Hash {
    if data.len() > ONE_BLOCK {
        return Sha256::digest(data).into();
    }
    let mut block = [0u8; 64];
    let (text, padding) = block.split_at_mut(data.len());
    text.copy_from_slice(data);
    if let Some(mark) = padding.first_mut() {
        *mark = 0x80;
    }
    // The data has at most 55 bytes, so the length in bits fits into the last two bytes.
    let bits = u16::try_from(data.len().saturating_mul(8)).unwrap_or(0);
    block[62..].copy_from_slice(&bits.to_be_bytes());
    compress(&[block])
}

/// Hash of a leaf.
pub(super) fn leaf_hash(key: &Hash, value: &Hash) -> Hash {
    let mut message = [0u8; 128];
    message[..13].copy_from_slice(&LEAF_PREFIX);
    message[13..45].copy_from_slice(key);
    message[45..77].copy_from_slice(value);
    message[77] = 0x80;
    message[126..].copy_from_slice(&(77u16 * 8).to_be_bytes());
    let (blocks, _) = message.as_chunks();
    compress(blocks)
}

/// The padding of an inner node's second block, after its last 16 of 80 bytes.
const INNER_PADDING: [u8; 48] = {
    let mut padding = [0; 48];
    padding[0] = 0x80;
    [padding[46], padding[47]] = (80u16 * 8).to_be_bytes();
    padding
};

/// Hash of an inner node. Every 16 bytes of the blocks are stored at once: the compression reads them so, and bytes
/// stored singly would have to reach the cache first, behind nodes that were written before.
pub(super) fn inner_hash(left: &Hash, right: &Hash) -> Hash {
    let mut blocks = [[0u8; 64]; 2];
    blocks[0][..16].copy_from_slice(&INNER_PREFIX);
    blocks[0][16..48].copy_from_slice(left);
    blocks[0][48..].copy_from_slice(&right[..16]);
    blocks[1][..16].copy_from_slice(&right[16..]);
    blocks[1][16..].copy_from_slice(&INNER_PADDING);
    compress(&blocks)
}

#[inline(always)]
fn compress(blocks: &[[u8; 64]]) -> Hash {
    let mut state = START;
    compress256(&mut state, blocks);
    let mut hash = [0u8; 32];
    for (bytes, word) in hash.as_chunks_mut::<4>().0.iter_mut().zip(state) {
        *bytes = word.to_be_bytes();
    }
    hash
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_and_long_messages_hash_like_sha2() {
        for len in 0..200u8 {
            let message: Vec<u8> = (0..len).collect();
            assert_eq!(sha256(&message), <Hash>::from(Sha256::digest(&message)), "{len} bytes");
        }
    }

    #[test]
    fn nodes_hash_their_prefix_and_children() {
        let (a, b) = (sha256(b"a"), sha256(b"b"));
        let leaf = Sha256::new().chain_update(LEAF_PREFIX).chain_update(a).chain_update(b).finalize();
        let inner = Sha256::new().chain_update(INNER_PREFIX).chain_update(a).chain_update(b).finalize();
        assert_eq!(leaf_hash(&a, &b), <Hash>::from(leaf));
        assert_eq!(inner_hash(&a, &b), <Hash>::from(inner));
    }
}
