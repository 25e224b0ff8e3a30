//! The JSON of the HTTP API, the same types for server and client.
//!
//! An amount is always `{amount, denom, display}`: a string of base units, their unit, and a form for people. A list is
//! always `{height, time, epoch, items, next}`, and its next page is asked for with `after`. Numbers that a user can
//! choose above 2^53 are strings. Hashes and keys are lower-case hex; times are RFC 3339, beside the day of the chain
//! that holds them.
//! What a node may add later does not break a client: unknown fields are ignored when reading.

mod bridge;
mod chain;
mod credits;
mod economy;
pub mod encoding;
mod error;
mod json;
mod mint;
mod params;
mod simulate;
mod staking;
mod state;
mod tx;

use std::fmt;

use diem_core::{Amount, Denom};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

pub use diem_core::encoding::{Hash, HexBytes, ParseHexError};

pub use bridge::{
    BaseAddress, BaseCheckpoint, BaseNumber, BatchTransfer, BreachKind, Bridge, BridgeAction, BridgeBatch,
    BridgeBatchDetail, BridgeBooks, BridgeBurn, BridgeCheckpoint, BridgeCheckpointDetail, BridgeConstructor,
    BridgeContract, BridgeDeployed, BridgeFee, BridgeHalt, BridgeInstalledSet, BridgeIssued, BridgeLimits,
    BridgeMember, BridgeMove, BridgeNextLimits, BridgeOnBase, BridgePause, BridgePayment, BridgeProgress,
    BridgeProposedSet, BridgeQueueItem, BridgeReplay, BridgeSet, BridgeSignatures, BridgeSigner, BridgeStage,
    BridgeTransfer, BurnKind, BurnState, MissingEvents, QueueState, QueuedPart, SignedPower, StatedContent,
    StatementView, Statements, TransferBatch, TransferEnd, TransferState, base_time,
};
pub use chain::{
    BankParams, Block, BlockId, BlockSummary, CallGas, CheckState, Clock, Head, LightBlock, Limits, Params, Peer,
    Ready, Reason, Status, Validator,
};
pub use credits::{
    AccountCredit, AccountOffer, Allocation, AllocationDay, CreditDay, Day, DayProvider, DiemStake, DiemTranche, Grant,
    GrantDay, GrantLimit, Left, Offer, Payout, Provider, ProviderDetail, ProviderStanding, Served, Today, VoucherDay,
    Vouchers,
};
pub use economy::{At, Credit, CreditUnit, List, Moment, Page, WideCoin};
pub use error::{ErrorBody, ErrorLine, ErrorReply, HttpError, error_table};
pub use json::{field_names, read as read_json, without_long_quotes};
pub use mint::{CurrentRate, Emission, Quote, Rent, Segment, Step};
pub use simulate::{BalanceChange, SimulateCalls, SimulateRequest, SimulateTx, Simulated};
pub use staking::{
    Commission, Lock, NextCommission, Position, Reward, Unstaking, ValidatorDetail, ValidatorSigning, ValidatorStanding,
};
pub use state::{Account, Holdings, PoolHoldings, Proof, Supply};
pub use tx::{
    Batch, BatchRequest, CallView, Outcome, State, SubmitRequest, Submitted, Transaction, TxBytes, TxView, Wait,
};

/// The most transactions that one request may carry.
pub const MAX_BATCH_TXS: usize = 2_000;
/// The most bytes of transactions that one request may carry.
pub const MAX_BATCH_BYTES: usize = 4 * 1024 * 1024;
/// The most items of a page.
pub const MAX_PAGE: u32 = 100;
/// The media type of one transaction as raw bytes.
pub const TX_MEDIA_TYPE: &str = "application/octet-stream";
/// The media type of many transactions: borsh of a list of byte strings.
pub const TXS_MEDIA_TYPE: &str = "application/vnd.diem.txs";

/// An amount with its unit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Coin {
    /// The amount, in base units.
    pub amount: Amount,
    /// The denomination of the amount.
    pub denom: Denom,
    /// The amount for people: `12.5 VVV`.
    pub display: String,
}

impl Coin {
    /// A coin of `amount` of `denom`.
    pub fn new(amount: Amount, denom: Denom) -> Self {
        Self { amount, denom, display: amount.display(denom) }
    }

    /// A coin of `amount` of VVV.
    pub fn vvv(amount: Amount) -> Self {
        Self::new(amount, Denom::Vvv)
    }

    /// A coin of `amount` of DIEM.
    pub fn diem(amount: Amount) -> Self {
        Self::new(amount, Denom::Diem)
    }
}

/// Bytes as base64 with padding, the form that other chains' tools use for protobuf.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Base64Bytes(pub Vec<u8>);

impl fmt::Debug for Base64Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes", self.0.len())
    }
}

impl Serialize for Base64Bytes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use base64::Engine as _;
        serializer.serialize_str(&base64::engine::general_purpose::STANDARD.encode(&self.0))
    }
}

impl<'de> Deserialize<'de> for Base64Bytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        use base64::Engine as _;
        let text = <String as Deserialize>::deserialize(deserializer)?;
        let bytes = base64::engine::general_purpose::STANDARD.decode(text.as_bytes());
        bytes.map(Self).map_err(|e| de::Error::custom(format!("not base64: {e}")))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn amounts_are_base_units_beside_a_form_for_people() {
        let coin = Coin::vvv(Amount::new(12_500_000_000_000_000_000));
        let json = serde_json::to_string(&coin).unwrap();
        assert_eq!(json, r#"{"amount":"12500000000000000000","denom":"VVV","display":"12.5 VVV"}"#);
        assert_eq!(serde_json::from_str::<Coin>(&json).unwrap(), coin);
    }
}
