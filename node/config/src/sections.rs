//! The sections of the configuration: their settings, each with its default.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use diem_engine::engine::BlockMode;
use serde::{Deserialize, Serialize};
use toml::Table;

use crate::{Blocks, Bytes, KeepTime, Length, Optional, Period, Rate, Signer};

/// The settings of the HTTP API.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Api {
    /// The address on which the API listens.
    pub listen: SocketAddr,
    /// The names of this machine that a request on loopback may be for, beside localhost, 127.0.0.1 and [::1].
    pub hosts: Vec<String>,
    /// The origins whose pages a browser lets read the answers, such as https://app.example; `*` stands for all.
    pub cors: Vec<String>,
    /// The most connections of one client, an IPv4 address or the first half of an IPv6 one; 0 is no limit.
    pub connections_per_client: u32,
    /// The units of work that one client may ask for in a second; 0 is no limit.
    pub rate: u32,
    /// The most units that one client may ask for at once.
    pub burst: u32,
    /// The time for which a node that was asked to end still answers, and says that it is not ready.
    pub drain: Length,
}

impl Default for Api {
    fn default() -> Self {
        let (listen, drain, burst) = (loopback(1317), Length(0), 1_000);
        Self { listen, hosts: Vec::new(), cors: Vec::new(), connections_per_client: 0, rate: 0, burst, drain }
    }
}

/// The settings of the Prometheus metrics.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Metrics {
    /// The address on which metrics are served; `off` serves none.
    pub listen: Optional,
}

impl Default for Metrics {
    fn default() -> Self {
        Self { listen: Optional(Some(loopback(9464))) }
    }
}

/// The settings of the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Log {
    /// The filter of the log: a level, or directives as the `tracing` crate reads them.
    pub level: String,
    /// The form of a line of the log.
    pub format: LogFormat,
    /// The time without a block after which a line names the missing validators, and the interval at which it is
    /// repeated.
    pub standstill: Length,
    /// The path of a file that gets the lines too, relative to the home; empty for none.
    pub file: String,
    /// The size that no file of the log exceeds.
    pub file_size: Bytes,
    /// The number of files that are kept, the one that is written among them.
    pub files: usize,
}

impl Default for Log {
    fn default() -> Self {
        Self {
            level: "info".into(),
            format: LogFormat::Text,
            standstill: Length(30_000),
            file: String::new(),
            file_size: Bytes(32 << 20),
            files: 8,
        }
    }
}

/// The form of a line of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// Lines of text for people.
    Text,
    /// One JSON object a line, for machines.
    Json,
}

/// The settings of the store, the state on disk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Store {
    /// The number of past heights that can be read and proven.
    pub past_heights: usize,
    /// The size of the cache of rows that were read or written lately, in MiB.
    pub cache_mib: usize,
    /// The number of blocks below the latest that are kept, here and by CometBFT; 0 makes no cut.
    pub keep_blocks: u64,
    /// The time before the latest block whose blocks are kept; `off` makes no cut.
    pub keep_time: KeepTime,
    /// Whether a block counts as committed only when the disk has it.
    pub sync: bool,
}

impl Default for Store {
    fn default() -> Self {
        Self { past_heights: 64, cache_mib: 256, keep_blocks: 0, keep_time: KeepTime(None), sync: true }
    }
}

/// The settings of the snapshots of the state that others join by.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Snapshot {
    /// The period, in time of blocks, of which the first block gets a snapshot. Nodes that have the same one offer the
    /// same snapshots; `auto` is an hour, or a twelfth of the unbonding time where that is less.
    pub every: Period,
    /// The number of newest snapshots that are kept.
    pub keep: usize,
}

impl Default for Snapshot {
    fn default() -> Self {
        Self { every: Period::Auto, keep: 2 }
    }
}

/// The settings of CometBFT.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Comet {
    /// The path of the binary; empty means that the node looks for one.
    pub binary: String,
    /// The address on which peers connect.
    pub p2p: SocketAddr,
    /// The address on which its RPC listens.
    pub rpc: SocketAddr,
    /// The address on which its own metrics are served; `off` serves none.
    pub metrics: Optional,
    /// The address on which the application is served to it; `off` means a unix socket in the home.
    pub abci: Optional,
    /// The address at which a remote signer connects that holds the consensus key; `off` means that the home has it.
    pub signer: Signer,
    /// The address that is announced to peers; empty means that of `p2p`.
    pub external_address: String,
    /// The persistent peers, each as `id@host:port`.
    pub peers: Vec<String>,
    /// The seed nodes, which are asked for other peers.
    pub seeds: Vec<String>,
    /// Whether peers are asked for the addresses of others, and told those that are known.
    pub pex: bool,
    /// The ids of peers whose addresses are told to nobody.
    pub private_peers: Vec<String>,
    /// The ids of peers that are connected to whatever the limits say.
    pub unconditional_peers: Vec<String>,
    /// The most peers that connect to this node.
    pub max_inbound: u16,
    /// The most peers that this node connects to of its own accord.
    pub max_outbound: u16,
    /// Whether this node only collects addresses and hands them out.
    pub seed_mode: bool,
    /// Whether all nodes are on this machine or on private addresses.
    pub local: bool,
    /// The least time from a block to the next; the actual time is only a little longer.
    pub block_time: Length,
    /// The log level of CometBFT, in its own syntax; errors of consensus are logged at any level.
    pub log_level: String,
    /// Keys of CometBFT's own file that have no setting here, as [`raw`](crate::raw) lists them.
    pub raw: Table,
}

impl Default for Comet {
    fn default() -> Self {
        Self {
            binary: String::new(),
            p2p: loopback(26656),
            rpc: loopback(26657),
            metrics: Optional(Some(loopback(26660))),
            abci: Optional(None),
            signer: Signer(None),
            external_address: String::new(),
            peers: Vec::new(),
            seeds: Vec::new(),
            pex: true,
            private_peers: Vec::new(),
            unconditional_peers: Vec::new(),
            max_inbound: 40,
            max_outbound: 10,
            seed_mode: false,
            local: true,
            block_time: Length(1_000),
            log_level: "main:info,*:error".into(),
            raw: Table::new(),
        }
    }
}

/// The settings of the instant engine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Instant {
    /// The condition under which it makes blocks.
    pub blocks: Blocks,
}

impl Default for Instant {
    fn default() -> Self {
        Self { blocks: Blocks(BlockMode::OnDemand) }
    }
}

/// The settings of the bridge to Base.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Bridge {
    /// The URL of an endpoint of Base; empty asks none.
    pub base_rpc: String,
    /// The URLs of the endpoints by which Base is watched: one for development, or two or three of different operators;
    /// empty watches nothing.
    pub endpoints: Vec<String>,
    /// The least age of a block of Base that is stated, by this node's own clock; zero for a local Base.
    pub min_age: Length,
    /// Whether the early alarm signs a pause of minting on Base.
    pub pause_on_alarm: bool,
    /// Whether this node sends to Base what enough validators have signed.
    pub relay: bool,
    /// The time for which the relayer leaves a thing to the validator whose turn it is.
    pub out_of_turn: Length,
    /// The highest price that the relayer pays for a unit of gas, in gwei.
    pub max_gas_gwei: u64,
    /// The balance of the relayer's account below which it is a fault, in gwei.
    pub low_balance_gwei: u64,
    /// The price of one ETH in DIEM, by which what relaying costs is told in DIEM.
    pub diem_per_eth: Rate,
}

impl Default for Bridge {
    fn default() -> Self {
        Self {
            base_rpc: String::new(),
            endpoints: Vec::new(),
            min_age: Length(600_000),
            pause_on_alarm: true,
            relay: false,
            out_of_turn: Length(120_000),
            max_gas_gwei: 20,
            low_balance_gwei: 1_000_000,
            diem_per_eth: Rate(None),
        }
    }
}

const fn loopback(port: u16) -> SocketAddr {
    SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port)
}
