//! Quotes: known answers, the walk over the steps, and that splitting a mint never gains.

use diem_core::Amount;
use diem_diem::{PastEnd, Step, quote_in, quote_out};
use proptest::{collection::vec, prelude::*, sample::Index};
use ruint::aliases::U256;
use serde::Deserialize;

use crate::curves::{live_table, mint_curve, step, table, whole};

/// One whole unit in base units: 10^18.
const ONE: u128 = Amount::ONE.get();

fn give(steps: &[Step], supply: u128, lock: u128) -> Result<u128, PastEnd> {
    quote_in(steps.iter().copied(), Amount::new(supply), U256::from(lock)).map(Amount::get)
}

fn take(steps: &[Step], supply: u128, out: u128) -> Result<u128, PastEnd> {
    quote_out(steps.iter().copied(), Amount::new(supply), Amount::new(out)).map(|lock| lock.to())
}

#[derive(Deserialize)]
struct Vector {
    table: String,
    supply: Amount,
    lock: Amount,
    diem_out: Amount,
    charged: Amount,
    exact_out: Amount,
    lock_needed: Amount,
}

#[test]
fn every_known_quote_is_met_to_the_last_digit() {
    let vectors: Vec<Vector> = serde_json::from_value(mint_curve()["quotes"].clone()).unwrap();
    assert_eq!(vectors.len(), 36);
    for vector in vectors {
        let table = table(&vector.table);
        let supply = vector.supply.get();
        assert_eq!(give(table.steps(), supply, vector.lock.get()), Ok(vector.diem_out.get()));
        assert_eq!(vector.charged, vector.lock, "all that was offered is locked");
        assert_eq!(take(table.steps(), supply, vector.exact_out.get()), Ok(vector.lock_needed.get()));
    }
}

#[test]
fn the_published_mints_on_the_live_table_are_met() {
    let table = live_table();
    assert_eq!(give(table.steps(), 37_713_457 * ONE / 1_000, ONE), Ok(2_000_096_858_529_171));
    assert_eq!(give(table.steps(), 37_713_660 * ONE / 1_000, 200_000 * ONE), Ok(392_484_346_337_035_987_873));
}

/// 10 DIEM at 3, 10 at 5 and 10 at 7 sVVV each.
fn stairs() -> Vec<Step> {
    [(10, 3), (20, 5), (30, 7)].map(|(edge, rate)| step(edge * ONE, &(rate * ONE).to_string())).to_vec()
}

#[test]
fn a_mint_takes_the_rest_of_a_step_at_its_rate_and_then_the_next() {
    let stairs = stairs();
    assert_eq!(give(&stairs, 0, 30 * ONE), Ok(10 * ONE), "exactly a step");
    assert_eq!(give(&stairs, 4 * ONE, 18 * ONE), Ok(6 * ONE), "exactly its rest");
    assert_eq!(give(&stairs, 4 * ONE, 23 * ONE), Ok(7 * ONE));
    assert_eq!(give(&stairs, 4 * ONE, (18 + 50 + 7) * ONE), Ok(17 * ONE));
    assert_eq!(give(&stairs, 10 * ONE, 5 * ONE), Ok(ONE), "on an edge the next step counts");
    assert_eq!(take(&stairs, 4 * ONE, 17 * ONE), Ok((18 + 50 + 7) * ONE));
    assert_eq!(take(&stairs, 10 * ONE, ONE), Ok(5 * ONE));
}

#[test]
fn what_is_paid_rounds_up_and_what_is_got_rounds_down() {
    let thirds = [step(10, "3000000000000000001"), step(20, "4000000000000000000")];
    assert_eq!(take(&thirds, 0, 1), Ok(4));
    assert_eq!(take(&thirds, 0, 10), Ok(31));
    assert_eq!(give(&thirds, 0, 30), Ok(9));
    assert_eq!(give(&thirds, 0, 31), Ok(10));
    assert_eq!(give(&thirds, 0, 34), Ok(10));
    assert_eq!(give(&thirds, 0, 35), Ok(11));
}

#[test]
fn a_quote_may_say_nothing() {
    assert_eq!(give(&stairs(), 0, 2), Ok(0));
    assert_eq!(give(&stairs(), 0, 0), Ok(0));
    assert_eq!(take(&stairs(), 0, 0), Ok(0));
}

#[test]
fn all_of_the_curve_can_be_minted_and_not_one_unit_more() {
    let stairs = stairs();
    assert_eq!(give(&stairs, 0, 150 * ONE), Ok(30 * ONE));
    assert_eq!(take(&stairs, 0, 30 * ONE), Ok(150 * ONE));
    let past = |left| Err(PastEnd { left: Amount::new(left) });
    assert_eq!(give(&stairs, 0, 150 * ONE + 1), past(30 * ONE));
    assert_eq!(take(&stairs, 0, 30 * ONE + 1), past(30 * ONE));
    assert_eq!(give(&stairs, 29 * ONE, 8 * ONE), past(ONE));
    assert_eq!(give(&stairs, 30 * ONE, 1), past(0));
    assert_eq!(take(&stairs, 30 * ONE, 1), past(0));
    assert_eq!(give(&stairs, u128::MAX, u128::MAX), past(0));
    let words = take(&stairs, 29 * ONE, 2 * ONE).unwrap_err().to_string();
    assert_eq!(words, "the curve ends: only 1 more DIEM can be minted");
}

#[test]
fn prices_beyond_all_vvv_are_quoted_all_the_same() {
    let table = table("formula-38000");
    let supply = whole(127_999);
    let needed = quote_out(table.steps().iter().copied(), supply, Amount::ONE).unwrap();
    assert_eq!(needed.to_string(), "141523576193900306511071357419192430738704578547219295");
    let out = quote_in(table.steps().iter().copied(), supply, needed).unwrap();
    assert_eq!(out, Amount::ONE);
    let out = quote_in(table.steps().iter().copied(), supply, needed - U256::ONE).unwrap();
    assert_eq!(out.get(), ONE - 1);
    assert!(quote_in(table.steps().iter().copied(), supply, needed + U256::ONE).is_err());
}

/// A small curve with steps of any width, so that mints often cross them, at rates from far below one avvv per adiem
/// to far above it.
fn curves() -> impl Strategy<Value = Vec<Step>> {
    let tiny = vec((1..50u128, 0..40 * ONE), 1..8);
    let wide = vec((1..40 * ONE, 0..100_000 * ONE), 1..8);
    let cheap = vec((1..40 * ONE, 0..9u128), 1..8);
    prop_oneof![tiny, wide, cheap].prop_map(|parts| {
        let (mut edge, mut rate) = (0, 1);
        let mut next = |(width, rise)| {
            (edge, rate) = (edge + width, rate + rise);
            step(edge, &rate.to_string())
        };
        parts.into_iter().map(&mut next).collect()
    })
}

/// `total` cut at the given places.
fn parts(total: u128, cuts: &[Index]) -> Vec<u128> {
    let mut places: Vec<u128> = cuts.iter().map(|cut| share(total, *cut)).chain([total]).collect();
    places.sort_unstable();
    let mut last = 0;
    places.into_iter().map(|place| place - std::mem::replace(&mut last, place)).collect()
}

/// A number from 0 to `total`.
fn share(total: u128, part: Index) -> u128 {
    let part = part.index(1_000_001) as u128;
    Amount::new(total).mul_div_floor(part, 1_000_000).unwrap().get()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn minting_exactly_in_parts_costs_no_less_and_at_most_one_more_per_part(
        curve in curves(), supply: Index, out: Index, cuts in vec(any::<Index>(), 1..6),
    ) {
        let end = curve.last().unwrap().edge.get();
        let supply = share(end, supply);
        let out = share(end - supply, out);
        let whole = take(&curve, supply, out).unwrap();
        let parts = parts(out, &cuts);
        let (mut paid, mut at) = (0, supply);
        for part in &parts {
            paid += take(&curve, at, *part).unwrap();
            at += part;
        }
        prop_assert!(paid >= whole, "{paid} in parts is less than {whole} at once");
        prop_assert!(paid < whole + parts.len() as u128, "{paid} in {} parts, {whole} at once", parts.len());
    }

    #[test]
    fn minting_in_parts_gives_no_more_and_at_most_one_less_per_part(
        curve in curves(), supply: Index, lock: Index, cuts in vec(any::<Index>(), 1..6),
    ) {
        let end = curve.last().unwrap().edge.get();
        let supply = share(end, supply);
        let lock = share(take(&curve, supply, end - supply).unwrap(), lock);
        let whole = give(&curve, supply, lock).unwrap();
        let parts = parts(lock, &cuts);
        let mut got = 0;
        for part in &parts {
            // Rounding a part's DIEM down leaves a little more of the curve, never less.
            got += give(&curve, supply + got, *part).unwrap();
        }
        prop_assert!(got <= whole, "{got} in parts is more than {whole} at once");
        prop_assert!(got + parts.len() as u128 > whole, "{got} in {} parts, {whole} at once", parts.len());
    }

    #[test]
    fn the_two_quotes_are_each_others_inverse(curve in curves(), supply: Index, out: Index) {
        let end = curve.last().unwrap().edge.get();
        let supply = share(end, supply);
        let out = share(end - supply, out);
        let needed = take(&curve, supply, out).unwrap();
        prop_assert!(give(&curve, supply, needed).unwrap() >= out, "what was quoted is enough");
        if needed > 0 {
            prop_assert!(give(&curve, supply, needed - 1).unwrap() < out, "and nothing less is");
        }
    }

    /// One adiem after the other, as the curve is drawn: slow, and with no step to finish.
    #[test]
    fn small_quotes_equal_a_count_of_single_units(
        widths in vec(1..20u128, 1..6), rises in vec(0..3u128, 6), supply in 0..100u128, out in 0..100u128,
    ) {
        let (mut edge, mut price) = (0, 1);
        let mut steps = vec![];
        for (width, rise) in widths.iter().zip(rises) {
            (edge, price) = (edge + width, price + rise);
            steps.push(step(edge, &(price * ONE).to_string()));
        }
        let unit = |at: u128| steps.iter().find(|step| at < step.edge.get()).map(|step| step.rate.0.to::<u128>() / ONE);
        let counted: Option<u128> = (supply..supply + out).map(unit).sum();
        prop_assert_eq!(take(&steps, supply, out).ok(), counted);
        if let Some(counted) = counted {
            prop_assert_eq!(give(&steps, supply, counted), Ok(out));
        }
    }
}
