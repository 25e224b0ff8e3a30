//! The events of emissions.

use diem_core::Amount;

/// An event of emissions.
#[diem_core::events]
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
