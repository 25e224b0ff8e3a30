//! The tree and its proofs against crates that others wrote.
#![allow(clippy::unwrap_used, clippy::arithmetic_side_effects, reason = "tests")]

mod jmt;
