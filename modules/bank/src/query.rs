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
    /// Asks for the row of one account; that of an account never used is empty.
    Account(Address) = 0,
    /// Asks for the supply of both denominations, and for what waits as fees.
    Supply = 1,
    /// Asks for the balance of every pool in every denomination.
    Pools = 2,
    /// Asks for the parameters of the module.
    Params = 3,
}

/// An answer of bank.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[borsh(use_discriminant = true)]
#[serde(untagged)]
#[repr(u8)]
pub enum Answer {
    /// The row of the account.
    Account(Account) = 0,
    /// The supply of both denominations.
    Supply(Supply) = 1,
    /// Every pool with every denomination, in the order of their numbers.
    Pools(Vec<PoolBalance>) = 2,
    /// The parameters of the module.
    Params(Params) = 3,
}

/// The supply of both denominations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct Supply {
    /// The supply of VVV, in avvv.
    pub vvv: Amount,
    /// The supply of DIEM, in adiem.
    pub diem: Amount,
    /// The VVV that was paid as fees and not yet shared out.
    pub fees: Amount,
}

/// The balance of a pool in one denomination.
#[derive(Debug, Clone, Copy, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct PoolBalance {
    /// The pool that has the balance.
    pub pool: Pool,
    /// The denomination of the amount.
    pub denom: Denom,
    /// The amount, in base units.
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

/// The supply of both denominations, from a state.
pub fn supply(state: &dyn StateRead) -> Supply {
    Supply {
        vvv: ledger::supply(state, Denom::Vvv),
        diem: ledger::supply(state, Denom::Diem),
        fees: ledger::pool(state, Pool::Fees, Denom::Vvv),
    }
}
