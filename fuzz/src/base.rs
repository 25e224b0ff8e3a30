//! The targets for what endpoints of Base and peers send as proofs.

use diem_base::{BlockHeader, CheckpointProof, MAX_HEADER_BYTES};
use diem_core::{Address, keccak256};

/// Where the root of all accounts lies in the headers of every fork: the list's own three bytes, and three hashes and an
/// address before it.
const STATE_ROOT: std::ops::Range<usize> = 3 + 33 + 33 + 21 + 1..3 + 33 + 33 + 21 + 33;

/// The decoder of headers: of any bytes it says what stands in them, and of JSON only what has its hash.
pub fn base_header(data: &[u8]) {
    if let Ok(header) = BlockHeader::decode(data) {
        assert!(data.len() <= MAX_HEADER_BYTES);
        assert_eq!((header.raw(), *header.hash()), (data, keccak256(data)));
    }
    if let Ok(header) = BlockHeader::from_json(data) {
        assert_eq!(BlockHeader::decode(header.raw()), Ok(header));
    }
}

/// The verifier of checkpoints: the address of a bridge and a proof. It names the block by the hash of its header, and
/// no other bridge is in the same place. Once more with the header changed to have the root of the nodes, so that what
/// lies below a root is reached.
pub fn base_proof(data: &[u8]) {
    let Some((bridge, bytes)) = data.split_first_chunk::<20>() else { return };
    let Ok(mut proof) = CheckpointProof::decode(bytes) else { return };
    assert_eq!(proof.encode(), bytes, "two encodings of one proof");
    judge(&proof, bridge);
    if let (Some(root), Some(first)) = (proof.header.get_mut(STATE_ROOT), proof.bridge.first()) {
        root.copy_from_slice(&keccak256(first));
        judge(&proof, bridge);
    }
}

fn judge(proof: &CheckpointProof, bridge: &[u8; 20]) {
    let Ok(facts) = proof.verify(&Address(*bridge)) else { return };
    assert_eq!(facts.checkpoint.block_hash, keccak256(&proof.header));
    assert_eq!(facts.checkpoint.event_nonce, facts.state.event_nonce);
    let other = bridge.map(|byte| byte ^ 1);
    assert!(proof.verify(&Address(other)).is_err(), "one proof of two bridges");
}
