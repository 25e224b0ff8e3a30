//! The chains that come along, for development only: their keys are public.

use diem_core::sha256;

use crate::{Error, GenesisFile};

/// The phrase from which the people of the presets derive their keys. Everyone knows it: never fund it elsewhere.
pub const TEST_MNEMONIC: &str = "test test test test test test test test test test test junk";

/// The SLIP-10 path of a person's key under that phrase, counted from 0 (alice).
pub fn person_path(number: u32) -> String {
    format!("m/44'/60'/0'/0'/{number}'")
}

/// One validator and four people: what the instant engine runs.
pub const DEV: &str = include_str!("../dev/genesis.toml");

/// Four validators and four people: what `diemd devnet` runs.
pub const LOCALNET: &str = include_str!("../localnet/genesis.toml");

/// The preset of that name: `dev` or `localnet`.
///
/// # Errors
/// The text of the preset is wrong, which the tests of this crate exclude.
pub fn preset(name: &str) -> Option<Result<GenesisFile, Error>> {
    let text = match name {
        "dev" => DEV,
        "localnet" => LOCALNET,
        _ => return None,
    };
    Some(GenesisFile::parse(text, name).map_err(Error::from))
}

/// The secret of the consensus key of a preset's validator, counted from 1: sha256 of
/// `diem development validator N`. Public, and therefore only for chains with the `-dev` marker.
pub fn validator_secret(number: usize) -> [u8; 32] {
    sha256(&[format!("diem development validator {number}").as_bytes()])
}
