//! The rules of credit, each as a sentence, and random histories against models.
#![allow(clippy::unwrap_used, clippy::arithmetic_side_effects, clippy::float_arithmetic, reason = "tests")]

mod allocations;
#[path = "../../../staking/tests/it/counting.rs"]
mod counting;
mod day;
mod genesis;
mod grants;
mod history;
mod idle_queues;
mod market;
mod providers;
mod self_dealing;
mod simulation;
mod stake;
mod vouchers;
mod world;
