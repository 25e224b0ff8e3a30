//! Credits: what is owed here for what happened on Base, paid out of the escrow once the block that proves it is completed.
//!
//! Burns fill a bucket, which what is minted on Base drains. A burn that finds no room, or is above the share of it, waits
//! a day and is then paid whatever the room, so that a forged burn leaves time for somebody to look.

use diem_bank::{Pool, move_between_pools, pay_from_pool, pool};
use diem_core::{Amount, BlockContext, CallError, Denom, Events, StateRead, StateWrite, Time, TxContext};

use crate::{
    Credit, Error, Event, ID, Reason,
    bucket::is_above_share,
    inbound::{ATTESTED, CREDIT_BUCKET, CREDITS, DELAYED, HALT, attested},
    setup::check_authority,
    state::{BOOKS, ISSUED, books, issued, params},
};

/// The most credits that a block pays or delays.
pub const PAID_AT_ONCE: usize = 200;
const DAY_MS: u64 = 86_400_000;
/// The time for which the authority can hold back a delayed credit.
const HOLD_MS: u64 = 14 * DAY_MS;

/// Notes a credit. The caller adds its amount to what the books owe, because it holds them anyway.
pub(crate) fn add(
    state: &mut dyn StateWrite,
    events: &mut Events,
    now: Time,
    reason: Reason,
    recipient: Option<diem_core::Address>,
    amount: Amount,
) {
    let mut issued = issued(state);
    issued.credits = issued.credits.saturating_add(1);
    let id = issued.credits;
    ISSUED.set(state, &issued);
    CREDITS.set(state, &id, &Credit { reason, recipient, amount, since: now, delayed_until: None, held: false });
    events.emit(ID, &Event::CreditOwed { id, reason, recipient, amount });
}

/// What the escrow can pay out now, in adiem: what waits to be sealed has never left and stays untouched.
pub fn purse(state: &dyn StateRead) -> Amount {
    pool(state, Pool::BridgeEscrow, Denom::Diem).saturating_sub(books(state).waiting)
}

/// Pays the credits that are due: delayed ones whose time has come, then those of completed blocks in their order. What
/// the escrow cannot pay waits in line, with everything behind it.
///
/// # Errors
/// The pool does not hold what bank says; nothing is written then.
pub fn pay_due(ctx: &mut BlockContext<'_>) -> Result<(), CallError> {
    let mut attested = attested(ctx.state);
    let now = ctx.block.info.time;
    let due = delayed_until(ctx.state, now);
    if HALT.get(ctx.state).is_some() || (due.is_empty() && attested.handled >= attested.payable) {
        return Ok(());
    }
    let params = params(ctx.state);
    let mut bucket = CREDIT_BUCKET.get(ctx.state).unwrap_or_default().drained(params.credit_capacity, now);
    let mut left = PAID_AT_ONCE.saturating_sub(due.len());
    let mut is_blocked = false;
    for (until, id) in due {
        let Some(credit) = CREDITS.get(ctx.state, &id) else { continue };
        is_blocked = credit.amount > purse(ctx.state);
        if is_blocked {
            break;
        }
        DELAYED.remove(ctx.state, &(until, id));
        pay(ctx, id, &credit)?;
        bucket = bucket.filled(credit.amount);
    }
    while !is_blocked && left > 0 && attested.handled < attested.payable {
        left = left.saturating_sub(1);
        let id = attested.handled.saturating_add(1);
        if let Some(mut credit) = CREDITS.get(ctx.state, &id) {
            let is_burn = matches!(credit.reason, Reason::Burn { .. });
            let is_large = is_above_share(credit.amount, params.credit_capacity, params.share_bps);
            if is_burn && (is_large || credit.amount > bucket.room(params.credit_capacity)) {
                delay(ctx, id, &mut credit, Time(now.millis().saturating_add(DAY_MS)));
            } else if credit.amount > purse(ctx.state) {
                break;
            } else {
                pay(ctx, id, &credit)?;
                bucket = if is_burn { bucket.filled(credit.amount) } else { bucket };
            }
        }
        attested.handled = id;
    }
    CREDIT_BUCKET.set(ctx.state, &bucket);
    ATTESTED.set(ctx.state, &attested);
    Ok(())
}

/// The delayed credits whose time has come, as their keys in the table.
fn delayed_until(state: &dyn StateRead, now: Time) -> Vec<(u64, u64)> {
    let is_due = |key: &(u64, u64)| key.0 <= now.millis();
    let keys = |limit| DELAYED.range(state, None, limit).into_iter().map(|(key, _)| key).take_while(is_due);
    // Mostly none is due, and the first one says so.
    if keys(1).next().is_none() { Vec::new() } else { keys(PAID_AT_ONCE).collect() }
}

fn pay(ctx: &mut BlockContext<'_>, id: u64, credit: &Credit) -> Result<(), CallError> {
    let amount = credit.amount;
    match &credit.recipient {
        Some(recipient) => pay_from_pool(ctx.state, Pool::BridgeEscrow, recipient, Denom::Diem, amount)?,
        None => move_between_pools(ctx.state, Pool::BridgeEscrow, Pool::Treasury, Denom::Diem, amount)?,
    }
    let mut books = books(ctx.state);
    books.owed = books.owed.checked_sub(amount).map_err(Error::from)?;
    BOOKS.set(ctx.state, &books);
    CREDITS.remove(ctx.state, &id);
    ctx.events.emit(ID, &Event::CreditPaid { id, reason: credit.reason, recipient: credit.recipient, amount });
    Ok(())
}

fn delay(ctx: &mut BlockContext<'_>, id: u64, credit: &mut Credit, until: Time) {
    credit.delayed_until = Some(until);
    CREDITS.set(ctx.state, &id, credit);
    DELAYED.set(ctx.state, &(until.millis(), id), &1);
    ctx.events.emit(ID, &Event::CreditDelayed { id, until });
}

/// Holds back a delayed credit for fourteen days, which can be done once.
///
/// # Errors
/// The sender is not the authority; there is no such credit, it is not delayed, or it was held before.
pub(crate) fn hold(ctx: &mut TxContext<'_>, id: u64) -> Result<(), CallError> {
    check_authority(ctx.state, &ctx.sender)?;
    let mut credit = CREDITS.get(ctx.state, &id).ok_or(Error::UnknownNonce { what: "credit", nonce: id })?;
    let before = credit.delayed_until.ok_or(Error::NotDelayed(id))?;
    if credit.held {
        return Err(Error::HeldBefore(id).into());
    }
    let until = Time(ctx.block.time.millis().saturating_add(HOLD_MS));
    (credit.delayed_until, credit.held) = (Some(until), true);
    DELAYED.remove(ctx.state, &(before.millis(), id));
    DELAYED.set(ctx.state, &(until.millis(), id), &1);
    CREDITS.set(ctx.state, &id, &credit);
    ctx.events.emit(ID, &Event::CreditHeld { id, until });
    Ok(())
}
