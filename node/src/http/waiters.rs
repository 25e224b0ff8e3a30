//! Requests that wait for their transaction to be committed.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use diem_client::api::{Hash, Transaction};
use diem_runtime::App;
use parking_lot::Mutex;
use tokio::sync::{oneshot, watch};

use super::view;
use crate::Node;

/// Who waits, by transaction and number of the wait.
type Table = BTreeMap<([u8; 32], u64), oneshot::Sender<Transaction>>;

/// The table of those who wait. After each commit the index says who is served.
pub(crate) struct Waiters {
    app: Arc<App>,
    table: Mutex<Table>,
    next: AtomicU64,
    stopping: watch::Receiver<bool>,
}

impl Waiters {
    /// Starts the task that looks after each commit; it ends with the node.
    pub(crate) fn start(node: &Node, stopping: watch::Receiver<bool>) -> Arc<Self> {
        let waiters =
            Arc::new(Self { app: node.app.clone(), table: Mutex::default(), next: AtomicU64::new(0), stopping });
        let (weak, mut commits) = (Arc::downgrade(&waiters), node.commits.clone());
        tokio::spawn(async move {
            while commits.changed().await.is_ok() {
                let Some(waiters) = weak.upgrade() else { return };
                if !waiters.table.lock().is_empty() {
                    // A full block can serve thousands, each a read of the index.
                    let _ = tokio::task::spawn_blocking(move || waiters.serve()).await;
                }
            }
        });
        waiters
    }

    /// Starts to wait for a transaction; call it before the transaction is handed on, so that no commit is missed.
    pub(crate) fn wait_for(self: &Arc<Self>, hash: Hash) -> Waiting {
        let (sender, receiver) = oneshot::channel();
        let key = (hash.0, self.next.fetch_add(1, Ordering::Relaxed));
        self.table.lock().insert(key, sender);
        Waiting { waiters: self.clone(), key, receiver }
    }

    fn serve(&self) {
        // The lock is not held while the index is read.
        let keys: Vec<_> = self.table.lock().keys().copied().collect();
        for key in keys {
            if let Some(found) = view::find(&self.app, &Hash(key.0))
                && let Some(sender) = self.table.lock().remove(&key)
            {
                // A caller that has gone needs no answer.
                let _ = sender.send(found);
            }
        }
    }
}

/// A wait; leaves the table when dropped.
pub(crate) struct Waiting {
    waiters: Arc<Waiters>,
    key: ([u8; 32], u64),
    receiver: oneshot::Receiver<Transaction>,
}

impl Waiting {
    /// The transaction in its block, or `None` when `patience` is over or the server stops.
    pub(crate) async fn committed(mut self, patience: Duration) -> Option<Transaction> {
        // It may have been committed by an earlier submission of the same bytes.
        if let Some(found) = view::find(&self.waiters.app, &Hash(self.key.0)) {
            return Some(found);
        }
        let mut stopping = self.waiters.stopping.clone();
        tokio::select! {
            found = &mut self.receiver => found.ok(),
            () = tokio::time::sleep(patience) => None,
            Ok(_) = stopping.wait_for(|stopping| *stopping) => None,
        }
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.waiters.table.lock().remove(&self.key);
    }
}
