//! The hashes of the tree: SHA-256 with the domain prefixes that the proof specification names.
//!
//! All inputs but long values have a fixed, short length, so they go to the compression function directly: no buffer,
//! no state machine. `sha2` picks the processor's SHA instructions at run time.

use diem_core::proof::{INNER_PREFIX, LEAF_PREFIX};
use sha2::block_api::compress256;
use sha2::{Digest, Sha256};

/// A SHA-256 hash.
pub type Hash = [u8; 32];

/// The initial state of SHA-256 (FIPS 180-4, 5.3.3).
const START: [u32; 8] = [
    0x6a09_e667,
    0xbb67_ae85,
    0x3c6e_f372,
    0xa54f_f53a,
    0x510e_527f,
    0x9b05_688c,
    0x1f83_d9ab,
    0x5be0_cd19,
];

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
    // At most 55 bytes, so the length in bits fits into the last two bytes.
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
    two_blocks(message, 77)
}

/// Hash of an inner node.
pub(super) fn inner_hash(left: &Hash, right: &Hash) -> Hash {
    let mut message = [0u8; 128];
    message[..16].copy_from_slice(&INNER_PREFIX);
    message[16..48].copy_from_slice(left);
    message[48..80].copy_from_slice(right);
    two_blocks(message, 80)
}

/// Pads a message of `len` bytes, 56 to 119, and hashes it.
#[inline(always)]
fn two_blocks(mut message: [u8; 128], len: u16) -> Hash {
    message[usize::from(len)] = 0x80;
    message[126..].copy_from_slice(&len.wrapping_mul(8).to_be_bytes());
    let (blocks, _) = message.as_chunks::<64>();
    compress(blocks)
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
