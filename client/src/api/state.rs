//! Reads of state, with proofs.

use diem_core::{Address, Time};
use serde::{Deserialize, Serialize};

use super::{Base64Bytes, Coin, HexBytes};

/// `GET /v1/accounts/{address}?height=&prove=true`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// The address, `diem1...`.
    pub address: Address,
    /// The same as `0x...`.
    pub hex: String,
    /// The number of transactions that it has sent, and so its next nonce.
    pub nonce: u64,
    /// Its VVV.
    pub vvv: Coin,
    /// Its DIEM.
    pub diem: Coin,
    /// The height after which this holds.
    pub height: u64,
    /// The time of that block.
    pub time: Time,
    /// The proof of the account's row, if it was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proof: Option<Proof>,
}

/// `GET /v1/supply`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Supply {
    /// The height after which this holds.
    pub height: u64,
    /// The time of that block.
    pub time: Time,
    /// All VVV.
    pub vvv: Coin,
    /// All DIEM.
    pub diem: Coin,
    /// The VVV that was paid as fees and not yet shared out; part of the supply.
    pub fees: Coin,
}

/// `GET /v1/proof/{key}?height=`, and part of other answers: a row of state, or its absence, and what shows it.
///
/// The root after block H stands in the header of block H + 1, which the validators signed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proof {
    /// The chain's name, as in the header.
    pub chain_id: String,
    /// The height after which the row has this value.
    pub state_height: u64,
    /// The row's key.
    pub key: HexBytes,
    /// The row's value; `null` if there is no such row.
    pub value: Option<HexBytes>,
    /// ICS23 `CommitmentProof`, protobuf.
    pub proof: Base64Bytes,
    /// Tendermint `SignedHeader` of height `state_height + 1`, protobuf: the header with the root, and its commit.
    pub signed_header: Base64Bytes,
}
