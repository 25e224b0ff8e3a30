//! The events of emissions.

use borsh::{BorshDeserialize, BorshSerialize};
use diem_core::Amount;
use serde::{Deserialize, Serialize};

/// An event of emissions.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[borsh(use_discriminant = true)]
#[serde(rename_all = "snake_case", tag = "type")]
#[repr(u8)]
pub enum Event {
    /// A block's emission and the fees of the block before were shared.
    Shared {
        /// The new VVV, in avvv.
        #[serde(with = "diem_core::json::vvv")]
        emitted: Amount,
        /// The avvv that lay with the fees: those of transactions, and the part of a settled day's rent that is for
        /// stakers.
        #[serde(with = "diem_core::json::vvv")]
        fees: Amount,
        /// The avvv of the new VVV that went to the rent pool.
        #[serde(with = "diem_core::json::vvv")]
        rent: Amount,
    } = 0,
}
