//! The vocabulary of the chain: amounts, addresses, keys, time, transactions, typed state cells, contexts, events,
//! errors and the [`Module`] trait.
//!
//! This crate does no I/O and knows neither the store nor any module. Everything in it is deterministic.

pub mod address;
pub mod amount;
pub mod cell;
pub mod chain;
pub mod clock;
pub mod context;
pub mod development;
pub mod eip712;
pub mod encoding;
pub mod error;
mod ethereum;
pub mod event;
mod gas;
pub mod json;
mod key_kind;
pub mod keys;
pub mod module;
pub mod names;
mod page;
pub mod proof;
pub mod statement;
pub mod storage;
pub mod text;
pub mod time;
mod transaction;
pub mod tx;
pub mod typed_data;

pub use address::Address;
pub use amount::{Amount, Denom, MathError};
pub use context::{Block, BlockContext, BlockInfo, GenesisContext, QueryContext, TxContext};
pub use error::{CallError, ErrorInfo, ErrorKind, Fatal, ModuleError};
pub use event::Events;
pub use gas::{CallGas, ItemGas, Metered};
pub use module::{Message, Module, ModuleId};
pub use page::{MAX_ROWS, Page};
pub use statement::{Forgetful, HandedIn, Statement, Statements, Verifier};
pub use storage::{Key, StateRead, StateWrite, Value};
pub use time::Time;

pub use diem_macros::{answers, calls, events, queries};
// The attributes above write the names of these.
#[doc(hidden)]
pub use {borsh, serde};

/// sha256 of `parts`, one after the other.
pub fn sha256(parts: &[&[u8]]) -> [u8; 32] {
    use sha2::Digest as _;
    let mut hasher = sha2::Sha256::new();
    for part in parts {
        hasher.update(part);
    }
    hasher.finalize().into()
}

/// keccak256 of `bytes`, Ethereum's hash.
pub fn keccak256(bytes: &[u8]) -> [u8; 32] {
    use sha3::Digest as _;
    sha3::Keccak256::digest(bytes).into()
}

/// The borsh bytes of a value: of a row, a call, or what somebody signs.
pub fn encode(value: &impl borsh::BorshSerialize) -> Vec<u8> {
    #[expect(clippy::expect_used, reason = "memory takes every write, and our types hold nothing unencodable")]
    borsh::to_vec(value).expect("a value encodes into memory")
}
