//! The tables of emissions.

use borsh::{BorshDeserialize, BorshSerialize};
use diem_core::{Amount, Module as _, StateRead, StateWrite, Time, cell::Item};
use serde::{Deserialize, Serialize};

use crate::{
    Emissions, Error,
    params::Params,
    schedule::{Schedule, Segment},
};

const PARAMS: Item<Params> = Item::new(Emissions::ID, 0);
const SCHEDULE: Item<Schedule> = Item::new(Emissions::ID, 1);
/// The progress of the schedule.
const PROGRESS: Item<Progress> = Item::new(Emissions::ID, 2);

/// The progress of the schedule, and the totals of what became of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Progress {
    /// The time of the last block: everything up to it is emitted.
    pub last: Time,
    /// The supply of VVV at genesis, in avvv.
    pub genesis: Amount,
    /// The VVV that was ever emitted, in avvv.
    pub emitted: Amount,
    /// The transaction fees that were ever shared, and with them what stakers got of the rent. The same VVV pays again
    /// and again, so no supply bounds it: it is a count for people, which saturates at the largest amount and stops
    /// nothing.
    pub fees: Amount,
    /// The protocol fees that ever went to the rent pool. It saturates as `fees` does, because what divisions left of
    /// fees is in it.
    pub rent: Amount,
    /// The remainder of divisions in the pool of rewards: it joins the next block's emission.
    pub carry: Amount,
}

/// The parameters that hold now.
pub fn params(state: &dyn StateRead) -> Params {
    PARAMS.get(state).unwrap_or_default()
}

/// Replaces the parameters of the module.
///
/// # Errors
/// [`Error::Fee`]; then nothing is written.
pub fn set_params(state: &mut dyn StateWrite, params: &Params) -> Result<(), Error> {
    params.check()?;
    PARAMS.set(state, params);
    Ok(())
}

/// The schedule of the chain.
pub fn schedule(state: &dyn StateRead) -> Schedule {
    SCHEDULE.get(state).unwrap_or_default()
}

/// Lets `change` hold from its start on, which must be after the last block.
///
/// # Errors
/// The errors of [`Schedule::with`]; then nothing is written.
pub fn change_schedule(state: &mut dyn StateWrite, change: Segment) -> Result<(), Error> {
    let schedule = schedule(state).with(progress(state).last, change)?;
    set_schedule(state, &schedule);
    Ok(())
}

pub(crate) fn set_schedule(state: &mut dyn StateWrite, schedule: &Schedule) {
    SCHEDULE.set(state, schedule);
}

/// The progress of the schedule.
pub fn progress(state: &dyn StateRead) -> Progress {
    PROGRESS.get(state).unwrap_or_default()
}

pub(crate) fn set_progress(state: &mut dyn StateWrite, progress: &Progress) {
    PROGRESS.set(state, progress);
}
