//! What emissions promises about its schedule, and about each block.
#![allow(clippy::unwrap_used, clippy::arithmetic_side_effects, clippy::indexing_slicing, reason = "tests")]

mod blocks;
mod chain;
mod model;
mod schedule;
