//! What a node offers to others.

use std::collections::BTreeMap;

use bytes::Bytes;
use diem_store::state_sync::{FORMAT, Shelf};
use parking_lot::Mutex;

use super::{SnapshotInfo, schedule::is_offered};
use crate::App;

/// The snapshots of a node, and the manifests of those that were asked for: peers ask again and again.
pub(crate) struct Snapshots {
    pub(crate) shelf: Shelf,
    /// The height of the snapshot that is being taken: it will be offered, so the blocks above it stay.
    pub(crate) taking: Mutex<Option<u64>>,
    known: Mutex<BTreeMap<u64, SnapshotInfo>>,
}

impl Snapshots {
    pub(crate) fn new(shelf: Shelf) -> Self {
        Self { shelf, taking: Mutex::default(), known: Mutex::default() }
    }

    /// Removes the snapshot of a height, and says in the log where it cannot.
    pub(crate) fn remove(&self, height: u64) {
        if let Err(error) = self.shelf.remove(height) {
            tracing::warn!(height, %error, "an old snapshot cannot be removed");
        }
        self.known.lock().remove(&height);
    }

    /// The heights of all snapshots, ascending; where they cannot be read, none and a line in the log.
    pub(crate) fn heights(&self) -> Vec<u64> {
        self.shelf.heights().unwrap_or_else(|error| {
            tracing::warn!(%error, "the snapshots cannot be listed");
            Vec::new()
        })
    }

    fn info(&self, height: u64) -> Option<SnapshotInfo> {
        if let Some(info) = self.known.lock().get(&height) {
            return Some(info.clone());
        }
        let manifest = self.shelf.manifest(height);
        let manifest =
            manifest.inspect_err(|error| tracing::warn!(height, %error, "a snapshot is not offered")).ok()?;
        let info = SnapshotInfo {
            height,
            format: FORMAT,
            chunks: u32::try_from(manifest.chunks().len()).ok()?,
            hash: Bytes::copy_from_slice(&manifest.hash()),
            metadata: manifest.encode().into(),
        };
        self.known.lock().insert(height, info.clone());
        Some(info)
    }
}

impl App {
    /// Removes the snapshots of heights that are undone.
    pub(crate) fn forget_snapshots_above(&self, height: u64) {
        if let Some(snapshots) = &self.snapshots {
            let heights = snapshots.heights().into_iter().filter(|above| *above > height);
            heights.for_each(|above| snapshots.remove(above));
        }
    }

    /// The snapshots that this node offers, the newest first: of those that it has, the ones whose app hash a light
    /// client can verify, which takes the header two heights above.
    pub fn list_snapshots(&self) -> Vec<SnapshotInfo> {
        let Some(snapshots) = &self.snapshots else { return Vec::new() };
        let latest = self.info().height;
        let offered = snapshots.heights().into_iter().rev().filter(|height| is_offered(*height, latest));
        offered.filter_map(|height| snapshots.info(height)).collect()
    }

    /// A chunk of a snapshot that this node has; `None` where it has not, be it that it was removed since.
    pub fn load_chunk(&self, height: u64, format: u32, chunk: u32) -> Option<Bytes> {
        let snapshots = self.snapshots.as_ref().filter(|_| format == FORMAT)?;
        let loaded = snapshots.shelf.chunk(height, usize::try_from(chunk).ok()?);
        loaded
            .inspect_err(|error| tracing::warn!(height, chunk, %error, "a chunk cannot be read"))
            .ok()?
            .map(Bytes::from)
    }

    /// The height of the oldest snapshot that this node has or takes: whoever joins by it needs the blocks from there on.
    pub fn oldest_snapshot(&self) -> Option<u64> {
        let snapshots = self.snapshots.as_ref()?;
        // Read in this order, one that is just finished is seen twice and never missed.
        let taking = *snapshots.taking.lock();
        snapshots.heights().first().copied().into_iter().chain(taking).min()
    }
}
