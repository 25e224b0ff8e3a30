//! What the node counts, for Prometheus.

/// The node's counters.
#[derive(Debug, Default)]
pub struct Metrics {}
