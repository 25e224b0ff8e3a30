//! The errors of emissions.

use diem_core::{Amount, MathError, Module as _, Time};

use crate::{
    Emissions,
    params::MAX_FEE_BPS,
    schedule::{MAX_PER_YEAR, MAX_SEGMENTS},
};

/// An error of emissions.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The schedule has no segment, or too many.
    #[error("the schedule has {0} segments; it may have 1 to {MAX_SEGMENTS}")]
    Segments(usize),
    /// The segments are not in ascending order of their starts.
    #[error("the segments of the schedule must start one after the other")]
    Order,
    /// A segment emits more VVV than any schedule may.
    #[error("the schedule makes {0} VVV a year; it may make up to {MAX_PER_YEAR}")]
    PerYear(Amount),
    /// The change would rewrite what has happened.
    #[error("a change of the schedule from {from} is not in the future: it is {now}")]
    Past {
        /// The moment at which it should start.
        from: Time,
        /// The time of the last block.
        now: Time,
    },
    /// The protocol fee is out of its bounds.
    #[error("the protocol fee is {0} of 10,000; it may be up to {MAX_FEE_BPS}")]
    Fee(u16),
    /// A sum is more than any amount, or the clock runs backwards.
    #[error("{0}")]
    Math(#[from] MathError),
    /// The carry of an import is not in the pool of rewards.
    #[error("{carry} avvv are carried over, but the pool of rewards holds {pool}", carry = .carry.get(), pool = .pool.get())]
    Carry {
        /// The remainder that the import names, in avvv.
        carry: Amount,
        /// The balance of the pool of rewards, in avvv.
        pool: Amount,
    },
    /// An import starts before its last block: the first one could not be made.
    #[error("everything up to {last} is emitted, so this chain cannot start at {genesis}: start it then or later")]
    Ahead {
        /// The moment up to which the schedule is carried out.
        last: Time,
        /// The moment at which the chain starts.
        genesis: Time,
    },
    /// A segment starts beyond any clock of a chain.
    #[error("a segment of the schedule starts at {0}; the latest that one can is {latest}", latest = Time::LATEST)]
    Late(Time),
}

diem_core::error_table! {
    Error, Emissions::NAME;
    1 segments Malformed never => Self::Segments(_),
    2 order Malformed never => Self::Order,
    3 per_year Malformed never => Self::PerYear(_),
    4 past Refused never => Self::Past { .. },
    5 fee Malformed never => Self::Fee(_),
    6 math Refused never => Self::Math(_),
    7 carry Malformed never => Self::Carry { .. },
    8 ahead Malformed never => Self::Ahead { .. },
    9 late Malformed never => Self::Late(_),
}
