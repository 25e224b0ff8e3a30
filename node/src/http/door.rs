//! The door: transactions come in one by one and go on in batches.
//!
//! While one batch is verified, those that arrive meanwhile become the next: under load batches grow by themselves,
//! and a lone transaction waits for nobody. Signatures are verified in parallel off the async threads, the good ones
//! are remembered by the application, so that CheckTx, which is one thread, finds them done.

use std::sync::Arc;

use bytes::Bytes;
use diem_client::api::{ErrorBody, HttpError};
use diem_runtime::App;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};

use super::error::{Failure, submit_error};
use crate::{
    Engine, Node,
    engine::{SubmitError, Wait},
};

/// The most transactions that are verified together.
const BATCH_TXS: usize = 1024;
/// The most bytes of transactions on their way through the door; more are refused as busy.
const MAX_BYTES: usize = 64 * 1024 * 1024;
/// The most requests on their way.
const MAX_REQUESTS: usize = 16 * 1024;
/// Added to each transaction's bytes, so that many tiny ones are bounded too.
const OVERHEAD: usize = 256;
/// Batches on their way to the engine at one time.
const UPSTREAM: usize = 4;

/// How a transaction got on, before any block.
pub(crate) type Entered = Result<(), EnterError>;

/// Why a transaction did not get in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum EnterError {
    /// The pool has it already.
    Known,
    /// It was refused.
    Refused(ErrorBody),
}

struct Entry {
    txs: Vec<Bytes>,
    wait: Wait,
    reply: oneshot::Sender<Vec<Entered>>,
    _bytes: OwnedSemaphorePermit,
}

/// Where handlers hand transactions in.
pub(crate) struct Door {
    entries: mpsc::Sender<Entry>,
    bytes: Arc<Semaphore>,
}

impl Door {
    /// Starts the task behind the door; it ends when the door is dropped.
    pub(crate) fn open(node: &Node) -> Self {
        let (entries, incoming) = mpsc::channel(MAX_REQUESTS);
        tokio::spawn(work(node.app.clone(), node.engine.clone(), incoming));
        Self { entries, bytes: Arc::new(Semaphore::new(MAX_BYTES)) }
    }

    /// Verifies the signatures of `txs` and hands the good ones to the engine's pool; one answer each.
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

async fn work(app: Arc<App>, engine: Arc<dyn Engine>, mut incoming: mpsc::Receiver<Entry>) {
    let upstream = Arc::new(Semaphore::new(UPSTREAM));
    let mut entries = Vec::new();
    while incoming.recv_many(&mut entries, BATCH_TXS).await > 0 {
        let verified = verify(app.clone(), std::mem::take(&mut entries)).await;
        // While the engine is slower than the door, the next batch grows.
        let Ok(permit) = upstream.clone().acquire_owned().await else { return };
        let engine = engine.clone();
        tokio::spawn(async move {
            submit(&*engine, verified).await;
            drop(permit);
        });
    }
}

/// The entries with the verdict on each transaction; `None` if a panic ate them, whose callers then see an error.
async fn verify(app: Arc<App>, entries: Vec<Entry>) -> Vec<(Entry, Vec<Entered>)> {
    let task = tokio::task::spawn_blocking(move || {
        let txs: Vec<Bytes> = entries.iter().flat_map(|entry| entry.txs.iter().cloned()).collect();
        let refused = |error| EnterError::Refused(ErrorBody::from(&error));
        let mut verdicts = app.verify_signatures(&txs).into_iter().map(|verdict| verdict.map_err(refused));
        let take = |entry: Entry| {
            let verdicts = verdicts.by_ref().take(entry.txs.len()).collect();
            (entry, verdicts)
        };
        entries.into_iter().map(take).collect()
    });
    task.await.unwrap_or_default()
}

/// Answers the entries of which nothing is good at once, and hands the rest to the engine, one batch for each way of
/// waiting.
async fn submit(engine: &dyn Engine, entries: Vec<(Entry, Vec<Entered>)>) {
    let (good, bad): (Vec<_>, Vec<_>) =
        entries.into_iter().partition(|(_, verdicts)| verdicts.iter().any(Result::is_ok));
    for (entry, verdicts) in bad {
        // A caller that has gone needs no answer.
        let _ = entry.reply.send(verdicts);
    }
    let (checked, unchecked): (Vec<_>, Vec<_>) = good.into_iter().partition(|(entry, _)| entry.wait == Wait::Checked);
    futures::join!(hand_on(engine, checked, Wait::Checked), hand_on(engine, unchecked, Wait::None));
}

async fn hand_on(engine: &dyn Engine, entries: Vec<(Entry, Vec<Entered>)>, wait: Wait) {
    if entries.is_empty() {
        return;
    }
    let good = entries.iter().flat_map(|(entry, verdicts)| {
        entry.txs.iter().zip(verdicts).filter(|(_, verdict)| verdict.is_ok()).map(|(tx, _)| tx.clone())
    });
    let mut answers = engine.submit(good.collect(), wait).await.into_iter();
    for (entry, mut verdicts) in entries {
        for verdict in verdicts.iter_mut().filter(|verdict| verdict.is_ok()) {
            let answer = answers.next().unwrap_or(Err(SubmitError::Unavailable("it gave too few answers".into())));
            *verdict = answer.map_err(enter_error);
        }
        let _ = entry.reply.send(verdicts);
    }
}

fn enter_error(error: SubmitError) -> EnterError {
    match error {
        SubmitError::Known => EnterError::Known,
        other => EnterError::Refused(submit_error(other)),
    }
}
