//! Requests that wait for their transaction to be committed.
//!
//! Requests that wait for the same transaction share one entry, and the number of all waits is bounded: each entry is
//! looked up after every block, which costs the node and not the client.

use std::{
    collections::BTreeMap,
    sync::{Arc, Weak},
    time::Duration,
};

use diem_api::{Hash, HttpError, Transaction};
use diem_engine::Node;
use diem_host::critical;
use diem_runtime::App;
use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

use super::convert;

/// The most waits, counted once for each request and transaction.
const MAX_WAITS: usize = 4_096;

/// The channel that the waits for a transaction share.
type Shared = watch::Sender<Option<Arc<Transaction>>>;

/// The table of the transactions that are waited for. After each commit the index tells which of them were committed.
pub(crate) struct Waiters {
    app: Arc<App>,
    table: Mutex<BTreeMap<Hash, Weak<Shared>>>,
    room: Arc<Semaphore>,
    stopping: watch::Receiver<bool>,
}

impl Waiters {
    /// Starts the task that looks them up after each commit; it ends with the node.
    pub(crate) fn start(node: &Node, stopping: watch::Receiver<bool>) -> Arc<Self> {
        let waiters = Arc::new(Self::new(node.app.clone(), MAX_WAITS, stopping));
        let (weak, mut commits) = (Arc::downgrade(&waiters), node.commits.clone());
        critical::spawn_task(async move {
            while commits.changed().await.is_ok() {
                let Some(waiters) = weak.upgrade() else { return };
                if !waiters.table.lock().is_empty() {
                    // A full block can serve thousands of waits, each a read of the index, so this is blocking work.
                    let _ = tokio::task::spawn_blocking(move || waiters.serve()).await;
                }
            }
        });
        waiters
    }

    fn new(app: Arc<App>, most: usize, stopping: watch::Receiver<bool>) -> Self {
        Self { app, table: Mutex::default(), room: Arc::new(Semaphore::new(most)), stopping }
    }

    /// Registers waits for transactions, each of them named once; call it before they are handed on, so that no commit
    /// is missed.
    ///
    /// # Errors
    /// [`HttpError::Busy`]: there is no room for all of the waits.
    pub(crate) fn wait_for(self: &Arc<Self>, hashes: &[Hash]) -> Result<Vec<Waiting>, HttpError> {
        let busy = || HttpError::Busy(format!("{MAX_WAITS} transactions are waited for already"));
        let count = u32::try_from(hashes.len()).map_err(|_| busy())?;
        let mut room = self.room.clone().try_acquire_many_owned(count).map_err(|_| busy())?;
        let mut table = self.table.lock();
        let wait = |hash: &Hash| {
            let shared = table.get(hash).and_then(Weak::upgrade).unwrap_or_else(|| {
                let shared = Arc::new(watch::Sender::new(None));
                table.insert(*hash, Arc::downgrade(&shared));
                shared
            });
            Some(Waiting { waiters: self.clone(), hash: *hash, shared: Some(shared), _room: room.split(1)? })
        };
        hashes.iter().map(wait).collect::<Option<_>>().ok_or_else(busy)
    }

    fn serve(&self) {
        // The lock is not held while the index is read.
        let hashes: Vec<Hash> = self.table.lock().keys().copied().collect();
        for hash in hashes {
            if let Some(found) = convert::find(&self.app, &hash)
                && let Some(shared) = self.table.lock().get(&hash).and_then(Weak::upgrade)
            {
                shared.send_replace(Some(Arc::new(found)));
            }
        }
        // A wait that was dropped while its entry was being served could not see that it was the last.
        self.table.lock().retain(|_, shared| shared.strong_count() > 0);
    }
}

/// A wait; the last one for its transaction removes the entry from the table.
pub(crate) struct Waiting {
    waiters: Arc<Waiters>,
    hash: Hash,
    /// The entry that is shared; it is there until the wait is dropped.
    shared: Option<Arc<Shared>>,
    _room: OwnedSemaphorePermit,
}

impl Waiting {
    /// Waits for the transaction in its block; `None` when `patience` is over or the server stops.
    pub(crate) async fn committed(self, patience: Duration) -> Option<Transaction> {
        // The transaction may have been committed by an earlier submission of the same bytes.
        if let Some(found) = convert::find(&self.waiters.app, &self.hash) {
            return Some(found);
        }
        let (mut news, mut stopping) = (self.shared.as_ref()?.subscribe(), self.waiters.stopping.clone());
        tokio::select! {
            found = news.wait_for(Option::is_some) => found.ok()?.as_deref().cloned(),
            () = tokio::time::sleep(patience) => None,
            Ok(_) = stopping.wait_for(|stopping| *stopping) => None,
        }
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        // No wait is added or dropped while the table is locked, so the count is exact.
        let mut table = self.waiters.table.lock();
        self.shared = None;
        if table.get(&self.hash).is_some_and(|shared| shared.strong_count() == 0) {
            table.remove(&self.hash);
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn waiters(most: usize) -> (Arc<Waiters>, watch::Sender<bool>) {
        let (stop, stopping) = watch::channel(false);
        let app = Arc::new(App::in_memory(diem_runtime::Options::default()));
        (Arc::new(Waiters::new(app, most, stopping)), stop)
    }

    #[test]
    fn those_who_wait_for_the_same_share_one_entry() {
        let (waiters, _stop) = waiters(8);
        let hash = Hash([1; 32]);
        let mut waits = [waiters.wait_for(&[hash]).unwrap(), waiters.wait_for(&[hash, Hash([2; 32])]).unwrap()];
        assert_eq!((waiters.table.lock().len(), waiters.room.available_permits()), (2, 5));
        waits[0].clear();
        assert_eq!(waiters.table.lock().len(), 2, "another still waits");
        waits[1].clear();
        assert_eq!((waiters.table.lock().len(), waiters.room.available_permits()), (0, 8));
    }

    #[test]
    fn who_finds_no_room_for_all_waits_for_nothing() {
        let (waiters, _stop) = waiters(2);
        let held = waiters.wait_for(&[Hash([1; 32])]).unwrap();
        let refused = waiters.wait_for(&[Hash([2; 32]), Hash([3; 32])]).err();
        assert!(matches!(refused, Some(HttpError::Busy(_))), "{refused:?}");
        assert_eq!((waiters.table.lock().len(), waiters.room.available_permits()), (1, 1));
        drop(held);
        assert_eq!(waiters.room.available_permits(), 2);
    }
}
