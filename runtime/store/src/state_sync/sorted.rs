//! The rows of all chunks in key order, as files that the database takes in whole.
//!
//! Chunks are cut by hashes of keys, so each holds rows from all over the state, in key order. A merge of all of them
//! gives files that do not overlap: the database puts them where they would come to lie after any number of
//! compactions, and has nothing to compact afterwards.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::collections::binary_heap::PeekMut;
use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use diem_core::storage::Key;
use parking_lot::Mutex;
use rayon::prelude::*;

use super::chunk::{self, LENGTH, next_row};
use super::writer::failed;
use crate::Options;
use crate::error::StoreError;
use crate::rocks::Rocks;

/// About the bytes of rows in one file of the database.
const FILE_BYTES: usize = 16 << 20;

/// The most files that are written at once.
const AT_ONCE: usize = 4;

/// The bytes that are read ahead in all chunks together.
const READ_AHEAD: usize = 32 << 20;

/// The bytes that are read ahead in one chunk.
const READ_AHEAD_OF_ONE: Range<usize> = 1 << 10..256 << 10;

/// One file of the rows of chunks, each sorted, until all are there.
pub(super) struct Spill {
    path: PathBuf,
    file: File,
    /// The places of the chunks in the file.
    runs: Mutex<Vec<Range<u64>>>,
}

impl Spill {
    pub(super) fn create(path: &Path) -> Result<Spill, StoreError> {
        let file = File::options().create_new(true).read(true).write(true).open(path).map_err(failed(path))?;
        Ok(Spill { path: path.to_path_buf(), file, runs: Mutex::default() })
    }

    /// Keeps the sorted rows of a chunk, without their number.
    pub(super) fn write(&self, rows: &[u8]) -> Result<(), StoreError> {
        if rows.is_empty() {
            return Ok(());
        }
        let start = {
            let mut runs = self.runs.lock();
            let start = runs.last().map_or(0, |run| run.end);
            runs.push(start..start.saturating_add(rows.len() as u64));
            start
        };
        self.file.write_all_at(rows, start).map_err(failed(&self.path))
    }

    /// Writes all rows in key order into files of `folder`, as [`Rocks::write_sorted`] does, on all threads: one
    /// merges while the others write.
    pub(super) fn sort(&self, rocks: &Rocks, folder: &Path, options: &Options) -> Result<Vec<PathBuf>, StoreError> {
        let mut merge = Merge::new(&self.file, &self.runs.lock()).map_err(failed(&self.path))?;
        let mut files: Vec<PathBuf> = Vec::new();
        let mut batches = merge.batches().map_err(failed(&self.path))?;
        while !batches.is_empty() {
            let first = files.len();
            let name = |number: usize| folder.join(format!("{:05}.sst", first.saturating_add(number)));
            files.extend((0..batches.len()).map(name));
            let write = |(number, batch): (usize, &Vec<u8>)| {
                let mut rest = batch.as_slice();
                let rows = std::iter::from_fn(|| next_row(&mut rest));
                options.around(|| rocks.write_sorted(&name(number), rows))
            };
            let (written, next) =
                rayon::join(|| batches.par_iter().enumerate().try_for_each(write), || merge.batches());
            written?;
            batches = next.map_err(failed(&self.path))?;
        }
        Ok(files)
    }
}

/// The rows of one chunk, read piece by piece.
struct Run<'a> {
    file: &'a File,
    /// The part of the file that was not read yet.
    unread: Range<u64>,
    read_ahead: usize,
    buffer: Vec<u8>,
    /// The row at the front, in the buffer: its bytes with both lengths, and those of the key.
    row: Range<usize>,
    key: Range<usize>,
}

impl Run<'_> {
    /// Goes to the next row; whether there is one.
    fn advance(&mut self) -> io::Result<bool> {
        loop {
            let mut rest = self.buffer.get(self.row.end..).unwrap_or_default();
            if let Some((key, value)) = next_row(&mut rest) {
                let start = self.row.end;
                let key_start = start.saturating_add(LENGTH);
                self.key = key_start..key_start.saturating_add(key.len());
                self.row = start..start.saturating_add(chunk::row_bytes(key, value));
                return Ok(true);
            }
            if self.unread.is_empty() {
                return Ok(false);
            }
            self.read()?;
        }
    }

    /// Reads on. What was read and not used yet moves to the front of the buffer.
    fn read(&mut self) -> io::Result<()> {
        self.buffer.drain(..self.row.end);
        self.row = 0..0;
        let left = usize::try_from(self.unread.end.saturating_sub(self.unread.start)).unwrap_or(usize::MAX);
        let (old, more) = (self.buffer.len(), left.min(self.read_ahead));
        self.buffer.resize(old.saturating_add(more), 0);
        let into = self.buffer.get_mut(old..).unwrap_or_default();
        self.file.read_exact_at(into, self.unread.start)?;
        self.unread.start = self.unread.start.saturating_add(more as u64);
        Ok(())
    }

    fn key(&self) -> Key {
        Key::from_slice(self.buffer.get(self.key.clone()).unwrap_or_default())
    }

    fn row(&self) -> &[u8] {
        self.buffer.get(self.row.clone()).unwrap_or_default()
    }
}

/// All runs, and the next key of each.
struct Merge<'a> {
    runs: Vec<Run<'a>>,
    next: BinaryHeap<Reverse<(Key, usize)>>,
}

impl<'a> Merge<'a> {
    fn new(file: &'a File, places: &[Range<u64>]) -> io::Result<Merge<'a>> {
        let share = READ_AHEAD.checked_div(places.len()).unwrap_or(READ_AHEAD);
        let read_ahead = share.clamp(READ_AHEAD_OF_ONE.start, READ_AHEAD_OF_ONE.end);
        let run = |place: &Range<u64>| Run {
            file,
            unread: place.clone(),
            read_ahead,
            buffer: Vec::new(),
            row: 0..0,
            key: 0..0,
        };
        let mut merge = Merge { runs: places.iter().map(run).collect(), next: BinaryHeap::new() };
        for (number, run) in merge.runs.iter_mut().enumerate() {
            if run.advance()? {
                merge.next.push(Reverse((run.key(), number)));
            }
        }
        Ok(merge)
    }

    /// The next rows, in as many batches as are written at once.
    fn batches(&mut self) -> io::Result<Vec<Vec<u8>>> {
        let count = rayon::current_num_threads().min(AT_ONCE);
        let mut batches = Vec::with_capacity(count);
        while batches.len() < count
            && let Some(batch) = self.batch()?
        {
            batches.push(batch);
        }
        Ok(batches)
    }

    /// The next rows in key order; `None` after the last.
    fn batch(&mut self) -> io::Result<Option<Vec<u8>>> {
        let mut batch = Vec::new();
        while batch.len() < FILE_BYTES
            && let Some(mut first) = self.next.peek_mut()
        {
            let Reverse((key, number)) = &mut *first;
            let Some(run) = self.runs.get_mut(*number) else { break };
            batch.extend_from_slice(run.row());
            if run.advance()? {
                *key = run.key();
            } else {
                PeekMut::pop(first);
            }
        }
        Ok(Some(batch).filter(|batch| !batch.is_empty()))
    }
}
