//! The events of svvv.

use diem_core::{Address, Amount};
use diem_staking::scaled::digits;

/// An event of svvv. Shares are shares of the validator's tokens.
#[diem_core::events]
#[expect(missing_docs, reason = "the fields of an event say what they are: who, with whom, how much")]
pub enum Event {
    /// Stake was locked for so much DIEM.
    Locked {
        account: Address,
        validator: Address,
        #[serde(with = "digits")]
        shares: u128,
        #[serde(with = "diem_core::json::diem")]
        diem: Amount,
    } = 0,
    /// Stake was unlocked for so much DIEM.
    Released {
        account: Address,
        validator: Address,
        #[serde(with = "digits")]
        shares: u128,
        #[serde(with = "diem_core::json::diem")]
        diem: Amount,
    } = 1,
    /// Locked stake went to another validator, and so much DIEM with it.
    LockMoved {
        account: Address,
        from: Address,
        to: Address,
        #[serde(with = "diem_core::json::diem")]
        diem: Amount,
    } = 2,
    /// A slash of a validator that the stake had left took locked shares too; so many are left.
    Trimmed {
        account: Address,
        validator: Address,
        #[serde(with = "digits")]
        shares: u128,
    } = 3,
}
