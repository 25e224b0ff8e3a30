//! What a block of Base proves of the bridge: its header, and the ways from the header's root to the accounts and slots
//! that a checkpoint states.
//!
//! A proof proves itself, whoever sends it. What it does not prove is that its block is one of the chain: that is what
//! several endpoints are asked for ([`crate::Quorum`]).

use alloy_primitives::U256;
use alloy_rlp::Decodable;
use alloy_trie::TrieAccount;
use borsh::{BorshDeserialize, BorshSerialize};
use diem_bridge::{
    BRIDGE_STATE_SLOT, BridgeState, Checkpoint, ROLLING_HASH_SLOT, SET_HASH_SLOT, TOTAL_SUPPLY_SLOT, token_address,
};
use diem_core::{Address, Amount, keccak256};

use crate::{
    header::{BlockHeader, HeaderError},
    trie::{TrieError, look_up},
};

/// The longest proof of a checkpoint, in bytes. One of Base has about 15,000.
pub const MAX_PROOF_BYTES: usize = 128 << 10;

/// The slots of the bridge that a checkpoint proves.
pub(crate) const BRIDGE_SLOTS: [u64; 3] = [BRIDGE_STATE_SLOT, ROLLING_HASH_SLOT, SET_HASH_SLOT];

/// The parts of a proof, as errors name them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// The account of the bridge, or another that was asked for.
    Account,
    /// The account of the bridge's token.
    Token,
    /// A slot of the bridge.
    Slot(u64),
    /// The slot with the supply of the token.
    Supply,
}

impl std::fmt::Display for Part {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Account => f.write_str("the account"),
            Self::Token => f.write_str("the account of the token"),
            Self::Slot(slot) => write!(f, "slot {slot}"),
            Self::Supply => f.write_str("the supply of the token"),
        }
    }
}

/// The reason why a proof proves nothing of the bridge.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProofError {
    /// The header is none.
    #[error(transparent)]
    Header(#[from] HeaderError),
    /// The bytes are no proof.
    #[error("the bytes are no proof of a checkpoint: there are more than {MAX_PROOF_BYTES}, or they are cut off")]
    Bytes,
    /// The way to a part of it is broken.
    #[error("the proof of {part} does not hold: {error}")]
    Way {
        /// The part.
        part: Part,
        /// The fault of the way.
        error: TrieError,
    },
    /// What is proven to be there is nothing of that kind.
    #[error("what the proof shows as {0} is none")]
    Value(Part),
    /// It is proven that the bridge or its token is not there in this block, or that it is another contract.
    #[error("block {number} of Base has no bridge at {}: {missing} is not there", .bridge.to_hex())]
    NoBridge {
        /// The number of the block.
        number: u64,
        /// The address that was asked for.
        bridge: Address,
        /// The part that is missing.
        missing: Part,
    },
}

/// An account of Base, as far as it matters here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Account {
    /// The keccak of its code; that of nothing for an account without code.
    pub code_hash: [u8; 32],
    /// The root of its storage.
    pub storage_root: [u8; 32],
}

/// The account at an address under this root, or `None` if the nodes prove that there is none.
pub(crate) fn account(
    state_root: &[u8; 32],
    address: &Address,
    nodes: &[Vec<u8>],
    part: Part,
) -> Result<Option<Account>, ProofError> {
    let found = look_up(state_root, &keccak256(&address.0), nodes).map_err(|error| ProofError::Way { part, error })?;
    let Some(bytes) = found else { return Ok(None) };
    let TrieAccount { storage_root, code_hash, .. } = whole(&bytes, part)?;
    Ok(Some(Account { code_hash: code_hash.0, storage_root: storage_root.0 }))
}

/// The word in a slot; zero if the nodes prove that nothing was written there.
pub(crate) fn slot(storage_root: &[u8; 32], slot: u64, nodes: &[Vec<u8>], part: Part) -> Result<U256, ProofError> {
    let key = keccak256(&U256::from(slot).to_be_bytes::<32>());
    let found = look_up(storage_root, &key, nodes).map_err(|error| ProofError::Way { part, error })?;
    found.map_or(Ok(U256::ZERO), |bytes| whole(&bytes, part))
}

fn whole<T: Decodable>(mut bytes: &[u8], part: Part) -> Result<T, ProofError> {
    let value = T::decode(&mut bytes).map_err(|_| ProofError::Value(part))?;
    if bytes.is_empty() { Ok(value) } else { Err(ProofError::Value(part)) }
}

/// The header of a block and the ways from its root to what a checkpoint states of the bridge. Nothing of it is
/// checked before [`Self::verify`].
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct CheckpointProof {
    /// The bytes of the header.
    pub header: Vec<u8>,
    /// The nodes from the root of all accounts to that of the bridge.
    pub bridge: Vec<Vec<u8>>,
    /// The nodes from the bridge's storage root to its slots 0, 1 and 2.
    pub slots: [Vec<Vec<u8>>; 3],
    /// The nodes from the root of all accounts to that of the token.
    pub token: Vec<Vec<u8>>,
    /// The nodes from the token's storage root to its supply.
    pub supply: Vec<Vec<u8>>,
}

/// What a proof shows of the bridge in a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Facts {
    /// What validators state of the block.
    pub checkpoint: Checkpoint,
    /// The numbers of events and of the stored set, and whether the bridge mints.
    pub state: BridgeState,
    /// The hash of the stored set ([`diem_bridge::ValidatorSet::hash`]).
    pub set_hash: [u8; 32],
    /// The keccak of the bridge's code; [`crate::code_hashes`] says what it should be.
    pub bridge_code: [u8; 32],
    /// The keccak of the token's code.
    pub token_code: [u8; 32],
}

impl CheckpointProof {
    /// Reads a proof as it was kept or sent.
    ///
    /// # Errors
    /// [`ProofError::Bytes`].
    pub fn decode(bytes: &[u8]) -> Result<Self, ProofError> {
        if bytes.len() > MAX_PROOF_BYTES {
            return Err(ProofError::Bytes);
        }
        borsh::from_slice(bytes).map_err(|_| ProofError::Bytes)
    }

    /// The proof as bytes, to be kept or sent.
    pub fn encode(&self) -> Vec<u8> {
        #[expect(clippy::expect_used, reason = "lists of bytes are borsh, and memory takes them")]
        borsh::to_vec(self).expect("lists of bytes")
    }

    /// What the proof shows of the bridge at this address.
    ///
    /// # Errors
    /// [`ProofError`] names the part that does not hold.
    pub fn verify(&self, bridge: &Address) -> Result<Facts, ProofError> {
        let header = BlockHeader::decode(&self.header)?;
        let missing = |missing| ProofError::NoBridge { number: header.number(), bridge: *bridge, missing };
        let account_of = |address: &Address, nodes: &[Vec<u8>], part| {
            account(header.state_root(), address, nodes, part)?.ok_or_else(|| missing(part))
        };
        let contract = account_of(bridge, &self.bridge, Part::Account)?;
        let token = account_of(&token_address(bridge), &self.token, Part::Token)?;
        let word = |number: u64, nodes: &[Vec<u8>]| {
            slot(&contract.storage_root, number, nodes, Part::Slot(number)).map(|word| word.to_be_bytes::<32>())
        };
        let [state, rolling_hash, set_hash] = &self.slots;
        let (state, rolling_hash) = (word(BRIDGE_STATE_SLOT, state)?, word(ROLLING_HASH_SLOT, rolling_hash)?);
        let set_hash = word(SET_HASH_SLOT, set_hash)?;
        // The constructor writes all three, so that a zero is another contract's.
        for (number, word) in BRIDGE_SLOTS.into_iter().zip([state, rolling_hash, set_hash]) {
            if word == [0; 32] {
                return Err(missing(Part::Slot(number)));
            }
        }
        let state = BridgeState::decode(&state).map_err(|_| ProofError::Value(Part::Slot(BRIDGE_STATE_SLOT)))?;
        let supply = slot(&token.storage_root, TOTAL_SUPPLY_SLOT, &self.supply, Part::Supply)?;
        let supply = u128::try_from(supply).map_err(|_| ProofError::Value(Part::Supply))?;
        let checkpoint = Checkpoint {
            number: header.number(),
            block_hash: *header.hash(),
            timestamp: header.timestamp(),
            event_nonce: state.event_nonce,
            rolling_hash,
            supply: Amount::new(supply),
        };
        Ok(Facts { checkpoint, state, set_hash, bridge_code: contract.code_hash, token_code: token.code_hash })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::arithmetic_side_effects)]
    use super::*;
    use alloy_primitives::B256;

    use crate::known::{headers, nodes, proofs};

    #[test]
    fn an_account_and_a_slot_of_ethereum_are_proven_by_a_header_that_is_known() {
        let known = proofs().mainnet;
        let headers = headers().into_iter().map(|known| serde_json::to_vec(&known.block).unwrap());
        let mut headers = headers.map(|block| BlockHeader::from_json(&block).unwrap());
        let header = headers.find(|header| *header.hash() == known.block.0).unwrap();
        let (way, address) = (nodes(&known.account_proof), Address(known.address.into()));
        let found = account(header.state_root(), &address, &way, Part::Account).unwrap().unwrap();
        assert_eq!(found, Account { code_hash: known.code_hash.0, storage_root: known.storage_hash.0 });
        let word = slot(&found.storage_root, known.slot, &nodes(&known.slot_proof), Part::Slot(known.slot)).unwrap();
        assert_eq!(B256::from(word), known.value);

        // Whoever is not there is proven by the nodes up to where his way leaves them.
        let nobody = Address(known.absent_address.into());
        let way = &way[..known.absent_account_nodes];
        assert_eq!(account(header.state_root(), &nobody, way, Part::Account), Ok(None));
        let way = &nodes(&known.slot_proof)[..known.absent_slot_nodes];
        assert_eq!(slot(&found.storage_root, known.absent_slot, way, Part::Supply), Ok(U256::ZERO));
    }

    #[test]
    fn a_slot_that_was_never_written_is_zero() {
        let known = proofs().test_chain;
        let way = nodes(&known.account_proof);
        let found = account(&known.state_root.0, &Address(known.address.into()), &way, Part::Account).unwrap().unwrap();
        assert_eq!(found, Account { code_hash: known.code_hash.0, storage_root: known.storage_hash.0 });
        let way = nodes(&known.slot_proof);
        assert_eq!(slot(&found.storage_root, known.absent_slot, &way, Part::Supply), Ok(U256::ZERO));
    }

    #[test]
    fn no_byte_of_a_proof_can_be_changed_and_no_node_left_out_added_or_moved() {
        let known = proofs().mainnet;
        let (root, good) = (known.storage_hash.0, nodes(&known.slot_proof));
        let judge = |nodes: &[Vec<u8>]| slot(&root, known.slot, nodes, Part::Slot(known.slot));
        assert!(judge(&good).is_ok());
        for node in 0..good.len() {
            for place in 0..good[node].len() {
                let mut changed = good.clone();
                changed[node][place] ^= 1;
                assert!(judge(&changed).is_err(), "node {node}, byte {place}");
            }
            let mut fewer = good.clone();
            fewer.remove(node);
            assert!(judge(&fewer).is_err(), "node {node} left out");
            let more = [&good[..node], &good[node..=node], &good[node..]].concat();
            assert!(judge(&more).is_err(), "node {node} twice");
        }
        let moved: Vec<Vec<u8>> = good.iter().rev().cloned().collect();
        assert!(judge(&moved).is_err());
        assert!(slot(&[7; 32], known.slot, &good, Part::Supply).is_err(), "of another root");
        // What is there cannot be shown as absent, nor what is absent as there.
        assert!(judge(&good[..known.absent_slot_nodes]).is_err());
        assert!(slot(&root, known.absent_slot, &good, Part::Supply).is_err());
    }

    #[test]
    fn bytes_that_are_no_proof_are_refused() {
        assert_eq!(CheckpointProof::decode(&[]), Err(ProofError::Bytes));
        assert_eq!(CheckpointProof::decode(&vec![0; MAX_PROOF_BYTES + 1]), Err(ProofError::Bytes));
        // A length of four billion nodes takes no memory.
        assert_eq!(CheckpointProof::decode(&[0xff; 64]), Err(ProofError::Bytes));
        let empty = CheckpointProof {
            header: Vec::new(),
            bridge: Vec::new(),
            slots: Default::default(),
            token: Vec::new(),
            supply: Vec::new(),
        };
        assert_eq!(CheckpointProof::decode(&empty.encode()).unwrap(), empty);
        assert!(matches!(empty.verify(&Address([1; 20])), Err(ProofError::Header(_))));
    }
}
