//! Limits of flow by leaky buckets, which value fills and time empties.

use borsh::{BorshDeserialize, BorshSerialize};
use diem_core::{Amount, Time};
use serde::{Deserialize, Serialize};

const DAY_MS: u128 = 86_400_000;

/// How much has flowed of late. What drains in a day is the capacity, so what flows in any day is at most the capacity
/// and what the bucket held before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bucket {
    /// What it held at that time, in adiem.
    pub level: Amount,
    /// When the level was last counted.
    pub at: Time,
}

impl Bucket {
    /// The bucket at `now`: what has drained since then is rounded down, so that it never empties too early. Time that
    /// runs backwards drains nothing.
    pub fn drained(self, capacity: Amount, now: Time) -> Self {
        let elapsed = now.millis().saturating_sub(self.at.millis());
        // More than fits 128 bits has drained everything.
        let drained = capacity.mul_div_floor(elapsed.into(), DAY_MS).unwrap_or(Amount::MAX);
        Self { level: self.level.saturating_sub(drained), at: now.max(self.at) }
    }

    /// What still finds room; nothing where the level is above the capacity, as it may be after that was lowered.
    pub const fn room(self, capacity: Amount) -> Amount {
        capacity.saturating_sub(self.level)
    }

    /// The bucket with so much more in it.
    pub const fn filled(self, amount: Amount) -> Self {
        Self { level: self.level.saturating_add(amount), at: self.at }
    }

    /// The bucket with so much less in it, for what flowed back.
    pub const fn emptied(self, amount: Amount) -> Self {
        Self { level: self.level.saturating_sub(amount), at: self.at }
    }
}

/// Whether one amount is more than this share of a capacity, in basis points. Source: the same product in the contract.
pub(crate) fn is_above_share(amount: Amount, capacity: Amount, share_bps: u16) -> bool {
    const WHOLE_BPS: u128 = 10_000;
    // floor(capacity * share / 10,000) is what both sides compare with.
    let largest = capacity.mul_div_floor(share_bps.into(), WHOLE_BPS).unwrap_or(Amount::MAX);
    amount > largest
}
