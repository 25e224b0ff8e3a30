//! The parameters of staking, and the bounds that no vote can leave.

use borsh::{BorshDeserialize, BorshSerialize};
use diem_core::Amount;
use serde::{Deserialize, Serialize};

use crate::{Error, downtime};

/// One hundred percent in basis points.
pub const FULL: u16 = 10_000;

/// The parameters of staking.
#[derive(Debug, Clone, Copy, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Params {
    /// The time for which stake that left its validator can still be slashed, in milliseconds. A change applies to what
    /// leaves from then on.
    pub unbonding_ms: u64,
    /// The most validators that make blocks.
    pub max_validators: u16,
    /// The stake that an operator must have with the own validator for it to make blocks, in avvv.
    pub min_self_stake: Amount,
    /// The punishment of two votes in one round, in basis points of the stake.
    pub equivocation_bps: u16,
    /// The punishment of missing too many blocks, in basis points of the stake.
    pub downtime_bps: u16,
    /// The number of blocks of which signatures are counted.
    pub signed_window: u32,
    /// The part of them that must be signed, in basis points.
    pub min_signed_bps: u16,
    /// The time for which a validator that missed too many stays out, in milliseconds.
    pub jail_ms: u64,
    /// The least that a position is worth, and that leaves it at once, in avvv: an entry that waits costs its owner so
    /// much stake for the unbonding time.
    pub min_stake: Amount,
}

impl Default for Params {
    fn default() -> Self {
        Self {
            unbonding_ms: 7 * 86_400_000,
            max_validators: 100,
            min_self_stake: Amount::new(1_000_000_000_000_000_000_000),
            equivocation_bps: 500,
            downtime_bps: 1,
            signed_window: 10_000,
            min_signed_bps: 5_000,
            jail_ms: 600_000,
            min_stake: Amount::ONE,
        }
    }
}

/// The largest set that the bridge's contract takes.
pub const MAX_VALIDATORS: u16 = 150;
pub(crate) const YEAR_MS: u64 = 365 * 86_400_000;
/// The bounds are 0.01 and 100 VVV.
const MIN_STAKE: std::ops::RangeInclusive<u128> = Amount::ONE.get() / 100..=100 * Amount::ONE.get();
const WINDOW: std::ops::RangeInclusive<u32> = 10..=100_000;

impl Params {
    /// The most rows that the module writes by itself, beside what calls make: the windows of all validators who make
    /// blocks, and what consensus was told of them.
    pub fn own_rows(&self) -> u64 {
        const OF_EACH: u64 = 4;
        let of_each = downtime::most_rows(self.signed_window).saturating_add(OF_EACH);
        of_each.saturating_mul(self.max_validators.into())
    }

    /// Checks the bounds of every parameter.
    ///
    /// # Errors
    /// [`Error::Params`] names the parameter and its bounds.
    pub fn validate(&self) -> Result<(), Error> {
        let bounds: [(bool, &'static str); 9] = [
            ((1_000..=YEAR_MS).contains(&self.unbonding_ms), "unbonding_ms must be a second to a year"),
            ((1..=MAX_VALIDATORS).contains(&self.max_validators), "max_validators must be 1 to 150"),
            (self.min_self_stake >= Amount::ONE, "min_self_stake must be at least 1 VVV"),
            ((1..=FULL).contains(&self.equivocation_bps), "equivocation_bps must be 1 to 10,000"),
            (self.downtime_bps <= 1_000, "downtime_bps must be at most 1,000"),
            (WINDOW.contains(&self.signed_window), "signed_window must be 10 to 100,000 blocks"),
            ((1..FULL).contains(&self.min_signed_bps), "min_signed_bps must be 1 to 9,999"),
            ((1_000..=YEAR_MS).contains(&self.jail_ms), "jail_ms must be a second to a year"),
            (MIN_STAKE.contains(&self.min_stake.get()), "min_stake must be 0.01 to 100 VVV"),
        ];
        match bounds.into_iter().find(|(holds, _)| !holds) {
            Some((_, rule)) => Err(Error::Params(rule)),
            None => Ok(()),
        }
    }
}
