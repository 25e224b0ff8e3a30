//! The least stake: what may come into a position, leave it and stay in it, one sentence at a time.

use diem_core::{Amount, CallError, GenesisContext, Module, QueryContext, Time};
use diem_overlay::Overlay;
use diem_staking::{
    CreateValidator, Error, Genesis, Msg, Offence, Params, Reach, Staking,
    genesis::{GenesisStake, GenesisValidator},
    query, set_params, slash,
};

use crate::world::{
    CHAIN, DAY, ONE, START, World, bridge, consensus_key, description, empty, name_the_chain, proof, refusal, units,
    vvv, who,
};

const WEEK: u64 = 7 * DAY;
/// A whole VVV less one avvv.
const BELOW: u128 = ONE - 1;

/// The message of a refusal.
fn message<T>(outcome: Result<T, CallError>) -> String {
    outcome.map(|_| ()).unwrap_err().message
}

/// The amounts that by the chain may be unstaked, and may go to another validator.
fn may_go(world: &World<'_>, account: u8, number: u8) -> (Amount, Amount) {
    let ctx = QueryContext { state: &world.state, block: world.now };
    let position = query::position(&ctx, &who(account), &who(number)).unwrap();
    (position.free_to_unstake, position.free_to_move)
}

/// Takes a part of what is staked with a validator.
fn slashed(world: &mut World<'_>, number: u8, bps: u16) {
    world
        .try_do(|state, events| slash(state, events, &who(number), Offence::Downtime, bps, Reach::Everything))
        .unwrap();
}

#[test]
fn a_stake_is_worth_the_least_stake_and_what_stands_there_counts() {
    let base = empty();
    let mut world = World::new(&base, 1);
    assert_eq!(refusal(world.stake(9, 1, units(BELOW))), "below_min_stake");
    world.stake(9, 1, units(ONE)).unwrap();
    world.stake(9, 1, units(1)).unwrap();
    assert_eq!(world.staked(9, 1), units(ONE + 1));
    world.check();
}

#[test]
fn rewards_below_the_least_stake_cannot_start_a_position_but_are_paid_out() {
    let base = empty();
    let mut world = World::new(&base, 1);
    world.stake(9, 1, vvv(1_000)).unwrap();
    world.reward(vvv(1), 0);
    // Everything leaves, what it has earned stays to be claimed.
    world.unstake(9, 1, vvv(1_000)).unwrap();
    let validator = who(1);
    assert!(world.pending(9, 1) < vvv(1));
    let refused = world.call(9, &Msg::ClaimAndStake { validator });
    assert_eq!(refusal(refused.clone()), "below_min_stake");
    assert!(message(refused).contains("`claim`"));
    let before = world.balance(9);
    world.call(9, &Msg::Claim { validator }).unwrap();
    assert!(world.balance(9) > before);
    // Beside a stake, rewards of any size may be staked.
    world.stake(9, 1, vvv(1_000)).unwrap();
    world.reward(units(5), 0);
    world.call(9, &Msg::ClaimAndStake { validator }).unwrap();
    world.check();
}

#[test]
fn a_new_validator_stakes_the_least_stake_even_where_its_own_minimum_is_lower() {
    let base = empty();
    let mut world = World::new(&base, 1);
    let params = Params { min_self_stake: vvv(1), min_stake: vvv(100), ..Params::default() };
    set_params(&mut world.state, &params).unwrap();
    let create = |stake| Msg::CreateValidator(description(5, stake));
    assert_eq!(refusal(world.call(5, &create(units(100 * ONE - 1)))), "below_min_stake");
    world.call(5, &create(vvv(100))).unwrap();
    world.check();
}

#[test]
fn a_part_that_leaves_is_the_least_stake_or_more_and_so_is_what_stays() {
    let base = empty();
    let mut world = World::new(&base, 2);
    world.stake(9, 1, vvv(3)).unwrap();
    for refused in [world.unstake(9, 1, units(BELOW)).map(|_| ()), world.restake(9, 1, 2, units(BELOW))] {
        assert_eq!(refusal(refused.clone()), "amount_too_small");
        assert!(message(refused).contains("at least 1 VVV, or the whole stake of 3 VVV"));
    }
    for refused in [world.unstake(9, 1, units(2 * ONE + 1)).map(|_| ()), world.restake(9, 1, 2, units(2 * ONE + 1))] {
        let said = Error::WouldLeaveDust { rest: units(BELOW), least: vvv(1), most: vvv(3) };
        assert_eq!(message(refused), said.to_string(), "all of it may go");
    }
    world.unstake(9, 1, vvv(1)).unwrap();
    world.restake(9, 1, 2, vvv(1)).unwrap();
    assert_eq!((world.staked(9, 1), world.staked(9, 2)), (vvv(1), vvv(1)));
    world.unstake(9, 1, vvv(1)).unwrap();
    assert_eq!(world.shares(9, 1), 0);
    world.check();
}

#[test]
fn where_a_lock_holds_the_rest_the_largest_amount_that_may_go_leaves_the_least_stake() {
    let base = empty();
    let mut world = World::new(&base, 1);
    world.stake(9, 1, vvv(5)).unwrap();
    world.lock(9, 1, ONE / 2).unwrap();
    let all = units(5 * ONE - ONE / 2);
    let said = Error::WouldLeaveDust { rest: units(ONE / 2), least: vvv(1), most: vvv(4) };
    assert_eq!(message(world.unstake(9, 1, all)), said.to_string());
    assert_eq!(refusal(world.unstake(9, 1, units(4 * ONE + 1))), "would_leave_dust");
    assert_eq!(may_go(&world, 9, 1), (vvv(4), vvv(5)));
    world.unstake(9, 1, vvv(4)).unwrap();
    assert_eq!(world.staked(9, 1), vvv(1));
    // Nothing more may go, and the error says so.
    world.stake(9, 1, units(ONE - ONE / 4)).unwrap();
    let said = Error::WouldLeaveDust { rest: units(3 * ONE / 4), least: vvv(1), most: Amount::ZERO };
    assert_eq!(message(world.unstake(9, 1, vvv(1))), said.to_string());
    world.check();
}

#[test]
fn free_stake_below_the_minimum_waits_beside_a_lock_or_goes_along_with_the_whole() {
    let base = empty();
    let mut world = World::new(&base, 2);
    world.stake(9, 1, vvv(5)).unwrap();
    world.lock(9, 1, 5 * ONE - ONE / 2).unwrap();
    let refused = world.unstake(9, 1, units(ONE / 2));
    assert_eq!(refusal(refused.clone()), "free_too_small");
    assert_eq!(may_go(&world, 9, 1), (Amount::ZERO, vvv(5)));
    let said = message(refused);
    assert!(
        said.contains("only 0.5 VVV of this stake are free") && said.contains("the burn that opens the lock"),
        "{said}"
    );
    world.restake(9, 1, 2, vvv(5)).unwrap();
    assert_eq!((world.staked(9, 1), world.staked(9, 2)), (Amount::ZERO, vvv(5)));
    world.check();
}

#[test]
fn what_a_slash_or_a_cancelled_tranche_left_below_the_minimum_may_only_leave_whole() {
    let base = empty();
    let mut world = World::new(&base, 2);
    world.stake(9, 1, vvv(1)).unwrap();
    slashed(&mut world, 1, 1_000);
    assert_eq!(world.staked(9, 1), units(9 * ONE / 10));
    assert_eq!(refusal(world.unstake(9, 1, units(ONE / 2))), "amount_too_small");
    let tranche = world.unstake(9, 1, units(9 * ONE / 10)).unwrap();
    world.cancel(9, tranche).unwrap();
    world.restake(9, 1, 2, units(9 * ONE / 10)).unwrap();
    assert_eq!((world.shares(9, 1), world.staked(9, 2)), (0, units(9 * ONE / 10)));
    // It may be topped up to the minimum, not less.
    assert_eq!(refusal(world.stake(9, 2, units(ONE / 10 - 1))), "below_min_stake");
    world.stake(9, 2, units(ONE / 10)).unwrap();
    world.check();
}

#[test]
fn a_genesis_may_stake_less() {
    let base = empty();
    let mut state = Overlay::new(&base);
    for number in [1, 9] {
        diem_bank::mint(&mut state, diem_bank::Bank::ID, &who(number), diem_core::Denom::Vvv, vvv(2_000)).unwrap();
    }
    let validator = CreateValidator {
        consensus_key: consensus_key(1),
        bridge_address: bridge(1).address(),
        proof: proof(1, &bridge(1)),
        ..description(1, vvv(1_000))
    };
    let genesis = Genesis {
        validators: vec![GenesisValidator { operator: who(1), validator }],
        stakes: vec![GenesisStake { account: who(9), validator: who(1), amount: units(7) }],
        ..Genesis::default()
    };
    name_the_chain(&mut state, CHAIN);
    Staking::init_genesis(&mut GenesisContext { state: &mut state, time: Time(START) }, &genesis).unwrap();
    assert_eq!(diem_staking::position(&state, &who(9), &who(1)).shares, 7);
    Staking::check_invariants(&state).unwrap();
}

#[test]
fn tranches_and_moved_stake_of_all_validators_count_together_up_to_32() {
    let base = empty();
    let mut world = World::new(&base, 3);
    world.stake(9, 1, vvv(100)).unwrap();
    world.stake(9, 2, vvv(100)).unwrap();
    for number in 0..16 {
        world.unstake(9, 1 + number % 2, vvv(1)).unwrap();
        world.restake(9, 1 + number % 2, 3, vvv(1)).unwrap();
        world.next();
    }
    assert_eq!(refusal(world.unstake(9, 1, vvv(1))), "too_many_entries");
    assert_eq!(refusal(world.restake(9, 2, 3, vvv(1))), "too_many_entries");
    world.stake(8, 1, vvv(1)).unwrap();
    world.unstake(8, 1, vvv(1)).unwrap();
    world.cancel(9, 0).unwrap();
    world.restake(9, 2, 3, vvv(1)).unwrap();
    assert_eq!(refusal(world.unstake(9, 1, vvv(1))), "too_many_entries");
    world.wait(WEEK + 1);
    world.unstake(9, 1, vvv(1)).unwrap();
    world.check();
}

#[test]
fn the_least_stake_lies_between_a_hundredth_and_a_hundred() {
    for (amount, good) in [(ONE / 100, true), (100 * ONE, true), (ONE / 100 - 1, false), (100 * ONE + 1, false)] {
        let params = Params { min_stake: units(amount), ..Params::default() };
        assert_eq!(params.validate().is_ok(), good, "{amount}");
    }
}
