//! emissions: new VVV by schedule, shared over the validators of the block with the protocol fee of locked stake taken
//! first, and the fees of transactions.
//!
//! How a block's emission is shared is [`diem_staking::reward`]'s matter; this module knows how much there is to share,
//! and what the divisions left of it for the next block. It has no calls: schedule and parameters change by proposal
//! only.

pub mod block;
pub mod error;
pub mod event;
pub mod genesis;
pub mod params;
pub mod query;
pub mod schedule;
pub mod state;

use diem_bank::{Pool, pool, supply};
use diem_core::{CallError, Denom, GenesisContext, Module, ModuleId, StateRead};
use diem_staking as staking;

pub use block::begin_block;
pub use error::Error;
pub use event::Event;
pub use genesis::Genesis;
pub use params::Params;
pub use query::{Answer, Emission, Query, RentPool};
pub use schedule::{Schedule, Segment};
pub use state::{Progress, change_schedule, params, progress, schedule, set_params};

/// The module of new VVV and its shares.
pub struct Emissions;

impl Module for Emissions {
    const ID: ModuleId = ModuleId::EMISSIONS;
    const NAME: &'static str = "emissions";
    const STORAGE_VERSION: u32 = 1;

    type Genesis = Genesis;

    fn init_genesis(ctx: &mut GenesisContext<'_>, genesis: &Genesis) -> Result<(), CallError> {
        genesis::init(ctx, genesis)
    }

    fn export_genesis(state: &dyn StateRead) -> Genesis {
        genesis::export(state)
    }

    fn check_invariants(state: &dyn StateRead) -> Result<(), String> {
        check_rewards(state)
    }
}

/// Invariants 1 and 6 as far as they are known here: the VVV that exists is that of genesis and the schedule without
/// what was burned, and in the pool of rewards is what stakers are owed and what is carried over, to the last avvv.
fn check_rewards(state: &dyn StateRead) -> Result<(), String> {
    let progress = progress(state);
    let made = progress.genesis.checked_add(progress.emitted).map_err(|error| error.to_string())?;
    let supply = supply(state, Denom::Vvv);
    let burned = staking::burned(state);
    if supply.checked_add(burned).map_err(|error| error.to_string())? != made {
        return Err(format!(
            "the supply is {supply} VVV and {burned} were burned, but genesis and the schedule made {made}"
        ));
    }
    let held = staking::held_rewards(state)?;
    let parts = held.checked_add(progress.carry).map_err(|error| error.to_string())?;
    let rewards = pool(state, Pool::Rewards, Denom::Vvv);
    if rewards != parts {
        let carry = progress.carry;
        return Err(format!("the pool of rewards holds {rewards} VVV, but {held} are owed and {carry} carried over"));
    }
    Ok(())
}
