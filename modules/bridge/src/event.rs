//! The events of bridge.

use diem_core::{Address, Amount, Denom};

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
        #[serde(with = "diem_core::json::diem")]
        amount: Amount,
        /// What whoever relays it gets, in adiem.
        #[serde(with = "diem_core::json::diem")]
        fee: Amount,
    } = 0,
    /// The fee of a waiting transfer was raised.
    FeeRaised {
        /// The id of the transfer.
        #[serde(with = "diem_core::json::number")]
        id: u64,
        /// The new fee, in adiem.
        #[serde(with = "diem_core::json::diem")]
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
        #[serde(with = "diem_core::json::diem")]
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

impl Event {
    /// The event as a sentence for people.
    pub fn text(&self) -> String {
        let diem = |amount: &Amount| amount.display(Denom::Diem);
        match self {
            Self::TransferWaits { id, sender, recipient, amount, fee } => format!(
                "transfer {id}: {} for {} on Base from {sender}, and a fee of {}, wait to be sealed",
                diem(amount),
                recipient.to_hex(),
                diem(fee)
            ),
            Self::FeeRaised { id, fee } => format!("transfer {id} to Base pays a fee of {}", diem(fee)),
            Self::TransferCancelled { id } => format!("transfer {id} to Base is taken back"),
            Self::BatchSealed { nonce, transfers, fee, .. } => {
                format!("batch {nonce} for Base is sealed, with {transfers} transfers and {} of fees", diem(fee))
            }
            Self::SetMade { nonce } => format!("validator set {nonce} for Base is made"),
            Self::Prepared { chain_id } => format!("the bridge to chain {chain_id} is prepared"),
            Self::Activated { bridge, token } => {
                format!("the bridge is {} on Base, its token {}", bridge.to_hex(), token.to_hex())
            }
            Self::Ready => "the bridge is at work".into(),
            Self::ActionIssued { nonce } => format!("action {nonce} is ordered on Base"),
            Self::ParamsChanged => "the parameters of the bridge are changed".into(),
            Self::Convicted { validator, kind, nonce } => {
                format!("{validator} is convicted: it signed a {kind} {nonce} for Base that was never issued")
            }
        }
    }
}
