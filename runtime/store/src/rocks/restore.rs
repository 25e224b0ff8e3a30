//! The rows of a snapshot on their way into the database: a note that says so, files of sorted rows, and the end.
//!
//! Nothing is written beside the note until every row is known to be right. Then the database takes the files in at
//! once, and one synced batch writes the meta row and takes the note back. Whoever finds the note and no meta row was
//! killed between these two, and wipes the rows.

use std::path::{Path, PathBuf};

use rocksdb::{Cache, DB, IngestExternalFileOptions, SstFileWriter, WriteBatch, WriteOptions};

use super::{Rocks, STATE, family_options, from_rocks, put_meta};
use crate::error::StoreError;
use crate::rows::Meta;

const RESTORING_KEY: &[u8] = b"restoring";
const BEGAN_KEY: &[u8] = b"began";

/// Options of a family ask for it; a file of sorted rows has none.
const WRITE_BUFFER: usize = 1 << 20;

/// Whether a restore was begun and not ended.
pub(super) fn is_unfinished(db: &DB) -> Result<bool, rocksdb::Error> {
    Ok(db.get(RESTORING_KEY)?.is_some())
}

/// The height of the snapshot with which the rows began, if they did.
pub(super) fn read_began(db: &DB) -> Result<Option<u64>, rocksdb::Error> {
    Ok(db.get(BEGAN_KEY)?.and_then(|row| row.first_chunk().map(|height| u64::from_be_bytes(*height))))
}

/// Takes the note of a restore back.
pub(super) fn forget(db: &DB) -> Result<(), rocksdb::Error> {
    db.delete_opt(RESTORING_KEY, &synced())
}

/// Writes that are on disk when they return, whatever the settings say: what a restore stands on.
fn synced() -> WriteOptions {
    let mut options = WriteOptions::default();
    options.set_sync(true);
    options
}

impl Rocks {
    /// The height of the snapshot with which the rows began, if they did.
    pub(crate) fn began(&self) -> Result<Option<u64>, StoreError> {
        read_began(&self.db).map_err(|error| from_rocks(&self.path, &error))
    }

    /// Notes on disk that rows of a snapshot of `height` come, and are incomplete until [`Rocks::end_restore`].
    pub(crate) fn begin_restore(&self, height: u64) -> Result<(), StoreError> {
        let put = self.db.put_opt(RESTORING_KEY, height.to_be_bytes(), &synced());
        put.map_err(|error| from_rocks(&self.path, &error))
    }

    /// Takes the note back: nothing was written.
    pub(crate) fn abandon_restore(&self) -> Result<(), StoreError> {
        forget(&self.db).map_err(|error| from_rocks(&self.path, &error))
    }

    /// Writes rows in strictly ascending order into a file of its own at `file`, for [`Rocks::ingest`].
    pub(crate) fn write_sorted<'a>(
        &self,
        file: &Path,
        mut rows: impl Iterator<Item = (&'a [u8], &'a [u8])>,
    ) -> Result<(), StoreError> {
        let failed = |error: rocksdb::Error| from_rocks(file, &error);
        let options = family_options(&Cache::new_lru_cache(0), WRITE_BUFFER, true);
        let mut writer = SstFileWriter::create(&options);
        writer.open(file).map_err(failed)?;
        rows.try_for_each(|(key, value)| writer.put(key, value)).map_err(failed)?;
        writer.finish().map_err(failed)
    }

    /// Takes files of [`Rocks::write_sorted`] in as state rows, all at once. The files move.
    pub(crate) fn ingest(&self, files: Vec<PathBuf>) -> Result<(), StoreError> {
        if files.is_empty() {
            return Ok(());
        }
        let mut options = IngestExternalFileOptions::default();
        options.set_move_files(true);
        let taken = self.db.ingest_external_file_cf_opts(self.family(STATE), &options, files);
        taken.map_err(|error| from_rocks(&self.path, &error))
    }

    /// Makes the rows of a snapshot the state of `meta`, synced: from here on they are complete.
    pub(crate) fn end_restore(&self, meta: &Meta) -> Result<(), StoreError> {
        let mut batch = WriteBatch::default();
        put_meta(&mut batch, meta);
        batch.put(BEGAN_KEY, meta.height.to_be_bytes());
        batch.delete(RESTORING_KEY);
        self.db.write_opt(batch, &synced()).map_err(|error| from_rocks(&self.path, &error))
    }
}
