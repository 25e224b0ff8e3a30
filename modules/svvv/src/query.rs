//! The questions that svvv answers.

use borsh::{BorshDeserialize, BorshSerialize};
use diem_core::{Address, Amount, Page, QueryContext};
use diem_staking as staking;
use serde::{Deserialize, Serialize};

use crate::{
    locks,
    state::{LOCKS, Lock},
};

/// A question to svvv over ABCI, which is answered by the function of the same name in this file.
#[diem_core::queries]
pub enum Query {
    /// Asks for the account's lock with one validator; it is empty where there is none.
    Lock {
        /// The account that holds the stake.
        account: Address,
        /// The validator that the stake is with.
        validator: Address,
    } = 0,
    /// Asks for the account's locks, by validator.
    Locks {
        /// The account that holds the locks.
        account: Address,
        /// The part of them.
        page: Page<Address>,
    } = 1,
}

/// An answer of svvv.
#[diem_core::answers]
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

/// The answer to any question.
pub fn answer(ctx: &QueryContext<'_>, query: Query) -> Answer {
    match query {
        Query::Lock { account, validator } => Answer::Lock(lock(ctx, &account, &validator)),
        Query::Locks { account, page } => Answer::Locks(locks(ctx, &account, &page)),
    }
}

/// The account's lock with one validator; an empty one where there is none.
pub fn lock(ctx: &QueryContext<'_>, account: &Address, validator: &Address) -> LockView {
    view(ctx, account, *validator, locks::lock_of(ctx.state, account, validator))
}

/// A page of the account's locks, by validator.
pub fn locks(ctx: &QueryContext<'_>, account: &Address, page: &Page<Address>) -> Vec<LockView> {
    let rows = LOCKS.page_of(ctx.state, account, page).into_iter();
    rows.map(|(validator, lock)| view(ctx, account, validator, lock)).collect()
}

fn view(ctx: &QueryContext<'_>, account: &Address, validator: Address, lock: Lock) -> LockView {
    let row = staking::validator(ctx.state, &validator);
    LockView {
        validator,
        locked: row.map_or(Amount::ZERO, |row| row.value_of(lock.shares)),
        free_to_lock: locks::free_to_lock(ctx.state, account, &validator),
        lock,
    }
}
