//! Taking snapshots after commits.

use std::{
    num::NonZeroU64,
    sync::{
        Arc, Weak,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
};

use diem_core::{BlockInfo, Time};
use diem_store::{
    Snapshot,
    state_sync::{Manifest, TakeError},
};
use parking_lot::Mutex;

use super::schedule::{is_due, outdated};
use crate::{App, Committed};

/// When snapshots are taken, and how many are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// The period of which the first block gets a snapshot, in milliseconds of block time; `None` takes none but what is
    /// asked for. All nodes of a chain need the same one to have the same snapshots.
    pub every_ms: Option<NonZeroU64>,
    /// The number of offered snapshots that are kept; at least one is.
    pub keep: usize,
}

/// Takes the snapshots of an application, one at a time, and removes the old ones. The node calls
/// [`Taker::after_commit`] after every commit. Dropping it cancels the one that is being taken.
pub struct Taker {
    app: Arc<App>,
    settings: Settings,
    run: Box<dyn Fn(TakeSnapshot) + Send + Sync>,
    state: Mutex<State>,
}

struct State {
    /// The time of the last commit that it saw.
    before: Option<Time>,
    asked: Vec<Asker>,
    taking: Option<Arc<Job>>,
}

/// What came of a snapshot that was asked for: its manifest, or why there is none, as a sentence.
pub type Outcome = Result<Manifest, String>;

/// Somebody who has asked for a snapshot.
struct Asker {
    /// It is gone when nobody waits any more.
    waits: Weak<()>,
    tell: Box<dyn FnOnce(Outcome) + Send>,
}

/// A snapshot that is being taken.
#[derive(Debug)]
struct Job {
    height: u64,
    cancelled: AtomicBool,
    done: AtomicBool,
}

/// The taking of one snapshot, for a thread of its own. Dropping it takes none.
pub struct TakeSnapshot {
    app: Arc<App>,
    snapshot: Snapshot,
    job: Arc<Job>,
    asked: Vec<Asker>,
}

impl Asker {
    fn still_waits(&self) -> bool {
        self.waits.strong_count() > 0
    }
}

impl Taker {
    /// A taker for `app`. `run` gets each snapshot to take, and runs [`TakeSnapshot::run`] on a thread of low priority;
    /// it is called on the thread of the commit, so it returns at once.
    pub fn new(app: Arc<App>, settings: Settings, run: impl Fn(TakeSnapshot) + Send + Sync + 'static) -> Self {
        let before = app.store().meta().map(|meta| Time(meta.time_ms));
        let state = State { before, asked: Vec::new(), taking: None };
        Self { app, settings, run: Box::new(run), state: Mutex::new(state) }
    }

    /// Asks for a snapshot of the next height at which no other one is being taken, whatever the schedule says. `tell` gets
    /// what came of it, on the thread of the commit or of the snapshot, so it returns at once; it is dropped where the node
    /// stops before. Whoever drops `waits` before that commit takes the question back.
    pub fn ask(&self, waits: &Arc<()>, tell: impl FnOnce(Outcome) + Send + 'static) {
        let mut state = self.state.lock();
        state.asked.retain(Asker::still_waits);
        state.asked.push(Asker { waits: Arc::downgrade(waits), tell: Box::new(tell) });
    }

    /// Takes a snapshot where the committed block is due for one, and removes what is old. It reads no row and writes
    /// none, so that a commit does not wait.
    pub fn after_commit(&self, committed: &Committed) {
        let Some(snapshots) = &self.app.snapshots else { return };
        let block = BlockInfo { height: committed.height, time: committed.time };
        let mut state = self.state.lock();
        let before = state.before.replace(block.time);
        // A height that is committed now was taken back before: its old snapshot is of another history.
        if let Some(job) = state.taking.as_ref().filter(|job| job.height >= block.height) {
            job.cancelled.store(true, Relaxed);
        }
        let heights = snapshots.heights();
        let undone = heights.iter().copied().filter(|height| *height >= block.height);
        undone.chain(outdated(&heights, block.height, self.settings.keep)).for_each(|height| snapshots.remove(height));
        let mut asked = std::mem::take(&mut state.asked);
        asked.retain(Asker::still_waits);
        if asked.is_empty() && !self.is_due(before, block) {
            return;
        }
        if let Some(job) = state.taking.as_ref().filter(|job| !job.done.load(Relaxed)) {
            if asked.is_empty() {
                tracing::warn!(
                    height = block.height,
                    "no snapshot: that of height {} is still being taken",
                    job.height
                );
            }
            // One that is due comes again. Whoever has asked gets that of a later height.
            state.asked = asked;
            return;
        }
        let Ok(snapshot) = self.app.snapshot(Some(block.height)) else {
            return tell_all(asked, &Err(format!("height {} is not the latest any more", block.height)));
        };
        let job = Arc::new(Job { height: block.height, cancelled: AtomicBool::default(), done: AtomicBool::default() });
        state.taking = Some(Arc::clone(&job));
        *snapshots.taking.lock() = Some(block.height);
        drop(state);
        (self.run)(TakeSnapshot { app: Arc::clone(&self.app), snapshot, job, asked });
    }

    fn is_due(&self, before: Option<Time>, block: BlockInfo) -> bool {
        let initial_height = self.app.chain().map_or(1, |chain| chain.initial_height);
        self.settings.every_ms.is_some_and(|every| is_due(every, initial_height, before, block))
    }
}

impl Drop for Taker {
    fn drop(&mut self) {
        if let Some(job) = &self.state.lock().taking {
            job.cancelled.store(true, Relaxed);
        }
    }
}

impl TakeSnapshot {
    /// The height of the snapshot.
    pub fn height(&self) -> u64 {
        self.job.height
    }

    /// The time of its block.
    pub fn time(&self) -> Time {
        Time(self.snapshot.time_ms())
    }

    /// Whether somebody has asked for it, and it is not only due.
    pub fn is_asked_for(&self) -> bool {
        !self.asked.is_empty()
    }

    /// Takes the snapshot on the calling thread, and says in the log, and to whoever asked, what came of it. It reads all
    /// rows of its height, which stay as they are meanwhile. Returns whether it was taken.
    pub fn run(mut self) -> bool {
        let outcome = self.take();
        tell_all(std::mem::take(&mut self.asked), &outcome);
        outcome.is_ok()
    }

    fn take(&self) -> Outcome {
        let snapshots = self.app.snapshots.as_ref().ok_or("this node keeps no snapshots")?;
        let height = self.job.height;
        match snapshots.shelf.take(&self.snapshot, &self.job.cancelled) {
            // It was cancelled in the last moment.
            Ok(_) if self.job.cancelled.load(Relaxed) => {
                snapshots.remove(height);
                Err(TakeError::Cancelled.to_string())
            }
            Ok(manifest) => {
                tracing::info!(height, rows = manifest.rows(), chunks = manifest.chunks().len(), "snapshot taken");
                Ok(manifest)
            }
            Err(error) => {
                match error {
                    TakeError::Cancelled => tracing::info!(height, "the snapshot was given up"),
                    _ => tracing::error!(height, %error, "there is no snapshot of this height"),
                }
                Err(error.to_string())
            }
        }
    }
}

fn tell_all(asked: Vec<Asker>, outcome: &Outcome) {
    for asker in asked {
        (asker.tell)(outcome.clone());
    }
}

impl Drop for TakeSnapshot {
    fn drop(&mut self) {
        if let Some(snapshots) = &self.app.snapshots {
            *snapshots.taking.lock() = None;
        }
        self.job.done.store(true, Relaxed);
    }
}
