//! The snapshots of a node on disk: a folder for each, named by its height.
//!
//! A snapshot is written into `HEIGHT.tmp`, which is renamed when it is whole, and renamed back before it is removed: a
//! folder without `.tmp` is always complete.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use thiserror::Error;

use super::chunk;
use super::judge::{self, Fault, WrongReason};
use super::manifest::{Manifest, ManifestError};
use super::writer::{self, Files, LEFT_FREE, MANIFEST, TakeError, chunk_path, failed};
use super::{MAX_CHUNK_BYTES, MAX_MANIFEST_BYTES, ROWS_PER_CHUNK};
use crate::OnWrite;
use crate::error::StoreError;
use crate::snapshot::Snapshot;
use crate::tree::Assembly;

/// The end of the name of a folder that is not complete.
const UNFINISHED: &str = "tmp";

/// The folder of a node's snapshots.
#[derive(Debug)]
pub struct Shelf {
    path: PathBuf,
    rows_per_chunk: u64,
    /// The bytes that a snapshot leaves free on the disk.
    left: u64,
    on_write: OnWrite,
}

/// Why a folder holds no snapshot that could be restored.
#[derive(Debug, Error)]
pub enum VerifyError {
    /// The manifest is damaged.
    #[error("{path}: {error}")]
    Manifest {
        /// The folder of the snapshot.
        path: PathBuf,
        /// What is wrong with it.
        error: ManifestError,
    },
    /// A chunk is damaged.
    #[error("{path}: chunk {index} is wrong: {reason}")]
    Chunk {
        /// The folder of the snapshot.
        path: PathBuf,
        /// The number of the chunk.
        index: usize,
        /// What is wrong with it.
        reason: WrongReason,
    },
    /// The disk refuses.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Shelf {
    /// The shelf in the folder `path`, which need not be there yet. What a killed process left unfinished is removed.
    /// Chunks have at most `rows_per_chunk` rows on average: every node of a chain uses
    /// [`super::ROWS_PER_CHUNK`], so that their snapshots are the same, and tests fewer.
    ///
    /// # Errors
    /// The disk refuses.
    pub fn open(path: &Path, rows_per_chunk: u64) -> Result<Shelf, StoreError> {
        let shelf = Shelf { path: path.to_path_buf(), rows_per_chunk, left: LEFT_FREE, on_write: None };
        for name in shelf.names()? {
            if Path::new(&name).extension().is_some_and(|end| end == UNFINISHED) {
                let folder = shelf.path.join(name);
                fs::remove_dir_all(&folder).map_err(failed(&folder))?;
            }
        }
        Ok(shelf)
    }

    /// The shelf in the folder `path` of a node that may be running: nothing is changed, so that a snapshot which is
    /// being taken goes on. It is for reading only.
    pub fn look_at(path: &Path) -> Shelf {
        Shelf { path: path.to_path_buf(), rows_per_chunk: ROWS_PER_CHUNK, left: LEFT_FREE, on_write: None }
    }

    /// The same shelf, whose snapshots leave so many bytes free on the disk, and 2 GiB at the least.
    #[must_use]
    pub fn leaving(self, bytes: u64) -> Shelf {
        Shelf { left: bytes.max(LEFT_FREE), ..self }
    }

    /// The same shelf, which calls `on_write` right before and right after each write of a taking: a place for tests to
    /// end the process.
    #[must_use]
    pub fn telling(self, on_write: OnWrite) -> Shelf {
        Shelf { on_write, ..self }
    }

    fn names(&self) -> Result<Vec<String>, StoreError> {
        let entries = match fs::read_dir(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries.map_err(failed(&self.path))?,
        };
        let name = |entry: io::Result<fs::DirEntry>| Ok(entry?.file_name().to_string_lossy().into_owned());
        entries.map(name).collect::<io::Result<_>>().map_err(failed(&self.path))
    }

    /// The heights of the snapshots that are complete, ascending.
    ///
    /// # Errors
    /// The disk refuses.
    pub fn heights(&self) -> Result<Vec<u64>, StoreError> {
        let mut heights: Vec<u64> = self.names()?.iter().filter_map(|name| name.parse().ok()).collect();
        heights.sort_unstable();
        Ok(heights)
    }

    /// The folder of the snapshot of `height`.
    pub fn folder(&self, height: u64) -> PathBuf {
        self.path.join(height.to_string())
    }

    fn unfinished(&self, height: u64) -> PathBuf {
        self.folder(height).with_extension(UNFINISHED)
    }

    /// Takes a snapshot: it reads all rows of `snapshot` and writes them beside, all of it on disk when it returns. It
    /// runs on the calling thread, which is best one of low priority, and looks often at `cancelled`. What it could not
    /// finish is gone.
    ///
    /// # Errors
    /// [`TakeError`].
    pub fn take(&self, snapshot: &Snapshot, cancelled: &AtomicBool) -> Result<Manifest, TakeError> {
        let (folder, unfinished) = (self.folder(snapshot.height()), self.unfinished(snapshot.height()));
        if snapshot.meta().is_none() {
            return Err(TakeError::NoBlock);
        }
        if folder.exists() {
            return Err(TakeError::Exists(snapshot.height()));
        }
        let files = |path| Files { folder: path, on_write: self.on_write };
        files(&self.path).around(|| fs::create_dir_all(&unfinished)).map_err(failed(&unfinished))?;
        let taken = writer::write(snapshot, files(&unfinished), self.rows_per_chunk, self.left, cancelled);
        let taken = taken.and_then(|manifest| {
            files(&self.path).around(|| fs::rename(&unfinished, &folder)).map_err(failed(&folder))?;
            files(&self.path).sync().map_err(failed(&self.path))?;
            Ok(manifest)
        });
        if taken.is_err() {
            // What cannot be removed now is removed at the next start.
            let _ = fs::remove_dir_all(&unfinished);
        }
        taken
    }

    /// The manifest of the snapshot of `height`.
    ///
    /// # Errors
    /// There is none, or it is damaged.
    pub fn manifest(&self, height: u64) -> Result<Manifest, VerifyError> {
        manifest_in(&self.folder(height))
    }

    /// A chunk of the snapshot of `height` as it travels; `None` where there is no such chunk.
    ///
    /// # Errors
    /// The disk refuses.
    pub fn chunk(&self, height: u64, index: usize) -> Result<Option<Vec<u8>>, StoreError> {
        let path = chunk_path(&self.folder(height), index);
        match fs::read(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            read => read.map(Some).map_err(failed(&path)),
        }
    }

    /// The bytes of the files of the snapshot of `height`.
    ///
    /// # Errors
    /// There is none, or the disk refuses.
    pub fn bytes(&self, height: u64) -> Result<u64, StoreError> {
        let folder = self.folder(height);
        let entries = fs::read_dir(&folder).map_err(failed(&folder))?;
        let length = |entry: io::Result<fs::DirEntry>| Ok(entry?.metadata()?.len());
        let lengths = entries.map(length).collect::<io::Result<Vec<u64>>>().map_err(failed(&folder))?;
        Ok(lengths.into_iter().fold(0, u64::saturating_add))
    }

    /// Removes the snapshot of `height`, if there is one.
    ///
    /// # Errors
    /// The disk refuses.
    pub fn remove(&self, height: u64) -> Result<(), StoreError> {
        let (folder, unfinished) = (self.folder(height), self.unfinished(height));
        match fs::rename(&folder, &unfinished) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            renamed => renamed.and_then(|()| fs::remove_dir_all(&unfinished)).map_err(failed(&folder)),
        }
    }
}

fn manifest_in(folder: &Path) -> Result<Manifest, VerifyError> {
    let path = folder.join(MANIFEST);
    let bytes = read_at_most(&path, MAX_MANIFEST_BYTES)?;
    Manifest::decode(&bytes).map_err(|error| VerifyError::Manifest { path: folder.to_path_buf(), error })
}

/// Reads a file, and not more than one byte past `most` of it.
fn read_at_most(path: &Path, most: usize) -> Result<Vec<u8>, StoreError> {
    use io::Read as _;
    let mut bytes = Vec::new();
    let file = fs::File::open(path).map_err(failed(path))?;
    file.take((most as u64).saturating_add(1)).read_to_end(&mut bytes).map_err(failed(path))?;
    Ok(bytes)
}

/// Recomputes every root of the snapshot in `folder`. The app hash of the returned manifest is that of the rows; what
/// remains to be compared is the header of the height after the manifest's, which carries it.
///
/// # Errors
/// [`VerifyError`].
pub fn verify(folder: &Path) -> Result<Manifest, VerifyError> {
    let manifest = manifest_in(folder)?;
    let assembly = Assembly::new(0);
    for index in 0..manifest.chunks().len() {
        let bytes = read_at_most(&chunk_path(folder, index), MAX_CHUNK_BYTES)?;
        let path = || folder.to_path_buf();
        let judged = chunk::unpack(&bytes)
            .map_err(Fault::from)
            .and_then(|plain| judge::subtree(&assembly, &manifest, index, &plain).map(drop));
        judged.map_err(|fault| match fault {
            Fault::Wrong(reason) => VerifyError::Chunk { path: path(), index, reason },
            Fault::Full(full) => StoreError::Full { path: path(), full }.into(),
            Fault::Store(error) => error.into(),
        })?;
    }
    Ok(manifest)
}
