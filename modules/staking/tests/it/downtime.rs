//! Who signs too little, one sentence at a time, and the ring against a plain list.

use diem_core::{Amount, Module, QueryContext, Time};
use diem_staking::{Msg, Offence, Params, Slash, Staking, query, validator};
use proptest::{collection::vec, prelude::*};

use crate::world::{DAY, ONE, World, empty, name, refusal, units, vote, vvv, who};

fn short() -> Params {
    Params { signed_window: 20, ..Params::default() }
}

/// A block in which validator 1 signed or not, and validator 2 did.
fn signed(world: &mut World<'_>, signed: bool) -> Vec<Slash> {
    world.block(1_000, vec![vote(1, signed), vote(2, true)], vec![]).slashes
}

#[test]
fn one_block_too_few_costs_a_ten_thousandth_and_ten_minutes() {
    let base = empty();
    let mut world = World::with(&base, 2, short(), 0);
    for _ in 0..10 {
        assert_eq!(signed(&mut world, false), []);
    }
    let expected = Slash { validator: who(1), offence: Offence::Downtime, bps: 1, burned: units(ONE / 10) };
    assert_eq!(signed(&mut world, false), [expected]);
    let until = Time(world.now.time.0 + 600_000);
    assert_eq!(validator(&world.state, &who(1)).unwrap().jailed_until, Some(until));
    let told = world.next().updates;
    assert_eq!((told.len(), told[0].power), (1, 0));
    assert_eq!(refusal(world.call(1, &Msg::Unjail)), "still_jailed");
    let rest = until.0 - world.now.time.0;
    world.block(rest - 1, vec![], vec![]);
    assert_eq!(refusal(world.call(1, &Msg::Unjail)), "still_jailed");
    world.block(1, vec![], vec![]);
    assert_eq!(refusal(world.call(2, &Msg::Unjail)), "not_jailed");
    assert_eq!(refusal(world.call(3, &Msg::Unjail)), "unknown_validator");
    world.call(1, &Msg::Unjail).unwrap();
    assert_eq!(refusal(world.call(1, &Msg::Unjail)), "not_jailed");
    // Below the least stake by what it lost: it comes back when the operator stakes that again.
    assert_eq!(world.next().updates, []);
    world.stake(1, 1, vvv(1)).unwrap();
    assert_eq!(world.next().updates[0].power, 1_000);
    world.check();
}

#[test]
fn the_last_blocks_are_told_one_by_one_until_it_is_jailed() {
    let base = empty();
    let mut world = World::with(&base, 2, short(), 0);
    let told = |world: &World<'_>, number: u8| {
        let ctx = QueryContext { state: &world.state, block: world.now };
        query::signing(&ctx, &who(number)).unwrap()
    };
    assert_eq!((told(&world, 1).told, told(&world, 1).last_signed), (None, None));
    // Before its first signature nothing says that it ever signed.
    signed(&mut world, false);
    let view = told(&world, 1);
    let last = world.now.height - 1;
    assert_eq!((view.told.map(|(_, to)| to), view.missed, view.last_signed), (Some(last), vec![last], None));
    // The ring of 20 goes round, and its last blocks are told all the same.
    let mut missed = vec![last];
    for block in 0..50_u64 {
        let signs = block % 3 != 0;
        signed(&mut world, signs);
        if !signs {
            missed.push(world.now.height - 1);
        }
        let (view, last) = (told(&world, 1), world.now.height - 1);
        let (from, to) = view.told.unwrap();
        assert_eq!((to, view.window), (last, 20));
        let expected: Vec<u64> = missed.iter().copied().filter(|height| *height >= from).collect();
        assert_eq!(view.missed, expected, "block {block}");
        let signed_last = if signs { last } else { last - 1 };
        // A ring that has just begun anew with a missed block looks like one that was never full.
        let known = block > 0 && (signs || (block + 2) % 20 != 1);
        assert_eq!(view.last_signed, Some(signed_last).filter(|_| known), "block {block}");
    }
    assert!(told(&world, 1).told.is_some_and(|(from, to)| to - from + 1 == 20));
    let mut slashed = false;
    while !slashed {
        slashed = !signed(&mut world, false).is_empty();
    }
    let view = told(&world, 1);
    assert_eq!((view.told, view.missed.len(), view.last_signed), (None, 0, None));
    assert_eq!(told(&world, 2).last_signed, Some(world.now.height - 1));
    world.check();
}

#[test]
fn who_is_out_for_ever_leaves_no_window() {
    let base = empty();
    let mut world = World::new(&base, 2);
    // Rows of a validator's window: its count, and one for each 256 blocks of which it missed one.
    let rows = |world: &World<'_>, number: u8| {
        let of = |table: u8| {
            let prefix = [&[Staking::ID.0, table][..], &name(number)].concat();
            let found = diem_core::StateRead::range(&world.state, &prefix, None, usize::MAX);
            found.iter().filter(|(key, _)| key.starts_with(&prefix)).count()
        };
        (of(20), of(21))
    };
    for block in 0..600 {
        signed(&mut world, block % 2 == 0);
    }
    assert_eq!((rows(&world, 1), rows(&world, 2)), ((1, 3), (1, 0)));
    world.offence(1, world.now.height);
    assert_eq!((rows(&world, 1), rows(&world, 2)), ((0, 0), (1, 0)));
    // Consensus goes on to name it for two blocks.
    for _ in 0..2 {
        signed(&mut world, false);
    }
    assert_eq!(rows(&world, 1), (0, 0));
    world.check();
}

#[test]
fn the_window_of_ten_thousand_forgives_five_thousand() {
    let base = empty();
    let mut world = World::new(&base, 2);
    for block in 0..5_000 {
        assert_eq!(signed(&mut world, false), [], "block {block}");
    }
    for _ in 0..5_000 {
        assert_eq!(signed(&mut world, true), []);
    }
    // The window has moved over the first of the missed ones: each new one takes the place of an old one.
    for _ in 0..4_999 {
        assert_eq!(signed(&mut world, false), []);
    }
    world.check();
    for _ in 0..5_001 {
        assert_eq!(signed(&mut world, true), []);
    }
    for _ in 0..5_000 {
        assert_eq!(signed(&mut world, false), []);
    }
    assert_eq!(signed(&mut world, false).len(), 1);
    world.check();
}

#[test]
fn after_jailing_the_window_starts_empty() {
    let base = empty();
    let mut world = World::with(&base, 2, Params { min_self_stake: vvv(1), ..short() }, 0);
    for _ in 0..11 {
        signed(&mut world, false);
    }
    // Votes of the blocks until consensus has dropped it do not count.
    for _ in 0..30 {
        assert_eq!(signed(&mut world, false), []);
    }
    world.wait(600_000);
    world.call(1, &Msg::Unjail).unwrap();
    for _ in 0..10 {
        assert_eq!(signed(&mut world, false), []);
    }
    assert_eq!(signed(&mut world, false).len(), 1);
    world.check();
}

#[test]
fn downtime_reaches_what_left_two_blocks_ago_and_not_what_left_before() {
    let base = empty();
    let mut world = World::with(&base, 2, short(), 0);
    world.stake(9, 1, vvv(1_000)).unwrap();
    for _ in 0..7 {
        signed(&mut world, false);
    }
    // Blocks h-3, h-2 and h-1 where h is the block that punishes; the offence is at h-1.
    for _ in 0..3 {
        signed(&mut world, false);
        world.unstake(9, 1, vvv(100)).unwrap();
    }
    assert_eq!(signed(&mut world, false).len(), 1);
    world.wait(8 * DAY);
    assert_eq!(world.balance(9), units(999_300 * ONE - 2 * ONE / 100), "two of three lose a ten-thousandth");
    world.check();
}

#[test]
fn a_changed_window_starts_empty() {
    let base = empty();
    let mut world = World::with(&base, 2, short(), 0);
    for _ in 0..10 {
        signed(&mut world, false);
    }
    diem_staking::set_params(&mut world.state, &Params { signed_window: 30, ..Params::default() }).unwrap();
    for _ in 0..15 {
        assert_eq!(signed(&mut world, false), []);
    }
    world.check();
    assert_eq!(signed(&mut world, false).len(), 1);
}

#[test]
fn who_is_jailed_earns_nothing() {
    let base = empty();
    let mut world = World::with(&base, 2, short(), 0);
    for _ in 0..11 {
        signed(&mut world, false);
    }
    world.reward(vvv(1), 2_000);
    assert_eq!((world.pending(1, 1), world.pending(2, 2)), (Amount::ZERO, vvv(1)));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn the_ring_counts_as_a_plain_list_does(
        window in prop_oneof![Just(10u32), Just(255), Just(256), Just(257), Just(600)],
        bias in 1..10u8,
        dice in vec(0..10u8, 700),
    ) {
        let base = empty();
        let params = Params { signed_window: window, ..Params::default() };
        let mut world = World::with(&base, 2, params, 0);
        let mut list: Vec<bool> = vec![];
        for die in dice {
            let missed = die < bias;
            list.push(missed);
            let tail = &list[list.len().saturating_sub(window as usize)..];
            let too_many = tail.iter().filter(|missed| **missed).count() > (window / 2) as usize;
            prop_assert_eq!(!signed(&mut world, !missed).is_empty(), too_many);
            if too_many {
                world.wait(600_000);
                world.call(1, &Msg::Unjail).unwrap();
                list.clear();
            }
        }
        world.check();
    }
}
