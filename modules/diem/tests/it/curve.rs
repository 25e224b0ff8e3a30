//! The curve: known answers, what is refused, and what a table looks like in text.

use borsh::BorshDeserialize;
use diem_core::Amount;
use diem_diem::{
    Curve, CurveError, Formula, Genesis, Rate, Step, Table,
    curve::{MAX_POWER, MAX_STEPS},
    offline,
};
use proptest::prelude::*;
use ruint::aliases::U256;
use serde_json::json;

use crate::curves::{formula, live_table, rate, step, table, whole};

#[test]
fn the_live_table_is_taken_digit_for_digit() {
    let table = live_table();
    assert_eq!(table.steps().len(), 256);
    assert_eq!(table.steps()[0], step(whole(500).get(), "90000351563186634752"));
    assert_eq!(table.steps()[255].edge, whole(128_000));
}

#[test]
fn the_default_is_the_published_curve() {
    assert_eq!(Formula::default(), formula(38_000));
    assert_eq!(Curve::default().table().unwrap(), table("formula-38000"));
}

#[test]
fn a_table_that_cannot_be_a_curve_is_refused() {
    let ten = [(10, "5"), (20, "5"), (30, "6")].map(|(edge, rate)| step(edge, rate)).to_vec();
    assert!(Table::new(ten.clone()).is_ok(), "equal rates are no falling ones");
    let with = |number: usize, step: Step| {
        let mut steps = ten.clone();
        steps[number] = step;
        Table::new(steps)
    };
    assert_eq!(Table::new(vec![]), Err(CurveError::Steps(0)));
    let long = (1..=u128::from(MAX_STEPS) + 1).map(|edge| step(edge, "1")).collect::<Vec<_>>();
    assert_eq!(Table::new(long.clone()), Err(CurveError::Steps(1_025)));
    assert!(Table::new(long[..1_024].to_vec()).is_ok());
    assert_eq!(with(0, step(0, "5")), Err(CurveError::Edges(0)));
    assert_eq!(with(1, step(10, "5")), Err(CurveError::Edges(1)));
    assert_eq!(with(2, step(19, "6")), Err(CurveError::Edges(2)));
    assert_eq!(with(0, step(10, "0")), Err(CurveError::ZeroRate(0)));
    assert_eq!(with(2, step(30, "4")), Err(CurveError::FallingRate(2)));
}

#[test]
fn a_step_is_refused_from_the_price_on_that_256_bits_cannot_hold() {
    let largest = U256::MAX / U256::from(10);
    let priced = |rate| Table::new(vec![Step { edge: Amount::new(10), rate: Rate(rate) }]);
    assert!(priced(largest).is_ok());
    assert_eq!(priced(largest + U256::ONE), Err(CurveError::TooLarge(0)));
}

#[test]
fn numbers_that_make_no_curve_are_refused() {
    let with = |change: fn(&mut Formula)| {
        let mut formula = Formula::default();
        change(&mut formula);
        formula.table()
    };
    assert_eq!(with(|f| f.steps = 0), Err(CurveError::Steps(0)));
    assert_eq!(with(|f| f.steps = 1_025), Err(CurveError::Steps(1_025)));
    assert_eq!(with(|f| f.target = Amount::ZERO), Err(CurveError::ZeroTarget));
    assert_eq!(with(|f| f.step = Amount::ZERO), Err(CurveError::Edges(0)));
    assert_eq!(with(|f| f.base = Amount::ZERO), Err(CurveError::ZeroRate(0)));
    assert_eq!(with(|f| f.base = Amount::new(1)).map(|table| table.steps().len()), Ok(256), "a low base is no zero");
    let above = Amount::new(MAX_POWER.get() + 1);
    let formula = Formula { power: above, ..Formula::default() };
    assert_eq!(formula.table(), Err(CurveError::Power(above)));
    let tiny = Amount::new(1_000);
    assert_eq!(with(|f| f.power = Amount::new(1_000)), Err(CurveError::Power(tiny)), "text would read 1000");
    assert!(with(|f| f.power = Amount::new(1_001)).is_ok());
    assert_eq!(with(|f| f.power = MAX_POWER), Err(CurveError::TooLarge(33)));
    assert_eq!(with(|f| f.target = Amount::new(1)), Err(CurveError::TooLarge(0)));
    assert_eq!(with(|f| f.step = Amount::MAX), Err(CurveError::TooLarge(0)));
    assert_eq!(with(|f| f.base = Amount::MAX), Err(CurveError::TooLarge(208)));
}

#[test]
fn a_power_of_zero_makes_a_flat_curve() {
    let table = Formula { power: Amount::ZERO, ..Formula::default() }.table().unwrap();
    assert!(table.steps().iter().all(|step| step.rate == rate("90000000000000000000")));
}

fn written(power: &serde_json::Value, steps: &serde_json::Value) -> serde_json::Value {
    json!({
        "base": "90000000000000000000", "power": power, "target": "38000000000000000000000",
        "step": "500000000000000000000", "steps": steps,
    })
}

#[test]
fn a_file_of_questions_has_its_curve_as_people_speak_of_it() {
    let expected = formula(38_000);
    let read = |power: serde_json::Value, steps: serde_json::Value| {
        let text = json!({"curve": written(&power, &steps)}).to_string();
        serde_json::from_str::<offline::File>(&text).map(|file| file.curve)
    };
    for power in [json!(2), json!("2"), json!("2.0"), json!("2000000000000000000")] {
        for steps in [json!(256), json!("256")] {
            assert_eq!(read(power.clone(), steps).unwrap(), Curve::Formula(expected), "power {power}");
        }
    }
    let half = read(json!("2.5"), json!(256)).unwrap();
    assert_eq!(half, Curve::Formula(Formula { power: "2.5".parse().unwrap(), ..expected }));
    for power in [json!(-2), json!("two"), json!(null), json!(2.5)] {
        assert!(read(power.clone(), json!(256)).is_err(), "power {power}");
    }
    let error = read(json!(2), json!("many")).unwrap_err().to_string();
    assert!(error.contains("`many` is not a number of steps"), "{error}");
}

#[test]
fn a_genesis_has_the_power_in_one_unit() {
    let read = |power: serde_json::Value| {
        let text = json!({"curve": written(&power, &json!(256))}).to_string();
        serde_json::from_str::<Genesis>(&text).map(|genesis| genesis.curve)
    };
    let expected = Curve::Formula(formula(38_000));
    assert_eq!(read(json!("2000000000000000000")).unwrap(), expected);
    for spoken in [json!(2), json!("2.0"), json!("2.5"), json!(2.5)] {
        assert!(read(spoken.clone()).is_err(), "power {spoken}");
    }
    // Digits are units everywhere, and so few of them are a mistake.
    let tiny = read(json!("2")).unwrap().table();
    assert_eq!(tiny, Err(CurveError::Power(Amount::new(2))));
    let text = serde_json::to_string(&Genesis { curve: expected.clone() }).unwrap();
    assert_eq!(serde_json::from_str::<Genesis>(&text).unwrap(), Genesis { curve: expected });
    let table = r#"{"curve": [["5", "7"], ["6", "8"]]}"#;
    let steps = Curve::Table(vec![step(5, "7"), step(6, "8")]);
    assert_eq!(serde_json::from_str::<Genesis>(table).unwrap(), Genesis { curve: steps });
}

#[test]
fn text_keeps_every_digit_of_a_curve() {
    for curve in [Curve::default(), Curve::Table(live_table().steps().to_vec())] {
        let text = serde_json::to_string(&curve).unwrap();
        assert_eq!(serde_json::from_str::<Curve>(&text).unwrap(), curve);
        let bytes = borsh::to_vec(&curve).unwrap();
        assert_eq!(Curve::try_from_slice(&bytes).unwrap(), curve);
    }
    let table = serde_json::to_value(Curve::Table(vec![step(5, "7")])).unwrap();
    assert_eq!(table, json!([["5", "7"]]));
}

#[test]
fn text_that_is_no_curve_says_what_is_missing() {
    for (text, words) in [
        (r#"{"base": "1"}"#, "missing field `power`"),
        (r#"{"base": "1", "bass": "1"}"#, "unknown field `bass`"),
        (r#"[["1", "-2"]]"#, "`-2` is not a string of digits"),
        (r#"[["1", "1e3"]]"#, "`1e3` is not a string of digits"),
        (r#"[["1", ""]]"#, "`` is not a string of digits"),
        (r#"["1"]"#, "a tuple of size 2"),
        (r#"7"#, "expected {base, power, target, step, steps} or a list"),
    ] {
        let error = serde_json::from_str::<Curve>(text).unwrap_err().to_string();
        assert!(error.contains(words), "{text}: {error}");
    }
    let too_long = format!(r#"[["1", "{}"]]"#, "9".repeat(78));
    assert!(serde_json::from_str::<Curve>(&too_long).is_err(), "a rate of more than 256 bits");
}

proptest! {
    /// A table that is computed keeps every rule that a given one must keep, and its rates obey the formula as far as
    /// a rule of three can tell: exp(a + b) = exp(a) exp(b) at supplies whose cubes add up (3, 4, 5 and 6).
    #[test]
    fn computed_tables_are_curves_and_obey_the_law_of_powers(
        base in 1_000_000_000_000_000_000u128..1_000_000_000_000_000_000_000,
        power in 0u128..20_000_000_000_000_000_000,
        target in 1u128..1_000_000_000_000_000_000_000_000,
    ) {
        let step = Amount::new(target.div_ceil(5));
        let formula = Formula { base: Amount::new(base), power: Amount::new(power), target: Amount::new(target), step, steps: 6 };
        match formula.table() {
            Err(error) => prop_assert!(matches!(error, CurveError::TooLarge(_) | CurveError::Undecided(_)), "{error}"),
            Ok(table) => {
                prop_assert!(Table::new(table.steps().to_vec()).is_ok());
                let rate = |n: usize| table.steps()[n - 1].rate.0;
                // r3 r4 r5 = base^2 r6, but for the floors: each factor is short of less than 1 in at least 10^18.
                let (left, right) = (rate(6), U256::from(base));
                let ratio = |a: U256, b: U256| a * U256::from(10u64.pow(18)) / b;
                let product = ratio(rate(3), right) * ratio(rate(4), right) / U256::from(10u64.pow(18));
                let expected = ratio(left, rate(5));
                let slack = product / U256::from(10u64.pow(15)) + U256::from(10);
                prop_assert!(product.abs_diff(expected) <= slack, "{product} is not {expected}");
            }
        }
    }
}
