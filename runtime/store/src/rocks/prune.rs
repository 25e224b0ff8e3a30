//! Rows of the index that leave the disk.
//!
//! Rows in height order go by whole files, and by one tombstone over the range for what files they share with others.
//! Rows by hash lie anywhere between rows that stay: a compaction filter leaves them out whenever the database rewrites a
//! file. RocksDB rewrites files when there are enough of them, so the memory tables are written out at each step: else a
//! chain of small blocks would keep all it ever pruned in the log.

use std::sync::Arc;

use rocksdb::{
    BottommostLevelCompaction, CompactOptions, DB, FlushOptions, Options, WriteBatch, compaction_filter::Decision,
};

use super::{INDEX, Rocks, STATE, UNDO, from_rocks};
use crate::error::StoreError;
use crate::pruning::{Floor, Pruning};

const FLOOR_KEY: &[u8] = b"floor";

/// Has compactions leave out the rows of the index that `pruning` lets go.
pub(super) fn leave_out_pruned(options: &mut Options, pruning: &Arc<Pruning>) {
    let pruning = Arc::clone(pruning);
    options.set_compaction_filter(c"below the floor of the index", move |_, key, value| {
        if pruning.is_dropped(key, value) { Decision::Remove } else { Decision::Keep }
    });
}

/// The floor that was written last.
pub(super) fn read_floor(db: &DB) -> Result<Floor, rocksdb::Error> {
    let row = db.get(FLOOR_KEY)?;
    Ok(row.and_then(|row| borsh::from_slice(&row).ok()).unwrap_or_default())
}

/// Writes a floor in the batch of a block.
pub(super) fn put_floor(batch: &mut WriteBatch, floor: Floor) {
    #[expect(clippy::expect_used, reason = "writing two numbers to memory cannot fail")]
    batch.put(FLOOR_KEY, borsh::to_vec(&floor).expect("a floor has a fixed length"));
}

impl Rocks {
    pub(crate) fn pruning(&self) -> &Pruning {
        &self.pruning
    }

    /// Lets the rows below a floor that was written leave the disk.
    pub(crate) fn drop_below(&self, floor: Floor) -> Result<(), StoreError> {
        self.remove_below(floor).map_err(|error| from_rocks(&self.path, &error))
    }

    fn remove_below(&self, floor: Floor) -> Result<(), rocksdb::Error> {
        let index = self.family(INDEX);
        // Files go at once and without the log. The floor must be on disk before, or a power cut could bring back a lower
        // one, above which rows are missing.
        self.db.flush_wal(true)?;
        self.pruning.drop_below(floor);
        let mut batch = WriteBatch::default();
        for [from, to] in self.pruning.ranges(floor.height) {
            self.db.delete_file_in_range_cf(index, &from, &to)?;
            batch.delete_range_cf(index, from, to);
        }
        self.db.write_opt(batch, &self.write)?;
        // Nobody waits for it.
        let mut flush = FlushOptions::default();
        flush.set_wait(false);
        self.flush_all(&flush)
    }

    /// Raises the floor and removes everything below it, and everything else that was deleted or replaced.
    pub(crate) fn prune(&self, floor: Floor) -> Result<(), StoreError> {
        let failed = |error: rocksdb::Error| from_rocks(&self.path, &error);
        let write_floor = || {
            let mut batch = WriteBatch::default();
            put_floor(&mut batch, floor);
            self.db.write_opt(batch, &self.write).map_err(failed)
        };
        write_floor()?;
        self.pruning.hide_below(floor);
        self.remove_below(floor).map_err(failed)?;
        let mut flush = FlushOptions::default();
        flush.set_wait(true);
        self.flush_all(&flush).map_err(failed)?;
        let mut compact = CompactOptions::default();
        compact.set_bottommost_level_compaction(BottommostLevelCompaction::Force);
        for family in [STATE, UNDO, INDEX] {
            self.db.compact_range_cf_opt(self.family(family), None::<&[u8]>, None::<&[u8]>, &compact);
        }
        // A compaction tells its failure to the next write only.
        write_floor()
    }

    fn flush_all(&self, options: &FlushOptions) -> Result<(), rocksdb::Error> {
        let families = ["default", STATE, UNDO, INDEX].map(|name| self.family(name));
        self.db.flush_cfs_opt(&families, options)
    }
}
