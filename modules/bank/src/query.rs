//! The questions that bank answers.

use borsh::{BorshDeserialize, BorshSerialize};
use diem_core::{Address, Amount, Denom, StateRead};
use serde::{Deserialize, Serialize};

use crate::{
    Params, ledger, params,
    state::{Account, Pool},
};

/// A question to bank.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum Query {
    /// One account; an account never used is empty.
    Account(Address) = 0,
    /// How much there is, and what waits in pools.
    Supply = 1,
    /// What every pool holds of every denomination.
    Pools = 2,
    /// The parameters.
    Params = 3,
}

/// An answer of bank.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[borsh(use_discriminant = true)]
#[serde(untagged)]
#[repr(u8)]
pub enum Answer {
    /// The account's row.
    Account(Account) = 0,
    /// The supply.
    Supply(Supply) = 1,
    /// Every pool with every denomination, in the order of their numbers.
    Pools(Vec<PoolBalance>) = 2,
    /// The parameters.
    Params(Params) = 3,
}

/// How much there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct Supply {
    /// All VVV, in avvv.
    pub vvv: Amount,
    /// All DIEM, in adiem.
    pub diem: Amount,
    /// The VVV that was paid as fees and not yet shared out.
    pub fees: Amount,
}

/// What a pool holds of a denomination.
#[derive(Debug, Clone, Copy, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct PoolBalance {
    /// The pool.
    pub pool: Pool,
    /// The denomination.
    pub denom: Denom,
    /// How much, in base units.
    pub amount: Amount,
}

pub(crate) fn answer(state: &dyn StateRead, query: Query) -> Answer {
    match query {
        Query::Account(address) => Answer::Account(ledger::account(state, &address)),
        Query::Supply => Answer::Supply(supply(state)),
        Query::Pools => Answer::Pools(pools(state)),
        Query::Params => Answer::Params(params::params(state)),
    }
}

fn pools(state: &dyn StateRead) -> Vec<PoolBalance> {
    let of = |pool| Denom::ALL.map(|denom| PoolBalance { pool, denom, amount: ledger::pool(state, pool, denom) });
    Pool::ALL.into_iter().flat_map(of).collect()
}

/// How much there is.
pub fn supply(state: &dyn StateRead) -> Supply {
    Supply {
        vvv: ledger::supply(state, Denom::Vvv),
        diem: ledger::supply(state, Denom::Diem),
        fees: ledger::pool(state, Pool::Fees, Denom::Vvv),
    }
}
