//! Staking DIEM, and taking it out again.
//!
//! One DIEM never backs two credits in one day: unstaked DIEM backs the credit of the day on which it left, and stays
//! in the pool until that day is over. If it is brought back on that same day it adds nothing, because it was never
//! taken off.

use diem_bank::{self as bank, Pool};
use diem_core::{
    Address, Amount, BlockContext, BlockInfo, CallError, Denom, Events, Module as _, StateWrite, TxContext,
};

use crate::{
    Credits, Error, Event, accounts,
    state::{self, MATURING, NEXT_TRANCHE, OPEN_DAY, POSITIONS, TRANCHES, Tranche, add, sub},
};

/// The most tranches that an account can have.
pub const MAX_TRANCHES: usize = 32;
/// The least DIEM that a position holds after `stake_diem`, and that leaves it or stays in it: 0.01. A tranche that
/// waits costs its owner so much stake, not gas alone.
pub const MIN_STAKE: Amount = Amount::new(10_000_000_000_000_000);

/// Stakes DIEM of `staker` for the credit of `beneficiary`; it counts at once.
///
/// # Errors
/// The staker does not have it, or the position would hold less than [`MIN_STAKE`].
pub(crate) fn stake(
    state: &mut dyn StateWrite,
    events: &mut Events,
    staker: &Address,
    beneficiary: &Address,
    amount: Amount,
) -> Result<(), CallError> {
    deposit(state, events, staker, beneficiary, amount)?;
    let position = POSITIONS.get(state, &(*staker, *beneficiary)).unwrap_or_default();
    if position < MIN_STAKE { Err(Error::PositionTooSmall { position }.into()) } else { Ok(()) }
}

/// Stakes DIEM without the rule of the least stake, to which a genesis is not held.
pub(crate) fn deposit(
    state: &mut dyn StateWrite,
    events: &mut Events,
    staker: &Address,
    beneficiary: &Address,
    amount: Amount,
) -> Result<(), CallError> {
    bank::pay_into_pool(state, staker, Pool::StakedDiem, Denom::Diem, amount)?;
    bring_in(state, staker, beneficiary, amount, true)?;
    events.emit(Credits::ID, &Event::Staked { staker: *staker, beneficiary: *beneficiary, amount });
    Ok(())
}

/// Adds DIEM to the position, to the beneficiary's row and to the chain's total, and to today's credit as well unless
/// it backs that already.
fn bring_in(
    state: &mut dyn StateWrite,
    staker: &Address,
    beneficiary: &Address,
    amount: Amount,
    counts_today: bool,
) -> Result<(), Error> {
    let key = (*staker, *beneficiary);
    let mut position = POSITIONS.get(state, &key).unwrap_or_default();
    let mut open_day = state::open_day(state);
    let mut customer = accounts::load(state, &open_day, beneficiary);
    add(&mut position, amount)?;
    add(&mut open_day.active, amount)?;
    add(&mut customer.today().staked, amount)?;
    if counts_today {
        add(&mut open_day.allowance, amount)?;
        add(&mut customer.today().allowance, amount)?;
    }
    POSITIONS.set(state, &key, &position);
    OPEN_DAY.set(state, &open_day);
    customer.save(state);
    Ok(())
}

/// Takes DIEM out of stake into a tranche that is paid after the cooldown. Today's credit stays, tomorrow's falls.
///
/// # Errors
/// It fails without such a position, for more than it holds, if less than [`MIN_STAKE`] would leave or stay, and with
/// too many tranches.
pub(crate) fn unstake(ctx: &mut TxContext<'_>, beneficiary: &Address, amount: Amount) -> Result<(), Error> {
    let staker = ctx.sender;
    let key = (staker, *beneficiary);
    let position = POSITIONS.get(ctx.state, &key).ok_or(Error::NoPosition)?;
    let rest = position.checked_sub(amount).map_err(|_| Error::MoreThanStaked { staked: position, needed: amount })?;
    if !rest.is_zero() {
        if amount < MIN_STAKE {
            return Err(Error::Dust);
        }
        if rest < MIN_STAKE {
            return Err(Error::WouldLeaveDust { rest, position });
        }
    }
    if TRANCHES.prefix(ctx.state, &staker, None, MAX_TRANCHES).len() >= MAX_TRANCHES {
        return Err(Error::TooManyTranches);
    }
    let mut open_day = state::open_day(ctx.state);
    sub(&mut open_day.active, amount)?;
    let mut customer = accounts::load(ctx.state, &open_day, beneficiary);
    sub(&mut customer.today().staked, amount)?;
    let due = due(ctx.state, ctx.block);
    let tranche = Tranche { beneficiary: *beneficiary, amount, day: open_day.day, due };

    if rest.is_zero() {
        POSITIONS.remove(ctx.state, &key);
    } else {
        POSITIONS.set(ctx.state, &key, &rest);
    }
    customer.save(ctx.state);
    OPEN_DAY.set(ctx.state, &open_day);
    let id = NEXT_TRANCHE.get(ctx.state).unwrap_or_default();
    NEXT_TRANCHE.set(ctx.state, &id.saturating_add(1));
    TRANCHES.set(ctx.state, &(staker, id), &tranche);
    MATURING.set(ctx.state, &(due.millis(), id), &staker);
    ctx.events.emit(Credits::ID, &Event::Unstaked { staker, beneficiary: *beneficiary, amount, tranche: id, due });
    Ok(())
}

fn due(state: &dyn diem_core::StateRead, block: BlockInfo) -> diem_core::Time {
    diem_core::Time(block.time.millis().saturating_add(state::params(state).cooldown_ms))
}

/// Brings a tranche back into stake. It adds to today's credit only if it left on an earlier day: the credit of the
/// day on which it left was never taken away.
///
/// # Errors
/// The sender has no such tranche.
pub(crate) fn cancel(ctx: &mut TxContext<'_>, id: u64) -> Result<(), Error> {
    let staker = ctx.sender;
    let key = (staker, id);
    let Tranche { beneficiary, amount, day, due } =
        TRANCHES.get(ctx.state, &key).ok_or(Error::NoTranche { tranche: id })?;
    TRANCHES.remove(ctx.state, &key);
    MATURING.remove(ctx.state, &(due.millis(), id));
    let left_earlier = day < state::open_day(ctx.state).day;
    bring_in(ctx.state, &staker, &beneficiary, amount, left_earlier)?;
    ctx.events.emit(Credits::ID, &Event::UnstakeCancelled { staker, beneficiary, amount, tranche: id });
    Ok(())
}

/// Pays at most `limit` tranches that are due, in the order of their dates. The runtime retries this step.
///
/// A tranche is never paid on the day on which it began, whose credit it still backs. Its date alone sees to that, as
/// a cooldown is longer than any day can last after its opening block plus a grace; the check keeps it true for
/// tranches of an import.
///
/// # Errors
/// The pool holds less than it owes, which the invariants exclude.
pub fn pay_matured(ctx: &mut BlockContext<'_>, limit: usize) -> Result<(), CallError> {
    let now = ctx.block.info.time.millis();
    let today = state::open_day(ctx.state).day;
    for ((_, id), staker) in state::due(&MATURING, ctx.state, limit, |(due, _)| *due <= now) {
        let Some(tranche) = TRANCHES.get(ctx.state, &(staker, id)).filter(|tranche| tranche.day < today) else { break };
        pay(ctx.state, ctx.events, &staker, id, &tranche)?;
    }
    Ok(())
}

/// Pays at once a tranche of the sender that is due, whatever waits before it.
///
/// # Errors
/// The sender has no such tranche, or it is not due.
pub(crate) fn collect(ctx: &mut TxContext<'_>, id: u64) -> Result<(), CallError> {
    let staker = ctx.sender;
    let tranche = TRANCHES.get(ctx.state, &(staker, id)).ok_or(Error::NoTranche { tranche: id })?;
    let is_due = tranche.due <= ctx.block.time && tranche.day < state::open_day(ctx.state).day;
    if !is_due {
        return Err(Error::NotDue { tranche: id, at: tranche.due }.into());
    }
    pay(ctx.state, ctx.events, &staker, id, &tranche)
}

/// Pays a tranche and removes its rows.
fn pay(
    state: &mut dyn StateWrite,
    events: &mut Events,
    staker: &Address,
    id: u64,
    tranche: &Tranche,
) -> Result<(), CallError> {
    let Tranche { amount, due, .. } = *tranche;
    bank::pay_from_pool(state, Pool::StakedDiem, staker, Denom::Diem, amount)?;
    MATURING.remove(state, &(due.millis(), id));
    TRANCHES.remove(state, &(*staker, id));
    events.emit(Credits::ID, &Event::TranchePaid { staker: *staker, amount, tranche: id });
    Ok(())
}
