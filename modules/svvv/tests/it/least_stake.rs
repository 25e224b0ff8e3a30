//! What waits costs its owner stake: without slashes no sequence of calls makes an entry below the least stake by more
//! than rounding. And what a refusal names as the largest amount that may go is the largest.

use std::collections::BTreeMap;

use diem_core::{Amount, CallError, Events, Message as _, Module as _, StateWrite};
use diem_staking::{
    Error, Msg, Offence, Params, Reach, Route, Staking, position, slash,
    state::{Entry, Leaving},
    validator,
};
use diem_svvv::lock_of;
use proptest::{collection::vec, prelude::*};

use crate::world::{DAY, ONE, World, empty, units, vvv, who};

const VALIDATORS: u8 = 3;
/// The first three operate validators.
const ACCOUNTS: u8 = 5;
const UNBONDING: u64 = 2 * DAY;

/// An amount near one of the edges of a position.
#[derive(Debug, Clone, Copy)]
enum Size {
    /// The least stake, and so many avvv more or less.
    Least(i8),
    /// The whole free stake, and so many avvv more or less.
    All(i8),
    /// The amount that leaves the least stake, and so many avvv more or less.
    ButLeast(i8),
    /// So many thousandths of what is free.
    Part(u16),
    /// An amount of so many avvv.
    Dust(u8),
}

#[derive(Debug, Clone, Copy)]
enum Step {
    Stake(Size),
    Unstake(Size),
    Restake(u8, Size),
    Lock(Size),
    Release(u8),
    Cancel(usize),
    Collect(usize),
    Claim { stake: bool },
    Reward,
    Block(u64),
}

fn size() -> impl Strategy<Value = Size> {
    prop_oneof![
        4 => (-2..=2i8).prop_map(Size::Least),
        4 => (-2..=1i8).prop_map(Size::All),
        4 => (-2..=2i8).prop_map(Size::ButLeast),
        2 => (0..=1_000u16).prop_map(Size::Part),
        1 => (1..9u8).prop_map(Size::Dust),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => size().prop_map(Step::Stake),
        6 => size().prop_map(Step::Unstake),
        6 => (1..=VALIDATORS, size()).prop_map(|(to, size)| Step::Restake(to, size)),
        3 => size().prop_map(Step::Lock),
        2 => (1..4u8).prop_map(Step::Release),
        3 => (0..4usize).prop_map(Step::Cancel),
        2 => (0..4usize).prop_map(Step::Collect),
        3 => any::<bool>().prop_map(|stake| Step::Claim { stake }),
        1 => Just(Step::Reward),
        3 => prop_oneof![Just(1_000), Just(UNBONDING)].prop_map(Step::Block),
    ]
}

fn amount(size: Size, free: Amount, staked: Amount, least: Amount) -> Amount {
    let near = |edge: Amount, by: i8| units(edge.get().saturating_add_signed(by.into()));
    match size {
        Size::Least(by) => near(least, by),
        Size::All(by) => near(free, by),
        Size::ButLeast(by) => near(staked.saturating_sub(least), by),
        Size::Part(part) => units(free.get() / 1_000 * u128::from(part)),
        Size::Dust(dust) => units(dust.into()),
    }
}

/// The history of a chain and how often each account's calls were executed.
struct Story<'a> {
    world: World<'a>,
    least: Amount,
    calls: BTreeMap<u8, u128>,
}

impl Story<'_> {
    /// Validators whose shares are worth less than they cost, by slashes before anybody else staked and before their
    /// operators stake again.
    fn new<'a>(base: &'a diem_overlay::Empty, least: u128, slashed: [u16; 3]) -> Story<'a> {
        let params = Params { unbonding_ms: UNBONDING, min_stake: units(least), ..Params::default() };
        let mut world = World { pay_limit: 3, ..World::with(base, VALIDATORS, params, 700) };
        for (number, bps) in (1..).zip(slashed) {
            let run = |state: &mut dyn StateWrite, events: &mut Events| {
                slash(state, events, &who(number), Offence::Downtime, bps, Reach::Everything)
            };
            world.try_do(run).unwrap();
            world.stake(number, number, vvv(100)).unwrap();
        }
        Story { world, least: units(least), calls: BTreeMap::new() }
    }

    /// Takes a step; returns whether it was done.
    fn step(&mut self, account: u8, with: u8, step: Step) -> Result<(), CallError> {
        let (owner, at, now) = (who(account), who(with), self.world.now);
        let row = validator(&self.world.state, &at).unwrap();
        let held = position(&self.world.state, &owner, &at);
        let staked = row.value_of(held.shares);
        let of = |size, free| amount(size, row.value_of(free), staked, self.least);
        match step {
            Step::Stake(size) => self.world.stake(account, with, of(size, held.shares)).map(|_| ()),
            Step::Unstake(size) => self.world.unstake(account, with, of(size, held.free_to_unstake())).map(|_| ()),
            Step::Restake(to, size) => {
                let vvv = of(size, held.free_to_move());
                self.silently(|state, events| {
                    diem_svvv::restake(state, events, now, &owner, Route { from: &at, to: &who(to) }, vvv)
                })
            }
            Step::Lock(size) => {
                let vvv = of(size, held.free_to_lock());
                self.silently(|state, events| diem_svvv::lock(state, events, &owner, &at, vvv, units(7)).map(|_| ()))
            }
            Step::Release(part) => {
                let diem = lock_of(&self.world.state, &owner, &at).outstanding.get().div_ceil(part.into());
                self.silently(|state, events| diem_svvv::release(state, events, &owner, &at, units(diem)).map(|_| ()))
            }
            Step::Cancel(nth) => self.world.cancel(account, self.nth(account, nth)).map(|_| ()),
            Step::Collect(nth) => {
                let entry = self.nth(account, nth);
                self.silently(|state, events| diem_svvv::collect(state, events, now, &owner, entry))
            }
            Step::Claim { stake: false } => self.world.call(account, &Msg::Claim { validator: at }).map(|_| ()),
            Step::Claim { stake: true } => self.world.call(account, &Msg::ClaimAndStake { validator: at }).map(|_| ()),
            Step::Reward => {
                self.world.reward(units(self.least.get() / 3), 2_000);
                Ok(())
            }
            Step::Block(ms) => {
                self.world.block(ms, vec![], vec![]);
                Ok(())
            }
        }
    }

    fn silently(
        &mut self,
        run: impl FnOnce(&mut dyn StateWrite, &mut Events) -> Result<(), CallError>,
    ) -> Result<(), CallError> {
        // svvv's events are not staking's, which is all that the world reads.
        self.world.try_do(|state, _| run(state, &mut Events::default())).map(|_| ())
    }

    fn entries(&self) -> Vec<(u64, Entry)> {
        let rows = Staking::export_genesis(&self.world.state).rows.unwrap();
        rows.entries.into_iter().map(|((.., id), entry)| (id, entry)).collect()
    }

    fn nth(&self, account: u8, nth: usize) -> u64 {
        let own = self.entries().into_iter().filter(|(_, entry)| entry.account == who(account));
        own.map(|(id, _)| id).nth(nth).unwrap_or(u64::MAX)
    }

    /// Every entry is worth the least stake, but for one avvv that each division of its owner's calls may have taken.
    fn check(&self) -> Result<(), TestCaseError> {
        let mut counts = BTreeMap::<u8, usize>::new();
        for (id, entry) in self.entries() {
            let worth = match entry.what {
                Leaving::Tranche(amount) => amount,
                Leaving::Moved { to, shares } => validator(&self.world.state, &to).unwrap().value_of(shares),
            };
            let account = entry.account.0[0];
            let divisions = 2 * self.calls.get(&account).copied().unwrap_or(0);
            prop_assert!(worth.get() + divisions >= self.least.get(), "entry {} is worth {}", id, worth);
            *counts.entry(account).or_default() += 1;
        }
        prop_assert!(counts.values().all(|count| *count <= 32), "{:?}", counts);
        Ok(())
    }
}

fn least() -> impl Strategy<Value = u128> {
    prop_oneof![Just(ONE / 100), Just(ONE), Just(100 * ONE), ONE / 100..100 * ONE]
}

/// Slashes that leave ratios of all sizes, down to a 10,000th of what was staked.
fn slashes() -> impl Strategy<Value = [u16; 3]> {
    let second = prop_oneof![Just(1), Just(3_333), 1..9_999u16];
    (Just(0), second, prop_oneof![Just(9_999), 1..9_999u16]).prop_map(|(first, second, third)| [first, second, third])
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, max_shrink_iters: 5_000, ..ProptestConfig::default() })]

    #[test]
    fn no_sequence_of_calls_makes_an_entry_below_the_least_stake(
        least in least(),
        slashed in slashes(),
        steps in vec((1..=ACCOUNTS, 1..=VALIDATORS, step()), 1..160),
    ) {
        let base = empty();
        let mut story = Story::new(&base, least, slashed);
        for (account, with, step) in steps {
            if story.step(account, with, step).is_ok() {
                *story.calls.entry(account).or_default() += 1;
            }
            story.check()?;
        }
        story.world.check();
    }

    #[test]
    fn the_largest_amount_that_may_go_is_the_largest(
        least in least(),
        slashed in slashes(),
        staked in 0..3_000u128,
        dust in 0..1_000u128,
        locked in 1..=1_000u128,
        excess in 0..1_000u128,
        moves in any::<bool>(),
    ) {
        let base = empty();
        let mut story = Story::new(&base, least, slashed);
        let world = &mut story.world;
        world.stake(5, 3, units(least + least / 1_000 * staked + dust)).unwrap();
        // Locked or moved stake, less than the least, holds the rest.
        let row = validator(&world.state, &who(3)).unwrap();
        let shares = row.shares_out_of(world.shares(5, 3), units(least / 1_000 * locked)).unwrap();
        world.lock(5, 3, shares).unwrap();
        let held = position(&world.state, &who(5), &who(3));
        let free = if moves { held.free_to_move() } else { held.free_to_unstake() };
        let asked = units((row.value_of(free).get()).saturating_sub(least / 1_000 * excess).max(1));
        let now = world.now;
        let mut leave = |amount: Amount| {
            world.try_do(|state, events| {
                if moves {
                    let route = Route { from: &who(3), to: &who(1) };
                    return diem_staking::move_stake(state, events, now, &who(5), route, amount).map(|_| ());
                }
                let mut ctx = diem_core::TxContext {
                    state, events, block: now, sender: who(5),
                    key: diem_core::keys::KeyKind::Ed25519, verifier: &diem_core::Forgetful,
                };
                (Msg::Unstake { validator: who(3), amount }).execute(&mut ctx)
            }).map(|_| ())
        };
        let Err(refused) = leave(asked) else { return Ok(()) };
        let named = |most: Amount| {
            let zero = Amount::ZERO;
            let text = Error::WouldLeaveDust { rest: zero, least: zero, most }.to_string();
            refused.message.ends_with(text.split_once(": ").unwrap().1)
        };
        if refused.code != 27 {
            return Ok(());
        }
        // The message names it in VVV; it is the one of these that it names.
        let edge = row.value_of(held.shares).saturating_sub(units(least)).min(row.value_of(free));
        let candidates = [row.value_of(free), edge, edge.saturating_sub(units(1)), Amount::ZERO];
        let most = candidates.into_iter().find(|most| named(*most)).expect("the largest amount is near the edge");
        if !most.is_zero() {
            let more = most.checked_add(units(1)).unwrap();
            prop_assert!(leave(more).is_err(), "{} may go, not only {}", more, most);
            prop_assert!(leave(most).is_ok(), "{} may not go", most);
        } else {
            let after = units(least);
            prop_assert!(leave(after).is_err(), "the least stake may go");
        }
    }
}
