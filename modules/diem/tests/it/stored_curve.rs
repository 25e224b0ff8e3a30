//! The stored curve gives the answers of the walk over its steps, wherever the supply stands.

use diem_core::Amount;
use diem_diem::{Curve, Rate, Step, query, quote_in, quote_out};
use proptest::{collection::vec, prelude::*};
use ruint::aliases::U256;

use crate::chain::{ADA, Chain, NORTH, empty, start};
use crate::curves::whole;

/// Widths and rises, tiny and large, of up to seventy steps.
fn curves() -> impl Strategy<Value = Vec<Step>> {
    let width = prop_oneof![1..9u128, 1..1_000_000_000_000_000_000u128, Just(5 * 10u128.pow(20))];
    let rise = prop_oneof![2 => Just(0u128), 1 => 1..50u128, 1 => 1..1_000_000_000_000_000_000_000u128];
    vec((width, rise), 1..70).prop_map(|steps| {
        let (mut edge, mut rate) = (0, 1);
        let step = |(width, rise)| {
            (edge, rate) = (edge + width, rate + rise);
            Step { edge: Amount::new(edge), rate: Rate(U256::from(rate)) }
        };
        steps.into_iter().map(step).collect()
    })
}

/// Numbers that matter: around what it takes to reach each edge, and any.
fn asked(at: &[u128], offset: u128, any: u128) -> Vec<u128> {
    let around = at.iter().flat_map(|at| [at.saturating_sub(offset), *at, at.saturating_add(offset)]);
    around.chain([0, 1, any, u128::MAX]).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn a_search_over_the_steps_finds_what_the_walk_finds(
        steps in curves(),
        part in 0..=1_000u128,
        offset in prop_oneof![Just(1u128), 0..1_000_000_000u128],
        any in any::<u128>(),
    ) {
        let end = steps.last().unwrap().edge;
        let supply = end.mul_div_floor(part, 1_000).unwrap();
        let base = empty();
        let mut started = start(Curve::Table(steps.clone()));
        if !supply.is_zero() {
            started = started.with_diem(ADA, NORTH, whole(1), supply);
        }
        let chain = Chain::new(&base, &started);
        let walk = || steps.iter().copied().filter(|step| step.edge > supply);

        let outs: Vec<u128> = walk().map(|step| step.edge.get() - supply.get()).collect();
        for out in asked(&outs, offset, any).into_iter().map(Amount::new) {
            let found = query::quote_out(&chain.ctx(), out).map(|quote| quote.lock_needed.0);
            prop_assert_eq!(found.map_err(|error| error.message), quote_out(walk(), supply, out).map_err(|error| error.to_string()));
        }
        let locks = outs.iter().filter_map(|out| {
            u128::try_from(quote_out(walk(), supply, Amount::new(*out)).unwrap()).ok()
        });
        for lock in asked(&locks.collect::<Vec<_>>(), offset, any) {
            let found = query::quote_in(&chain.ctx(), Amount::new(lock)).map(|quote| quote.diem_out);
            prop_assert_eq!(found.map_err(|error| error.message), quote_in(walk(), supply, U256::from(lock)).map_err(|error| error.to_string()));
        }
        let now = query::rate(&chain.ctx());
        prop_assert_eq!(now.rate.zip(now.until), walk().next().map(|step| (step.rate, step.edge)));
    }
}
