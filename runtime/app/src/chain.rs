//! The rows of the chain as a whole (module byte 0) that the runtime writes and reads: what gas costs, the last block,
//! failed hooks, parameters.

use diem_core::{
    BlockInfo, ModuleId, StateRead,
    cell::{Item, Map},
    chain::ChainTable,
};
use diem_types::{ChainParams, ConsensusParams, GasParams};

pub(crate) const GAS: Item<GasParams> = ChainTable::Gas.item();
/// The last block. Its time lets modules and queries know "now" at a committed height.
pub(crate) const LAST_BLOCK: Item<BlockInfo> = ChainTable::LastBlock.item();
/// The failures in a row of each Retry hook, by the hook's number.
pub(crate) const HOOK_FAILURES: Map<u8, u64> = Map::new(ModuleId::CHAIN, ChainTable::HookFailures as u8);
/// The bound on the size of the state.
pub(crate) const PARAMS: Item<ChainParams> = ChainTable::Params.item();
/// The parameters that consensus was told.
pub(crate) const CONSENSUS: Item<ConsensusParams> = ChainTable::Consensus.item();

/// The bound on the size of the state. Every state has it from genesis on.
pub(crate) fn params(state: &dyn StateRead) -> ChainParams {
    PARAMS.get(state).unwrap_or_default()
}

/// The parameters of gas. Every state has them from genesis on.
pub(crate) fn gas(state: &dyn StateRead) -> GasParams {
    GAS.get(state).unwrap_or_default()
}

/// The parameters that consensus was told. Every state has them from genesis on.
pub(crate) fn consensus(state: &dyn StateRead) -> ConsensusParams {
    CONSENSUS.get(state).unwrap_or_default()
}
