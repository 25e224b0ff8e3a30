//! Batching: transactions come in one by one and go on to the engine in batches.
//!
//! While one batch is verified, the transactions that arrive meanwhile become the next: batches grow with the load by
//! themselves, and a lone transaction waits for nobody. Signatures are verified in parallel and the good ones are
//! remembered by the application, so that CheckTx, which is one thread, finds them done.
//!
//! A sender of signatures causes work before it pays for it. That work is done by threads of its own, with lower
//! priority than everything else: the thread pool of the node, on which a block's signatures are verified and its tree
//! is hashed, never has a stranger's transaction before them.

use std::{io, sync::Arc, thread};

use bytes::Bytes;
use diem_api::{ErrorBody, HttpError};
use diem_engine::{
    Engine, Node,
    engine::{Incoming, SubmitError, Wait},
};
use diem_host::critical;
use diem_runtime::App;
use rayon::{ThreadPool, ThreadPoolBuilder};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};

use super::{
    error::{Failure, submit_error},
    readers::stand_behind,
};

/// The most transactions that are verified together.
const BATCH_TXS: usize = 1024;
/// The most bytes of transactions that wait here; further ones are refused as busy.
const MAX_BYTES: usize = 64 * 1024 * 1024;
/// The most requests that wait here.
const MAX_REQUESTS: usize = 16 * 1024;
/// The bytes that are added to each transaction's size, so that many tiny ones are bounded too.
const OVERHEAD: usize = 256;
/// The most batches on their way to the engine at one time.
const UPSTREAM: usize = 4;

/// The result for a transaction before any block.
pub(crate) type Entered = Result<(), EnterError>;

/// A transaction whose signatures are good, or the reason why it does not go on.
type Verdict = Result<Incoming, EnterError>;

/// The reason why a transaction did not enter the pool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum EnterError {
    /// The pool has the transaction already.
    Known,
    /// The transaction was refused with this error.
    Refused(ErrorBody),
}

struct Entry {
    txs: Vec<Bytes>,
    wait: Wait,
    reply: oneshot::Sender<Vec<Entered>>,
    _bytes: OwnedSemaphorePermit,
}

/// The entrance for transactions, which handlers call.
pub(crate) struct Batcher {
    entries: mpsc::Sender<Entry>,
    bytes: Arc<Semaphore>,
}

impl Batcher {
    /// Starts the task that makes batches, and its threads; they end when the batcher is dropped.
    ///
    /// # Errors
    /// The system starts no more threads.
    pub(crate) fn open(node: &Node) -> io::Result<Self> {
        let (entries, incoming) = mpsc::channel(MAX_REQUESTS);
        critical::spawn_task(work(Verifiers::start(node.app.clone())?, node.engine.clone(), incoming));
        Ok(Self { entries, bytes: Arc::new(Semaphore::new(MAX_BYTES)) })
    }

    /// Verifies the signatures of `txs` and hands the good ones to the engine's pool; returns one answer for each.
    pub(crate) async fn enter(&self, txs: Vec<Bytes>, wait: Wait) -> Result<Vec<Entered>, Failure> {
        let busy = || Failure::from(HttpError::Busy("too many transactions are on their way".into()));
        let size = txs.iter().fold(0usize, |sum, tx| sum.saturating_add(tx.len()).saturating_add(OVERHEAD));
        let size = u32::try_from(size).map_err(|_| busy())?;
        let permit = self.bytes.clone().try_acquire_many_owned(size).map_err(|_| busy())?;
        let (reply, answer) = oneshot::channel();
        let entry = Entry { txs, wait, reply, _bytes: permit };
        self.entries.try_send(entry).map_err(|_| busy())?;
        answer.await.map_err(|_| HttpError::Internal.into())
    }
}

async fn work(verifiers: Verifiers, engine: Arc<dyn Engine>, mut incoming: mpsc::Receiver<Entry>) {
    let upstream = Arc::new(Semaphore::new(UPSTREAM));
    let mut entries = Vec::new();
    while incoming.recv_many(&mut entries, BATCH_TXS).await > 0 {
        let verified = verifiers.verify(std::mem::take(&mut entries)).await;
        // Backpressure: while the engine is slower than what comes in, the next batch grows.
        let Ok(permit) = upstream.clone().acquire_owned().await else { return };
        let engine = engine.clone();
        tokio::spawn(async move {
            submit(&*engine, verified).await;
            drop(permit);
        });
    }
}

/// The threads that verify what comes in: as many as there are cores, at low priority.
struct Verifiers {
    app: Arc<App>,
    threads: ThreadPool,
}

impl Verifiers {
    fn start(app: Arc<App>) -> io::Result<Self> {
        let count = thread::available_parallelism().map_or(1, usize::from);
        let threads = ThreadPoolBuilder::new()
            .num_threads(count)
            .thread_name(|_| "http-verify".into())
            .start_handler(|_| stand_behind())
            .build()
            .map_err(io::Error::other)?;
        Ok(Self { app, threads })
    }

    /// Returns the entries with the verdict on each transaction; nothing if a panic dropped them, whose callers then
    /// see an error.
    async fn verify(&self, entries: Vec<Entry>) -> Vec<(Entry, Vec<Verdict>)> {
        let (reply, verified) = oneshot::channel();
        let app = self.app.clone();
        self.threads.spawn(move || {
            // The send fails if the caller has gone with the batcher.
            let _ = reply.send(judge(&app, entries));
        });
        verified.await.unwrap_or_default()
    }
}

/// Returns the entries with the verdict on each transaction.
fn judge(app: &App, entries: Vec<Entry>) -> Vec<(Entry, Vec<Verdict>)> {
    let txs: Vec<Bytes> = entries.iter().flat_map(|entry| entry.txs.iter().cloned()).collect();
    let refused = |error| EnterError::Refused(ErrorBody::from(&error));
    let decoded = app.verify_signatures(&txs).into_iter().zip(txs);
    let mut verdicts = decoded.map(|(tx, bytes)| tx.map(|tx| Incoming { bytes, tx }).map_err(refused));
    let take = |entry: Entry| {
        let verdicts = verdicts.by_ref().take(entry.txs.len()).collect();
        (entry, verdicts)
    };
    entries.into_iter().map(take).collect()
}

/// Answers entries without a good transaction at once, and hands the rest to the engine, one batch for each kind of
/// [`Wait`].
async fn submit(engine: &dyn Engine, entries: Vec<(Entry, Vec<Verdict>)>) {
    let (good, bad): (Vec<_>, Vec<_>) =
        entries.into_iter().partition(|(_, verdicts)| verdicts.iter().any(Result::is_ok));
    for (entry, verdicts) in bad {
        // The send fails if the caller has gone, who needs no answer.
        let _ = entry.reply.send(verdicts.into_iter().map(|verdict| verdict.map(drop)).collect());
    }
    let (checked, unchecked): (Vec<_>, Vec<_>) = good.into_iter().partition(|(entry, _)| entry.wait == Wait::Checked);
    futures::join!(hand_on(engine, checked, Wait::Checked), hand_on(engine, unchecked, Wait::None));
}

async fn hand_on(engine: &dyn Engine, entries: Vec<(Entry, Vec<Verdict>)>, wait: Wait) {
    if entries.is_empty() {
        return;
    }
    let good = entries.iter().flat_map(|(_, verdicts)| verdicts.iter().flatten().cloned());
    let mut answers = engine.submit(good.collect(), wait).await.into_iter();
    for (entry, verdicts) in entries {
        let mut answer = |_: Incoming| {
            let missing = || Err(SubmitError::Unavailable("it gave too few answers".into()));
            answers.next().unwrap_or_else(missing).map_err(enter_error)
        };
        let _ = entry.reply.send(verdicts.into_iter().map(|verdict| verdict.and_then(&mut answer)).collect());
    }
}

fn enter_error(error: SubmitError) -> EnterError {
    match error {
        SubmitError::Known => EnterError::Known,
        other => EnterError::Refused(submit_error(other)),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::sync::{Barrier, mpsc::channel};

    use diem_testkit::TestChain;

    use super::*;
    use crate::readers::NICE;

    fn entry(txs: Vec<Bytes>) -> Entry {
        let (reply, _) = oneshot::channel();
        let bytes = Arc::new(Semaphore::new(1)).try_acquire_owned().unwrap();
        Entry { txs, wait: Wait::None, reply, _bytes: bytes }
    }

    /// Makes transfers for more than one batch, of which the application knows none.
    fn transfers(chain: &TestChain, nonces: std::ops::Range<u64>) -> Vec<Bytes> {
        nonces.map(|nonce| chain.transfer(0, nonce, 1, 1).bytes()).collect()
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn consensus_does_not_wait_for_signatures_of_strangers() {
        let chain = TestChain::new();
        let app = chain.app.clone();
        let (strangers, consensus) = (transfers(&chain, 0..300), transfers(&chain, 300..600));
        let verifiers = Verifiers::start(app.clone()).unwrap();
        // Every thread of the batcher is blocked by a job that never ends.
        let count = verifiers.threads.current_num_threads();
        let (all, (end, ends)) = (Arc::new(Barrier::new(count + 1)), channel::<()>());
        let ends = Arc::new(parking_lot::Mutex::new(ends));
        verifiers.threads.spawn_broadcast({
            let (all, ends) = (all.clone(), ends.clone());
            move |_| {
                all.wait();
                let _ = ends.lock().recv();
            }
        });
        tokio::task::block_in_place(|| all.wait());
        let mut entered = Box::pin(verifiers.verify(vec![entry(strangers)]));
        assert!(futures::poll!(&mut entered).is_pending());
        // The signatures of a block are verified all the same, on the node's shared thread pool.
        let verdicts = tokio::task::block_in_place(|| app.verify_signatures(&consensus));
        assert!(verdicts.len() == 300 && verdicts.iter().all(Result::is_ok));
        assert!(futures::poll!(&mut entered).is_pending());
        drop(end);
        let verdicts: Vec<Verdict> = entered.await.into_iter().flat_map(|(_, verdicts)| verdicts).collect();
        assert!(verdicts.len() == 300 && verdicts.iter().all(Result::is_ok));
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn the_threads_of_the_batcher_stand_behind_all_others() {
        let verifiers = Verifiers::start(TestChain::new().app).unwrap();
        let priority = || rustix::process::getpriority_process(None).unwrap();
        let mine = priority();
        let theirs = verifiers.threads.broadcast(|_| priority());
        assert!(theirs.iter().all(|theirs| *theirs == (mine + NICE).min(19)), "{mine} and {theirs:?}");
        assert_eq!(priority(), mine);
    }
}
