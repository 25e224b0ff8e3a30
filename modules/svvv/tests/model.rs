//! staking and svvv together against a model that loops where the chain keeps indices and queues: every reward walks over
//! all positions, every slash over all entries, every block over all that is due.
#![allow(clippy::unwrap_used, clippy::arithmetic_side_effects, clippy::indexing_slicing, reason = "tests")]

#[path = "../../staking/tests/common/mod.rs"]
mod common;

use std::collections::{BTreeMap, BTreeSet};

use common::{DAY, ONE, World, empty, evidence, units, vvv, who};
use diem_bank::Pool;
use diem_core::{Amount, Block, BlockContext, Denom, Events, Module, StateWrite, Time, TxContext};
use diem_staking::{Offence, Params, Reach, position, punish_forgery, slash, told, validator};
use diem_svvv::{Lock, Msg, Svvv, lock_of};
use proptest::{collection::vec, prelude::*};
use ruint::aliases::{U256, U512};

const VALIDATORS: u8 = 3;
const ACCOUNTS: u8 = 6;
const UNBONDING: u64 = 7 * DAY;
const COMMISSION: u128 = 700;

#[derive(Debug, Clone)]
enum Step {
    Stake { who: u8, with: u8, amount: u128 },
    Unstake { who: u8, with: u8, amount: u128 },
    /// All that is free to go.
    UnstakeAll { who: u8, with: u8 },
    Cancel { who: u8, nth: usize },
    Restake { who: u8, from: u8, to: u8, amount: u128 },
    RestakeAll { who: u8, from: u8, to: u8 },
    Lock { who: u8, with: u8, amount: u128, diem: u128 },
    Release { who: u8, with: u8, diem: u128 },
    ReleaseAll { who: u8, with: u8 },
    Claim { who: u8, with: u8, stake: bool },
    Reward { amount: u128, fee_bps: u16 },
    Block { ms: u64 },
    Offence { by: u8, back: u64 },
    Slash { of: u8, bps: u16, back: Option<u64> },
    Forgery { of: u8, bps: u16 },
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

/// floor(a * b / c), or rounded up.
fn mul_div(a: u128, b: u128, c: u128, up: bool) -> Option<u128> {
    let (quotient, rest) = (U256::from(a) * U256::from(b)).div_rem(U256::from(c));
    let quotient: u128 = quotient.try_into().ok()?;
    quotient.checked_add(u128::from(up && !rest.is_zero()))
}

#[derive(Debug, Clone, Default)]
struct ModelValidator {
    tokens: u128,
    shares: u128,
    commission: u128,
    out: bool,
    forged: bool,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct ModelPosition {
    shares: u128,
    locked: u128,
    moved: u128,
    diem: u128,
    /// In 10^-36 avvv.
    earned: U256,
}

#[derive(Debug, Clone)]
struct ModelEntry {
    id: u64,
    of: u8,
    left: u8,
    height: u64,
    due: Option<u64>,
    /// The tranche's amount, or the shares at another validator.
    size: u128,
    to: Option<u8>,
}

#[derive(Debug, Clone, Default)]
struct Model {
    height: u64,
    times: BTreeMap<u64, u64>,
    balances: BTreeMap<u8, u128>,
    validators: BTreeMap<u8, ModelValidator>,
    positions: BTreeMap<(u8, u8), ModelPosition>,
    entries: Vec<ModelEntry>,
    told: BTreeSet<(u8, u128)>,
    next: u64,
    left: u128,
    fees: u128,
}

impl Model {
    fn value(&self, with: u8, shares: u128) -> u128 {
        let v = &self.validators[&with];
        if v.shares == 0 { 0 } else { mul_div(shares, v.tokens, v.shares, false).unwrap() }
    }

    fn shares_out(&self, with: u8, free: u128, amount: u128) -> Option<u128> {
        let v = &self.validators[&with];
        let most = self.value(with, free);
        (amount > 0 && amount <= most).then_some(())?;
        if amount == most { Some(free) } else { mul_div(amount, v.shares, v.tokens, true) }
    }

    fn put(&mut self, who: u8, with: u8, amount: u128) -> Option<u128> {
        let v = self.validators.get_mut(&with).unwrap();
        (!v.out && (v.shares == 0 || v.tokens > 0)).then_some(())?;
        let shares = if v.shares == 0 { amount } else { mul_div(amount, v.shares, v.tokens, false)? };
        v.tokens += amount;
        v.shares = v.shares.checked_add(shares)?;
        self.positions.entry((who, with)).or_default().shares += shares;
        Some(shares)
    }

    fn take(&mut self, who: u8, with: u8, shares: u128, amount: u128) {
        let v = self.validators.get_mut(&with).unwrap();
        v.shares -= shares;
        v.tokens -= amount;
        if v.shares == 0 {
            v.tokens = 0;
        }
        self.positions.get_mut(&(who, with)).unwrap().shares -= shares;
    }

    fn leave(&mut self, of: u8, left: u8, size: u128, to: Option<u8>) {
        self.entries.push(ModelEntry { id: self.next, of, left, height: self.height, due: None, size, to });
        self.next += 1;
    }

    fn at(&self, who: u8, with: u8) -> ModelPosition {
        self.positions.get(&(who, with)).cloned().unwrap_or_default()
    }

    fn run(&mut self, step: &Step) -> Option<()> {
        let mut next = self.clone();
        next.change(step)?;
        *self = next;
        Some(())
    }

    fn change(&mut self, step: &Step) -> Option<()> {
        match *step {
            Step::Stake { who, with, amount } => {
                self.put(who, with, amount)?;
                *self.balances.get_mut(&who).unwrap() -= amount;
            }
            Step::Unstake { who, with, amount } => self.unstake(who, with, amount)?,
            Step::UnstakeAll { who, with } => self.unstake(who, with, self.all_unstakable(who, with))?,
            Step::Cancel { who, nth } => {
                let mine: Vec<usize> = (0..self.entries.len()).filter(|i| self.entries[*i].of == who).collect();
                let entry = self.entries[*mine.get(nth)?].clone();
                (entry.to.is_none() && entry.size > 0).then_some(())?;
                self.entries.retain(|other| other.id != entry.id);
                self.put(who, entry.left, entry.size)?;
            }
            Step::Restake { who, from, to, amount } => self.restake(who, from, to, amount)?,
            Step::RestakeAll { who, from, to } => self.restake(who, from, to, self.all_movable(who, from))?,
            Step::Lock { who, with, amount, diem } => {
                let position = self.at(who, with);
                let shares = self.shares_out(with, position.shares - position.locked, amount)?;
                let position = self.positions.get_mut(&(who, with))?;
                position.locked += shares;
                position.diem += diem;
            }
            Step::Release { who, with, diem } => self.release(who, with, diem)?,
            Step::ReleaseAll { who, with } => self.release(who, with, self.at(who, with).diem)?,
            Step::Claim { who, with, stake } => self.claim(who, with, stake)?,
            Step::Reward { amount, fee_bps } => self.reward(amount, fee_bps),
            Step::Block { ms } => self.block(ms, None),
            Step::Offence { by, back } => self.block(1_000, Some((by, self.height.saturating_sub(back)))),
            Step::Slash { of, bps, back } => self.slash(of, bps, back.map_or(0, |back| self.height.saturating_sub(back + 1))),
            Step::Forgery { of, bps } => {
                if !self.validators[&of].forged {
                    self.slash(of, bps, 0);
                    let v = self.validators.get_mut(&of).unwrap();
                    (v.out, v.forged) = (true, true);
                }
            }
        }
        Some(())
    }

    fn all_unstakable(&self, who: u8, with: u8) -> u128 {
        let position = self.at(who, with);
        self.value(with, position.shares - position.locked.max(position.moved))
    }

    fn all_movable(&self, who: u8, with: u8) -> u128 {
        let position = self.at(who, with);
        self.value(with, position.shares - position.moved)
    }

    fn unstake(&mut self, who: u8, with: u8, amount: u128) -> Option<()> {
        (self.entries.iter().filter(|e| e.of == who && e.to.is_none()).count() < 32).then_some(())?;
        let position = self.at(who, with);
        let shares = self.shares_out(with, position.shares - position.locked.max(position.moved), amount)?;
        self.take(who, with, shares, amount);
        self.leave(who, with, amount, None);
        Some(())
    }

    fn restake(&mut self, who: u8, from: u8, to: u8, amount: u128) -> Option<()> {
        (from != to).then_some(())?;
        let old = self.at(who, from);
        let shares = self.shares_out(from, old.shares - old.moved, amount)?;
        let went = shares.saturating_sub(old.shares - old.locked);
        self.take(who, from, shares, amount);
        let new = self.put(who, to, amount)?;
        let diem = if went == 0 { 0 } else { mul_div(old.diem, went, old.locked, true)? };
        let source = self.positions.get_mut(&(who, from))?;
        source.locked -= went;
        source.diem -= diem;
        if went > 0 && source.diem == 0 {
            source.locked = 0;
        }
        let target = self.positions.get_mut(&(who, to))?;
        target.moved += new;
        target.locked += mul_div(new, went, shares, true)?;
        target.diem += diem;
        self.leave(who, from, new, Some(to));
        Some(())
    }

    fn release(&mut self, who: u8, with: u8, diem: u128) -> Option<()> {
        let position = self.positions.get_mut(&(who, with))?;
        (diem > 0 && diem <= position.diem).then_some(())?;
        position.locked -= mul_div(position.locked, diem, position.diem, false)?;
        position.diem -= diem;
        Some(())
    }

    fn claim(&mut self, who: u8, with: u8, stake: bool) -> Option<()> {
        let commission = if who == with { self.validators[&with].commission } else { 0 };
        let position = self.positions.entry((who, with)).or_default();
        let scale = U256::from(10).pow(U256::from(36));
        let earned = position.earned + U256::from(commission) * scale;
        let whole: u128 = (earned / scale).try_into().unwrap();
        (whole > 0).then_some(())?;
        position.earned = earned % scale;
        if who == with {
            self.validators.get_mut(&with).unwrap().commission = 0;
        }
        if stake {
            self.put(who, with, whole)?;
        } else {
            *self.balances.get_mut(&who).unwrap() += whole;
        }
        Some(())
    }

    /// Gives each position its part at once.
    fn reward(&mut self, amount: u128, fee_bps: u16) {
        let wide = |n: u128| U512::from(n);
        let narrow = |n: U512| -> u128 { n.try_into().unwrap() };
        let (scale, full, q) = (U512::from(10).pow(U512::from(36)), wide(10_000), wide(u128::from(fee_bps)));
        let members: Vec<u8> = self.told.iter().map(|(number, _)| *number).filter(|n| !self.validators[n].out).collect();
        let total: u128 = members.iter().map(|n| self.validators[n].tokens).sum();
        let mut left = amount;
        for number in members {
            let v = self.validators[&number].clone();
            if total == 0 || v.tokens == 0 || amount == 0 {
                continue;
            }
            let part = mul_div(amount, v.tokens, total, false).unwrap();
            left -= part;
            let locked: u128 = self.positions.iter().filter(|(key, _)| key.1 == number).map(|(_, p)| p.locked).sum();
            let free = v.shares - locked;
            let fee = narrow(wide(part) * q * wide(locked) / (full * wide(v.shares)));
            let commission = (part - fee) * COMMISSION / 10_000;
            let rest = part - fee - commission;
            let weight = full * wide(free) + (full - q) * wide(locked);
            let (per_free, per_locked) = if weight.is_zero() {
                (U512::ZERO, U512::ZERO)
            } else {
                (full * wide(rest) * scale / weight, (full - q) * wide(rest) * scale / weight)
            };
            for (_, position) in self.positions.iter_mut().filter(|(key, _)| key.1 == number) {
                let part = per_free * wide(position.shares - position.locked) + per_locked * wide(position.locked);
                position.earned += U256::from(part);
            }
            self.fees += fee;
            self.validators.get_mut(&number).unwrap().commission += commission;
        }
        self.left += left;
    }

    fn slash(&mut self, of: u8, bps: u16, from: u64) {
        let bps = u128::from(bps);
        let v = self.validators.get_mut(&of).unwrap();
        v.tokens -= mul_div(v.tokens, bps, 10_000, false).unwrap();
        for i in 0..self.entries.len() {
            let entry = self.entries[i].clone();
            if entry.left != of || entry.height < from {
                continue;
            }
            let lost = mul_div(entry.size, bps, 10_000, true).unwrap();
            self.entries[i].size -= lost;
            if let Some(to) = entry.to {
                let burned = self.value(to, lost);
                self.take(entry.of, to, lost, burned);
                let position = self.positions.get_mut(&(entry.of, to)).unwrap();
                position.moved -= lost;
                position.locked = position.locked.min(position.shares);
            }
        }
    }

    fn block(&mut self, ms: u64, offence: Option<(u8, u64)>) {
        self.tell();
        let now = self.times[&self.height] + ms;
        self.height += 1;
        self.times.insert(self.height, now);
        for entry in self.entries.iter_mut().filter(|entry| entry.due.is_none()) {
            entry.due = Some(now + UNBONDING);
        }
        if let Some((by, height)) = offence
            && !self.validators[&by].out
            && now - self.times[&height] <= UNBONDING
        {
            self.slash(by, 500, height.saturating_sub(1));
            self.validators.get_mut(&by).unwrap().out = true;
        }
        let (over, rest) = self.entries.drain(..).partition(|entry| entry.due.is_some_and(|due| now > due));
        self.entries = rest;
        let over: Vec<ModelEntry> = over;
        for entry in over {
            match entry.to {
                None => *self.balances.get_mut(&entry.of).unwrap() += entry.size,
                Some(to) => self.positions.get_mut(&(entry.of, to)).unwrap().moved -= entry.size,
            }
        }
    }

    /// Sorts everybody anew.
    fn tell(&mut self) {
        let able = |(number, v): &(&u8, &ModelValidator)| {
            !v.out && self.value(**number, self.at(**number, **number).shares) >= ONE
        };
        let mut ranking: Vec<(u128, u8)> =
            self.validators.iter().filter(able).map(|(number, v)| (v.tokens / ONE, *number)).collect();
        ranking.sort_by_key(|(power, number)| (u128::MAX - power, *number));
        ranking.truncate(2);
        if !ranking.is_empty() {
            self.told = ranking.into_iter().map(|(power, number)| (number, power)).collect();
        }
    }
}

/// The same step on the chain: whether it succeeded.
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
        Svvv::validate(&msg)?;
        Svvv::execute(&mut TxContext { state, events, block, sender: who(account) }, &msg)
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
            // A position that ended gives up what is below one avvv; the model keeps it.
            if expected.shares > 0 || expected.earned >= U256::from(10).pow(U256::from(36)) {
                prop_assert_eq!(format!("{earned:?}"), format!("{}e-36", expected.earned));
            }
        }
    }
    for account in 1..=ACCOUNTS {
        prop_assert_eq!(world.balance(account).get(), model.balances[&account]);
    }
    let told: BTreeSet<(u8, u128)> =
        told(&world.state).iter().map(|(update, told)| (told.operator.0[0], u128::from(update.power))).collect();
    prop_assert_eq!(&told, &model.told);
    prop_assert_eq!(world.pool(Pool::Rent).get(), model.fees);
    // What the chain said is left, and what it holds for others, is all of the pool.
    let held = diem_staking::held_rewards(&world.state).unwrap();
    prop_assert_eq!(world.pool(Pool::Rewards), held.checked_add(world.left).unwrap());
    prop_assert!(world.left.get() >= model.left, "{} {}", world.left.get(), model.left);
    Ok(())
}

fn start(base: &diem_store::Snapshot) -> (World<'_>, Model) {
    let params = Params { max_validators: 2, min_self_stake: Amount::ONE, ..Params::default() };
    let world = World::with(base, VALIDATORS, params, COMMISSION as u16);
    let mut model = Model { height: 1, ..Model::default() };
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
    fn the_chain_agrees_with_its_model_after_every_step(steps in vec(step(), 1..70), small in any::<bool>()) {
        let base = empty();
        let (mut world, mut model) = start(&base);
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
