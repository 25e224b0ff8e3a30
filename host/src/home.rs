//! The home of a node: one folder with everything that belongs to it.
//!
//! ```text
//! config.toml          what the owner may change
//! genesis.json         the chain, in canonical form
//! bridge_key.json      the validator's key for the bridge
//! bridge_signed.jsonl  what the bridge keys of this home have signed, to be kept as they are
//! bridge_stopped.json  why the signer is stopped, until an operator removes it
//! bridge_proofs/       proofs of young blocks of Base, which can be thrown away
//! relayer_key.json     the key of the account that pays for transactions on Base, where this node relays
//! data/                state and index
//! cometbft/            CometBFT's own home, with the validator's key and signing state
//! keys/                keys of accounts
//! wallet/              chains that these keys have seen, and what of each sender's signatures may still count
//! validator_exported.json  which key was exported from here: the node signs nothing while this is there
//! run/                 locks, sockets, process ids: of no worth when nothing runs; the mark by which a copy is known
//! ```

use std::{
    fs::{self, DirBuilder, File, TryLockError},
    io::{self, Read as _, Seek as _, Write as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

/// The reason why a home cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum HomeError {
    /// Another process runs the home.
    #[error(
        "{home} is in use by process {pid}: stop that one first (kill {pid}), or give this node a home of its own with --home"
    )]
    InUse {
        /// The path of the home.
        home: PathBuf,
        /// The id of the process that holds the lock.
        pid: String,
    },
    /// The folder holds a node already.
    #[error("{0} is the home of a node already: choose another with --home, or start it with `diemd start --home {0}`")]
    Exists(PathBuf),
    /// The folder holds no node.
    #[error("{0} is not the home of a node: make one with `diemd init --home {0}`")]
    Missing(PathBuf),
    /// The folder has what a node leaves, but no configuration.
    #[error(
        "{home} is the home of a node whose config.toml is missing ({found} is there): put the file back, or let `diemd init \
         --home {home}` write one with the usual settings, which keeps keys and chain (with --genesis FILE where genesis.json is \
         missing too)"
    )]
    NoConfig {
        /// The path of the home.
        home: PathBuf,
        /// The path inside it that a node has left.
        found: &'static str,
    },
    /// The disk has no room.
    #[error("no space left for {path}: free some, then start the node again")]
    Full {
        /// The path that was to be written.
        path: PathBuf,
    },
    /// The file system is mounted read-only.
    #[error("{path} is on a read-only file system: mount it writable, or choose another home with --home")]
    ReadOnly {
        /// The path that was to be written.
        path: PathBuf,
    },
    /// An operation of the file system failed.
    #[error("{path}: {error}")]
    Io {
        /// The path that was to be read or written.
        path: PathBuf,
        /// The error of the operating system.
        error: io::Error,
    },
}

impl HomeError {
    /// Makes the error of a file operation: causes that the owner can mend have a variant of their own.
    pub fn io(path: &Path, error: io::Error) -> Self {
        let path = path.to_path_buf();
        match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::Full { path },
            io::ErrorKind::ReadOnlyFilesystem => Self::ReadOnly { path },
            _ => Self::Io { path, error },
        }
    }
}

/// The home of a node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Home {
    root: PathBuf,
}

/// The lock on a home: it is held, by this process, until it is dropped.
#[derive(Debug)]
pub struct HomeLock {
    file: File,
}

impl Drop for HomeLock {
    fn drop(&mut self) {
        // Closing the file is not enough: a child that another thread is starting has a copy of the open file until it
        // has become its program. If unlocking fails, that copy's end unlocks.
        let _ = self.file.unlock();
    }
}

/// A home that is being made. Until it is finished, dropping it removes what the attempt has written, so that a command
/// that fails leaves nothing: no key that nobody uses, no half of a home.
#[derive(Debug)]
pub struct Attempt {
    /// The paths that did not exist when the attempt began, parents before children.
    new: Vec<PathBuf>,
    lock: Option<HomeLock>,
}

impl Attempt {
    /// Begins an attempt in `root` with the paths `inside` it. Of these paths and the parents of `root`, those that do
    /// not exist yet are removed on drop.
    pub fn at(root: &Path, inside: impl IntoIterator<Item = PathBuf>) -> Self {
        let mut new: Vec<PathBuf> =
            root.ancestors().filter(|folder| !folder.as_os_str().is_empty()).map(Path::to_path_buf).collect();
        new.reverse();
        new.extend(inside);
        new.retain(|path| fs::symlink_metadata(path).is_err());
        Self { new, lock: None }
    }

    /// Ends the attempt with success: the home is whole and stays.
    pub fn finish(mut self) {
        self.new.clear();
    }
}

impl Drop for Attempt {
    fn drop(&mut self) {
        for path in self.new.iter().rev() {
            // The error is dropped: a folder that somebody else has put something into stays, and a path that was not
            // written does not exist.
            let _ = if path.is_dir() { fs::remove_dir(path) } else { fs::remove_file(path) };
        }
        self.lock = None;
    }
}

/// The home directory of this user: the one that `HOME` names, as for any program; where it is not set, as that of a cron job
/// or a service may be, the one in the system's list of users. `None` for a user who is not in that list.
pub fn home_directory() -> Option<PathBuf> {
    std::env::home_dir().filter(|folder| !folder.as_os_str().is_empty())
}

/// The default home: `~/.diem`. Where there is no home directory, it is `.diem` in the current folder, and commands refuse to
/// take that one without being told to.
pub fn default_home() -> PathBuf {
    home_directory().unwrap_or_default().join(".diem")
}

impl Home {
    /// The home in that folder, whether it exists or not.
    pub fn at(root: &Path) -> Self {
        Self { root: std::path::absolute(root).unwrap_or_else(|_| root.to_path_buf()) }
    }

    /// The folder of the home.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The path of `config.toml`.
    pub fn config_file(&self) -> PathBuf {
        self.root.join("config.toml")
    }

    /// The path of `genesis.json`, the canonical document.
    pub fn genesis_file(&self) -> PathBuf {
        self.root.join("genesis.json")
    }

    /// The path of `bridge_key.json`, the validator's key for the bridge.
    pub fn bridge_key_file(&self) -> PathBuf {
        self.root.join("bridge_key.json")
    }

    /// The path of `relayer_key.json`, the key of the account that pays for transactions on Base.
    pub fn relayer_key_file(&self) -> PathBuf {
        self.root.join("relayer_key.json")
    }

    /// The path of `bridge_stopped.json`, which stops the signer after a reorg of Base below its finality.
    pub fn bridge_stopped_file(&self) -> PathBuf {
        self.root.join("bridge_stopped.json")
    }

    /// The folder of the proofs of young blocks of Base. They can be thrown away.
    pub fn bridge_proofs(&self) -> PathBuf {
        self.root.join("bridge_proofs")
    }

    /// The path of `bridge_signed.jsonl`, the record of what the bridge keys of this home have signed.
    pub fn bridge_signed_file(&self) -> PathBuf {
        self.root.join("bridge_signed.jsonl")
    }

    /// The folder of the store.
    pub fn data(&self) -> PathBuf {
        self.root.join("data")
    }

    /// The folder that is CometBFT's home.
    pub fn comet(&self) -> PathBuf {
        self.root.join("cometbft")
    }

    /// The folder of the keys of accounts.
    pub fn keys(&self) -> PathBuf {
        self.root.join("keys")
    }

    /// The folder of locks, sockets and process ids, which has no worth when nothing runs.
    pub fn run(&self) -> PathBuf {
        self.root.join("run")
    }

    /// Whether `diemd init` completed here: it writes `config.toml` last.
    pub fn exists(&self) -> bool {
        self.config_file().exists()
    }

    /// Why this folder is no home: its configuration alone is missing, or all of it.
    pub fn missing(&self) -> HomeError {
        const LEFT: [&str; 4] = [
            "cometbft/config/priv_validator_key.json",
            "cometbft/config/node_key.json",
            "cometbft/data/priv_validator_state.json",
            "genesis.json",
        ];
        match LEFT.into_iter().find(|name| self.root.join(name).exists()) {
            Some(found) => HomeError::NoConfig { home: self.root.clone(), found },
            None => HomeError::Missing(self.root.clone()),
        }
    }

    /// Makes the folders with access for this user alone.
    ///
    /// # Errors
    /// The folder holds a node already, or the disk refuses.
    pub fn create(&self) -> Result<(), HomeError> {
        if self.exists() {
            return Err(HomeError::Exists(self.root.clone()));
        }
        self.folders().iter().try_for_each(|folder| private_folder(folder))
    }

    fn folders(&self) -> [PathBuf; 5] {
        [self.root.clone(), self.data(), self.comet(), self.keys(), self.run()]
    }

    /// Begins to make a home: makes the folders and takes the lock. The paths that did not exist before are removed
    /// again when the attempt is dropped before [`Attempt::finish`].
    ///
    /// # Errors
    /// The folder holds a node already, another process makes one there, or the disk refuses.
    pub fn begin(&self) -> Result<Attempt, HomeError> {
        let comet = self.comet();
        let mut paths = self.folders().to_vec();
        paths.extend([comet.join("config"), comet.join("data"), self.run().join("diemd.pid")]);
        paths.extend([self.genesis_file(), self.bridge_key_file(), self.config_file()]);
        let keys = ["config/priv_validator_key.json", "config/node_key.json", "data/priv_validator_state.json"];
        paths.extend(keys.map(|name| comet.join(name)));
        let mut attempt = Attempt::at(&self.root, paths);
        self.create()?;
        match self.take() {
            Ok(lock) => attempt.lock = Some(lock),
            Err(error) => {
                // Nothing is removed here: the files belong to the process that holds the lock.
                attempt.new.clear();
                return Err(error);
            }
        }
        if self.exists() {
            attempt.new.clear();
            return Err(HomeError::Exists(self.root.clone()));
        }
        Ok(attempt)
    }

    /// Writes a file atomically, with access for this user alone.
    ///
    /// # Errors
    /// The disk refuses the write.
    pub fn write(&self, path: &Path, text: &str) -> Result<(), HomeError> {
        write_whole(path, text)
    }

    /// Writes `config.toml` as [`Home::write`] does. A link stays a link: what it leads to is written.
    ///
    /// # Errors
    /// The disk refuses the write.
    pub fn write_config(&self, text: &str) -> Result<(), HomeError> {
        let path = self.config_file();
        // One that leads nowhere, or no file at all yet, is written where it is.
        let path = fs::canonicalize(&path).unwrap_or(path);
        self.write(&path, text)
    }

    /// Takes the lock on the home for this process.
    ///
    /// # Errors
    /// The folder holds no node, another process runs it, or the disk refuses.
    pub fn lock(&self) -> Result<HomeLock, HomeError> {
        if !self.exists() {
            return Err(self.missing());
        }
        self.take()
    }

    fn take(&self) -> Result<HomeLock, HomeError> {
        let path = self.run().join("diemd.pid");
        private_folder(&self.run())?;
        let failed = |error| HomeError::io(&path, error);
        let options = File::options().create(true).truncate(false).read(true).write(true).mode(0o600).clone();
        let mut file = options.open(&path).map_err(failed)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut pid = String::new();
                file.read_to_string(&mut pid).map_err(failed)?;
                return Err(HomeError::InUse { home: self.root.clone(), pid: pid.trim().into() });
            }
            Err(TryLockError::Error(error)) => return Err(failed(error)),
        }
        let mut write = || {
            file.set_len(0)?;
            file.rewind()?;
            writeln!(file, "{}", std::process::id())
        };
        write().map_err(failed)?;
        Ok(HomeLock { file })
    }
}

/// Makes a folder and its parents with access for this user alone.
///
/// # Errors
/// The disk refuses the folder.
pub fn private_folder(folder: &Path) -> Result<(), HomeError> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(|error| HomeError::io(folder, error))
}

/// Writes a file atomically, with access for this user alone, in place of the one that is there.
///
/// # Errors
/// The disk refuses the write.
pub fn write_whole(path: &Path, text: &str) -> Result<(), HomeError> {
    write_then(path, text, |temporary| fs::rename(temporary, path)).map_err(|error| HomeError::io(path, error))
}

/// Writes a new file atomically, as [`write_whole`] does; fails if one is there already.
///
/// # Errors
/// `AlreadyExists`, or the disk refuses.
pub fn write_new(path: &Path, text: &str) -> io::Result<()> {
    // A hard link, unlike a rename, fails where there is a file already.
    write_then(path, text, |temporary| fs::hard_link(temporary, path))
}

/// Writes a temporary file beside `path` and lets `place` give it that name, atomically. A file that was written is
/// durable when this returns.
fn write_then(path: &Path, text: &str, place: impl FnOnce(&Path) -> io::Result<()>) -> io::Result<()> {
    let temporary = path.with_extension(format!("new-{}", std::process::id()));
    let write = || {
        let mut file = File::options().create(true).truncate(true).write(true).mode(0o600).open(&temporary)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        place(&temporary)
    };
    let written = write();
    // A rename has taken it away already.
    let _ = fs::remove_file(&temporary);
    written?;
    match path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        Some(folder) => File::open(folder)?.sync_all(),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn made() -> (tempfile::TempDir, Home) {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::at(&folder.path().join("home"));
        home.create().unwrap();
        home.write(&home.config_file(), "").unwrap();
        (folder, home)
    }

    #[test]
    fn a_home_is_for_its_owner_alone_and_made_once() {
        let (_folder, home) = made();
        for path in [home.root().to_path_buf(), home.data(), home.comet(), home.keys(), home.run()] {
            assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o700, "{}", path.display());
        }
        assert_eq!(fs::metadata(home.config_file()).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(matches!(home.create(), Err(HomeError::Exists(_))));
    }

    #[test]
    fn a_configuration_behind_a_link_is_written_where_it_is() {
        let (folder, home) = made();
        let kept = folder.path().join("kept.toml");
        fs::rename(home.config_file(), &kept).unwrap();
        std::os::unix::fs::symlink("../kept.toml", home.config_file()).unwrap();
        home.write_config("moniker = \"a\"").unwrap();
        assert!(fs::symlink_metadata(home.config_file()).unwrap().is_symlink());
        assert_eq!(fs::read_to_string(&kept).unwrap(), "moniker = \"a\"");
        fs::remove_file(&kept).unwrap();
        home.write_config("").unwrap();
        assert!(fs::symlink_metadata(home.config_file()).unwrap().is_file());
    }

    #[test]
    fn a_home_has_one_process() {
        let (_folder, home) = made();
        let lock = home.lock().unwrap();
        let error = home.lock().unwrap_err().to_string();
        assert!(error.contains(&format!("in use by process {}", std::process::id())), "{error}");
        drop(lock);
        home.lock().unwrap();
    }

    #[test]
    fn what_was_never_made_is_named() {
        let error = Home::at(Path::new("/nowhere/at/all")).lock().unwrap_err().to_string();
        assert!(error.contains("make one with `diemd init --home /nowhere/at/all`"), "{error}");
    }

    #[test]
    fn a_disk_that_refuses_is_explained() {
        let path = Path::new("/x");
        let text = |kind: io::ErrorKind| HomeError::io(path, io::Error::from(kind)).to_string();
        assert!(text(io::ErrorKind::StorageFull).contains("no space left"));
        assert!(text(io::ErrorKind::ReadOnlyFilesystem).contains("read-only"));
        assert!(text(io::ErrorKind::PermissionDenied).contains("/x: permission denied"));
    }
}
