//! `POST /v1/simulate`: what a transaction would do.

use diem_core::{Address, Time, keys::KeyKind};
use diem_types::Call;
use serde::{Deserialize, Serialize};

use super::{Coin, Outcome, TxBytes};

/// What to simulate. Nobody has to have signed it; the kinds of the keys decide its size and so its gas.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum SimulateRequest {
    /// A complete transaction, signed or not.
    Tx(SimulateTx),
    /// Calls; the rest is what the chain would suggest.
    Calls(SimulateCalls),
}

impl SimulateRequest {
    /// Reads the body of a request. Its fields decide which form is meant, so that an error is that form's.
    ///
    /// # Errors
    /// It is neither form, or not a whole one.
    pub fn read(json: &[u8]) -> Result<Self, String> {
        let fields = super::field_names(json)?;
        match (fields.contains("tx"), fields.contains("calls") || fields.contains("sender")) {
            (true, _) => super::read_json(json).map(Self::Tx),
            (false, true) => super::read_json(json).map(Self::Calls),
            (false, false) => Err("the body must be {\"tx\": \"0x..\"} or {\"sender\": .., \"calls\": [..]}".into()),
        }
    }
}

/// A complete transaction without signatures.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SimulateTx {
    /// Borsh of the transaction, `0x` and hex, or base64.
    pub tx: TxBytes,
    /// The kind of the sender's key.
    #[serde(default = "ed25519")]
    pub sender_key: KeyKind,
    /// The kind of the fee payer's key.
    #[serde(default = "ed25519")]
    pub payer_key: KeyKind,
}

/// Calls that somebody might send.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SimulateCalls {
    /// The account that would act.
    pub sender: Address,
    /// The kind of the sender's key.
    #[serde(default = "ed25519")]
    pub sender_key: KeyKind,
    /// The account that would pay, if not the sender.
    #[serde(default)]
    pub fee_payer: Option<Address>,
    /// The kind of the fee payer's key.
    #[serde(default = "ed25519")]
    pub payer_key: KeyKind,
    /// The calls of the transaction.
    pub calls: Vec<Call>,
    /// A text that everybody can read.
    #[serde(default)]
    pub memo: String,
}

const fn ed25519() -> KeyKind {
    KeyKind::Ed25519
}

/// The outcome of the transaction as the first one of the next block.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Simulated {
    /// The committed height on which it was tried.
    pub height: u64,
    /// The time of the block after it, in which it was tried.
    pub time: Time,
    /// The day of that time.
    pub epoch: u64,
    /// The result that it would have.
    pub result: Outcome,
    /// The balances that would change, by account and denomination.
    pub changes: Vec<BalanceChange>,
}

/// A balance before and after.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BalanceChange {
    /// The account whose balance would change.
    pub account: Address,
    /// The balance right before it: what the block does by itself, such as paying what is due, has happened.
    pub before: Coin,
    /// The balance right after it.
    pub after: Coin,
    /// The difference for people: `+1.5 VVV`, `-3 DIEM`.
    pub display: String,
}
