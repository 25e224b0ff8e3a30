//! bank: accounts, transfers, supply, named pools, and who may mint and burn what.
//!
//! One row per account holds nonce and both balances, so that a transfer touches two leaves of the state tree. A row
//! costs every node memory, so an address without one must receive at least [`Params::min_new_account`], only an
//! account with a row can send, and an empty row is removed. A row whose nonce was used is never empty: without it, the
//! owner's transactions could be replayed.
//! Other modules use the functions of [`ledger`] and never the tables.

pub mod error;
pub mod event;
pub mod genesis;
pub mod ledger;
pub mod msg;
pub mod params;
pub mod query;
pub mod state;

use diem_core::{CallError, GenesisContext, Module, ModuleId, StateRead};

pub use error::Error;
pub use event::Event;
pub use genesis::Genesis;
pub use ledger::{
    ChargeError, account, balance, burn, burn_from_pool, charge, collect_fees, has_account, mint, mint_to_pool,
    move_between_pools, nonce, pay_from_pool, pay_into_pool, pool, supply, transfer,
};
pub use msg::{Msg, Output};
pub use params::{MinNewAccount, Params, params, set_params};
pub use query::{Answer, Query};
pub use state::{Account, Pool, account_key};

/// The module of accounts, supply and pools.
pub struct Bank;

impl Module for Bank {
    const ID: ModuleId = ModuleId::BANK;
    const NAME: &'static str = "bank";
    const STORAGE_VERSION: u32 = 1;

    type Genesis = Genesis;

    fn init_genesis(ctx: &mut GenesisContext<'_>, genesis: &Genesis) -> Result<(), CallError> {
        genesis::init(ctx.state, genesis)
    }

    fn export_genesis(state: &dyn StateRead) -> Genesis {
        genesis::export(state)
    }

    fn check_invariants(state: &dyn StateRead) -> Result<(), String> {
        ledger::check_supply(state)
    }
}
