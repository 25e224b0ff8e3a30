//! Checkpoints, by which validators attest a block of Base.

use borsh::{BorshDeserialize, BorshSerialize};
use diem_core::{Amount, eip712::TypedStruct};
use serde::{Deserialize, Serialize};

const CHECKPOINT_TYPE: &str = "BaseCheckpoint(uint64 number,bytes32 blockHash,uint64 timestamp,uint64 eventNonce,\
    bytes32 rollingHash,uint128 supply)";

/// The facts of a block of Base that is a checkpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Checkpoint {
    /// The number of the block.
    #[serde(with = "diem_core::json::number")]
    pub number: u64,
    /// The hash of the block.
    #[serde(with = "hex::serde")]
    pub block_hash: [u8; 32],
    /// The block's time, in seconds.
    #[serde(with = "diem_core::json::number")]
    pub timestamp: u64,
    /// The number of events that the contract has reported.
    #[serde(with = "diem_core::json::number")]
    pub event_nonce: u64,
    /// The hash over all of them ([`crate::fold`]).
    #[serde(with = "hex::serde")]
    pub rolling_hash: [u8; 32],
    /// The supply of the token, in adiem.
    pub supply: Amount,
}

impl Checkpoint {
    /// The hash of the struct that validators sign.
    pub fn struct_hash(&self) -> [u8; 32] {
        TypedStruct::new(CHECKPOINT_TYPE)
            .number(self.number)
            .word(self.block_hash)
            .number(self.timestamp)
            .number(self.event_nonce)
            .word(self.rolling_hash)
            .number(self.supply.get())
            .hash()
    }
}
