//! Who gets what of rewards, one sentence at a time. Amounts of the known answers are those of the rules.

use diem_bank::Pool;
use diem_core::{Amount, Time};
use diem_staking::{EditValidator, Msg, Params, Rewarded, held_rewards};

use crate::world::{DAY, ONE, World, description, empty, evidence, refusal, units, vvv, who};

const FEE: u16 = 2_000;

/// A tenth of a VVV, so many times.
const fn tenths(count: u128) -> Amount {
    Amount::new(count * ONE / 10)
}

/// One validator; half of all stake is account 9's and locked, the other half the operator's.
fn half_locked(base: &diem_overlay::Empty, commission: u16) -> World<'_> {
    let mut world = World::with(base, 1, Params::default(), commission);
    world.stake(9, 1, vvv(1_000)).unwrap();
    world.lock(9, 1, 1_000 * ONE).unwrap();
    world
}

#[test]
fn half_locked_without_commission_gives_5_4_and_1_tenths() {
    let base = empty();
    let mut world = half_locked(&base, 0);
    let rewarded = world.reward(vvv(1), FEE);
    assert_eq!(rewarded, Rewarded { fee: tenths(1), left: Amount::ZERO });
    assert_eq!((world.pending(1, 1), world.pending(9, 1)), (tenths(5), tenths(4)));
    assert_eq!((world.pool(Pool::Rent), world.pool(Pool::Rewards)), (tenths(1), tenths(9)));
    world.check();
}

#[test]
fn the_fee_comes_before_a_tenth_of_commission() {
    let base = empty();
    let mut world = half_locked(&base, 1_000);
    let rewarded = world.reward(vvv(1), FEE);
    assert_eq!(rewarded, Rewarded { fee: tenths(1), left: Amount::ZERO });
    let hundredths = |count| units(count * ONE / 100);
    // 0.09 of commission and 0.45 of rewards are the operator's.
    assert_eq!((world.pending(1, 1), world.pending(9, 1)), (hundredths(9 + 45), hundredths(36)));
    world.check();
}

#[test]
fn a_minter_at_the_own_validator_with_all_the_commission_pays_the_fee_all_the_same() {
    let base = empty();
    let mut world = World::with(&base, 0, Params::default(), 0);
    let greedy =
        diem_staking::CreateValidator { commission: 10_000, max_commission: 10_000, ..description(1, vvv(1_000)) };
    world.call(1, &Msg::CreateValidator(greedy)).unwrap();
    world.lock(1, 1, 1_000 * ONE).unwrap();
    world.next();
    let rewarded = world.reward(vvv(1), FEE);
    assert_eq!(rewarded, Rewarded { fee: tenths(2), left: Amount::ZERO });
    assert_eq!(world.pending(1, 1), tenths(8));
    world.check();
}

#[test]
fn transaction_fees_know_no_difference_between_locked_and_free() {
    let base = empty();
    let mut world = half_locked(&base, 0);
    assert_eq!(world.reward(vvv(1), 0), Rewarded { fee: Amount::ZERO, left: Amount::ZERO });
    assert_eq!((world.pending(1, 1), world.pending(9, 1)), (tenths(5), tenths(5)));
    world.check();
}

#[test]
fn a_fee_of_all_leaves_nothing_to_locked_stake() {
    let base = empty();
    let mut world = World::new(&base, 1);
    world.lock(1, 1, 1_000 * ONE).unwrap();
    assert_eq!(world.reward(vvv(1), 10_000), Rewarded { fee: vvv(1), left: Amount::ZERO });
    assert_eq!(world.pending(1, 1), Amount::ZERO);
    assert_eq!(diem_staking::reward(&mut world.state, vvv(1), 10_001).unwrap_err().code, 22);
    world.check();
}

#[test]
fn validators_share_by_tokens_and_the_rest_is_left() {
    let base = empty();
    let mut world = World::new(&base, 3);
    world.stake(9, 3, vvv(1_000)).unwrap();
    // 1,000 : 1,000 : 2,000 of 1,003 units: 250.75 twice and 501.5.
    let rewarded = world.reward(units(1_003), FEE);
    assert_eq!(rewarded, Rewarded { fee: Amount::ZERO, left: units(2) });
    assert_eq!((world.pending(1, 1), world.pending(2, 2)), (units(250), units(250)));
    // 501 of two equal positions: half a unit each waits for more.
    assert_eq!((world.pending(3, 3), world.pending(9, 3)), (units(250), units(250)));
    world.reward(units(1_003), FEE);
    assert_eq!((world.pending(3, 3), world.pending(9, 3)), (units(501), units(501)));
    world.check();
}

#[test]
fn only_the_set_that_consensus_was_told_earns_and_of_it_nobody_who_is_out_since() {
    let base = empty();
    let mut world = World::new(&base, 3);
    world.call(4, &Msg::CreateValidator(description(4, vvv(5_000)))).unwrap();
    world.reward(vvv(3), FEE);
    assert_eq!([1, 2, 3, 4].map(|n| world.pending(n, n)), [vvv(1), vvv(1), vvv(1), Amount::ZERO]);
    world.next();
    world.try_do(|state, events| diem_staking::tombstone(state, events, &who(1))).unwrap();
    world.try_do(|state, events| diem_staking::jail(state, events, &who(2), Time(u64::MAX))).unwrap();
    // 1,000 and 5,000 are left of the set that was told.
    world.reward(vvv(6), FEE);
    assert_eq!([1, 2, 3, 4].map(|n| world.pending(n, n)), [vvv(1), vvv(1), vvv(2), vvv(5)]);
    world.check();
}

#[test]
fn where_nobody_may_earn_everything_is_left() {
    let base = empty();
    let mut world = World::new(&base, 1);
    world.try_do(|state, events| diem_staking::tombstone(state, events, &who(1))).unwrap();
    assert_eq!(world.reward(vvv(1), FEE), Rewarded { fee: Amount::ZERO, left: vvv(1) });
    let mut world = World::new(&base, 0);
    assert_eq!(world.reward(vvv(1), FEE), Rewarded { fee: Amount::ZERO, left: vvv(1) });
    assert_eq!(diem_staking::reward(&mut world.state, Amount::ZERO, FEE).unwrap().left, Amount::ZERO);
}

#[test]
fn earning_starts_with_staking_and_ends_with_unstaking() {
    let base = empty();
    let mut world = World::new(&base, 1);
    world.reward(vvv(10), FEE);
    world.stake(9, 1, vvv(1_000)).unwrap();
    assert_eq!(world.pending(9, 1), Amount::ZERO);
    world.reward(vvv(10), FEE);
    world.unstake(9, 1, vvv(1_000)).unwrap();
    world.reward(vvv(10), FEE);
    assert_eq!((world.pending(1, 1), world.pending(9, 1)), (vvv(25), vvv(5)));
    world.call(9, &Msg::Claim { validator: who(1) }).unwrap();
    assert_eq!(world.balance(9), vvv(999_005));
    assert_eq!(refusal(world.call(9, &Msg::Claim { validator: who(1) })), "nothing_to_claim");
    world.check();
}

#[test]
fn rewards_can_be_staked_again() {
    let base = empty();
    let mut world = World::new(&base, 1);
    world.reward(vvv(10), FEE);
    world.call(1, &Msg::ClaimAndStake { validator: who(1) }).unwrap();
    assert_eq!((world.staked(1, 1), world.pending(1, 1)), (vvv(1_010), Amount::ZERO));
    assert_eq!((world.pool(Pool::Bonded), world.pool(Pool::Rewards)), (vvv(1_010), Amount::ZERO));
    world.check();
}

#[test]
fn dust_below_a_unit_of_who_left_joins_the_next_rewards() {
    let base = empty();
    let mut world = World::new(&base, 1);
    world.stake(9, 1, vvv(2_000)).unwrap();
    let mut left = Amount::ZERO;
    for _ in 0..3 {
        left = world.reward(units(100), FEE).left;
    }
    assert_eq!(left, Amount::ZERO, "thirds are nobody's dust while their owners are there");
    // 66.67 units each time: 200, exactly to the thirds of a 10^-36th.
    world.unstake(9, 1, vvv(2_000)).unwrap();
    world.call(9, &Msg::Claim { validator: who(1) }).unwrap();
    let held = held_rewards(&world.state).unwrap();
    assert_eq!(world.pool(Pool::Rewards), held);
    world.reward(units(100), FEE);
    world.check();
}

#[test]
fn a_changed_commission_counts_from_the_next_day_and_within_its_promises() {
    let base = empty();
    let mut world = World::with(&base, 1, Params::default(), 1_000);
    let edit = |rate| Msg::EditValidator(EditValidator { description: None, commission: Some(rate) });
    assert_eq!(refusal(world.call(1, &edit(1_501))), "commission_change");
    assert_eq!(refusal(world.call(1, &edit(499))), "commission_change");
    assert_eq!(refusal(world.call(2, &edit(1_000))), "unknown_validator");
    world.call(1, &edit(500)).unwrap();
    world.call(1, &edit(1_500)).unwrap();
    // Twice on a day goes no further than once.
    assert_eq!(refusal(world.call(1, &edit(2_000))), "commission_change");
    world.stake(9, 1, vvv(1_000)).unwrap();
    world.reward(vvv(20), 0);
    assert_eq!(world.pending(9, 1), vvv(9), "today it is 10%");
    world.wait(DAY);
    world.reward(vvv(20), 0);
    assert_eq!(world.pending(9, 1), units(9 * ONE + 85 * ONE / 10), "the next day 15%");
    for rate in [2_000, 2_500, 3_000, 3_500, 4_000, 4_500, 5_000] {
        world.call(1, &edit(rate)).unwrap();
        world.wait(DAY);
    }
    assert_eq!(refusal(world.call(1, &edit(5_001))), "commission_change", "never above the promised maximum");
    world.check();
}

#[test]
fn who_was_slashed_still_has_what_was_earned() {
    let base = empty();
    let mut world = World::new(&base, 2);
    world.reward(vvv(10), FEE);
    let (height, time) = (world.now.height, world.now.time);
    world.block(1_000, vec![], vec![evidence(1, height, time)]);
    assert_eq!(world.pending(1, 1), vvv(5));
    world.call(1, &Msg::Claim { validator: who(1) }).unwrap();
    assert_eq!(refusal(world.call(2, &Msg::ClaimAndStake { validator: who(1) })), "nothing_to_claim");
    world.check();
}
