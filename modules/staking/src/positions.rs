//! Positions: staking, locking, claiming. Every change of a position settles what it has earned first.

use diem_bank::{self as bank, Pool};
use diem_core::{Address, Amount, CallError, Denom, Events, MathError, Module as _, StateRead, StateWrite};

use crate::{
    Error, Event, Staking,
    scaled::Scaled,
    state::{EARNINGS, POSITIONS, Position, Validator, burn},
    validators,
};

/// The position of `account` with `validator`; an empty one where it never staked.
pub fn position(state: &dyn StateRead, account: &Address, validator: &Address) -> Position {
    POSITIONS.get(state, &(*account, *validator)).unwrap_or_default()
}

/// A position and its validator in memory, settled when they were read. [`Open::close`] writes both.
pub(crate) struct Open {
    account: Address,
    operator: Address,
    pub(crate) validator: Validator,
    pub(crate) position: Position,
}

impl Open {
    /// Reads both and settles what the position has earned.
    pub(crate) fn read(state: &dyn StateRead, account: &Address, operator: &Address) -> Result<Self, Error> {
        let validator = validators::load(state, operator)?;
        let mut position = position(state, account, operator);
        position.earned = position.earned(&validator)?;
        position.free_index = validator.free_index;
        position.locked_index = validator.locked_index;
        Ok(Self { account: *account, operator: *operator, validator, position })
    }

    /// Adds `amount`, which stands in the bonded pool already; returns the shares.
    pub(crate) fn put(&mut self, amount: Amount) -> Result<u128, Error> {
        let shares = self.validator.shares_for(&self.operator, amount)?;
        self.validator.tokens = self.validator.tokens.checked_add(amount)?;
        self.validator.shares = add(self.validator.shares, shares)?;
        self.position.shares = add(self.position.shares, shares)?;
        Ok(shares)
    }

    /// Takes `shares` with `amount` of the validator's tokens out.
    pub(crate) fn take(&mut self, shares: u128, amount: Amount) -> Result<(), Error> {
        self.validator.tokens = self.validator.tokens.checked_sub(amount)?;
        self.validator.shares = sub(self.validator.shares, shares)?;
        self.position.shares = sub(self.position.shares, shares)?;
        Ok(())
    }

    /// Locks so many more of the free shares.
    pub(crate) fn lock(&mut self, shares: u128) -> Result<(), Error> {
        self.position.locked = add(self.position.locked, shares)?;
        self.validator.locked = add(self.validator.locked, shares)?;
        Ok(())
    }

    /// Unlocks so many of the locked shares.
    pub(crate) fn unlock(&mut self, shares: u128) -> Result<(), Error> {
        self.position.locked = sub(self.position.locked, shares)?;
        self.validator.locked = sub(self.validator.locked, shares)?;
        Ok(())
    }

    /// Writes position and validator. The rest of the tokens of a validator without shares is burned.
    pub(crate) fn close(mut self, state: &mut dyn StateWrite) -> Result<(), CallError> {
        if self.validator.shares == 0 && !self.validator.tokens.is_zero() {
            burn(state, self.validator.tokens)?;
            self.validator.tokens = Amount::ZERO;
        }
        if self.account == self.operator {
            self.validator.self_shares = self.position.shares;
        }
        validators::save(state, &self.operator, &mut self.validator);
        let key = (self.account, self.operator);
        if self.is_over()? {
            leave_dust(state, self.position.earned)?;
            POSITIONS.remove(state, &key);
        } else {
            POSITIONS.set(state, &key, &self.position);
        }
        Ok(())
    }

    /// Stakes `amount` of the account's VVV without the rule of the least stake, to which a genesis is not held.
    pub(crate) fn bond(
        mut self,
        state: &mut dyn StateWrite,
        events: &mut Events,
        amount: Amount,
    ) -> Result<(), CallError> {
        let (account, validator) = (self.account, self.operator);
        let shares = self.put(amount)?;
        bank::pay_into_pool(state, &account, Pool::Bonded, Denom::Vvv, amount)?;
        self.close(state)?;
        events.emit(Staking::ID, &Event::Staked { account, validator, amount, shares });
        Ok(())
    }

    /// Whether the position has no shares and nothing left to claim.
    fn is_over(&self) -> Result<bool, Error> {
        Ok(self.position.shares == 0 && self.position.earned.split()?.0.is_zero())
    }
}

/// Gives up earnings below one avvv of a position that ends: they join the next rewards.
fn leave_dust(state: &mut dyn StateWrite, rest: Scaled) -> Result<(), Error> {
    if rest.is_zero() {
        return Ok(());
    }
    let mut earnings = EARNINGS.get(state).unwrap_or_default();
    earnings.owed = earnings.owed.checked_sub(rest)?;
    earnings.dust = earnings.dust.checked_add(rest)?;
    EARNINGS.set(state, &earnings);
    Ok(())
}

pub(crate) fn add(a: u128, b: u128) -> Result<u128, MathError> {
    a.checked_add(b).ok_or(MathError::Overflow)
}

pub(crate) fn sub(a: u128, b: u128) -> Result<u128, MathError> {
    a.checked_sub(b).ok_or(MathError::Underflow)
}

/// Stakes `amount` of the account's VVV, so that the position is worth the least stake.
pub(crate) fn stake(
    state: &mut dyn StateWrite,
    events: &mut Events,
    account: &Address,
    operator: &Address,
    amount: Amount,
) -> Result<(), CallError> {
    let open = Open::read(state, account, operator)?;
    open.check_deposit(state, amount)?;
    open.bond(state, events, amount)
}

/// Locks `shares` of a position: they keep earning, less, and cannot be unstaked.
///
/// # Errors
/// [`Error::NotFree`] if not so many are free.
pub fn lock_shares(
    state: &mut dyn StateWrite,
    account: &Address,
    operator: &Address,
    shares: u128,
) -> Result<(), CallError> {
    let mut open = Open::read(state, account, operator)?;
    let free = open.position.free_to_lock();
    if shares > free {
        let needed = open.validator.value_of(shares);
        return Err(Error::NotFree { free: open.validator.value_of(free), needed }.into());
    }
    open.lock(shares)?;
    open.close(state)
}

/// Unlocks `shares` of a position.
///
/// # Errors
/// [`Error::Math`] if not so many are locked.
pub fn unlock_shares(
    state: &mut dyn StateWrite,
    account: &Address,
    operator: &Address,
    shares: u128,
) -> Result<(), CallError> {
    let mut open = Open::read(state, account, operator)?;
    open.unlock(shares)?;
    open.close(state)
}

/// Pays out what a position has earned, and to an operator the commission with it.
pub(crate) fn claim(
    state: &mut dyn StateWrite,
    events: &mut Events,
    account: &Address,
    operator: &Address,
    restake: bool,
) -> Result<(), CallError> {
    let mut open = Open::read(state, account, operator)?;
    if account == operator {
        let due = Scaled::from_amount(open.validator.commission_due);
        open.position.earned = open.position.earned.checked_add(due).map_err(Error::from)?;
        open.validator.commission_due = Amount::ZERO;
    }
    let (amount, rest) = open.position.earned.split().map_err(Error::from)?;
    if amount.is_zero() {
        return Err(Error::NothingToClaim.into());
    }
    open.position.earned = rest;
    let mut earnings = EARNINGS.get(state).unwrap_or_default();
    earnings.owed = earnings.owed.checked_sub(Scaled::from_amount(amount)).map_err(Error::from)?;
    EARNINGS.set(state, &earnings);
    events.emit(Staking::ID, &Event::Claimed { account: *account, validator: *operator, amount });
    if restake {
        open.check_deposit(state, amount)?;
        let shares = open.put(amount)?;
        bank::move_between_pools(state, Pool::Rewards, Pool::Bonded, Denom::Vvv, amount)?;
        events.emit(Staking::ID, &Event::Staked { account: *account, validator: *operator, amount, shares });
    } else {
        bank::pay_from_pool(state, Pool::Rewards, account, Denom::Vvv, amount)?;
    }
    open.close(state)
}
