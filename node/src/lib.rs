//! The node: it drives the application with an engine, serves it over HTTP and is spoken to on the command line.
//!
//! This crate talks to the world, so it may do what execution may not: read clocks and the environment, start threads.
//! What the chain computes depends on none of it.
#![allow(
    clippy::disallowed_methods,
    reason = "the node reads clocks, the environment and starts threads; execution does not"
)]

pub mod abci;
pub mod cli;
pub mod comet;
pub mod commits;
pub mod config;
pub mod devnet;
pub mod engine;
pub mod http;
pub mod init;
pub mod instant;
pub mod keys;
pub mod metrics;
pub mod node;
pub mod origin;
pub mod start;

pub use commits::Commits;
pub use engine::{Engine, EngineKind};
pub use node::Node;
