//! The questions that diem answers.

use borsh::{BorshDeserialize, BorshSerialize};
use diem_core::{Amount, CallError, QueryContext};
use ruint::aliases::U256;
use serde::{Deserialize, Serialize};

use crate::{
    Error,
    curve::{Rate, Step},
    state::all_steps,
    stored::Place,
};

/// A question to diem over ABCI, which is answered by the function of the same name in this file. Quotes are for the
/// supply at that height.
#[diem_core::queries]
pub enum Query {
    /// Asks for the DIEM that a lock of so many avvv would mint.
    QuoteIn(Amount) = 0,
    /// Asks for the price of so many adiem.
    QuoteOut(Amount) = 1,
    /// Asks for the price of the next DIEM.
    Rate = 2,
    /// Asks for the whole curve.
    Curve = 3,
}

/// An answer of diem.
#[diem_core::answers]
pub enum Answer {
    /// The DIEM that a lock would mint.
    QuoteIn(QuoteIn) = 0,
    /// The price of some DIEM.
    QuoteOut(QuoteOut) = 1,
    /// The price of the next DIEM.
    Rate(CurrentRate) = 2,
    /// The steps of the curve, in order.
    Curve(Vec<Step>) = 3,
}

/// The outcome of a mint with an exact lock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct QuoteIn {
    /// The DIEM that exist, in adiem.
    pub supply: Amount,
    /// The DIEM that the lock would give; it may be 0, which a mint refuses.
    pub diem_out: Amount,
    /// The value that would be locked: all of it, in avvv.
    pub charged: Amount,
}

/// The outcome of a mint of an exact amount.
#[derive(Debug, Clone, Copy, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct QuoteOut {
    /// The DIEM that exist, in adiem.
    pub supply: Amount,
    /// The value that would have to be locked, in avvv; it may be more than there is.
    pub lock_needed: Rate,
}

/// The price of the next DIEM.
#[derive(Debug, Clone, Copy, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct CurrentRate {
    /// The DIEM that exist, in adiem.
    pub supply: Amount,
    /// The price in avvv per DIEM; `None` at the end of the curve.
    pub rate: Option<Rate>,
    /// The supply up to which it holds.
    pub until: Option<Amount>,
    /// The DIEM that can still be minted.
    pub left: Amount,
}

/// The answer to any question.
///
/// # Errors
/// The errors of the function that answers the question.
pub fn answer(ctx: &QueryContext<'_>, query: Query) -> Result<Answer, CallError> {
    Ok(match query {
        Query::QuoteIn(lock) => Answer::QuoteIn(quote_in(ctx, lock)?),
        Query::QuoteOut(out) => Answer::QuoteOut(quote_out(ctx, out)?),
        Query::Rate => Answer::Rate(rate(ctx)),
        Query::Curve => Answer::Curve(curve(ctx)),
    })
}

/// The DIEM that a lock of so many avvv would mint.
///
/// # Errors
/// [`Error::PastEnd`].
pub fn quote_in(ctx: &QueryContext<'_>, lock: Amount) -> Result<QuoteIn, CallError> {
    let place = Place::now(ctx.state);
    let diem_out = place.quote_in(U256::from(lock.get())).map_err(Error::PastEnd)?;
    Ok(QuoteIn { supply: place.supply, diem_out, charged: lock })
}

/// The price of so many adiem.
///
/// # Errors
/// [`Error::PastEnd`].
pub fn quote_out(ctx: &QueryContext<'_>, out: Amount) -> Result<QuoteOut, CallError> {
    let place = Place::now(ctx.state);
    let lock_needed = place.quote_out(out).map_err(Error::PastEnd)?;
    Ok(QuoteOut { supply: place.supply, lock_needed: Rate(lock_needed) })
}

/// The price of the next DIEM.
pub fn rate(ctx: &QueryContext<'_>) -> CurrentRate {
    let place = Place::now(ctx.state);
    CurrentRate {
        supply: place.supply,
        rate: place.step.map(|step| step.rate),
        until: place.step.map(|step| step.edge),
        left: place.left(),
    }
}

/// The whole curve, in order.
pub fn curve(ctx: &QueryContext<'_>) -> Vec<Step> {
    all_steps(ctx.state)
}
