//! The rules of credit, each as a sentence, and random histories against models.
#![allow(clippy::unwrap_used, clippy::arithmetic_side_effects, clippy::float_arithmetic)]

#[path = "../../../staking/tests/common/counting.rs"]
mod counting;
mod day;
mod genesis;
mod grants;
mod history;
mod market;
mod promises;
mod providers;
mod queues;
mod self_dealing;
mod simulation;
mod stake;
mod vouchers;
mod world;
