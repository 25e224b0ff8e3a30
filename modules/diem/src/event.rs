//! The events of diem.

use diem_core::{Address, Amount};

/// An event of diem.
#[diem_core::events]
pub enum Event {
    /// An account locked stake and got DIEM.
    Minted {
        /// The account that minted.
        account: Address,
        /// The validator that the stake is with.
        validator: Address,
        /// The value that was locked, in avvv.
        #[serde(with = "diem_core::json::vvv")]
        lock: Amount,
        /// The DIEM that was minted, in adiem.
        #[serde(with = "diem_core::json::diem")]
        amount: Amount,
    } = 0,
    /// An account burned DIEM and opened its lock by as much.
    Burned {
        /// The account that burned.
        account: Address,
        /// The validator that the stake is with.
        validator: Address,
        /// The DIEM that was burned, in adiem.
        #[serde(with = "diem_core::json::diem")]
        amount: Amount,
    } = 1,
}
