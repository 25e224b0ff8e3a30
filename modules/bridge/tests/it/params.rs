//! The parameters and their bounds.

use diem_bridge::{Msg, Params};
use diem_core::Amount;

use crate::vectors::{file, name};

#[test]
fn the_parameters_of_a_live_chain_are_the_first_ones_of_the_vectors() {
    let calls = file("calls").cases().into_iter().map(|case| case.json::<Msg>("call"));
    let all: Vec<Params> =
        calls.filter_map(|call| if let Msg::SetParams { params } = call { Some(params) } else { None }).collect();
    assert_eq!(all[0], Params::default());
    for params in all {
        assert_eq!(params.validate(), Ok(()));
    }
}

#[test]
fn every_parameter_has_its_bounds() {
    type Change = fn(&mut Params);
    let changes: [(Change, &str); 19] = [
        (|p| p.checkpoint_blocks = 0, "checkpoint_blocks"),
        (|p| p.checkpoint_blocks = 100_001, "checkpoint_blocks"),
        (|p| p.seal_wait_ms = 999, "seal_wait_ms"),
        (|p| p.seal_wait_ms = 3_600_001, "seal_wait_ms"),
        (|p| p.batch_life_ms = 599_000, "batch_life_ms"),
        (|p| p.batch_life_ms = 604_801_000, "batch_life_ms"),
        (|p| p.batch_life_ms = 600_001, "batch_life_ms"),
        (|p| p.min_out = Amount::ZERO, "min_fee"),
        (|p| p.min_fee = Amount::ZERO, "min_fee"),
        (|p| p.min_fee = Amount::new(p.min_out.get() / 20 + 1), "min_fee"),
        (|p| p.max_open = 0, "max_open"),
        (|p| p.max_open = 1_025, "max_open"),
        (|p| p.set_gap_ms = 999, "set_gap_ms"),
        (|p| p.set_gap_ms = p.set_every_ms + 1, "set_gap_ms"),
        (|p| p.share_bps = 0, "share_bps"),
        (|p| p.share_bps = 10_001, "share_bps"),
        (|p| p.forgery_bps = 499, "forgery_bps"),
        (|p| p.forgery_bps = 10_001, "forgery_bps"),
        (|p| p.silence_jail_bps = Some(499), "silence_jail_bps"),
    ];
    for (change, parameter) in changes {
        let mut params = Params::default();
        change(&mut params);
        let refusal = params.validate().unwrap_err();
        assert_eq!(name(&refusal), "params");
        assert!(refusal.to_string().starts_with(parameter), "{refusal}");
    }
}

#[test]
fn five_sets_are_made_while_one_lives() {
    let params = Params::default();
    assert_eq!(params.check_set_age(5 * 86_400), Ok(()));
    assert_eq!(name(&params.check_set_age(5 * 86_400 - 1).unwrap_err()), "params");
}
