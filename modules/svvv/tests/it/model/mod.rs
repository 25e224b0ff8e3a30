//! staking and svvv together against a model that loops where the chain keeps indices and queues: every reward walks
//! over all positions, every slash over all entries, every block over all that is due.

mod reference;

use std::collections::BTreeSet;

use diem_bank::Pool;
use diem_core::{
    Amount, Block, BlockContext, Denom, Events, Forgetful, Message as _, Module, StateWrite, Time, TxContext,
};
use diem_staking::{Offence, Params, Reach, consensus_set, position, punish_forgery, slash, validator};
use diem_svvv::{Lock, Msg, Svvv, lock_of};
use proptest::{collection::vec, prelude::*};
use reference::{Model, ModelPosition, ModelValidator};

use crate::world::{DAY, ONE, World, empty, evidence, units, vvv, who};

const VALIDATORS: u8 = 3;
const ACCOUNTS: u8 = 6;
const UNBONDING: u64 = 7 * DAY;
const COMMISSION: u16 = 700;

#[derive(Debug, Clone)]
enum Step {
    Stake {
        who: u8,
        with: u8,
        amount: u128,
    },
    Unstake {
        who: u8,
        with: u8,
        amount: u128,
    },
    /// Unstakes the whole free stake.
    UnstakeAll {
        who: u8,
        with: u8,
    },
    Cancel {
        who: u8,
        nth: usize,
    },
    Restake {
        who: u8,
        from: u8,
        to: u8,
        amount: u128,
    },
    RestakeAll {
        who: u8,
        from: u8,
        to: u8,
    },
    Lock {
        who: u8,
        with: u8,
        amount: u128,
        diem: u128,
    },
    Release {
        who: u8,
        with: u8,
        diem: u128,
    },
    ReleaseAll {
        who: u8,
        with: u8,
    },
    Claim {
        who: u8,
        with: u8,
        stake: bool,
    },
    Reward {
        amount: u128,
        fee_bps: u16,
    },
    Block {
        ms: u64,
    },
    Offence {
        by: u8,
        back: u64,
    },
    Slash {
        of: u8,
        bps: u16,
        back: Option<u64>,
    },
    Forgery {
        of: u8,
        bps: u16,
    },
}

fn step() -> impl Strategy<Value = Step> {
    let who = || 1..=ACCOUNTS;
    let with = || 1..=VALIDATORS;
    // Dust, where rounding shows, and whole VVV, where power changes.
    let amount = || prop_oneof![1..40u128, Just(ONE / 3), ONE / 2..2 * ONE];
    prop_oneof![
        8 => (who(), with(), amount()).prop_map(|(who, with, amount)| Step::Stake { who, with, amount }),
        6 => (who(), with(), amount()).prop_map(|(who, with, amount)| Step::Unstake { who, with, amount }),
        2 => (who(), with()).prop_map(|(who, with)| Step::UnstakeAll { who, with }),
        3 => (who(), 0..4usize).prop_map(|(who, nth)| Step::Cancel { who, nth }),
        6 => (who(), with(), with(), amount()).prop_map(|(who, from, to, amount)| Step::Restake { who, from, to, amount }),
        3 => (who(), with(), with()).prop_map(|(who, from, to)| Step::RestakeAll { who, from, to }),
        6 => (who(), with(), amount(), 1..50u128)
            .prop_map(|(who, with, amount, diem)| Step::Lock { who, with, amount, diem }),
        4 => (who(), with(), 1..50u128).prop_map(|(who, with, diem)| Step::Release { who, with, diem }),
        2 => (who(), with()).prop_map(|(who, with)| Step::ReleaseAll { who, with }),
        3 => (who(), with(), any::<bool>()).prop_map(|(who, with, stake)| Step::Claim { who, with, stake }),
        6 => (prop_oneof![0..1_000u128, Just(ONE)], prop_oneof![Just(0u16), Just(2_000), 0..=10_000u16])
            .prop_map(|(amount, fee_bps)| Step::Reward { amount, fee_bps }),
        8 => prop_oneof![Just(1_000), Just(DAY), Just(4 * DAY)].prop_map(|ms| Step::Block { ms }),
        2 => (with(), 0..5u64).prop_map(|(by, back)| Step::Offence { by, back }),
        3 => (with(), 1..=10_000u16, prop::option::of(0..5u64)).prop_map(|(of, bps, back)| Step::Slash { of, bps, back }),
        1 => (with(), 500..=10_000u16).prop_map(|(of, bps)| Step::Forgery { of, bps }),
    ]
}

/// Takes the step on the chain; returns whether it succeeded.
fn run(world: &mut World<'_>, model: &Model, step: &Step) -> bool {
    match *step {
        Step::Stake { who, with, amount } => world.stake(who, with, units(amount)).is_ok(),
        Step::Unstake { who, with, amount } => world.unstake(who, with, units(amount)).is_ok(),
        Step::UnstakeAll { who, with } => world.unstake(who, with, units(model.all_unstakable(who, with))).is_ok(),
        Step::Cancel { who, nth } => {
            let id = model.entries.iter().filter(|entry| entry.of == who).nth(nth).map_or(u64::MAX, |entry| entry.id);
            world.cancel(who, id).is_ok()
        }
        Step::Restake { who, from, to, amount } => restake(world, who, from, to, amount),
        Step::RestakeAll { who, from, to } => restake(world, who, from, to, model.all_movable(who, from)),
        Step::Lock { who: account, with, amount, diem } => {
            let (account, with) = (who(account), who(with));
            silently(world, |state, events| diem_svvv::lock(state, events, &account, &with, units(amount), units(diem)))
        }
        Step::Release { who, with, diem } => release(world, who, with, diem),
        Step::ReleaseAll { who, with } => release(world, who, with, model.at(who, with).diem),
        Step::Claim { who: account, with, stake } => {
            let validator = who(with);
            let claim = diem_staking::Msg::Claim { validator };
            let msg = if stake { diem_staking::Msg::ClaimAndStake { validator } } else { claim };
            world.call(account, &msg).is_ok()
        }
        Step::Reward { amount, fee_bps } => {
            world.reward(units(amount), fee_bps);
            true
        }
        Step::Block { ms } => {
            begin(world, ms, vec![]);
            true
        }
        Step::Offence { by, back } => {
            let height = model.height.saturating_sub(back);
            begin(world, 1_000, vec![evidence(by, height, Time(model.times[&height]))]);
            true
        }
        Step::Slash { of, bps, back } => {
            let reach = back.map_or(Reach::Everything, |back| Reach::Since(model.height.saturating_sub(back)));
            let done = silently(world, |state, events| slash(state, events, &who(of), Offence::Downtime, bps, reach));
            jobs(world);
            done
        }
        Step::Forgery { of, bps } => {
            let done = silently(world, |state, events| punish_forgery(state, events, &who(of), bps));
            jobs(world);
            done
        }
    }
}

/// A step whose events nobody reads.
fn silently<T>(
    world: &mut World<'_>,
    step: impl FnOnce(&mut dyn StateWrite, &mut Events) -> Result<T, diem_core::CallError>,
) -> bool {
    world.try_do(|state, _| step(state, &mut Events::default())).is_ok()
}

fn begin(world: &mut World<'_>, ms: u64, misbehaviour: Vec<diem_core::context::Misbehaviour>) {
    let begun = world.block(ms, vec![], misbehaviour);
    diem_svvv::after_slash(&mut world.state, &mut Events::default(), &begun.trimmed);
}

fn jobs(world: &mut World<'_>) {
    let block = Block { info: world.now, ..Block::default() };
    let mut ctx = BlockContext { state: &mut world.state, events: &mut Events::default(), block: &block };
    diem_svvv::run_slash_jobs(&mut ctx, 10_000).unwrap();
}

fn restake(world: &mut World<'_>, account: u8, from: u8, to: u8, amount: u128) -> bool {
    let (block, msg) = (world.now, Msg::Restake { from: who(from), to: who(to), amount: units(amount) });
    silently(world, |state, events| {
        msg.validate()?;
        msg.execute(&mut TxContext {
            state,
            events,
            block,
            sender: who(account),
            key: diem_core::keys::KeyKind::Ed25519,
            verifier: &Forgetful,
        })
    })
}

fn release(world: &mut World<'_>, account: u8, with: u8, diem: u128) -> bool {
    let (account, with) = (who(account), who(with));
    silently(world, |state, events| diem_svvv::release(state, events, &account, &with, units(diem)))
}

fn compare(world: &World<'_>, model: &Model) -> Result<(), TestCaseError> {
    world.check();
    prop_assert_eq!(Svvv::check_invariants(&world.state), Ok(()));
    for number in 1..=VALIDATORS {
        let (row, expected) = (validator(&world.state, &who(number)).unwrap(), &model.validators[&number]);
        prop_assert_eq!((row.tokens.get(), row.shares), (expected.tokens, expected.shares));
        prop_assert_eq!((row.commission_due.get(), row.tombstoned), (expected.commission, expected.out));
        for account in 1..=ACCOUNTS {
            let (position, expected) = (position(&world.state, &who(account), &who(number)), model.at(account, number));
            let held = (position.shares, position.locked, position.moved);
            prop_assert_eq!(held, (expected.shares, expected.locked, expected.moved), "{} {}", account, number);
            let lock = Lock { shares: expected.locked, outstanding: units(expected.diem) };
            prop_assert_eq!(lock_of(&world.state, &who(account), &who(number)), lock);
            let earned = position.earned(&row).unwrap();
            prop_assert_eq!(format!("{earned:?}"), format!("{}e-36", expected.earned));
        }
    }
    for account in 1..=ACCOUNTS {
        prop_assert_eq!(world.balance(account).get(), model.balances[&account]);
    }
    let told: BTreeSet<(u8, u128)> = consensus_set(&world.state)
        .iter()
        .map(|(update, member)| (member.operator.0[0], u128::from(update.power)))
        .collect();
    prop_assert_eq!(&told, &model.told);
    prop_assert_eq!(world.pool(Pool::Rent).get(), model.fees);
    // What the chain said is left, and what it holds for others, is all of the pool.
    let held = diem_staking::held_rewards(&world.state).unwrap();
    prop_assert_eq!(world.pool(Pool::Rewards), held.checked_add(world.left).unwrap());
    prop_assert!(world.left.get() >= model.left, "{} {}", world.left.get(), model.left);
    Ok(())
}

/// A world and its model with this least stake; zero is below the bounds and lets everything be as small as it likes.
fn start(base: &diem_overlay::Empty, least: u128) -> (World<'_>, Model) {
    let min_stake = if least == 0 { Amount::ONE } else { units(least) };
    let params = Params { max_validators: 2, min_self_stake: Amount::ONE, min_stake, ..Params::default() };
    let world = World::with(base, VALIDATORS, params, COMMISSION);
    let world = if least == 0 { world.without_minimum() } else { world };
    let mut model = Model { height: 1, least, ..Model::default() };
    model.times = [(0, world.now.time.0 - 1_000), (1, world.now.time.0)].into();
    for number in 1..=VALIDATORS {
        let (tokens, shares) = (1_000 * ONE, 1_000 * ONE);
        model.validators.insert(number, ModelValidator { tokens, shares, ..ModelValidator::default() });
        model.positions.insert((number, number), ModelPosition { shares, ..ModelPosition::default() });
    }
    for account in 1..=ACCOUNTS {
        model.balances.insert(account, diem_bank::balance(&world.state, &who(account), Denom::Vvv).get());
    }
    model.tell();
    (world, model)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    #[test]
    fn the_chain_agrees_with_its_model_after_every_step(
        steps in vec(step(), 1..70),
        small in any::<bool>(),
        least in prop_oneof![2 => Just(0), 1 => Just(ONE / 100), 1 => Just(ONE / 2)],
    ) {
        let base = empty();
        let (mut world, mut model) = start(&base, least);
        if small {
            // Operators keep little, so that shares are few and every rounding shows.
            for number in 1..=VALIDATORS {
                let step = Step::Unstake { who: number, with: number, amount: vvv(998).get() };
                prop_assert!(run(&mut world, &model, &step) && model.run(&step).is_some());
            }
        }
        for step in &steps {
            let done = run(&mut world, &model, step);
            prop_assert_eq!(done, model.run(step).is_some(), "{:?}", step);
            compare(&world, &model)?;
        }
    }
}
