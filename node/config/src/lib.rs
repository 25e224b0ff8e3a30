//! What a node is set up with: its configuration, the making of its home ([`init`]), and the files of its consensus,
//! node and bridge keys.
//!
//! The configuration is `config.toml`, then `DIEM_*` from the environment, then flags; the later one wins. Every
//! setting has a default, a place in the environment and a line in the generated file. None can change a result of the
//! chain.
#![allow(clippy::disallowed_methods, reason = "a node reads clocks, the environment and starts threads")]

pub mod bridge_key;
mod check;
pub mod consensus_key;
mod document;
pub mod init;
pub mod known_keys;
mod layers;
pub mod levels;
mod values;

use std::{net::SocketAddr, path::Path};

use diem_engine::{EngineKind, engine::BlockMode};
use diem_genesis::readable;
use serde::{Deserialize, Serialize};
use toml::{Table, Value};

use layers::{from_environment, set};

pub use check::is_host_and_port;
pub use document::document;
pub use layers::{Override, service_links, variable};
pub use values::{Blocks, Length, Optional};

/// The distance between the ports of two neighbouring nodes of a devnet.
pub const PORT_STEP: u16 = 100;

/// The reason why a configuration cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// The file is no valid TOML, or has a key or value that does not fit.
    #[error(transparent)]
    File(#[from] readable::ReadError),
    /// The file cannot be read.
    #[error("{path}: {reason}: `diemd init` makes a home with a configuration")]
    Open {
        /// The path of the file.
        path: String,
        /// The error of the operating system.
        reason: String,
    },
    /// A value does not fit its setting.
    #[error("{place}: {message}")]
    Override {
        /// The file, variable or flag that has the value.
        place: String,
        /// The fault of the value, for people.
        message: String,
    },
}

/// The configuration of a node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// The node's name among its peers.
    pub moniker: String,
    /// The engine that makes the blocks.
    pub engine: EngineKind,
    /// The settings of the HTTP API.
    pub api: Api,
    /// The settings of the Prometheus metrics.
    pub metrics: Metrics,
    /// The settings of the log.
    pub log: Log,
    /// The settings of the store, the state on disk.
    pub store: Store,
    /// The settings of CometBFT.
    pub comet: Comet,
    /// The settings of the instant engine.
    pub instant: Instant,
    /// The settings of the bridge to Base.
    pub bridge: Bridge,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            moniker: "node".into(),
            engine: EngineKind::Comet,
            api: Api::default(),
            metrics: Metrics::default(),
            log: Log::default(),
            store: Store::default(),
            comet: Comet::default(),
            instant: Instant::default(),
            bridge: Bridge::default(),
        }
    }
}

/// The settings of the HTTP API.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Api {
    /// The address on which the API listens.
    pub listen: SocketAddr,
    /// The names of this machine that a request on loopback may be for, beside localhost, 127.0.0.1 and [::1].
    pub hosts: Vec<String>,
}

impl Default for Api {
    fn default() -> Self {
        Self { listen: loopback(1317), hosts: Vec::new() }
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
}

impl Default for Log {
    fn default() -> Self {
        Self { level: "info".into(), format: LogFormat::Text, standstill: Length(30_000) }
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
    /// The number of blocks that CometBFT keeps; 0 keeps all.
    pub keep_blocks: u64,
    /// Whether a block counts as committed only when the disk has it.
    pub sync: bool,
}

impl Default for Store {
    fn default() -> Self {
        Self { past_heights: 64, cache_mib: 256, keep_blocks: 0, sync: true }
    }
}

/// The settings of CometBFT.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
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
    /// The address that is announced to peers; empty means that of `p2p`.
    pub external_address: String,
    /// The persistent peers, each as `id@host:port`.
    pub peers: Vec<String>,
    /// The seed nodes, which are asked for other peers.
    pub seeds: Vec<String>,
    /// Whether all nodes are on this machine or on private addresses.
    pub local: bool,
    /// The least time from a block to the next; the actual time is only a little longer.
    pub block_time: Length,
    /// The log level of CometBFT, in its own syntax; errors of consensus are logged at any level.
    pub log_level: String,
}

impl Default for Comet {
    fn default() -> Self {
        Self {
            binary: String::new(),
            p2p: loopback(26656),
            rpc: loopback(26657),
            metrics: Optional(Some(loopback(26660))),
            abci: Optional(None),
            external_address: String::new(),
            peers: Vec::new(),
            seeds: Vec::new(),
            local: true,
            block_time: Length(1_000),
            log_level: "main:info,*:error".into(),
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
        }
    }
}

const fn loopback(port: u16) -> SocketAddr {
    SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), port)
}

impl Config {
    /// Reads the file and puts the environment and then the flags over it.
    ///
    /// # Errors
    /// [`ConfigError`] says what is wrong, where, and which known key is nearest.
    pub fn load(
        path: &Path,
        environment: impl IntoIterator<Item = (String, String)>,
        flags: &[Override],
    ) -> Result<Self, ConfigError> {
        let name = path.display().to_string();
        let text = std::fs::read_to_string(path)
            .map_err(|error| ConfigError::Open { path: name.clone(), reason: error.to_string() })?;
        let mut layers = from_environment(environment)?;
        layers.extend_from_slice(flags);
        let config = Self::parse(&text, &name)?.with(&layers)?;
        config.check_whole()?;
        Ok(config)
    }

    /// Reads the text of a file.
    ///
    /// # Errors
    /// [`ConfigError::File`], or [`ConfigError::Override`] for a value out of its bounds.
    pub fn parse(text: &str, source_name: &str) -> Result<Self, ConfigError> {
        let config: Self = readable::parse(text, source_name)?;
        config.check().map_err(|message| ConfigError::Override { place: source_name.into(), message })?;
        Ok(config)
    }

    /// Checks what the type of a setting does not say.
    fn check(&self) -> Result<(), String> {
        check::check(self)
    }

    /// Checks that no two settings contradict each other: that no two listen at the same address, and that a relayer
    /// knows Base. It judges a whole configuration only: one layer may set what conflicts until the next layer replaces
    /// it.
    ///
    /// # Errors
    /// [`ConfigError::Override`] names both settings.
    pub fn check_whole(&self) -> Result<(), ConfigError> {
        let wrong = |message| ConfigError::Override { place: "the configuration".into(), message };
        check::addresses(self).and_then(|()| check::relayer(&self.bridge)).map_err(wrong)
    }

    /// Returns this configuration with other values put over it.
    ///
    /// # Errors
    /// [`ConfigError::Override`] for a key that is not known, or a value that does not fit it or is out of its bounds.
    pub fn with(self, overrides: &[Override]) -> Result<Self, ConfigError> {
        let mut config = self;
        for layer in overrides {
            let wrong = |message: String| ConfigError::Override { place: layer.place.clone(), message };
            let mut table = config.table();
            set(&mut table, &layer.key, &layer.value).map_err(wrong)?;
            let misfit = |error: toml::de::Error| {
                let why = readable::explain(error.message());
                let value = if why.contains(&layer.value) { String::new() } else { format!(" `{}`:", layer.value) };
                wrong(format!("`{}`:{value} {why}", layer.key))
            };
            config = table.try_into().map_err(misfit)?;
            config.check().map_err(wrong)?;
        }
        Ok(config)
    }

    /// Returns all settings as TOML.
    pub fn table(&self) -> Table {
        #[expect(clippy::expect_used, reason = "a configuration has string keys and values that TOML has too")]
        Table::try_from(self).expect("a configuration is TOML")
    }

    /// Returns the name of every setting, for example `api.listen`.
    pub fn keys() -> Vec<String> {
        let mut keys = Vec::new();
        for (name, value) in Self::default().table() {
            match value {
                Value::Table(section) => keys.extend(section.keys().map(|key| format!("{name}.{key}"))),
                _ => keys.push(name),
            }
        }
        keys
    }

    /// Moves every port by `offset`.
    ///
    /// # Errors
    /// A port would be above 65535.
    pub fn move_ports(&mut self, offset: u16) -> Result<(), ConfigError> {
        let comet = &mut self.comet;
        let optional = [&mut self.metrics.listen, &mut comet.metrics, &mut comet.abci];
        let optional = optional.into_iter().filter_map(|address| address.0.as_mut());
        for address in [&mut self.api.listen, &mut comet.p2p, &mut comet.rpc].into_iter().chain(optional) {
            let port = address.port().checked_add(offset).ok_or_else(|| ConfigError::Override {
                place: format!("ports moved by {offset}"),
                message: format!("{} would be above 65535", address.port()),
            })?;
            address.set_port(port);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
