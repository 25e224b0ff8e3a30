//! Curves and vectors that the tests share.
#![allow(dead_code, reason = "`computed_table` uses another part of it than `it`")]

use diem_core::Amount;
use diem_diem::{Curve, Formula, Rate, Step, Table};
use serde_json::Value;

/// An amount of that many whole DIEM or VVV.
pub(crate) fn whole(amount: u128) -> Amount {
    Amount::ONE.checked_mul(amount).unwrap()
}

/// The published formula with this target in whole DIEM.
pub(crate) fn formula(target: u128) -> Formula {
    Formula { target: whole(target), ..Formula::default() }
}

pub(crate) fn rate(digits: &str) -> Rate {
    Rate(digits.parse().unwrap())
}

pub(crate) fn step(edge: u128, digits: &str) -> Step {
    Step { edge: Amount::new(edge), rate: rate(digits) }
}

/// The vectors of entries and quotes.
pub(crate) fn mint_curve() -> Value {
    serde_json::from_str(include_str!("../vectors/mint_curve.json")).unwrap()
}

/// The table on Base since September 2026.
pub(crate) fn live_table() -> Table {
    let curve: Curve = serde_json::from_str(include_str!("../vectors/live_table_2026_09.json")).unwrap();
    curve.table().unwrap()
}

/// A table by its name in the vectors.
pub(crate) fn table(name: &str) -> Table {
    match name {
        "formula-38000" => formula(38_000).table().unwrap(),
        "formula-40000" => formula(40_000).table().unwrap(),
        "live-40000" => live_table(),
        other => panic!("there is no table {other}"),
    }
}
