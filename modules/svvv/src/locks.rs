//! Locking stake against DIEM, opening locks, and taking locked stake to another validator.

use diem_core::{Address, Amount, BlockContext, BlockInfo, CallError, Events, Module as _, StateRead, StateWrite};
use diem_staking::{self as staking, Route, Trimmed};

use crate::{
    Error, Event, Svvv,
    state::{LOCKS, Lock},
};

/// The account's lock with a validator; an empty one where there is none.
pub fn lock_of(state: &dyn StateRead, account: &Address, validator: &Address) -> Lock {
    LOCKS.get(state, &(*account, *validator)).unwrap_or_default()
}

/// The value that the account may still lock with a validator, in avvv.
pub fn free_to_lock(state: &dyn StateRead, account: &Address, validator: &Address) -> Amount {
    let free = staking::position(state, account, validator).free_to_lock();
    staking::validator(state, validator).map_or(Amount::ZERO, |validator| validator.value_of(free))
}

fn put(state: &mut dyn StateWrite, account: &Address, validator: &Address, lock: &Lock) {
    let key = (*account, *validator);
    if *lock == Lock::default() { LOCKS.remove(state, &key) } else { LOCKS.set(state, &key, lock) }
}

/// Locks stake worth `vvv` for `diem`: `ceil(vvv * S / T)` shares, and all free ones for all that they are worth. It
/// returns the shares.
///
/// # Errors
/// [`Error::ZeroAmount`]; staking's `not_free` if less is free, and its `unknown_validator`.
pub fn lock(
    state: &mut dyn StateWrite,
    events: &mut Events,
    account: &Address,
    validator: &Address,
    vvv: Amount,
    diem: Amount,
) -> Result<u128, CallError> {
    if vvv.is_zero() || diem.is_zero() {
        return Err(Error::ZeroAmount.into());
    }
    let row = staking::validator(state, validator).ok_or(staking::Error::UnknownValidator(*validator))?;
    let free = staking::position(state, account, validator).free_to_lock();
    let shares = row.shares_out_of(free, vvv)?;
    staking::lock_shares(state, account, validator, shares)?;
    let old = lock_of(state, account, validator);
    let new = Lock {
        shares: old.shares.checked_add(shares).ok_or(diem_core::MathError::Overflow).map_err(Error::from)?,
        outstanding: old.outstanding.checked_add(diem).map_err(Error::from)?,
    };
    put(state, account, validator, &new);
    events.emit(Svvv::ID, &Event::Locked { account: *account, validator: *validator, shares, diem });
    Ok(shares)
}

/// Opens the part of a lock that `diem` of its DIEM stands for: `floor(locked * diem / outstanding)` shares, and all of
/// them for all of it. It returns the shares. What locking costs today does not matter.
///
/// # Errors
/// [`Error::ZeroAmount`]; [`Error::Outstanding`] if the lock stands for less.
pub fn release(
    state: &mut dyn StateWrite,
    events: &mut Events,
    account: &Address,
    validator: &Address,
    diem: Amount,
) -> Result<u128, CallError> {
    if diem.is_zero() {
        return Err(Error::ZeroAmount.into());
    }
    let old = lock_of(state, account, validator);
    let Ok(outstanding) = old.outstanding.checked_sub(diem) else {
        let short = Error::Outstanding { validator: *validator, outstanding: old.outstanding, asked: diem };
        return Err(short.into());
    };
    let shares = Amount::new(old.shares).mul_div_floor(diem.get(), old.outstanding.get()).map_err(Error::from)?.get();
    staking::unlock_shares(state, account, validator, shares)?;
    put(state, account, validator, &Lock { shares: old.shares.saturating_sub(shares), outstanding });
    events.emit(Svvv::ID, &Event::Released { account: *account, validator: *validator, shares, diem });
    Ok(shares)
}

/// Moves stake worth `vvv` to another validator: what is free first, then k of the locked shares with
/// `ceil(outstanding * k / locked)` of the DIEM. So whoever sold the DIEM can still leave a bad validator.
///
/// # Errors
/// The errors of [`staking::move_stake`].
pub fn restake(
    state: &mut dyn StateWrite,
    events: &mut Events,
    block: BlockInfo,
    account: &Address,
    route: Route<'_>,
    vvv: Amount,
) -> Result<(), CallError> {
    let Route { from, to } = route;
    let moved = staking::move_stake(state, events, block, account, route, vvv)?;
    if moved.went == 0 {
        return Ok(());
    }
    let source = lock_of(state, account, from);
    let diem = source.outstanding.mul_div_ceil(moved.went, moved.before).map_err(Error::from)?;
    let outstanding = source.outstanding.checked_sub(diem).map_err(Error::from)?;
    let target = lock_of(state, account, to).outstanding.checked_add(diem).map_err(Error::from)?;
    if outstanding.is_zero() {
        // Rounding up has moved all of the DIEM: shares that stand for less than one adiem would stay locked with
        // nothing left to open them.
        let rest = locked(state, account, from);
        staking::unlock_shares(state, account, from, rest)?;
    }
    for (validator, outstanding) in [(from, outstanding), (to, target)] {
        let lock = Lock { shares: locked(state, account, validator), outstanding };
        put(state, account, validator, &lock);
    }
    events.emit(Svvv::ID, &Event::LockMoved { account: *account, from: *from, to: *to, diem });
    Ok(())
}

/// The locked shares as staking counts them.
fn locked(state: &dyn StateRead, account: &Address, validator: &Address) -> u128 {
    staking::position(state, account, validator).locked
}

/// Runs slash jobs of staking over at most `limit` entries and lets the locks follow: where a position has fewer
/// shares than were locked, those that are left are locked, and the DIEM outstanding stays.
///
/// # Errors
/// The errors of [`staking::run_slash_jobs`].
pub fn run_slash_jobs(ctx: &mut BlockContext<'_>, limit: u32) -> Result<(), CallError> {
    let trimmed = staking::run_slash_jobs(ctx, limit)?;
    after_slash(ctx.state, ctx.events, &trimmed);
    Ok(())
}

/// Processes an entry of the account whose date is past, and lets the lock follow what slashes take from moved stake.
///
/// # Errors
/// The errors of [`staking::collect`].
pub fn collect(
    state: &mut dyn StateWrite,
    events: &mut Events,
    block: BlockInfo,
    account: &Address,
    entry: u64,
) -> Result<(), CallError> {
    let trimmed = staking::collect(state, events, block, account, entry)?;
    after_slash(state, events, trimmed.as_slice());
    Ok(())
}

/// Lets locks follow positions whose locked shares fell.
pub fn after_slash(state: &mut dyn StateWrite, events: &mut Events, trimmed: &[Trimmed]) {
    for Trimmed { account, validator, locked } in trimmed {
        let lock = lock_of(state, account, validator);
        put(state, account, validator, &Lock { shares: *locked, ..lock });
        events.emit(Svvv::ID, &Event::Trimmed { account: *account, validator: *validator, shares: *locked });
    }
}

/// The DIEM that all locks have outstanding. It walks over all locks: for invariants, never inside a block.
///
/// # Errors
/// [`Error::Math`] if that is more than any amount.
pub fn total_outstanding(state: &dyn StateRead) -> Result<Amount, Error> {
    let locks = LOCKS.all(state).into_iter();
    Ok(locks.map(|(_, lock)| lock.outstanding).try_fold(Amount::ZERO, Amount::checked_add)?)
}
