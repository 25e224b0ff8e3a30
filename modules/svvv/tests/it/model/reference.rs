//! The model: plain maps, plain numbers, and a loop wherever the chain has an index or a queue.

use std::collections::{BTreeMap, BTreeSet};

use ruint::aliases::{U256, U512};

use super::{COMMISSION, Step, UNBONDING};
use crate::world::ONE;

/// floor(a * b / c), or rounded up.
fn mul_div(a: u128, b: u128, c: u128, up: bool) -> Option<u128> {
    let (quotient, rest) = (U256::from(a) * U256::from(b)).div_rem(U256::from(c));
    let quotient: u128 = quotient.try_into().ok()?;
    quotient.checked_add(u128::from(up && !rest.is_zero()))
}

#[derive(Debug, Clone, Default)]
pub(crate) struct ModelValidator {
    pub(crate) tokens: u128,
    pub(crate) shares: u128,
    pub(crate) commission: u128,
    pub(crate) out: bool,
    pub(crate) forged: bool,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct ModelPosition {
    pub(crate) shares: u128,
    pub(crate) locked: u128,
    pub(crate) moved: u128,
    pub(crate) diem: u128,
    /// The rewards that were earned, in 10^-36 avvv.
    pub(crate) earned: U256,
}

#[derive(Debug, Clone)]
pub(crate) struct ModelEntry {
    pub(crate) id: u64,
    pub(crate) of: u8,
    pub(crate) left: u8,
    pub(crate) height: u64,
    pub(crate) due: Option<u64>,
    /// The tranche's amount, or the shares at another validator.
    pub(crate) size: u128,
    pub(crate) to: Option<u8>,
}

#[derive(Debug, Clone, Default)]
pub(crate) struct Model {
    pub(crate) height: u64,
    pub(crate) times: BTreeMap<u64, u64>,
    pub(crate) balances: BTreeMap<u8, u128>,
    pub(crate) validators: BTreeMap<u8, ModelValidator>,
    pub(crate) positions: BTreeMap<(u8, u8), ModelPosition>,
    pub(crate) entries: Vec<ModelEntry>,
    pub(crate) told: BTreeSet<(u8, u128)>,
    pub(crate) next: u64,
    pub(crate) left: u128,
    pub(crate) fees: u128,
    /// The least stake, in avvv.
    pub(crate) least: u128,
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

    /// Whether so much may come into a position.
    fn may_come(&self, who: u8, with: u8, amount: u128) -> Option<()> {
        (self.value(with, self.at(who, with).shares) + amount >= self.least).then_some(())
    }

    /// Whether a position may be left as it is after so much went.
    fn may_stay(&self, who: u8, with: u8, amount: u128) -> Option<()> {
        let shares = self.at(who, with).shares;
        (shares == 0 || amount >= self.least && self.value(with, shares) >= self.least).then_some(())
    }

    fn leave(&mut self, of: u8, left: u8, size: u128, to: Option<u8>) -> Option<()> {
        (self.entries.iter().filter(|entry| entry.of == of).count() < 32).then_some(())?;
        self.entries.push(ModelEntry { id: self.next, of, left, height: self.height, due: None, size, to });
        self.next += 1;
        Some(())
    }

    pub(crate) fn at(&self, who: u8, with: u8) -> ModelPosition {
        self.positions.get(&(who, with)).cloned().unwrap_or_default()
    }

    pub(crate) fn run(&mut self, step: &Step) -> Option<()> {
        let mut next = self.clone();
        next.change(step)?;
        next.sweep();
        *self = next;
        Some(())
    }

    /// Lets whoever has no shares give up less than one avvv.
    fn sweep(&mut self) {
        let one = U256::from(10).pow(U256::from(36));
        for position in self.positions.values_mut().filter(|position| position.shares == 0 && position.earned < one) {
            position.earned = U256::ZERO;
        }
    }

    fn change(&mut self, step: &Step) -> Option<()> {
        match *step {
            Step::Stake { who, with, amount } => {
                self.may_come(who, with, amount)?;
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
            Step::Slash { of, bps, back } => {
                self.slash(of, bps, back.map_or(0, |back| self.height.saturating_sub(back + 1)))
            }
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

    pub(crate) fn all_unstakable(&self, who: u8, with: u8) -> u128 {
        let position = self.at(who, with);
        self.value(with, position.shares - position.locked.max(position.moved))
    }

    pub(crate) fn all_movable(&self, who: u8, with: u8) -> u128 {
        let position = self.at(who, with);
        self.value(with, position.shares - position.moved)
    }

    fn unstake(&mut self, who: u8, with: u8, amount: u128) -> Option<()> {
        let position = self.at(who, with);
        let shares = self.shares_out(with, position.shares - position.locked.max(position.moved), amount)?;
        self.take(who, with, shares, amount);
        self.may_stay(who, with, amount)?;
        self.leave(who, with, amount, None)
    }

    fn restake(&mut self, who: u8, from: u8, to: u8, amount: u128) -> Option<()> {
        (from != to).then_some(())?;
        let old = self.at(who, from);
        let shares = self.shares_out(from, old.shares - old.moved, amount)?;
        let went = shares.saturating_sub(old.shares - old.locked);
        self.take(who, from, shares, amount);
        self.may_stay(who, from, amount)?;
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
        self.leave(who, from, new, Some(to))
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
            self.may_come(who, with, whole)?;
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
        let members: Vec<u8> =
            self.told.iter().map(|(number, _)| *number).filter(|n| !self.validators[n].out).collect();
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
            let commission = (part - fee) * u128::from(COMMISSION) / 10_000;
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

    /// Ranks all validators anew, as consensus is told.
    pub(crate) fn tell(&mut self) {
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
