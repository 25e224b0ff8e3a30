//! The parameters of credits, which genesis sets and governance may change within bounds.

use std::num::NonZeroU64;

use borsh::{BorshDeserialize, BorshSerialize};
use diem_core::{Address, Amount, StateWrite, clock};
use serde::{Deserialize, Serialize};

use crate::{Error, state::PARAMS};

/// The longest duration that a parameter can have: a year.
const MAX_MS: u64 = 365 * 86_400_000;
/// The whole, in hundredths of a percent.
const WHOLE_BPS: u16 = 10_000;

/// The parameters of credits.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Params {
    /// The account that lists and delists providers; the zero address is nobody.
    pub authority: Address,
    /// The time for which unstaked DIEM cools down, in milliseconds; at least a day.
    pub cooldown_ms: u64,
    /// The time after its close for which a day takes vouchers, in milliseconds; less than a day.
    pub grace_ms: u64,
    /// The time for which a leaving provider's bond stays, in milliseconds; at least a day.
    pub provider_unbonding_ms: u64,
    /// The least that a provider puts up, in avvv.
    pub min_bond: Amount,
    /// The part of the rent that no provider earned which goes to stakers instead of the treasury, of 10,000.
    pub stakers_bps: u16,
}

impl Default for Params {
    fn default() -> Self {
        Self {
            authority: Address::ZERO,
            cooldown_ms: 86_400_000,
            grace_ms: 2 * 3_600_000,
            provider_unbonding_ms: 7 * 86_400_000,
            min_bond: Amount::new(1_000_000_000_000_000_000_000),
            stakers_bps: 0,
        }
    }
}

impl Params {
    /// Checks the bounds that no vote can leave, for days of `epoch_ms`.
    ///
    /// # Errors
    /// [`Error::Param`] names the first that does not hold.
    pub fn check(&self, epoch_ms: NonZeroU64) -> Result<(), Error> {
        let day = epoch_ms.get();
        if self.cooldown_ms < day || self.cooldown_ms > MAX_MS {
            // A shorter one would let one DIEM back two credits in one day.
            return Err(Error::Param("cooldown_ms must be at least a day (epoch_ms) and at most a year"));
        }
        if self.grace_ms >= day {
            return Err(Error::Param("grace_ms must be shorter than a day (epoch_ms)"));
        }
        if self.provider_unbonding_ms < day || self.provider_unbonding_ms > MAX_MS {
            return Err(Error::Param("provider_unbonding_ms must be at least a day (epoch_ms) and at most a year"));
        }
        if self.min_bond.is_zero() {
            return Err(Error::Param("min_bond must not be zero"));
        }
        if self.stakers_bps > WHOLE_BPS {
            return Err(Error::Param("stakers_bps must be at most 10000"));
        }
        Ok(())
    }

    /// The part of `rest` that goes to stakers, rounded down.
    pub(crate) fn stakers_part(&self, rest: Amount) -> Result<Amount, Error> {
        Ok(rest.mul_div_floor(self.stakers_bps.into(), WHOLE_BPS.into())?)
    }
}

/// Replaces the parameters. Tranches and bonds that are on their way keep their dates.
///
/// # Errors
/// [`Error::Param`]; then nothing is written.
pub fn set_params(state: &mut dyn StateWrite, params: &Params) -> Result<(), Error> {
    params.check(clock::epoch_ms(state))?;
    PARAMS.set(state, params);
    Ok(())
}
