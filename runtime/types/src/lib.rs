//! The enums that the modules' types compose to: the calls of a transaction, the queries, the events, the genesis.
//!
//! Every discriminant is the module's byte and is written out. Adding a module means adding one line to each enum
//! here and to the lists of the runtime.

pub mod chain;
pub mod genesis;
mod known_keys;
mod result;

use borsh::{BorshDeserialize, BorshSerialize};
use diem_core::{
    CallGas, ErrorInfo, HandedIn, Message, Module, ModuleError, Statement,
    tx::{CallBody, SignedTx, Transaction},
};
use serde::{Deserialize, Serialize};

pub use chain::{ChainError, ChainParams, ConsensusParams, GasParams};
pub use genesis::{AppGenesis, GenesisDoc, GenesisValidator};
pub use result::TxResult;

use modules::*;

/// Every module by its short name: the crate, and its [`Module`].
pub mod modules {
    pub use diem_bank::{self as bank, Bank};
    pub use diem_bridge::{self as bridge, Bridge};
    pub use diem_credits::{self as credits, Credits};
    pub use diem_diem::{self as diem, Diem};
    pub use diem_emissions::{self as emissions, Emissions};
    pub use diem_staking::{self as staking, Staking};
    pub use diem_svvv::{self as svvv, Svvv};
}

/// The version of the state machine. A change of any result, row or byte raises it.
pub const APP_VERSION: u64 = 5;

/// A transaction of this chain, before it is signed.
pub type Tx = Transaction<Call>;
/// A transaction of this chain with its signatures.
pub type Signed = SignedTx<Call>;

/// A call of any module.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[borsh(use_discriminant = true)]
#[serde(rename_all = "snake_case", remote = "Self")]
#[expect(missing_docs, reason = "a variant is a call of the module of its name")]
#[repr(u8)]
pub enum Call {
    Bank(bank::Msg) = 1,
    Staking(staking::Msg) = 2,
    Svvv(svvv::Msg) = 3,
    Diem(diem::Msg) = 4,
    Credits(credits::Msg) = 6,
    Bridge(bridge::Msg) = 7,
}

diem_core::one_field_enum!(Call, "call" of objects);

impl Call {
    /// The gas of every call: the name of its module, which is the call's one field in JSON, and the module's table.
    pub const GAS: &'static [(&'static str, &'static [CallGas])] = &[
        (Bank::NAME, bank::Msg::GAS),
        (Staking::NAME, staking::Msg::GAS),
        (Svvv::NAME, svvv::Msg::GAS),
        (Diem::NAME, diem::Msg::GAS),
        (Credits::NAME, credits::Msg::GAS),
        (Bridge::NAME, bridge::Msg::GAS),
    ];

    /// The call as its module defines it: the one place that tells the kinds of calls apart.
    pub fn message(&self) -> &dyn Message {
        match self {
            Self::Bank(msg) => msg,
            Self::Staking(msg) => msg,
            Self::Svvv(msg) => msg,
            Self::Diem(msg) => msg,
            Self::Credits(msg) => msg,
            Self::Bridge(msg) => msg,
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
#[expect(missing_docs, reason = "a variant is a question to the module of its name")]
#[repr(u8)]
pub enum Query {
    Bank(bank::Query) = 1,
    Staking(staking::Query) = 2,
    Svvv(svvv::Query) = 3,
    Diem(diem::Query) = 4,
    Emissions(emissions::Query) = 5,
    Credits(credits::Query) = 6,
    Bridge(bridge::Query) = 7,
}

/// The answer to a [`Query`].
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[borsh(use_discriminant = true)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "a variant is an answer of the module of its name")]
#[repr(u8)]
pub enum Answer {
    Bank(bank::Answer) = 1,
    Staking(staking::Answer) = 2,
    Svvv(svvv::Answer) = 3,
    Diem(diem::Answer) = 4,
    Emissions(emissions::Answer) = 5,
    Credits(credits::Answer) = 6,
    Bridge(bridge::Answer) = 7,
}

/// An event of any module, or of the runtime itself, which is `Chain`.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[borsh(use_discriminant = true)]
#[serde(rename_all = "snake_case", tag = "module", content = "event")]
#[expect(missing_docs, reason = "a variant is an event of the module of its name")]
#[repr(u8)]
pub enum Event {
    Chain(chain::ChainEvent) = 0,
    Bank(bank::Event) = 1,
    Staking(staking::Event) = 2,
    Svvv(svvv::Event) = 3,
    Diem(diem::Event) = 4,
    Emissions(emissions::Event) = 5,
    Credits(credits::Event) = 6,
    Bridge(bridge::Event) = 7,
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
    (Bridge::NAME, bridge::Error::TABLE),
];

/// The line of the table of errors for a codespace and number.
pub fn error_info(codespace: &str, code: u32) -> Option<&'static ErrorInfo> {
    let (_, table) = ERRORS.iter().find(|(name, _)| *name == codespace)?;
    table.iter().find(|info| info.code == code)
}
