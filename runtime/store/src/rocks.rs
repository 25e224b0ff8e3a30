//! The rows on disk: RocksDB, one column family for each kind of access, one batch for each block.
//!
//! ```text
//! family   key                value                                   read by
//! default  "meta"             borsh(Meta)                             opening
//!          "layout"           this layout's number                    opening
//!          "restoring"        height of the snapshot, 8 bytes BE      opening: its rows are not complete, and are wiped
//!          "began"            height of the snapshot, 8 bytes BE      opening: there is nothing older
//!          "floor"            borsh(Floor)                            opening: the index has no rows of lower blocks
//! state    the state key      the state value                         execution, queries, proofs; scans
//! undo     height, 8 bytes BE borsh(Meta before, old values)          rollback
//! index    the node's         the node's                              queries of the node
//! ```
//!
//! There are no nodes of the tree on disk: it is rebuilt from the state rows, and its root compared with the meta row.

mod prune;
mod restore;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use diem_core::storage::{Key, Value};
use rocksdb::{
    BlockBasedOptions, Cache, ColumnFamily, ColumnFamilyDescriptor, DB, DBCompressionType, DBRawIterator, LogLevel,
    Options, ReadOptions, SnapshotWithThreadMode, WriteBatch, WriteOptions,
};

use crate::error::StoreError;
use crate::pruning::{IndexLayout, Pruning};
use crate::rows::{Block, Held, IndexOp, IndexRow, Meta, UndoRow};
use diem_overlay::WriteSet;

/// The version of the layout of the files. It is raised when older ones can no longer be read.
const LAYOUT: &[u8] = &[1];

const META_KEY: &[u8] = b"meta";
const LAYOUT_KEY: &[u8] = b"layout";
const STATE: &str = "state";
const UNDO: &str = "undo";
const INDEX: &str = "index";

/// Blocks of all families that were read lately. Rows have a cache of their own above.
const BLOCK_CACHE: usize = 128 << 20;

/// The compression of each level. The two upper ones are rewritten too often for it to be worth its time.
const COMPRESSION: [DBCompressionType; 7] = {
    use DBCompressionType::{Lz4, None};
    [None, None, Lz4, Lz4, Lz4, Lz4, Lz4]
};

/// The log may grow to this before the families that hold it back are flushed; opening reads it again.
const MAX_LOG: u64 = 128 << 20;

/// About the bytes that a state row takes in a batch together with its part of the undo row and of the index.
const BATCH_BYTES_PER_ROW: usize = 256;

pub(crate) struct Rocks {
    db: DB,
    path: PathBuf,
    write: WriteOptions,
    pruning: Arc<Pruning>,
}

impl Rocks {
    pub(crate) fn open(path: &Path, sync: bool, index: IndexLayout) -> Result<Rocks, StoreError> {
        let pruning = Arc::new(Pruning::new(index));
        let failed = |error: rocksdb::Error| from_rocks(path, &error);
        let open = || DB::open_cf_descriptors(&database_options(), path, families(&pruning)).map_err(failed);
        let mut db = open()?;
        if restore::is_unfinished(&db).map_err(failed)? {
            if read_meta(&db, path)?.is_none() {
                // Killed in between, it finds no such family and makes it.
                db.drop_cf(STATE).map_err(failed)?;
                drop(db);
                db = open()?;
            }
            restore::forget(&db).map_err(failed)?;
        }
        match db.get(LAYOUT_KEY).map_err(failed)? {
            None => db.put(LAYOUT_KEY, LAYOUT).map_err(failed)?,
            Some(layout) if layout == LAYOUT => {}
            Some(layout) => {
                let detail = format!("layout {layout:?} instead of {LAYOUT:?}: written by another version of the node");
                return Err(StoreError::Corrupt { path: path.to_path_buf(), detail });
            }
        }
        let floor = prune::read_floor(&db).map_err(failed)?;
        pruning.hide_below(floor);
        pruning.drop_below(floor);
        let mut write = WriteOptions::default();
        write.set_sync(sync);
        Ok(Rocks { db, path: path.to_path_buf(), write, pruning })
    }

    /// The last commit of the database in `path`, which is opened read-only, with the state rows of `keys`; `None` where
    /// there is no database or nothing was committed.
    pub(crate) fn held(path: &Path, keys: &[&[u8]]) -> Result<Option<Held>, StoreError> {
        if !path.join("CURRENT").exists() {
            return Ok(None);
        }
        let failed = |error: rocksdb::Error| from_rocks(path, &error);
        let mut options = Options::default();
        options.set_log_level(LogLevel::Fatal);
        if !DB::list_cf(&options, path).map_err(failed)?.iter().any(|family| family == STATE) {
            return Ok(None);
        }
        let db = DB::open_cf_for_read_only(&options, path, [STATE], false).map_err(failed)?;
        let Some(meta) = read_meta(&db, path)? else { return Ok(None) };
        let Some(family) = db.cf_handle(STATE) else { return Ok(None) };
        let row = |key: &&[u8]| Ok(db.get_pinned_cf(family, key).map_err(failed)?.map(|row| Value::from_slice(&row)));
        let rows = keys.iter().map(row).collect::<Result<_, StoreError>>()?;
        Ok(Some(Held { meta, began_at: restore::read_began(&db).map_err(failed)?, rows }))
    }

    /// Reads every row of the database in `path`, which is opened read-only: the checksum of each block of its files is
    /// compared with what is there.
    pub(crate) fn check_files(path: &Path) -> Result<(), StoreError> {
        let failed = |error: rocksdb::Error| from_rocks(path, &error);
        let mut options = Options::default();
        options.set_log_level(LogLevel::Fatal);
        let names = DB::list_cf(&options, path).map_err(failed)?;
        let db = DB::open_cf_for_read_only(&options, path, &names, false).map_err(failed)?;
        for family in names.iter().filter_map(|name| db.cf_handle(name)) {
            let mut once = ReadOptions::default();
            once.fill_cache(false);
            let mut rows = db.raw_iterator_cf_opt(family, once);
            rows.seek_to_first();
            while rows.valid() {
                rows.next();
            }
            rows.status().map_err(failed)?;
        }
        Ok(())
    }

    pub(crate) fn meta(&self) -> Result<Option<Meta>, StoreError> {
        read_meta(&self.db, &self.path)
    }

    pub(crate) fn undo(&self, height: u64) -> Result<Option<Vec<u8>>, StoreError> {
        self.db.get_cf(self.family(UNDO), height.to_be_bytes()).map_err(|error| from_rocks(&self.path, &error))
    }

    pub(crate) fn oldest_undo(&self) -> Result<Option<u64>, StoreError> {
        let mut rows = self.db.raw_iterator_cf(self.family(UNDO));
        rows.seek_to_first();
        let oldest = rows.key().and_then(|key| key.first_chunk()).map(|height| u64::from_be_bytes(*height));
        rows.status().map_err(|error| from_rocks(&self.path, &error))?;
        Ok(oldest)
    }

    /// The state rows and the undo row of a block, ready to be written.
    pub(crate) fn prepare(&self, rows: &WriteSet, undo: Option<UndoRow>) -> WriteBatch {
        let family = self.family(STATE);
        let mut batch = WriteBatch::with_capacity_bytes(rows.len().saturating_mul(BATCH_BYTES_PER_ROW));
        for (key, value) in in_key_order(rows.rows(), |(key, _)| key) {
            match value {
                Some(value) => batch.put_cf(family, key, value),
                None => batch.delete_cf(family, key),
            }
        }
        if let Some(undo) = undo {
            batch.put_cf(self.family(UNDO), undo.height.to_be_bytes(), undo.bytes);
        }
        batch
    }

    /// Writes a block; `batch` holds its state rows and its undo row.
    pub(crate) fn write(&self, mut batch: WriteBatch, block: Block<'_>) -> Result<(), StoreError> {
        let (undo, index) = (self.family(UNDO), self.family(INDEX));
        for op in in_key_order(block.index, IndexOp::key) {
            match op {
                IndexOp::Put { key, value } => batch.put_cf(index, key, value),
                IndexOp::Delete { key } => batch.delete_cf(index, key),
            }
        }
        for height in block.drop_undo {
            batch.delete_cf(undo, height.to_be_bytes());
        }
        if let Some(floor) = block.floor {
            prune::put_floor(&mut batch, floor);
        }
        put_meta(&mut batch, block.meta);
        self.db.write_opt(batch, &self.write).map_err(|error| from_rocks(&self.path, &error))
    }

    fn family(&self, name: &str) -> &ColumnFamily {
        #[expect(clippy::expect_used, reason = "opening creates every family that is named in this file")]
        self.db.cf_handle(name).expect("the family was opened")
    }
}

fn put_meta(batch: &mut WriteBatch, meta: &Meta) {
    #[expect(clippy::expect_used, reason = "writing four numbers to memory cannot fail")]
    batch.put(META_KEY, borsh::to_vec(meta).expect("a meta row has a fixed length"));
}

fn read_meta(db: &DB, path: &Path) -> Result<Option<Meta>, StoreError> {
    let Some(bytes) = db.get(META_KEY).map_err(|error| from_rocks(path, &error))? else { return Ok(None) };
    borsh::from_slice(&bytes)
        .map(Some)
        .map_err(|error| StoreError::Corrupt { path: path.to_path_buf(), detail: format!("meta row: {error}") })
}

/// Returns `rows` in the order of their keys: RocksDB's memtables take sorted keys in half the time of unsorted ones.
fn in_key_order<T>(rows: &[T], key: impl Fn(&T) -> &Key) -> impl Iterator<Item = &T> {
    let prefix = |row: &T| {
        let mut prefix = [0; 16];
        prefix.iter_mut().zip(key(row).as_slice()).for_each(|(to, from)| *to = *from);
        u128::from_be_bytes(prefix)
    };
    let mut order: Vec<(u128, &T)> = rows.iter().map(|row| (prefix(row), row)).collect();
    // The sort is stable, because one key may be written twice. The first bytes nearly always decide, and lie at hand.
    order.sort_by(|a, b| a.0.cmp(&b.0).then_with(|| key(a.1).cmp(key(b.1))));
    order.into_iter().map(|(_, row)| row)
}

fn database_options() -> Options {
    let mut options = Options::default();
    options.create_if_missing(true);
    options.create_missing_column_families(true);
    options.set_max_background_jobs(2);
    options.set_max_total_wal_size(MAX_LOG);
    options.set_max_open_files(512);
    options.set_bytes_per_sync(1 << 20);
    options.set_keep_log_file_num(2);
    options.set_log_level(LogLevel::Warn);
    options
}

fn families(pruning: &Arc<Pruning>) -> Vec<ColumnFamilyDescriptor> {
    let cache = Cache::new_lru_cache(BLOCK_CACHE);
    let rows = |write_buffer: usize, bloom: bool| family_options(&cache, write_buffer, bloom);
    let mut index = rows(32 << 20, true);
    prune::leave_out_pruned(&mut index, pruning);
    vec![
        ColumnFamilyDescriptor::new("default", rows(1 << 20, false)),
        ColumnFamilyDescriptor::new(STATE, rows(32 << 20, true)),
        ColumnFamilyDescriptor::new(UNDO, rows(64 << 20, false)),
        ColumnFamilyDescriptor::new(INDEX, index),
    ]
}

fn family_options(cache: &Cache, write_buffer: usize, bloom: bool) -> Options {
    let mut table = BlockBasedOptions::default();
    table.set_block_cache(cache);
    table.set_block_size(8 << 10);
    table.set_format_version(6);
    if bloom {
        table.set_bloom_filter(10.0, false);
    }
    let mut options = Options::default();
    options.set_block_based_table_factory(&table);
    options.set_compression_per_level(&COMPRESSION);
    options.set_write_buffer_size(write_buffer);
    options
}

/// The order of a scan, and whether its blocks stay in the cache.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Order {
    Ascending,
    AscendingOnce,
    Descending,
}

#[expect(clippy::unnecessary_wraps, reason = "a scan may leave rows out, and one of the state never does")]
fn copy_row(key: &[u8], value: &[u8]) -> Option<(Key, Value)> {
    Some((Key::from_slice(key), Value::from_slice(value)))
}

/// The rows as they were when the view was taken.
pub(crate) struct RocksView {
    /// Names the snapshot; both must be gone before `rocks`, and are: fields are dropped in this order.
    read: ReadOptions,
    snapshot: SnapshotWithThreadMode<'static, DB>,
    rocks: Arc<Rocks>,
}

impl RocksView {
    pub(crate) fn new(rocks: &Arc<Rocks>) -> RocksView {
        let rocks = rocks.clone();
        // SAFETY: only the lifetime changes. The snapshot borrows `rocks.db`, which lies in an `Arc` that this view
        // owns, so it neither moves nor ends before the view does. Fields are dropped in the order of declaration:
        // the snapshot releases itself while the database is still there. The snapshot is private and never leaves
        // the view, so nobody can copy the longer lifetime out of it.
        #[allow(unsafe_code)]
        let snapshot: SnapshotWithThreadMode<'static, DB> = unsafe { std::mem::transmute(rocks.db.snapshot()) };
        let mut read = ReadOptions::default();
        read.set_snapshot(&snapshot);
        RocksView { read, snapshot, rocks }
    }

    pub(crate) fn get(&self, key: &[u8]) -> Option<Value> {
        self.point(STATE, key, Value::from_slice)
    }

    pub(crate) fn index_get(&self, key: &[u8]) -> Option<Vec<u8>> {
        let row = self.point(INDEX, key, <[u8]>::to_vec)?;
        (!self.rocks.pruning.is_hidden(key, &row)).then_some(row)
    }

    fn point<T>(&self, family: &str, key: &[u8], copy: impl FnOnce(&[u8]) -> T) -> Option<T> {
        match self.rocks.db.get_pinned_cf_opt(self.rocks.family(family), key, &self.read) {
            Ok(row) => row.map(|row| copy(&row)),
            Err(error) => self.fatal(&error),
        }
    }

    pub(crate) fn range(&self, start: &[u8], end: Option<&[u8]>, limit: usize) -> Vec<(Key, Value)> {
        self.scan(STATE, start, end, limit, Order::Ascending, copy_row)
    }

    /// Rows that are read once: they do not push others out of the cache of blocks.
    pub(crate) fn page(&self, start: &[u8], limit: usize) -> Vec<(Key, Value)> {
        self.scan(STATE, start, None, limit, Order::AscendingOnce, copy_row)
    }

    pub(crate) fn index_range(&self, start: &[u8], end: Option<&[u8]>, limit: usize, reverse: bool) -> Vec<IndexRow> {
        let order = if reverse { Order::Descending } else { Order::Ascending };
        self.scan(INDEX, start, end, limit, order, |key, value| {
            (!self.rocks.pruning.is_hidden(key, value)).then(|| (key.to_vec(), value.to_vec()))
        })
    }

    fn scan<T>(
        &self,
        family: &str,
        start: &[u8],
        end: Option<&[u8]>,
        limit: usize,
        order: Order,
        copy: impl Fn(&[u8], &[u8]) -> Option<T>,
    ) -> Vec<T> {
        if limit == 0 || end.is_some_and(|end| end <= start) {
            return Vec::new();
        }
        let mut read = ReadOptions::default();
        read.set_snapshot(&self.snapshot);
        read.fill_cache(order != Order::AscendingOnce);
        read.set_iterate_lower_bound(start);
        if let Some(end) = end {
            read.set_iterate_upper_bound(end);
        }
        let mut rows: DBRawIterator<'_> = self.rocks.db.raw_iterator_cf_opt(self.rocks.family(family), read);
        let reverse = order == Order::Descending;
        if reverse {
            rows.seek_to_last()
        } else {
            rows.seek_to_first()
        }
        let mut found = Vec::new();
        while found.len() < limit
            && let Some((key, value)) = rows.item()
        {
            found.extend(copy(key, value));
            if reverse { rows.prev() } else { rows.next() }
        }
        if let Err(error) = rows.status() {
            self.fatal(&error);
        }
        found
    }

    /// A row that cannot be read ends the process: whatever would go on from here would be wrong.
    #[expect(clippy::print_stderr, reason = "the last words of the process")]
    fn fatal(&self, error: &rocksdb::Error) -> ! {
        eprintln!("{}; the node stops here", from_rocks(&self.rocks.path, error));
        std::process::abort()
    }
}

/// RocksDB tells what the operating system answered in words only.
fn from_rocks(path: &Path, error: &rocksdb::Error) -> StoreError {
    let detail = error.to_string();
    let path = path.to_path_buf();
    let says = |words: &[&str]| words.iter().any(|words| detail.contains(words));
    if says(&["No space left on device", "File too large", "Disk quota exceeded"]) {
        StoreError::DiskFull { path, detail }
    } else if says(&["Read-only file system"]) {
        StoreError::ReadOnly { path, detail }
    } else if says(&["Permission denied", "Operation not permitted"]) {
        StoreError::Permission { path, detail }
    } else if says(&["While lock file", "lock hold by current process"]) {
        StoreError::Locked { path }
    } else if matches!(error.kind(), rocksdb::ErrorKind::Corruption | rocksdb::ErrorKind::InvalidArgument) {
        StoreError::Corrupt { path, detail }
    } else {
        StoreError::Io { path, detail }
    }
}
