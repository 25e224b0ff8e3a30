//! bank's part of the genesis file.

use std::collections::BTreeMap;

use borsh::{BorshDeserialize, BorshSerialize};
use diem_core::{Address, CallError, Denom, Module as _, StateRead, StateWrite};
use serde::{Deserialize, Serialize};

use crate::{
    Bank, Error, Params, ledger,
    params::{params, set_params},
    query::PoolBalance,
    state::{Account, Pool},
};

/// The accounts that exist from the start; the supply is their sum.
#[derive(Debug, Clone, PartialEq, Eq, Default, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Genesis {
    /// The parameters of the module.
    #[serde(default)]
    pub params: Params,
    /// The row of each account.
    pub accounts: BTreeMap<Address, Account>,
    /// The balances of pools from the start: only an export of a running chain has any.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pools: Vec<PoolBalance>,
}

pub(crate) fn init(state: &mut dyn StateWrite, genesis: &Genesis) -> Result<(), CallError> {
    set_params(state, &genesis.params)?;
    for (address, row) in &genesis.accounts {
        if *address == Address::ZERO {
            return Err(Error::ZeroAddress.into());
        }
        ledger::put(state, address, &Account { nonce: row.nonce, ..Account::default() });
        for denom in Denom::ALL {
            ledger::mint(state, Bank::ID, address, denom, row.balance(denom))?;
        }
    }
    for PoolBalance { pool, denom, amount } in &genesis.pools {
        ledger::mint_to_pool(state, Bank::ID, *pool, *denom, *amount)?;
    }
    Ok(())
}

pub(crate) fn export(state: &dyn StateRead) -> Genesis {
    let mut genesis = Genesis { params: params(state), ..Genesis::default() };
    ledger::for_each_account(state, |address, row| {
        genesis.accounts.insert(address, row);
    });
    for (pool, denom) in Pool::ALL.into_iter().flat_map(|pool| Denom::ALL.map(|denom| (pool, denom))) {
        let amount = ledger::pool(state, pool, denom);
        if !amount.is_zero() {
            genesis.pools.push(PoolBalance { pool, denom, amount });
        }
    }
    genesis
}
