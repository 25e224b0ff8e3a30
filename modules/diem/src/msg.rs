//! The calls of diem.

use diem_bank as bank;
use diem_core::{Address, Amount, CallError, Denom, Message, Module as _, StateRead, TxContext, gas_of_calls};
use diem_staking as staking;
use diem_svvv as svvv;
use ruint::aliases::U256;

use crate::{Diem, Error, Event, stored::Place};

/// The gas for a position, its validator, its lock, an account and the supply, and to find the place on the curve
/// twice.
const GAS: u64 = 45_000;

/// A call of diem.
#[diem_core::calls]
pub enum Msg {
    /// Locks an exact amount of sVVV and mints what it buys.
    Mint {
        /// The validator that the stake is with.
        validator: Address,
        /// The value to lock, in avvv; not zero.
        lock: Amount,
        /// The least DIEM to get, in adiem; with less nothing happens.
        min_out: Amount,
    } = 0,
    /// Mints an exact amount of DIEM and locks what it costs.
    MintExact {
        /// The validator that the stake is with.
        validator: Address,
        /// The DIEM to get, in adiem; not zero.
        out: Amount,
        /// The most to lock, in avvv of its value; if it costs more nothing happens.
        max_lock: Amount,
    } = 1,
    /// Burns DIEM, whoever minted it, and opens the sender's own lock by as much.
    Burn {
        /// The validator that the stake is with.
        validator: Address,
        /// The DIEM, in adiem; not zero, and not more than the lock has outstanding.
        amount: Amount,
    } = 2,
}

gas_of_calls!(Msg {
    Mint "mint" = GAS,
    MintExact "mint_exact" = GAS,
    Burn "burn" = GAS,
});

impl Message for Msg {
    fn validate(&self) -> Result<(), CallError> {
        match self {
            Self::Mint { lock: amount, .. } | Self::MintExact { out: amount, .. } | Self::Burn { amount, .. }
                if amount.is_zero() =>
            {
                Err(Error::ZeroAmount.into())
            }
            Self::Mint { .. } | Self::MintExact { .. } | Self::Burn { .. } => Ok(()),
        }
    }

    // Nothing leaves the balance in VVV: what is locked is staked already, and DIEM is burned.
    fn spends(&self) -> Amount {
        match self {
            Self::Mint { .. } | Self::MintExact { .. } | Self::Burn { .. } => Amount::ZERO,
        }
    }

    // Burning opens a lock, so that its stake can leave.
    fn is_exit(&self) -> bool {
        match self {
            Self::Burn { .. } => true,
            Self::Mint { .. } | Self::MintExact { .. } => false,
        }
    }

    fn text(&self) -> String {
        match self {
            Self::Mint { validator, lock, min_out } => {
                format!("Lock {lock} sVVV with {} and mint at least {min_out} DIEM", validator.to_hex())
            }
            Self::MintExact { validator, out, max_lock } => {
                format!("Mint {out} DIEM and lock at most {max_lock} sVVV with {}", validator.to_hex())
            }
            Self::Burn { validator, amount } => {
                format!("Burn {amount} DIEM and unlock sVVV with {}", validator.to_hex())
            }
        }
    }

    fn execute(&self, ctx: &mut TxContext<'_>) -> Result<(), CallError> {
        match *self {
            Self::Mint { validator, lock, min_out } => {
                let out = bought(ctx.state, &ctx.sender, &validator, lock, min_out)?;
                mint(ctx, validator, lock, out)
            }
            Self::MintExact { validator, out, max_lock } => {
                let lock = price(ctx.state, &ctx.sender, &validator, out, max_lock)?;
                mint(ctx, validator, lock, out)
            }
            Self::Burn { validator, amount } => burn(ctx, validator, amount),
        }
    }
}

/// Quotes the DIEM that a lock buys; the account must have that stake free.
fn bought(
    state: &dyn StateRead,
    account: &Address,
    validator: &Address,
    lock: Amount,
    min_out: Amount,
) -> Result<Amount, CallError> {
    let free = free_stake(state, account, validator)?;
    if lock > free {
        return Err(staking::Error::NotFree { free, needed: lock }.into());
    }
    let out = Place::now(state).quote_in(U256::from(lock.get())).map_err(Error::PastEnd)?;
    if out.is_zero() {
        return Err(Error::Nothing(lock).into());
    }
    if out < min_out {
        return Err(Error::BelowMinimum { out, min_out }.into());
    }
    Ok(out)
}

/// Quotes the lock for DIEM; the account must have that stake free.
fn price(
    state: &dyn StateRead,
    account: &Address,
    validator: &Address,
    out: Amount,
    max_lock: Amount,
) -> Result<Amount, CallError> {
    let lock = Place::now(state).quote_out(out).map_err(Error::PastEnd)?;
    let free = free_stake(state, account, validator)?;
    if lock <= U256::from(max_lock.min(free).get()) {
        // The lock is at most the budget, which is an amount, so nothing saturates.
        return Ok(Amount::new(lock.saturating_to()));
    }
    if max_lock <= free {
        return Err(Error::AboveMaximum { out, max_lock }.into());
    }
    Err(Error::TooLittleStake { out, free }.into())
}

/// The value of the stake that the account has with the validator and has not locked.
fn free_stake(state: &dyn StateRead, account: &Address, validator: &Address) -> Result<Amount, staking::Error> {
    match staking::validator(state, validator) {
        Some(_) => Ok(svvv::free_to_lock(state, account, validator)),
        None => Err(staking::Error::UnknownValidator(*validator)),
    }
}

fn mint(ctx: &mut TxContext<'_>, validator: Address, lock: Amount, amount: Amount) -> Result<(), CallError> {
    let account = ctx.sender;
    svvv::lock(ctx.state, ctx.events, &account, &validator, lock, amount)?;
    bank::mint(ctx.state, Diem::ID, &account, Denom::Diem, amount)?;
    ctx.events.emit(Diem::ID, &Event::Minted { account, validator, lock, amount });
    Ok(())
}

fn burn(ctx: &mut TxContext<'_>, validator: Address, amount: Amount) -> Result<(), CallError> {
    let account = ctx.sender;
    svvv::release(ctx.state, ctx.events, &account, &validator, amount)?;
    bank::burn(ctx.state, Diem::ID, &account, Denom::Diem, amount)?;
    ctx.events.emit(Diem::ID, &Event::Burned { account, validator, amount });
    Ok(())
}
