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

    /// The time from which `amount` finds room if nothing flows in before; `None` if it is more than the whole bucket.
    pub fn fits_at(self, capacity: Amount, amount: Amount) -> Option<Time> {
        if amount > capacity || capacity.is_zero() {
            return None;
        }
        let excess = self.level.saturating_add(amount).saturating_sub(capacity);
        // What drains is rounded down, so the time is rounded up.
        let wait = excess.mul_div_ceil(DAY_MS, capacity.get()).ok()?;
        Some(Time(self.at.millis().saturating_add(u64::try_from(wait.get()).ok()?)))
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

#[cfg(test)]
mod tests {
    #![allow(clippy::arithmetic_side_effects, reason = "tests")]
    use super::*;

    const CAPACITY: Amount = Amount::new(1_000);

    fn at(ms: u64, level: u128) -> Bucket {
        Bucket { level: Amount::new(level), at: Time(ms) }
    }

    #[test]
    fn a_day_drains_the_capacity_and_parts_of_it_are_rounded_down() {
        let full = at(0, 1_000);
        for (ms, level) in
            [(0, 1_000), (86_399, 1_000), (86_400, 999), (43_200_000, 500), (86_399_999, 1), (86_400_000, 0)]
        {
            assert_eq!(full.drained(CAPACITY, Time(ms)), at(ms, level));
        }
        assert_eq!(full.drained(CAPACITY, Time(u64::MAX)).level, Amount::ZERO);
        assert_eq!(at(5, 7).drained(Amount::MAX, Time(u64::MAX)).level, Amount::ZERO);
    }

    #[test]
    fn an_amount_finds_room_at_the_time_that_is_told_and_not_a_millisecond_before() {
        let full = at(0, 1_000);
        for (amount, ms) in [(1, 86_400), (500, 43_200_000), (1_000, 86_400_000)] {
            let amount = Amount::new(amount);
            assert_eq!(full.fits_at(CAPACITY, amount), Some(Time(ms)));
            let room = |ms| full.drained(CAPACITY, Time(ms)).room(CAPACITY);
            assert!(room(ms) >= amount && room(ms - 1) < amount);
        }
        assert_eq!(at(5, 400).fits_at(CAPACITY, Amount::new(600)), Some(Time(5)));
        assert_eq!(full.fits_at(CAPACITY, Amount::new(1_001)), None);
        assert_eq!(full.fits_at(Amount::ZERO, Amount::ZERO), None);
    }

    #[test]
    fn time_that_runs_backwards_drains_nothing() {
        assert_eq!(at(100, 500).drained(CAPACITY, Time(50)), at(100, 500));
    }

    #[test]
    fn a_level_above_a_lowered_capacity_leaves_no_room_and_a_capacity_of_zero_none_ever() {
        assert_eq!(at(0, 1_000).room(Amount::new(10)), Amount::ZERO);
        assert_eq!(at(0, 0).drained(Amount::ZERO, Time(u64::MAX)).room(Amount::ZERO), Amount::ZERO);
        assert_eq!(at(0, 400).filled(Amount::new(100)).emptied(Amount::new(300)).room(CAPACITY), Amount::new(800));
    }

    #[test]
    fn a_share_is_compared_without_rounding_it_away() {
        let share = |amount, share_bps| is_above_share(Amount::new(amount), Amount::new(9_999), share_bps);
        // A tenth of 9,999 is 999.9, so 999 is not above it and 1,000 is.
        assert!(!share(999, 1_000) && share(1_000, 1_000));
        assert!(!share(9_999, 10_000) && share(10_000, 10_000));
        assert!(is_above_share(Amount::new(1), Amount::ZERO, 10_000));
        assert!(!is_above_share(Amount::MAX, Amount::MAX, 10_000));
    }
}
