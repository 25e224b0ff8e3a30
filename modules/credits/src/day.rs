//! A day's end: closed once, settled once, and the next one opened. Nothing here loops over accounts.
//!
//! ```text
//! day 10 open ...... | closed by the first block of a later epoch; day 11 (or later) opens in the same block
//!                    | grace: vouchers of day 10 still count ... | settled by the first block past the grace
//! ```
//!
//! A day does not close while the one before is unsettled, so at most one is, however long the chain stood still.

use diem_bank::{self as bank, Pool};
use diem_core::{Amount, BlockContext, CallError, Denom, Module as _, StateRead, StateWrite, Time, clock};
use ruint::aliases::U256;

use crate::{
    Credits, Error, Event, payouts,
    state::{self, DAYS, DayRecord, IDLE_SUPPLY, IdleSupply, OPEN_DAY, OpenDay, PreviousDay},
};

/// Adds the idle DIEM of the time since the last block to the day's running sum. It is the first of this module's
/// steps, and runs before anything in a block changes DIEM supply or allowance. It must not fail.
///
/// It is exact: state changes at block times only, so between the last block and this one supply and allowance were
/// what the last block left, which is what is read here. Several changes within a block need no step of their own: what
/// was true for no time weighs nothing.
///
/// # Errors
/// [`Error::Math`] if the allowance were above the supply, which the invariants exclude.
pub fn track_idle(ctx: &mut BlockContext<'_>) -> Result<(), CallError> {
    let idle = idle_at(ctx.state, ctx.block.info.time)?;
    IDLE_SUPPLY.set(ctx.state, &idle);
    Ok(())
}

/// The running sum with what was true since the last block counted up to `now`.
fn idle_at(state: &dyn StateRead, now: Time) -> Result<IdleSupply, Error> {
    let mut idle = IDLE_SUPPLY.get(state).unwrap_or_default();
    let elapsed = now.millis().saturating_sub(idle.at.millis());
    let not_backing = bank::supply(state, Denom::Diem).checked_sub(state::open_day(state).allowance)?;
    // A term has 128 + 64 bits: only 2^64 blocks of the largest terms would not fit 256.
    let grown = idle.sum().saturating_add(U256::from(not_backing.get()).saturating_mul(U256::from(elapsed)));
    idle.sum = grown.to_be_bytes();
    idle.at = now;
    Ok(idle)
}

/// Settles the closed day if its grace is over: fixes what providers have earned and sends the rest of the rent on. It
/// must not fail.
///
/// # Errors
/// The rent is not there, which the invariants exclude.
pub fn settle(ctx: &mut BlockContext<'_>) -> Result<(), CallError> {
    let mut open_day = state::open_day(ctx.state);
    let now = ctx.block.info.time;
    let grace = state::params(ctx.state).grace_ms;
    let Some(closed) = open_day.previous.as_mut().filter(|previous| !previous.settled) else { return Ok(()) };
    if now.millis() <= closed.closed_at.millis().saturating_add(grace) {
        return Ok(());
    }
    closed.settled = true;
    let day = closed.day;
    let mut record = DAYS.get(ctx.state, &day).unwrap_or_default();
    record.settled_at = Some(now);
    record.pot = payouts::share(&record, record.counted)?;
    let rest = record.rent.checked_sub(record.pot).map_err(Error::from)?;
    // Rent of a day without DIEM is all the treasury's.
    record.stakers = if record.base.is_zero() { Amount::ZERO } else { state::params(ctx.state).stakers_part(rest)? };
    record.treasury = rest.checked_sub(record.stakers).map_err(Error::from)?;
    bank::move_between_pools(ctx.state, Pool::Payouts, Pool::Treasury, Denom::Vvv, record.treasury)?;
    // The part that waits with the fees is shared among stakers in the next block.
    bank::move_between_pools(ctx.state, Pool::Payouts, Pool::Fees, Denom::Vvv, record.stakers)?;
    DAYS.set(ctx.state, &day, &record);
    OPEN_DAY.set(ctx.state, &open_day);
    ctx.events.emit(Credits::ID, &Event::DaySettled { day, record: Box::new(record) });
    Ok(())
}

/// Closes the open day in the first block of a later epoch and opens that epoch's, unless a closed day is still
/// unsettled: then the open day goes on. It must not fail, and runs after the block's emission, whose rent belongs to
/// the day that closes.
///
/// # Errors
/// The rent is not there, or a sum does not fit: the invariants exclude both.
pub fn close_and_open(ctx: &mut BlockContext<'_>) -> Result<(), CallError> {
    let mut open_day = state::open_day(ctx.state);
    let now = ctx.block.info.time;
    let epoch = clock::epoch(ctx.state, now);
    if epoch <= open_day.day || open_day.unsettled().is_some() {
        return Ok(());
    }
    close(ctx, &open_day, now)?;
    let closed = PreviousDay { day: open_day.day, allowance: open_day.allowance, closed_at: now, settled: false };
    open_day.previous = Some(closed);
    open_day.day = epoch;
    open(ctx.state, &mut open_day, now);
    ctx.events.emit(Credits::ID, &Event::DayOpened { day: open_day.day, allowance: open_day.allowance });
    Ok(())
}

/// Records the rent of the day and the base by which the settlement divides it, and takes the rent.
fn close(ctx: &mut BlockContext<'_>, open_day: &OpenDay, now: Time) -> Result<(), CallError> {
    let idle = idle_at(ctx.state, now)?;
    let mut record = DAYS.get(ctx.state, &open_day.day).unwrap_or_default();
    record.closed_at = Some(now);
    record.allowance = open_day.allowance;
    record.supply = bank::supply(ctx.state, Denom::Diem);
    record.base = base(&record, &idle)?;
    record.rent = bank::pool(ctx.state, Pool::Rent, Denom::Vvv);
    bank::move_between_pools(ctx.state, Pool::Rent, Pool::Payouts, Denom::Vvv, record.rent)?;
    DAYS.set(ctx.state, &open_day.day, &record);
    let event =
        Event::DayClosed { day: open_day.day, allowance: record.allowance, base: record.base, rent: record.rent };
    ctx.events.emit(Credits::ID, &event);
    Ok(())
}

/// The base of a day: min(supply, allowance + time average of the DIEM that backed nothing, rounded up). DIEM that is
/// minted for the close or burned after it does not change it, and it is never below the allowance.
fn base(record: &DayRecord, idle: &IdleSupply) -> Result<Amount, Error> {
    let elapsed = idle.at.millis().saturating_sub(idle.since.millis());
    // Only a day of zero length has no average; then nothing was idle for any time.
    let average = idle.sum().checked_div(U256::from(elapsed)).unwrap_or_default();
    let exact = average.saturating_mul(U256::from(elapsed)) == idle.sum();
    let average = u128::try_from(average).map_or(Amount::MAX, Amount::new);
    let average = if exact { average } else { average.checked_add(Amount::new(1)).unwrap_or(Amount::MAX) };
    Ok(record.allowance.checked_add(average).unwrap_or(Amount::MAX).min(record.supply))
}

/// Opens `open_day.day`: every DIEM that is staked gives its credit.
pub(crate) fn open(state: &mut dyn StateWrite, open_day: &mut OpenDay, now: Time) {
    open_day.allowance = open_day.active;
    IDLE_SUPPLY.set(state, &IdleSupply { sum: [0; 32], at: now, since: now });
    DAYS.set(state, &open_day.day, &DayRecord { opened_at: now, ..DayRecord::default() });
    OPEN_DAY.set(state, open_day);
}
