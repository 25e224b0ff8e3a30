//! The check for keys whose secrets are public: they are refused on a chain that is not for development, wherever their
//! files came from.

use std::path::{Path, PathBuf};

use diem_core::development::is_development;
use diem_core::development::{known_account, known_consensus_key};
use diem_core::keys::SecretKey;

/// A key of this home whose secret is public.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{path} holds {key}, which everybody knows, and `{chain_id}` is no chain for development: move the file away, so that this node gets a key of its own"
)]
pub struct KnownKeyError {
    path: PathBuf,
    key: String,
    chain_id: String,
}

/// Refuses the consensus key in the file `path` if its secret is public, unless the chain is for development.
///
/// # Errors
/// [`KnownKeyError`] names the file.
pub fn refuse_consensus(path: &Path, public_key: &[u8; 32], chain_id: &str) -> Result<(), KnownKeyError> {
    refuse(chain_id, || known_consensus_key(public_key), || path.to_path_buf())
}

/// Refuses the bridge key in the file `path` if its secret is public, unless the chain is for development.
///
/// # Errors
/// [`KnownKeyError`] names the file.
pub fn refuse_bridge(path: &Path, key: &SecretKey, chain_id: &str) -> Result<(), KnownKeyError> {
    refuse(chain_id, || known_account(&key.address()), || path.to_path_buf())
}

fn refuse(
    chain_id: &str,
    known: impl FnOnce() -> Option<String>,
    path: impl FnOnce() -> PathBuf,
) -> Result<(), KnownKeyError> {
    if is_development(chain_id) {
        return Ok(());
    }
    known().map_or(Ok(()), |key| Err(KnownKeyError { path: path(), key, chain_id: chain_id.into() }))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use diem_core::{Address, keys::KeyKind};
    use diem_genesis::presets::{self, TEST_MNEMONIC};
    use diem_wallet::derive;

    use super::*;

    /// The number of validators that a chain can have.
    const VALIDATORS: usize = 150;
    /// The number of keys of the phrase that are known by either derivation.
    const PEOPLE: u32 = 100;

    fn table() -> String {
        let mut text = String::new();
        for number in 1..=VALIDATORS {
            let consensus = ed25519_dalek::SigningKey::from_bytes(&presets::validator_secret(number)).verifying_key();
            text += &format!("consensus {number} {}\n", hex::encode(consensus.as_bytes()));
            let bridge = SecretKey::ethereum(&presets::bridge_secret(number)).unwrap().address();
            text += &format!("bridge {number} {}\n", bridge.to_hex());
            text += &format!(
                "operator {number} {}\n",
                SecretKey::ed25519(&presets::operator_secret(number)).address().to_hex()
            );
        }
        let seed = derive::parse_phrase(TEST_MNEMONIC).unwrap().to_seed_normalized("");
        for number in 0..PEOPLE {
            for kind in [KeyKind::Ed25519, KeyKind::Ethereum] {
                let key = derive::of_seed(&seed, kind, &derive::default_path(kind, number)).unwrap();
                text += &format!("{kind} {number} {}\n", key.key().address().to_hex());
            }
        }
        text
    }

    #[test]
    fn the_table_of_known_keys_is_what_their_secrets_give() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../runtime/core/src/known_keys.txt");
        let (table, written) = (table(), std::fs::read_to_string(&path).unwrap_or_default());
        if std::env::var_os("DIEM_UPDATE_DOCS").is_some() {
            std::fs::write(&path, &table).unwrap();
            return;
        }
        assert!(table == written, "run DIEM_UPDATE_DOCS=1 cargo test -p diem-config known");
        // Each line is found under its name, by the address that a genesis would have.
        for line in table.lines() {
            let [kind, number, hex] = line.split(' ').collect::<Vec<_>>().try_into().unwrap();
            let found = match kind {
                "consensus" => known_consensus_key(&hex::decode(hex).unwrap().try_into().unwrap()),
                _ => known_account(&hex.parse().unwrap()),
            };
            assert!(found.unwrap().contains(number), "{line}");
        }
        assert_eq!(known_account(&Address([7; 20])), None);
        assert_eq!(known_consensus_key(&[7; 32]), None);
        // The first account of hardhat and anvil is known from outside of this project.
        let anvil = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266".parse().unwrap();
        assert_eq!(known_account(&anvil).unwrap(), "ethereum key 0 of the phrase `test test ... junk`");
    }
}
