//! The questions that bank answers.

use borsh::{BorshDeserialize, BorshSerialize};
use diem_core::{Address, Amount, Denom, QueryContext};
use serde::{Deserialize, Serialize};

use crate::{
    Params, ledger,
    state::{Account, Pool},
};

/// A question to bank over ABCI, which is answered by the function of the same name in this file.
#[diem_core::queries]
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
#[diem_core::answers]
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
#[serde(deny_unknown_fields)]
pub struct PoolBalance {
    /// The pool that has the balance.
    pub pool: Pool,
    /// The denomination of the amount.
    pub denom: Denom,
    /// The amount, in base units.
    pub amount: Amount,
}

/// The answer to any question.
pub fn answer(ctx: &QueryContext<'_>, query: Query) -> Answer {
    match query {
        Query::Account(address) => Answer::Account(account(ctx, &address)),
        Query::Supply => Answer::Supply(supply(ctx)),
        Query::Pools => Answer::Pools(pools(ctx)),
        Query::Params => Answer::Params(params(ctx)),
    }
}

/// The row of an account; that of an account never used is empty.
pub fn account(ctx: &QueryContext<'_>, address: &Address) -> Account {
    ledger::account(ctx.state, address)
}

/// The supply of both denominations, and what waits as fees.
pub fn supply(ctx: &QueryContext<'_>) -> Supply {
    Supply {
        vvv: ledger::supply(ctx.state, Denom::Vvv),
        diem: ledger::supply(ctx.state, Denom::Diem),
        fees: ledger::pool(ctx.state, Pool::Fees, Denom::Vvv),
    }
}

/// The balance of every pool in every denomination, in the order of their numbers.
pub fn pools(ctx: &QueryContext<'_>) -> Vec<PoolBalance> {
    let of = |pool| Denom::ALL.map(|denom| PoolBalance { pool, denom, amount: ledger::pool(ctx.state, pool, denom) });
    Pool::ALL.into_iter().flat_map(of).collect()
}

/// The parameters of the module.
pub fn params(ctx: &QueryContext<'_>) -> Params {
    crate::params::params(ctx.state)
}
