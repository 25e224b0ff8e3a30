//! The questions that svvv answers.

use borsh::{BorshDeserialize, BorshSerialize};
use diem_core::{Address, Amount, StateRead};
use diem_staking as staking;
use serde::{Deserialize, Serialize};

use crate::{
    locks,
    state::{LOCKS, Lock},
};

/// The most rows of an answer.
pub const MAX_PAGE: usize = 200;

/// A question to svvv.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum Query {
    /// The account's lock with one validator; an empty one where there is none.
    Lock {
        /// The account that holds the stake.
        account: Address,
        /// The validator that the stake is with.
        validator: Address,
    } = 0,
    /// The account's locks by validator, after `after`, at most [`MAX_PAGE`].
    Locks {
        /// The account that holds the locks.
        account: Address,
        /// The last validator of the page before.
        after: Option<Address>,
    } = 1,
}

/// An answer of svvv.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[borsh(use_discriminant = true)]
#[serde(untagged)]
#[repr(u8)]
pub enum Answer {
    /// The lock with one validator.
    Lock(LockView) = 0,
    /// A page of the account's locks.
    Locks(Vec<LockView>) = 1,
}

/// A lock with what it is worth now.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct LockView {
    /// The validator that the stake is with.
    pub validator: Address,
    /// The value that is locked, in avvv.
    pub locked: Amount,
    /// The value that may be locked besides, in avvv.
    pub free_to_lock: Amount,
    /// The row of the lock.
    pub lock: Lock,
}

pub(crate) fn answer(state: &dyn StateRead, query: Query) -> Answer {
    match query {
        Query::Lock { account, validator } => {
            Answer::Lock(view(state, &account, validator, locks::lock_of(state, &account, &validator)))
        }
        Query::Locks { account, after } => {
            let from = after.map(|validator| (account, validator));
            let page = LOCKS.prefix(state, &account, from.as_ref(), MAX_PAGE.saturating_add(1)).into_iter();
            let page = page.filter(|((_, validator), _)| Some(*validator) != after).take(MAX_PAGE);
            Answer::Locks(page.map(|((_, validator), lock)| view(state, &account, validator, lock)).collect())
        }
    }
}

fn view(state: &dyn StateRead, account: &Address, validator: Address, lock: Lock) -> LockView {
    let row = staking::validator(state, &validator);
    LockView {
        validator,
        locked: row.map_or(Amount::ZERO, |row| row.value_of(lock.shares)),
        free_to_lock: locks::free_to_lock(state, account, &validator),
        lock,
    }
}
