//! The verdicts of CheckTx, reported to those who handed a transaction to CometBFT.
//!
//! The pool answers "taken" before it has the transaction checked, and its other way of answering takes one call for
//! each transaction. The application sees every verdict itself.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use diem_core::tx::{TxHash, tx_hash};
use diem_types::TxResult;
use parking_lot::Mutex;
use tokio::sync::oneshot;

/// The verdict of CheckTx on a transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// The module or layer whose error it is.
    pub codespace: String,
    /// The number of the error; 0 if the transaction may wait in the pool.
    pub code: u32,
    /// The error text for people.
    pub log: String,
}

/// The registry of callers that wait for verdicts, by transaction.
#[derive(Default)]
pub struct Checks {
    /// The number of entries of `waiting`: nobody waits during a flood, and then no transaction has to be hashed.
    count: AtomicUsize,
    waiting: Mutex<BTreeMap<TxHash, Vec<oneshot::Sender<Verdict>>>>,
}

impl Checks {
    /// Listens for the next verdict about the transaction with this hash.
    pub fn listen(self: &Arc<Self>, hash: TxHash) -> Listening {
        let (sender, receiver) = oneshot::channel();
        let mut waiting = self.waiting.lock();
        waiting.entry(hash).or_default().push(sender);
        self.count.store(waiting.len(), Ordering::SeqCst);
        Listening { hash, receiver, checks: Arc::clone(self) }
    }

    /// Sends the verdict to everyone who waits for `tx`.
    pub(super) fn tell(&self, tx: &[u8], result: &TxResult) {
        if self.count.load(Ordering::SeqCst) == 0 {
            return;
        }
        let listeners = {
            let mut waiting = self.waiting.lock();
            let listeners = waiting.remove(&tx_hash(tx));
            self.count.store(waiting.len(), Ordering::SeqCst);
            listeners
        };
        for listener in listeners.into_iter().flatten() {
            let verdict = Verdict { codespace: result.codespace.clone(), code: result.code, log: result.log.clone() };
            // The send fails if the listener has given up.
            let _ = listener.send(verdict);
        }
    }
}

/// A caller that listens for a verdict. Dropping it removes it from the registry.
pub struct Listening {
    hash: TxHash,
    receiver: oneshot::Receiver<Verdict>,
    checks: Arc<Checks>,
}

impl Listening {
    /// Waits for the verdict; `None` if there is none within `patience`.
    pub async fn wait(mut self, patience: Duration) -> Option<Verdict> {
        tokio::time::timeout(patience, &mut self.receiver).await.ok()?.ok()
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        self.receiver.close();
        let mut waiting = self.checks.waiting.lock();
        if let Some(listeners) = waiting.get_mut(&self.hash) {
            listeners.retain(|listener| !listener.is_closed());
            if listeners.is_empty() {
                waiting.remove(&self.hash);
            }
        }
        self.checks.count.store(waiting.len(), Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn refused() -> TxResult {
        TxResult { code: 3, codespace: "x".into(), log: "no".into(), ..TxResult::default() }
    }

    #[tokio::test]
    async fn everyone_who_waits_hears_the_verdict_even_if_it_came_first() {
        let checks = Arc::new(Checks::default());
        let (one, two, other) =
            (checks.listen(tx_hash(b"a")), checks.listen(tx_hash(b"a")), checks.listen(tx_hash(b"b")));
        checks.tell(b"a", &refused());
        let patience = Duration::from_secs(10);
        assert_eq!(one.wait(patience).await.unwrap().code, 3);
        assert_eq!(two.wait(patience).await.unwrap().log, "no");
        assert_eq!(other.wait(Duration::from_millis(1)).await, None);
        assert!(checks.waiting.lock().is_empty());
        assert_eq!(checks.count.load(Ordering::SeqCst), 0);
    }

    #[test]
    fn whoever_leaves_leaves_nothing_behind() {
        let checks = Arc::new(Checks::default());
        let (one, two) = (checks.listen(tx_hash(b"a")), checks.listen(tx_hash(b"a")));
        drop(one);
        assert_eq!(checks.waiting.lock().len(), 1);
        drop(two);
        assert!(checks.waiting.lock().is_empty());
        checks.tell(b"a", &refused());
    }
}
