//! Opening a store: one process for each folder, and the tree rebuilt from the rows.

use std::fs::{self, File, TryLockError};
use std::path::Path;

use diem_core::storage::Key;
use rayon::prelude::*;

use crate::backend::View;
use crate::error::StoreError;
use crate::tree::{Change, Root, TreeFull};

/// The file whose lock says that a process uses the folder.
const LOCK: &str = "lock";

/// The number of rows that are read while the ones before are hashed.
const PAGE: usize = 1 << 16;

/// The number of rows that are put into the tree at once: it bounds the memory that rebuilding takes beside the tree.
const BATCH: usize = 1 << 21;

/// The lock of a folder, which lasts until this is dropped.
pub(crate) struct FolderLock(File);

impl Drop for FolderLock {
    fn drop(&mut self) {
        // Closing would not be enough at once: a process that another thread starts at this moment holds a copy of the
        // open file until it has become its program. If unlocking fails, that copy's end unlocks.
        let _ = self.0.unlock();
    }
}

/// Makes the folder and takes its lock.
pub(crate) fn lock(path: &Path) -> Result<FolderLock, StoreError> {
    let failed = |error: std::io::Error| StoreError::from_io(path, &error);
    fs::create_dir_all(path).map_err(failed)?;
    let file = File::options().create(true).truncate(false).write(true).open(path.join(LOCK)).map_err(failed)?;
    match file.try_lock() {
        Ok(()) => Ok(FolderLock(file)),
        Err(TryLockError::WouldBlock) => Err(StoreError::Locked { path: path.to_path_buf() }),
        Err(TryLockError::Error(error)) => Err(failed(error)),
    }
}

/// The tree of all rows of `view`: one thread reads, the others hash.
///
/// # Errors
/// There are more rows than a tree can hold.
pub(crate) fn rebuild(view: &View) -> Result<Root, TreeFull> {
    let mut root = Root::new();
    let mut changes: Vec<Change> = Vec::new();
    let mut page = view.range(&[], None, PAGE);
    while !page.is_empty() {
        let start = page.last().map(|(key, _)| after(key));
        let (next, ()) = rayon::join(
            || start.filter(|_| page.len() == PAGE).map(|start| view.range(&start, None, PAGE)).unwrap_or_default(),
            || changes.par_extend(page.par_iter().map(|(key, value)| Change::new(key, Some(value)))),
        );
        page = next;
        if changes.len() >= BATCH || page.is_empty() {
            root = put(root, &changes)?;
            changes.clear();
        }
    }
    Ok(root)
}

fn put(root: Root, changes: &[Change]) -> Result<Root, TreeFull> {
    #[expect(clippy::expect_used, reason = "nobody else knows this tree yet, so nobody can have changed it")]
    Ok(root.update(changes)?.commit().expect("the base is the latest version"))
}

fn after(key: &Key) -> Key {
    let mut after = key.clone();
    after.push(0);
    after
}
