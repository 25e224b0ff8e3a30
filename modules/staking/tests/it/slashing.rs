//! What a slash reaches and what it does not, one sentence at a time.

use diem_bank::Pool;
use diem_core::{Amount, Denom, Time};
use diem_staking::{Event, Msg, Offence, Reach, Slash, Trimmed, position, punish_forgery, slash, validator};

use crate::world::{DAY, ONE, World, empty, evidence, refusal, units, vote, vvv, who};

const WEEK: u64 = 7 * DAY;

fn supply(world: &World<'_>) -> Amount {
    diem_bank::supply(&world.state, Denom::Vvv)
}

#[test]
fn equivocation_burns_a_twentieth_and_puts_out_for_ever() {
    let base = empty();
    let mut world = World::new(&base, 2);
    world.stake(9, 1, vvv(100)).unwrap();
    let before = supply(&world);
    let begun = world.offence(1, 1);
    let expected = Slash { validator: who(1), offence: Offence::Equivocation, bps: 500, burned: vvv(55) };
    assert_eq!(begun.slashes, [expected]);
    assert_eq!((world.tokens(1), world.staked(9, 1)), (vvv(1_045), vvv(95)));
    assert_eq!(supply(&world), before.checked_sub(vvv(55)).unwrap());
    assert_eq!(refusal(world.stake(9, 1, vvv(1))), "tombstoned");
    assert_eq!(refusal(world.restake(2, 2, 1, vvv(1))), "tombstoned");
    assert_eq!(refusal(world.call(1, &Msg::Unjail)), "tombstoned");
    // It is not punished again.
    assert_eq!(world.offence(1, 1).slashes, []);
    let votes = (0..50).map(|_| vote(1, false)).collect();
    assert_eq!(world.block(1_000, votes, vec![]).slashes, []);
    // Who staked with it can leave and move.
    world.unstake(9, 1, vvv(50)).unwrap();
    let rest = world.staked(9, 1);
    assert_eq!(rest, units(45 * ONE - 1), "the tranche rounded against who left");
    world.restake(9, 1, 2, rest).unwrap();
    assert_eq!(world.shares(9, 1), 0);
    world.check();
}

#[test]
fn a_tranche_cannot_be_staked_again_with_who_is_out() {
    let base = empty();
    let mut world = World::new(&base, 2);
    world.stake(9, 1, vvv(100)).unwrap();
    let tranche = world.unstake(9, 1, vvv(10)).unwrap();
    world.offence(1, 1);
    assert_eq!(refusal(world.cancel(9, tranche)), "tombstoned");
    world.wait(WEEK + 1);
    assert_eq!(world.balance(9), units(999_909 * ONE + ONE / 2), "nine and a half of ten are paid");
    world.check();
}

#[test]
fn old_evidence_and_strangers_are_ignored() {
    let base = empty();
    let mut world = World::new(&base, 1);
    let (height, time) = (world.now.height, world.now.time);
    world.wait(WEEK);
    let late = world.block(1_000, vec![], vec![evidence(1, height, time), evidence(7, height, time)]);
    assert_eq!(late.slashes, []);
    // The age in blocks says nothing: two blocks ago, and just young enough by time.
    let now = world.now.time.0 + 1_000;
    let begun = world.block(1_000, vec![], vec![evidence(1, 1, Time(now - WEEK))]);
    assert_eq!(begun.slashes.len(), 1);
    world.check();
}

#[test]
fn what_left_in_the_block_before_the_offence_is_slashed_and_what_left_earlier_is_not() {
    let base = empty();
    let mut world = World::new(&base, 3);
    world.stake(9, 1, vvv(1_000)).unwrap();
    // One tranche and one move in each of four blocks.
    let mut left_at = vec![];
    for _ in 0..4 {
        world.unstake(9, 1, vvv(100)).unwrap();
        world.restake(9, 1, 2, vvv(100)).unwrap();
        left_at.push(world.now.height);
        world.next();
    }
    let offence = left_at[2];
    let begun = world.offence(1, offence);
    let hit: Vec<u64> = begun
        .events
        .iter()
        .filter_map(|e| match e {
            Event::EntrySlashed { id, burned, .. } => {
                assert_eq!(*burned, vvv(5));
                Some(*id)
            }
            _ => None,
        })
        .collect();
    // Entries 2k and 2k+1 left in block k; from the block before the offence on they voted at it.
    assert_eq!(hit, [2, 3, 4, 5, 6, 7]);
    assert_eq!(world.staked(9, 2), vvv(385));
    assert_eq!(world.tokens(1), vvv(1_140), "1,200 were left, less 60");
    world.check();
    world.wait(WEEK + 1);
    assert_eq!(world.balance(9), vvv(999_000 + 385));
    assert_eq!(position(&world.state, &who(9), &who(2)).moved, 0);
    world.check();
}

#[test]
fn what_leaves_after_the_slash_left_tokens_that_were_slashed_already() {
    let base = empty();
    let mut world = World::new(&base, 2);
    world.stake(9, 1, vvv(100)).unwrap();
    let now = world.now.height;
    world.unstake(9, 1, vvv(10)).unwrap();
    world.job_limit = 0;
    world.offence(1, now);
    world.unstake(9, 1, vvv(10)).unwrap();
    world.job_limit = 500;
    let begun = world.next();
    let hit = begun.events.iter().filter(|e| matches!(e, Event::EntrySlashed { .. })).count();
    assert_eq!(hit, 1);
    world.wait(WEEK + 1);
    assert_eq!(world.balance(9), units(999_919 * ONE + ONE / 2));
    world.check();
}

#[test]
fn a_slash_of_a_tranche_rounds_up_and_of_tokens_down() {
    let base = empty();
    let mut world = World::new(&base, 1).without_minimum();
    world.stake(9, 1, units(31)).unwrap();
    world.unstake(9, 1, units(10)).unwrap();
    world.offence(1, 1);
    assert_eq!(world.tokens(1), units(950 * ONE + 20), "a twentieth of 21 units is 1");
    world.wait(WEEK + 1);
    assert_eq!(world.balance(9), units(1_000_000 * ONE - 31 + 9), "and of 10 it is 1 too");
    world.check();
}

#[test]
fn a_moved_entry_loses_shares_of_its_new_validator_and_its_tokens_are_burned() {
    let base = empty();
    let mut world = World::new(&base, 2);
    world.stake(9, 1, vvv(100)).unwrap();
    // The target was slashed before: its shares are worth half.
    world.try_do(|state, events| slash(state, events, &who(2), Offence::Downtime, 5_000, Reach::Everything)).unwrap();
    world.lock(9, 1, 95 * ONE).unwrap();
    world.restake(9, 1, 2, vvv(100)).unwrap();
    let before = position(&world.state, &who(9), &who(2));
    assert_eq!((before.shares, before.locked, before.moved), (200 * ONE, 190 * ONE, 200 * ONE));
    world.reward(vvv(1), 2_000);
    let earned = world.pending(9, 2);
    let now = world.now.height;
    let begun = world.offence(1, now);
    let after = position(&world.state, &who(9), &who(2));
    assert_eq!((after.shares, after.locked, after.moved), (190 * ONE, 190 * ONE, 190 * ONE));
    assert_eq!(begun.trimmed, [], "ten of two hundred were free");
    assert_eq!((world.staked(9, 2), world.tokens(2)), (vvv(95), vvv(595)));
    assert_eq!(world.pending(9, 2), earned, "rewards are settled first");
    world.check();
}

#[test]
fn locked_shares_follow_when_fewer_are_left() {
    let base = empty();
    let mut world = World::new(&base, 2);
    world.stake(9, 1, vvv(100)).unwrap();
    world.lock(9, 1, 100 * ONE).unwrap();
    world.restake(9, 1, 2, vvv(100)).unwrap();
    let now = world.now.height;
    let begun = world.offence(1, now);
    let trimmed = Trimmed { account: who(9), validator: who(2), locked: 95 * ONE };
    assert_eq!(begun.trimmed, [trimmed]);
    assert_eq!(position(&world.state, &who(9), &who(2)).locked, 95 * ONE);
    world.check();
}

#[test]
fn while_a_slash_is_on_its_way_its_entries_are_neither_paid_nor_cancelled_and_others_are() {
    let base = empty();
    let mut world = World::new(&base, 3);
    world.stake(9, 1, vvv(100)).unwrap();
    world.stake(9, 3, vvv(100)).unwrap();
    let spared = world.unstake(9, 1, vvv(10)).unwrap();
    world.next();
    world.next();
    let now = world.now.height;
    let hit = world.unstake(9, 1, vvv(10)).unwrap();
    world.restake(9, 1, 2, vvv(10)).unwrap();
    world.unstake(9, 3, vvv(10)).unwrap();
    world.job_limit = 0;
    world.try_do(|state, events| slash(state, events, &who(1), Offence::Downtime, 500, Reach::Since(now))).unwrap();
    assert_eq!(refusal(world.cancel(9, hit)), "pending_slash");
    world.cancel(9, spared).unwrap();
    world.wait(WEEK + 1);
    assert_eq!(world.balance(9), vvv(999_810), "only what left the other validator is paid");
    assert_eq!(position(&world.state, &who(9), &who(2)).moved, 10 * ONE);
    world.check();
    world.job_limit = 500;
    world.next();
    assert_eq!(world.balance(9), units(999_819 * ONE + ONE / 2), "slashed and paid in the same block");
    assert_eq!(position(&world.state, &who(9), &who(2)).moved, 0);
    assert_eq!(world.staked(9, 2), units(95 * ONE / 10));
    world.check();
}

#[test]
fn a_job_over_many_entries_keeps_its_500_a_block() {
    let base = empty();
    let mut world = World::new(&base, 2);
    let now = world.now.height;
    for account in 3..=40 {
        world.stake(account, 1, vvv(100)).unwrap();
        for _ in 0..32 {
            world.unstake(account, 1, vvv(1)).unwrap();
        }
    }
    let all = 38 * 32;
    let slashed = |events: &[Event]| events.iter().filter(|e| matches!(e, Event::EntrySlashed { .. })).count();
    let mut done = vec![slashed(&world.offence(1, now).events)];
    for _ in 0..3 {
        world.check();
        done.push(slashed(&world.next().events));
    }
    assert_eq!(done, [500, 500, all - 1_000, 0]);
    assert_eq!(validator(&world.state, &who(1)).unwrap().jobs, 0);
    // What stake bonds is tokens and tranches: each lost a twentieth.
    assert_eq!(world.pool(Pool::Bonded), units(((1_000 + 38 * 100) * ONE) / 20 * 19 + 1_000 * ONE));
    world.check();
}

#[test]
fn how_many_entries_a_block_takes_changes_nothing_in_the_end() {
    let base = empty();
    let end = |limit| {
        let mut world = World::new(&base, 3).without_minimum();
        for account in 5..12 {
            world.stake(account, 1, vvv(100)).unwrap();
            world.lock(account, 1, 60 * ONE).unwrap();
            world.unstake(account, 1, units(7)).unwrap();
            world.restake(account, 1, 2 + account % 2, vvv(90)).unwrap();
        }
        let now = world.now.height;
        world.job_limit = limit;
        world.block(0, vec![], vec![evidence(1, now, world.now.time)]);
        for _ in 0..20 {
            world.block(0, vec![], vec![]);
        }
        assert_eq!(validator(&world.state, &who(1)).unwrap().jobs, 0);
        world.check();
        diem_core::StateRead::range(&world.state, &[], Some(&[3]), usize::MAX)
    };
    let (at_once, in_steps, in_odd_steps) = (end(500), end(1), end(3));
    assert!(at_once == in_steps && at_once == in_odd_steps);
}

#[test]
fn two_slashes_reach_the_same_entry_one_after_the_other() {
    let base = empty();
    let mut world = World::new(&base, 2);
    world.stake(9, 1, vvv(100)).unwrap();
    let now = world.now.height;
    world.unstake(9, 1, vvv(100)).unwrap();
    world.job_limit = 1;
    world.try_do(|state, events| slash(state, events, &who(1), Offence::Downtime, 1_000, Reach::Since(now))).unwrap();
    world.try_do(|state, events| slash(state, events, &who(1), Offence::Downtime, 1_000, Reach::Since(now))).unwrap();
    assert_eq!(validator(&world.state, &who(1)).unwrap().jobs, 2);
    for _ in 0..4 {
        world.next();
        world.check();
    }
    assert_eq!(validator(&world.state, &who(1)).unwrap().jobs, 0);
    world.wait(WEEK + 1);
    assert_eq!(world.balance(9), vvv(999_981));
}

#[test]
fn forgery_takes_its_part_of_everything_unpaid_and_counts_once() {
    let base = empty();
    let mut world = World::new(&base, 2);
    world.stake(9, 1, vvv(100)).unwrap();
    world.unstake(9, 1, vvv(50)).unwrap();
    world.wait(WEEK - DAY);
    let now = world.now.height;
    world.offence(1, now);
    assert_eq!(world.tokens(1), units(1_050 * ONE / 20 * 19), "equivocation spared what left long before");
    let found = world.try_do(|state, events| punish_forgery(state, events, &who(1), 2_000)).unwrap().0.unwrap();
    assert_eq!(found.burned, units(1_050 * ONE / 20 * 19 / 5));
    assert_eq!(world.try_do(|state, events| punish_forgery(state, events, &who(1), 2_000)).unwrap().0, None);
    world.wait(WEEK);
    assert_eq!(world.balance(9), vvv(999_940), "40 of 50 are paid");
    world.check();
}

#[test]
fn who_lost_everything_takes_no_stake_any_more() {
    let base = empty();
    let mut world = World::new(&base, 2);
    world.try_do(|state, events| slash(state, events, &who(1), Offence::Downtime, 10_000, Reach::Everything)).unwrap();
    assert_eq!(world.tokens(1), Amount::ZERO);
    assert_eq!(refusal(world.stake(9, 1, vvv(1))), "worthless");
    assert_eq!(refusal(world.unstake(1, 1, units(1))), "not_free");
    world.check();
    let told = world.next().updates;
    assert_eq!((told.len(), told[0].power), (1, 0), "and makes no blocks");
    world.check();
}
