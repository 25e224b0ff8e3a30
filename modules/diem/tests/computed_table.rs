//! The table that the formula gives, to the last digit. `make test` compiles and runs this file at other optimisation
//! levels as well: the table must be the same bits everywhere.
#![allow(clippy::unwrap_used, clippy::arithmetic_side_effects, clippy::indexing_slicing, reason = "tests")]

#[path = "it/curves.rs"]
mod curves;

use std::collections::BTreeMap;

use curves::{formula, mint_curve, whole};
use diem_core::Amount;
use diem_diem::{Rate, Step};

#[test]
fn every_published_entry_is_met_to_the_last_digit() {
    let entries: BTreeMap<String, BTreeMap<usize, Rate>> =
        serde_json::from_value(mint_curve()["entries"].clone()).unwrap();
    let mut compared = 0;
    for (name, entries) in entries {
        let table = curves::table(&name);
        for (number, rate) in entries {
            assert_eq!(table.steps()[number].rate, rate, "{name}, step {number}");
            assert_eq!(table.steps()[number].edge, whole(500 * (number as u128 + 1)));
            compared += 1;
        }
    }
    assert_eq!(compared, 45);
}

#[test]
fn every_entry_equals_that_of_another_language() {
    for (target, text) in
        [(38_000, include_str!("vectors/formula_38000.json")), (40_000, include_str!("vectors/formula_40000.json"))]
    {
        let expected: Vec<Step> = serde_json::from_str(text).unwrap();
        assert_eq!(expected.len(), 256);
        assert_eq!(formula(target).table().unwrap().steps(), expected, "target {target}");
    }
}

#[test]
fn the_formula_gives_the_known_rates() {
    // Steps as narrow as the known answers need, so that an edge lies on each supply.
    for (target, supply, digits, known) in [
        (38_000, 10_000, 8, "93.34087662"),
        (38_000, 38_000, 9, "665.015048904"),
        (40_000, 39_500, 9, "617.539642042"),
        (40_000, 40_500, 9, "717.484307691"),
    ] {
        let table = formula(target).table().unwrap();
        let step = table.steps().iter().find(|step| step.edge == whole(supply)).unwrap();
        let rate: u128 = step.rate.0.to();
        let unit = 10u128.pow(18 - digits);
        let rounded = (rate + unit / 2) / unit * unit;
        assert_eq!(Amount::new(rounded).to_string(), known, "target {target}, supply {supply}");
    }
}
