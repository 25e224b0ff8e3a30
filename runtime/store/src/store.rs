//! The store: what is committed, and the only way to change it.

mod prune;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use diem_core::proof::EMPTY_HASH;
use diem_core::storage::Key;
use parking_lot::{Mutex, RwLock};

use crate::Options;
use crate::backend::{Backend, Prepared};
use crate::cache::Cache;
use crate::error::StoreError;
use crate::memory::Memory;
use crate::open::{self, FolderLock};
use crate::pruning::Floor;
use crate::rocks::Rocks;
use crate::rows::{Block, Held, IndexOp, IndexRow, Meta, UndoRow};
use crate::snapshot::{Ring, Rows, Snapshot};
use crate::state_sync::{self, Manifest, Restore};
use crate::tree::{self, Draft, Hash};
use crate::undo;
use diem_overlay::WriteSet;

/// The folder of the rows inside the store's.
const ROWS: &str = "rows";

/// Committed state. Reading goes through [`Snapshot`]s and waits for nobody; writing is one block at a time.
///
/// Lock order, against deadlocks: `writer`, then `pins` or `ring`, each of which is held for a moment only.
pub struct Store {
    backend: Backend,
    cache: Arc<Cache>,
    path: PathBuf,
    options: Options,
    ring: RwLock<Ring>,
    writer: Mutex<Writer>,
    /// The height of the snapshot with which the store began; 0 for none.
    began_at: AtomicU64,
    pins: Mutex<BTreeMap<u64, usize>>,
    /// Keeps other processes out of the folder. It is the last field, so that it is released after everything else.
    _lock: Option<FolderLock>,
}

/// The state of the writer, which only the holder of its lock sees.
struct Writer {
    poisoned: bool,
    /// The lowest height that has an undo row.
    oldest_undo: Option<u64>,
    /// The floor to which the next commit raises that of the index.
    next_floor: Option<Floor>,
    /// The height of the floor below which rows have left the disk.
    dropped: u64,
}

/// Writes with their root, not committed. Dropping it leaves no trace.
pub struct Staged {
    writes: WriteSet,
    draft: Draft,
    prepared: Prepared,
}

impl Staged {
    /// The state root after these writes.
    pub fn root(&self) -> Hash {
        self.draft.hash()
    }

    /// The writes that are staged.
    pub fn writes(&self) -> &WriteSet {
        &self.writes
    }
}

impl Store {
    /// Opens the store in the folder `path`, or makes an empty one there. It takes the folder's lock, rebuilds the tree
    /// from the rows and compares its root with the one that was committed.
    ///
    /// Errors: [`StoreError::Locked`], [`StoreError::RootMismatch`], [`StoreError::Full`], and whatever the disk
    /// answers.
    pub fn open(path: &Path, options: Options) -> Result<Store, StoreError> {
        let lock = open::lock(path)?;
        state_sync::remove_leftovers(path)?;
        let rocks = Rocks::open(&path.join(ROWS), options.sync, options.index)?;
        Store::start(Backend::Rocks(Arc::new(rocks)), path, options, Some(lock))
    }

    /// An empty store that lives in memory, for tests.
    pub fn in_memory(options: Options) -> Store {
        let backend = Backend::Memory(Memory::new(options.index));
        #[expect(clippy::expect_used, reason = "there is neither a disk that could fail nor a row that could be wrong")]
        Store::start(backend, Path::new("memory"), options, None).expect("memory cannot fail")
    }

    /// The last commit in the folder `path` with the state rows of `keys`; `None` if nothing was committed. It opens the rows
    /// read-only: nothing is created, changed or locked, so that a home can be judged before anything uses it.
    ///
    /// Errors: [`StoreError::Corrupt`], and whatever the disk answers.
    pub fn held(path: &Path, keys: &[&[u8]]) -> Result<Option<Held>, StoreError> {
        Rocks::held(&path.join(ROWS), keys)
    }

    /// Reads all rows in the folder `path` and compares the checksums of their files: an opened store takes its files for
    /// whole, and one of them that is not ends the process. Nothing is created, changed or locked.
    ///
    /// Errors: [`StoreError::Corrupt`], and whatever the disk answers.
    pub fn check_files(path: &Path) -> Result<(), StoreError> {
        Rocks::check_files(&path.join(ROWS))
    }

    fn start(backend: Backend, path: &Path, options: Options, lock: Option<FolderLock>) -> Result<Store, StoreError> {
        let options = Options { ring: options.ring.max(1), ..options };
        let (meta, oldest_undo, view) = (backend.meta()?, backend.oldest_undo()?, backend.view());
        let began_at = AtomicU64::new(backend.began()?.unwrap_or_default());
        let tree = open::rebuild(&view).map_err(|full| StoreError::Full { path: path.to_path_buf(), full })?;
        let expected = meta.unwrap_or(Meta { height: 0, root: EMPTY_HASH, time_ms: 0, app_version: 0 });
        check_root(path, &expected, &tree.hash())?;
        let cache = Arc::new(Cache::new(options.cache_bytes, tree.version()));
        let ring = RwLock::new(Ring::new(Snapshot::new(meta, tree, view, cache.clone()), options.ring));
        let dropped = backend.pruning().floor().height;
        let writer = Mutex::new(Writer { poisoned: false, oldest_undo, next_floor: None, dropped });
        let path = path.to_path_buf();
        Ok(Store { backend, cache, path, options, ring, writer, began_at, pins: Mutex::default(), _lock: lock })
    }

    /// The folder of the store; `memory` for one in memory.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The last committed height with root, time and app version; `None` before the first commit.
    pub fn meta(&self) -> Option<Meta> {
        self.latest().meta()
    }

    /// The state after the last commit. An empty store has height 0 and the root of the empty tree.
    pub fn latest(&self) -> Snapshot {
        self.ring.read().latest().clone()
    }

    /// The state at one of the last heights. Errors: [`StoreError::NotKept`].
    pub fn at(&self, height: u64) -> Result<Snapshot, StoreError> {
        self.ring.read().at(height)
    }

    /// The oldest height whose state can be read; `None` before the first commit.
    pub fn oldest(&self) -> Option<u64> {
        Some(self.ring.read().oldest()).filter(|height| *height > 0)
    }

    /// All state rows of the last height, in key order.
    pub fn state_rows(&self) -> Rows {
        self.latest().rows()
    }

    /// A row of the node's index.
    pub fn index_get(&self, key: &[u8]) -> Option<Vec<u8>> {
        self.latest().index_get(key)
    }

    /// At most `limit` rows of the node's index with `start <= key < end`, ascending, or descending if `reverse`.
    pub fn index_range(&self, start: &[u8], end: Option<&[u8]>, limit: usize, reverse: bool) -> Vec<IndexRow> {
        self.latest().index_range(start, end, limit, reverse)
    }

    /// Computes the root of the last commit with `writes` on top, and prepares them for [`Store::commit`]. Nothing is
    /// written, and it may be called any number of times.
    ///
    /// Errors: [`StoreError::Full`].
    pub fn stage(&self, writes: WriteSet) -> Result<Staged, StoreError> {
        self.stage_with(writes, undo::encode)
    }

    /// Stages with the undo row that `undo` makes.
    fn stage_with(
        &self,
        writes: WriteSet,
        undo: fn(&Snapshot, &WriteSet) -> Option<UndoRow>,
    ) -> Result<Staged, StoreError> {
        let base = self.latest();
        let (draft, prepared) = rayon::join(
            || base.tree().update(&tree::changes(writes.rows())),
            || self.backend.prepare(&writes, undo(&base, &writes)),
        );
        let draft = draft.map_err(|full| StoreError::Full { path: self.path.clone(), full })?;
        Ok(Staged { writes, draft, prepared })
    }

    /// Writes a staged block with its index rows in one atomic batch, on disk before it returns if
    /// [`Options::sync`] is set, and makes it the latest height. Heights follow each other; the first may be any.
    ///
    /// Errors: [`StoreError::Stale`], [`StoreError::Height`], and failures to write, after which every later write
    /// answers [`StoreError::Poisoned`].
    pub fn commit(
        &self,
        staged: Staged,
        height: u64,
        time_ms: u64,
        app_version: u64,
        index: Vec<IndexOp>,
    ) -> Result<Snapshot, StoreError> {
        let mut writer = self.writer.lock();
        writer.check()?;
        if let Some(meta) = self.meta()
            && meta.height.checked_add(1) != Some(height)
        {
            return Err(StoreError::Height { given: height, expected: meta.height.saturating_add(1) });
        }
        let Staged { writes, draft, prepared } = staged;
        // A restore makes a new tree, on which nothing that was staged before stands.
        if draft.base().version() != self.latest().tree().version() {
            return Err(StoreError::Stale);
        }
        let undo = self.meta().is_some();
        let tree = draft.commit().ok_or(StoreError::Stale)?;
        let meta = Meta { height, root: tree.hash(), time_ms, app_version };
        let drop_undo = writer.oldest_undo.map_or(0..0, |oldest| oldest..self.keep_undo_from(height).max(oldest));
        let floor = writer.next_floor.take();
        let block = Block { rows: &writes, index: &index, meta: &meta, drop_undo: drop_undo.clone(), floor };
        let (written, ()) =
            rayon::join(|| self.write(prepared, block), || self.cache.advance(tree.version(), writes.rows()));
        writer.note(written)?;
        writer.oldest_undo = match writer.oldest_undo {
            Some(_) => Some(drop_undo.end),
            None => undo.then_some(height),
        };
        floor.map_or(Ok(()), |floor| self.after_raise(&mut writer, floor))?;
        let snapshot = Snapshot::new(Some(meta), tree, self.backend.view(), self.cache.clone());
        let left = self.ring.write().push(snapshot.clone());
        drop(left);
        Ok(snapshot)
    }

    /// Writes rows of the node's index between two blocks, on disk before it returns if [`Options::sync`] is set. State
    /// and height stay as they are.
    ///
    /// Errors: [`StoreError::NoBlock`] before the first commit, and failures to write, as [`Store::commit`].
    pub fn write_index(&self, index: &[IndexOp]) -> Result<(), StoreError> {
        let mut writer = self.writer.lock();
        writer.check()?;
        let latest = self.latest();
        let meta = latest.meta().ok_or(StoreError::NoBlock)?;
        let rows = WriteSet::new();
        let block = Block { rows: &rows, index, meta: &meta, drop_undo: 0..0, floor: None };
        let written = self.write(self.backend.prepare(&rows, None), block);
        writer.note(written)?;
        let snapshot = Snapshot::new(Some(meta), latest.tree().clone(), self.backend.view(), self.cache.clone());
        let left = self.ring.write().renew(snapshot);
        drop(left);
        Ok(())
    }

    /// Takes the last height back by its undo row, together with `index_undo`, which undoes the node's index.
    ///
    /// Errors: [`StoreError::NothingToUndo`] if the undo row is gone or the height is the first,
    /// [`StoreError::BeganHere`] if it is that of the snapshot with which the store began,
    /// [`StoreError::RootMismatch`] if the rows before do not hash to the root before (nothing is written then), and
    /// failures to write.
    pub fn rollback(&self, index_undo: Vec<IndexOp>) -> Result<Meta, StoreError> {
        let mut writer = self.writer.lock();
        writer.check()?;
        let height = self.latest().height();
        let undo = self.backend.undo(height)?.ok_or(match self.began_at() {
            Some(began) if began == height => StoreError::BeganHere { height },
            _ => StoreError::NothingToUndo { height },
        })?;
        let (meta, writes) = undo::decode(&undo).map_err(|error| StoreError::Corrupt {
            path: self.path.clone(),
            detail: format!("undo row of height {height}: {error}"),
        })?;
        let Staged { writes, draft, prepared } = self.stage_with(writes, |_, _| None)?;
        check_root(&self.path, &meta, &draft.hash())?;
        let tree = draft.commit().ok_or(StoreError::Stale)?;
        let drop_undo = height..height.saturating_add(1);
        let block = Block { rows: &writes, index: &index_undo, meta: &meta, drop_undo, floor: None };
        let written = self.write(prepared, block);
        writer.note(written)?;
        self.cache.clear(tree.version());
        writer.oldest_undo = writer.oldest_undo.filter(|oldest| *oldest < height);
        let snapshot = Snapshot::new(Some(meta), tree, self.backend.view(), self.cache.clone());
        let left = self.ring.write().rewind(snapshot);
        drop(left);
        Ok(meta)
    }

    /// The lowest height to which [`Store::rollback`] can go back, one height at a time; `None` where nothing is committed.
    pub fn undoes_to(&self) -> Option<u64> {
        let latest = self.meta()?.height;
        let oldest = self.writer.lock().oldest_undo;
        Some(oldest.map_or(latest, |oldest| oldest.saturating_sub(1)))
    }

    /// The height of the snapshot with which this store began; `None` for one that holds its chain from the first block.
    /// It can be read, proven and rolled back from that height on.
    pub fn began_at(&self) -> Option<u64> {
        Some(self.began_at.load(Relaxed)).filter(|height| *height > 0)
    }

    /// Begins to restore the snapshot of `manifest` into this store, which must be empty; whoever calls has compared
    /// [`Manifest::app_hash`] with one that he believes. The rows under the keys `wanted` can be looked at before
    /// [`Store::adopt`] makes it the state. There is one restore at a time: a caller drops the one before, which removes
    /// what it wrote.
    ///
    /// Errors: [`StoreError::NotEmpty`], [`StoreError::InMemory`], and failures to write.
    pub fn restore(&self, manifest: Manifest, wanted: Vec<Key>) -> Result<Restore, StoreError> {
        let writer = self.writer.lock();
        writer.check()?;
        self.check_empty()?;
        let Backend::Rocks(rocks) = &self.backend else { return Err(StoreError::InMemory) };
        let version = self.latest().tree().version().saturating_add(1);
        Restore::begin(rocks.clone(), &self.path, self.options, manifest, wanted, version)
    }

    /// Makes a restored snapshot, all chunks of which are right, the state of its height, on disk before it returns.
    /// From here on the store is as if it had been opened at that height, and goes back no further.
    ///
    /// Errors: [`StoreError::Incomplete`], [`StoreError::NotEmpty`] if something was committed since, and
    /// [`StoreError::RootMismatch`], after all of which nothing of it is left; and failures to write, after which
    /// every later write answers [`StoreError::Poisoned`] and the next start begins with an empty store.
    pub fn adopt(&self, mut restore: Restore, time_ms: u64, app_version: u64) -> Result<Snapshot, StoreError> {
        let mut writer = self.writer.lock();
        writer.check()?;
        self.check_empty()?;
        let Backend::Rocks(rocks) = &self.backend else { return Err(StoreError::InMemory) };
        let (height, root) = (restore.manifest().height(), restore.manifest().app_hash());
        let meta = Meta { height, root, time_ms, app_version };
        let (tree, files) = restore.finish(&self.path)?;
        check_root(&self.path, &meta, &tree.hash())?;
        restore.leave_note();
        let ingested = self.options.around(|| rocks.ingest(files));
        writer.note(ingested.and_then(|()| self.options.around(|| rocks.end_restore(&meta))))?;
        writer.oldest_undo = None;
        self.began_at.store(height, Relaxed);
        self.cache.clear(tree.version());
        let snapshot = Snapshot::new(Some(meta), tree, self.backend.view(), self.cache.clone());
        let left = self.ring.write().restart(snapshot.clone());
        drop(left);
        Ok(snapshot)
    }

    fn check_empty(&self) -> Result<(), StoreError> {
        match self.meta() {
            Some(meta) => Err(StoreError::NotEmpty { path: self.path.clone(), height: meta.height }),
            None => Ok(()),
        }
    }

    /// Keeps all undo rows above `height`, so that the store can go back to it later, until [`Store::unpin`]. Pins
    /// are counted, and end with the process.
    pub fn pin(&self, height: u64) {
        let mut pins = self.pins.lock();
        let count = pins.entry(height).or_default();
        *count = count.saturating_add(1);
    }

    /// Takes one pin of `height` back. What it kept goes with the next commit.
    pub fn unpin(&self, height: u64) {
        let mut pins = self.pins.lock();
        if let Some(count) = pins.get_mut(&height) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                pins.remove(&height);
            }
        }
    }

    /// The lowest height whose undo row is kept once `height` is committed.
    fn keep_undo_from(&self, height: u64) -> u64 {
        let kept = u64::try_from(self.options.ring).unwrap_or(u64::MAX);
        let pinned = self.pins.lock().keys().next().map_or(u64::MAX, |pin| pin.saturating_add(1));
        height.saturating_add(1).saturating_sub(kept).min(pinned)
    }

    fn write(&self, prepared: Prepared, block: Block<'_>) -> Result<(), StoreError> {
        self.options.around(|| self.backend.write(prepared, block))
    }
}

impl Writer {
    fn note(&mut self, written: Result<(), StoreError>) -> Result<(), StoreError> {
        self.poisoned = written.is_err();
        written
    }

    fn check(&self) -> Result<(), StoreError> {
        if self.poisoned { Err(StoreError::Poisoned) } else { Ok(()) }
    }
}

fn check_root(path: &Path, meta: &Meta, found: &Hash) -> Result<(), StoreError> {
    if meta.root == *found {
        return Ok(());
    }
    let hex = |hash: &Hash| hash.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    Err(StoreError::RootMismatch {
        path: path.to_path_buf(),
        height: meta.height,
        expected: hex(&meta.root),
        found: hex(found),
    })
}
