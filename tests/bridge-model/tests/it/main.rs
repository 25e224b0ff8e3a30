//! The module and the contract of the bridge in one model.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::disallowed_methods,
    clippy::indexing_slicing,
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "tests"
)]

mod base;
mod blocks;
mod chain;
mod defect;
mod detector;
mod equalities;
mod flow;
mod generate;
mod heard;
mod histories;
mod ledger;
mod model;
mod people;
mod play;
mod recovery;
mod relay;
mod reported;
#[path = "../../../../runtime/testkit/src/rng.rs"]
#[allow(dead_code, unreachable_pub, reason = "the testkit has it for others, who use all of it")]
mod rng;
#[path = "../../../../modules/staking/tests/it/world.rs"]
mod staking_chain;
mod step;
