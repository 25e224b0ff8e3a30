//! A chain in a test: people with keys, transactions, blocks, and shadow applications that live the same history in
//! other ways and must reach the same roots.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::arithmetic_side_effects,
    reason = "a test that cannot go on should stop where it is"
)]

pub mod chain;
pub mod people;
pub mod shadow;

pub use chain::{BlockOutcome, TestChain};
pub use people::{Person, TxBuilder, consensus_key, genesis, operator, people, with_validators};
pub use shadow::Shadows;
