//! What signer, watcher and relayer promise, on chains in memory and on real ones.
#![allow(clippy::unwrap_used, clippy::arithmetic_side_effects, clippy::indexing_slicing, reason = "tests")]
#![allow(clippy::disallowed_methods, reason = "tests of a node wait for it")]

mod apart;
mod health;
mod lies;
mod on_demand;
mod relayer;
mod scene;
mod signer;
mod watched;
mod watcher;
mod world;
