//! Known answers from the tests of other projects; `tests/data/README.md` says whose.
#![allow(clippy::unwrap_used)]

use alloy_primitives::{Address, B256, Bytes};
use serde::Deserialize;
use serde_json::Value;

#[derive(Deserialize)]
pub(crate) struct KnownHeader {
    pub(crate) name: String,
    pub(crate) fork: String,
    pub(crate) block: Value,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct KnownProofs {
    pub(crate) mainnet: Mainnet,
    pub(crate) test_chain: TestChain,
}

/// An account and a slot of a block whose header is known, and what is proven not to be there by so many of the nodes.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Mainnet {
    pub(crate) block: B256,
    pub(crate) address: Address,
    pub(crate) code_hash: B256,
    pub(crate) storage_hash: B256,
    pub(crate) account_proof: Vec<Bytes>,
    pub(crate) slot: u64,
    pub(crate) value: B256,
    pub(crate) slot_proof: Vec<Bytes>,
    pub(crate) absent_address: Address,
    pub(crate) absent_account_nodes: usize,
    pub(crate) absent_slot: u64,
    pub(crate) absent_slot_nodes: usize,
}

/// An account whose slot was never written.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct TestChain {
    pub(crate) state_root: B256,
    pub(crate) address: Address,
    pub(crate) code_hash: B256,
    pub(crate) storage_hash: B256,
    pub(crate) account_proof: Vec<Bytes>,
    pub(crate) absent_slot: u64,
    pub(crate) slot_proof: Vec<Bytes>,
}

pub(crate) fn headers() -> Vec<KnownHeader> {
    serde_json::from_str(include_str!("../tests/data/headers.json")).unwrap()
}

pub(crate) fn proofs() -> KnownProofs {
    serde_json::from_str(include_str!("../tests/data/proofs.json")).unwrap()
}

pub(crate) fn nodes(nodes: &[Bytes]) -> Vec<Vec<u8>> {
    nodes.iter().map(|node| node.to_vec()).collect()
}
