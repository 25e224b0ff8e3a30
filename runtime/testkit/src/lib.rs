//! A chain for tests: people with keys, transactions, blocks, and shadow applications that live through the same
//! history in other ways and must reach the same roots.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    reason = "a test that cannot go on should stop where it is"
)]

pub mod bridge;
pub mod chain;
pub mod dearest;
pub mod economy;
pub mod far_side;
pub mod far_story;
pub mod people;
pub mod rng;
pub mod shadow;
pub mod story;
pub mod strict;

pub use chain::{BlockOutcome, TestChain};
pub use economy::Economy;
pub use people::{Person, TxBuilder, consensus_key, genesis, operator, people, with_validators};
pub use rng::Rng;
pub use shadow::Shadows;
