//! The node as its users, its operators and its consensus engine meet it.
#![allow(
    unreachable_pub,
    clippy::unwrap_used,
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    clippy::cast_possible_truncation,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a test that cannot go on should stop where it is"
)]

mod abci_socket;
mod alerts;
mod api;
mod base_goes_along;
mod bridge;
mod comet_engine;
mod commands;
mod curve;
mod days;
mod docs;
mod full_node;
mod guard;
mod joining;
mod misbehaviour;
mod nodes;
mod packages;
mod pruning;
mod snapshots;
mod support;
