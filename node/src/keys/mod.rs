//! Keys of a node, and what a wallet remembers beside its keys.

pub mod bridge;
pub mod chains;
pub mod known;
pub mod turns;

pub use chains::{Chains, ChainsError};
pub use turns::{Turn, TurnError};
