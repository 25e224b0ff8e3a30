//! The parameters of emissions, and the bounds of what governance may set.

use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

use crate::Error;

/// The largest protocol fee, in parts of 10,000.
pub const MAX_FEE_BPS: u16 = 5_000;

/// The parameters of emissions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Params {
    /// The part of its emission that locked stake pays into the rent pool, in parts of 10,000.
    pub fee_bps: u16,
}

/// The default fee is a fifth.
impl Default for Params {
    fn default() -> Self {
        Self { fee_bps: 2_000 }
    }
}

impl Params {
    /// Checks the bounds that no vote can leave.
    ///
    /// # Errors
    /// [`Error::Fee`].
    pub fn check(&self) -> Result<(), Error> {
        if self.fee_bps <= MAX_FEE_BPS { Ok(()) } else { Err(Error::Fee(self.fee_bps)) }
    }
}
