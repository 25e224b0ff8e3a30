//! What diem reports.

use borsh::{BorshDeserialize, BorshSerialize};
use diem_core::{Address, Amount};
use serde::{Deserialize, Serialize};

/// An event of diem.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[borsh(use_discriminant = true)]
#[serde(rename_all = "snake_case", tag = "type")]
#[repr(u8)]
pub enum Event {
    /// An account locked stake and got DIEM.
    Minted {
        /// Who.
        account: Address,
        /// With whom the stake is.
        validator: Address,
        /// What was locked, in avvv of its value.
        #[serde(with = "diem_core::json::vvv")]
        lock: Amount,
        /// The DIEM, in adiem.
        #[serde(with = "diem_core::json::diem")]
        amount: Amount,
    } = 0,
    /// An account burned DIEM and opened its lock by as much.
    Burned {
        /// Who.
        account: Address,
        /// With whom the stake is.
        validator: Address,
        /// The DIEM, in adiem.
        #[serde(with = "diem_core::json::diem")]
        amount: Amount,
    } = 1,
}
