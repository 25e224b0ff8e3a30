//! What bank reports.

use borsh::{BorshDeserialize, BorshSerialize};
use diem_core::{Address, Amount, Denom};
use serde::{Deserialize, Serialize};

/// An event of bank.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[borsh(use_discriminant = true)]
#[serde(rename_all = "snake_case", tag = "type")]
#[repr(u8)]
pub enum Event {
    /// An account paid another.
    Transferred {
        /// Who paid.
        from: Address,
        /// Who was paid.
        to: Address,
        /// In what.
        denom: Denom,
        /// How much, in base units.
        amount: Amount,
    } = 0,
}
