//! The parameters of bank, which genesis sets and governance may change within bounds.

use borsh::{BorshDeserialize, BorshSerialize};
use diem_core::{Amount, Denom, StateRead, StateWrite};
use serde::{Deserialize, Serialize};

use crate::{Error, state::PARAMS};

/// The parameters of bank.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Params {
    /// The least that an address without a row must receive.
    pub min_new_account: MinNewAccount,
}

/// The least first payment to an address, by denomination. An account's row stays for ever once the account has sent
/// something, and every node keeps it in memory: this is its price.
#[derive(Debug, Clone, Copy, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct MinNewAccount {
    /// The least amount of VVV, in avvv.
    pub vvv: Amount,
    /// The least amount of DIEM, in adiem.
    pub diem: Amount,
}

impl Default for MinNewAccount {
    fn default() -> Self {
        Self { vvv: Amount::new(10_000_000_000_000_000), diem: Amount::new(1_000_000_000_000_000) }
    }
}

impl MinNewAccount {
    /// The least in `denom`, in base units.
    pub const fn of(&self, denom: Denom) -> Amount {
        match denom {
            Denom::Vvv => self.vvv,
            Denom::Diem => self.diem,
        }
    }
}

/// The bounds are 0.0001 and 1 VVV.
const VVV: std::ops::RangeInclusive<u128> = 100_000_000_000_000..=1_000_000_000_000_000_000;
/// The bounds are 0.00001 and 0.1 DIEM.
const DIEM: std::ops::RangeInclusive<u128> = 10_000_000_000_000..=100_000_000_000_000_000;

impl Params {
    /// Checks the bounds that no vote can leave.
    ///
    /// # Errors
    /// [`Error::Params`] names the first that does not hold.
    pub fn check(&self) -> Result<(), Error> {
        let MinNewAccount { vvv, diem } = self.min_new_account;
        if !VVV.contains(&vvv.get()) {
            return Err(Error::Params("min_new_account must be 0.0001 to 1 VVV"));
        }
        if !DIEM.contains(&diem.get()) {
            return Err(Error::Params("min_new_account must be 0.00001 to 0.1 DIEM"));
        }
        Ok(())
    }
}

/// The parameters that hold now.
pub fn params(state: &dyn StateRead) -> Params {
    PARAMS.get(state).unwrap_or_default()
}

/// Replaces the parameters. Accounts that exist keep their rows.
///
/// # Errors
/// [`Error::Params`]; then nothing is written.
pub fn set_params(state: &mut dyn StateWrite, params: &Params) -> Result<(), Error> {
    params.check()?;
    PARAMS.set(state, params);
    Ok(())
}
