//! Fuzz targets for everything that takes bytes from outside: one function each, which must return on any input.
//! libFuzzer drives them (`make fuzz TARGET=check_tx TIME=60`); `cargo test` replays `corpus/` through them.
//!
//! Random bytes never get past a signature, so the stages of consensus take [`plan::Step`]s: valid transactions by a
//! few people, made invalid in every way in which a transaction can be, with raw bytes between them.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::arithmetic_side_effects,
    reason = "a fuzz target that finds something should stop where it is"
)]

mod base;
mod bridge;
mod calls;
mod data;
pub mod plan;
mod snapshot;
mod stages;
mod txs;
mod world;

pub use base::{base_header, base_proof};
pub use bridge::{bridge_votes, shared_bridge};
pub use calls::KINDS;
pub use data::{events, init_chain, proof, query, transaction, vouchers};
pub use snapshot::state_snapshot;
pub use stages::{check_tx, finalize_block, prepare_proposal, process_proposal, results};
pub use world::shared_chain;

/// A target: it takes any bytes and panics if it finds a fault.
pub type Target = fn(&[u8]);

/// Every target by its name, which is also the name of its corpus.
pub const TARGETS: &[(&str, Target)] = &[
    ("transaction", transaction),
    ("check_tx", check_tx),
    ("prepare_proposal", prepare_proposal),
    ("process_proposal", process_proposal),
    ("finalize_block", finalize_block),
    ("init_chain", init_chain),
    ("query", query),
    ("proof", proof),
    ("events", events),
    ("vouchers", vouchers),
    ("bridge_votes", bridge_votes),
    ("base_header", base_header),
    ("base_proof", base_proof),
    ("state_snapshot", state_snapshot),
];
