//! credits: one dollar a day of inference for every staked DIEM.
//!
//! ```text
//! stake        DIEM in and out: positions by (staker, beneficiary), tranches that cool down
//! accounts     an account's row of today and of the day before, rolled when it is touched, never in a loop
//! allocations  credit that is set aside for a provider every day
//! grants       session keys that may sign vouchers up to a limit a day
//! vouchers     what providers hand in: each judged alone, paid from the allocation of its own day
//! spend        the same on chain, at once, from free credit
//! market       today's free credit given away or sold
//! providers    who serves: bond, listing, payout address, price sheet
//! day          close, open, settle: exactly once each
//! payouts      what settled days owe to providers, a hundred a block
//! ```
//!
//! **Today** is the day that is open on this chain ([`state::OpenDay::day`]), not the epoch of the clock: while a
//! closed day is in its grace, no other opens. Credit is counted in the base units of DIEM: 10^18 are one dollar of
//! inference.
//!
//! The runtime calls, at the begin of every block and in this order: [`day::track_idle`], [`day::settle`] and
//! [`day::close_and_open`] (these three must not fail), then [`stake::pay_matured`], [`payouts::pay_providers`],
//! [`providers::pay_bonds`], [`market::clear_offers`], [`accounts::clear_lapsed`] and [`grants::clear_ended`] (queues,
//! which it retries in the next block).

pub mod accounts;
pub mod allocations;
mod check;
pub mod day;
pub mod error;
pub mod event;
mod gas;
pub mod genesis;
pub mod grants;
pub mod invariants;
pub mod market;
pub mod msg;
pub mod params;
pub mod payouts;
pub mod prices;
mod provider;
pub mod providers;
pub mod query;
pub mod spend;
pub mod stake;
pub mod state;
pub mod voucher;
pub mod vouchers;

use diem_core::{CallError, GenesisContext, Module, ModuleId, StateRead};

pub use error::Error;
pub use event::Event;
pub use genesis::Genesis;
pub use msg::Msg;
pub use params::Params;
pub use query::{Answer, Query};
pub use state::is_leaving;
pub use voucher::{SignedVoucher, Voucher};

/// The module of credit and those who provide it.
pub struct Credits;

impl Module for Credits {
    const ID: ModuleId = ModuleId::CREDITS;
    const NAME: &'static str = "credits";
    const STORAGE_VERSION: u32 = 1;

    type Genesis = Genesis;

    fn init_genesis(ctx: &mut GenesisContext<'_>, genesis: &Genesis) -> Result<(), CallError> {
        genesis::init(ctx, genesis)
    }

    fn export_genesis(state: &dyn StateRead) -> Genesis {
        genesis::export(state)
    }

    fn check_invariants(state: &dyn StateRead) -> Result<(), String> {
        invariants::check(state)
    }
}
