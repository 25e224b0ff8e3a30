//! What the rest of a node talks to: an engine that makes blocks, its controls for development, what it reports, and
//! the start of the chain that it drives.
//!
//! HTTP and tests use [`Engine`] and never care which engine stands behind it.
#![allow(clippy::disallowed_methods, reason = "a node reads clocks and starts threads; execution does not")]

pub mod commits;
pub mod engine;
pub mod metrics;
pub mod node;
pub mod origin;
pub mod relay_cost;

pub use commits::Commits;
pub use engine::{Engine, EngineKind};
pub use node::Node;
