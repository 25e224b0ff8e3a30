//! Chains for development, and the keys whose secrets are public: those of their validators and people.
//!
//! A real chain on one of these keys belongs to whoever reads the documentation. The guard is on the key itself,
//! because the file that holds it may have any name and any origin.

use crate::Address;

/// Whether a chain of this name is for development: one of its parts between dashes is `dev`. Its keys may be public.
pub fn is_development(chain_id: &str) -> bool {
    chain_id.split('-').skip(1).any(|part| part == "dev")
}

/// One line for each key: kind, number, and the public key or address in hex. A test of the node, which has the
/// derivations, makes this file from the secrets and compares.
const TABLE: &str = include_str!("known_keys.txt");

/// A key that everybody knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownKey {
    /// The name of the key in words: `the consensus key of development validator 1`.
    pub name: String,
    /// The public key or the address.
    pub id: KeyId,
}

/// What tells a key that everybody knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyId {
    /// The public key of a validator in consensus.
    Consensus([u8; 32]),
    /// The address of a key of an account, of an operator or of the bridge.
    Account(Address),
}

/// Every key that everybody knows, in the order of the table.
pub fn known_keys() -> impl Iterator<Item = KnownKey> {
    TABLE.lines().filter_map(line)
}

/// A key of the table; `None` for a line that names no key, which the test of the table excludes.
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
        KeyId::Consensus(hex::decode(hex).ok()?.try_into().ok()?)
    } else {
        KeyId::Account(hex.parse().ok()?)
    };
    Some(KnownKey { name, id })
}

/// The name of a consensus key that everybody knows.
pub fn known_consensus_key(public_key: &[u8; 32]) -> Option<String> {
    known_keys().find(|known| known.id == KeyId::Consensus(*public_key)).map(|known| known.name)
}

/// The name of the key of an address, if everybody knows it.
pub fn known_account(address: &Address) -> Option<String> {
    known_keys().find(|known| known.id == KeyId::Account(*address)).map(|known| known.name)
}
