//! Each lie on a real local Base: that it is told, and that without it the answer is the truth, byte for byte. Where
//! anvil is not installed, a test says so and has nothing to show.
#![allow(
    clippy::unwrap_used,
    clippy::arithmetic_side_effects,
    clippy::disallowed_methods,
    reason = "tests, which wait for a chain of their own"
)]

mod chain;
mod connection;
mod headers;
mod logs;
mod program;
mod proofs;
mod scope;
mod state;
mod world;
