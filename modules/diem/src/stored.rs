//! Quotes out of the stored curve, by binary search, which equal those of `quote.rs` to the last avvv: a mint over a
//! thousand steps costs no more than one inside a step.

use bank::supply;
use diem_bank as bank;
use diem_core::{Amount, Denom, StateRead};
use ruint::aliases::U256;

use crate::{
    quote::{PastEnd, affordable, cost, sum},
    state::{Row, left, partition_point, step},
};

/// The place of the supply on the curve.
pub(crate) struct Place<'a> {
    state: &'a dyn StateRead,
    /// The DIEM that exist.
    pub(crate) supply: Amount,
    /// The step in which the next DIEM is minted; none at the end of the curve.
    pub(crate) step: Option<Row>,
    number: u32,
}

impl<'a> Place<'a> {
    /// Finds the place at which the supply stands now.
    pub(crate) fn now(state: &'a dyn StateRead) -> Self {
        let supply = supply(state, Denom::Diem);
        let number = partition_point(state, 0, |row| row.edge <= supply);
        Self { state, supply, step: step(state, number), number }
    }

    /// The DIEM that can still be minted.
    pub(crate) fn left(&self) -> Amount {
        left(self.state, self.supply)
    }

    /// The price of finishing the step at hand.
    fn finish(&self, first: &Row) -> U256 {
        cost(first.rate, first.edge.saturating_sub(self.supply))
    }

    /// The price of finishing every step from here up to `row`, which is not before the one at hand.
    fn up_to(&self, first: &Row, row: &Row) -> U256 {
        self.finish(first).saturating_add(row.total.0.saturating_sub(first.total.0))
    }

    /// The DIEM that locking `lock` avvv gives. It may be 0.
    ///
    /// # Errors
    /// [`PastEnd`] if the lock would buy more than the curve has.
    pub(crate) fn quote_in(&self, lock: U256) -> Result<Amount, PastEnd> {
        if lock.is_zero() {
            return Ok(Amount::ZERO);
        }
        let Some(first) = self.step else { return Err(PastEnd { left: Amount::ZERO }) };
        if lock < self.finish(&first) {
            return Ok(affordable(first.rate, lock));
        }
        let next = partition_point(self.state, self.number, |row| self.up_to(&first, row) <= lock);
        // The step before `next` is the last that is finished; at the least it is the one at hand.
        let done = next.checked_sub(1).and_then(|done| step(self.state, done)).unwrap_or(first);
        let out = done.edge.saturating_sub(self.supply);
        let rest = lock.saturating_sub(self.up_to(&first, &done));
        match step(self.state, next) {
            _ if rest.is_zero() => Ok(out),
            Some(row) => Ok(sum(out, affordable(row.rate, rest))),
            None => Err(PastEnd { left: out }),
        }
    }

    /// The avvv that have to be locked for `out` DIEM. It may be more than there is VVV.
    ///
    /// # Errors
    /// [`PastEnd`] if the curve has less than `out`.
    pub(crate) fn quote_out(&self, out: Amount) -> Result<U256, PastEnd> {
        if out.is_zero() {
            return Ok(U256::ZERO);
        }
        let past_end = || PastEnd { left: self.left() };
        let end = self.supply.checked_add(out).map_err(|_| past_end())?;
        let first = self.step.ok_or_else(past_end)?;
        if end <= first.edge {
            return Ok(cost(first.rate, out));
        }
        let last = partition_point(self.state, self.number, |row| row.edge < end);
        let row = step(self.state, last).ok_or_else(past_end)?;
        // The step at hand ends before `end`, so the last one comes after it.
        let done = last.checked_sub(1).and_then(|done| step(self.state, done)).unwrap_or(first);
        Ok(self.up_to(&first, &done).saturating_add(cost(row.rate, end.saturating_sub(done.edge))))
    }
}
