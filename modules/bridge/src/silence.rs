//! Silence: how many of the last things that were to be signed each validator signed in time.
//!
//! It is counted for attested blocks and for batches that had their quorum, so that nobody is blamed where the others did
//! not sign either. It jails nobody unless the parameters say so.

use std::collections::BTreeSet;

use diem_core::{Address, Events, StateRead, StateWrite, Time};

use crate::{
    Duties, Jailed,
    attesting::Told,
    inbound::{DUTIES, JAILED},
    state::params,
};

/// The number of things that are counted for each validator.
pub const WINDOW: u16 = 200;
const DAY_MS: u64 = 86_400_000;
const WHOLE_BPS: u64 = 10_000;
/// At most this part of the power is jailed for silence in a day.
const JAILED_PARTS: u128 = 10;

impl Duties {
    /// The number of things that were signed in time, of those that were owed.
    pub fn signed(&self) -> u32 {
        self.signed.iter().map(|word| word.count_ones()).sum()
    }

    /// The record with one more thing, and without the oldest one if there are more than [`WINDOW`].
    fn with(self, has_signed: bool) -> Self {
        let mut carry = u64::from(has_signed);
        let mut signed = self.signed.map(|word| {
            let shifted = word << 1 | carry;
            carry = word >> 63;
            shifted
        });
        // 200 bits are three words and eight bits of the fourth.
        const LAST: u64 = (1 << (WINDOW % 64)) - 1;
        if let Some(last) = signed.last_mut() {
            *last &= LAST;
        }
        Self { owed: self.owed.saturating_add(1).min(WINDOW), signed }
    }

    /// Whether less than this share of a whole window was signed.
    fn is_below(&self, share_bps: u16) -> bool {
        let signed = u64::from(self.signed()).saturating_mul(WHOLE_BPS);
        self.owed == WINDOW && signed < u64::from(share_bps).saturating_mul(WINDOW.into())
    }
}

/// The record of a validator.
pub fn duties(state: &dyn StateRead, operator: &Address) -> Duties {
    DUTIES.get(state, operator).unwrap_or_default()
}

/// Records one thing for every validator that owed a signature, and jails whoever signed too few, as far as the day
/// allows. Whoever is not told any more has no record.
pub(crate) fn record(
    state: &mut dyn StateWrite,
    events: &mut Events,
    now: Time,
    signed: &BTreeSet<Address>,
    owes: impl Fn(&Address) -> bool,
) {
    let told = Told::by(state);
    let gone: Vec<Address> = DUTIES.all(state).into_iter().map(|(operator, _)| operator).collect();
    for operator in gone.iter().filter(|operator| told.power(operator).is_none()) {
        DUTIES.remove(state, operator);
    }
    let share = params(state).silence_jail_bps;
    for operator in told.operators().filter(|operator| owes(operator)) {
        let duties = duties(state, operator).with(signed.contains(operator));
        DUTIES.set(state, operator, &duties);
        if share.is_some_and(|share| duties.is_below(share)) {
            jail(state, events, now, &told, operator);
        }
    }
}

/// Jails a validator if no more than a tenth of the power is jailed for silence with it in a day. Its record starts anew.
fn jail(state: &mut dyn StateWrite, events: &mut Events, now: Time, told: &Told, operator: &Address) {
    let mut jailed = JAILED.get(state).unwrap_or_default();
    if now.millis() >= jailed.since.millis().saturating_add(DAY_MS) {
        jailed = Jailed { since: now, power: 0 };
    }
    jailed.power = jailed.power.saturating_add(told.power(operator).unwrap_or_default());
    if u128::from(jailed.power).saturating_mul(JAILED_PARTS) > u128::from(told.total()) {
        return;
    }
    let until = Time(now.millis().saturating_add(diem_staking::params(state).jail_ms));
    if diem_staking::jail(state, events, operator, until).is_ok() {
        JAILED.set(state, &jailed);
        DUTIES.remove(state, operator);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_counts_the_last_two_hundred_things() {
        let mut duties = Duties::default();
        for number in 0..500_u32 {
            duties = duties.with(number % 3 == 0);
            let last = number.saturating_sub(199)..=number;
            assert_eq!(duties.signed(), last.map(|number| u32::from(number % 3 == 0)).sum::<u32>(), "after {number}");
        }
        assert_eq!(duties.owed, WINDOW);
    }

    #[test]
    fn only_a_whole_window_is_too_little() {
        let silent = (0..199).fold(Duties::default(), |duties, _| duties.with(false));
        assert!(!silent.is_below(10_000));
        assert!(silent.with(false).is_below(500));
        let half = (0..200).fold(Duties::default(), |duties, number| duties.with(number % 2 == 0));
        assert!(half.is_below(5_001) && !half.is_below(5_000));
    }
}
