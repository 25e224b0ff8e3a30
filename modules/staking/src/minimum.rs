//! The least stake: what may come into a position, go out of it and stay in it. The queue processes a limited number of
//! entries a block, so each entry costs its owner stake and not gas alone.
//!
//! A position below the minimum, made by a slash or a genesis, may only leave whole.

use diem_core::{Amount, StateRead};

use crate::{Error, positions::Open, state::params};

impl Open {
    /// The value of the position, in avvv.
    fn worth(&self) -> Amount {
        self.validator.value_of(self.position.shares)
    }

    /// Refuses a deposit that leaves the position worth less than the least stake.
    pub(crate) fn check_deposit(&self, state: &dyn StateRead, amount: Amount) -> Result<(), Error> {
        let least = params(state).min_stake;
        let staked = self.worth().checked_add(amount)?;
        if staked < least { Err(Error::BelowMinStake { staked, least }) } else { Ok(()) }
    }

    /// The shares that `amount` takes out of `free` ones of this position: `ceil(amount * S / T)`, and all of them for
    /// all that they are worth.
    ///
    /// # Errors
    /// [`Error::NotFree`] if they are worth less. Unless the whole position leaves: [`Error::AmountTooSmall`] or
    /// [`Error::FreeTooSmall`] for less than the least stake, [`Error::WouldLeaveDust`] if less than that would stay.
    pub(crate) fn leaving_shares(&self, state: &dyn StateRead, free: u128, amount: Amount) -> Result<u128, Error> {
        let shares = self.validator.shares_out_of(free, amount)?;
        if shares == self.position.shares {
            return Ok(shares);
        }
        let least = params(state).min_stake;
        if amount < least {
            return Err(self.too_small(free, amount, least));
        }
        let rest = self.rest_after(shares, amount)?;
        if rest < least {
            let most = self.most_that_may_go(state, free)?;
            return Err(Error::WouldLeaveDust { rest, least, most });
        }
        Ok(shares)
    }

    fn too_small(&self, free: u128, amount: Amount, least: Amount) -> Error {
        let worth = self.validator.value_of(free);
        if worth < least && free < self.position.shares {
            Error::FreeTooSmall { free: worth, least }
        } else {
            Error::AmountTooSmall { amount, least, staked: self.worth() }
        }
    }

    /// The value that is left of the position, rounded down, after `shares` of it went with `amount` of the tokens.
    fn rest_after(&self, shares: u128, amount: Amount) -> Result<Amount, Error> {
        let mut after = self.validator.clone();
        after.tokens = after.tokens.checked_sub(amount)?;
        after.shares = after.shares.saturating_sub(shares);
        Ok(after.value_of(self.position.shares.saturating_sub(shares)))
    }

    /// The largest amount of `free` shares that may go; zero if none may.
    ///
    /// With P shares in the position, what stays after a went is above P*T/S - a - 1 and at most P*T/S - a, because the
    /// shares that rounding up takes besides are worth less than one avvv. So the answer is the difference to the least
    /// stake or one avvv less, or what is free where that is less still.
    pub(crate) fn most_that_may_go(&self, state: &dyn StateRead, free: u128) -> Result<Amount, Error> {
        let (all, least) = (self.validator.value_of(free), params(state).min_stake);
        if free == self.position.shares {
            return Ok(all);
        }
        let most = self.worth().saturating_sub(least).min(all);
        for amount in [most, most.saturating_sub(Amount::new(1))] {
            if amount >= least && self.rest_after(self.validator.shares_out_of(free, amount)?, amount)? >= least {
                return Ok(amount);
            }
        }
        Ok(Amount::ZERO)
    }
}
