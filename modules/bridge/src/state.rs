//! The tables of bridge.

use borsh::{BorshDeserialize, BorshSerialize};
use diem_core::{
    Address, Amount, Key, StateRead, Time,
    cell::{Item, KeyPart, Map},
    keys::CompactSignature,
};
use serde::{Deserialize, Serialize};

use crate::{Bucket, Domain, ID, OutboundKind, Params, Preimage, Transfer, ValidatorSet};

/// The parameters of the module.
pub(crate) const PARAMS: Item<Params> = Item::new(ID, 0);
/// The name of this chain on Base ([`crate::salt`]). It is set once, by the first `prepare`, and never again.
pub(crate) const SALT: Item<[u8; 32]> = Item::new(ID, 1);
/// The contract, as far as it is known.
pub(crate) const CONTRACT: Item<Contract> = Item::new(ID, 2);
/// The last number of each kind that was issued.
pub(crate) const ISSUED: Item<Issued> = Item::new(ID, 3);
/// The parts of the escrow, by what they are for.
pub(crate) const BOOKS: Item<Books> = Item::new(ID, 4);
/// The bucket of what was sealed of late.
pub(crate) const OUT_BUCKET: Item<Bucket> = Item::new(ID, 5);
/// The transfers, by id.
pub(crate) const TRANSFERS: Map<u64, OutTransfer> = Map::new(ID, 6);
/// The ids of the transfers that wait; the lowest waits longest.
pub(crate) const WAITING: Map<u64, u8> = Map::new(ID, 7);
/// The batches that are open.
pub(crate) const BATCHES: Map<u64, OpenBatch> = Map::new(ID, 8);
/// The hash of the struct that was issued under each kind and nonce: what a validator may sign, and what convicts who
/// signed another one.
pub(crate) const STRUCT_HASHES: Map<(OutboundKind, u64), [u8; 32]> = Map::new(ID, 9);
/// The validator sets, from the one that is installed on Base on.
pub(crate) const SETS: Map<u64, StoredSet> = Map::new(ID, 10);
/// The newest set that has a bridge key.
pub(crate) const KEY_SETS: Map<Address, LastSet> = Map::new(ID, 11);
/// The administrative actions, by nonce.
pub(crate) const ACTIONS: Map<u64, Preimage> = Map::new(ID, 12);
/// The statements for Base, by what they are about and by key.
pub(crate) const STATEMENTS: Map<(OutboundKind, u64, Address), Signed> = Map::new(ID, 13);

/// The contract on Base: what `prepare` fixed of it, and where `activate` found it.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Contract {
    /// The chain id of Base.
    pub chain_id: u64,
    /// The age from which on a set mints nothing, in seconds.
    pub max_set_age: u64,
    /// The capacity of the mint bucket that the constructor gets, in adiem.
    pub mint_capacity: Amount,
    /// The share of it that one mint may be, in basis points.
    pub share_bps: u16,
    /// The guardian that the constructor gets.
    #[serde(with = "crate::on_base")]
    pub guardian: Address,
    /// The place where it lies, once `activate` has said so.
    pub deployed: Option<Deployed>,
    /// Whether a set after set 0 had its quorum. From then on nothing of the above can be changed, and batches are
    /// sealed.
    pub is_ready: bool,
}

/// The place of the contract on Base.
#[derive(Debug, Clone, Copy, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Deployed {
    /// The hash of the code that created it.
    #[serde(with = "hex::serde")]
    pub init_code_hash: [u8; 32],
    /// The block of Base that has it first.
    pub deploy_block: u64,
    /// The address of the bridge.
    #[serde(with = "crate::on_base")]
    pub bridge: Address,
    /// The address of the token.
    #[serde(with = "crate::on_base")]
    pub token: Address,
}

/// The last number of each kind that was issued. None is ever given twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Issued {
    /// The id of the last transfer.
    pub transfers: u64,
    /// The nonce of the last batch.
    pub batches: u64,
    /// The nonce of the newest set.
    pub sets: u64,
    /// The nonce of the last administrative action.
    pub actions: u64,
    /// The id of the last credit.
    pub credits: u64,
    /// The number of batches that are open.
    pub open: u32,
}

/// The parts of the escrow, with fees, and what it lacks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Books {
    /// The transfers that wait, in adiem.
    pub waiting: Amount,
    /// The open batches, in adiem.
    pub open: Amount,
    /// What waits in the queue on Base, in adiem.
    pub queued: Amount,
    /// The part of it of which no item was named yet, in adiem. It is zero once a block of Base is applied.
    pub unnamed: Amount,
    /// The credits that are not paid, in adiem.
    pub owed: Amount,
    /// What the escrow lacks since the bridge was resumed after a breach, in adiem.
    pub uncovered: Amount,
}

/// A transfer to Base.
#[derive(Debug, Clone, Copy, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OutTransfer {
    /// The account that sent it, and that gets it back if it cannot be minted.
    pub sender: Address,
    /// The amount that is minted, and its recipient.
    pub mint: Transfer,
    /// What whoever relays it gets, in adiem.
    pub fee: Amount,
    /// The time at which it was sent.
    pub since: Time,
    /// The batch in which it was sealed.
    pub batch: Option<u64>,
    /// The id of its item in the queue on Base, if it found no room there.
    pub queued: Option<u64>,
}

impl OutTransfer {
    /// The sum of amount and fee. Both were paid by one account, so the sum fits.
    pub const fn total(&self) -> Amount {
        self.mint.amount.saturating_add(self.fee)
    }
}

/// A batch that is neither executed nor refunded.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OpenBatch {
    /// The last second of Base in which it can be executed.
    pub deadline: u64,
    /// The time at which it was sealed.
    pub sealed_at: Time,
    /// The ids of its transfers, in the order of its bytes.
    pub transfers: Vec<u64>,
}

/// A validator set that was made.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StoredSet {
    /// When it was made, in seconds of this chain.
    pub created_at: u64,
    /// The time of the block in which it was made.
    pub made_at: Time,
    /// The set, as the contract reads it ([`ValidatorSet::encode`]).
    #[serde(with = "hex::serde")]
    pub bytes: Vec<u8>,
}

impl StoredSet {
    /// Decodes the set that the row stores.
    ///
    /// # Panics
    /// The row is damaged: only bytes of a set are ever stored.
    pub fn set(&self) -> ValidatorSet {
        match ValidatorSet::decode(&self.bytes) {
            Ok(set) => set,
            Err(error) => panic!("a stored validator set does not decode ({error}): the store is damaged"),
        }
    }
}

/// The newest set that has a bridge key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LastSet {
    /// The nonce of the set.
    pub nonce: u64,
    /// When it was made, in seconds of this chain.
    pub created_at: u64,
}

/// A statement that a bridge key signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Signed {
    /// The digest, which is of another domain where `activate` was repeated since.
    #[serde(with = "hex::serde")]
    pub digest: [u8; 32],
    /// The signature over the digest.
    pub signature: CompactSignature,
}

impl KeyPart for OutboundKind {
    const WIDTH: usize = 1;
    fn write(&self, key: &mut Key) {
        key.push(*self as u8);
    }
    fn read(bytes: &[u8]) -> Option<Self> {
        [Self::Batch, Self::Valset, Self::Admin, Self::Pause].into_iter().find(|kind| [*kind as u8] == bytes)
    }
}

/// The parameters; the defaults before genesis has written any.
pub fn params(state: &dyn StateRead) -> Params {
    PARAMS.get(state).unwrap_or_default()
}

/// The last number of each kind.
pub fn issued(state: &dyn StateRead) -> Issued {
    ISSUED.get(state).unwrap_or_default()
}

/// The parts of the escrow.
pub fn books(state: &dyn StateRead) -> Books {
    BOOKS.get(state).unwrap_or_default()
}

/// The contract, once `prepare` was called.
pub fn contract(state: &dyn StateRead) -> Option<Contract> {
    CONTRACT.get(state)
}

/// The domain in which validators sign, once the contract is known.
pub fn domain(state: &dyn StateRead) -> Option<Domain> {
    let contract = contract(state)?;
    let salt = SALT.get(state)?;
    Some(Domain { base_chain_id: contract.chain_id, bridge: contract.deployed?.bridge, salt })
}

/// The open batch with this nonce.
pub fn open_batch(state: &dyn StateRead, nonce: u64) -> Option<OpenBatch> {
    BATCHES.get(state, &nonce)
}

/// The open batches with their nonces, the oldest first.
pub fn open_batches(state: &dyn StateRead) -> Vec<(u64, OpenBatch)> {
    BATCHES.all(state)
}

/// A validator set that was made.
pub fn stored_set(state: &dyn StateRead, nonce: u64) -> Option<StoredSet> {
    SETS.get(state, &nonce)
}
