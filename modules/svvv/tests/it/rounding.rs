//! Random histories in numbers so small that every division leaves something: a share, an avvv, an adiem. What people
//! could lose or win by rounding, and rows that nothing opens any more, show here first.

use diem_bank::Pool;
use diem_core::{Address, Block, BlockContext, CallError, Denom, Events, Module, Page, QueryContext, StateWrite};
use diem_staking::{Msg, Offence, Params, Reach, Route, Staking, position, slash, validator};
use diem_svvv::{Svvv, lock_of};

use crate::world::{World, empty, units, vvv, who};

const VALIDATORS: u8 = 3;
/// Accounts 10 to 13; the operators take part as well.
const PEOPLE: [u8; 7] = [1, 2, 3, 10, 11, 12, 13];
const WAIT_MS: u64 = 5_000;

/// Numbers that follow from a seed.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % end
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[usize::try_from(self.below(from.len() as u64)).unwrap()]
    }

    fn validator(&mut self) -> u8 {
        1 + u8::try_from(self.below(u64::from(VALIDATORS))).unwrap()
    }

    fn person(&mut self) -> u8 {
        self.pick(&PEOPLE)
    }

    fn amount(&mut self) -> diem_core::Amount {
        units(u128::from(1 + self.below(12)))
    }
}

/// Staking's world whose blocks let locks follow slashes, as the runtime's do.
fn block(world: &mut World<'_>, ms: u64, jobs: u32) {
    world.job_limit = 0;
    world.pay_limit = 0;
    world.block(ms, vec![], vec![]);
    let info = Block { info: world.now, ..Block::default() };
    let mut events = Events::default();
    let mut ctx = BlockContext { state: &mut world.state, events: &mut events, block: &info };
    diem_svvv::run_slash_jobs(&mut ctx, jobs).unwrap();
    diem_staking::pay_matured(&mut ctx, 3).unwrap();
}

fn step(
    world: &mut World<'_>,
    run: impl FnOnce(&mut dyn StateWrite, &mut Events) -> Result<(), CallError>,
) -> Result<(), CallError> {
    // svvv's events are not staking's, which is all that the world reads.
    world.try_do(|state, _| run(state, &mut Events::default())).map(|_| ())
}

/// The id of something of the account that is on its way.
fn pick_entry(world: &World<'_>, dice: &mut Dice, account: Address) -> Option<u64> {
    let ctx = QueryContext { state: &world.state, block: world.now };
    let entries = diem_staking::query::leaving(&ctx, &account, &Page::largest(None));
    let ids: Vec<u64> = entries.iter().map(|entry| entry.id).collect();
    (!ids.is_empty()).then(|| dice.pick(&ids))
}

/// Does one thing that somebody may do; returns whether it was done.
fn act(world: &mut World<'_>, dice: &mut Dice) -> bool {
    let (person, name, other) = (dice.person(), dice.validator(), dice.validator());
    let (account, at, to) = (who(person), who(name), who(other));
    let amount = dice.amount();
    let now = world.now;
    let outcome = match dice.below(13) {
        0..=2 => world.stake(person, name, amount).map(|_| ()),
        3 => world.unstake(person, name, amount).map(|_| ()),
        4 => world.cancel(person, dice.below(400)).map(|_| ()),
        5 | 6 => step(world, |state, events| {
            diem_svvv::restake(state, events, now, &account, Route { from: &at, to: &to }, amount)
        }),
        7 | 8 => {
            let diem = dice.amount();
            step(world, |state, events| diem_svvv::lock(state, events, &account, &at, amount, diem).map(|_| ()))
        }
        9 => {
            let all = lock_of(&world.state, &account, &at).outstanding;
            let diem = if dice.below(2) == 0 { all } else { amount };
            step(world, |state, events| diem_svvv::release(state, events, &account, &at, diem).map(|_| ()))
        }
        // Around the time at which the queue, which is slow, comes to it.
        12 => {
            let Some(entry) = pick_entry(world, dice, account) else { return false };
            step(world, |state, events| diem_svvv::collect(state, events, now, &account, entry))
        }
        10 => world.call(person, &Msg::Claim { validator: at }).map(|_| ()),
        _ => world.call(person, &Msg::ClaimAndStake { validator: at }).map(|_| ()),
    };
    outcome.is_ok()
}

fn check(world: &World<'_>, seed: u64) {
    world.check();
    Svvv::check_invariants(&world.state).unwrap_or_else(|broken| panic!("seed {seed}: {broken}"));
    let held = diem_staking::held_rewards(&world.state).unwrap();
    assert_eq!(world.pool(Pool::Rewards), held.checked_add(world.left).unwrap(), "seed {seed}");
}

/// The sum of all VVV, wherever it is, and of what was burned.
fn all(world: &World<'_>) -> u128 {
    diem_bank::supply(&world.state, Denom::Vvv).get() + diem_staking::burned(&world.state).get()
}

fn play(seed: u64) -> usize {
    let base = empty();
    let params = Params { unbonding_ms: WAIT_MS, ..Params::default() };
    let mut world = World::with(&base, VALIDATORS, params, 700).without_minimum();
    for number in 1..=VALIDATORS {
        world.unstake(number, number, vvv(1_000)).unwrap();
    }
    let mut dice = Dice(seed);
    let (mut made, mut done) = (all(&world), 0);
    for _ in 0..60 {
        for _ in 0..6 {
            done += usize::from(act(&mut world, &mut dice));
        }
        if dice.below(5) == 0 {
            let (name, bps) = (who(dice.validator()), dice.pick(&[1, 500, 5_000, 9_999, 10_000]));
            let reach = Reach::Since(world.now.height.saturating_sub(dice.below(4)));
            world.try_do(|state, events| slash(state, events, &name, Offence::Downtime, bps, reach)).unwrap();
        }
        let (ms, jobs) = (dice.below(WAIT_MS / 2), dice.pick(&[0, 1, 2, 500]));
        block(&mut world, ms, jobs);
        if dice.below(2) == 0 {
            let amount = dice.amount();
            made += amount.get();
            world.reward(amount, 2_000);
        }
        check(&world, seed);
        assert_eq!(all(&world), made, "seed {seed}: VVV from nowhere");
    }
    end(&mut world, seed);
    done
}

/// Everybody opens all locks and leaves: nothing may be left behind that nobody can take out, but what was slashed
/// away.
fn end(world: &mut World<'_>, seed: u64) {
    let pairs: Vec<(u8, u8)> = PEOPLE.iter().flat_map(|p| (1..=VALIDATORS).map(|v| (*p, v))).collect();
    for (person, name) in &pairs {
        let (account, at): (Address, Address) = (who(*person), who(*name));
        let outstanding = lock_of(&world.state, &account, &at).outstanding;
        if !outstanding.is_zero() {
            step(world, |state, events| diem_svvv::release(state, events, &account, &at, outstanding).map(|_| ()))
                .unwrap();
        }
        assert_eq!(position(&world.state, &account, &at).locked, 0, "seed {seed}");
    }
    for _ in 0..300 {
        block(world, WAIT_MS, 500);
    }
    check(world, seed);
    for (person, name) in &pairs {
        let staked = world.staked(*person, *name);
        assert_eq!(position(&world.state, &who(*person), &who(*name)).moved, 0, "seed {seed}");
        if !staked.is_zero() {
            world.unstake(*person, *name, staked).unwrap();
        }
        let _nothing_or_something = world.call(*person, &Msg::Claim { validator: who(*name) });
    }
    for _ in 0..300 {
        block(world, WAIT_MS, 500);
    }
    check(world, seed);
    for number in 1..=VALIDATORS {
        let row = validator(&world.state, &who(number)).unwrap();
        assert!(row.tokens.get() <= row.shares, "seed {seed}");
        // What is left is worth less than one avvv to each of those who left it.
        assert!(row.tokens.get() < PEOPLE.len() as u128, "seed {seed}: {row:?}");
    }
    let entries = Staking::export_genesis(&world.state).rows.unwrap().entries;
    assert!(entries.is_empty(), "seed {seed}: {entries:?}");
}

#[test]
fn small_numbers_keep_every_invariant_and_everybody_can_leave() {
    let done: usize = (0..120).map(play).sum();
    assert!(done > 120 * 100, "only {done} calls succeeded");
}
