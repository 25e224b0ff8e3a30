//! The tables of bank.

use borsh::{BorshDeserialize, BorshSerialize};
use diem_core::{
    Address, Amount, Denom, Key, Module as _,
    cell::{Item, KeyPart, Map},
};
use serde::{Deserialize, Serialize};

use crate::{Bank, Params};

/// Every account that has something, or has sent a transaction.
pub(crate) const ACCOUNTS: Map<Address, Account> = Map::new(Bank::ID, 0);
/// The supply of each denomination.
pub(crate) const SUPPLY: Map<Denom, Amount> = Map::new(Bank::ID, 1);
/// The balances of the pools, by pool and denomination.
pub(crate) const POOLS: Map<(Pool, Denom), Amount> = Map::new(Bank::ID, 2);
/// The parameters of the module.
pub(crate) const PARAMS: Item<Params> = Item::new(Bank::ID, 3);

/// The row of an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Account {
    /// The number of transactions that the account has sent.
    #[serde(default)]
    pub nonce: u64,
    /// The balance of VVV, in avvv.
    #[serde(default)]
    pub vvv: Amount,
    /// The balance of DIEM, in adiem.
    #[serde(default)]
    pub diem: Amount,
}

impl Account {
    /// The balance in `denom`.
    pub const fn balance(&self, denom: Denom) -> Amount {
        match denom {
            Denom::Vvv => self.vvv,
            Denom::Diem => self.diem,
        }
    }

    pub(crate) const fn balance_mut(&mut self, denom: Denom) -> &mut Amount {
        match denom {
            Denom::Vvv => &mut self.vvv,
            Denom::Diem => &mut self.diem,
        }
    }
}

/// A named pool: value on its way from one owner to the next.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, BorshSerialize, BorshDeserialize, Serialize, Deserialize,
)]
#[borsh(use_discriminant = true)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum Pool {
    /// Transaction fees of the block, until they are shared out.
    Fees = 0,
    /// VVV that is staked or waits to be paid out after unstaking.
    Bonded = 1,
    /// VVV that stakers have earned and not claimed, and what the divisions left.
    Rewards = 2,
    /// VVV that locked stake has paid since the last day closed.
    Rent = 3,
    /// VVV that belongs to providers for settled days and is not paid yet.
    Payouts = 4,
    /// VVV that nobody may spend without a proposal.
    Treasury = 5,
    /// VVV that providers have put up.
    ProviderBonds = 6,
    /// DIEM that gives credit, or cools down after it did.
    StakedDiem = 7,
    /// DIEM that went to Base, is on its way there, or on its way back.
    BridgeEscrow = 8,
}

impl Pool {
    /// All pools, in the order of their numbers.
    pub const ALL: [Self; 9] = [
        Self::Fees,
        Self::Bonded,
        Self::Rewards,
        Self::Rent,
        Self::Payouts,
        Self::Treasury,
        Self::ProviderBonds,
        Self::StakedDiem,
        Self::BridgeEscrow,
    ];

    /// The name of the pool, as JSON has it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Fees => "fees",
            Self::Bonded => "bonded",
            Self::Rewards => "rewards",
            Self::Rent => "rent",
            Self::Payouts => "payouts",
            Self::Treasury => "treasury",
            Self::ProviderBonds => "provider_bonds",
            Self::StakedDiem => "staked_diem",
            Self::BridgeEscrow => "bridge_escrow",
        }
    }
}

impl KeyPart for Pool {
    const WIDTH: usize = 1;
    fn write(&self, key: &mut Key) {
        key.push(*self as u8);
    }
    fn read(bytes: &[u8]) -> Option<Self> {
        Self::ALL.into_iter().find(|pool| [*pool as u8] == bytes)
    }
}

/// The key of an account's row, for proofs.
pub fn account_key(address: &Address) -> Key {
    ACCOUNTS.key(address)
}

/// The address of the account whose row has this key; `None` if it is the key of another row.
pub fn account_of(key: &[u8]) -> Option<Address> {
    let address = key.strip_prefix(account_key(&Address::ZERO).get(..2)?)?;
    address.try_into().ok().map(Address)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_owner_of_a_row_is_in_its_key() {
        let address = Address([9; 20]);
        assert_eq!(account_of(&account_key(&address)), Some(address));
        for other in
            [&SUPPLY.key(&Denom::Vvv)[..], &POOLS.key(&(Pool::Bonded, Denom::Diem)), &account_key(&address)[1..], b""]
        {
            assert_eq!(account_of(other), None);
        }
    }
}
