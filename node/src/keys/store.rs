//! The folder of keys: one file each, for its owner only, never overwritten.

use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

use diem_core::Address;

use super::{KeyFile, KeyFileError};

const LONGEST_NAME: usize = 64;

/// Why a key is not there or cannot be stored.
#[derive(Debug, thiserror::Error)]
pub enum KeyStoreError {
    /// A name that could not be a file's.
    #[error("`{0}` cannot be a key's name: use 1 to {LONGEST_NAME} small letters, digits, `-` and `_`")]
    Name(String),
    /// The name is taken.
    #[error("there is a key `{0}` already: choose another name, or delete it first")]
    Exists(String),
    /// There is none of that name.
    #[error("there is no key `{name}` in {folder}: `diemd keys list` shows those that are there")]
    Missing {
        /// The name.
        name: String,
        /// Where it was looked for.
        folder: String,
    },
    /// The system refuses.
    #[error("{path}: {reason}")]
    Io {
        /// What was to be read or written.
        path: String,
        /// What the system says.
        reason: String,
    },
    /// The folder takes no new file.
    #[error(
        "the folder of keys {folder} cannot be written: {reason}: make it writable, or name another home with --home"
    )]
    Folder {
        /// Which.
        folder: String,
        /// What the system says.
        reason: String,
    },
    /// The file is no key.
    #[error("{path}: {error}")]
    File {
        /// Which.
        path: String,
        /// What is wrong with it.
        error: KeyFileError,
    },
}

/// The keys of one home.
#[derive(Debug, Clone)]
pub struct KeyStore {
    folder: PathBuf,
}

impl KeyStore {
    /// The keys below `home`. Nothing is created until a key is added.
    pub fn of_home(home: &Path) -> Self {
        Self { folder: home.join("keys") }
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Stores a key under a new name: written to a temporary file, synced, and linked to its name in one step.
    ///
    /// # Errors
    /// [`KeyStoreError::Exists`] if the name is taken, whoever took it and when.
    pub fn add(&self, name: &str, key: &KeyFile) -> Result<(), KeyStoreError> {
        let path = self.path(name)?;
        self.create_folder()?;
        let temporary = self.folder.join(format!(".{name}.{}.new", std::process::id()));
        let written = write_new(&temporary, &key.to_text()).map_err(|e| self.unwritable(&e));
        let linked = written.and_then(|()| {
            // A hard link, unlike a rename, fails where there is a file already.
            fs::hard_link(&temporary, &path).map_err(|e| match e.kind() {
                io::ErrorKind::AlreadyExists => KeyStoreError::Exists(name.into()),
                _ => self.unwritable(&e),
            })
        });
        let removed = fs::remove_file(&temporary).map_err(|e| io_error(&temporary, &e));
        linked.and(removed)?;
        File::open(&self.folder).and_then(|folder| folder.sync_all()).map_err(|e| io_error(&self.folder, &e))
    }

    /// The key of that name.
    ///
    /// # Errors
    /// [`KeyStoreError::Missing`], or the file cannot be read.
    pub fn get(&self, name: &str) -> Result<KeyFile, KeyStoreError> {
        let path = self.path(name)?;
        let text = fs::read_to_string(&path).map_err(|e| match e.kind() {
            io::ErrorKind::NotFound => self.missing(name),
            _ => io_error(&path, &e),
        })?;
        KeyFile::parse(&text).map_err(|error| KeyStoreError::File { path: path.display().to_string(), error })
    }

    /// Every key by name; a file that cannot be read is an error, so that none is overlooked.
    ///
    /// # Errors
    /// The folder or one of its files cannot be read.
    pub fn list(&self) -> Result<Vec<(String, KeyFile)>, KeyStoreError> {
        let entries = match fs::read_dir(&self.folder) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries.map_err(|e| io_error(&self.folder, &e))?,
        };
        let mut names = Vec::new();
        for entry in entries {
            let name = entry.map_err(|e| io_error(&self.folder, &e))?.file_name();
            let name = name.to_str().and_then(|name| name.strip_suffix(".json"));
            names.extend(name.filter(|name| is_name(name)).map(String::from));
        }
        names.sort();
        names.into_iter().map(|name| self.get(&name).map(|key| (name, key))).collect()
    }

    /// Removes the key of that name for good.
    ///
    /// # Errors
    /// [`KeyStoreError::Missing`], or the system refuses.
    pub fn delete(&self, name: &str) -> Result<(), KeyStoreError> {
        let path = self.path(name)?;
        fs::remove_file(&path).map_err(|e| match e.kind() {
            io::ErrorKind::NotFound => self.missing(name),
            _ => io_error(&path, &e),
        })
    }

    /// An address as a user writes it: `diem1...`, `0x...`, or the name of a key here.
    ///
    /// # Errors
    /// It is neither; the sentence names both possibilities.
    pub fn resolve(&self, text: &str) -> Result<Address, String> {
        let looks_like_address = text.starts_with("diem1") || text.starts_with("0x");
        if looks_like_address || !is_name(text) {
            return text.parse().map_err(|e: diem_core::address::ParseAddressError| e.to_string());
        }
        match self.get(text) {
            Ok(key) => Ok(key.address),
            Err(KeyStoreError::Missing { name, folder }) => {
                Err(format!("`{name}` is neither an address (diem1... or 0x...) nor a key in {folder}"))
            }
            Err(error) => Err(error.to_string()),
        }
    }

    fn path(&self, name: &str) -> Result<PathBuf, KeyStoreError> {
        if is_name(name) { Ok(self.folder.join(format!("{name}.json"))) } else { Err(KeyStoreError::Name(name.into())) }
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

fn is_name(text: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'_';
    (1..=LONGEST_NAME).contains(&text.len()) && text.bytes().all(allowed)
}

/// Writes a file that did not exist, readable by its owner only, and syncs it.
fn write_new(path: &Path, text: &str) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

fn io_error(path: &Path, error: &io::Error) -> KeyStoreError {
    KeyStoreError::Io { path: path.display().to_string(), reason: error.to_string() }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::os::unix::fs::PermissionsExt as _;

    use diem_client::build::KeyKind;
    use zeroize::Zeroizing;

    use super::*;
    use crate::keys::Secret;

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
        // A file where the folder should be, and then one of the system's that takes no files, whoever asks.
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
            assert!(matches!(store.get(bad), Err(KeyStoreError::Name(_))), "{bad}");
        }
    }

    #[test]
    fn an_address_may_be_a_keys_name() {
        let home = tempfile::tempdir().unwrap();
        let store = KeyStore::of_home(home.path());
        store.add("alice", &key(1)).unwrap();
        let alice = key(1).address;
        assert_eq!(store.resolve("alice"), Ok(alice));
        assert_eq!(store.resolve(&alice.to_string()), Ok(alice));
        assert_eq!(store.resolve(&alice.to_hex()), Ok(alice));
        assert!(store.resolve("carol").unwrap_err().contains("neither an address"));
        assert!(store.resolve("diem1xyz").is_err());
    }
}
