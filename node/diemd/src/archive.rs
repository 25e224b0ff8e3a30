//! An archive of a home: the state with its index, and CometBFT's blocks. Keys and signing state are never in it.
//!
//! It is a tar file, whose first member lists all others with their lengths and hashes; the databases inside are
//! compressed by themselves, so the archive is not, and unpacks to what its own length says.
//!
//! ```text
//! contents   the list, and which paths an archive may have
//! pack       a stopped home into an archive
//! unpack     an archive into a folder, where it is verified
//! refill     what was verified into a home, in place of its chain
//! ```

mod contents;
mod pack;
mod refill;
mod unpack;

use std::{io, path::PathBuf};

use diem_host::home::HomeError;
use diem_store::StoreError;

pub(crate) use contents::Contents;
pub(crate) use pack::{file_name, pack};
pub(crate) use refill::{Staging, is_unfinished, leftovers};
pub(crate) use unpack::{Verified, read_contents, unpack};

/// Why an archive is not made, or not restored.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ArchiveError {
    /// The home has no block.
    #[error("{0} has no block yet, so there is nothing to keep")]
    NoBlock(PathBuf),
    /// The home began by a snapshot and has executed no block since.
    #[error(
        "{home} began at {began} by a snapshot and has executed no block since, so there is nothing to keep: start its node first"
    )]
    Began {
        /// The folder of the home that was to be packed.
        home: PathBuf,
        /// The height of the snapshot.
        began: u64,
    },
    /// The genesis of the home is missing or another chain's.
    #[error("{path} must be the genesis of the chain in this home, with hash {wanted}: {reason}")]
    Genesis {
        /// The file.
        path: PathBuf,
        /// The hash of the chain's genesis, in hex.
        wanted: String,
        /// What is wrong.
        reason: String,
    },
    /// There is a file of this name.
    #[error("{0} is there already: name another file")]
    Exists(PathBuf),
    /// The folder of a database holds something else than files.
    #[error("{0} is no file, and the databases of a home hold files only: move it away")]
    NoFile(PathBuf),
    /// The file is no archive, or a damaged one.
    #[error("{path} is no archive that can be restored: {reason}")]
    Wrong {
        /// The archive.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The state in the archive is damaged.
    #[error("the state in {path} is damaged: {error}")]
    State {
        /// The archive.
        path: PathBuf,
        /// What the store found.
        error: StoreError,
    },
    /// The state in the home is damaged.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The disk refuses.
    #[error(transparent)]
    Home(#[from] HomeError),
}

/// Names the path in an error of the disk.
fn failed(path: &std::path::Path) -> impl Fn(io::Error) -> ArchiveError {
    let path = path.to_path_buf();
    move |error| HomeError::io(&path, error).into()
}
