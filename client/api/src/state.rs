//! Reads of state, with proofs.

use diem_core::{Address, Time};
use serde::{Deserialize, Serialize};

use super::{Base64Bytes, Coin, Credit, HexBytes};

/// The answer of `GET /v1/accounts/{address}?height=&prove=true`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// The address as `diem1...`.
    pub address: Address,
    /// The address as `0x...`.
    pub hex: String,
    /// The number of its transactions in blocks, and so the nonce of the next one there.
    pub nonce: u64,
    /// The nonce of the next transaction that it can send: what waits in this node's pool counts. No part of the state
    /// and of no proof: only an answer without `height` and `prove` has it, and an older node does not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_nonce: Option<u64>,
    /// The balance of VVV.
    pub vvv: Coin,
    /// The balance of DIEM.
    pub diem: Coin,
    /// The height after which this holds.
    pub height: u64,
    /// The time of that block.
    pub time: Time,
    /// The day of that time.
    pub epoch: u64,
    /// What it owns beside its balances; absent where that is more rows than one answer sums. Then the lists tell.
    #[serde(flatten)]
    pub holdings: Option<Holdings>,
    /// The proof of the account's row, if it was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proof: Option<Proof>,
}

impl Account {
    /// The nonce for a new transaction, as far as the node knows.
    pub fn nonce_to_send(&self) -> u64 {
        self.next_nonce.map_or(self.nonce, |next| next.max(self.nonce))
    }
}

/// What an account owns beside its balances. The proof of an account says nothing of these.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holdings {
    /// The value of its stake, with all validators together.
    pub staked: Coin,
    /// The part of it that is locked.
    pub locked: Coin,
    /// The DIEM that was minted against the locks and not burned again.
    pub diem_outstanding: Coin,
    /// VVV on its way out of stake.
    pub unstaking: Coin,
    /// The rewards that it may claim.
    pub rewards: Coin,
    /// The DIEM that it has staked, for itself and for others.
    pub diem_staked: Coin,
    /// DIEM on its way out of stake.
    pub diem_unstaking: Coin,
    /// Its credit of the open day.
    pub credit_today: Credit,
    /// The part of that credit that nobody has a claim on.
    pub credit_free: Credit,
    /// The credit with which the next day opens for it, if nothing changes.
    pub credit_tomorrow: Credit,
}

/// The answer of `GET /v1/supply?height=`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Supply {
    /// The height after which this holds.
    pub height: u64,
    /// The time of that block.
    pub time: Time,
    /// The day of that time.
    pub epoch: u64,
    /// All VVV: that of genesis and what was emitted, less what was burned. Accounts and pools hold it.
    pub vvv: Coin,
    /// The VVV that there was at genesis.
    pub genesis: Coin,
    /// The VVV that was emitted since.
    pub emitted: Coin,
    /// The VVV that was burned since.
    pub burned: Coin,
    /// The DIEM that exists. Accounts and pools hold it.
    pub diem: Coin,
    /// The VVV that was paid as fees and not yet shared out: that of the pool `fees`.
    pub fees: Coin,
    /// The balances of the pools: what belongs to no account, or not to it yet.
    pub pools: Vec<PoolHoldings>,
}

/// The balances of a pool.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PoolHoldings {
    /// The name of the pool.
    pub name: String,
    /// The balance of VVV.
    pub vvv: Coin,
    /// The balance of DIEM.
    pub diem: Coin,
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
    /// The key of the row.
    pub key: HexBytes,
    /// The row's value; `null` if there is no such row.
    pub value: Option<HexBytes>,
    /// The ICS23 `CommitmentProof`, as protobuf.
    pub proof: Base64Bytes,
    /// Tendermint `SignedHeader` of height `state_height + 1`, protobuf: the header with the root, and its commit.
    pub signed_header: Base64Bytes,
}
