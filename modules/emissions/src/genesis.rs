//! emissions' part of the genesis file.

use borsh::{BorshDeserialize, BorshSerialize};
use diem_bank::{Pool, pool, supply};
use diem_core::{Amount, CallError, Denom, GenesisContext, StateRead};
use diem_staking as staking;
use serde::{Deserialize, Serialize};

use crate::{
    Error, Schedule, Segment,
    params::Params,
    schedule::most_ever,
    state::{Progress, params, progress, schedule, set_params, set_progress, set_schedule},
};

/// The schedule and the parameters from the start.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Genesis {
    /// The parameters of the module.
    #[serde(default)]
    pub params: Params,
    /// The segments of the schedule. In a new chain those that start before genesis count from there.
    pub schedule: Vec<Segment>,
    /// The progress of the schedule: only an export of a running chain has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub progress: Option<Progress>,
}

impl Default for Genesis {
    fn default() -> Self {
        Self { params: Params::default(), schedule: Schedule::default().segments().to_vec(), progress: None }
    }
}

/// Writes the first rows. It needs bank's, because the VVV that exists at genesis is counted here.
pub(crate) fn init(ctx: &mut GenesisContext<'_>, genesis: &Genesis) -> Result<(), CallError> {
    set_params(ctx.state, &genesis.params)?;
    let schedule = Schedule::new(genesis.schedule.clone())?;
    // All VVV that ever was bounds both the supply and what will have been burned; only the schedule adds to it.
    let existed = supply(ctx.state, Denom::Vvv).checked_add(staking::burned(ctx.state)).map_err(Error::Math)?;
    check_room(&[existed])?;
    if let Some(progress) = &genesis.progress {
        let rewards = pool(ctx.state, Pool::Rewards, Denom::Vvv);
        if progress.carry > rewards {
            return Err(Error::Carry { carry: progress.carry, pool: rewards }.into());
        }
        if progress.last > ctx.time {
            return Err(Error::Ahead { last: progress.last, genesis: ctx.time }.into());
        }
        check_room(&[progress.emitted])?;
        set_schedule(ctx.state, &schedule);
        set_progress(ctx.state, progress);
    } else {
        set_schedule(ctx.state, &schedule.starting_at(ctx.time));
        let genesis = supply(ctx.state, Denom::Vvv);
        set_progress(ctx.state, &Progress { last: ctx.time, genesis, ..Progress::default() });
    }
    Ok(())
}

/// Checks that these counts of VVV have room for all that any schedule can still mint: a count that overflows would
/// stop the chain.
fn check_room(counts: &[Amount]) -> Result<(), Error> {
    let room = most_ever()?;
    counts.iter().try_for_each(|count| Ok(count.checked_add(room).map(|_| ())?))
}

pub(crate) fn export(state: &dyn StateRead) -> Genesis {
    Genesis { params: params(state), schedule: schedule(state).segments().to_vec(), progress: Some(progress(state)) }
}
