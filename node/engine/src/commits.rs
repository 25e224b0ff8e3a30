//! Reports of executed and committed blocks, from an engine to the rest of the node.

use std::{sync::Arc, time::Duration};

use diem_runtime::{App, Committed};
use diem_types::TxResult;
use tokio::sync::watch;

use crate::metrics::Metrics;

/// The receiver of an engine's reports: it feeds the log, the metrics, and the watch that requests wait on.
#[derive(Debug)]
pub struct Commits {
    height: watch::Sender<u64>,
    metrics: Arc<Metrics>,
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
        Arc::new(Self { height: watch::Sender::new(height), metrics })
    }

    /// A receiver of committed heights; 0 before the first.
    pub fn subscribe(&self) -> watch::Receiver<u64> {
        self.height.subscribe()
    }

    /// The counters that the reports go to.
    pub const fn metrics(&self) -> &Arc<Metrics> {
        &self.metrics
    }

    /// Counts a block that was executed in the time `took`.
    pub fn executed(&self, results: &[TxResult], took: Duration) {
        self.metrics.executed(results, took);
    }

    /// Reports a block that is written and can be read.
    pub fn committed(&self, block: &Committed, took: Duration) {
        self.metrics.committed(took);
        self.metrics.at_height(block.height, block.time.millis());
        self.metrics.state_of(block.rows, block.max_rows);
        tracing::info!(height = block.height, root = %hex::encode(block.root), txs = block.tx_hashes.len(), "committed");
        self.height.send_replace(block.height);
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
