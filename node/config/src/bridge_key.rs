//! The keys of the bridge: that with which a validator signs, and that of the account which pays on Base where the node
//! relays. Both are files of the home, for its owner alone.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use diem_core::{
    Address,
    keys::{EthereumKey, SecretKey},
};
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
    /// The file holds no key of a relayer.
    #[error(
        "{0} holds no key of a relayer: restore it from a copy, or move it away to get a new one, whose account needs ETH \
         on Base"
    )]
    Relayer(PathBuf),
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
    key_in(&home.bridge_key_file())
}

/// Reads the key in a file; `None` if there is no such file.
fn key_in(path: &Path) -> Result<Option<SecretKey>, BridgeKeyError> {
    match fs::read_to_string(path) {
        Ok(text) => read(&Zeroizing::new(text)).map(Some).ok_or_else(|| BridgeKeyError::Malformed(path.into())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(BridgeKeyError::Read { path: path.into(), source }),
    }
}

/// Whether a file of a home is by its name one with a bridge key, the one that counts or one that was kept.
pub fn is_key_file(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str());
    name.is_some_and(|name| name.starts_with("bridge_key") && name.ends_with(".json"))
}

/// Reads every bridge key of `home`: `bridge_key.json`, and the files beside it that rotations have kept, whose names begin
/// with `bridge_key` and end with `.json`. Each comes with its path; one that cannot be read takes no other with it.
pub fn bridge_keys(home: &Home) -> Vec<(PathBuf, Result<SecretKey, BridgeKeyError>)> {
    let entries = match fs::read_dir(home.root()) {
        Ok(entries) => entries,
        Err(source) => {
            let path = home.root().to_path_buf();
            return vec![(path.clone(), Err(BridgeKeyError::Read { path, source }))];
        }
    };
    // A file that is gone by now was moved, which is no fault.
    let mut paths: Vec<PathBuf> =
        entries.flatten().map(|entry| entry.path()).filter(|path| is_key_file(path)).collect();
    paths.sort();
    let keys = paths.into_iter().map(|path| (path.clone(), key_in(&path).transpose()));
    keys.filter_map(|(path, key)| Some((path, key?))).collect()
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

/// Reads the key of the account with which this node relays; makes one if there is none yet.
///
/// # Errors
/// [`BridgeKeyError`] with the path of the file.
pub fn relayer_key(home: &Home) -> Result<EthereumKey, BridgeKeyError> {
    let path = home.relayer_key_file();
    let malformed = || BridgeKeyError::Relayer(path.clone());
    let found = key_in(&path).map_err(|error| match error {
        BridgeKeyError::Malformed(path) => BridgeKeyError::Relayer(path),
        error => error,
    })?;
    let key = match found {
        Some(key) => key,
        None => {
            let (secret, key) = generate();
            write(home, &path, &secret, &key)?;
            key
        }
    };
    if let SecretKey::Ethereum(key) = key { Ok(key) } else { Err(malformed()) }
}

/// Puts the key of a relayer's account into the home, in place of the one that it has.
///
/// # Errors
/// The file cannot be written, or the bytes are no key.
pub fn write_relayer_key(home: &Home, secret: &Zeroizing<[u8; 32]>) -> Result<(), BridgeKeyError> {
    let path = home.relayer_key_file();
    let key = SecretKey::ethereum(secret).ok_or_else(|| BridgeKeyError::Relayer(path.clone()))?;
    write(home, &path, secret, &key)
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
    write(home, &home.bridge_key_file(), secret, key)
}

fn write(home: &Home, path: &Path, secret: &Zeroizing<[u8; 32]>, key: &SecretKey) -> Result<(), BridgeKeyError> {
    let mut file = File { address: key.address(), secret: **secret };
    let text = serde_json::to_string_pretty(&file).map(Zeroizing::new);
    file.secret.zeroize();
    let text = text.map_err(|_| BridgeKeyError::Malformed(path.into()))?;
    Ok(home.write(path, &text)?)
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
    fn the_account_of_a_relayer_is_made_once_and_can_be_given() {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::at(&folder.path().join("home"));
        home.create().unwrap();
        let made = relayer_key(&home).unwrap().address();
        assert_eq!(relayer_key(&home).unwrap().address(), made);
        let mode = fs::metadata(home.relayer_key_file()).unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0);
        write_relayer_key(&home, &Zeroizing::new([7; 32])).unwrap();
        assert_eq!(relayer_key(&home).unwrap().address(), EthereumKey::new(&[7; 32]).unwrap().address());
        fs::write(home.relayer_key_file(), "{}").unwrap();
        let error = relayer_key(&home).err().unwrap().to_string();
        assert!(error.contains("holds no key of a relayer"), "{error}");
        // It signs nothing for the bridge.
        assert!(bridge_keys(&home).is_empty());
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
        // Both are found, and a file that holds no key hides neither.
        fs::write(home.root().join("bridge_key-copy.json"), "{}").unwrap();
        fs::write(home.root().join("bridge_keys.txt"), "").unwrap();
        let found = bridge_keys(&home);
        let addresses: Vec<Address> =
            found.iter().flat_map(|(_, key)| key.as_ref().ok()).map(SecretKey::address).collect();
        assert_eq!((found.len(), addresses.len()), (3, 2));
        assert!(addresses.contains(&first.address()) && addresses.contains(&second.address()));
        let fault = found.iter().find_map(|(_, key)| key.as_ref().err()).unwrap().to_string();
        assert!(fault.contains("bridge_key-copy.json holds no key"), "{fault}");
    }
}
