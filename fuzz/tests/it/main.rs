//! What the targets of the fuzzer promise, on stable Rust.
#![allow(
    clippy::unwrap_used,
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "tests, which are told in the environment how much to try"
)]

mod corpus;
mod genesis_fields;
mod seeds;
