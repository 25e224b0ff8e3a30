//! What diem promises: the curve, its quotes, and the calls that mint and burn.
#![allow(
    clippy::unwrap_used,
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "tests"
)]

mod calls;
mod chain;
mod curve;
mod curves;
mod model;
mod quote;
mod stored_curve;
