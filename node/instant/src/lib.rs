//! The instant engine: drives the same application in process, without CometBFT, for development only.
//!
//! Blocks come when a transaction arrives or the bridge has something due, on a timer, or on command. Their headers and commits are real ones, signed
//! by all validators whose keys the engine has, and lie in the same batch as the block, so that a restart goes on from
//! whatever was written last. Changes of the validators count two heights later, as with CometBFT. A validator whose
//! key is elsewhere counts as absent; if that leaves nobody, the engine stops. What was ordered for the next blocks
//! (warp, absences, evidence) is on disk before it is acknowledged. The pool, snapshots and the mode end with the
//! process.
#![allow(clippy::disallowed_methods, reason = "a node reads clocks, the environment and starts threads")]

mod header;
mod pool;
mod producer;
mod signers;
#[cfg(test)]
mod tests;
mod worker;

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
        mpsc,
    },
    thread::JoinHandle,
    time::Duration,
};

use diem_core::Time;
use diem_engine::{
    Commits, Engine, EngineKind,
    engine::{
        BlockMode, Companion, DevControls, EngineError, EngineStatus, Incoming, SnapshotId, SubmitError, Wait, Warp,
    },
    origin::Origin,
};
use diem_host::{clock::Clock, critical};
use diem_runtime::App;
use ed25519_dalek::SigningKey;
use futures::future::{BoxFuture, FutureExt as _};
use tendermint::{block::signed_header::SignedHeader, validator};
use tokio::sync::{oneshot, watch};

pub use producer::OpenError;

use producer::Producer;
use worker::{Command, Worker};

/// The most transactions on their way to the pool; further ones are refused as by a full pool.
const MAX_UNCHECKED_TXS: u64 = 100_000;

/// The options of the instant engine.
pub struct Options {
    /// The keys of all validators of the genesis, and of others that may join.
    pub keys: Vec<SigningKey>,
    /// The condition under which blocks are made.
    pub mode: BlockMode,
    /// The clock that the times of blocks follow.
    pub clock: Clock,
    /// The callback that is told why the node must not go on.
    pub on_fatal: Arc<dyn Fn(&str) + Send + Sync>,
}

/// Whether the instant engine made the block at this committed height.
///
/// # Errors
/// The row of that height is damaged.
pub fn made(app: &App, height: u64) -> Result<bool, String> {
    Ok(producer::signed_header(app, height)?.is_some())
}

/// The development engine.
pub struct InstantEngine {
    app: Arc<App>,
    heights: watch::Receiver<u64>,
    commands: mpsc::Sender<Command>,
    /// The number of transactions that were ever handed on to the worker.
    handed_on: AtomicU64,
    /// The number of those that the worker has checked, in the order of their arrival; the channel closes when the
    /// worker ends.
    checked: watch::Receiver<u64>,
    stopping: Arc<AtomicBool>,
    mode: parking_lot::Mutex<BlockMode>,
    companion: Option<Arc<dyn Companion>>,
    worker: parking_lot::Mutex<Option<JoinHandle<()>>>,
}

impl InstantEngine {
    /// Continues the chain of `app`, or starts that of `origin`: its first block is committed when this returns.
    ///
    /// # Errors
    /// [`OpenError`]: the chain is not for development, a key is missing, or the store holds another chain.
    pub fn start(app: Arc<App>, commits: Arc<Commits>, origin: &Origin, options: Options) -> Result<Self, OpenError> {
        let heights = commits.subscribe();
        let producer = Producer::open(Arc::clone(&app), commits, origin, &options.keys, options.clock)?;
        let (commands, inbox) = mpsc::channel();
        let stopping = Arc::new(AtomicBool::new(false));
        let (count, checked) = watch::channel(0);
        let worker = Worker::new(producer, inbox, options.mode, count, Arc::clone(&stopping), options.on_fatal);
        let worker = critical::spawn("instant", move || worker.run())
            .map_err(|error| OpenError::Fatal(format!("no thread can be started: {error}")))?;
        let (mode, worker) = (parking_lot::Mutex::new(options.mode), parking_lot::Mutex::new(Some(worker)));
        let (handed_on, companion) = (AtomicU64::new(0), None);
        Ok(Self { app, heights, commands, handed_on, checked, stopping, mode, companion, worker })
    }

    /// Takes another chain along when the clock is moved, and where this one is marked and taken back.
    #[must_use]
    pub fn with_companion(mut self, companion: Arc<dyn Companion>) -> Self {
        self.companion = Some(companion);
        self
    }

    /// Ends all mining on command, now and from now on, after the block that is being made. Transactions still get
    /// their blocks until [`Self::stop`].
    pub fn end_mining(&self) {
        self.stopping.store(true, Ordering::Relaxed);
    }

    /// Ends the thread that makes blocks, after the block that it is making and those of transactions that were sent
    /// before.
    pub fn stop(&self) {
        self.end_mining();
        // A failed send or join says that it has ended already, which the panic hook or `on_fatal` has reported.
        let _ = self.commands.send(Command::Stop);
        if let Some(worker) = self.worker.lock().take() {
            let _ = worker.join();
        }
    }

    /// Hands a command to the worker and waits for its answer.
    async fn ask<T>(
        &self,
        command: impl FnOnce(oneshot::Sender<Result<T, EngineError>>) -> Command,
    ) -> Result<T, EngineError> {
        let (reply, answer) = oneshot::channel();
        let stopped = || EngineError::Unavailable("the instant engine has stopped".into());
        self.commands.send(command(reply)).map_err(|_| stopped())?;
        answer.await.map_err(|_| stopped())?
    }

    async fn submit_all(&self, txs: Vec<Incoming>, wait: Wait) -> Vec<Result<(), SubmitError>> {
        let count = txs.len();
        let counted = u64::try_from(count).unwrap_or(u64::MAX);
        if !self.hand_on(counted) {
            return vec![Err(SubmitError::Full); count];
        }
        let gone = || vec![Err(SubmitError::Unavailable("the instant engine has stopped".into())); count];
        let (reply, answer) = oneshot::channel();
        if self.commands.send(Command::Submit { txs, reply }).is_err() {
            self.handed_on.fetch_sub(counted, Ordering::AcqRel);
            return gone();
        }
        match wait {
            Wait::None => vec![Ok(()); count],
            Wait::Checked => answer.await.unwrap_or_else(|_| gone()),
        }
    }

    /// Counts transactions that are about to be handed on; `false` if too many are on their way.
    fn hand_on(&self, count: u64) -> bool {
        let checked = *self.checked.borrow();
        let add = |total: u64| {
            let total = total.checked_add(count)?;
            (total.saturating_sub(checked) <= MAX_UNCHECKED_TXS).then_some(total)
        };
        self.handed_on.fetch_update(Ordering::AcqRel, Ordering::Acquire, add).is_ok()
    }

    /// Waits until the worker has checked the transactions that were handed on before, however many come after them, or
    /// has ended.
    async fn all_checked(&self) {
        let handed_on = self.handed_on.load(Ordering::Acquire);
        let _ = self.checked.clone().wait_for(|checked| *checked >= handed_on).await;
    }

    async fn header(&self, height: u64, patience: Duration) -> Result<SignedHeader, EngineError> {
        if let Some(found) = self.look_up(height)? {
            return Ok(found);
        }
        let mut heights = self.heights.clone();
        if Some(height) == self.latest().checked_add(1) {
            self.ask(|reply| Command::Reach { height, reply }).await?;
        }
        let reached = tokio::time::timeout(patience, heights.wait_for(|latest| *latest >= height)).await;
        let latest = self.latest();
        match reached {
            Ok(Ok(_)) => self.look_up(height)?.ok_or(EngineError::Gone(height)),
            Ok(Err(_)) => Err(EngineError::Unavailable("the instant engine has stopped".into())),
            Err(_) => Err(EngineError::NotYet { asked: height, latest }),
        }
    }

    fn look_up(&self, height: u64) -> Result<Option<SignedHeader>, EngineError> {
        match producer::signed_header(&self.app, height).map_err(EngineError::Fatal)? {
            Some(found) => Ok(Some(found)),
            None if height <= self.latest() => Err(EngineError::Gone(height)),
            None => Ok(None),
        }
    }

    fn latest(&self) -> u64 {
        self.app.info().height
    }
}

impl Drop for InstantEngine {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Engine for InstantEngine {
    fn kind(&self) -> EngineKind {
        EngineKind::Instant
    }

    fn submit(&self, txs: Vec<Incoming>, wait: Wait) -> BoxFuture<'_, Vec<Result<(), SubmitError>>> {
        self.submit_all(txs, wait).boxed()
    }

    fn checks_done(&self, patience: Duration) -> BoxFuture<'_, ()> {
        // A caller whose patience ends goes on without the answer.
        tokio::time::timeout(patience, self.all_checked()).map(drop).boxed()
    }

    fn statements_wait(&self) {
        // A failed send says that the engine has stopped, and no block comes any more.
        let _ = self.commands.send(Command::StatementsWait);
    }

    fn signed_header(&self, height: u64, patience: Duration) -> BoxFuture<'_, Result<SignedHeader, EngineError>> {
        self.header(height, patience).boxed()
    }

    fn validators(&self, height: u64) -> BoxFuture<'_, Result<validator::Set, EngineError>> {
        let latest = self.latest();
        let answer = match producer::validators(&self.app, height) {
            Ok(Some(set)) => Ok(set),
            Ok(None) if height > latest => Err(EngineError::NotYet { asked: height, latest }),
            Ok(None) => Err(EngineError::Gone(height)),
            Err(error) => Err(EngineError::Fatal(error)),
        };
        futures::future::ready(answer).boxed()
    }

    fn next_block_time(&self) -> BoxFuture<'_, Result<Time, EngineError>> {
        self.ask(|reply| Command::NextTime { reply }).boxed()
    }

    fn status(&self) -> BoxFuture<'_, Result<EngineStatus, EngineError>> {
        let status = EngineStatus { catching_up: false, peers: None, latest_height: self.latest() };
        futures::future::ready(Ok(status)).boxed()
    }

    fn period(&self) -> Option<Duration> {
        match *self.mode.lock() {
            BlockMode::Every(period) => Some(period),
            BlockMode::OnDemand | BlockMode::Manual => None,
        }
    }

    fn dev(&self) -> Option<&dyn DevControls> {
        Some(self)
    }
}

impl DevControls for InstantEngine {
    fn mine(&self, count: u64) -> BoxFuture<'_, Result<u64, EngineError>> {
        self.ask(move |reply| Command::Mine { count, reply }).boxed()
    }

    fn warp(&self, warp: Warp) -> BoxFuture<'_, Result<Time, EngineError>> {
        async move {
            let time = self.ask(move |reply| Command::Warp { warp, reply }).await?;
            if let Some(companion) = &self.companion {
                companion.warp(time).await?;
            }
            Ok(time)
        }
        .boxed()
    }

    fn snapshot(&self) -> BoxFuture<'_, Result<(SnapshotId, u64), EngineError>> {
        async move {
            let (id, height) = self.ask(|reply| Command::Snapshot { reply }).await?;
            if let Some(companion) = &self.companion {
                companion.snapshot(id).await?;
            }
            Ok((id, height))
        }
        .boxed()
    }

    fn revert(&self, id: SnapshotId) -> BoxFuture<'_, Result<u64, EngineError>> {
        async move {
            let height = self.ask(move |reply| Command::Revert { id, reply }).await?;
            if let Some(companion) = &self.companion {
                companion.revert(id).await?;
            }
            Ok(height)
        }
        .boxed()
    }

    fn absences(&self, absent: Vec<[u8; 20]>, blocks: u64) -> BoxFuture<'_, Result<(), EngineError>> {
        self.ask(move |reply| Command::Absences { absent, blocks, reply }).boxed()
    }

    fn equivocation(&self, validator: [u8; 20]) -> BoxFuture<'_, Result<(), EngineError>> {
        self.ask(move |reply| Command::Equivocation { validator, reply }).boxed()
    }

    fn set_mode(&self, mode: BlockMode) -> BoxFuture<'_, Result<(), EngineError>> {
        async move {
            self.ask(move |reply| Command::SetMode { mode, reply }).await?;
            *self.mode.lock() = mode;
            Ok(())
        }
        .boxed()
    }
}
