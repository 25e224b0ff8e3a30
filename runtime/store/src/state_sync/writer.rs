//! Taking a snapshot: the rows of one height, read twice in key order.
//!
//! The first pass counts rows and bytes below every prefix of 16 bits, from which the depth follows: a function of the
//! rows alone, so that every node cuts alike. The second pass appends each row to the file of its chunk, through small
//! buffers. Rows lie in key order and chunks are cut by hashes of keys, so whoever wanted to write one chunk after the
//! other would have to look up every row at a random place; reading in order costs a tenth of that. Last, each file is
//! packed. The roots of the subtrees are those of the tree in memory.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use thiserror::Error;

use super::chunk::{self, LENGTH};
use super::manifest::{ChunkEntry, Manifest, ManifestError};
use super::{MAX_CHUNK_BYTES, MAX_DEPTH};
use crate::OnWrite;
use crate::error::StoreError;
use crate::snapshot::Snapshot;
use crate::tree::{sha256, subtree_of};

/// The bytes that wait in memory for the files of all chunks together.
const BUFFERS: usize = 16 << 20;

/// The bytes that a snapshot leaves free on its disk, unless it is told to leave more: as many as a node needs to start,
/// so that a snapshot never takes the room in which the chain goes on.
pub(super) const LEFT_FREE: u64 = 2 << 30;

/// The rows between two looks at whether the taking was cancelled.
const ROWS_AT_A_TIME: usize = 4096;

/// The manifest's file in the folder of a snapshot.
pub(super) const MANIFEST: &str = "manifest";

/// Why there is no snapshot. The chain is not concerned.
#[derive(Debug, Error)]
pub enum TakeError {
    /// The node stops.
    #[error("the snapshot was given up because the node stops")]
    Cancelled,
    /// There is no height yet.
    #[error("nothing is committed yet, so there is no height of which a snapshot could be")]
    NoBlock,
    /// There is one of this height.
    #[error("there is a snapshot of height {0} already")]
    Exists(u64),
    /// A chunk of 2^16 would be too large.
    #[error(
        "the state cannot be cut into 2^{MAX_DEPTH} chunks of at most {MAX_CHUNK_BYTES} bytes: \
         this height gets no snapshot"
    )]
    TooLarge,
    /// The chain would lack the room on the disk.
    #[error(
        "there is no room for it: the disk of {path} has {} MiB free, it takes up to {}, and {} stay free for the chain; \
         make room, or take no snapshots (snapshot.every = \"off\")",
        mib(*.free), mib(*.bytes), mib(*.left)
    )]
    NoRoom {
        /// The folder that the snapshot would be in.
        path: PathBuf,
        /// The bytes of its files while it is taken, at most.
        bytes: u64,
        /// The bytes that are free.
        free: u64,
        /// The bytes that it has to leave free.
        left: u64,
    },
    /// Rows, counts and roots do not fit together.
    #[error("the rows of the snapshot do not fit its tree, which is a fault of this program: {0}")]
    Inconsistent(#[from] ManifestError),
    /// The disk refuses.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Rows and bytes below each prefix of [`MAX_DEPTH`] bits.
struct Sizes {
    rows: Vec<u64>,
    bytes: Vec<u64>,
}

impl Sizes {
    fn of(snapshot: &Snapshot, cancelled: &AtomicBool) -> Result<Sizes, TakeError> {
        let mut sizes = Sizes { rows: vec![0; 1 << MAX_DEPTH], bytes: vec![0; 1 << MAX_DEPTH] };
        let add = |sums: &mut [u64], place: usize, more: u64| {
            if let Some(sum) = sums.get_mut(place) {
                *sum = sum.saturating_add(more);
            }
        };
        for (number, (key, value)) in snapshot.rows().enumerate() {
            check_cancelled(number, cancelled)?;
            let place = subtree_of(&sha256(&key), MAX_DEPTH);
            add(&mut sizes.rows, place, 1);
            add(&mut sizes.bytes, place, chunk::row_bytes(&key, &value) as u64);
        }
        Ok(sizes)
    }

    /// The bytes of the files while a snapshot is taken, at most: all rows, and once more those of the chunk that is
    /// packed.
    fn most_on_disk(&self) -> u64 {
        below(&self.bytes, 0).fold(MAX_CHUNK_BYTES as u64, u64::saturating_add)
    }

    /// The smallest depth with at most `rows_per_chunk` rows a chunk on average, and no chunk too large.
    fn depth(&self, rows_per_chunk: u64) -> Option<u8> {
        let rows = below(&self.rows, 0).fold(0u64, u64::saturating_add);
        // A chunk has a byte for its form and the number of its rows besides them.
        let most = MAX_CHUNK_BYTES.saturating_sub(1 + LENGTH) as u64;
        (0..=MAX_DEPTH).find(|depth| {
            rows <= rows_per_chunk.saturating_mul(1 << depth) && below(&self.bytes, *depth).all(|bytes| bytes <= most)
        })
    }
}

/// The sums of `counts`, one for each prefix of [`MAX_DEPTH`] bits, below each prefix of `depth` bits.
fn below(counts: &[u64], depth: u8) -> impl Iterator<Item = u64> {
    let together = 1 << MAX_DEPTH.saturating_sub(depth);
    counts.chunks(together).map(|counts| counts.iter().copied().fold(0, u64::saturating_add))
}

/// Writes chunks and manifest of `snapshot` into the empty folder of `files`, all of it on disk when it returns, with `left`
/// bytes free there at the least.
pub(super) fn write(
    snapshot: &Snapshot,
    files: Files<'_>,
    rows_per_chunk: u64,
    left: u64,
    cancelled: &AtomicBool,
) -> Result<Manifest, TakeError> {
    let folder = files.folder;
    let sizes = Sizes::of(snapshot, cancelled)?;
    let depth = sizes.depth(rows_per_chunk).ok_or(TakeError::TooLarge)?;
    check_room(folder, sizes.most_on_disk(), left)?;
    let roots = snapshot.tree().subtrees(depth).into_iter();
    let entries = roots.zip(below(&sizes.rows, depth)).map(|(root, rows)| ChunkEntry { root, rows }).collect();
    let manifest = Manifest::new(snapshot.height(), depth, entries)?;
    drop(sizes);
    let mut parts = Parts::new(files, &manifest);
    for (number, (key, value)) in snapshot.rows().enumerate() {
        check_cancelled(number, cancelled)?;
        parts.push(subtree_of(&sha256(&key), depth), &key, &value).map_err(failed(folder))?;
    }
    parts.flush_all().map_err(failed(folder))?;
    drop(parts);
    for index in 0..manifest.chunks().len() {
        check_cancelled(0, cancelled)?;
        files.pack(index).map_err(failed(folder))?;
    }
    files.sync().map_err(failed(folder))?;
    files.write_synced(&folder.join(MANIFEST), &manifest.encode()).map_err(failed(folder))?;
    files.sync().map_err(failed(folder))?;
    Ok(manifest)
}

fn check_room(folder: &Path, bytes: u64, left: u64) -> Result<(), TakeError> {
    // A file system that does not tell has its say when it is written to.
    let Ok(disk) = rustix::fs::statvfs(folder) else { return Ok(()) };
    let free = disk.f_bavail.saturating_mul(disk.f_frsize);
    if free >= bytes.saturating_add(left) {
        return Ok(());
    }
    Err(TakeError::NoRoom { path: folder.to_path_buf(), bytes, free, left })
}

fn mib(bytes: u64) -> u64 {
    bytes.div_ceil(1 << 20)
}

fn check_cancelled(number: usize, cancelled: &AtomicBool) -> Result<(), TakeError> {
    if number.is_multiple_of(ROWS_AT_A_TIME) && cancelled.load(Relaxed) { Err(TakeError::Cancelled) } else { Ok(()) }
}

/// The rows of all chunks on their way to files, one for each chunk.
struct Parts<'a> {
    files: Files<'a>,
    buffers: Vec<Vec<u8>>,
    /// A buffer of this length is written.
    full: usize,
}

impl<'a> Parts<'a> {
    fn new(files: Files<'a>, manifest: &Manifest) -> Parts<'a> {
        // The number of rows comes first. A chunk of more than 4 billion would be longer than 8 MiB.
        let count = |entry: &ChunkEntry| u32::try_from(entry.rows).unwrap_or(u32::MAX).to_le_bytes().to_vec();
        let buffers: Vec<_> = manifest.chunks().iter().map(count).collect();
        let full = BUFFERS.checked_div(buffers.len()).unwrap_or(BUFFERS);
        Parts { files, buffers, full }
    }

    fn push(&mut self, index: usize, key: &[u8], value: &[u8]) -> io::Result<()> {
        let Some(buffer) = self.buffers.get_mut(index) else { return Ok(()) };
        chunk::push_row(buffer, key, value);
        if buffer.len() < self.full { Ok(()) } else { self.files.append(index, buffer) }
    }

    fn flush_all(&mut self) -> io::Result<()> {
        let mut all = self.buffers.iter_mut().enumerate();
        all.try_for_each(|(index, buffer)| self.files.append(index, buffer))
    }
}

/// The folder of a snapshot, and who hears of each write to it.
#[derive(Clone, Copy)]
pub(super) struct Files<'a> {
    pub(super) folder: &'a Path,
    pub(super) on_write: OnWrite,
}

impl Files<'_> {
    pub(super) fn around<T>(&self, write: impl FnOnce() -> T) -> T {
        crate::around(self.on_write, write)
    }

    /// Moves the buffer to the end of a chunk's rows. Files are not kept open: there may be more chunks than open files.
    fn append(&self, index: usize, buffer: &mut Vec<u8>) -> io::Result<()> {
        let path = part_path(self.folder, index);
        self.around(|| File::options().create(true).append(true).open(path)?.write_all(buffer))?;
        buffer.clear();
        Ok(())
    }

    /// Makes the chunk out of its rows, which go.
    fn pack(&self, index: usize) -> io::Result<()> {
        let part = part_path(self.folder, index);
        self.write_synced(&chunk_path(self.folder, index), &chunk::pack(&fs::read(&part)?))?;
        self.around(|| fs::remove_file(part))
    }

    fn write_synced(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        self.around(|| {
            let mut file = File::create(path)?;
            file.write_all(bytes)?;
            file.sync_all()
        })
    }

    /// Makes the names in the folder last.
    pub(super) fn sync(&self) -> io::Result<()> {
        self.around(|| File::open(self.folder)?.sync_all())
    }
}

/// The file of a chunk's rows before they are packed.
fn part_path(folder: &Path, index: usize) -> PathBuf {
    folder.join(format!("{index:05}.rows"))
}

/// The file of a chunk.
pub(super) fn chunk_path(folder: &Path, index: usize) -> PathBuf {
    folder.join(format!("{index:05}"))
}

/// Names the folder in an error of the disk.
pub(super) fn failed(folder: &Path) -> impl Fn(io::Error) -> StoreError {
    move |error| StoreError::from_io(folder, &error)
}
