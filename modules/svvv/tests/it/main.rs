//! What svvv promises, on the chain of staking's tests.
#![allow(
    clippy::unwrap_used,
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "tests"
)]

mod collect;
mod least_stake;
mod locks;
mod model;
mod rounding;
#[path = "../../../staking/tests/it/world.rs"]
mod world;
