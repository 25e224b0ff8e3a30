//! A client believes a node nothing that it cannot verify.
#![allow(
    clippy::unwrap_used,
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "tests, which serve lies from a thread of their own"
)]

mod chain;
mod light_client;
mod proven_rows;
mod signed;
mod trusted_headers;
