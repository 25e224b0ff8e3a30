//! The vote by which a consensus key proves itself that never leaves its signer.
//!
//! Signers of consensus keys sign votes and nothing else. So the proof is a precommit of a chain that no genesis may be
//! named after, for a block whose hash stands for the bytes that the key should sign. The signed bytes are those of
//! CometBFT 0.38: its `CanonicalVote` in protobuf, behind its length.

use borsh::{BorshDeserialize, BorshSerialize};
use diem_core::sha256;
use serde::{Deserialize, Serialize};

/// The chain whose votes prove keys. A genesis of this name is refused, so that no vote of a real block is a proof.
pub const PROOF_CHAIN_ID: &str = "diem-key-proof-1";

/// The first and the last second that a vote may name: those of the years 1 to 9999, as protobuf's timestamps say.
const SECONDS: std::ops::RangeInclusive<i64> = -62_135_596_800..=253_402_300_799;
const NANOS_PER_SECOND: u32 = 1_000_000_000;

/// A precommit for height 1 and round 0 of the chain `diem-key-proof-1`, which no genesis may be named.
#[derive(Debug, Clone, Copy, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyVote {
    /// The time that the signer put into the vote: seconds since 1970.
    pub seconds: i64,
    /// The nanoseconds of that time, below 10^9.
    pub nanos: u32,
    /// The signature by the consensus key: R and s. An extension signature that a signer adds is no part of the proof.
    #[serde(with = "hex::serde")]
    pub signature: [u8; 64],
}

/// The bytes that a signer signs for `message` at this time; `None` if no vote can have that time.
pub fn sign_bytes(message: &[u8], seconds: i64, nanos: u32) -> Option<Vec<u8>> {
    if !SECONDS.contains(&seconds) || nanos >= NANOS_PER_SECOND {
        return None;
    }
    let hash = sha256(&[message]);
    let mut parts = Vec::new();
    number(&mut parts, 1, 1); // total
    bytes(&mut parts, 2, &hash);
    let mut block_id = Vec::new();
    bytes(&mut block_id, 1, &hash);
    bytes(&mut block_id, 2, &parts);
    let mut timestamp = Vec::new();
    number(&mut timestamp, 1, seconds.cast_unsigned());
    number(&mut timestamp, 2, nanos.into());
    let mut vote = Vec::new();
    number(&mut vote, 1, 2); // the type of a precommit
    key(&mut vote, 2, FIXED_64);
    vote.extend_from_slice(&1_i64.to_le_bytes()); // the height; round 0 is left out, as every zero is
    bytes(&mut vote, 4, &block_id);
    bytes(&mut vote, 5, &timestamp);
    bytes(&mut vote, 6, PROOF_CHAIN_ID.as_bytes());
    let mut signed = Vec::new();
    varint(&mut signed, vote.len() as u64);
    signed.extend_from_slice(&vote);
    Some(signed)
}

/// The wire types of protobuf: a varint, eight fixed bytes, and length-delimited bytes.
const VARINT: u64 = 0;
const FIXED_64: u64 = 1;
const BYTES: u64 = 2;

fn key(out: &mut Vec<u8>, field: u64, wire_type: u64) {
    varint(out, (field << 3) | wire_type);
}

/// Writes a number, or nothing if it is 0: the default of a field has no bytes.
fn number(out: &mut Vec<u8>, field: u64, value: u64) {
    if value != 0 {
        key(out, field, VARINT);
        varint(out, value);
    }
}

fn bytes(out: &mut Vec<u8>, field: u64, value: &[u8]) {
    key(out, field, BYTES);
    varint(out, value.len() as u64);
    out.extend_from_slice(value);
}

/// Writes seven bits a byte, the lowest first; the highest bit says that more follow.
fn varint(out: &mut Vec<u8>, value: u64) {
    let [lowest, ..] = value.to_le_bytes();
    if value <= 0x7f {
        return out.push(lowest);
    }
    out.push(lowest | 0x80);
    varint(out, value >> 7);
}
