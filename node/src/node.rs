//! A running node, as HTTP and the tests see it.

use std::{sync::Arc, time::Instant};

use diem_runtime::App;
use tokio::sync::watch;

use crate::{Engine, metrics::Metrics};

/// A running node.
pub struct Node {
    /// The application.
    pub app: Arc<App>,
    /// What makes the blocks.
    pub engine: Arc<dyn Engine>,
    /// The committed height, after every commit; 0 before the first.
    pub commits: watch::Receiver<u64>,
    /// The node's name among its peers.
    pub moniker: String,
    /// When it started.
    pub started: Instant,
    /// What it counts.
    pub metrics: Arc<Metrics>,
}
