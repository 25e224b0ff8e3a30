//! What a node does for the bridge beside its blocks: it signs what the chain wants signed for Base, and sends to Base
//! what enough validators have signed.
//!
//! ```text
//! tasks      named tasks, each of which restarts alone
//! signer     statements by the bridge keys of this home, after each commit
//! memory     what these keys have signed, on disk before it leaves
//! keys       the key files of the home
//! stating    what a bridge key owes: statements for Base, and of Base
//! watcher    what Base is now: proven, final, and not what this chain never caused
//! relayer    batches, validator sets and decided actions on their way to Base
//! cost       what relaying costs, for whoever asks this node
//! plan       what the contract would take now
//! companion  the local Base beside the development engine: one clock, and snapshots of both
//! contract   the proof that the contract on Base is this version's
//! faults     what is wrong now: in the log once, in the metrics as long as it lasts
//! health     how the bridge stands by the chain's own state
//! metrics    counters of all tasks; the rules that call somebody are in docker/prometheus
//! ```
//!
//! All tasks read committed state and hand on what they made. No block waits for them, and what they do or fail to do
//! decides about no block.
#![allow(clippy::disallowed_methods, reason = "a node reads clocks and the environment; execution does not")]

mod companion;
mod contract;
mod cost;
mod faults;
mod health;
mod keys;
mod memory;
mod metrics;
mod plan;
mod relayer;
#[cfg(test)]
mod rules;
mod signer;
mod stating;
mod tasks;
mod watcher;

pub use companion::BaseCompanion;
pub use health::show_health;
pub use keys::Keys;
pub use memory::MemoryError;
pub use metrics::{Metrics, Registry};
pub use relayer::{Relayer, Relaying};
pub use signer::{Signer, Watch};
pub use tasks::Tasks;
pub use watcher::{Desk, Watcher, Watching};
