//! The two keys of a CometBFT home: the one that signs votes and the one that names the node to its peers.
//!
//! Both are made once and never overwritten. The state of the signing key (the last vote that it signed) is made
//! together with it and never again: a validator that forgets it can sign twice and be punished for it.

use std::{
    io,
    path::{Path, PathBuf},
};

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use diem_core::keys::SecretKey;
use diem_core::sha256;
use diem_host::home::{HomeError, write_new, write_whole};
use ed25519_dalek::SigningKey;
use rand::Rng as _;
use serde::Deserialize;
use serde_json::json;
use zeroize::{Zeroize as _, Zeroizing};

use crate::signing_state;

const PRIVATE: &str = "tendermint/PrivKeyEd25519";
const PUBLIC: &str = "tendermint/PubKeyEd25519";

/// The reason why a key cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// An operation of the file system failed.
    #[error("{path}: {error}")]
    Io {
        /// The path of the file.
        path: PathBuf,
        /// The error of the operating system.
        error: io::Error,
    },
    /// A file cannot be replaced.
    #[error(transparent)]
    Home(#[from] HomeError),
    /// The file does not have the form of a CometBFT key.
    #[error("{path} holds no CometBFT ed25519 key: restore it from your backup")]
    Unreadable {
        /// The path of the file.
        path: PathBuf,
    },
    /// The signing state exists, but its key is missing.
    #[error(
        "{path} is missing although its signing state {state} is there, and a validator's key is never made anew by itself: \
         restore it from your backup, or bring it back with `diemd validator import-key`. If this node is no validator, move \
         the signing state away too: the next start then makes a new key"
    )]
    KeyMissing {
        /// The path of the key.
        path: PathBuf,
        /// The path of the signing state.
        state: PathBuf,
    },
    /// The key exists, but its signing state is missing.
    #[error(
        "{path} is missing although its signing key exists, and a validator without it may sign twice and be punished: restore \
         it from the home that signed last; if it is lost, start once with --i-know-that-no-other-node-signs ADDRESS (as in \
         priv_validator_key.json)"
    )]
    SigningStateMissing {
        /// The path of the signing state.
        path: PathBuf,
    },
    /// The signing state cannot be read.
    #[error(
        "{path} does not say what its signing key signed last, and a validator without it may sign twice and be punished: \
         restore it from the home that signed last; if it is lost, remove the file and start once with \
         --i-know-that-no-other-node-signs ADDRESS (as in priv_validator_key.json)"
    )]
    SigningStateUnreadable {
        /// The path of the signing state.
        path: PathBuf,
    },
}

/// The public half of the key that signs votes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ValidatorKey {
    /// The ed25519 public key.
    pub public_key: [u8; 32],
}

impl ValidatorKey {
    /// The validator's address in consensus.
    pub fn address(&self) -> [u8; 20] {
        address(&self.public_key)
    }
}

/// The key that names a node to its peers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeKey {
    /// The peer id of the node: 40 hexadecimal digits.
    pub id: String,
}

/// The first 20 bytes of the sha256 of a key, by which consensus names validators and nodes.
pub fn address(public_key: &[u8; 32]) -> [u8; 20] {
    let [first @ .., _, _, _, _, _, _, _, _, _, _, _, _] = sha256(&[public_key]);
    first
}

#[derive(Deserialize)]
struct Typed {
    r#type: String,
    value: String,
}

impl Drop for Typed {
    fn drop(&mut self) {
        self.value.zeroize();
    }
}

#[derive(Deserialize)]
struct KeyFile {
    priv_key: Typed,
}

/// Reads the validator's key of the CometBFT home `home`; if it never had one, as where a remote signer had it, makes it with
/// its signing state.
///
/// # Errors
/// [`KeyError`]; [`KeyError::KeyMissing`] where the home had a key.
pub fn validator_key(home: &Path) -> Result<ValidatorKey, KeyError> {
    if let Some(key) = found_validator_key(home)? {
        return Ok(ValidatorKey { public_key: key.verifying_key().to_bytes() });
    }
    let (path, state) = (key_file_of(home), signing_state::file_of(home));
    if state.exists() {
        return Err(KeyError::KeyMissing { path, state });
    }
    write_validator_key(home, &generate())
}

/// Reads the validator's key of the CometBFT home `home`, if there is one. Writes nothing.
///
/// # Errors
/// [`KeyError`]: the key cannot be read, or its signing state is missing.
pub fn found_validator_key(home: &Path) -> Result<Option<SigningKey>, KeyError> {
    let key_file = key_file_of(home);
    if !key_file.exists() {
        return Ok(None);
    }
    signing_state::height(&signing_state::file_of(home))?;
    read(&key_file).map(Some)
}

/// Reads the validator's key of the CometBFT home `home` to sign what is no vote: the proof that its operator holds it.
///
/// # Errors
/// [`KeyError`]: the file is missing, unreadable or holds no key.
pub fn validator_signing_key(home: &Path) -> Result<SecretKey, KeyError> {
    signing_key_of(&key_file_of(home))
}

/// Reads a validator's key from a file as CometBFT writes it, wherever it lies, to sign what is no vote.
///
/// # Errors
/// [`KeyError`]: the file is missing, unreadable or holds no key.
pub fn signing_key_of(file: &Path) -> Result<SecretKey, KeyError> {
    Ok(SecretKey::ed25519(&Zeroizing::new(read(file)?.to_bytes())))
}

/// The address of the validator's key in the CometBFT home `home`, whatever its signing state.
///
/// # Errors
/// [`KeyError`]: the file is missing, unreadable or holds no key.
pub fn key_address(home: &Path) -> Result<[u8; 20], KeyError> {
    read(&key_file_of(home)).map(|key| address(&key.verifying_key().to_bytes()))
}

/// Puts a key into the CometBFT home `home` as its validator's, with a fresh signing state. This is for keys that never
/// signed: those of a local network whose genesis was made before its homes.
///
/// # Errors
/// [`KeyError`]; a key that is there already is never overwritten.
pub fn write_validator_key(home: &Path, key: &SigningKey) -> Result<ValidatorKey, KeyError> {
    let public_key = key.verifying_key().to_bytes();
    // The state is written first: if the process dies in between, the next call makes a key for it.
    let state = json!({ "height": "0", "round": 0, "step": 0 });
    let state_file = signing_state::file_of(home);
    if !state_file.exists() {
        create(&state_file, &state.to_string())?;
    }
    create(&key_file_of(home), &key_text(key))?;
    Ok(ValidatorKey { public_key })
}

/// Puts a key into the CometBFT home `home` in place of the one that is there; its signing state is there already.
///
/// # Errors
/// [`KeyError`]: the disk refuses.
pub fn replace_validator_key(home: &Path, key: &SigningKey) -> Result<(), KeyError> {
    let path = key_file_of(home);
    let folder = path.parent().unwrap_or(&path);
    std::fs::create_dir_all(folder).map_err(|error| io_error(folder, error))?;
    Ok(write_whole(&path, &key_text(key))?)
}

/// The place of the validator's key in the CometBFT home `home`.
pub fn key_file_of(home: &Path) -> PathBuf {
    home.join("config/priv_validator_key.json")
}

/// The text of a validator's key file, as CometBFT reads it.
fn key_text(key: &SigningKey) -> Zeroizing<String> {
    let public_key = key.verifying_key().to_bytes();
    Zeroizing::new(
        json!({
            "address": hex::encode_upper(address(&public_key)),
            "pub_key": { "type": PUBLIC, "value": BASE64.encode(public_key) },
            "priv_key": { "type": PRIVATE, "value": encode(key).as_str() },
        })
        .to_string(),
    )
}

/// Reads the node key of the CometBFT home `home`; makes it if there is none.
///
/// # Errors
/// [`KeyError`].
pub fn node_key(home: &Path) -> Result<NodeKey, KeyError> {
    let path = node_key_file_of(home);
    let key = if path.exists() {
        read(&path)?
    } else {
        let key = generate();
        let file = json!({ "priv_key": { "type": PRIVATE, "value": encode(&key).as_str() } });
        create(&path, &Zeroizing::new(file.to_string()))?;
        key
    };
    Ok(NodeKey { id: hex::encode(address(&key.verifying_key().to_bytes())) })
}

/// The place of the node key in the CometBFT home `home`.
pub fn node_key_file_of(home: &Path) -> PathBuf {
    home.join("config/node_key.json")
}

/// Generates a key from the system's randomness.
pub fn generate() -> SigningKey {
    let mut seed = Zeroizing::new([0u8; 32]);
    rand::rng().fill_bytes(seed.as_mut());
    SigningKey::from_bytes(&seed)
}

/// The key in CometBFT's encoding, which has seed and public key side by side.
fn encode(key: &SigningKey) -> Zeroizing<String> {
    Zeroizing::new(BASE64.encode(Zeroizing::new(key.to_keypair_bytes())))
}

fn read(path: &Path) -> Result<SigningKey, KeyError> {
    let text = Zeroizing::new(std::fs::read_to_string(path).map_err(|error| io_error(path, error))?);
    let decode = || {
        let file: KeyFile = serde_json::from_str(&text).ok()?;
        let bytes = Zeroizing::new(BASE64.decode(file.priv_key.value.as_bytes()).ok()?);
        let pair: Zeroizing<[u8; 64]> = Zeroizing::new(bytes.as_slice().try_into().ok()?);
        (file.priv_key.r#type == PRIVATE).then_some(())?;
        SigningKey::from_keypair_bytes(&pair).ok()
    };
    decode().ok_or_else(|| KeyError::Unreadable { path: path.into() })
}

/// Writes a new file with access for this user alone, and returns when the disk has it.
fn create(path: &Path, text: &str) -> Result<(), KeyError> {
    let folder = path.parent().unwrap_or(path);
    std::fs::create_dir_all(folder).and_then(|()| write_new(path, text)).map_err(|error| io_error(path, error))
}

pub(crate) fn io_error(path: &Path, error: io::Error) -> KeyError {
    KeyError::Io { path: path.into(), error }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    /// CometBFT 0.38.25 itself has written this key (`cometbft init`).
    const COMET_KEY: &str = r#"{
      "address": "C7E12BA01ACF6E52A198EBD59AB8C408AD87502B",
      "pub_key": { "type": "tendermint/PubKeyEd25519", "value": "NjTtYifox3avYt/eAQH5/VF2W4AxtGxF66mUx5BEazw=" },
      "priv_key": { "type": "tendermint/PrivKeyEd25519",
        "value": "6v1jJlJ6oXl9XIJcIxts58NqN2TfVCorPVTY8mSk8Lo2NO1iJ+jHdq9i394BAfn9UXZbgDG0bEXrqZTHkERrPA==" }
    }"#;

    /// CometBFT 0.38.25 has written this state after its first precommit.
    const COMET_STATE: &str = r#"{
      "height": "7",
      "round": 0,
      "step": 3,
      "signature": "q83vEjRWeJA=",
      "signbytes": "71080211"
    }"#;

    #[test]
    fn a_signing_state_that_does_not_say_what_was_signed_is_refused_and_kept() {
        let home = tempfile::tempdir().unwrap();
        validator_key(home.path()).unwrap();
        let file = home.path().join("data/priv_validator_state.json");
        for text in ["", "{}", "{\"height\":\"x\",\"round\":0,\"step\":0}", "\0\0\0\0"] {
            std::fs::write(&file, text).unwrap();
            let error = validator_key(home.path()).unwrap_err();
            assert!(matches!(error, KeyError::SigningStateUnreadable { .. }), "{text}: {error}");
            assert!(error.to_string().contains("may sign twice and be punished"), "{error}");
            assert_eq!(std::fs::read_to_string(&file).unwrap(), text);
        }
    }

    #[test]
    fn a_key_that_cometbft_made_is_read() {
        let home = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(home.path().join("config")).unwrap();
        std::fs::create_dir_all(home.path().join("data")).unwrap();
        std::fs::write(home.path().join("config/priv_validator_key.json"), COMET_KEY).unwrap();
        std::fs::write(home.path().join("data/priv_validator_state.json"), COMET_STATE).unwrap();
        let key = validator_key(home.path()).unwrap();
        assert_eq!(hex::encode_upper(key.address()), "C7E12BA01ACF6E52A198EBD59AB8C408AD87502B");
        assert_eq!(BASE64.encode(key.public_key), "NjTtYifox3avYt/eAQH5/VF2W4AxtGxF66mUx5BEazw=");
    }

    #[test]
    fn keys_are_made_once_for_their_owner_alone() {
        let home = tempfile::tempdir().unwrap();
        let (validator, node) = (validator_key(home.path()).unwrap(), node_key(home.path()).unwrap());
        assert_eq!(validator_key(home.path()).unwrap(), validator);
        assert_eq!(node_key(home.path()).unwrap(), node);
        assert_eq!(node.id.len(), 40);
        for file in ["config/priv_validator_key.json", "config/node_key.json", "data/priv_validator_state.json"] {
            let mode = std::fs::metadata(home.path().join(file)).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600, "{file}");
        }
        let other = SigningKey::from_bytes(&[7; 32]);
        assert!(write_validator_key(home.path(), &other).is_err());
        assert_eq!(validator_key(home.path()).unwrap(), validator);
    }

    #[test]
    fn a_key_is_never_made_where_there_was_one() {
        let home = tempfile::tempdir().unwrap();
        validator_key(home.path()).unwrap();
        std::fs::remove_file(key_file_of(home.path())).unwrap();
        let error = validator_key(home.path()).unwrap_err();
        assert!(matches!(error, KeyError::KeyMissing { .. }), "{error}");
        assert!(!key_file_of(home.path()).exists());
        std::fs::remove_file(signing_state::file_of(home.path())).unwrap();
        validator_key(home.path()).unwrap();
    }

    #[test]
    fn a_signing_state_is_never_made_for_a_key_that_may_have_signed() {
        let home = tempfile::tempdir().unwrap();
        validator_key(home.path()).unwrap();
        std::fs::remove_file(home.path().join("data/priv_validator_state.json")).unwrap();
        let error = validator_key(home.path()).unwrap_err();
        assert!(matches!(error, KeyError::SigningStateMissing { .. }), "{error}");
        assert!(!home.path().join("data/priv_validator_state.json").exists());
    }

    #[test]
    fn a_damaged_key_is_named_and_kept() {
        let home = tempfile::tempdir().unwrap();
        node_key(home.path()).unwrap();
        let path = home.path().join("config/node_key.json");
        std::fs::write(&path, "{}").unwrap();
        assert!(matches!(node_key(home.path()), Err(KeyError::Unreadable { .. })));
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "{}");
    }
}
