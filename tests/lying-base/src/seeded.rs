//! Choices that look random and are functions of the seed, of what they are for, and of a number.

use alloy_primitives::{B256, keccak256};

/// The keccak of the seed, the number and the label.
pub(crate) fn hash(seed: u64, label: &str, number: u64) -> B256 {
    let mut bytes = Vec::new();
    bytes.extend_from_slice(&seed.to_be_bytes());
    bytes.extend_from_slice(&number.to_be_bytes());
    bytes.extend_from_slice(label.as_bytes());
    keccak256(bytes)
}

/// A number from the same.
pub(crate) fn number(seed: u64, label: &str, number: u64) -> u64 {
    let mut first = [0; 8];
    for (to, from) in first.iter_mut().zip(hash(seed, label, number)) {
        *to = from;
    }
    u64::from_be_bytes(first)
}

/// A byte from the same, never zero.
pub(crate) fn byte(seed: u64, label: &str, number: u64) -> u8 {
    hash(seed, label, number).first().map_or(1, |byte| byte | 1)
}
