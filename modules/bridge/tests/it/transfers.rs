//! Transfers until they are sealed.

use diem_bridge::{Params, Transfer, state, transfers};
use diem_core::{Address, Amount, keys::KeyKind};

use crate::{
    chain::{ALICE, AUTHORITY, BOB, Chain, TERMS, cents, params, refusal},
    staking_chain::{empty, who},
};

#[test]
fn a_transfer_waits_in_escrow_with_its_fee() {
    let base = empty();
    let mut chain = Chain::ready(&base);
    let before = chain.diem(ALICE);
    assert_eq!(chain.send(ALICE, cents(100), cents(1)), Ok(1));
    assert_eq!(chain.send(ALICE, cents(200), cents(2)), Ok(2));
    assert_eq!(chain.escrow(), cents(303));
    assert_eq!(chain.diem(ALICE), before.checked_sub(cents(303)).unwrap());
    assert_eq!(state::books(&chain.world.state).waiting, cents(303));
}

#[test]
fn every_rule_of_a_transfer_has_its_own_refusal_and_changes_nothing() {
    let base = empty();
    let mut chain = Chain::ready(&base);
    let deployed = state::contract(&chain.world.state).unwrap().deployed.unwrap();
    let before = (chain.diem(ALICE), chain.escrow(), chain.issued());
    let somebody = Address([0xb5; 20]);
    for (recipient, amount, fee, name) in [
        (Address::ZERO, cents(100), cents(1), "recipient_is_nobody"),
        (deployed.bridge, cents(100), cents(1), "recipient_is_nobody"),
        (deployed.token, cents(100), cents(1), "recipient_is_nobody"),
        (who(ALICE), cents(100), cents(1), "recipient_has_no_key"),
        (somebody, Amount::ZERO, cents(0), "amount_too_small"),
        (somebody, Amount::new(cents(1).get() - 1), cents(0), "amount_too_small"),
        (somebody, Amount::new(cents(100_000).get() + 1), cents(1), "amount_too_large"),
        (somebody, cents(100), Amount::new(cents(1).get() / 100 - 1), "fee_too_small"),
        (somebody, cents(100), Amount::new(cents(5).get() + 1), "fee_too_large"),
        (somebody, cents(100), Amount::MAX, "fee_too_large"),
    ] {
        let mint = Transfer { recipient, amount };
        let outcome = chain.call(ALICE, |ctx| transfers::send(ctx, mint, fee));
        assert_eq!(refusal(outcome), name, "{recipient} {amount} {fee}");
    }
    assert_eq!(refusal(chain.send(AUTHORITY, cents(100), cents(1))), "insufficient_funds");
    assert_eq!((chain.diem(ALICE), chain.escrow(), chain.issued()), before);
    // At the bounds themselves it is allowed, and so is one's own address where it is that of an Ethereum key.
    let own = Transfer { recipient: who(ALICE), amount: cents(1) };
    let fee = Amount::new(cents(1).get() / 100);
    chain.key = KeyKind::Ethereum;
    chain.call(ALICE, |ctx| transfers::send(ctx, own, fee)).unwrap();
    chain.send(ALICE, cents(100), cents(5)).unwrap();
}

#[test]
fn nothing_is_sent_before_the_contract_is_known() {
    let base = empty();
    let mut chain = Chain::new(&base);
    assert_eq!(refusal(chain.send(ALICE, cents(100), cents(1))), "inactive");
    chain.prepare(AUTHORITY, TERMS).unwrap();
    assert_eq!(refusal(chain.send(ALICE, cents(100), cents(1))), "inactive");
    chain.activate(AUTHORITY).unwrap();
    assert_eq!(chain.send(ALICE, cents(100), cents(1)), Ok(1));
}

#[test]
fn the_escrow_is_worth_at_most_a_third_of_the_stake_that_vouches_for_it() {
    let base = empty();
    // One validator with 1,000 VVV: what is sent may be worth 333.3 VVV.
    let mut chain = Chain::with(&base, 1, 0, params());
    chain.make_ready(1);
    let query = diem_core::QueryContext { state: &chain.world.state, block: chain.world.now };
    let diem_diem::Rate(rate) = diem_diem::query::rate(&query).rate.unwrap();
    let rate: u128 = rate.try_into().unwrap();
    let third = Amount::new(1_000 * Amount::ONE.get() / 3);
    let bound = third.mul_div_floor(Amount::ONE.get(), rate).unwrap();
    let fee = cents(1);
    let amount = bound.checked_sub(fee).unwrap();
    let over = Amount::new(amount.get() + 1);
    assert_eq!(refusal(chain.send(ALICE, over, fee)), "escrow_bound");
    assert_eq!(chain.escrow(), Amount::ZERO);
    chain.send(ALICE, amount, fee).unwrap();
    assert_eq!(refusal(chain.send(BOB, cents(1), Amount::new(cents(1).get() / 100))), "escrow_bound");
    assert_eq!(refusal(chain.bump_fee(ALICE, 1, Amount::new(fee.get() + 1))), "escrow_bound");
    chain.cancel(ALICE, 1).unwrap();
    chain.send(BOB, amount, fee).unwrap();
}

#[test]
fn a_fee_is_raised_by_its_sender_within_the_same_bounds() {
    let base = empty();
    let mut chain = Chain::ready(&base);
    chain.send(ALICE, cents(100), cents(1)).unwrap();
    for (sender, id, fee, name) in [
        (BOB, 1, cents(2), "not_yours"),
        (ALICE, 2, cents(2), "unknown_transfer"),
        (ALICE, 1, cents(1), "fee_not_raised"),
        (ALICE, 1, Amount::ZERO, "fee_not_raised"),
        (ALICE, 1, Amount::new(cents(5).get() + 1), "fee_too_large"),
    ] {
        assert_eq!(refusal(chain.bump_fee(sender, id, fee)), name);
    }
    chain.bump_fee(ALICE, 1, cents(5)).unwrap();
    assert_eq!(chain.escrow(), cents(105));
}

#[test]
fn a_cancelled_transfer_gives_amount_and_fee_back_once() {
    let base = empty();
    let mut chain = Chain::ready(&base);
    let before = chain.diem(ALICE);
    chain.send(ALICE, cents(100), cents(1)).unwrap();
    chain.bump_fee(ALICE, 1, cents(3)).unwrap();
    assert_eq!(refusal(chain.cancel(BOB, 1)), "not_yours");
    chain.cancel(ALICE, 1).unwrap();
    assert_eq!((chain.diem(ALICE), chain.escrow()), (before, Amount::ZERO));
    assert_eq!(refusal(chain.cancel(ALICE, 1)), "unknown_transfer");
    // Its id is not given again.
    assert_eq!(chain.send(ALICE, cents(100), cents(1)), Ok(2));
}

#[test]
fn what_is_sealed_is_final() {
    let base = empty();
    let mut chain = Chain::ready(&base);
    chain.send(ALICE, cents(100), cents(1)).unwrap();
    chain.block(2_000);
    chain.block(1_000);
    assert_eq!(chain.issued().batches, 1);
    assert_eq!(refusal(chain.cancel(ALICE, 1)), "sealed");
    assert_eq!(refusal(chain.bump_fee(ALICE, 1, cents(2))), "sealed");
    assert_eq!(refusal(chain.cancel(BOB, 1)), "not_yours");
    assert_eq!(chain.escrow(), cents(101));
}

#[test]
fn where_the_capacity_is_zero_nothing_is_sent() {
    let base = empty();
    let mut chain = Chain::with(&base, 4, 200_000, Params { out_capacity: Amount::ZERO, ..params() });
    chain.make_ready(4);
    assert_eq!(refusal(chain.send(ALICE, cents(100), cents(1))), "closed");
}
