//! The curve of DIEM, and emissions.

use serde::{Deserialize, Serialize};

use super::{Coin, Moment, WideCoin};

/// `GET /v1/curve?height=&after=&limit=`: a step of the curve, in ascending order. It begins where the one before ends,
/// the first at 0.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// The supply of DIEM at which it ends.
    pub edge: Coin,
    /// The price of one DIEM inside it.
    pub rate: WideCoin,
}

/// The answer of `GET /v1/curve/rate`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CurrentRate {
    /// The DIEM that exist.
    pub supply: Coin,
    /// The price of the next one; `null` at the end of the curve.
    pub rate: Option<WideCoin>,
    /// The supply up to which it holds.
    pub until: Option<Coin>,
    /// The DIEM that can still be minted.
    pub left: Coin,
}

/// `GET /v1/curve/quote?lock=` or `?out=`, both in base units: what a mint gives, or what it costs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quote {
    /// The DIEM that exist.
    pub supply: Coin,
    /// The value that has to be locked; it may be more than there is.
    pub lock: WideCoin,
    /// The DIEM that it gives; 0 is less than can be minted.
    pub out: Coin,
}

/// The answer of `GET /v1/emission`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Emission {
    /// The emission of a year; 0 before the schedule starts.
    pub per_year: Coin,
    /// The emission of a second.
    pub per_second: Coin,
    /// The segment that comes next, if there is one.
    pub next: Option<Segment>,
    /// The VVV that was ever emitted.
    pub emitted: Coin,
    /// The transaction fees that were ever shared.
    pub fees: Coin,
    /// The protocol fees that locked stake ever paid into the rent pool.
    pub rent: Coin,
    /// The part of its rewards that locked stake pays into the rent pool, of 10,000.
    pub fee_bps: u16,
}

/// `GET /v1/emission/schedule?height=&after=&limit=`: a rate of emission, in the order of time; it holds until the next
/// one starts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Segment {
    /// The moment from which it counts.
    pub from: Moment,
    /// The emission of a year.
    pub per_year: Coin,
}

/// `GET /v1/rent`: what waits for providers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rent {
    /// The number of the open day.
    pub day: u64,
    /// The rent that the day has brought so far.
    pub rent: Coin,
}
