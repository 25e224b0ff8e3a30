//! The invariants of credits, which hold after every block.

use std::collections::{BTreeMap, BTreeSet};

use diem_bank::{self as bank, Pool};
use diem_core::{Address, Amount, Denom, StateRead, cell::check_next_id};

use crate::{
    accounts,
    allocations::MAX_ROWS,
    state::{
        self, ACCOUNTS, ALLOCATIONS, Account, CreditDay, DAYS, ENDING, GRANTS, KEYS, LEAVING, MATURING, NEXT_TRANCHE,
        OFFERS, OpenDay, POSITIONS, PROVIDER_DAYS, PROVIDERS, ProviderDay, SHEETS, TRANCHES,
    },
};

/// Adds two amounts and saturates: a sum that does not fit 128 bits equals no total.
fn plus(sum: Amount, more: Amount) -> Amount {
    sum.checked_add(more).unwrap_or(Amount::MAX)
}

fn total(amounts: impl Iterator<Item = Amount>) -> Amount {
    amounts.fold(Amount::ZERO, plus)
}

fn equal(what: &str, sum: Amount, expected: Amount) -> Result<(), String> {
    if sum == expected { Ok(()) } else { Err(format!("{what}: the parts sum to {sum}, the whole is {expected}")) }
}

/// Checks invariant 5, and that the pools hold what the rows say.
pub(crate) fn check(state: &dyn StateRead) -> Result<(), String> {
    let open_day = state::open_day(state);
    let supply = bank::supply(state, Denom::Diem);
    if open_day.allowance > supply {
        return Err(format!(
            "the credit of day {} is {}, above the DIEM supply {supply}",
            open_day.day, open_day.allowance
        ));
    }
    check_owners(state)?;
    check_dates(state, &open_day)?;
    check_order(state)?;
    check_accounts(state, &open_day)?;
    check_stake(state, &open_day)?;
    check_days(state, &open_day)?;
    check_providers(state)
}

/// Checks that nothing belongs to the zero address, which nobody owns: bank refuses an account of it, so an export
/// after it was paid would start no chain.
fn check_owners(state: &dyn StateRead) -> Result<(), String> {
    fn has_zero<R>(rows: &[R], addresses: impl Fn(&R) -> [Address; 2]) -> bool {
        rows.iter().any(|row| addresses(row).contains(&Address::ZERO))
    }
    let found = [
        ("a credit", has_zero(&ACCOUNTS.all(state), |(owner, _)| [*owner; 2])),
        ("an allocation", has_zero(&ALLOCATIONS.all(state), |(owner, _)| [*owner; 2])),
        ("a grant", has_zero(&GRANTS.all(state), |((owner, key), _)| [*owner, *key])),
        ("a position", has_zero(&POSITIONS.all(state), |((staker, beneficiary), _)| [*staker, *beneficiary])),
        ("a tranche", has_zero(&TRANCHES.all(state), |((staker, _), tranche)| [*staker, tranche.beneficiary])),
        ("an offer", has_zero(&OFFERS.all(state), |((_, seller), _)| [*seller; 2])),
        ("a provider", has_zero(&PROVIDERS.all(state), |(address, provider)| [*address, provider.payout])),
        ("a price sheet", has_zero(&SHEETS.all(state), |(provider, _)| [*provider; 2])),
        ("consumption", has_zero(&PROVIDER_DAYS.all(state), |((_, provider), _)| [*provider; 2])),
    ];
    match found.into_iter().find(|(_, found)| *found) {
        Some((what, _)) => Err(format!("{what} is the zero address's, which nobody owns")),
        None => Ok(()),
    }
}

/// Checks that no row is of a day to come: it would not roll until then.
fn check_dates(state: &dyn StateRead, open_day: &OpenDay) -> Result<(), String> {
    let (accounts, grants) = (ACCOUNTS.all(state), GRANTS.all(state));
    let latest = [
        ("the closed day", open_day.previous.as_ref().map(|previous| previous.day.saturating_add(1))),
        ("a credit", accounts.iter().map(|(_, account)| account.today.day.max(account.previous.day)).max()),
        ("a grant", grants.iter().map(|(_, grant)| grant.day).max()),
        ("a tranche", TRANCHES.all(state).iter().map(|(_, tranche)| tranche.day).max()),
        ("an offer", OFFERS.all(state).iter().map(|((day, _), _)| *day).max()),
        ("a provider", PROVIDERS.all(state).iter().map(|(_, provider)| provider.day).max()),
        ("a price sheet", SHEETS.all(state).iter().map(|(_, sheets)| sheets.day).max()),
        ("a record", DAYS.all(state).iter().map(|(day, _)| *day).max()),
    ];
    match latest.into_iter().find(|(_, day)| day.is_some_and(|day| day > open_day.day)) {
        Some((what, _)) => Err(format!("{what} is of a day after the open one, {}", open_day.day)),
        None => Ok(()),
    }
}

/// Checks that lists which are read by binary search are sorted, and that the number of the next tranche is free.
fn check_order(state: &dyn StateRead) -> Result<(), String> {
    for (account, allocations) in ALLOCATIONS.all(state) {
        if !allocations.is_sorted_by(|a, b| a.provider < b.provider) {
            return Err(format!("the allocations of {account} are not in order"));
        }
        if !(1..=MAX_ROWS).contains(&allocations.len()) {
            return Err(format!("{account} has {} allocations, which must be 1 to {MAX_ROWS}", allocations.len()));
        }
    }
    for ((account, key), grant) in GRANTS.all(state) {
        if !grant.limits.is_sorted_by(|a, b| a.provider < b.provider) {
            return Err(format!("the limits of key {key} of {account} are not in order"));
        }
    }
    check_keys(state)?;
    let next = NEXT_TRANCHE.get(state).unwrap_or_default();
    check_next_id("the next tranche", next)?;
    match TRANCHES.all(state).iter().find(|((_, id), _)| *id >= next) {
        Some(((staker, id), _)) => Err(format!("{staker} has tranche {id}, but the next one is {next}")),
        None => Ok(()),
    }
}

/// The row of an account's session keys names each of its grants with its last day, and no other; the queue that
/// removes them knows each of these days.
fn check_keys(state: &dyn StateRead) -> Result<(), String> {
    let rows = KEYS.all(state).into_iter();
    let named: Vec<_> = rows.flat_map(|(account, keys)| keys.into_iter().map(move |key| (account, key))).collect();
    let ending: BTreeSet<_> = named.iter().map(|(account, key)| (key.last_day, *account)).collect();
    if !ending.into_iter().eq(ENDING.all(state).into_iter().map(|(place, _)| place)) {
        return Err("the queue of session keys is not theirs".into());
    }
    let named = named.iter().map(|(account, key)| ((*account, key.key), key.last_day));
    let grants = GRANTS.all(state).into_iter().map(|(key, grant)| (key, grant.last_day));
    if named.eq(grants) { Ok(()) } else { Err("the rows of session keys are not those of their grants".into()) }
}

/// Checks for each account and day that spent + allocated + offered <= allowance, and that together they are the
/// chain's row and the day's totals.
fn check_accounts(state: &dyn StateRead, open_day: &OpenDay) -> Result<(), String> {
    let addresses = ACCOUNTS.all(state).into_iter().map(|(address, _)| address);
    let customers: Vec<_> = addresses.map(|address| accounts::load(state, open_day, &address)).collect();
    for customer in &customers {
        check_customer(state, open_day, customer)?;
    }
    let sum = |part: fn(&Account) -> Amount| total(customers.iter().map(|customer| part(&customer.account)));
    equal("staked DIEM", sum(|account| account.today.staked), open_day.active)?;
    equal("today's credit", sum(|account| account.today.allowance), open_day.allowance)?;
    let consumed = |day: u64| DAYS.get(state, &day).unwrap_or_default().consumed;
    equal("today's consumption", sum(|account| account.today.spent), consumed(open_day.day))?;
    if let Some(previous) = &open_day.previous {
        equal("yesterday's credit", sum(|account| account.previous.allowance), previous.allowance)?;
        equal("yesterday's consumption", sum(|account| account.previous.spent), consumed(previous.day))?;
    }
    for ((day, seller), _) in OFFERS.all(state).into_iter().filter(|((day, _), _)| *day == open_day.day) {
        if accounts::load(state, open_day, &seller).account.today.offered.is_zero() {
            return Err(format!("{seller} has an open offer of nothing on day {day}"));
        }
    }
    Ok(())
}

fn check_customer(state: &dyn StateRead, open_day: &OpenDay, customer: &accounts::Customer) -> Result<(), String> {
    let Account { today, previous } = &customer.account;
    for (row, is_today) in [(today, true), (previous, false)] {
        let CreditDay { day, allowance, spent, allocated, offered, .. } = row;
        if total([*spent, *allocated, *offered].into_iter()) > *allowance {
            return Err(format!("{} has used more than its credit {allowance} of day {day}", customer.address));
        }
        let of =
            customer.allocations.iter().map(|allocation| if is_today { allocation.today } else { allocation.previous });
        equal(&format!("{}'s allocations of day {day}", customer.address), total(of.map(|p| p.left())), *allocated)?;
    }
    check_signers(state, open_day, customer)
}

/// Checks that an allocation has paid as much as its signers were paid.
fn check_signers(state: &dyn StateRead, open_day: &OpenDay, customer: &accounts::Customer) -> Result<(), String> {
    let grants = crate::grants::of(state, open_day, &customer.address);
    for allocation in &customer.allocations {
        for (allocated, is_today) in [(allocation.today, true), (allocation.previous, false)] {
            let limits = grants.iter().flat_map(|(_, grant)| &grant.limits);
            let here = limits.filter(|limit| limit.provider == allocation.provider);
            let paid = here.map(|limit| if is_today { limit.today } else { limit.previous });
            let paid = plus(total(paid.map(|limited| limited.signed.paid)), allocated.own.paid);
            equal(&format!("{}'s vouchers at {}", customer.address, allocation.provider), paid, allocated.used)?;
        }
    }
    for ((_, key), grant) in GRANTS.prefix(state, &customer.address, None, 64) {
        let over = |limit: &state::DailyLimit| limit.signed.paid > limit.amount;
        if grant.limits.iter().any(|limit| over(&limit.today) || over(&limit.previous)) {
            return Err(format!("key {key} of {} has spent more than its limit", customer.address));
        }
    }
    Ok(())
}

/// Checks positions and tranches against their pool.
fn check_stake(state: &dyn StateRead, open_day: &OpenDay) -> Result<(), String> {
    let positions = POSITIONS.all(state);
    equal("positions", total(positions.iter().map(|(_, amount)| *amount)), open_day.active)?;
    let mut by_beneficiary: BTreeMap<Address, Amount> = BTreeMap::new();
    for ((_, beneficiary), amount) in positions {
        let sum = by_beneficiary.entry(beneficiary).or_default();
        *sum = plus(*sum, amount);
    }
    for (beneficiary, staked) in by_beneficiary {
        let row = ACCOUNTS.get(state, &beneficiary).unwrap_or_default();
        equal(&format!("stake for {beneficiary}"), staked, row.today.staked)?;
    }
    let tranches = TRANCHES.all(state);
    let cooling = total(tranches.iter().map(|(_, tranche)| tranche.amount));
    let held = bank::pool(state, Pool::StakedDiem, Denom::Diem);
    equal("the pool of staked DIEM", plus(open_day.active, cooling), held)?;
    if MATURING.all(state).len() != tranches.len() {
        return Err("the queue of tranches is not theirs".into());
    }
    Ok(())
}

/// Checks that the totals of providers are the day's, and that the pool of payouts holds what is owed.
fn check_days(state: &dyn StateRead, open_day: &OpenDay) -> Result<(), String> {
    let mut totals: BTreeMap<u64, ProviderDay> = BTreeMap::new();
    for ((day, provider), row) in PROVIDER_DAYS.all(state) {
        if row.counted > row.consumed {
            return Err(format!("more counts of {provider} on day {day} than was consumed there"));
        }
        let sum = totals.entry(day).or_default();
        sum.consumed = plus(sum.consumed, row.consumed);
        sum.counted = plus(sum.counted, row.counted);
        sum.requests = sum.requests.saturating_add(row.requests);
    }
    let mut owed = Amount::ZERO;
    for (day, record) in DAYS.all(state) {
        let sum = totals.remove(&day);
        if open_day.is_unsettled(day) {
            let sum = sum.unwrap_or_default();
            equal(&format!("consumption of day {day}"), sum.consumed, record.consumed)?;
            equal(&format!("counted of day {day}"), sum.counted, record.counted)?;
            if sum.requests != record.requests {
                return Err(format!("requests of day {day} are {} and {}", sum.requests, record.requests));
            }
            owed = plus(owed, record.rent);
        } else if sum.is_some() {
            owed = plus(owed, record.pot.saturating_sub(record.paid));
        }
        if day != open_day.day && record.counted > record.base {
            return Err(format!("day {day} counts {}, more than its base {}", record.counted, record.base));
        }
    }
    if let Some(day) = totals.keys().next() {
        return Err(format!("something was consumed on day {day}, which never was"));
    }
    equal("the pool of payouts", owed, bank::pool(state, Pool::Payouts, Denom::Vvv))
}

/// Checks bonds against their pool.
fn check_providers(state: &dyn StateRead) -> Result<(), String> {
    let providers = PROVIDERS.all(state);
    let bonds = total(providers.iter().map(|(_, provider)| provider.bond));
    equal("bonds", bonds, bank::pool(state, Pool::ProviderBonds, Denom::Vvv))?;
    let leaving = providers.iter().filter(|(_, provider)| provider.left.is_some() && !provider.bond.is_zero()).count();
    if LEAVING.all(state).len() == leaving { Ok(()) } else { Err("the queue of bonds is not theirs".into()) }
}
