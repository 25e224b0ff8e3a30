//! The errors of the store, in words for the person who runs the node.

use std::path::{Path, PathBuf};

use thiserror::Error;

use crate::tree::TreeFull;

/// Why the store refuses or fails.
#[derive(Debug, Error)]
pub enum StoreError {
    /// The folder is open in another process, which holds its lock.
    #[error("{path} is in use by another process; stop that node first, or give this one a home of its own")]
    Locked {
        /// The folder of the store.
        path: PathBuf,
    },
    /// The operating system denies access.
    #[error("no permission to use {path}; make it belong to the user that runs the node ({detail})")]
    Permission {
        /// The folder of the store.
        path: PathBuf,
        /// The answer of the disk or of RocksDB.
        detail: String,
    },
    /// The file system is mounted read only.
    #[error("{path} is on a read-only file system; mount it writable or choose another home ({detail})")]
    ReadOnly {
        /// The folder of the store.
        path: PathBuf,
        /// The answer of the disk or of RocksDB.
        detail: String,
    },
    /// The disk has no space left, or a quota or a limit on file sizes is reached.
    #[error("no space left for {path}; free some or raise the limit, then start the node again ({detail})")]
    DiskFull {
        /// The folder of the store.
        path: PathBuf,
        /// The answer of the disk or of RocksDB.
        detail: String,
    },
    /// Files are missing or damaged.
    #[error("{path} is damaged; restore a snapshot or sync again into an empty home ({detail})")]
    Corrupt {
        /// The folder of the store.
        path: PathBuf,
        /// The defect that was found.
        detail: String,
    },
    /// Any other failure of reading or writing.
    #[error("cannot read or write {path}: {detail}")]
    Io {
        /// The folder of the store.
        path: PathBuf,
        /// The answer of the disk or of RocksDB.
        detail: String,
    },
    /// The rows were written by another version of the state machine.
    #[error(
        "{path} holds a state of version {held}, and this diemd computes version {ours}: run a diemd of version {held} \
         on this home, or start a new home; nothing was changed (COMPATIBILITY.md lists the versions)"
    )]
    OtherVersion {
        /// The folder of the store.
        path: PathBuf,
        /// The version in the store.
        held: u64,
        /// The version that was asked for.
        ours: u64,
    },
    /// The rows do not hash to the root that was committed with them.
    #[error(
        "the rows in {path} hash to {found}, but height {height} was committed with root {expected}; \
         restore a snapshot or sync again into an empty home"
    )]
    RootMismatch {
        /// The store's folder, or `memory`.
        path: PathBuf,
        /// The height of the meta row or of the undo row.
        height: u64,
        /// The root it names, in hex.
        expected: String,
        /// The root of the rows, in hex.
        found: String,
    },
    /// The height is past, and the ring does not hold it.
    #[error("height {height} is not kept; this node answers for heights {oldest} to {latest}")]
    NotKept {
        /// The height asked for.
        height: u64,
        /// The oldest height kept.
        oldest: u64,
        /// The newest height that is kept.
        latest: u64,
    },
    /// Something else was committed after staging.
    #[error("the staged writes stand on another state than the last committed one; stage them again")]
    Stale,
    /// The height does not follow the last one.
    #[error("height {given} cannot follow; the next height is {expected}")]
    Height {
        /// The height that the caller gave.
        given: u64,
        /// The height that follows the last one.
        expected: u64,
    },
    /// There is nothing to go back to.
    #[error("height {height} cannot be undone: its undo row is not kept; sync again to go further back")]
    NothingToUndo {
        /// The last committed height.
        height: u64,
    },
    /// There is nothing to go back to, because the state came from a snapshot.
    #[error(
        "height {height} cannot be undone: this home began at it from a snapshot and holds nothing older; \
         a home that was not restored, or an older snapshot, goes further back"
    )]
    BeganHere {
        /// The height of the snapshot.
        height: u64,
    },
    /// A snapshot is restored into a store without a height.
    #[error("{path} holds height {height}, and a snapshot is restored into an empty store only: reset the home first")]
    NotEmpty {
        /// The store's folder.
        path: PathBuf,
        /// The height that it holds.
        height: u64,
    },
    /// A restore needs files.
    #[error("a store in memory has no room for the files of a restore; use one in a folder")]
    InMemory,
    /// Chunks of the snapshot are missing.
    #[error("the snapshot for {path} is not complete: chunks are missing")]
    Incomplete {
        /// The store's folder.
        path: PathBuf,
    },
    /// Nothing is committed yet, and rows of the index belong to a height.
    #[error("nothing is committed yet, so there is no height to which rows could be added")]
    NoBlock,
    /// The tree of the state has no slots left, which `chain.max_rows` keeps far away.
    #[error("{path}: {full}; this build of the node cannot hold a larger state: install a newer one")]
    Full {
        /// The store's folder, or `memory`.
        path: PathBuf,
        /// The number of rows with which the tree is full.
        full: TreeFull,
    },
    /// An earlier write failed, so that nobody knows what is on disk.
    #[error("an earlier write failed; restart the node")]
    Poisoned,
}

impl StoreError {
    /// Names the cause of an operating system's error.
    pub(crate) fn from_io(path: &Path, error: &std::io::Error) -> StoreError {
        use std::io::ErrorKind;
        let (path, detail) = (path.to_path_buf(), error.to_string());
        match error.kind() {
            ErrorKind::PermissionDenied => StoreError::Permission { path, detail },
            ErrorKind::ReadOnlyFilesystem => StoreError::ReadOnly { path, detail },
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge => {
                StoreError::DiskFull { path, detail }
            }
            _ => StoreError::Io { path, detail },
        }
    }
}
