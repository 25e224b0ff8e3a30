//! Restoring a snapshot: chunks come in any order and are worked on behind, on all cores.
//!
//! A chunk is unpacked, its rows are hashed, and the subtree that they make is compared with the manifest. Only then
//! are they kept, in a file beside the database. When all chunks are right, the subtrees become the tree, the rows go
//! into the database in key order ([`super::sorted`]), and one synced batch makes them the state of their height. Until
//! then the database has no row of the snapshot, and whatever ends a restore early leaves nothing.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};

use diem_core::storage::{Key, Value};
use parking_lot::Mutex;

use super::chunk::{self, LENGTH};
use super::judge::{self, Fault, WrongReason};
use super::manifest::Manifest;
use super::sorted::Spill;
use super::writer::failed;
use crate::Options;
use crate::error::StoreError;
use crate::rocks::Rocks;
use crate::tree::{Assembly, Root, Subtree};

/// The folder of a restore inside the store's.
const FOLDER: &str = "restoring";

/// The most chunks that are worked on at once.
const AT_ONCE: usize = 4;

/// A snapshot on its way into an empty store. Dropping it ends the restore and removes what it wrote.
pub struct Restore {
    work: Arc<Work>,
    places: Vec<Place>,
    working: usize,
    tell: Sender<(usize, Judged)>,
    told: Receiver<(usize, Judged)>,
    /// It is the last field: what it removes is used by the others.
    trace: Trace,
}

/// What is known of a chunk.
enum Place {
    Missing,
    /// It is worked on, and came from this sender.
    Working(String),
    Right(Subtree),
}

/// What the work on a chunk came to.
type Judged = Result<Subtree, Fault>;

/// What the threads that work on chunks share.
struct Work {
    manifest: Manifest,
    assembly: Assembly,
    spill: Spill,
    options: Options,
    wanted: Vec<Key>,
    found: Mutex<BTreeMap<Key, Value>>,
}

/// What a restore leaves behind where it ends early: the note in the database, and the folder.
struct Trace {
    rocks: Arc<Rocks>,
    folder: PathBuf,
    /// Whether the note is to be taken back.
    noted: bool,
}

/// A chunk that was wrong. It is missing again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WrongChunk {
    /// The number of the chunk.
    pub index: usize,
    /// Who sent it.
    pub sender: String,
    /// The lie.
    pub reason: WrongReason,
}

/// What became of the chunks so far.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Applied {
    /// The chunks that turned out to be wrong since the last answer.
    pub wrong: Vec<WrongChunk>,
    /// Whether all chunks are there and right.
    pub is_complete: bool,
}

impl Restore {
    /// Begins to restore the snapshot of `manifest`. The rows under the keys `wanted` can be looked at before the end.
    /// `version` is the number that the tree will have.
    pub(crate) fn begin(
        rocks: Arc<Rocks>,
        home: &Path,
        options: Options,
        manifest: Manifest,
        wanted: Vec<Key>,
        version: u64,
    ) -> Result<Restore, StoreError> {
        let folder = home.join(FOLDER);
        remove_leftovers(home)?;
        options.around(|| rocks.begin_restore(manifest.height()))?;
        let trace = Trace { rocks, folder: folder.clone(), noted: true };
        fs::create_dir(&folder).map_err(failed(&folder))?;
        let spill = Spill::create(&folder.join("rows"))?;
        let places = manifest.chunks().iter().map(|_| Place::Missing).collect();
        let assembly = Assembly::new(version);
        let work = Work { manifest, assembly, spill, options, wanted, found: Mutex::default() };
        let (tell, told) = channel();
        Ok(Restore { work: Arc::new(work), places, working: 0, tell, told, trace })
    }

    /// The snapshot that is restored.
    pub fn manifest(&self) -> &Manifest {
        &self.work.manifest
    }

    /// The numbers of the chunks that are right, and of all.
    pub fn progress(&self) -> (usize, usize) {
        let right = self.places.iter().filter(|place| matches!(place, Place::Right(_))).count();
        (right, self.places.len())
    }

    /// Takes a chunk from `sender` to work on it behind, and says what became of those before. It waits where four are
    /// worked on, and with the last missing one until all are judged. A chunk that is there or worked on already, or
    /// of a number that the manifest has not, is passed over.
    ///
    /// # Errors
    /// The disk refuses; the restore cannot go on.
    pub fn apply(
        &mut self,
        index: usize,
        chunk: impl AsRef<[u8]> + Send + 'static,
        sender: &str,
    ) -> Result<Applied, StoreError> {
        let mut wrong = Vec::new();
        while self.working >= AT_ONCE {
            wrong.extend(self.wait()?);
        }
        if let Some(place @ Place::Missing) = self.places.get_mut(index) {
            *place = Place::Working(sender.to_owned());
            self.working = self.working.saturating_add(1);
            let (work, tell) = (self.work.clone(), self.tell.clone());
            rayon::spawn(move || {
                let judged = work.judge(index, chunk.as_ref());
                drop((chunk, work));
                // Nobody listens where the restore was given up.
                let _ = tell.send((index, judged));
            });
        }
        while let Ok((index, judged)) = self.told.try_recv() {
            wrong.extend(self.note(index, judged)?);
        }
        let is_missing = |place: &Place| matches!(place, Place::Missing);
        while self.working > 0 && !self.places.iter().any(is_missing) {
            wrong.extend(self.wait()?);
        }
        // What is missing now is asked for again, so the others are waited for with the next answer.
        let is_complete = self.places.iter().all(|place| matches!(place, Place::Right(_)));
        Ok(Applied { wrong, is_complete })
    }

    /// Waits for one chunk to be judged.
    fn wait(&mut self) -> Result<Option<WrongChunk>, StoreError> {
        match self.told.recv() {
            Ok((index, judged)) => self.note(index, judged),
            // `self.tell` lives as long as `self`, so the channel is open.
            Err(_) => Ok(None),
        }
    }

    fn note(&mut self, index: usize, judged: Judged) -> Result<Option<WrongChunk>, StoreError> {
        self.working = self.working.saturating_sub(1);
        let Some(place) = self.places.get_mut(index) else { return Ok(None) };
        let (after, reason) = match judged {
            Ok(subtree) => (Place::Right(subtree), None),
            Err(Fault::Wrong(reason)) => (Place::Missing, Some(reason)),
            Err(Fault::Full(full)) => return Err(StoreError::Full { path: self.trace.folder.clone(), full }),
            Err(Fault::Store(error)) => return Err(error),
        };
        let before = std::mem::replace(place, after);
        let sender = if let Place::Working(sender) = before { sender } else { String::new() };
        Ok(reason.map(|reason| WrongChunk { index, sender, reason }))
    }

    /// One of the wanted rows, where it was among the chunks that are right.
    pub fn row(&self, key: &[u8]) -> Option<Value> {
        self.work.found.lock().get(key).cloned()
    }

    /// Puts the tree together and the rows in order. It returns the tree and the files for [`Rocks::ingest`].
    pub(crate) fn finish(&mut self, path: &Path) -> Result<(Root, Vec<PathBuf>), StoreError> {
        let is_right = |place: &Place| matches!(place, Place::Right(_));
        if !self.places.iter().all(is_right) {
            return Err(StoreError::Incomplete { path: path.to_path_buf() });
        }
        let subtrees = std::mem::take(&mut self.places).into_iter().filter_map(|place| match place {
            Place::Right(subtree) => Some(subtree),
            Place::Missing | Place::Working(_) => None,
        });
        let root = self.work.assembly.finish(subtrees.collect());
        let root = root.map_err(|full| StoreError::Full { path: path.to_path_buf(), full })?;
        let root = root.ok_or_else(|| StoreError::Incomplete { path: path.to_path_buf() })?;
        let files = self.work.spill.sort(&self.trace.rocks, &self.trace.folder, &self.work.options)?;
        Ok((root, files))
    }

    /// From here on the rows go into the database, and the note stands until the meta row does: a restore that ends
    /// between must find it at the next start.
    pub(crate) fn leave_note(&mut self) {
        self.trace.noted = false;
    }
}

impl Work {
    /// Compares a chunk with the manifest, and keeps its rows where it is right.
    fn judge(&self, index: usize, bytes: &[u8]) -> Judged {
        let plain = chunk::unpack(bytes)?;
        let (mut subtree, rows) = judge::subtree(&self.assembly, &self.manifest, index, &plain)?;
        subtree.keep();
        for key in &self.wanted {
            if let Ok(at) = rows.binary_search_by(|row| row.0.cmp(key))
                && let Some((_, value)) = rows.get(at)
            {
                self.found.lock().insert(key.clone(), Value::from_slice(value));
            }
        }
        let rows = plain.get(LENGTH..).unwrap_or_default();
        self.options.around(|| self.spill.write(rows)).map_err(Fault::Store)?;
        Ok(subtree)
    }
}

impl Drop for Trace {
    fn drop(&mut self) {
        // What cannot be removed now is removed at the next start.
        let _ = fs::remove_dir_all(&self.folder);
        if self.noted {
            let _ = self.rocks.abandon_restore();
        }
    }
}

/// Removes the folder of a restore that was killed.
pub(crate) fn remove_leftovers(home: &Path) -> Result<(), StoreError> {
    let folder = home.join(FOLDER);
    match fs::remove_dir_all(&folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(failed(&folder)(error)),
        _ => Ok(()),
    }
}
