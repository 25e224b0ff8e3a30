//! The enums that the modules' types compose to: the calls of a transaction, the queries, the events, the genesis.
//!
//! Every discriminant is the module's byte and is written out. Adding a module means adding one line to each enum
//! here and to the lists of the runtime.

pub mod chain;
pub mod genesis;
mod known_keys;
mod result;

use borsh::{BorshDeserialize, BorshSerialize};
use diem_bank::{self as bank, Bank};
use diem_core::{
    CallGas, ErrorInfo, HandedIn, Message, Module, ModuleError, Statement,
    tx::{CallBody, SignedTx, Transaction},
};
use diem_credits::{self as credits, Credits};
use diem_diem::{self as diem, Diem};
use diem_emissions::{self as emissions, Emissions};
use diem_staking::{self as staking, Staking};
use diem_svvv::{self as svvv, Svvv};
use serde::{Deserialize, Serialize};

pub use chain::{ChainError, ChainParams, ConsensusParams, GasParams};
pub use genesis::{AppGenesis, GenesisDoc, GenesisValidator};
pub use result::TxResult;

/// The version of the state machine. A change of any result, row or byte raises it.
pub const APP_VERSION: u64 = 3;

/// A transaction of this chain, before it is signed.
pub type Tx = Transaction<Call>;
/// A transaction of this chain with its signatures.
pub type Signed = SignedTx<Call>;

/// A call of any module.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[borsh(use_discriminant = true)]
#[serde(rename_all = "snake_case", remote = "Self")]
#[repr(u8)]
pub enum Call {
    /// A call of bank: payments.
    #[serde(deserialize_with = "diem_core::json::object")]
    Bank(bank::Msg) = 1,
    /// A call of staking: validators, stake and its rewards.
    #[serde(deserialize_with = "diem_core::json::object")]
    Staking(staking::Msg) = 2,
    /// A call of svvv: moving stake, locked or not.
    #[serde(deserialize_with = "diem_core::json::object")]
    Svvv(svvv::Msg) = 3,
    /// A call of diem: minting and burning.
    #[serde(deserialize_with = "diem_core::json::object")]
    Diem(diem::Msg) = 4,
    /// A call of credits: staked DIEM, providers, promises, vouchers, the market of a day.
    #[serde(deserialize_with = "diem_core::json::object")]
    Credits(credits::Msg) = 6,
}

diem_core::one_field_enum!(Call, "call");

impl Call {
    /// The gas of every call: the name of its module, which is the call's one field in JSON, and the module's table.
    pub const GAS: &'static [(&'static str, &'static [CallGas])] = &[
        (Bank::NAME, Bank::GAS),
        (Staking::NAME, Staking::GAS),
        (Svvv::NAME, Svvv::GAS),
        (Diem::NAME, Diem::GAS),
        (Credits::NAME, Credits::GAS),
    ];

    /// The call as its module defines it: the one place that tells the kinds of calls apart.
    pub fn message(&self) -> &dyn Message {
        match self {
            Self::Bank(msg) => msg,
            Self::Staking(msg) => msg,
            Self::Svvv(msg) => msg,
            Self::Diem(msg) => msg,
            Self::Credits(msg) => msg,
        }
    }
}

/// The statements inside a transaction's calls.
pub fn statements(tx: &Tx) -> impl Iterator<Item = Box<dyn Statement + '_>> {
    let by = HandedIn { chain_id: &tx.chain_id, sender: &tx.sender };
    tx.calls.iter().flat_map(move |call| call.message().statements(by))
}

impl CallBody for Call {
    fn text(&self) -> String {
        self.message().text()
    }
}

/// A question to any module.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum Query {
    /// A question to the module bank.
    Bank(bank::Query) = 1,
    /// A question to the module staking.
    Staking(staking::Query) = 2,
    /// A question to the module svvv.
    Svvv(svvv::Query) = 3,
    /// A question to the module diem.
    Diem(diem::Query) = 4,
    /// A question to the module emissions.
    Emissions(emissions::Query) = 5,
    /// A question to the module credits.
    Credits(credits::Query) = 6,
}

/// The answer to a [`Query`].
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[borsh(use_discriminant = true)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum Answer {
    /// The answer of the module bank.
    Bank(bank::Answer) = 1,
    /// The answer of the module staking.
    Staking(staking::Answer) = 2,
    /// The answer of the module svvv.
    Svvv(svvv::Answer) = 3,
    /// The answer of the module diem.
    Diem(diem::Answer) = 4,
    /// The answer of the module emissions.
    Emissions(emissions::Answer) = 5,
    /// The answer of the module credits.
    Credits(credits::Answer) = 6,
}

/// An event of the runtime or of any module.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[borsh(use_discriminant = true)]
#[serde(rename_all = "snake_case", tag = "module", content = "event")]
#[repr(u8)]
pub enum Event {
    /// An event of the runtime itself.
    Chain(chain::ChainEvent) = 0,
    /// An event of the module bank.
    Bank(bank::Event) = 1,
    /// An event of the module staking.
    Staking(staking::Event) = 2,
    /// An event of the module svvv.
    Svvv(svvv::Event) = 3,
    /// An event of the module diem.
    Diem(diem::Event) = 4,
    /// An event of the module emissions.
    Emissions(emissions::Event) = 5,
    /// An event of the module credits.
    Credits(credits::Event) = 6,
}

impl Event {
    /// Decodes a sequence of events as [`diem_core::Events`] collects them.
    ///
    /// # Errors
    /// The bytes are not such a sequence.
    pub fn decode_all(mut bytes: &[u8]) -> std::io::Result<Vec<Self>> {
        let mut events = Vec::new();
        while !bytes.is_empty() {
            events.push(BorshDeserialize::deserialize(&mut bytes)?);
        }
        Ok(events)
    }
}

/// Every error that a user can meet: (codespace, its table). The documents and the HTTP statuses come from here.
pub const ERRORS: &[(&str, &[ErrorInfo])] = &[
    (ChainError::CODESPACE, ChainError::TABLE),
    (Bank::NAME, bank::Error::TABLE),
    (Staking::NAME, staking::Error::TABLE),
    (Svvv::NAME, svvv::Error::TABLE),
    (Diem::NAME, diem::Error::TABLE),
    (Emissions::NAME, emissions::Error::TABLE),
    (Credits::NAME, credits::Error::TABLE),
];

/// The line of the table of errors for a codespace and number.
pub fn error_info(codespace: &str, code: u32) -> Option<&'static ErrorInfo> {
    let (_, table) = ERRORS.iter().find(|(name, _)| *name == codespace)?;
    table.iter().find(|info| info.code == code)
}
