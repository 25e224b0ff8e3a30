//! CometBFT, the real engine: the search for its binary, the files of its home, its supervisor, the ABCI server that it
//! talks to, and the client of its RPC.

#![allow(clippy::disallowed_methods, reason = "a node reads clocks, the environment and starts threads")]

pub mod abci;
pub mod config;
mod engine;
pub mod find;
mod follow;
pub mod genesis;
mod presence;
mod rpc;
mod run;
mod submit;
pub mod supervisor;

pub use config::{Peer, Settings, Timing};
pub use engine::CometEngine;
pub use find::{FindError, Found, find};
pub use run::{Launch, LaunchError, Running, pid_file};
pub use supervisor::{Supervisor, SupervisorError};
