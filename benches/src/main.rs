//! `make bench`: the costs of the chain, as ratios to yardsticks that are measured in the same run, because the machine
//! is never twice the same. `make bench ARGS="tree pipeline credits bridge gas network readers sync"`
//! runs some parts only; `sync` takes its rows from `DIEM_BENCH_ACCOUNTS`, such as 10000000.
//!
//! The run ends in one table and `bench.json` in cargo's target folder: `[{name, value, unit, goal, holds}]`.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::arithmetic_side_effects,
    clippy::float_arithmetic,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_possible_wrap,
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a benchmark reads clocks, computes ratios, prints, and stops where it cannot go on"
)]

mod bridge;
mod credits;
mod gas;
mod homecoming;
mod idle;
mod load;
mod network;
mod pipeline;
mod readers;
mod report;
mod sync;
mod tree;
mod workload;
mod yardstick;

use report::Report;

/// The number of accounts in state; `DIEM_BENCH_ACCOUNTS` makes a quick run smaller.
const ACCOUNTS: u32 = 1_000_000;

fn main() {
    let accounts = std::env::var("DIEM_BENCH_ACCOUNTS").ok().and_then(|n| n.parse().ok()).unwrap_or(ACCOUNTS);
    let wanted: Vec<String> = std::env::args().skip(1).collect();
    let mut report = Report::default();
    let yardstick = yardstick::Yardstick::new();
    let (strict, batch) = yardstick.medians();
    report.fact("ed25519 verify_strict", strict / 1e3, "us");
    report.fact("ed25519 batch verification, both cores", batch / 1e3, "us/signature");
    let asked = |part: &str| wanted.is_empty() || wanted.iter().any(|name| name == part);
    if asked("tree") {
        tree::run(&mut report, accounts);
    }
    if asked("pipeline") {
        pipeline::run(&mut report, accounts, &yardstick);
    }
    if asked("credits") {
        credits::run(&mut report, &yardstick);
    }
    if asked("bridge") {
        bridge::run(&mut report);
        homecoming::run(&mut report, &yardstick);
    }
    if asked("gas") {
        gas::run(&mut report);
    }
    if asked("network") {
        network::run(&mut report);
    }
    if asked("readers") {
        readers::run(&mut report);
    }
    if asked("sync") {
        sync::run(&mut report, accounts);
    }
    report.finish();
}
