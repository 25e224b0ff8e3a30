//! Session keys: keys that may sign vouchers for an account, each up to a limit a day at each provider.

use borsh::{BorshDeserialize, BorshSerialize};
use diem_core::{Address, Amount, BlockContext, CallError, Module as _, StateRead, StateWrite, TxContext};
use serde::{Deserialize, Serialize};

use crate::{
    Credits, Error, Event, providers,
    state::{self, DailyLimit, ENDING, GRANTS, Grant, KEYS, Limit, OpenDay, SessionKey},
};

/// The most session keys that an account can have.
pub const MAX_KEYS: usize = 16;
/// The most providers at which a session key can spend.
pub const MAX_LIMITS: usize = 16;
/// The most grants that an account has rows of: its keys, as many that ended yesterday, and as many again of days
/// before while the queue that removes them is behind.
const MAX_ROWS: usize = 64;

/// The limit of a session key at one provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProviderLimit {
    /// The provider at which the key may spend.
    pub provider: Address,
    /// The credit that the key may spend a day, in credit units; not zero.
    pub limit: Amount,
}

/// The key's grant, rolled to the open day.
pub(crate) fn get(state: &dyn StateRead, open_day: &OpenDay, account: &Address, key: &Address) -> Option<Grant> {
    Some(GRANTS.get(state, &(*account, *key))?.roll(open_day))
}

/// The grants of an account under which vouchers may still come, rolled to the open day.
pub(crate) fn of(state: &dyn StateRead, open_day: &OpenDay, account: &Address) -> Vec<(Address, Grant)> {
    let rows = GRANTS.prefix(state, account, None, MAX_ROWS);
    rows.into_iter()
        .map(|((_, key), grant)| (key, grant.roll(open_day)))
        .filter(|(_, grant)| !grant.is_over())
        .collect()
}

impl Grant {
    fn roll(mut self, open_day: &OpenDay) -> Self {
        for day in open_day.days_after(self.day) {
            self.enter(day);
        }
        self
    }

    fn enter(&mut self, day: u64) {
        let is_valid = day <= self.last_day;
        for limit in &mut self.limits {
            limit.previous = limit.today;
            let amount = if is_valid { limit.next } else { Amount::ZERO };
            limit.today = DailyLimit { amount, ..DailyLimit::default() };
        }
        self.limits.retain(|limit| is_valid && !limit.next.is_zero() || limit.counts());
        self.day = day;
    }

    /// Whether the key may sign today, or on a later day.
    fn is_live(&self) -> bool {
        let lasts = self.last_day > self.day;
        self.limits.iter().any(|limit| !limit.today.amount.is_zero() || lasts && !limit.next.is_zero())
    }

    fn is_over(&self) -> bool {
        !self.is_live() && !self.limits.iter().any(Limit::counts)
    }

    /// The limit at `provider` on `day`, which is today or the day before.
    pub(crate) fn limit(&self, provider: &Address, day: u64) -> Option<&DailyLimit> {
        let limit = self.limits.iter().find(|limit| limit.provider == *provider)?;
        if day == self.day { Some(&limit.today) } else { Some(&limit.previous) }
    }

    /// The limit at `provider` on `day`, to be changed.
    pub(crate) fn limit_mut(&mut self, provider: &Address, day: u64) -> Option<&mut DailyLimit> {
        let is_today = day == self.day;
        let limit = self.limits.iter_mut().find(|limit| limit.provider == *provider)?;
        Some(if is_today { &mut limit.today } else { &mut limit.previous })
    }
}

impl Limit {
    /// Whether vouchers of today or the day before may come.
    const fn counts(&self) -> bool {
        !self.today.amount.is_zero() || !self.previous.amount.is_zero()
    }
}

/// Checks what can be checked of a grant without state.
pub(crate) fn validate(key: &Address, limits: &[ProviderLimit]) -> Result<(), Error> {
    if *key == Address::ZERO {
        return Err(Error::ZeroAddress);
    }
    if !(1..=MAX_LIMITS).contains(&limits.len()) || !limits.is_sorted_by(|a, b| a.provider < b.provider) {
        return Err(Error::Limits);
    }
    if limits.iter().any(|limit| limit.limit.is_zero()) { Err(Error::ZeroAmount) } else { Ok(()) }
}

/// Lets `key` sign for the sender up to and including `last_day`. It replaces what was granted to that key: more counts
/// at once, less from tomorrow.
///
/// # Errors
/// It fails for a day that is over, for the sender's own address as key, for too many keys or providers, and for an
/// unknown provider.
pub(crate) fn grant(
    ctx: &mut TxContext<'_>,
    key: &Address,
    last_day: u64,
    limits: &[ProviderLimit],
) -> Result<(), Error> {
    let open_day = state::open_day(ctx.state);
    if *key == ctx.sender {
        return Err(Error::OwnKey);
    }
    if last_day < open_day.day {
        return Err(Error::GrantExpired);
    }
    for limit in limits {
        providers::get_staying(ctx.state, &open_day, &limit.provider)?;
    }
    let account = ctx.sender;
    let keys = KEYS.get(ctx.state, &account).unwrap_or_default();
    let others = || keys.iter().filter(|other| other.key != *key);
    if others().filter(|other| other.last_day >= open_day.day).count() >= MAX_KEYS || others().count() >= MAX_ROWS {
        return Err(Error::TooManyKeys);
    }
    let mut grant = get(ctx.state, &open_day, &account, key).unwrap_or_default();
    (grant.day, grant.last_day) = (open_day.day, last_day);
    grant.limits.iter_mut().for_each(|limit| limit.next = Amount::ZERO);
    for ProviderLimit { provider, limit: amount } in limits {
        let at = grant.limits.binary_search_by_key(provider, |limit| limit.provider);
        let limit = match at {
            Ok(index) => grant.limits.get_mut(index),
            Err(index) => {
                grant.limits.insert(index, Limit::new(*provider));
                grant.limits.get_mut(index)
            }
        };
        if let Some(limit) = limit {
            limit.next = *amount;
            limit.today.amount = limit.today.amount.max(*amount);
        }
    }
    let live = grant.limits.iter().filter(|limit| !limit.next.is_zero() || !limit.today.amount.is_zero()).count();
    if live > MAX_LIMITS {
        return Err(Error::TooManyLimits);
    }
    GRANTS.set(ctx.state, &(account, *key), &grant);
    set_last_day(ctx.state, &account, keys, key, last_day);
    ctx.events.emit(Credits::ID, &Event::Granted { account, key: *key, last_day });
    Ok(())
}

/// Writes a key's last day into the row of its account's keys and into the queue. A place in the queue that none of the
/// keys needs any more is removed at once, so that nobody makes rows by granting the same key again and again.
fn set_last_day(
    state: &mut dyn StateWrite,
    account: &Address,
    mut keys: Vec<SessionKey>,
    key: &Address,
    last_day: u64,
) {
    let before = keys.iter().find(|row| row.key == *key).map(|row| row.last_day);
    SessionKey::put(&mut keys, *key, last_day);
    KEYS.set(state, account, &keys);
    if let Some(before) = before.filter(|before| keys.iter().all(|row| row.last_day != *before)) {
        ENDING.remove(state, &(before, *account));
    }
    ENDING.set(state, &(last_day, *account), &1);
}

/// Removes the grants of at most `limit` accounts of which no voucher can come any more: their last day is neither open
/// nor the one before. The runtime retries this step.
///
/// # Errors
/// It returns none; it has the signature of every step.
pub fn clear_ended(ctx: &mut BlockContext<'_>, limit: usize) -> Result<(), CallError> {
    let open_day = state::open_day(ctx.state);
    let last = open_day.previous.as_ref().map_or(open_day.day, |previous| previous.day);
    for (place, _) in state::due(&ENDING, ctx.state, limit, |(day, _)| *day < last) {
        let (day, account) = place;
        let (ended, rest): (Vec<_>, Vec<_>) =
            KEYS.get(ctx.state, &account).unwrap_or_default().into_iter().partition(|key| key.last_day <= day);
        ended.iter().for_each(|ended| GRANTS.remove(ctx.state, &(account, ended.key)));
        if rest.is_empty() {
            KEYS.remove(ctx.state, &account);
        } else {
            KEYS.set(ctx.state, &account, &rest);
        }
        ENDING.remove(ctx.state, &place);
    }
    Ok(())
}

/// Ends a key's rights with today: providers rely on what it may sign today.
///
/// # Errors
/// There is no such grant.
pub(crate) fn revoke(ctx: &mut TxContext<'_>, key: &Address) -> Result<(), Error> {
    let open_day = state::open_day(ctx.state);
    let account = ctx.sender;
    let mut grant = get(ctx.state, &open_day, &account, key).filter(Grant::is_live).ok_or(Error::NoGrant)?;
    grant.limits.iter_mut().for_each(|limit| limit.next = Amount::ZERO);
    grant.last_day = open_day.day;
    GRANTS.set(ctx.state, &(account, *key), &grant);
    let keys = KEYS.get(ctx.state, &account).unwrap_or_default();
    set_last_day(ctx.state, &account, keys, key, grant.last_day);
    ctx.events.emit(Credits::ID, &Event::Revoked { account, key: *key });
    Ok(())
}

impl Limit {
    fn new(provider: Address) -> Self {
        Self { provider, next: Amount::ZERO, today: DailyLimit::default(), previous: DailyLimit::default() }
    }
}
