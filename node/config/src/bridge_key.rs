//! The key with which a validator signs for the bridge: a file of its home, for its owner alone.

use std::{fs, io, path::PathBuf};

use diem_core::{Address, keys::SecretKey};
use diem_host::home::{Home, HomeError};
use rand::Rng as _;
use serde::{Deserialize, Serialize};
use zeroize::{Zeroize as _, Zeroizing};

/// The reason why there is no bridge key.
#[derive(Debug, thiserror::Error)]
pub enum BridgeKeyError {
    /// The file cannot be read.
    #[error("{path}: {source}")]
    Read {
        /// The path of the file.
        path: PathBuf,
        /// The error of the operating system.
        source: io::Error,
    },
    /// The file cannot be written.
    #[error(transparent)]
    Home(#[from] HomeError),
    /// The file holds no key.
    #[error(
        "{0} holds no key of the bridge: restore it from a copy, or move it away to get a new one, which the chain has to be told"
    )]
    Malformed(PathBuf),
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    address: Address,
    #[serde(with = "hex::serde")]
    secret: [u8; 32],
}

/// Reads the bridge key of `home`; makes one if there is none yet.
///
/// # Errors
/// [`BridgeKeyError`] with the path of the file.
pub fn bridge_key(home: &Home) -> Result<SecretKey, BridgeKeyError> {
    if let Some(key) = found_bridge_key(home)? {
        return Ok(key);
    }
    let (secret, key) = generate();
    write_bridge_key(home, &secret, &key)?;
    Ok(key)
}

/// Reads the bridge key that is in `home`, if there is one. Writes nothing.
///
/// # Errors
/// [`BridgeKeyError`] with the path of the file.
pub fn found_bridge_key(home: &Home) -> Result<Option<SecretKey>, BridgeKeyError> {
    let path = home.bridge_key_file();
    match fs::read_to_string(&path) {
        Ok(text) => read(&Zeroizing::new(text)).map(Some).ok_or(BridgeKeyError::Malformed(path)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(BridgeKeyError::Read { path, source }),
    }
}

/// Makes a new bridge key in place of the one that `home` has, which stays in a file beside it: until the chain has
/// been told of the new key, the old one counts. Returns the key and the new path of the old one.
///
/// # Errors
/// [`BridgeKeyError`] with the path of the file; then the old key is still in its place.
pub fn new_bridge_key(home: &Home) -> Result<(SecretKey, Option<PathBuf>), BridgeKeyError> {
    let path = home.bridge_key_file();
    let mut kept = None;
    if path.exists() {
        let old = home.root().join(format!("bridge_key-{}.json", bridge_key(home)?.address()));
        // The old file gets a second name first: at no moment is the old key without one.
        match fs::hard_link(&path, &old) {
            Err(source) if source.kind() != io::ErrorKind::AlreadyExists => {
                return Err(BridgeKeyError::Read { path: old, source });
            }
            _ => kept = Some(old),
        }
    }
    let (secret, key) = generate();
    write_bridge_key(home, &secret, &key)?;
    Ok((key, kept))
}

/// Puts a key whose secret everyone knows into the home, for a chain of development.
///
/// # Errors
/// The file cannot be written, or the bytes are no key.
pub fn write_development_key(home: &Home, secret: [u8; 32]) -> Result<(), BridgeKeyError> {
    let key = SecretKey::ethereum(&secret).ok_or_else(|| BridgeKeyError::Malformed(home.bridge_key_file()))?;
    write_bridge_key(home, &Zeroizing::new(secret), &key)
}

/// Puts a key into the home in place of the one that it has.
///
/// # Errors
/// The file cannot be written.
pub fn write_bridge_key(home: &Home, secret: &Zeroizing<[u8; 32]>, key: &SecretKey) -> Result<(), BridgeKeyError> {
    let path = home.bridge_key_file();
    let mut file = File { address: key.address(), secret: **secret };
    let text = serde_json::to_string_pretty(&file).map(Zeroizing::new);
    file.secret.zeroize();
    let text = text.map_err(|_| BridgeKeyError::Malformed(path.clone()))?;
    Ok(home.write(&path, &text)?)
}

fn read(text: &str) -> Option<SecretKey> {
    let mut file: File = serde_json::from_str(text).ok()?;
    let key = SecretKey::ethereum(&file.secret).filter(|key| key.address() == file.address);
    file.secret.zeroize();
    key
}

/// Generates a key and its secret from the system's randomness.
pub fn generate() -> (Zeroizing<[u8; 32]>, SecretKey) {
    loop {
        let mut secret = Zeroizing::new([0; 32]);
        rand::rng().fill_bytes(&mut *secret);
        // Almost every number is a key: all but one of 2^128.
        if let Some(key) = SecretKey::ethereum(&secret) {
            return (secret, key);
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_key_is_made_once_and_for_its_owner_alone() {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::at(&folder.path().join("home"));
        home.create().unwrap();
        let key = bridge_key(&home).unwrap();
        assert_eq!(bridge_key(&home).unwrap().address(), key.address());
        let mode = fs::metadata(home.bridge_key_file()).unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0);
        // A file whose address is not that of its secret was mixed up by somebody.
        let text = fs::read_to_string(home.bridge_key_file()).unwrap();
        fs::write(home.bridge_key_file(), text.replace(&key.address().to_string(), &Address([9; 20]).to_string()))
            .unwrap();
        assert!(matches!(bridge_key(&home).unwrap_err(), BridgeKeyError::Malformed(_)));
        assert!(matches!(new_bridge_key(&home).unwrap_err(), BridgeKeyError::Malformed(_)));
    }

    #[test]
    fn a_new_key_keeps_the_old_one_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::at(&folder.path().join("home"));
        home.create().unwrap();
        let (first, kept) = new_bridge_key(&home).unwrap();
        assert_eq!(kept, None);
        let text = fs::read_to_string(home.bridge_key_file()).unwrap();
        let (second, kept) = new_bridge_key(&home).unwrap();
        assert_ne!(first.address(), second.address());
        assert_eq!(bridge_key(&home).unwrap().address(), second.address());
        let kept = kept.unwrap();
        assert!(kept.display().to_string().contains(&first.address().to_string()));
        assert_eq!(fs::read_to_string(&kept).unwrap(), text);
    }
}
