//! svvv's part of the genesis file.

use borsh::{BorshDeserialize, BorshSerialize};
use diem_core::{Address, Amount, CallError, Events, StateRead, StateWrite};
use diem_staking as staking;
use serde::{Deserialize, Serialize};

use crate::{
    Error, locks,
    state::{LOCKS, Lock},
};

/// The locks of a chain: as people write them, or as a chain left them that ran.
#[derive(Debug, Clone, PartialEq, Eq, Default, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Genesis {
    /// Locks from the start, on stakes of the genesis. DIEM of the genesis needs them: all DIEM that exists is
    /// outstanding on some lock.
    pub locks: Vec<GenesisLock>,
    /// Locks by (account, validator), on positions that are locked already: only an export of a running chain has any.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub rows: Vec<((Address, Address), Lock)>,
}

/// A lock from the start.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GenesisLock {
    /// The account that holds the stake.
    pub account: Address,
    /// The validator that the stake is with.
    pub validator: Address,
    /// The value that is locked, in avvv; not zero.
    pub vvv: Amount,
    /// The DIEM that it stands for, in adiem; not zero.
    pub diem: Amount,
}

pub(crate) fn init(state: &mut dyn StateWrite, genesis: &Genesis) -> Result<(), CallError> {
    let mut events = Events::default();
    for GenesisLock { account, validator, vvv, diem } in &genesis.locks {
        locks::lock(state, &mut events, account, validator, *vvv, *diem)?;
    }
    for (key, lock) in &genesis.rows {
        LOCKS.set(state, key, lock);
    }
    check(state).map_err(|error| Error::Genesis(error).into())
}

pub(crate) fn export(state: &dyn StateRead) -> Genesis {
    Genesis { locks: Vec::new(), rows: LOCKS.all(state) }
}

/// Every lock is what its position counts as locked, and no position counts what no lock knows. The second follows
/// from the sums of each validator.
pub(crate) fn check(state: &dyn StateRead) -> Result<(), String> {
    let mut locked = std::collections::BTreeMap::<Address, u128>::new();
    for ((account, validator), lock) in LOCKS.all(state) {
        let counted = staking::position(state, &account, &validator).locked;
        if counted != lock.shares {
            let held = lock.shares;
            return Err(format!(
                "{account}'s lock with {validator} holds {held} shares, its position counts {counted}"
            ));
        }
        if lock.outstanding.is_zero() {
            return Err(format!("{account}'s lock with {validator} stands for no DIEM: nothing could ever open it"));
        }
        let sum = locked.entry(validator).or_default();
        *sum = sum.saturating_add(lock.shares);
    }
    for (operator, validator) in staking::validators::all(state) {
        let sum = locked.get(&operator).copied().unwrap_or(0);
        if sum != validator.locked {
            return Err(format!("{operator} counts {} locked shares, the locks hold {sum}", validator.locked));
        }
    }
    Ok(())
}
