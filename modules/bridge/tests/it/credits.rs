//! Who is paid for what was burned on Base, and when.

use diem_bridge::{Event, Msg, Params, inbound, setup, state};
use diem_core::{Address, Amount, Message as _};

use crate::{
    chain::{ALICE, AUTHORITY, BOB, Chain, cents, params, refusal},
    far_side::FarSide,
    staking_chain::{empty, who},
};

const DAY_MS: u64 = 86_400_000;

/// A chain that has sent 20 DIEM out, whose burns find room for 10 DIEM a day and 4 at once.
fn narrow(base: &diem_overlay::Empty) -> (Chain<'_>, FarSide) {
    let params = Params { credit_capacity: cents(1_000), share_bps: 4_000, ..params() };
    let mut chain = Chain::with(base, 4, 200_000, params);
    chain.make_ready(4);
    let batch = chain.sealed(ALICE, cents(2_000), cents(20));
    let mut far = FarSide::of(&chain);
    far.execute(&batch);
    chain.follow(&mut far);
    chain.block(1);
    (chain, far)
}

fn hold(chain: &mut Chain<'_>, sender: u8, credit: u64) -> Result<(), diem_core::CallError> {
    chain.call(sender, |ctx| Msg::Hold { credit }.execute(ctx))
}

fn delayed_until(chain: &Chain<'_>, id: u64) -> Option<u64> {
    inbound::credit(&chain.world.state, id).unwrap().delayed_until.map(diem_core::Time::millis)
}

#[test]
fn a_burn_above_room_or_share_waits_a_day_and_is_paid_whatever_the_room() {
    let base = empty();
    let (mut chain, mut far) = narrow(&base);
    let before = chain.diem(BOB);
    for amount in [400, 401, 400, 300, 200] {
        far.burn(who(BOB), cents(amount));
    }
    chain.follow(&mut far);
    let at = chain.world.now.time.millis();
    // 401 are above the share; after twice 400 there is no room for 300, but for 200.
    assert_eq!(chain.diem(BOB), before.saturating_add(cents(1_000)));
    let until = delayed_until(&chain, 2).unwrap();
    assert!(until >= at - 1 + DAY_MS && until <= at + DAY_MS);
    assert_eq!(delayed_until(&chain, 4), Some(until));
    chain.block(until - chain.world.now.time.millis() - 1);
    chain.block(1);
    assert_eq!(chain.diem(BOB), before.saturating_add(cents(1_000)));
    chain.block(1);
    assert_eq!(chain.diem(BOB), before.saturating_add(cents(1_701)));
    assert!(inbound::credit(&chain.world.state, 2).is_none());
    assert_eq!(state::books(&chain.world.state).owed, Amount::ZERO);
}

#[test]
fn a_delayed_credit_is_held_back_once_for_fourteen_days() {
    let base = empty();
    let (mut chain, mut far) = narrow(&base);
    let before = chain.diem(BOB);
    far.burn(who(BOB), cents(500));
    chain.follow(&mut far);
    assert_eq!(refusal(hold(&mut chain, ALICE, 1)), "not_authority");
    assert_eq!(refusal(hold(&mut chain, AUTHORITY, 2)), "unknown_nonce");
    hold(&mut chain, AUTHORITY, 1).unwrap();
    assert_eq!(delayed_until(&chain, 1), Some(chain.world.now.time.millis() + 14 * DAY_MS));
    assert_eq!(refusal(hold(&mut chain, AUTHORITY, 1)), "held_before");
    chain.block(14 * DAY_MS - 1);
    chain.block(1);
    assert_eq!(chain.diem(BOB), before);
    chain.block(1);
    assert_eq!(chain.diem(BOB), before.saturating_add(cents(500)));
}

#[test]
fn a_credit_that_waits_for_its_block_is_not_delayed_and_cannot_be_held() {
    let base = empty();
    let (mut chain, mut far) = narrow(&base);
    for _ in 0..250 {
        far.burn(who(BOB), cents(1));
    }
    let block = far.checkpoint();
    chain.attest(block);
    while chain.replay(&far, 200) {}
    chain.block(1);
    assert_eq!(refusal(hold(&mut chain, AUTHORITY, 1)), "not_delayed");
}

#[test]
fn sending_to_and_fro_leaves_room_and_out_and_cancel_does_not() {
    let base = empty();
    let (mut chain, mut far) = narrow(&base);
    let before = chain.diem(BOB);
    // A tenth of the capacity, to and fro, forty times its worth.
    for _ in 0..40 {
        far.burn(who(ALICE), cents(100));
        chain.follow(&mut far);
        chain.block(1);
        let batch = chain.sealed(ALICE, cents(99), cents(1));
        far.execute(&batch);
        chain.follow(&mut far);
        chain.block(1);
    }
    far.burn(who(BOB), cents(400));
    chain.follow(&mut far);
    assert_eq!(chain.diem(BOB), before.saturating_add(cents(400)));

    let (mut chain, mut far) = narrow(&base);
    for amount in [400, 400, 200] {
        far.burn(who(BOB), cents(amount));
    }
    chain.follow(&mut far);
    for _ in 0..40 {
        let id = chain.send(ALICE, cents(100), cents(1)).unwrap();
        chain.cancel(ALICE, id).unwrap();
    }
    far.burn(who(BOB), cents(100));
    chain.follow(&mut far);
    assert!(delayed_until(&chain, 4).is_some(), "what never went out drains no bucket");
}

#[test]
fn two_hundred_are_paid_a_block_and_nobody_twice() {
    let base = empty();
    let (mut chain, mut far) = narrow(&base);
    for number in 0..450_u32 {
        far.burn(Address([u8::try_from(number % 200).unwrap() + 1; 20]), cents(1));
    }
    chain.follow(&mut far);
    let paid =
        |chain: &Chain<'_>| chain.events.iter().filter(|event| matches!(event, Event::CreditPaid { .. })).count();
    let mut counts = vec![paid(&chain)];
    for _ in 0..3 {
        chain.block(1);
        counts.push(paid(&chain));
    }
    assert_eq!(counts, [200, 400, 450, 450]);
}

#[test]
fn a_capacity_of_zero_makes_every_burn_wait_a_day() {
    let base = empty();
    let (mut chain, mut far) = narrow(&base);
    let none = Params { credit_capacity: Amount::ZERO, ..params() };
    chain.call(AUTHORITY, |ctx| setup::set_params(ctx, &none)).unwrap();
    let before = chain.diem(BOB);
    far.burn(who(BOB), cents(1));
    chain.follow(&mut far);
    assert_eq!(chain.diem(BOB), before);
    chain.block(DAY_MS);
    chain.block(1);
    assert_eq!(chain.diem(BOB), before.saturating_add(cents(1)));
}
