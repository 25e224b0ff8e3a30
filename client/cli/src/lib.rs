//! What the command line does as a client of a node: transactions, queries, keys, vouchers and the mint curve, with
//! their tables, names and failures.
//!
//! The binary `diemd` puts these commands beside those of an operator. Nothing here opens a store or serves anything.
#![allow(clippy::disallowed_methods, reason = "a command reads clocks and the environment; execution does not")]

mod ask;
pub mod brief;
pub mod chains;
pub mod clock;
pub mod common;
pub mod curve;
mod events;
pub mod failure;
pub mod headings;
pub mod keys;
mod known;
pub mod layout;
pub mod names;
pub mod output;
mod prices;
pub mod proof_file;
pub mod proven;
pub mod query;
mod receivers;
mod tables;
pub mod trust;
pub mod turns;
pub mod tx;
pub mod units;
pub mod voucher;

pub use failure::{Exit, Failure};
