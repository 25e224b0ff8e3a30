//! Reports of executed and committed blocks, from an engine to the rest of the node.

use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

use diem_core::Block;
use diem_runtime::{App, Committed, Finalized, snapshots::Taker};
use tokio::sync::watch;

use crate::metrics::Metrics;

/// The receiver of an engine's reports: it feeds the log, the metrics, the taking of snapshots, and the watch that requests
/// wait on.
pub struct Commits {
    height: watch::Sender<u64>,
    snapshots: OnceLock<Taker>,
    halt: OnceLock<Halt>,
    metrics: Arc<Metrics>,
}

/// The height above which the node executes no block, and who is told when it is there.
struct Halt {
    height: u64,
    reached: Box<dyn Fn(u64) + Send + Sync>,
}

impl Commits {
    /// Makes the receiver at the height that the application has committed.
    pub fn new(app: &App, metrics: Arc<Metrics>) -> Arc<Self> {
        let height = app.info().height;
        if let Some(meta) = app.store().meta() {
            metrics.at_height(meta.height, meta.time_ms);
        }
        let (rows, params) = app.state_size();
        metrics.state_of(rows, params.max_rows);
        metrics.counts_hooks(app.hooks().retried());
        let height = watch::Sender::new(height);
        Arc::new(Self { height, snapshots: OnceLock::new(), halt: OnceLock::new(), metrics })
    }

    /// Has this taker see every block from now on. Of several, the first is the one.
    pub fn take_snapshots(&self, taker: Taker) {
        let _ = self.snapshots.set(taker);
    }

    /// The taker of snapshots, if this node takes any.
    pub fn snapshots(&self) -> Option<&Taker> {
        self.snapshots.get()
    }

    /// Has the engine execute no block above this height. `reached` is called on the engine's own thread with the height that
    /// is there, once that is this one or, after a snapshot, a later one. Of several calls the first counts.
    pub fn halt_at(&self, height: u64, reached: impl Fn(u64) + Send + Sync + 'static) {
        let _ = self.halt.set(Halt { height, reached: Box::new(reached) });
    }

    /// Whether the engine may execute a block of this height.
    pub fn may_execute(&self, height: u64) -> bool {
        self.halt.get().is_none_or(|halt| height <= halt.height)
    }

    /// Shows the height to whoever waits for it.
    fn show(&self, height: u64) {
        self.height.send_replace(height);
        if let Some(halt) = self.halt.get().filter(|halt| height >= halt.height) {
            (halt.reached)(height);
        }
    }

    /// A receiver of committed heights; 0 before the first.
    pub fn subscribe(&self) -> watch::Receiver<u64> {
        self.height.subscribe()
    }

    /// The counters that the reports go to.
    pub const fn metrics(&self) -> &Arc<Metrics> {
        &self.metrics
    }

    /// Counts a block that was executed in the time `took`, the steps of it that failed, and the vote of this node's own
    /// validator that it brings.
    pub fn executed(&self, block: &Block, finalized: &Finalized, took: Duration) {
        self.metrics.executed(&finalized.results, took);
        finalized.failed_hooks.iter().for_each(|hook| self.metrics.hook_failed(hook));
        self.metrics.voted(block.info.height.saturating_sub(1), &block.votes);
    }

    /// Reports a block that is written and can be read.
    pub fn committed(&self, block: &Committed, took: Duration) {
        self.metrics.committed(took);
        self.metrics.at_height(block.height, block.time.millis());
        self.metrics.state_of(block.rows, block.max_rows);
        tracing::debug!(height = block.height, root = %hex::encode(block.root), txs = block.tx_hashes.len(), "committed");
        self.show(block.height);
        if let Some(taker) = self.snapshots.get() {
            taker.after_commit(block);
        }
    }

    /// Reports that the state was restored from a snapshot of this height.
    pub fn restored(&self, app: &App, height: u64) {
        if let Some(meta) = app.store().meta() {
            self.metrics.at_height(meta.height, meta.time_ms);
        }
        let (rows, params) = app.state_size();
        self.metrics.state_of(rows, params.max_rows);
        tracing::info!(height, rows, "restored from a snapshot: the state is that of this height");
        self.show(height);
    }

    /// Reports that the chain was taken back to an earlier height, which only the development engine and operators do.
    pub fn reverted(&self, app: &App, height: u64, time_ms: u64) {
        self.metrics.at_height(height, time_ms);
        let (rows, params) = app.state_size();
        self.metrics.state_of(rows, params.max_rows);
        tracing::info!(height, "reverted");
        self.height.send_replace(height);
    }
}
