//! What bank promises about accounts, fees, supply and transfers.
#![allow(clippy::unwrap_used, clippy::arithmetic_side_effects, clippy::indexing_slicing, reason = "tests")]

mod accounts;
mod charges;
mod genesis;
mod model;
mod state;
mod supply;
mod transfers;
