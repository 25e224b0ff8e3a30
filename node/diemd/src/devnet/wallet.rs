//! The keys of the people of a devnet, ready for `--from alice`.

use std::path::{Path, PathBuf};

use diem_api::Hash;
use diem_cli::chains::Chains;
use diem_client::{GasTable, KnownChain};
use diem_core::keys::KeyKind;
use diem_genesis::presets::{self, TEST_MNEMONIC, person_path};
use diem_wallet::{KeyFile, KeyStore, KeyStoreError, Secret, derive};
use zeroize::Zeroizing;

use super::{DevnetError, MAX_VALIDATORS, homes::Plan};

/// The wallet of a devnet: its home, and the names that could not be used.
pub(super) struct Wallet {
    pub(super) home: PathBuf,
    /// The names that belong to other keys in the wallet.
    pub(super) taken: Vec<String>,
}

/// The person whose DIEM goes to Base, and the name of the key to the account there.
pub(crate) const BRIDGES: &str = "dave";
pub(crate) const ON_BASE: &str = "dave-on-base";

/// The secret of an operator's account, if `name` is that of one: those are not derived from the phrase.
fn operator_secret(name: &str) -> Option<[u8; 32]> {
    let number = (1..=MAX_VALIDATORS).find(|number| presets::validator_name(*number) == name)?;
    Some(presets::operator_secret(number))
}

/// Checks that the home of the wallet is a folder or can become one. It may lie in the devnet's folder, which is made
/// after this check.
pub(super) fn check(home: &Path) -> Result<(), DevnetError> {
    let home = std::path::absolute(home).map_err(DevnetError::io(home.display().to_string()))?;
    match home.ancestors().find(|place| place.symlink_metadata().is_ok()) {
        Some(place) if !place.is_dir() => Err(DevnetError::Usage(format!(
            "the wallet's home {}: {} is no folder: name another one with --home",
            home.display(),
            place.display()
        ))),
        _ => Ok(()),
    }
}

/// Puts the keys of the genesis' people into the wallet, where their names are free, and records the chain that the
/// chain id stands for.
pub(super) fn fill(home: &Path, plan: &Plan) -> Result<Wallet, DevnetError> {
    let usage = |error: &dyn std::fmt::Display| DevnetError::Usage(error.to_string());
    let store = KeyStore::of_home(home);
    let phrase = derive::parse_phrase(TEST_MNEMONIC).map_err(|error| usage(&error))?;
    let mut taken = Vec::new();
    let mut add = |name: &str, key: &KeyFile| match store.add(name, key) {
        Ok(()) => Ok(()),
        Err(KeyStoreError::Exists(_)) => {
            let same = store.get(name).is_ok_and(|found| found.address == key.address);
            taken.extend((!same).then(|| name.to_owned()));
            Ok(())
        }
        Err(error) => Err(usage(&error)),
    };
    for (number, person) in (0u32..).zip(&plan.file.accounts) {
        let Some(name) = &person.name else { continue };
        let (secret, path) = match operator_secret(name) {
            Some(secret) => {
                (Secret::new(KeyKind::Ed25519, Zeroizing::new(secret)).ok_or_else(|| usage(&"no key"))?, None)
            }
            None => {
                let path = person_path(number);
                (derive::derive(&phrase, KeyKind::Ed25519, &path).map_err(|error| usage(&error))?, Some(path))
            }
        };
        let key = KeyFile::plain(&secret, path, &plan.genesis.chain_id).map_err(|error| usage(&error))?;
        add(name, &key)?;
        if name == BRIDGES {
            // On Base only an Ethereum key burns: that of the account of the same number there.
            let path = derive::default_path(KeyKind::Ethereum, number);
            let secret = derive::derive(&phrase, KeyKind::Ethereum, &path).map_err(|error| usage(&error))?;
            let key = KeyFile::plain(&secret, Some(path), &plan.genesis.chain_id).map_err(|error| usage(&error))?;
            add(ON_BASE, &key)?;
        }
    }
    // Whoever starts a chain anew knows that its name stands for another one now.
    let chain = KnownChain {
        chain_id: plan.genesis.chain_id.clone(),
        genesis_hash: Hash(plan.genesis.hash()),
        min_gas_price: plan.genesis.app.gas.min_price,
        gas: GasTable::of(&plan.genesis.app.gas),
    };
    Chains::of_home(home).put(&chain).map_err(|error| usage(&error))?;
    Ok(Wallet { home: home.to_path_buf(), taken })
}
