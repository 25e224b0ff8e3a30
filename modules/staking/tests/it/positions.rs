//! What staking promises about positions and tranches, one sentence at a time.

use diem_bank::Pool;
use diem_core::{Amount, Time};
use diem_staking::{Error, Event, Msg, Offence, Reach, position, slash, validator};

use crate::world::{DAY, ONE, START, World, empty, refusal, units, vvv, who};

const WEEK: u64 = 7 * DAY;

#[test]
fn staking_bonds_vvv_one_to_one_at_first() {
    let base = empty();
    let mut world = World::new(&base, 1);
    let events = world.stake(9, 1, vvv(100)).unwrap();
    assert_eq!(events, [Event::Staked { account: who(9), validator: who(1), amount: vvv(100), shares: 100 * ONE }]);
    assert_eq!((world.staked(9, 1), world.balance(9)), (vvv(100), vvv(999_900)));
    assert_eq!((world.tokens(1), world.pool(Pool::Bonded)), (vvv(1_100), vvv(1_100)));
    world.check();
}

#[test]
fn nothing_strangers_and_more_than_there_is_are_refused() {
    let base = empty();
    let mut world = World::new(&base, 1);
    assert_eq!(refusal(world.stake(9, 1, Amount::ZERO)), "zero_amount");
    assert_eq!(refusal(world.stake(9, 2, vvv(1))), "unknown_validator");
    assert_eq!(refusal(world.stake(9, 1, vvv(1_000_001))), "insufficient_funds");
    assert_eq!(refusal(world.unstake(9, 1, Amount::ZERO)), "zero_amount");
    assert_eq!(refusal(world.unstake(9, 2, vvv(1))), "unknown_validator");
    assert_eq!(refusal(world.unstake(9, 1, units(1))), "not_free");
    assert_eq!(refusal(world.restake(9, 1, 1, units(1))), "same_validator");
    assert_eq!(refusal(world.restake(9, 1, 2, units(1))), "not_free");
    assert_eq!(refusal(world.cancel(9, 0)), "unknown_tranche");
    assert_eq!(refusal(world.call(9, &Msg::Claim { validator: who(1) })), "nothing_to_claim");
    world.check();
}

#[test]
fn a_tranche_pays_itself_in_the_first_block_past_the_unbonding_time_of_the_next_block() {
    let base = empty();
    let mut world = World::new(&base, 1);
    world.stake(9, 1, vvv(100)).unwrap();
    world.unstake(9, 1, vvv(40)).unwrap();
    assert_eq!((world.staked(9, 1), world.balance(9)), (vvv(60), vvv(999_900)));
    // The block after, from whose time the waiting counts, comes five seconds later.
    world.block(5_000, vec![], vec![]);
    world.block(WEEK, vec![], vec![]);
    assert_eq!(world.balance(9), vvv(999_900), "exactly the unbonding time is not past it");
    let begun = world.block(1, vec![], vec![]);
    let paid = Event::TranchePaid { account: who(9), validator: who(1), tranche: 0, amount: vvv(40) };
    assert_eq!(begun.events, [paid]);
    assert_eq!(world.balance(9), vvv(999_940));
    world.check();
}

#[test]
fn many_tranches_run_beside_each_other_up_to_the_limit() {
    let base = empty();
    let mut world = World::new(&base, 1);
    world.stake(9, 1, vvv(100)).unwrap();
    for _ in 0..32 {
        world.unstake(9, 1, vvv(1)).unwrap();
        world.next();
    }
    assert_eq!(refusal(world.unstake(9, 1, vvv(1))), "too_many_entries");
    world.cancel(9, 5).unwrap();
    world.unstake(9, 1, vvv(2)).unwrap();
    assert_eq!(refusal(world.unstake(9, 1, vvv(1))), "too_many_entries");
    world.check();
    world.wait(WEEK + 1);
    assert_eq!(world.balance(9), vvv(999_933));
    world.unstake(9, 1, vvv(67)).unwrap();
    world.check();
}

#[test]
fn cancelling_stakes_a_tranche_again_and_only_its_owner_can() {
    let base = empty();
    let mut world = World::new(&base, 2);
    world.stake(9, 1, vvv(100)).unwrap();
    let tranche = world.unstake(9, 1, vvv(40)).unwrap();
    assert_eq!(refusal(world.cancel(8, tranche)), "unknown_tranche");
    world.cancel(9, tranche).unwrap();
    assert_eq!(refusal(world.cancel(9, tranche)), "unknown_tranche");
    assert_eq!(world.staked(9, 1), vvv(100));
    world.wait(WEEK + 1);
    assert_eq!(world.balance(9), vvv(999_900), "what was cancelled is not paid");
    // Moved stake is no tranche.
    world.restake(9, 1, 2, vvv(10)).unwrap();
    assert_eq!(refusal(world.cancel(9, 1)), "unknown_tranche");
    world.check();
}

#[test]
fn queues_pay_no_more_than_their_limit_in_a_block() {
    let base = empty();
    let mut world = World::new(&base, 2);
    world.pay_limit = 3;
    for account in 5..15 {
        world.stake(account, 1 + account % 2, vvv(10)).unwrap();
        world.unstake(account, 1 + account % 2, vvv(10)).unwrap();
    }
    world.wait(WEEK + 1);
    let mut paid = vec![(5..15).filter(|account| world.balance(*account) == vvv(1_000_000)).count()];
    for _ in 0..4 {
        world.next();
        paid.push((5..15).filter(|account| world.balance(*account) == vvv(1_000_000)).count());
    }
    assert!(paid.windows(2).all(|pair| pair[1] - pair[0] <= 3), "{paid:?}");
    assert_eq!((paid[0], paid[4]), (3, 10));
    world.check();
}

#[test]
fn moved_stake_can_neither_move_again_nor_be_unstaked_for_the_unbonding_time() {
    let base = empty();
    let mut world = World::new(&base, 3);
    world.stake(9, 1, vvv(100)).unwrap();
    world.stake(9, 2, vvv(5)).unwrap();
    world.restake(9, 1, 2, vvv(60)).unwrap();
    assert_eq!((world.staked(9, 1), world.staked(9, 2)), (vvv(40), vvv(65)));
    assert_eq!(refusal(world.restake(9, 2, 3, units(5 * ONE + 1))), "not_free");
    assert_eq!(refusal(world.unstake(9, 2, units(5 * ONE + 1))), "not_free");
    world.restake(9, 2, 3, vvv(2)).unwrap();
    world.unstake(9, 2, vvv(3)).unwrap();
    world.check();
    world.wait(WEEK + 1);
    world.unstake(9, 2, vvv(60)).unwrap();
    assert_eq!(world.staked(9, 2), Amount::ZERO);
    world.check();
}

#[test]
fn locked_stake_stays_unless_it_moves() {
    let base = empty();
    let mut world = World::new(&base, 2);
    world.stake(9, 1, vvv(100)).unwrap();
    world.lock(9, 1, 90 * ONE).unwrap();
    assert_eq!(refusal(world.lock(9, 1, 10 * ONE + 1)), "not_free");
    assert_eq!(refusal(world.unstake(9, 1, units(10 * ONE + 1))), "not_free");
    // Free shares go first, then locked ones, which are locked at the other validator too.
    world.restake(9, 1, 2, vvv(40)).unwrap();
    let (source, target) = (position(&world.state, &who(9), &who(1)), position(&world.state, &who(9), &who(2)));
    assert_eq!((source.shares, source.locked, source.moved), (60 * ONE, 60 * ONE, 0));
    assert_eq!((target.shares, target.locked, target.moved), (40 * ONE, 30 * ONE, 40 * ONE));
    assert_eq!(validator(&world.state, &who(2)).unwrap().locked, 30 * ONE);
    // What is not locked but was moved may still be locked.
    world.lock(9, 2, 10 * ONE).unwrap();
    world.check();
}

#[test]
fn what_stays_locked_of_moved_stake_rounds_up() {
    let base = empty();
    let mut world = World::new(&base, 2).without_minimum();
    world.stake(9, 1, units(10)).unwrap();
    world.lock(9, 1, 5).unwrap();
    world.try_do(|state, events| slash(state, events, &who(2), Offence::Downtime, 1_000, Reach::Everything)).unwrap();
    world.restake(9, 1, 2, units(10)).unwrap();
    // 10 units buy 11 shares of nine tenths; half of the stake was locked: 5.5 of them.
    let target = position(&world.state, &who(9), &who(2));
    assert_eq!((target.shares, target.locked), (11, 6));
    world.check();
}

#[test]
fn after_a_slash_amounts_round_against_who_leaves_and_all_takes_all() {
    let base = empty();
    let mut world = World::new(&base, 1).without_minimum();
    world.stake(9, 1, units(100)).unwrap();
    world.try_do(|state, events| slash(state, events, &who(1), Offence::Equivocation, 500, Reach::Everything)).unwrap();
    assert_eq!(world.staked(9, 1), units(95));
    assert_eq!(world.shares(9, 1), 100);
    // 10 of 95 are ceil(10 * S / T) shares: 10.52 round up.
    world.unstake(9, 1, units(10)).unwrap();
    assert_eq!(world.shares(9, 1), 89);
    // 89 shares are worth 84.55: that floors to 84, and 84 take all of them.
    assert_eq!(world.staked(9, 1), units(84));
    assert_eq!(refusal(world.unstake(9, 1, units(85))), "not_free");
    world.unstake(9, 1, units(84)).unwrap();
    assert_eq!(world.shares(9, 1), 0);
    // Who stakes gets floor(a * S / T) shares, never fewer than a.
    world.stake(9, 1, units(94)).unwrap();
    assert_eq!(world.shares(9, 1), 98);
    world.check();
}

#[test]
fn a_refusal_says_what_would_be_possible() {
    let base = empty();
    let mut world = World::new(&base, 1);
    world.stake(9, 1, vvv(3)).unwrap();
    let error = world.unstake(9, 1, vvv(4)).unwrap_err();
    assert_eq!(error.message, Error::NotFree { free: vvv(3), needed: vvv(4) }.to_string());
    assert!(error.message.contains("only 3 VVV"), "{}", error.message);
}

#[test]
fn the_last_to_leave_takes_everything_and_the_next_starts_one_to_one() {
    let base = empty();
    let mut world = World::new(&base, 2);
    world
        .try_do(|state, events| slash(state, events, &who(1), Offence::Equivocation, 3_333, Reach::Everything))
        .unwrap();
    let all = world.staked(1, 1);
    assert_eq!(all, units(666_700_000_000_000_000_000));
    world.unstake(1, 1, all).unwrap();
    let row = validator(&world.state, &who(1)).unwrap();
    assert_eq!((row.tokens, row.shares), (Amount::ZERO, 0));
    world.stake(9, 1, vvv(7)).unwrap();
    assert_eq!(world.shares(9, 1), 7 * ONE);
    world.check();
}

#[test]
fn a_tranche_knows_its_date_once_the_next_block_has_a_time() {
    use diem_core::{Page, QueryContext};
    let base = empty();
    let mut world = World::new(&base, 1);
    world.stake(9, 1, vvv(100)).unwrap();
    world.unstake(9, 1, vvv(40)).unwrap();
    let until = |world: &World<'_>| {
        let ctx = QueryContext { state: &world.state, block: world.now };
        diem_staking::query::leaving(&ctx, &who(9), &Page::largest(None))[0].until
    };
    assert_eq!(until(&world), None);
    world.next();
    assert_eq!(until(&world), Some(Time(START + 2_000 + WEEK)));
}
