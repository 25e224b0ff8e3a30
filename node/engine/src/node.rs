//! A running node, as HTTP and the tests see it.

use std::{sync::Arc, time::Instant};

use diem_runtime::App;
use tokio::sync::watch;

use crate::{Engine, metrics::Metrics};

/// A running node: the parts that its HTTP API serves from.
pub struct Node {
    /// The application that holds the state.
    pub app: Arc<App>,
    /// The engine that makes the blocks.
    pub engine: Arc<dyn Engine>,
    /// The committed height, updated after every commit; 0 before the first.
    pub commits: watch::Receiver<u64>,
    /// The node's name among its peers.
    pub moniker: String,
    /// The moment at which the node started.
    pub started: Instant,
    /// The metrics of the node.
    pub metrics: Arc<Metrics>,
}
