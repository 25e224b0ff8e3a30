//! diem's part of the genesis file.

use borsh::{BorshDeserialize, BorshSerialize};
use diem_bank as bank;
use diem_core::{Amount, CallError, Denom, StateRead, StateWrite};
use diem_svvv as svvv;
use serde::{Deserialize, Serialize};

use crate::{
    Error,
    curve::Curve,
    state::{all_steps, set_table},
};

/// The curve from which DIEM is minted.
#[derive(Debug, Clone, PartialEq, Eq, Default, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Genesis {
    /// The table itself, or the numbers of the formula.
    pub curve: Curve,
}

/// Writes the first rows. It needs those of bank and svvv: DIEM that exists from the start must have its locks.
pub(crate) fn init(state: &mut dyn StateWrite, genesis: &Genesis) -> Result<(), CallError> {
    let table = genesis.curve.table().map_err(Error::Curve)?;
    set_table(state, &table);
    let (supply, locked) = backing(state)?;
    if supply == locked { Ok(()) } else { Err(Error::Unlocked { supply, locked }.into()) }
}

/// The DIEM that exists, and the DIEM outstanding over all locks.
pub(crate) fn backing(state: &dyn StateRead) -> Result<(Amount, Amount), svvv::Error> {
    Ok((bank::supply(state, Denom::Diem), svvv::total_outstanding(state)?))
}

/// Exports the curve as a table, even where a formula computed it, because the chain mints by the stored rows.
pub(crate) fn export(state: &dyn StateRead) -> Genesis {
    Genesis { curve: Curve::Table(all_steps(state)) }
}
