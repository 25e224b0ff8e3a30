//! Keys whose secrets are public: those of the validators and people of development chains.
//!
//! A real chain on one of them belongs to whoever reads the documentation, so a genesis without a part `-dev` in its
//! chain id is refused where such a key stands for anybody. The guard is on the key itself, because the file that holds
//! it may have any name and any origin.

use diem_core::Address;

use crate::{GenesisDoc, genesis::is_development};

/// One line for each key: kind, number, and the public key or address in hex. A test of the node, which has the
/// derivations, makes this file from the secrets and compares.
const TABLE: &str = include_str!("known_keys.txt");

/// A key that everybody knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownKey {
    /// The name of the key in words: `the consensus key of development validator 1`.
    pub name: String,
    id: Id,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Id {
    Consensus([u8; 32]),
    Account(Address),
}

/// Every key of the table, in its order.
fn all() -> impl Iterator<Item = KnownKey> {
    TABLE.lines().filter_map(line)
}

/// A key of the table; `None` for a line that is none, which the test of the table excludes.
fn line(line: &str) -> Option<KnownKey> {
    let mut words = line.split(' ');
    let (kind, number, hex) = (words.next()?, words.next()?, words.next()?);
    let name = match kind {
        "consensus" => format!("the consensus key of development validator {number}"),
        "bridge" => format!("the bridge key of development validator {number}"),
        "operator" => format!("the operator's key of development validator {number}"),
        "ed25519" | "ethereum" => format!("{kind} key {number} of the phrase `test test ... junk`"),
        _ => return None,
    };
    let id = if kind == "consensus" {
        Id::Consensus(hex::decode(hex).ok()?.try_into().ok()?)
    } else {
        Id::Account(hex.parse().ok()?)
    };
    Some(KnownKey { name, id })
}

/// The name of a consensus key that everybody knows.
pub fn known_consensus_key(public_key: &[u8; 32]) -> Option<String> {
    all().find(|known| known.id == Id::Consensus(*public_key)).map(|known| known.name)
}

/// The name of the key of an address, if everybody knows it.
pub fn known_account(address: &Address) -> Option<String> {
    all().find(|known| known.id == Id::Account(*address)).map(|known| known.name)
}

/// The first known key of a genesis and what stands on it; `None` on a chain for development, which may have them.
pub(crate) fn first_of(doc: &GenesisDoc) -> Option<(String, String)> {
    if is_development(&doc.chain_id) {
        return None;
    }
    let used = Used::of(doc);
    all().find_map(|known| used.role(&known.id).map(|role| (role.into(), known.name)))
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
    fn role(&self, id: &Id) -> Option<&'static str> {
        match id {
            Id::Consensus(key) => self.consensus.contains(key).then_some("a validator"),
            Id::Account(address) => {
                let named = self.accounts.iter().find(|(_, used)| used == address).map(|(role, _)| *role);
                named.or_else(|| self.holds_coins(address).then_some("an account"))
            }
        }
    }

    fn holds_coins(&self, address: &Address) -> bool {
        self.doc.app.staking.rows.is_none() && self.doc.app.bank.accounts.contains_key(address)
    }
}
