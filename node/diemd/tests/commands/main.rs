//! Every command of the wallet on a node of the `dev` preset: its effect on the chain, and what typical mistakes say.
#![allow(
    unreachable_pub,
    clippy::unwrap_used,
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a test that cannot go on should stop where it is"
)]

mod blocks;
mod chain;
mod credit;
mod help;
mod lies;
mod mint;
mod mistakes;
mod names;
mod providers;
#[path = "../support/proxy.rs"]
mod proxy;
mod screens;
mod stake;
mod strangers;
mod tidy;
mod unproven;
mod validators;
