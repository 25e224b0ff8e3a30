//! The questions that emissions answers.

use borsh::{BorshDeserialize, BorshSerialize};
use diem_bank::{Pool, pool};
use diem_core::{Amount, Denom, QueryContext};
use serde::{Deserialize, Serialize};

use crate::{schedule::Segment, state};

/// A question to emissions over ABCI, which is answered by the function of the same name in this file.
#[diem_core::queries]
pub enum Query {
    /// Asks for the present emission, the totals, and what waits as rent.
    Emission = 0,
    /// Asks for every segment of the schedule.
    Schedule = 1,
    /// Asks for the rent pool of the open day.
    RentPool = 2,
}

/// An answer of emissions.
#[diem_core::answers]
pub enum Answer {
    /// The present emission and the totals.
    Emission(Emission) = 0,
    /// All segments of the schedule.
    Schedule(Vec<Segment>) = 1,
    /// The state of the rent pool.
    RentPool(RentPool) = 2,
}

/// The present emission and the totals so far.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct Emission {
    /// The present rate, in avvv a year; 0 before the schedule starts.
    pub per_year: Amount,
    /// The present rate, in avvv a second.
    pub per_second: Amount,
    /// The segment that comes next, if there is one.
    pub next: Option<Segment>,
    /// The VVV that was ever emitted, in avvv.
    pub emitted: Amount,
    /// The transaction fees that were ever shared, and with them what stakers got of the rent.
    pub fees: Amount,
    /// The protocol fees that ever went to the rent pool.
    pub rent: Amount,
    /// The part of its emission that locked stake pays into the rent pool, in parts of 10,000.
    pub fee_bps: u16,
}

/// The rent that the open day has brought for providers so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct RentPool {
    /// The rent, in avvv.
    pub rent: Amount,
}

/// The answer to any question.
pub fn answer(ctx: &QueryContext<'_>, query: Query) -> Answer {
    match query {
        Query::Emission => Answer::Emission(emission(ctx)),
        Query::Schedule => Answer::Schedule(schedule(ctx)),
        Query::RentPool => Answer::RentPool(rent_pool(ctx)),
    }
}

/// The present emission, the totals, and the fee.
pub fn emission(ctx: &QueryContext<'_>) -> Emission {
    let (schedule, progress) = (state::schedule(ctx.state), state::progress(ctx.state));
    let now = schedule.at(ctx.block.time);
    Emission {
        per_year: now.map_or(Amount::ZERO, |segment| segment.per_year),
        per_second: now.map_or(Amount::ZERO, |segment| segment.per_second()),
        next: schedule.after(ctx.block.time),
        emitted: progress.emitted,
        fees: progress.fees,
        rent: progress.rent,
        fee_bps: state::params(ctx.state).fee_bps,
    }
}

/// Every segment of the schedule.
pub fn schedule(ctx: &QueryContext<'_>) -> Vec<Segment> {
    state::schedule(ctx.state).segments().to_vec()
}

/// The rent pool of the open day.
pub fn rent_pool(ctx: &QueryContext<'_>) -> RentPool {
    RentPool { rent: pool(ctx.state, Pool::Rent, Denom::Vvv) }
}
