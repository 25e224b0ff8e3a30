//! The schedule of new VVV, as a function of time alone.

use borsh::{BorshDeserialize, BorshSerialize};
use diem_core::{Amount, MathError, Time};
use serde::{Deserialize, Serialize};

use crate::Error;

/// The seconds of a year of 365 days.
const SECONDS_PER_YEAR: u128 = 31_536_000;
/// The most VVV a year that a schedule can have.
pub const MAX_PER_YEAR: Amount = Amount::new(1_000_000_000 * Amount::ONE.get());
/// The most segments of a schedule.
pub const MAX_SEGMENTS: usize = 64;

/// A rate and when it starts; it holds until the next one starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Segment {
    /// The moment from which it counts.
    pub from: Time,
    /// The rate, in avvv a year.
    pub per_year: Amount,
}

impl Segment {
    /// The rate in avvv a second: `floor(per_year / 31,536,000)`.
    pub fn per_second(&self) -> Amount {
        Amount::new(self.per_year.get().checked_div(SECONDS_PER_YEAR).unwrap_or_default())
    }

    /// The VVV of the segment from its start until `until`, in avvv: `floor(rate * ms / 1000)`.
    fn emitted(&self, until: Time) -> Result<Amount, MathError> {
        let ms = until.millis().saturating_sub(self.from.millis());
        self.per_second().mul_div_floor(u128::from(ms), 1_000)
    }
}

/// A bound that no schedule reaches in all the time that can be counted.
pub(crate) fn most_ever() -> Result<Amount, MathError> {
    Segment { from: Time::default(), per_year: MAX_PER_YEAR }.emitted(Time(u64::MAX))
}

/// Rates one after the other: 1 to [`MAX_SEGMENTS`], their starts ascending, none above [`MAX_PER_YEAR`].
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Schedule(Vec<Segment>);

impl Schedule {
    /// The schedule of these segments.
    ///
    /// # Errors
    /// [`Error::Segments`], [`Error::Order`], [`Error::Late`] or [`Error::PerYear`].
    pub fn new(segments: Vec<Segment>) -> Result<Self, Error> {
        if segments.is_empty() || segments.len() > MAX_SEGMENTS {
            return Err(Error::Segments(segments.len()));
        }
        if !segments.is_sorted_by(|a, b| a.from < b.from) {
            return Err(Error::Order);
        }
        if let Some(late) = segments.iter().find(|segment| segment.from > Time::LATEST) {
            return Err(Error::Late(late.from));
        }
        match segments.iter().find(|segment| segment.per_year > MAX_PER_YEAR) {
            Some(segment) => Err(Error::PerYear(segment.per_year)),
            None => Ok(Self(segments)),
        }
    }

    /// The segments in order.
    pub fn segments(&self) -> &[Segment] {
        &self.0
    }

    /// The segment that counts at `time`; `None` before the first.
    pub fn at(&self, time: Time) -> Option<Segment> {
        self.0.iter().rev().find(|segment| segment.from <= time).copied()
    }

    /// The first segment that starts after `time`.
    pub fn after(&self, time: Time) -> Option<Segment> {
        self.0.iter().find(|segment| segment.from > time).copied()
    }

    /// E(t): all VVV from the first segment's start until `time`, the sum of each segment's floor.
    ///
    /// # Errors
    /// It fails for no time that a block can have: 64 segments of 584 million years at the largest rate fit 128 bits.
    pub fn emitted(&self, time: Time) -> Result<Amount, MathError> {
        let ends = self.0.iter().skip(1).map(|next| next.from).chain([time]);
        let parts = self.0.iter().zip(ends).map(|(segment, end)| segment.emitted(end.min(time)));
        parts.into_iter().try_fold(Amount::ZERO, |sum, part| sum.checked_add(part?))
    }

    /// E(until) - E(since): what a block at `until` emits if the last one was at `since`.
    ///
    /// # Errors
    /// It fails as [`Schedule::emitted`] does, and if `until` is before `since`.
    pub fn between(&self, since: Time, until: Time) -> Result<Amount, MathError> {
        self.emitted(until)?.checked_sub(self.emitted(since)?)
    }

    /// The schedule in which `change` holds from its start on, instead of all that was planned for then or later.
    /// Segments that ended before the last block, at `now`, are dropped: no block looks at them again.
    ///
    /// # Errors
    /// [`Error::Past`] if it does not start in the future, or those of [`Schedule::new`].
    pub fn with(&self, now: Time, change: Segment) -> Result<Self, Error> {
        if change.from <= now {
            return Err(Error::Past { from: change.from, now });
        }
        let current = self.at(now).map_or(Time::default(), |segment| segment.from);
        let kept = self.0.iter().filter(|segment| segment.from >= current && segment.from < change.from);
        Self::new(kept.copied().chain([change]).collect())
    }

    /// The same schedule for a chain that starts at `genesis`: a segment that started before counts from there.
    pub(crate) fn starting_at(&self, genesis: Time) -> Self {
        let current = self.at(genesis).map(|segment| Segment { from: genesis, ..segment });
        Self(current.into_iter().chain(self.0.iter().filter(|segment| segment.from > genesis).copied()).collect())
    }
}

/// The default emits 10 million VVV a year from the start of the chain.
impl Default for Schedule {
    fn default() -> Self {
        let per_year = Amount::new(Amount::ONE.get().saturating_mul(10_000_000));
        Self(vec![Segment { from: Time::default(), per_year }])
    }
}
