//! The begin step of a block.

use diem_bank::{Pool, mint_to_pool, move_between_pools, pool};
use diem_core::{Amount, BlockContext, CallError, Denom, Module as _, StateWrite};
use diem_staking as staking;

use crate::{
    Emissions, Error, Event,
    state::{Progress, params, progress, schedule, set_progress},
};

/// Emits what the schedule says for the time since the last block and shares it, then the transaction fees of that
/// block. The runtime calls it once a block, after punishment and before anything of the day is closed; a failure
/// stops the node.
///
/// # Errors
/// The clock runs backwards, or a sum does not fit: neither happens on a chain that keeps its invariants.
pub fn begin_block(ctx: &mut BlockContext<'_>) -> Result<(), CallError> {
    let mut progress = progress(ctx.state);
    let emitted = emit(ctx, &mut progress)?;
    let rent = share(ctx.state, &mut progress, emitted)?;
    let fees = share_fees(ctx.state, &mut progress)?;
    set_progress(ctx.state, &progress);
    if !emitted.is_zero() || !fees.is_zero() {
        ctx.events.emit(Emissions::ID, &Event::Shared { emitted, fees, rent });
    }
    Ok(())
}

/// Mints, into the pool of rewards, the VVV of the time since the last block.
fn emit(ctx: &mut BlockContext<'_>, progress: &mut Progress) -> Result<Amount, CallError> {
    let now = ctx.block.info.time;
    let emitted = schedule(ctx.state).between(progress.last, now).map_err(Error::Math)?;
    if !emitted.is_zero() {
        mint_to_pool(ctx.state, Emissions::ID, Pool::Rewards, Denom::Vvv, emitted)?;
    }
    progress.last = now;
    progress.emitted = progress.emitted.checked_add(emitted).map_err(Error::Math)?;
    Ok(emitted)
}

/// Shares an emission with what earlier divisions left; returns the protocol fee in it.
fn share(state: &mut dyn StateWrite, progress: &mut Progress, emitted: Amount) -> Result<Amount, CallError> {
    let amount = emitted.checked_add(progress.carry).map_err(Error::Math)?;
    if amount.is_zero() {
        return Ok(Amount::ZERO);
    }
    let fee_bps = params(state).fee_bps;
    let rewarded = staking::reward(state, amount, fee_bps)?;
    progress.carry = rewarded.left;
    progress.rent = progress.rent.checked_add(rewarded.fee).unwrap_or(Amount::MAX);
    Ok(rewarded.fee)
}

/// Shares the fees of the last block's transactions, from which no protocol fee is taken.
fn share_fees(state: &mut dyn StateWrite, progress: &mut Progress) -> Result<Amount, CallError> {
    let fees = pool(state, Pool::Fees, Denom::Vvv);
    if fees.is_zero() {
        return Ok(fees);
    }
    move_between_pools(state, Pool::Fees, Pool::Rewards, Denom::Vvv, fees)?;
    let rewarded = staking::reward(state, fees, 0)?;
    progress.carry = progress.carry.checked_add(rewarded.left).map_err(Error::Math)?;
    progress.fees = progress.fees.checked_add(fees).unwrap_or(Amount::MAX);
    Ok(fees)
}
