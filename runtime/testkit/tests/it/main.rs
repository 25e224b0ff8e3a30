//! Whole applications, and what modules are only together.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    clippy::float_arithmetic,
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "tests: they are told in the environment how much to try, start themselves as children, and wait for them"
)]

mod bad_input;
mod child;
mod collect;
mod crash;
mod days;
mod dodging_a_slash;
mod dry_run;
mod export;
mod full_state;
mod gas;
mod history;
mod homecoming;
mod hooks;
mod mempool;
mod pinned;
mod price_of_rows;
mod pruning;
mod reference_model;
mod signature_batches;
mod simulation;
mod snapshots;
mod strangers;
mod transactions;
mod versions;
mod votes;
mod voucher_signatures;
