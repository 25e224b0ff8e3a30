//! Halts: what happened on Base contradicts this chain's books, so that nothing is sealed, paid or refunded until the
//! authority resumes the bridge. The chain itself goes on, and so does everything that moves nothing.

use borsh::{BorshDeserialize, BorshSerialize};
use diem_bank::{Pool, pay_into_pool, pool};
use diem_core::{Amount, CallError, Denom, Events, StateRead, StateWrite, Time, TxContext};
use serde::{Deserialize, Serialize};

use crate::{
    Error, Event, ID, Reason, credits,
    inbound::{ATTESTED, HALT, Halt, REPLAY, applied, attested},
    setup::check_authority,
    state::{BOOKS, Books, books},
};

/// A contradiction between Base and this chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[borsh(use_discriminant = true)]
#[serde(rename_all = "snake_case", tag = "type", deny_unknown_fields)]
#[repr(u8)]
pub enum Breach {
    /// An attested block has fewer events than were applied, or others.
    History {
        /// The number of the block of Base.
        #[serde(with = "diem_core::json::number")]
        number: u64,
    } = 0,
    /// The supply that an attested block proves is not the one that its events make.
    Supply {
        /// The number of the block of Base.
        #[serde(with = "diem_core::json::number")]
        number: u64,
        /// The supply that the block proves, in adiem.
        proven: Amount,
        /// The supply that follows from the events, in adiem.
        booked: Amount,
    } = 1,
    /// The escrow does not hold what the books owe.
    Books {
        /// The number of the block of Base.
        #[serde(with = "diem_core::json::number")]
        number: u64,
        /// The escrow with what is known to be uncovered, in adiem.
        held: Amount,
        /// The sum of everything that is owed, in adiem.
        owed: Amount,
    } = 2,
    /// An event names a batch, set, action or item that this chain never issued, that is over, or with other content.
    Event {
        /// The nonce of the event.
        #[serde(with = "diem_core::json::number")]
        nonce: u64,
        /// The number of its kind.
        kind: u8,
    } = 3,
}

impl Breach {
    /// Whether the authority can resume the bridge. Where history or the proven supply is contradicted, Base or the
    /// contract is not what was proven: whoever could wave that through could have burns paid twice.
    pub const fn is_healable(&self) -> bool {
        matches!(self, Self::Books { .. } | Self::Event { .. })
    }

    /// The breach as a sentence for people.
    pub fn text(&self) -> String {
        let diem = |amount: &Amount| amount.display(Denom::Diem);
        match self {
            Self::History { number } => format!("block {number} of Base contradicts the events that were applied"),
            Self::Supply { number, proven, booked } => format!(
                "block {number} of Base proves a supply of {}, but its events make {}",
                diem(proven),
                diem(booked)
            ),
            Self::Books { number, held, owed } => {
                format!("at block {number} of Base the escrow accounts for {}, but {} are owed", diem(held), diem(owed))
            }
            Self::Event { nonce, kind } => {
                format!("event {nonce} of Base, of kind {kind}, names what this chain never issued or what is over")
            }
        }
    }
}

/// Whether events are replayed no more: what was applied is not what Base has.
pub(crate) fn is_history_broken(state: &dyn StateRead) -> bool {
    HALT.get(state).is_some_and(|halt| matches!(halt.breach, Breach::History { .. }))
}

/// Halts the bridge. Of several breaches the first one is kept, unless a later one cannot be healed.
pub(crate) fn raise(state: &mut dyn StateWrite, events: &mut Events, now: Time, breach: Breach) {
    let before = HALT.get(state);
    let is_worse = before.is_none_or(|halt| halt.breach.is_healable() && !breach.is_healable());
    if is_worse {
        let since = before.map_or(now, |halt| halt.since);
        HALT.set(state, &Halt { breach, since });
        events.emit(ID, &Event::Halted { breach });
    }
}

/// Both sides of the second equality: what the escrow accounts for, and what is owed to whoever holds or sent DIEM.
///
/// Source: the specification of the bridge, "Completion".
pub(crate) fn balance(escrow: Amount, supply: Amount, books: &Books) -> (Amount, Amount) {
    let held = escrow.saturating_add(books.uncovered);
    let parts = [books.waiting, books.open, books.queued, books.owed];
    (held, parts.into_iter().fold(supply, Amount::saturating_add))
}

/// Lets the bridge go on. What the escrow lacks by its books becomes what is uncovered; what it has too much goes to the
/// treasury.
///
/// # Errors
/// The sender is not the authority, nothing is halted, the breach is one that only an upgrade heals, or events are being
/// replayed.
pub(crate) fn resume(ctx: &mut TxContext<'_>) -> Result<(), CallError> {
    check_authority(ctx.state, &ctx.sender)?;
    let halt = HALT.get(ctx.state).ok_or(Error::NotHalted)?;
    if !halt.breach.is_healable() {
        return Err(Error::BreachForGood.into());
    }
    if REPLAY.get(ctx.state).is_some() {
        return Err(Error::Replaying.into());
    }
    let mut books = Books { uncovered: Amount::ZERO, ..books(ctx.state) };
    let escrow = pool(ctx.state, Pool::BridgeEscrow, Denom::Diem);
    let (held, owed) = balance(escrow, applied(ctx.state).supply(), &books);
    books.uncovered = owed.saturating_sub(held);
    let surplus = held.saturating_sub(owed);
    books.owed = books.owed.saturating_add(surplus);
    BOOKS.set(ctx.state, &books);
    if !surplus.is_zero() {
        credits::add(ctx.state, ctx.events, ctx.block.time, Reason::Surplus, None, surplus);
    }
    HALT.remove(ctx.state);
    // What was booked while the bridge was halted holds from now on.
    let mut attested = attested(ctx.state);
    attested.completed = attested.applied;
    attested.payable = crate::state::issued(ctx.state).credits;
    ATTESTED.set(ctx.state, &attested);
    ctx.events.emit(ID, &Event::Resumed { uncovered: books.uncovered });
    Ok(())
}

/// Pays into the escrow what it lacks, or a part of it.
///
/// # Errors
/// The bridge is halted, the escrow lacks less than the amount or nothing, or the sender has too little.
pub(crate) fn cover(ctx: &mut TxContext<'_>, amount: Amount) -> Result<(), CallError> {
    let mut books = books(ctx.state);
    if HALT.get(ctx.state).is_some() {
        return Err(Error::Halted.into());
    }
    if books.uncovered.is_zero() {
        return Err(Error::NothingUncovered.into());
    }
    if amount.is_zero() || amount > books.uncovered {
        return Err(Error::CoverAmount(books.uncovered).into());
    }
    pay_into_pool(ctx.state, &ctx.sender, Pool::BridgeEscrow, Denom::Diem, amount)?;
    books.uncovered = books.uncovered.saturating_sub(amount);
    BOOKS.set(ctx.state, &books);
    ctx.events.emit(ID, &Event::Covered { by: ctx.sender, amount, uncovered: books.uncovered });
    Ok(())
}
