//! The folder of keys: one file for each key, for its owner only, never overwritten.

use std::{
    fs::{self, DirBuilder},
    io,
    os::unix::fs::DirBuilderExt as _,
    path::{Path, PathBuf},
};

use diem_core::{
    Address,
    names::{NameError, check_name, is_plain_name},
    text::shortened,
};

use diem_host::{
    folder::{self, UnsafeFolder},
    home::write_new,
};

use super::{KeyFile, KeyFileError};

/// The reason why a key is missing or cannot be stored.
#[derive(Debug, thiserror::Error)]
pub enum KeyStoreError {
    /// No account can have this name.
    #[error("`{name}` cannot be a key's name: {error}", name = shortened(.0), error = .1)]
    Name(String, NameError),
    /// A key has this name already.
    #[error("there is a key `{0}` already: choose another name, or delete it first")]
    Exists(String),
    /// No key has this name.
    #[error("there is no key `{name}` in {folder}: `diemd keys list` shows those that are there")]
    Missing {
        /// The name that was asked for.
        name: String,
        /// The folder where it was looked for.
        folder: String,
    },
    /// An operation of the file system failed.
    #[error("{path}: {reason}")]
    Io {
        /// The path that was to be read or written.
        path: String,
        /// The error of the operating system.
        reason: String,
    },
    /// The folder takes no new file.
    #[error(
        "the folder of keys {folder} cannot be written: {reason}: make it writable, or name another home with --home"
    )]
    Folder {
        /// The path of the folder.
        folder: String,
        /// The error of the operating system.
        reason: String,
    },
    /// The file does not hold a key.
    #[error("{path}: {error}")]
    File {
        /// The path of the file.
        path: String,
        /// The fault of the file.
        error: KeyFileError,
    },
    /// Others can decide what is in the folder.
    #[error(transparent)]
    Unsafe(#[from] UnsafeFolder),
}

/// The keys of one home.
#[derive(Debug, Clone)]
pub struct KeyStore {
    home: PathBuf,
    folder: PathBuf,
}

/// A key of the folder: its name, and what its file holds or why it cannot be read.
pub type Listed = (String, Result<KeyFile, KeyStoreError>);

/// The account that a text names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Found {
    /// The address of the account.
    pub address: Address,
    /// Whether it was found by the name of a key that counts on development chains only.
    pub development: bool,
}

impl KeyStore {
    /// The keys of `home`. Nothing is created until a key is added.
    pub fn of_home(home: &Path) -> Self {
        Self { home: home.into(), folder: home.join("keys") }
    }

    /// The path of the folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Stores a key under a new name, atomically.
    ///
    /// # Errors
    /// [`KeyStoreError::Exists`] if the name is taken, also by another process at the same time.
    pub fn add(&self, name: &str, key: &KeyFile) -> Result<(), KeyStoreError> {
        check_name(name).map_err(|error| KeyStoreError::Name(name.into(), error))?;
        let path = self.path(name)?;
        folder::check_down(&self.home, &self.folder)?;
        self.create_folder()?;
        write_new(&path, &key.to_text()).map_err(|e| match e.kind() {
            io::ErrorKind::AlreadyExists => KeyStoreError::Exists(name.into()),
            _ => self.unwritable(&e),
        })
    }

    /// Reads the key of that name.
    ///
    /// # Errors
    /// [`KeyStoreError::Missing`], the file cannot be read, or others can write in the folder.
    pub fn get(&self, name: &str) -> Result<KeyFile, KeyStoreError> {
        let path = self.path(name)?;
        folder::check_down(&self.home, &path)?;
        let text = fs::read_to_string(&path).map_err(|e| match e.kind() {
            io::ErrorKind::NotFound => self.missing(name),
            _ => io_error(&path, &e),
        })?;
        KeyFile::parse(&text).map_err(|error| KeyStoreError::File { path: path.display().to_string(), error })
    }

    /// Reads every key by name, or the reason why its file cannot be read: a broken file hides no other.
    ///
    /// # Errors
    /// The folder cannot be read, or others can write in it.
    pub fn list(&self) -> Result<Vec<Listed>, KeyStoreError> {
        folder::check_down(&self.home, &self.folder)?;
        let entries = match fs::read_dir(&self.folder) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries.map_err(|e| io_error(&self.folder, &e))?,
        };
        let mut names = Vec::new();
        for entry in entries {
            let name = entry.map_err(|e| io_error(&self.folder, &e))?.file_name();
            let name = name.to_str().and_then(|name| name.strip_suffix(".json"));
            names.extend(name.filter(|name| is_plain_name(name)).map(String::from));
        }
        names.sort();
        Ok(names.into_iter().map(|name| (name.clone(), self.get(&name))).collect())
    }

    /// Removes the key of that name for good.
    ///
    /// # Errors
    /// [`KeyStoreError::Missing`], or the file cannot be removed.
    pub fn delete(&self, name: &str) -> Result<(), KeyStoreError> {
        let path = self.path(name)?;
        fs::remove_file(&path).map_err(|e| match e.kind() {
            io::ErrorKind::NotFound => self.missing(name),
            _ => io_error(&path, &e),
        })
    }

    /// Finds an address as a user writes it: `diem1...`, `0x...`, or the name of a key here.
    ///
    /// # Errors
    /// It is neither; the sentence names both possibilities.
    pub fn find(&self, text: &str) -> Result<Found, String> {
        if !is_plain_name(text) || check_name(text) == Err(NameError::Address) {
            let parsed = text.parse().map_err(|e: diem_core::address::ParseAddressError| e.to_string());
            return parsed.map(|address| Found { address, development: false });
        }
        match self.get(text) {
            Ok(key) => Ok(Found { address: key.address, development: key.is_for_development() }),
            Err(KeyStoreError::Missing { name, folder }) => {
                Err(format!("`{name}` is neither an address (diem1... or 0x...) nor a key in {folder}"))
            }
            Err(error) => Err(error.to_string()),
        }
    }

    /// Finds an address as [`Self::find`] does, for use on the chain `chain_id`. Keys whose secrets everybody may have,
    /// such as those of a devnet, have names on development chains only: `bob` is somebody else elsewhere.
    ///
    /// # Errors
    /// The errors of [`Self::find`]; besides, the name may not count on that chain.
    pub fn resolve(&self, text: &str, chain_id: &str) -> Result<Address, String> {
        let found = self.find(text)?;
        if found.development && !diem_core::development::is_development(chain_id) {
            return Err(format!(
                "`{text}` is the name of a development key here, whose secret others may have, and `{chain_id}` is no \
                 development chain (its id has no part `dev`): write the address of whom you mean"
            ));
        }
        Ok(found.address)
    }

    /// The path of the key of that name. A key that was put there by other means may have a name that none can be
    /// given.
    fn path(&self, name: &str) -> Result<PathBuf, KeyStoreError> {
        if is_plain_name(name) {
            Ok(self.folder.join(format!("{name}.json")))
        } else {
            Err(KeyStoreError::Name(name.into(), NameError::Form))
        }
    }

    fn missing(&self, name: &str) -> KeyStoreError {
        KeyStoreError::Missing { name: name.into(), folder: self.folder.display().to_string() }
    }

    fn unwritable(&self, error: &io::Error) -> KeyStoreError {
        KeyStoreError::Folder { folder: self.folder.display().to_string(), reason: error.to_string() }
    }

    fn create_folder(&self) -> Result<(), KeyStoreError> {
        DirBuilder::new().recursive(true).mode(0o700).create(&self.folder).map_err(|e| self.unwritable(&e))
    }
}

fn io_error(path: &Path, error: &io::Error) -> KeyStoreError {
    KeyStoreError::Io { path: path.display().to_string(), reason: error.to_string() }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::os::unix::fs::PermissionsExt as _;

    use diem_core::keys::KeyKind;
    use zeroize::Zeroizing;

    use super::*;
    use crate::Secret;

    fn key(seed: u8) -> KeyFile {
        let secret = Secret::new(KeyKind::Ed25519, Zeroizing::new([seed; 32])).unwrap();
        KeyFile::plain(&secret, None, "test-dev").unwrap()
    }

    #[test]
    fn keys_are_stored_for_their_owner_only_and_listed_by_name() {
        let home = tempfile::tempdir().unwrap();
        let store = KeyStore::of_home(home.path());
        assert!(store.list().unwrap().is_empty());
        store.add("bob", &key(2)).unwrap();
        store.add("alice", &key(1)).unwrap();
        let names: Vec<String> = store.list().unwrap().into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["alice", "bob"]);
        assert_eq!(store.get("bob").unwrap(), key(2));
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(store.folder()), 0o700);
        assert_eq!(mode(&store.folder().join("bob.json")), 0o600);
        assert_eq!(fs::read_dir(store.folder()).unwrap().count(), 2, "no temporary file stays");
    }

    #[test]
    fn a_key_is_never_overwritten() {
        let home = tempfile::tempdir().unwrap();
        let store = KeyStore::of_home(home.path());
        store.add("alice", &key(1)).unwrap();
        assert!(matches!(store.add("alice", &key(2)), Err(KeyStoreError::Exists(_))));
        assert_eq!(store.get("alice").unwrap(), key(1));
        assert_eq!(fs::read_dir(store.folder()).unwrap().count(), 1);
        store.delete("alice").unwrap();
        assert!(matches!(store.get("alice"), Err(KeyStoreError::Missing { .. })));
        assert!(matches!(store.delete("alice"), Err(KeyStoreError::Missing { .. })));
    }

    #[test]
    fn a_folder_that_cannot_be_written_is_named_with_what_to_do() {
        let home = tempfile::tempdir().unwrap();
        let store = KeyStore::of_home(home.path());
        // First a file stands where the folder should be, then a folder of the system's that takes no files, whoever
        // asks.
        for spoil in [(|folder| fs::write(folder, "")) as fn(&Path) -> io::Result<()>, |folder| {
            fs::remove_file(folder).and_then(|()| std::os::unix::fs::symlink("/proc/self", folder))
        }] {
            spoil(store.folder()).unwrap();
            let said = store.add("alice", &key(1)).unwrap_err().to_string();
            assert!(said.contains(&format!("keys {} cannot be written", store.folder().display())), "{said}");
            assert!(said.contains("--home") && !said.contains(".new"), "{said}");
        }
    }

    #[test]
    fn names_cannot_leave_the_folder() {
        let store = KeyStore::of_home(Path::new("/nowhere"));
        for bad in ["", "../x", "a/b", ".hidden", "Alice", "a b", &"x".repeat(65)] {
            assert!(matches!(store.get(bad), Err(KeyStoreError::Name(..))), "{bad}");
        }
    }

    #[test]
    fn an_address_may_be_a_keys_name() {
        let home = tempfile::tempdir().unwrap();
        let store = KeyStore::of_home(home.path());
        store.add("alice", &key(1)).unwrap();
        let alice = key(1).address;
        let resolve = |text: &str| store.resolve(text, "test-dev");
        assert_eq!(resolve("alice"), Ok(alice));
        assert_eq!(resolve(&alice.to_string()), Ok(alice));
        assert_eq!(resolve(&alice.to_hex()), Ok(alice));
        assert!(resolve("carol").unwrap_err().contains("neither an address"));
        assert!(resolve("diem1xyz").is_err());
    }

    #[test]
    fn names_of_development_keys_count_on_development_chains_only() {
        let home = tempfile::tempdir().unwrap();
        let store = KeyStore::of_home(home.path());
        store.add("alice", &key(1)).unwrap();
        let secret = Secret::new(KeyKind::Ed25519, Zeroizing::new([2; 32])).unwrap();
        let cheap = crate::Cost { memory_kib: 64, passes: 1 };
        let own = KeyFile::encrypt(&secret, None, "correct horse", cheap).unwrap();
        store.add("own", &own).unwrap();
        let said = store.resolve("alice", "diem-1").unwrap_err();
        assert!(said.contains("`alice`") && said.contains("`diem-1` is no development chain"), "{said}");
        assert_eq!(store.resolve("own", "diem-1"), Ok(own.address));
        // A name that is an address finds no key.
        assert_eq!(store.resolve(&key(1).address.to_string(), "diem-1"), Ok(key(1).address));
    }

    #[test]
    fn a_name_that_means_something_else_is_no_keys() {
        let home = tempfile::tempdir().unwrap();
        let store = KeyStore::of_home(home.path());
        let address = key(9).address;
        for name in ["today", "latest", "0x1", "diem1bob", &address.to_string(), &address.to_hex().to_lowercase()] {
            assert!(
                matches!(store.add(name, &key(1)), Err(KeyStoreError::Name(_, NameError::Address | NameError::Time))),
                "{name}"
            );
        }
        assert!(store.list().unwrap().is_empty());
    }

    #[test]
    fn a_broken_file_hides_no_other_key() {
        let home = tempfile::tempdir().unwrap();
        let store = KeyStore::of_home(home.path());
        store.add("alice", &key(1)).unwrap();
        store.add("carol", &key(3)).unwrap();
        fs::write(store.folder().join("bob.json"), "{\"version\": 1").unwrap();
        let listed = store.list().unwrap();
        let good: Vec<(&str, bool)> = listed.iter().map(|(name, key)| (name.as_str(), key.is_ok())).collect();
        assert_eq!(good, [("alice", true), ("bob", false), ("carol", true)]);
        assert!(matches!(&listed[1].1, Err(KeyStoreError::File { .. })), "{:?}", listed[1].1);
    }

    #[test]
    fn keys_are_neither_read_nor_written_where_others_can_write() {
        let home = tempfile::tempdir().unwrap();
        let store = KeyStore::of_home(home.path());
        store.add("alice", &key(1)).unwrap();
        let file = store.folder().join("alice.json");
        fs::set_permissions(&file, fs::Permissions::from_mode(0o666)).unwrap();
        assert!(matches!(store.get("alice"), Err(KeyStoreError::Unsafe(_))));
        assert!(matches!(&store.list().unwrap()[..], [(_, Err(KeyStoreError::Unsafe(_)))]));
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
        for folder in [home.path(), store.folder()] {
            fs::set_permissions(folder, fs::Permissions::from_mode(0o777)).unwrap();
            assert!(matches!(store.get("alice"), Err(KeyStoreError::Unsafe(_))));
            assert!(matches!(store.list(), Err(KeyStoreError::Unsafe(_))));
            assert!(matches!(store.add("bob", &key(2)), Err(KeyStoreError::Unsafe(_))));
            assert!(store.resolve("alice", "test-dev").unwrap_err().contains("others can write"));
            fs::set_permissions(folder, fs::Permissions::from_mode(0o700)).unwrap();
        }
        assert!(store.get("alice").is_ok());
    }
}
