//! Small state tries: their roots and proofs.

use std::collections::BTreeMap;

use alloy_primitives::{Address, B256, Bytes, U256, keccak256};
use alloy_trie::{EMPTY_ROOT_HASH, HashBuilder, Nibbles, TrieAccount, proof::ProofRetainer};
use serde_json::{Value, json};

use crate::json::{bytes, quantity, small};

/// The leaves of a trie by the keccak of their keys, each in RLP.
type Leaves = BTreeMap<B256, Vec<u8>>;

/// An account of the state.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Account {
    pub(crate) nonce: u64,
    pub(crate) balance: U256,
    /// The keccak of its code; `None` where there is no code.
    pub(crate) code_hash: Option<B256>,
    /// The slots that are not zero.
    pub(crate) slots: BTreeMap<U256, U256>,
}

impl Account {
    fn storage(&self) -> Leaves {
        let leaf = |(slot, value): (&U256, &U256)| (keccak256(slot.to_be_bytes::<32>()), alloy_rlp::encode(value));
        self.slots.iter().map(leaf).collect()
    }

    fn record(&self) -> TrieAccount {
        let mut record = TrieAccount { nonce: self.nonce, balance: self.balance, ..TrieAccount::default() };
        record.storage_root = prove(&self.storage(), None).0;
        record.code_hash = self.code_hash.unwrap_or(record.code_hash);
        record
    }
}

/// A state of few accounts, each with few slots.
#[derive(Debug, Clone, Default)]
pub(crate) struct State(pub(crate) BTreeMap<Address, Account>);

impl State {
    fn leaves(&self) -> Leaves {
        let existing = self.0.iter().filter(|(_, account)| **account != Account::default());
        existing.map(|(address, account)| (keccak256(address), alloy_rlp::encode(account.record()))).collect()
    }

    /// The state root.
    pub(crate) fn root(&self) -> B256 {
        prove(&self.leaves(), None).0
    }

    /// The value of a slot.
    pub(crate) fn slot(&self, address: &Address, slot: &U256) -> U256 {
        self.0.get(address).and_then(|account| account.slots.get(slot)).copied().unwrap_or_default()
    }

    /// The answer to `eth_getProof` (EIP-1186). The keys of slots are shown as they were asked for; one that is no
    /// number counts as slot 0.
    pub(crate) fn proof(&self, address: &Address, keys: &[Value]) -> Value {
        let none = Account::default();
        let account = self.0.get(address).unwrap_or(&none);
        let (record, storage) = (account.record(), account.storage());
        let slot = |key: &Value| {
            let slot: U256 = key.as_str().and_then(|key| key.parse().ok()).unwrap_or_default();
            let proof = prove(&storage, Some(keccak256(slot.to_be_bytes::<32>()))).1;
            json!({"key": key, "value": quantity(self.slot(address, &slot)), "proof": nodes(proof)})
        };
        json!({
            "address": bytes(address),
            "accountProof": nodes(prove(&self.leaves(), Some(keccak256(address))).1),
            "balance": quantity(record.balance),
            "codeHash": bytes(record.code_hash),
            "nonce": small(record.nonce),
            "storageHash": bytes(record.storage_root),
            "storageProof": keys.iter().map(slot).collect::<Vec<_>>(),
        })
    }
}

fn nodes(proof: Vec<Bytes>) -> Value {
    proof.into_iter().map(bytes).collect()
}

/// The root of a trie, and the nodes from it to a key, or to where the key would be.
fn prove(leaves: &Leaves, key: Option<B256>) -> (B256, Vec<Bytes>) {
    if leaves.is_empty() {
        return (EMPTY_ROOT_HASH, Vec::new());
    }
    let targets = key.iter().map(Nibbles::unpack).collect();
    let mut builder = HashBuilder::default().with_proof_retainer(ProofRetainer::new(targets));
    for (key, value) in leaves {
        builder.add_leaf(Nibbles::unpack(key), value);
    }
    let root = builder.root();
    (root, builder.take_proof_nodes().into_nodes_sorted().into_iter().map(|(_, node)| node).collect())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::arithmetic_side_effects)]
    use alloy_primitives::address;

    use super::*;

    #[test]
    fn every_proof_and_every_proof_of_absence_holds() {
        let token = address!("1111111111111111111111111111111111111111");
        let slots = (0..20).map(|slot| (U256::from(slot), U256::from(slot) + U256::from(7))).collect();
        let account = Account { nonce: 1, slots, ..Account::default() };
        let state = State(BTreeMap::from([(token, account.clone()), (Address::ZERO, account)]));
        for slot in [0_u64, 19, 20, 1_000] {
            let key = keccak256(U256::from(slot).to_be_bytes::<32>());
            let account = state.0[&token].clone();
            let (root, proof) = prove(&account.storage(), Some(key));
            let expected = account.slots.get(&U256::from(slot)).map(alloy_rlp::encode);
            alloy_trie::proof::verify_proof(root, Nibbles::unpack(key), expected, &proof).unwrap();
        }
        for address in [token, Address::ZERO, address!("2222222222222222222222222222222222222222")] {
            let (key, expected) =
                (keccak256(address), state.0.get(&address).map(|one| alloy_rlp::encode(one.record())));
            let (root, proof) = prove(&state.leaves(), Some(key));
            assert_eq!(root, state.root());
            alloy_trie::proof::verify_proof(root, Nibbles::unpack(key), expected, &proof).unwrap();
        }
    }
}
