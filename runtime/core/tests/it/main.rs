//! Addresses, amounts, moments, rows and signatures, against known answers and models.
#![allow(clippy::unwrap_used, clippy::arithmetic_side_effects, clippy::indexing_slicing, reason = "tests")]

mod addresses;
mod amounts;
mod cells;
mod eip712;
mod time;
mod zip215;
