//! The library behind the binary `diemd`: it starts a node or a devnet, plays the demo, and puts the commands of
//! operators beside those of clients.
//!
//! This crate talks to the world, so it may do what execution may not: read clocks and the environment, start threads.
//! What the chain computes depends on none of it.
#![allow(
    clippy::disallowed_methods,
    reason = "the node reads clocks, the environment and starts threads; execution does not"
)]

mod archive;
pub mod cli;
mod control;
pub mod devnet;
mod disk;
mod doctor;
mod forget;
pub mod join;
mod rollback;
pub mod start;
