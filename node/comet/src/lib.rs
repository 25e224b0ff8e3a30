//! CometBFT, the real engine: the search for its binary, the files of its home, its supervisor, the ABCI server that it
//! talks to, and the client of its RPC.

#![allow(clippy::disallowed_methods, reason = "a node reads clocks, the environment and starts threads")]

pub mod abci;
pub mod config;
mod engine;
pub mod find;
mod follow;
pub mod genesis;
mod peers;
mod presence;
mod prune;
pub mod remote_signer;
pub mod rollback;
mod rpc;
mod run;
pub mod signing;
pub mod stored;
mod submit;
pub mod supervisor;
pub mod wal;

pub use config::{Peer, Settings, StateSync, Timing};
pub use engine::CometEngine;
pub use find::{FindError, Found, VERSION, find, look, present};
pub use genesis::consensus_params;
pub use prune::{Prune, PruneError};
pub use run::{Joining, Launch, LaunchError, Running, pid_file};
pub use signing::{Signing, SigningError};
pub use supervisor::{Supervisor, SupervisorError};
