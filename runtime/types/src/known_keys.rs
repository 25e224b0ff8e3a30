//! Keys whose secrets are public, in a genesis: a chain without a part `-dev` in its chain id is refused where such a
//! key stands for anybody.

use diem_core::{
    Address,
    development::{KeyId, is_development, known_keys},
};

use crate::GenesisDoc;

/// The first known key of a genesis and what stands on it; `None` on a chain for development, which may have them.
pub(crate) fn first_of(doc: &GenesisDoc) -> Option<(String, String)> {
    if is_development(&doc.chain_id) {
        return None;
    }
    let used = Used::of(doc);
    known_keys().find_map(|known| used.role(&known.id).map(|role| (role.into(), known.name)))
}

/// The keys and accounts that a genesis names, by role. The accounts themselves are looked up in their own map.
struct Used<'a> {
    doc: &'a GenesisDoc,
    accounts: Vec<(&'static str, Address)>,
    consensus: Vec<[u8; 32]>,
}

impl<'a> Used<'a> {
    fn of(doc: &'a GenesisDoc) -> Self {
        let (staking, credits) = (&doc.app.staking, &doc.app.credits);
        let mut consensus: Vec<[u8; 32]> = doc.validators.iter().map(|validator| validator.public_key).collect();
        let mut accounts = vec![("the authority over providers", credits.params.authority)];
        for validator in &staking.validators {
            consensus.push(validator.validator.consensus_key);
            accounts.push(("the operator of a validator", validator.operator));
            accounts.push(("the bridge key of a validator", validator.validator.bridge_address));
        }
        // On a chain that ran, anybody may have made a row for any address at the price of a transaction, and must not
        // be able to make its export useless. Those who make its blocks are another matter.
        for (operator, validator) in staking.rows.iter().flat_map(|rows| &rows.validators) {
            if consensus.contains(&validator.consensus_key) {
                accounts.push(("the operator of a validator", *operator));
                accounts.push(("the bridge key of a validator", validator.bridge_address));
            }
        }
        for provider in &credits.providers {
            accounts.push(("a provider", provider.provider));
            accounts.extend(provider.payout.map(|payout| ("whom a provider has paid", payout)));
        }
        for stake in &staking.stakes {
            accounts.push(("who stakes VVV", stake.account));
        }
        for stake in &credits.stakes {
            accounts.push(("who stakes DIEM", stake.staker));
            accounts.extend(stake.beneficiary.map(|beneficiary| ("whose credit staked DIEM is", beneficiary)));
        }
        Self { doc, accounts, consensus }
    }

    /// The role of the key in the genesis, if it has one.
    fn role(&self, id: &KeyId) -> Option<&'static str> {
        match id {
            KeyId::Consensus(key) => self.consensus.contains(key).then_some("a validator"),
            KeyId::Account(address) => {
                let named = self.accounts.iter().find(|(_, used)| used == address).map(|(role, _)| *role);
                named.or_else(|| self.holds_coins(address).then_some("an account"))
            }
        }
    }

    fn holds_coins(&self, address: &Address) -> bool {
        self.doc.app.staking.rows.is_none() && self.doc.app.bank.accounts.contains_key(address)
    }
}
