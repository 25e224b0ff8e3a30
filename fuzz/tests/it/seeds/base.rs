//! Seeds from headers that are known, and from proofs that a local Base gave once.

use diem_base::{BlockHeader, CheckpointProof};
use serde_json::Value;

use super::{Seed, named};

/// The address of a bridge, and the proof of a checkpoint after its first batch and before it.
const PROOF: &[u8] = include_bytes!("../../data/checkpoint_proof");
const WITHOUT_SUPPLY: &[u8] = include_bytes!("../../data/checkpoint_proof_without_supply");

pub(super) fn all() -> Vec<Seed> {
    [headers(), proofs()].concat()
}

/// The headers of `client/base`'s known answers, as JSON and as bytes.
fn headers() -> Vec<Seed> {
    let known: Vec<Value> =
        serde_json::from_str(include_str!("../../../../client/base/tests/data/headers.json")).unwrap();
    let mut seeds = Vec::new();
    for known in &known {
        let name = known["fork"].as_str().unwrap().to_lowercase();
        let json = serde_json::to_vec(&known["block"]).unwrap();
        let raw = BlockHeader::from_json(&json).unwrap().raw().to_vec();
        seeds.push(("base_header", format!("{name}-json"), json));
        seeds.push(("base_header", format!("{name}-cut"), raw[..raw.len() - 1].to_vec()));
        seeds.push(("base_header", name, raw));
    }
    seeds
}

fn proofs() -> Vec<Seed> {
    let proof = CheckpointProof::decode(&PROOF[20..]).unwrap();
    let changed = |change: fn(&mut CheckpointProof)| {
        let mut proof = proof.clone();
        change(&mut proof);
        [&PROOF[..20], &proof.encode()].concat()
    };
    named(
        "base_proof",
        vec![
            ("minted", PROOF.to_vec()),
            ("without-supply", WITHOUT_SUPPLY.to_vec()),
            ("cut", PROOF[..PROOF.len() - 1].to_vec()),
            ("no-nodes", changed(|proof| proof.bridge.clear())),
            ("slots-swapped", changed(|proof| proof.slots.swap(0, 2))),
            ("node-twice", changed(|proof| proof.bridge.extend_from_within(..1))),
            ("node-changed", changed(|proof| proof.token[0][5] ^= 1)),
            ("other-header", changed(|proof| proof.header.truncate(40))),
        ],
    )
}
