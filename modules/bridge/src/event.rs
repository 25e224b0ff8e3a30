//! The events of bridge.

use diem_core::{Address, Amount};

use crate::OutboundKind;

/// An event of bridge.
#[diem_core::events]
pub enum Event {
    /// A transfer to Base waits to be sealed.
    TransferWaits {
        /// The id of the transfer.
        #[serde(with = "diem_core::json::number")]
        id: u64,
        /// The account that sent it.
        sender: Address,
        /// The account on Base that gets it.
        #[serde(with = "crate::on_base")]
        recipient: Address,
        /// What the recipient gets, in adiem.
        amount: Amount,
        /// What whoever relays it gets, in adiem.
        fee: Amount,
    } = 0,
    /// The fee of a waiting transfer was raised.
    FeeRaised {
        /// The id of the transfer.
        #[serde(with = "diem_core::json::number")]
        id: u64,
        /// The new fee, in adiem.
        fee: Amount,
    } = 1,
    /// A waiting transfer was taken back.
    TransferCancelled {
        /// The id of the transfer.
        #[serde(with = "diem_core::json::number")]
        id: u64,
    } = 2,
    /// A batch was sealed.
    BatchSealed {
        /// The nonce under which it was issued.
        #[serde(with = "diem_core::json::number")]
        nonce: u64,
        /// The last second of Base in which it can be executed.
        #[serde(with = "diem_core::json::number")]
        deadline: u64,
        /// The number of its transfers.
        transfers: u32,
        /// The sum of their fees, in adiem.
        fee: Amount,
    } = 3,
    /// A validator set was made.
    SetMade {
        /// The nonce under which it was issued.
        #[serde(with = "diem_core::json::number")]
        nonce: u64,
    } = 4,
    /// The arguments of the contract's constructor are fixed.
    Prepared {
        /// The chain id of Base.
        #[serde(with = "diem_core::json::number")]
        chain_id: u64,
    } = 5,
    /// The contract on Base is known.
    Activated {
        /// The address of the bridge.
        #[serde(with = "crate::on_base")]
        bridge: Address,
        /// The address of the token.
        #[serde(with = "crate::on_base")]
        token: Address,
    } = 6,
    /// A set has its quorum: the bridge is at work from now on.
    Ready = 7,
    /// The authority ordered an administrative action.
    ActionIssued {
        /// The nonce under which it was issued.
        #[serde(with = "diem_core::json::number")]
        nonce: u64,
    } = 8,
    /// The parameters were changed.
    ParamsChanged = 9,
    /// A validator was convicted of signing what the chain never decided.
    Convicted {
        /// The operator of the validator.
        validator: Address,
        /// What the signature is about.
        kind: OutboundKind,
        /// The nonce that it names.
        #[serde(with = "diem_core::json::number")]
        nonce: u64,
    } = 10,
}
