//! svvv: locks on staked positions.
//!
//! Stake is locked for a reason, and there is one: DIEM that was minted against it. A lock knows how much of that is
//! outstanding; what is locked keeps earning and cannot be unstaked, but it can go to another validator, and its DIEM
//! with it. Another reason to lock would be another table beside this one.

pub mod error;
pub mod event;
pub mod genesis;
pub mod locks;
pub mod msg;
pub mod query;
pub mod state;

use diem_core::{CallError, GenesisContext, Module, ModuleId, StateRead};

pub use error::Error;
pub use event::Event;
pub use genesis::Genesis;
pub use locks::{
    after_slash, collect, free_to_lock, lock, lock_of, release, restake, run_slash_jobs, total_outstanding,
};
pub use msg::Msg;
pub use query::{Answer, Query};
pub use state::Lock;

/// The module of locks on staked positions.
pub struct Svvv;

impl Module for Svvv {
    const ID: ModuleId = ModuleId::SVVV;
    const NAME: &'static str = "svvv";
    const STORAGE_VERSION: u32 = 1;

    type Genesis = Genesis;

    fn init_genesis(ctx: &mut GenesisContext<'_>, genesis: &Genesis) -> Result<(), CallError> {
        genesis::init(ctx.state, genesis)
    }

    fn export_genesis(state: &dyn StateRead) -> Genesis {
        genesis::export(state)
    }

    fn check_invariants(state: &dyn StateRead) -> Result<(), String> {
        genesis::check(state)
    }
}
