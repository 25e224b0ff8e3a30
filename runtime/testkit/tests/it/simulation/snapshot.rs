//! All rows of a state, and what must be true of them at any moment, computed from the rows alone.

use std::collections::BTreeMap;

use diem_bank::Pool;
use diem_core::{Address, Amount, Denom, Time};
use diem_credits::{genesis::Rows as CreditRows, state::Account};
use diem_emissions::Schedule;
use diem_overlay::MemoryRows;
use diem_runtime::simulation;
use diem_staking::{Position, Validator, genesis::Rows as StakingRows, scaled::Scaled, state::Leaving};
use diem_svvv::Lock;
use diem_types::AppGenesis;

use super::machine::{Violation, broken};

/// The rows of every module.
pub(crate) struct Snapshot {
    pub(crate) app: AppGenesis,
    /// The supply of VVV and of DIEM.
    pub(crate) supply: [u128; 2],
    pub(crate) schedule: Schedule,
    /// All VVV that was ever burned, as staking says.
    pub(crate) burned: u128,
}

fn ensure(holds: bool, rule: &'static str, text: impl FnOnce() -> String) -> Result<(), Violation> {
    if holds { Ok(()) } else { Err(broken(rule, text())) }
}

fn sum<T>(rows: &[T], part: impl Fn(&T) -> Amount) -> u128 {
    rows.iter().map(|row| part(row).get()).sum()
}

impl Snapshot {
    pub(crate) fn of(state: &MemoryRows) -> Self {
        let app = simulation::export(state, 0, Time(0)).expect("a state with a chain").app;
        let supply = Denom::ALL.map(|denom| diem_bank::supply(state, denom).get());
        let (schedule, burned) = (diem_emissions::schedule(state), diem_staking::burned(state).get());
        Self { app, supply, schedule, burned }
    }

    pub(crate) fn staking(&self) -> &StakingRows {
        self.app.staking.rows.as_ref().expect("an export has rows")
    }

    pub(crate) fn credits(&self) -> &CreditRows {
        self.app.credits.rows.as_ref().expect("an export has rows")
    }

    pub(crate) fn pool(&self, pool: Pool) -> u128 {
        let denom = if pool == Pool::StakedDiem { Denom::Diem } else { Denom::Vvv };
        let row = self.app.bank.pools.iter().find(|row| row.pool == pool && row.denom == denom);
        row.map_or(0, |row| row.amount.get())
    }

    pub(crate) fn balance(&self, address: &Address, denom: Denom) -> u128 {
        self.app.bank.accounts.get(address).map_or(0, |row| row.balance(denom).get())
    }

    pub(crate) fn validator(&self, operator: &Address) -> Option<&Validator> {
        let rows = &self.staking().validators;
        rows.binary_search_by_key(operator, |(operator, _)| *operator).ok().map(|at| &rows[at].1)
    }

    pub(crate) fn position(&self, account: &Address, validator: &Address) -> Position {
        let rows = &self.staking().positions;
        let at = rows.binary_search_by_key(&(*account, *validator), |(key, _)| *key);
        at.map_or(Position::default(), |at| rows[at].1)
    }

    pub(crate) fn lock(&self, account: &Address, validator: &Address) -> Lock {
        let rows = &self.app.svvv.rows;
        let at = rows.binary_search_by_key(&(*account, *validator), |(key, _)| *key);
        at.map_or(Lock::default(), |at| rows[at].1)
    }

    /// The credit of an account on `today`: (allowance, what nobody has a claim on). Of one that was not touched then,
    /// the part that its allocations will take is not known here and counts as free.
    pub(crate) fn credit(&self, address: &Address, today: u64) -> (u128, u128) {
        let rows = &self.credits().accounts;
        let Ok(at) = rows.binary_search_by_key(address, |(address, _)| *address) else { return (0, 0) };
        let row = &rows[at].1.today;
        if row.day < today {
            return (row.staked.get(), row.staked.get());
        }
        (row.allowance.get(), row.free().get())
    }

    /// Checks what a state alone can show.
    pub(crate) fn check(&self) -> Result<(), Violation> {
        self.check_supply()?;
        self.check_bonded()?;
        self.check_positions()?;
        self.check_locks()?;
        self.check_credit()?;
        self.check_days()?;
        self.check_rewards()
    }

    fn check_supply(&self) -> Result<(), Violation> {
        for denom in Denom::ALL {
            let balances: u128 = self.app.bank.accounts.values().map(|row| row.balance(denom).get()).sum();
            let pools = self.app.bank.pools.iter().filter(|row| row.denom == denom);
            let all = balances + pools.map(|row| row.amount.get()).sum::<u128>();
            let supply = self.supply[denom as usize];
            ensure(all == supply, "1: supply = balances + pools", || {
                format!("{denom}: {supply}, but there are {all}")
            })?;
        }
        Ok(())
    }

    fn check_bonded(&self) -> Result<(), Violation> {
        let tokens = sum(&self.staking().validators, |(_, validator)| validator.tokens);
        let tranches = sum(&self.staking().entries, |(_, entry)| match entry.what {
            Leaving::Tranche(amount) => amount,
            Leaving::Moved { .. } => Amount::ZERO,
        });
        let bonded = self.pool(Pool::Bonded);
        let text = || format!("{bonded} bonded, {tokens} with validators, {tranches} on the way out");
        ensure(bonded == tokens + tranches, "2: bonded = tokens + tranches", text)
    }

    fn check_positions(&self) -> Result<(), Violation> {
        let mut sums: BTreeMap<Address, [u128; 2]> = BTreeMap::new();
        for ((account, operator), position) in &self.staking().positions {
            let fits = position.locked.max(position.moved) <= position.shares;
            ensure(fits, "3: locked <= shares", || format!("{account} with {operator}: {position:?}"))?;
            let sum = sums.entry(*operator).or_default();
            *sum = [sum[0] + position.shares, sum[1] + position.locked];
        }
        for (operator, validator) in &self.staking().validators {
            let (tokens, shares) = (validator.tokens.get(), validator.shares);
            ensure(tokens <= shares, "3: T <= S", || format!("{operator}: T {tokens}, S {shares}"))?;
            let held = sums.remove(operator).unwrap_or_default();
            let known = [validator.shares, validator.locked];
            ensure(held == known, "3: shares are those of positions", || format!("{operator}: {known:?}, {held:?}"))?;
        }
        ensure(sums.is_empty(), "3: positions are with validators", || format!("{sums:?}"))
    }

    fn check_locks(&self) -> Result<(), Violation> {
        let outstanding = sum(&self.app.svvv.rows, |(_, lock)| lock.outstanding);
        let supply = self.supply[Denom::Diem as usize];
        let text = || format!("{supply} DIEM, {outstanding} outstanding");
        ensure(outstanding == supply, "4: DIEM supply = outstanding", text)?;
        for ((account, operator), position) in &self.staking().positions {
            let lock = self.lock(account, operator).shares;
            let text = || format!("{account} with {operator}: {lock} by the lock, {} by the position", position.locked);
            ensure(lock == position.locked, "3: locks are those of positions", text)?;
        }
        Ok(())
    }

    /// What an account has of `day`, which is today or the day before: (allowance, spent, allocated, offered).
    fn of_day(&self, account: &Account, day: u64) -> [u128; 4] {
        let Account { today, previous, .. } = account;
        // A row that no call has touched since has its stake as credit, and has used nothing of it.
        let row = match () {
            () if today.day < day => return [today.staked.get(), 0, 0, 0],
            () if today.day == day => today,
            () => previous,
        };
        let used = if row.day == day { row.clone() } else { Default::default() };
        [used.allowance, used.spent, used.allocated, used.offered].map(Amount::get)
    }

    fn check_credit(&self) -> Result<(), Violation> {
        let rows = self.credits();
        let global = &rows.open_day;
        let mut days = vec![(global.day, global.allowance)];
        days.extend(global.previous.as_ref().map(|previous| (previous.day, previous.allowance)));
        for (day, allowance) in days {
            let mut all = [0; 2];
            for (address, account) in &rows.accounts {
                let [has, spent, allocated, offered] = self.of_day(account, day);
                let text = || format!("{address} on day {day}: {spent} + {allocated} + {offered} of {has}");
                ensure(spent + allocated + offered <= has, "5: nothing is used twice", text)?;
                all = [all[0] + has, all[1] + spent];
            }
            let text = || format!("day {day}: {allowance:?}, accounts {}", Amount::new(all[0]));
            ensure(all[0] == allowance.get(), "5: allowances = global row", text)?;
            let record = rows.days.iter().find(|(number, _)| *number == day).map(|(_, record)| record.consumed);
            let text = || format!("day {day}: {record:?}, accounts {}", Amount::new(all[1]));
            ensure(record == Some(Amount::new(all[1])), "5: spent = consumed total", text)?;
        }
        let supply = self.supply[Denom::Diem as usize];
        ensure(global.allowance.get() <= supply, "5: allowance <= DIEM supply", || format!("{:?}", global.allowance))?;
        self.check_backing()
    }

    /// Every DIEM backs one credit of today: what is staked, and what left today.
    fn check_backing(&self) -> Result<(), Violation> {
        let rows = self.credits();
        let active = sum(&rows.positions, |(_, amount)| *amount);
        let cooling = sum(&rows.tranches, |(_, tranche)| tranche.amount);
        let left_today: u128 =
            rows.tranches.iter().filter(|(_, one)| one.day == rows.open_day.day).map(|(_, one)| one.amount.get()).sum();
        let allowance = rows.open_day.allowance.get();
        let text = || format!("credit {allowance}, staked {active}, left today {left_today}");
        ensure(allowance == active + left_today, "5: one DIEM backs one credit", text)?;
        let pool = self.pool(Pool::StakedDiem);
        let text = || format!("pool {pool}, staked {active}, cooling down {cooling}");
        ensure(pool == active + cooling, "5: staked DIEM is in its pool", text)?;
        let staked: u128 = rows.accounts.iter().map(|(_, account)| account.today.staked.get()).sum();
        ensure(staked == active && active == rows.open_day.active.get(), "5: stake = positions", || format!("{staked}"))
    }

    /// Totals of providers, what counts of them, and what the pool of payouts owes.
    fn check_days(&self) -> Result<(), Violation> {
        let rows = self.credits();
        let mut owed = 0;
        for (day, record) in &rows.days {
            let of_day: Vec<_> = rows.provider_days.iter().filter(|((of, _), _)| of == day).collect();
            let open = *day == rows.open_day.day;
            if !open && record.settled_at.is_some() {
                owed += if of_day.is_empty() { 0 } else { record.pot.get() - record.paid.get() };
                let parts = record.pot.get() + record.treasury.get() + record.stakers.get();
                let text = || format!("day {day}: {record:?}");
                ensure(parts == record.rent.get() && record.paid <= record.pot, "6: rent is shared out", text)?;
                continue;
            }
            owed += record.rent.get();
            let consumed = sum(&of_day, |(_, row)| row.consumed);
            let counted = sum(&of_day, |(_, row)| row.counted);
            let text = || format!("day {day}: {consumed} and {counted} at providers, {record:?}");
            let equal = [consumed, counted] == [record.consumed.get(), record.counted.get()];
            ensure(equal, "5: provider totals = consumed total", text)?;
            for ((_, provider), row) in of_day {
                let most = self.most_counted(provider, *day);
                let text = || format!("{provider} on day {day}: {row:?}, at most {most}");
                ensure(row.counted.get() == row.consumed.get().min(most), "5: counted = min(consumed, bond)", text)?;
            }
        }
        let pool = self.pool(Pool::Payouts);
        ensure(owed == pool, "6: payouts owed are in their pool", || format!("pool {pool}, owed {owed}"))
    }

    /// What a provider can earn rent for on `day`: its bond then if it was listed then.
    fn most_counted(&self, provider: &Address, day: u64) -> u128 {
        let found = self.credits().providers.iter().find(|(address, _)| address == provider);
        found.map_or(0, |(_, row)| {
            let standing = match row.day.cmp(&day) {
                std::cmp::Ordering::Less => &row.next,
                std::cmp::Ordering::Equal => &row.today,
                std::cmp::Ordering::Greater => &row.previous,
            };
            if standing.listed { standing.bond.get() } else { 0 }
        })
    }

    fn check_rewards(&self) -> Result<(), Violation> {
        let rows = self.staking();
        let mut pending = rows.earnings.dust;
        let mut add = |more: Scaled| pending = pending.checked_add(more).expect("rewards fit 256 bits");
        for ((_, operator), position) in &rows.positions {
            let validator = self.validator(operator).expect("positions are with validators");
            let rise = |now: Scaled, then: Scaled, shares: u128| now.checked_sub(then)?.checked_mul(shares);
            let free = rise(validator.free_index, position.free_index, position.shares - position.locked);
            let locked = rise(validator.locked_index, position.locked_index, position.locked);
            [Ok(position.earned), free, locked].into_iter().for_each(|part| add(part.expect("indices rise")));
        }
        rows.validators.iter().for_each(|(_, validator)| add(Scaled::from_amount(validator.commission_due)));
        let progress = self.app.emissions.progress.expect("an export says how far the schedule is");
        add(Scaled::from_amount(progress.carry));
        let pool = self.pool(Pool::Rewards);
        let text = || format!("pool {pool}, pending {pending:?}");
        ensure(pending == Scaled::from_amount(Amount::new(pool)), "6: rewards pending are in their pool", text)
    }
}
