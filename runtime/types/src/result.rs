//! The result of a transaction.

use borsh::{BorshDeserialize, BorshSerialize};
use diem_core::{Amount, CallError};

/// The result of a transaction. Only `code`, `gas_wanted` and `gas_used` are consensus; `log` is for people.
#[derive(Debug, Clone, PartialEq, Eq, Default, BorshSerialize, BorshDeserialize)]
pub struct TxResult {
    /// The number of the error in its codespace; 0 if it succeeded.
    pub code: u32,
    /// The module that refused it; empty if it succeeded.
    pub codespace: String,
    /// The reason of the refusal in words; empty if it succeeded.
    pub log: String,
    /// The gas it needs.
    pub gas_wanted: u64,
    /// The gas it paid for; 0 if it was invalid.
    pub gas_used: u64,
    /// The fee that it paid, in avvv.
    pub fee: Amount,
    /// Its events, for [`crate::Event::decode_all`].
    pub events: Vec<u8>,
}

impl TxResult {
    /// The result of something refused.
    pub fn refused(error: CallError) -> Self {
        Self { code: error.code, codespace: error.codespace.into(), log: error.message, ..Self::default() }
    }
}
