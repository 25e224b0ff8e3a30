//! What was verified into a home, in place of its chain.

use std::{
    fs, io,
    os::unix::fs::DirBuilderExt as _,
    path::{Path, PathBuf},
};

use diem_host::home::{Home, HomeError};

use super::{
    ArchiveError,
    contents::{DATABASES, place},
    failed,
};
use crate::forget::forget_databases;

/// The folder of files that are not verified yet.
const UNPACKED: &str = "restore.tmp";
/// The folder of verified files that are on their way to their places.
const VERIFIED: &str = "restore";

/// Whether the chain of a home was being replaced when the process ended: it may have the state of one height and the
/// blocks of another.
pub(crate) fn is_unfinished(home: &Home) -> bool {
    home.root().join(VERIFIED).exists()
}

/// The folders that a restore leaves in a home where its process is killed.
pub(crate) fn leftovers(home: &Home) -> [PathBuf; 2] {
    // The verified files are the mark of a chain that was being replaced, which goes last.
    [UNPACKED, VERIFIED].map(|folder| home.root().join(folder))
}

/// The folder inside a home into which an archive is unpacked, and what becomes of it. Dropping it removes the folder,
/// and the home where that is empty and was not there before.
pub(crate) struct Staging {
    folder: PathBuf,
    /// The home, where it was not there before.
    made: Option<PathBuf>,
}

impl Staging {
    /// Makes the folder. What an earlier attempt left is removed, so the caller holds the lock of a home that exists.
    ///
    /// # Errors
    /// The disk refuses.
    pub(crate) fn make(home: &Home) -> Result<Self, ArchiveError> {
        let made = (!home.root().exists()).then(|| home.root().to_path_buf());
        let staging = Self { folder: home.root().join(UNPACKED), made };
        remove(&staging.folder)?;
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&staging.folder).map_err(failed(&staging.folder))?;
        Ok(staging)
    }

    /// The folder.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Puts the verified files in place of the chain of the home, whose lock the caller holds. Keys, signing state and
    /// settings stay as they are. A home in which this did not end is refused by every start.
    ///
    /// # Errors
    /// The disk refuses.
    pub(crate) fn replace(mut self, home: &Home) -> Result<(), ArchiveError> {
        self.made = None;
        let verified = home.root().join(VERIFIED);
        remove(&verified)?;
        fs::rename(&self.folder, &verified).map_err(failed(&verified))?;
        sync(home.root())?;
        forget_databases(home)?;
        for database in DATABASES {
            let (from, to) = (place(&verified, database), place(home.root(), database));
            if !from.exists() {
                continue;
            }
            let parent = to.parent().unwrap_or(home.root());
            fs::DirBuilder::new().recursive(true).mode(0o700).create(parent).map_err(failed(parent))?;
            fs::rename(&from, &to).map_err(failed(&to))?;
            sync(parent)?;
        }
        remove(&verified)
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        // What cannot be removed now is removed by the next attempt.
        let _ = fs::remove_dir_all(&self.folder);
        if let Some(home) = &self.made {
            let _ = fs::remove_dir(home);
        }
    }
}

fn remove(folder: &Path) -> Result<(), ArchiveError> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(failed(folder)(error)),
        _ => Ok(()),
    }
}

fn sync(folder: &Path) -> Result<(), ArchiveError> {
    let synced = fs::File::open(folder).and_then(|folder| folder.sync_all());
    synced.map_err(|error| HomeError::io(folder, error).into())
}
