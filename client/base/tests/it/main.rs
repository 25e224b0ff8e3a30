//! The bridge's contract on a real local Base, and endpoints that are none. Where anvil is not installed, a test says so
//! and has nothing to show.
#![allow(
    clippy::unwrap_used,
    clippy::arithmetic_side_effects,
    clippy::disallowed_methods,
    reason = "tests, which wait for a chain of their own"
)]

mod bridge;
mod dev;
mod endpoints;
mod proofs;
mod quorum;
mod restarts;
mod sending;
mod stand_in;
mod world;
