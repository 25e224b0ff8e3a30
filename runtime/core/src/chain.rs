//! The rows of the chain as a whole: those under byte 0, which is no module's.

use borsh::{BorshDeserialize, BorshSerialize};
use serde::Serialize;

use crate::{
    ModuleId, StateRead,
    cell::{Item, Map},
};

/// The tables under byte 0, all in one list. A new table takes its number here and nowhere else, and no number is ever
/// reused. The type of a row is declared where it is known: here, in [`crate::clock`], or in the runtime.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum ChainTable {
    /// The identity of the chain: [`IDENTITY`].
    Identity = 0,
    /// The price and the amount of gas.
    Gas = 1,
    /// The height and time of the last block.
    LastBlock = 2,
    /// The failures in a row of each step of a block that may fail, by the number of the step.
    HookFailures = 3,
    // 4 was never used.
    /// The length of a day.
    EpochMs = 5,
    /// The bound on the size of the state.
    Params = 6,
    /// The parameters that consensus was told.
    Consensus = 7,
    /// The storage version of each module: [`STORAGE_VERSIONS`].
    StorageVersions = 8,
}

impl ChainTable {
    /// The row of a table that has one.
    pub const fn item<T: BorshSerialize + BorshDeserialize>(self) -> Item<T> {
        Item::new(ModuleId::CHAIN, self as u8)
    }
}

/// The row that says which chain a state is of. It is what a client asks a proof of before it believes any other row,
/// and what every module reads that names the chain.
pub const IDENTITY: Item<Identity> = ChainTable::Identity.item();

/// The version in which the rows of each module are written. Genesis writes it, and an upgrade that migrates a module.
pub const STORAGE_VERSIONS: Map<ModuleId, u32> = Map::new(ModuleId::CHAIN, ChainTable::StorageVersions as u8);

/// The identity of the chain. It stands in state, because a node restored from a snapshot never sees InitChain.
#[derive(Debug, Clone, PartialEq, Eq, Default, BorshSerialize, BorshDeserialize, Serialize)]
pub struct Identity {
    /// The name of the chain.
    pub chain_id: String,
    /// sha256 of the canonical genesis.
    #[serde(with = "hex::serde")]
    pub genesis_hash: [u8; 32],
    /// The height of the chain's first block.
    pub initial_height: u64,
    /// The version of the state machine: of the genesis at first, then of the last upgrade.
    pub app_version: u64,
}

/// The identity of the chain. Every state has it from genesis on, written before the modules' first rows.
pub fn identity(state: &dyn StateRead) -> Identity {
    IDENTITY.get(state).unwrap_or_default()
}
