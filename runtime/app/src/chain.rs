//! The rows of the chain as a whole (module byte 0): who it is, what gas costs, the last block, failed hooks.

use diem_core::{BlockInfo, ModuleId, StateRead, cell::Item, cell::Map};
use diem_types::{ChainParams, GasParams, chain::CHAIN_ROWS};

pub use diem_types::chain::ChainInfo;
pub(crate) use diem_types::chain::INFO;

/// The runtime's own byte.
pub(crate) const ID: ModuleId = CHAIN_ROWS;

pub(crate) const GAS: Item<GasParams> = Item::new(ID, 1);
/// The last block. Its time lets modules and queries know "now" at a committed height.
pub(crate) const LAST_BLOCK: Item<BlockInfo> = Item::new(ID, 2);
/// The failures in a row of each Retry hook, by the hook's number.
pub(crate) const HOOK_FAILURES: Map<u8, u64> = Map::new(ID, 3);
/// The bound on the size of the state. Number 5 is the length of a day, in `diem_core::clock`.
pub(crate) const PARAMS: Item<ChainParams> = Item::new(ID, 6);

/// The bound on the size of the state. Every state has it from genesis on.
pub(crate) fn params(state: &dyn StateRead) -> ChainParams {
    PARAMS.get(state).unwrap_or_default()
}

/// The parameters of gas. Every state has them from genesis on.
pub(crate) fn gas(state: &dyn StateRead) -> GasParams {
    GAS.get(state).unwrap_or_default()
}
