//! The rows of the chain as a whole (module byte 0): who it is, what gas costs, the last block, failed hooks.

use borsh::{BorshDeserialize, BorshSerialize};
use diem_core::{BlockInfo, ModuleId, StateRead, cell::Item, cell::Map};
use diem_types::{ConsensusParams, GasParams};
use serde::Serialize;

/// The runtime's own byte.
pub(crate) const ID: ModuleId = ModuleId(0);

pub(crate) const INFO: Item<ChainInfo> = Item::new(ID, 0);
pub(crate) const GAS: Item<GasParams> = Item::new(ID, 1);
/// The last block. Its time lets modules and queries know "now" at a committed height.
pub(crate) const LAST_BLOCK: Item<BlockInfo> = Item::new(ID, 2);
/// Failures in a row of each Retry hook, by its number.
pub(crate) const HOOK_FAILURES: Map<u8, u64> = Map::new(ID, 3);

/// What defines the chain. It stands in state, because a node restored from a snapshot never sees InitChain.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize)]
pub struct ChainInfo {
    /// The chain's name.
    pub chain_id: String,
    /// sha256 of the canonical genesis.
    #[serde(with = "hex::serde")]
    pub genesis_hash: [u8; 32],
    /// The first height.
    pub initial_height: u64,
    /// What consensus was told.
    pub consensus: ConsensusParams,
    /// The version of the state machine.
    pub app_version: u64,
}

/// What gas costs. Every state has it from genesis on.
pub(crate) fn gas(state: &dyn StateRead) -> GasParams {
    GAS.get(state).unwrap_or_default()
}
