//! diem: the mint curve, minting against locked stake, burning.
//!
//! ```text
//! exp ....... the exponential function between two bounds, in integers
//! curve ..... a table of steps, given or computed from the formula
//! quote ..... what a mint costs and gives: pure functions over steps and supply
//! stored .... the same out of state, by binary search
//! offline ... the same without a chain, for the command line
//! msg ....... mint, mint_exact, burn over the locks of svvv
//! ```
//!
//! All DIEM that exists is outstanding on some lock, and the supply alone decides the price of the next.

pub mod curve;
pub mod error;
pub mod event;
mod exp;
pub mod genesis;
pub mod msg;
pub mod offline;
pub mod query;
pub mod quote;
mod state;
mod stored;
pub mod text;

use diem_core::{CallError, GenesisContext, Module, ModuleId, StateRead};

pub use curve::{Curve, CurveError, Formula, Rate, Step, Table};
pub use error::Error;
pub use event::Event;
pub use genesis::Genesis;
pub use msg::Msg;
pub use query::{Answer, CurrentRate, Query, QuoteIn, QuoteOut};
pub use quote::{PastEnd, quote_in, quote_out};

/// The module of the mint curve.
pub struct Diem;

impl Module for Diem {
    const ID: ModuleId = ModuleId::DIEM;
    const NAME: &'static str = "diem";
    const STORAGE_VERSION: u32 = 1;

    type Genesis = Genesis;

    fn init_genesis(ctx: &mut GenesisContext<'_>, genesis: &Genesis) -> Result<(), CallError> {
        genesis::init(ctx.state, genesis)
    }

    fn export_genesis(state: &dyn StateRead) -> Genesis {
        genesis::export(state)
    }

    /// Invariant 4: the supply is the sum of what is outstanding over all locks. Besides, the stored curve is a valid
    /// table.
    fn check_invariants(state: &dyn StateRead) -> Result<(), String> {
        let (supply, locked) = genesis::backing(state).map_err(|error| error.to_string())?;
        if supply != locked {
            return Err(format!("the supply is {supply} DIEM, but {locked} are outstanding on locks"));
        }
        Table::new(state::all_steps(state)).map(|_| ()).map_err(|error| error.to_string())
    }
}
