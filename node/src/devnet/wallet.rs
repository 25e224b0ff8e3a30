//! The keys of the people of a devnet, ready for `--from alice`.

use std::path::{Path, PathBuf};

use diem_client::build::KeyKind;
use diem_genesis::presets::{TEST_MNEMONIC, person_path};

use super::{DevnetError, homes::Plan};
use crate::keys::{KeyFile, KeyStore, KeyStoreError, derive};

/// Where the keys are.
pub(super) struct Wallet {
    pub(super) home: PathBuf,
    /// Names that belong to other keys there.
    pub(super) taken: Vec<String>,
}

/// Puts the keys of the genesis' people into the wallet, where their names are free.
pub(super) fn fill(home: &Path, plan: &Plan) -> Result<Wallet, DevnetError> {
    let usage = |error: &dyn std::fmt::Display| DevnetError::Usage(error.to_string());
    let store = KeyStore::of_home(home);
    let phrase = derive::parse_phrase(TEST_MNEMONIC).map_err(|error| usage(&error))?;
    let mut taken = Vec::new();
    for (number, person) in (0u32..).zip(&plan.file.accounts) {
        let Some(name) = &person.name else { continue };
        let path = person_path(number);
        let secret = derive::derive(&phrase, KeyKind::Ed25519, &path).map_err(|error| usage(&error))?;
        let key = KeyFile::plain(&secret, Some(path), &plan.genesis.chain_id).map_err(|error| usage(&error))?;
        match store.add(name, &key) {
            Ok(()) => {}
            Err(KeyStoreError::Exists(_)) => {
                let same = store.get(name).is_ok_and(|found| found.address == person.address);
                taken.extend((!same).then(|| name.clone()));
            }
            Err(error) => return Err(usage(&error)),
        }
    }
    Ok(Wallet { home: home.to_path_buf(), taken })
}
