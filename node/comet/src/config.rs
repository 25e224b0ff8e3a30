//! `config.toml` of a CometBFT home, which the node writes anew at every start.
//!
//! A setting that is not named in it has CometBFT's default. Owners change `diemd`'s configuration, not this file.

use std::{
    fmt, io,
    net::SocketAddr,
    path::{Path, PathBuf},
    time::Duration,
};

use diem_config::levels;
use diem_core::tx::MAX_TX_BYTES;
use diem_host::home::{HomeError, write_whole};
use serde::Serialize;
use serde_json::{Value, json};

use crate::abci::Address;

/// The most requests in one call to CometBFT's RPC.
pub const MAX_BATCH: usize = 512;
/// The most bytes of one call to CometBFT's RPC.
pub const MAX_BODY_BYTES: usize = 8 * 1024 * 1024;
/// The most transactions that wait in the pool.
pub const MEMPOOL_TXS: usize = 200_000;
/// The most bytes that wait in the pool.
const MEMPOOL_BYTES: usize = 1024 * 1024 * 1024;
/// The rate limit to and from each peer, in bytes a second; CometBFT's own 5 MB/s holds a busy chain back.
const PEER_RATE: usize = 128 * 1024 * 1024;
/// The size of a packet between peers, in bytes. Peers must agree on it.
const PACKET_BYTES: usize = 64 * 1024;

/// The address of another node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Peer {
    /// Its peer id, that of [`diem_config::consensus_key::node_key`].
    pub id: String,
    /// The `host:port` on which it listens for peers.
    pub address: String,
}

/// The form is `id@host:port`.
impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.id, self.address)
    }
}

/// The timing of blocks. No result depends on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timing {
    /// The longest wait for a proposal.
    pub propose: Duration,
    /// The wait after a block before the next height.
    pub commit: Duration,
    /// Whether the next height starts at once when all validators have signed.
    pub skip_commit: bool,
    /// The least time from the time of a block to that of the next: the proposer holds its proposal back until then.
    pub least: Duration,
}

impl Default for Timing {
    /// The default timing adds a wait of 700 ms to what CometBFT itself takes.
    fn default() -> Self {
        let (propose, commit) = (Duration::from_secs(3), Duration::from_millis(700));
        Self { propose, commit, skip_commit: false, least: Duration::ZERO }
    }
}

impl Timing {
    /// The timing of blocks that follow each other after `block_time`, and never earlier; with zero, as fast as the
    /// machine can.
    ///
    /// CometBFT can only be told how long to wait after a block. The time of proposing and voting is added to that, and
    /// nobody knows how long it is on this machine and among these validators. So CometBFT is told to wait for somewhat
    /// less than `block_time`, and the proposer waits for the rest. The rest is kept small, because a transaction that
    /// comes while a proposal is held back has to take the next one.
    pub fn of_block_time(block_time: Duration) -> Self {
        const MOST_HELD_BACK: Duration = Duration::from_millis(150);
        if block_time.is_zero() {
            return Self::fastest();
        }
        let held_back = block_time.checked_div(6).unwrap_or_default().min(MOST_HELD_BACK);
        Self { commit: block_time.saturating_sub(held_back), least: block_time, ..Self::default() }
    }

    /// The timing of blocks that are made as fast as the machine can.
    pub const fn fastest() -> Self {
        Self { propose: Duration::from_secs(3), commit: Duration::ZERO, skip_commit: true, least: Duration::ZERO }
    }
}

/// The settings that differ from node to node.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The node's name among its peers.
    pub moniker: String,
    /// The address at which the application is served.
    pub app: Address,
    /// The address on which CometBFT's RPC listens.
    pub rpc: SocketAddr,
    /// The address on which peers connect.
    pub p2p: SocketAddr,
    /// The address that is announced to peers; empty means that of `p2p`.
    pub external_address: String,
    /// The address on which its metrics are served; `None` serves none.
    pub metrics: Option<SocketAddr>,
    /// The peers to which CometBFT keeps a connection.
    pub peers: Vec<Peer>,
    /// The seed nodes, which are asked for other peers.
    pub seeds: Vec<Peer>,
    /// Whether all nodes are on this machine, or on private addresses.
    pub local: bool,
    /// The timing of blocks.
    pub timing: Timing,
    /// The log level of CometBFT, in its own syntax.
    pub log_level: String,
}

impl Settings {
    /// The settings of a node on loopback with CometBFT's usual ports and no peers.
    pub fn new(moniker: &str, app: Address) -> Self {
        let local = |port| SocketAddr::from(([127, 0, 0, 1], port));
        Self {
            moniker: moniker.into(),
            app,
            rpc: local(26657),
            p2p: local(26656),
            external_address: String::new(),
            metrics: Some(local(26660)),
            peers: Vec::new(),
            seeds: Vec::new(),
            local: true,
            timing: Timing::default(),
            log_level: "main:info,*:error".into(),
        }
    }

    /// The text of `config.toml`.
    fn toml(&self) -> Result<String, toml::ser::Error> {
        let file = ConfigToml {
            proxy_app: self.app.to_string(),
            moniker: self.moniker.clone(),
            log_level: levels::with_failures(&self.log_level),
            log_format: "json",
            rpc: json!({
                "laddr": format!("tcp://{}", self.rpc),
                "max_request_batch_size": MAX_BATCH,
                "max_body_bytes": MAX_BODY_BYTES,
            }),
            p2p: json!({
                "laddr": format!("tcp://{}", self.p2p),
                "external_address": self.external_address,
                "persistent_peers": list(&self.peers),
                "seeds": list(&self.seeds),
                "persistent_peers_max_dial_period": "5s",
                "addr_book_strict": !self.local,
                "allow_duplicate_ip": self.local,
                "send_rate": PEER_RATE,
                "recv_rate": PEER_RATE,
                "max_packet_msg_payload_size": PACKET_BYTES,
                "flush_throttle_timeout": "10ms",
            }),
            mempool: json!({
                "recheck": true,
                "recheck_timeout": "30s",
                "keep-invalid-txs-in-cache": false,
                "size": MEMPOOL_TXS,
                "cache_size": MEMPOOL_TXS.saturating_mul(2),
                "max_txs_bytes": MEMPOOL_BYTES,
                "max_tx_bytes": MAX_TX_BYTES,
            }),
            consensus: json!({
                "timeout_propose": millis(self.timing.propose),
                "timeout_commit": millis(self.timing.commit),
                "skip_timeout_commit": self.timing.skip_commit,
                "peer_gossip_sleep_duration": "10ms",
            }),
            // Results and events are in the application's own index, so CometBFT need not keep them.
            storage: json!({ "discard_abci_responses": true }),
            tx_index: json!({ "indexer": "null" }),
            instrumentation: json!({
                "prometheus": self.metrics.is_some(),
                "prometheus_listen_addr": self.metrics.map(|address| address.to_string()).unwrap_or_default(),
            }),
        };
        toml::to_string(&file)
    }
}

#[derive(Serialize)]
struct ConfigToml {
    proxy_app: String,
    moniker: String,
    log_level: String,
    log_format: &'static str,
    rpc: Value,
    p2p: Value,
    mempool: Value,
    consensus: Value,
    storage: Value,
    tx_index: Value,
    instrumentation: Value,
}

fn list(peers: &[Peer]) -> String {
    peers.iter().map(Peer::to_string).collect::<Vec<_>>().join(",")
}

fn millis(duration: Duration) -> String {
    format!("{}ms", duration.as_millis())
}

/// The reason why a home cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// An operation of the file system failed.
    #[error("{path}: {error}")]
    Io {
        /// The path of the file.
        path: PathBuf,
        /// The error of the operating system.
        error: io::Error,
    },
    /// A file cannot be written.
    #[error(transparent)]
    Home(#[from] HomeError),
    /// The home belongs to another chain.
    #[error("{path} is the genesis of another chain than this node's: use a home of its own for each chain")]
    OtherGenesis {
        /// The path of its genesis file.
        path: PathBuf,
    },
    /// A value cannot be encoded in the format of the file.
    #[error("{path} cannot be written: {reason}")]
    Encode {
        /// The path of the file.
        path: PathBuf,
        /// The error of the encoder.
        reason: String,
    },
}

/// Writes `config.toml` of the CometBFT home `home`, replacing the last one.
///
/// # Errors
/// [`ConfigError`].
pub fn write_config(home: &Path, settings: &Settings) -> Result<(), ConfigError> {
    let path = home.join("config/config.toml");
    let text =
        settings.toml().map_err(|error| ConfigError::Encode { path: path.clone(), reason: error.to_string() })?;
    let text = format!("# Written by diemd at every start: change diemd's configuration instead.\n\n{text}");
    std::fs::create_dir_all(home.join("data")).map_err(|error| ConfigError::Io { path: home.join("data"), error })?;
    Ok(write_file(&path, &text)?)
}

/// Writes a file of the home atomically, and makes its folder.
pub(crate) fn write_file(path: &Path, text: &str) -> Result<(), HomeError> {
    let folder = path.parent().unwrap_or(path);
    std::fs::create_dir_all(folder).map_err(|error| HomeError::io(folder, error))?;
    write_whole(path, text)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]

    use super::*;

    #[test]
    fn the_config_is_toml_with_what_the_node_needs() {
        let mut settings = Settings::new("m\"1", Address::Unix("/run/a.sock".into()));
        settings.peers = vec![Peer { id: "ab".into(), address: "127.0.0.1:1".into() }; 2];
        let text = settings.toml().unwrap();
        let value: toml::Value = toml::from_str(&text).unwrap();
        assert_eq!(value["proxy_app"].as_str(), Some("unix:///run/a.sock"));
        assert_eq!(value["moniker"].as_str(), Some("m\"1"));
        assert_eq!(value["p2p"]["persistent_peers"].as_str(), Some("ab@127.0.0.1:1,ab@127.0.0.1:1"));
        assert_eq!(value["p2p"]["addr_book_strict"].as_bool(), Some(false));
        assert_eq!(value["mempool"]["max_tx_bytes"].as_integer(), Some(524_288));
        assert_eq!(value["mempool"]["recheck"].as_bool(), Some(true));
        assert_eq!(value["tx_index"]["indexer"].as_str(), Some("null"));
        assert_eq!(value["instrumentation"]["prometheus_listen_addr"].as_str(), Some("127.0.0.1:26660"));
        assert_eq!(value["consensus"]["timeout_commit"].as_str(), Some("700ms"));
    }

    #[test]
    fn cometbft_waits_for_less_than_a_block_and_the_proposer_for_the_rest() {
        for (asked, commit) in [(1, 0), (60, 50), (300, 250), (500, 416), (1_000, 850), (10_000, 9_850)] {
            let timing = Timing::of_block_time(Duration::from_millis(asked));
            assert_eq!(timing.least, Duration::from_millis(asked));
            assert_eq!(timing.commit.as_millis(), commit, "{asked} ms");
            assert!(!timing.skip_commit, "{asked} ms");
        }
        assert_eq!(Timing::of_block_time(Duration::ZERO), Timing::fastest());
    }
}
