//! How CometBFT is told to restore a snapshot of its peers.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    time::Duration,
};

use serde_json::{Value, json};

/// What CometBFT needs to restore a snapshot: its light client verifies the root of the snapshot's height from a block that
/// is trusted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StateSync {
    /// The addresses of two or more servers of headers, which are compared with each other.
    pub servers: Vec<SocketAddr>,
    /// The height of the trusted block.
    pub height: u64,
    /// The hash of its header.
    pub hash: [u8; 32],
    /// The age up to which a header is trusted: less than the unbonding time.
    pub period: Duration,
}

impl StateSync {
    /// The folder in which CometBFT keeps chunks on their way. By itself it takes the system's, and what it leaves there
    /// when it is killed nobody removes.
    pub(crate) fn folder(home: &Path) -> PathBuf {
        home.join("data/statesync")
    }

    pub(super) fn json(&self, home: &Path) -> Value {
        let servers: Vec<String> = self.servers.iter().map(|server| format!("http://{server}")).collect();
        json!({
            "enable": true,
            "rpc_servers": servers.join(","),
            "trust_height": self.height,
            "trust_hash": hex::encode(self.hash),
            "trust_period": format!("{}s", self.period.as_secs()),
            // CometBFT takes 0, which waits for no offers, or at least 5 s.
            "discovery_time": "5s",
            "chunk_request_timeout": "10s",
            "chunk_fetchers": "4",
            "temp_dir": Self::folder(home),
        })
    }
}
