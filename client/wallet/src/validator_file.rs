//! The consensus key of a validator with its signing state, in one encrypted file, on its way to another machine.
//!
//! The two belong together: a key that comes without the state of its last vote can sign twice.

use diem_core::encoding::HexBytes;
use serde::{Deserialize, Serialize};
use zeroize::{Zeroize as _, Zeroizing};

use crate::{Cost, KeyFileError, file::parse_version, seal::Encrypted};

const VERSION: u32 = 1;

/// The content of the file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ValidatorFile {
    version: u32,
    /// The chain for which the signing state counts.
    pub chain_id: String,
    /// The address of the key in consensus, 20 bytes.
    pub address: HexBytes,
    validator: Encrypted,
}

/// What the file keeps secret.
pub struct ValidatorSecret {
    /// The seed of the ed25519 key.
    pub seed: Zeroizing<[u8; 32]>,
    /// The text of the signing state, as CometBFT has written it.
    pub state: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Payload {
    seed: String,
    state: String,
}

impl Drop for Payload {
    fn drop(&mut self) {
        self.seed.zeroize();
    }
}

impl ValidatorFile {
    /// Encrypts a key and its signing state under `passphrase`.
    ///
    /// # Errors
    /// [`KeyFileError::Randomness`] or [`KeyFileError::Parameters`].
    pub fn seal(
        chain_id: &str,
        address: [u8; 20],
        secret: &ValidatorSecret,
        passphrase: &str,
        cost: Cost,
    ) -> Result<Self, KeyFileError> {
        let (chain_id, address) = (chain_id.to_owned(), HexBytes(address.into()));
        let seed = HexBytes(secret.seed.to_vec());
        let payload = Payload { seed: seed.to_string(), state: secret.state.clone() };
        zeroize_hex(seed);
        #[expect(clippy::expect_used, reason = "two strings are JSON")]
        let plain = Zeroizing::new(serde_json::to_vec(&payload).expect("a payload is JSON"));
        let validator = Encrypted::seal(&plain, &bound(&chain_id, &address), passphrase, cost)?;
        Ok(Self { version: VERSION, chain_id, address, validator })
    }

    /// Decrypts key and signing state.
    ///
    /// # Errors
    /// [`KeyFileError`].
    pub fn open(&self, passphrase: &str) -> Result<ValidatorSecret, KeyFileError> {
        let plain = self.validator.open(&bound(&self.chain_id, &self.address), passphrase)?;
        let form = |what: &str| KeyFileError::Form(what.into());
        let payload: Payload =
            serde_json::from_slice(&plain).map_err(|_| form("it has no key with a signing state"))?;
        let bytes: HexBytes = payload.seed.parse().map_err(|_| form("its key is not hex"))?;
        let mut seed = Zeroizing::new([0; 32]);
        let fits = bytes.0.len() == seed.len();
        if fits {
            seed.copy_from_slice(&bytes.0);
        }
        zeroize_hex(bytes);
        let state = payload.state.clone();
        fits.then_some(ValidatorSecret { seed, state }).ok_or_else(|| form("its key is not 32 bytes long"))
    }

    /// Parses the text of a file.
    ///
    /// # Errors
    /// [`KeyFileError::Form`] or [`KeyFileError::Version`].
    pub fn parse(text: &str) -> Result<Self, KeyFileError> {
        parse_version(text, VERSION)
    }

    /// The text of the file.
    pub fn to_text(&self) -> String {
        #[expect(clippy::expect_used, reason = "the type has string keys only, and memory takes every write")]
        let mut text = serde_json::to_string_pretty(self).expect("a validator file is JSON");
        text.push('\n');
        text
    }
}

/// The data that the ciphertext authenticates.
fn bound(chain_id: &str, address: &HexBytes) -> Vec<u8> {
    format!("diem-validator/{VERSION} {chain_id} {address}").into_bytes()
}

fn zeroize_hex(mut bytes: HexBytes) {
    bytes.0.zeroize();
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    const CHEAP: Cost = Cost { memory_kib: 64, passes: 1 };

    fn file() -> ValidatorFile {
        let state = r#"{"height":"7","round":0,"step":3}"#.into();
        let secret = ValidatorSecret { seed: Zeroizing::new([7; 32]), state };
        ValidatorFile::seal("diem-1", [9; 20], &secret, "correct horse", CHEAP).unwrap()
    }

    #[test]
    fn key_and_state_come_out_as_they_went_in_with_the_passphrase_only() {
        let file = ValidatorFile::parse(&file().to_text()).unwrap();
        let opened = file.open("correct horse").unwrap();
        assert_eq!((*opened.seed, opened.state.contains("\"7\"")), ([7; 32], true));
        for wrong in ["", "correct", "correct horse "] {
            assert!(matches!(file.open(wrong), Err(KeyFileError::Passphrase)));
        }
        assert!(!file.to_text().contains(&"07".repeat(32)) && !file.to_text().contains("height"));
    }

    #[test]
    fn chain_and_address_cannot_be_exchanged_and_other_files_are_named() {
        let file = file();
        let other = ValidatorFile { chain_id: "diem-2".into(), ..file.clone() };
        assert!(matches!(other.open("correct horse"), Err(KeyFileError::Passphrase)));
        let other = ValidatorFile { address: HexBytes(vec![8; 20]), ..file.clone() };
        assert!(matches!(other.open("correct horse"), Err(KeyFileError::Passphrase)));
        let later = file.to_text().replace("\"version\": 1", "\"version\": 2");
        assert_eq!(ValidatorFile::parse(&later), Err(KeyFileError::Version(2)));
        assert!(matches!(ValidatorFile::parse("{\"version\": 1}"), Err(KeyFileError::Form(_))));
    }
}
