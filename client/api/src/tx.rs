//! Transactions: submitting them and reading them back.

use std::{fmt, str::FromStr};

use diem_core::{Address, Time};
use diem_types::{Call, Event};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::{Coin, ErrorBody, Hash, HexBytes, Statements};

/// The moment for which a submission waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Wait {
    /// It waits for nothing but the signature check: the answer says that the transaction was handed on.
    None,
    /// The pool has checked and taken it.
    #[default]
    Checked,
    /// It is in a block, or the time to wait is over.
    Committed,
}

impl FromStr for Wait {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "none" => Ok(Self::None),
            "checked" => Ok(Self::Checked),
            "committed" => Ok(Self::Committed),
            _ => {
                Err(format!("wait=`{}` is unknown: write none, checked or committed", diem_core::text::shortened(text)))
            }
        }
    }
}

impl fmt::Display for Wait {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "none",
            Self::Checked => "checked",
            Self::Committed => "committed",
        })
    }
}

/// The bytes of a transaction in JSON: `0x` and hex, or base64.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TxBytes(pub Vec<u8>);

impl FromStr for TxBytes {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        use base64::Engine as _;
        let bytes = match text.strip_prefix("0x") {
            Some(digits) => hex::decode(digits).ok(),
            None => base64::engine::general_purpose::STANDARD.decode(text.as_bytes()).ok(),
        };
        bytes.map(Self).ok_or("a transaction is written as 0x and hex digits, or as base64 with padding")
    }
}

impl Serialize for TxBytes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&format!("0x{}", hex::encode(&self.0)))
    }
}

impl<'de> Deserialize<'de> for TxBytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        <String as Deserialize>::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

/// `POST /v1/tx` with one transaction as JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SubmitRequest {
    /// The signed transaction, as bytes.
    pub tx: TxBytes,
}

/// `POST /v1/tx` with many transactions as JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BatchRequest {
    /// The signed transactions, as bytes.
    pub txs: Vec<TxBytes>,
}

/// The state of a submitted transaction, as far as it is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Its signatures are good and it was handed on to the pool.
    Accepted,
    /// The pool has checked and taken it.
    Checked,
    /// It is in a block and succeeded.
    Committed,
    /// It is in a block and failed there: the fee is paid, nothing else has changed.
    Failed,
    /// It was refused; it is in no block.
    Rejected,
    /// The time to wait is over and it is in no block yet: it still may come. Look up its hash later.
    Unknown,
}

/// The answer of `POST /v1/tx` for one transaction.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Submitted {
    /// The hash of the transaction.
    pub hash: Hash,
    /// The state of the transaction, as far as it is known.
    pub state: State,
    /// Why it was refused or failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<ErrorBody>,
    /// The transaction in its block.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tx: Option<Transaction>,
}

/// The answer of `POST /v1/tx` for many: one each, in their order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Batch {
    /// The answers, in the order of the request.
    pub results: Vec<Submitted>,
}

/// `GET /v1/tx/{hash}`: a transaction in a block.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Transaction {
    /// The hash of the transaction.
    pub hash: Hash,
    /// The block that holds it.
    pub height: u64,
    /// Its place in that block.
    pub index: u32,
    /// The time of the block.
    pub time: Time,
    /// The result of the transaction.
    pub result: Outcome,
    /// The content of the transaction; `null` if its bytes are none of a user.
    pub tx: Option<TxView>,
    /// The statements of validators, where it is the transaction that a proposer makes of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub statements: Option<Statements>,
    /// Its bytes, where they are no transaction.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub raw: Option<HexBytes>,
}

/// The result of a transaction.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome {
    /// Whether its calls took effect.
    pub ok: bool,
    /// The error, if it did not succeed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<ErrorBody>,
    /// The gas that it was allowed.
    pub gas_wanted: u64,
    /// The gas that it used.
    pub gas_used: u64,
    /// The fee that was paid.
    pub fee: Coin,
    /// The events of the transaction.
    pub events: Vec<Event>,
}

/// A transaction with its fields in JSON, as the API shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TxView {
    /// The chain it is for.
    pub chain_id: String,
    /// The genesis of that chain.
    pub genesis_hash: Hash,
    /// The account that acts.
    pub sender: Address,
    /// The sender's number of transactions before it.
    pub nonce: u64,
    /// The last height at which it is valid.
    #[serde(with = "diem_core::json::number")]
    pub expiry: u64,
    /// The price of a unit of gas.
    pub gas_price: Coin,
    /// The most it pays.
    pub max_fee: Coin,
    /// The account that pays, if not the sender.
    pub fee_payer: Option<Address>,
    /// The calls of the transaction.
    pub calls: Vec<CallView>,
    /// A text that everybody can read.
    pub memo: String,
    /// The number of its bytes.
    pub size: usize,
}

/// A call, in words and decoded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallView {
    /// The call in words, as an Ethereum wallet shows it.
    pub text: String,
    /// The call as it is decoded.
    pub call: Call,
}

impl TxView {
    /// The view of a decoded transaction.
    pub fn new(signed: &diem_types::Signed) -> Self {
        Self::new_unsigned(&signed.tx, signed.size)
    }

    /// The view of a transaction that may not be signed yet; `size` is that of its signed form, 0 if unknown.
    pub fn new_unsigned(tx: &diem_types::Tx, size: usize) -> Self {
        use diem_core::tx::CallBody as _;
        let calls = tx.calls.iter().map(|call| CallView { text: call.text(), call: call.clone() });
        Self {
            chain_id: tx.chain_id.clone(),
            genesis_hash: Hash(tx.genesis_hash),
            sender: tx.sender,
            nonce: tx.nonce,
            expiry: tx.expiry,
            gas_price: Coin::vvv(tx.gas_price),
            max_fee: Coin::vvv(tx.max_fee),
            fee_payer: tx.fee_payer,
            calls: calls.collect(),
            memo: tx.memo.clone(),
            size,
        }
    }
}
