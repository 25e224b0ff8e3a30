//! The bridge keys of a home. A rotated key signs until a set without it is installed on Base, so that a home may have
//! several files.

use std::collections::BTreeMap;

use diem_config::{bridge_key::bridge_keys, known_keys};
use diem_core::{
    Address,
    keys::{EthereumKey, SecretKey},
};
use diem_host::home::Home;

/// The places where the signer finds its keys.
#[derive(Clone)]
pub struct Keys {
    home: Home,
    chain_id: String,
    development: Vec<EthereumKey>,
}

/// The keys that were found, and what is wrong with the files that could not be used.
#[derive(Default)]
pub(crate) struct Found {
    pub(crate) keys: Vec<(Address, EthereumKey)>,
    pub(crate) faults: Vec<String>,
}

impl Keys {
    /// The key files of `home`, which signs for the chain of that name.
    pub const fn of_home(home: Home, chain_id: String) -> Self {
        Self { home, chain_id, development: Vec::new() }
    }

    /// These keys too, whose secrets everyone knows: the development engine signs for every validator.
    #[must_use]
    pub fn and_development(mut self, keys: Vec<EthereumKey>) -> Self {
        self.development = keys;
        self
    }

    /// Reads all of them anew.
    pub(crate) fn find(&self) -> Found {
        let mut found = Found::default();
        let mut keys: BTreeMap<Address, EthereumKey> =
            self.development.iter().map(|key| (key.address(), key.clone())).collect();
        for (path, read) in bridge_keys(&self.home) {
            let key = match read {
                Ok(key) => key,
                Err(error) => {
                    found.faults.push(error.to_string());
                    continue;
                }
            };
            if let Err(error) = known_keys::refuse_bridge(&path, &key, &self.chain_id) {
                found.faults.push(error.to_string());
            } else if let SecretKey::Ethereum(key) = key {
                keys.insert(key.address(), key);
            }
        }
        found.keys = keys.into_iter().collect();
        found
    }
}
