//! Whole nodes as processes: homes, both engines, devnets, kills.
#![allow(
    unreachable_pub,
    clippy::unwrap_used,
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::cast_possible_truncation,
    reason = "a test that cannot go on should stop where it is"
)]

mod alone;
mod chain;
mod common;
mod critical;
mod demo;
mod devnet;
mod ends;
mod genesis;
mod homes;
mod killed;
mod making;
mod readers;
mod sentences;
