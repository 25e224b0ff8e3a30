//! The table of svvv.

use borsh::{BorshDeserialize, BorshSerialize};
use diem_core::{Address, Amount, Module as _, cell::Map};
use diem_staking::scaled::digits;
use serde::{Deserialize, Serialize};

use crate::Svvv;

/// Locks by (account, validator).
pub(crate) const LOCKS: Map<(Address, Address), Lock> = Map::new(Svvv::ID, 0);

/// The locked shares of a position, and the DIEM outstanding against them. The validator is part of the key on purpose:
/// whoever locks at two prices chooses by it which average a burn opens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lock {
    /// The locked shares of the validator's tokens.
    #[serde(with = "digits")]
    pub shares: u128,
    /// The DIEM that was minted against them and not burned again, in adiem.
    pub outstanding: Amount,
}

/// The key of a lock's row, for proofs.
pub fn lock_key(account: &Address, validator: &Address) -> diem_core::Key {
    LOCKS.key(&(*account, *validator))
}
