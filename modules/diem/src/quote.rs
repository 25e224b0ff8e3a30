//! Quotes of what a mint costs and gives: pure functions over a curve's steps and the supply.
//!
//! Both walk the curve: the rest of the step that the supply stands in at its rate, then the next. Finishing a step
//! costs `ceil(rate * left / 10^18)`; inside the last one that is reached, what is paid rounds up and what is got
//! rounds down. So splitting a mint never gains.

use diem_core::Amount;
use ruint::aliases::U256;

use crate::curve::{Rate, Step};

/// The curve ends before as much DIEM is minted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the curve ends: only {} more DIEM can be minted", .left)]
pub struct PastEnd {
    /// The DIEM between the supply and the end of the curve.
    pub left: Amount,
}

const WHOLE: U256 = U256::from_limbs([1_000_000_000_000_000_000, 0, 0, 0]);

/// The DIEM that locking `lock` avvv gives at this supply. It may be 0.
///
/// `steps` ascend; those that end at or below `supply` are passed over.
///
/// # Errors
/// [`PastEnd`] if the lock would buy more than the curve has.
pub fn quote_in(steps: impl IntoIterator<Item = Step>, supply: Amount, lock: U256) -> Result<Amount, PastEnd> {
    let (mut out, mut at, mut lock) = (Amount::ZERO, supply, lock);
    let mut steps = steps.into_iter();
    while !lock.is_zero() {
        let Some(step) = steps.next() else { return Err(PastEnd { left: out }) };
        let left = step.edge.saturating_sub(at);
        match lock.checked_sub(cost(step.rate, left)) {
            Some(rest) => {
                (out, lock, at) = (sum(out, left), rest, at.max(step.edge));
            }
            None => return Ok(sum(out, affordable(step.rate, lock))),
        }
    }
    Ok(out)
}

/// The avvv that have to be locked for `out` DIEM at this supply. It may be more than there is VVV.
///
/// `steps` ascend, as in [`quote_in`].
///
/// # Errors
/// [`PastEnd`] if the curve has less than `out`.
pub fn quote_out(steps: impl IntoIterator<Item = Step>, supply: Amount, out: Amount) -> Result<U256, PastEnd> {
    let (mut total, mut at, mut open) = (U256::ZERO, supply, out);
    let mut steps = steps.into_iter();
    while !open.is_zero() {
        let Some(step) = steps.next() else { return Err(PastEnd { left: out.saturating_sub(open) }) };
        let taken = step.edge.saturating_sub(at).min(open);
        // There are at most 1,024 steps of less than 2^256 / 10^18 each.
        total = total.saturating_add(cost(step.rate, taken));
        (open, at) = (open.saturating_sub(taken), at.max(step.edge));
    }
    Ok(total)
}

/// The price of `amount`, rounded up: `ceil(rate * amount / 10^18)`. A table has no step whose rate times width reaches
/// 2^256.
pub(crate) fn cost(rate: Rate, amount: Amount) -> U256 {
    rate.0.saturating_mul(U256::from(amount.get())).div_ceil(WHOLE)
}

/// The DIEM for a lock, rounded down: `floor(lock * 10^18 / rate)`, for a lock that does not finish the step: less than
/// its width, so nothing saturates.
pub(crate) fn affordable(rate: Rate, lock: U256) -> Amount {
    let out = lock.saturating_mul(WHOLE).checked_div(rate.0).unwrap_or_default();
    Amount::new(out.saturating_to())
}

/// The sum of two amounts below the last edge, which cannot overflow.
pub(crate) fn sum(a: Amount, b: Amount) -> Amount {
    Amount::new(a.get().saturating_add(b.get()))
}
