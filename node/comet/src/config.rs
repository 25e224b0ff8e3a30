//! `config.toml` of a CometBFT home, which the node writes anew at every start.
//!
//! A setting that is not named in it has CometBFT's default. Owners change `diemd`'s configuration, not this file.

mod state_sync;
mod timing;

use std::{
    fmt, io,
    net::SocketAddr,
    path::{Path, PathBuf},
    time::Duration,
};

use diem_config::{SignerAddress, consensus_key::key_file_of, levels, signing_state};
use diem_core::tx::MAX_TX_BYTES;
use diem_host::home::{HomeError, write_whole};
use serde::Serialize;
use serde_json::{Value, json};

use crate::abci::Address;

pub use state_sync::StateSync;
pub use timing::Timing;

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

/// Whom a node connects to, and whom it tells of whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exchange {
    /// Whether peers are asked for addresses of others, and told those that are known.
    pub pex: bool,
    /// Whether the node only collects addresses and hands them out.
    pub seed_mode: bool,
    /// The ids of peers whose addresses are told to nobody.
    pub private_peers: Vec<String>,
    /// The ids of peers that the limits do not count.
    pub unconditional_peers: Vec<String>,
    /// The most peers that connect to this node.
    pub max_inbound: u16,
    /// The most peers that this node connects to of its own accord.
    pub max_outbound: u16,
}

impl Default for Exchange {
    fn default() -> Self {
        let comet = diem_config::Comet::default();
        Self {
            pex: comet.pex,
            seed_mode: comet.seed_mode,
            private_peers: comet.private_peers,
            unconditional_peers: comet.unconditional_peers,
            max_inbound: comet.max_inbound,
            max_outbound: comet.max_outbound,
        }
    }
}

/// The settings that differ from node to node.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The node's name among its peers.
    pub moniker: String,
    /// The address at which the application is served.
    pub app: Address,
    /// The address at which a remote signer connects; `None` means that the home has the key.
    pub signer: Option<SignerAddress>,
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
    /// Whom the node connects to, and whom it tells of whom.
    pub exchange: Exchange,
    /// Whether all nodes are on this machine, or on private addresses.
    pub local: bool,
    /// Keys of CometBFT's file that the operator sets; none is among those that are set here.
    pub raw: toml::Table,
    /// The servers and the trusted block by which an empty node restores a snapshot of its peers; `None` executes all blocks.
    pub state_sync: Option<StateSync>,
    /// The folder with a key and its signing state, in the form of a CometBFT home, that are used in place of the home's
    /// own; `None` uses its own.
    pub other_key: Option<PathBuf>,
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
            signer: None,
            rpc: local(26657),
            p2p: local(26656),
            external_address: String::new(),
            metrics: Some(local(26660)),
            peers: Vec::new(),
            seeds: Vec::new(),
            exchange: Exchange::default(),
            local: true,
            raw: toml::Table::new(),
            state_sync: None,
            other_key: None,
            timing: Timing::default(),
            log_level: "main:info,*:error".into(),
        }
    }

    /// What CometBFT logs. Which peers it asks and drops while it restores a snapshot, it says for debugging only.
    fn log_levels(&self) -> String {
        let mut levels = levels::with_failures(&self.log_level);
        if self.signer.is_some() {
            levels = levels::with_signer(&levels);
        }
        if self.state_sync.is_some() && levels.contains(':') {
            levels.push_str(",statesync:debug");
        }
        levels
    }

    /// The text of `config.toml`.
    fn toml(&self, home: &Path) -> Result<String, toml::ser::Error> {
        // A node that listens has no signer: it votes for nothing.
        let signer = self.signer.as_ref().filter(|_| self.other_key.is_none());
        let (key, state) = match (&self.other_key, signer) {
            (Some(other), _) => (Some(key_file_of(other)), Some(signing_state::file_of(other))),
            (None, Some(_)) => (Some(UNUSED_KEY.into()), Some(UNUSED_STATE.into())),
            (None, None) => (None, None),
        };
        let file = ConfigToml {
            proxy_app: self.app.to_string(),
            moniker: self.moniker.clone(),
            priv_validator_laddr: signer.map(ToString::to_string),
            priv_validator_key_file: key,
            priv_validator_state_file: state,
            log_level: self.log_levels(),
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
                "pex": self.exchange.pex,
                "seed_mode": self.exchange.seed_mode,
                "private_peer_ids": self.exchange.private_peers.join(","),
                "unconditional_peer_ids": self.exchange.unconditional_peers.join(","),
                "max_num_inbound_peers": self.exchange.max_inbound,
                "max_num_outbound_peers": self.exchange.max_outbound,
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
            statesync: self.state_sync.as_ref().map_or_else(|| json!({ "enable": false }), |sync| sync.json(home)),
            // Results and events are in the application's own index, so CometBFT need not keep them.
            storage: json!({ "discard_abci_responses": true }),
            tx_index: json!({ "indexer": "null" }),
            instrumentation: json!({
                "prometheus": self.metrics.is_some(),
                "prometheus_listen_addr": self.metrics.map(|address| address.to_string()).unwrap_or_default(),
            }),
        };
        let mut table = toml::Table::try_from(&file)?;
        for (name, value) in &self.raw {
            match (table.get_mut(name), value) {
                (Some(toml::Value::Table(section)), toml::Value::Table(keys)) => section.extend(keys.clone()),
                _ => {
                    table.insert(name.clone(), value.clone());
                }
            }
        }
        toml::to_string(&table)
    }
}

#[derive(Serialize)]
struct ConfigToml {
    proxy_app: String,
    moniker: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    priv_validator_laddr: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    priv_validator_key_file: Option<PathBuf>,
    #[serde(skip_serializing_if = "Option::is_none")]
    priv_validator_state_file: Option<PathBuf>,
    log_level: String,
    log_format: &'static str,
    rpc: Value,
    p2p: Value,
    mempool: Value,
    consensus: Value,
    statesync: Value,
    storage: Value,
    tx_index: Value,
    instrumentation: Value,
}

/// CometBFT makes a key where the file of one is not there, and then does not use it. It goes where nobody takes it for
/// the validator's.
const UNUSED_KEY: &str = "data/unused_key.json";
const UNUSED_STATE: &str = "data/unused_state.json";

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
        settings.toml(home).map_err(|error| ConfigError::Encode { path: path.clone(), reason: error.to_string() })?;
    let text = format!("# Written by diemd at every start: change diemd's configuration instead.\n\n{text}");
    std::fs::create_dir_all(home.join("data")).map_err(|error| ConfigError::Io { path: home.join("data"), error })?;
    forget_chunks(home)?;
    if settings.state_sync.is_some() {
        let folder = StateSync::folder(home);
        std::fs::create_dir(&folder).map_err(|error| ConfigError::Io { path: folder, error })?;
    }
    Ok(write_file(&path, &text)?)
}

/// Removes the chunks of snapshots that a CometBFT of this home has left, which no other one uses.
///
/// # Errors
/// The disk refuses.
pub(crate) fn forget_chunks(home: &Path) -> Result<(), ConfigError> {
    let folder = StateSync::folder(home);
    match std::fs::remove_dir_all(&folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(ConfigError::Io { path: folder, error }),
        _ => Ok(()),
    }
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

    use diem_config::raw;

    use super::*;

    #[test]
    fn the_config_is_toml_with_what_the_node_needs() {
        let mut settings = Settings::new("m\"1", Address::Unix("/run/a.sock".into()));
        settings.peers = vec![Peer { id: "ab".into(), address: "127.0.0.1:1".into() }; 2];
        let text = settings.toml(Path::new("/h")).unwrap();
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
    fn keys_of_the_operator_come_beside_those_that_the_node_sets_and_no_key_is_both() {
        let mut settings = Settings::new("m", Address::Unix("/run/a.sock".into()));
        settings.raw = "event_bus_buffer_capacity = 7\n[p2p]\ndial_timeout = \"5s\"\n".parse().unwrap();
        let value: toml::Table = settings.toml(Path::new("/h")).unwrap().parse().unwrap();
        assert_eq!(value["event_bus_buffer_capacity"].as_integer(), Some(7));
        assert_eq!(value["p2p"]["dial_timeout"].as_str(), Some("5s"));
        assert_eq!(value["p2p"]["pex"].as_bool(), Some(true));

        settings.raw = toml::Table::new();
        settings.state_sync =
            Some(StateSync { servers: Vec::new(), height: 1, hash: [0; 32], period: Duration::from_secs(1) });
        let written: toml::Table = settings.toml(Path::new("/h")).unwrap().parse().unwrap();
        let keys = written.iter().flat_map(|(name, value)| match value.as_table() {
            Some(section) => section.keys().map(|key| format!("{name}.{key}")).collect(),
            None => vec![name.clone()],
        });
        for key in keys {
            let known = raw::KEYS.iter().find(|(known, ..)| *known == key);
            let (_, _, owner) = known.unwrap_or_else(|| panic!("{key} is no key of CometBFT"));
            assert_ne!(*owner, raw::Owner::Operator, "{key} is set here");
        }
    }
}
