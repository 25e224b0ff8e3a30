//! The configuration of a node: `config.toml`, then `DIEM_*` from the environment, then flags; the later one wins.
//!
//! Every setting has a default, a place in the environment and a line in the generated file. Nothing here can change
//! a result of the chain.

mod check;
mod document;
mod layers;
mod values;

use std::{net::SocketAddr, path::Path};

use diem_genesis::readable;
use serde::{Deserialize, Serialize};
use toml::{Table, Value};

use crate::{EngineKind, engine::BlockMode};

use layers::{from_environment, set};

pub(crate) use check::is_host_and_port;
pub use document::document;
pub use layers::{Override, service_links, variable};
pub use values::{Blocks, Length, MAX_BLOCK_TIME, Optional};

/// How far apart the ports of two nodes of a devnet are.
pub const PORT_STEP: u16 = 100;

/// Why a configuration cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// The file is wrong somewhere.
    #[error(transparent)]
    File(#[from] readable::ReadError),
    /// The file cannot be read.
    #[error("{path}: {reason}: `diemd init` makes a home with a configuration")]
    Open {
        /// Which.
        path: String,
        /// What the system says.
        reason: String,
    },
    /// A value is wrong.
    #[error("{place}: {message}")]
    Override {
        /// The file, variable or flag.
        place: String,
        /// What is wrong with it.
        message: String,
    },
}

/// A node's configuration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// The node's name among its peers.
    pub moniker: String,
    /// What makes the blocks.
    pub engine: EngineKind,
    /// REST and pages.
    pub api: Api,
    /// Prometheus.
    pub metrics: Metrics,
    /// What is written to the log.
    pub log: Log,
    /// State on disk.
    pub store: Store,
    /// CometBFT.
    pub comet: Comet,
    /// The development engine.
    pub instant: Instant,
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
        }
    }
}

/// REST and pages.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Api {
    /// Where it listens.
    pub listen: SocketAddr,
    /// Names of this machine that a request on loopback may be for, beside localhost, 127.0.0.1 and [::1].
    pub hosts: Vec<String>,
}

impl Default for Api {
    fn default() -> Self {
        Self { listen: loopback(1317), hosts: Vec::new() }
    }
}

/// Prometheus.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Metrics {
    /// Where it listens, if anywhere.
    pub listen: Optional,
}

impl Default for Metrics {
    fn default() -> Self {
        Self { listen: Optional(Some(loopback(9464))) }
    }
}

/// What is written to the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Log {
    /// A level, or a filter in tracing's words.
    pub level: String,
    /// How.
    pub format: LogFormat,
    /// After how long without a block a line says who is missing, again and again.
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
    /// For people.
    Text,
    /// For machines.
    Json,
}

/// State on disk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Store {
    /// How many past heights can be read and proven.
    pub past_heights: usize,
    /// Memory for rows that were read or written lately, in MiB.
    pub cache_mib: usize,
    /// How many blocks CometBFT keeps; 0 keeps all.
    pub keep_blocks: u64,
    /// Whether a block counts as committed only when the disk has it.
    pub sync: bool,
}

impl Default for Store {
    fn default() -> Self {
        Self { past_heights: 64, cache_mib: 256, keep_blocks: 0, sync: true }
    }
}

/// CometBFT.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Comet {
    /// The binary; empty to look for it.
    pub binary: String,
    /// Where peers connect.
    pub p2p: SocketAddr,
    /// Where its RPC listens.
    pub rpc: SocketAddr,
    /// Where its own metrics are read, if anywhere.
    pub metrics: Optional,
    /// Where the application is served to it; off for a unix socket in the home.
    pub abci: Optional,
    /// What peers are told to connect to; empty for what `p2p` says.
    pub external_address: String,
    /// Nodes to stay connected to, `id@host:port`.
    pub peers: Vec<String>,
    /// Nodes to ask for others.
    pub seeds: Vec<String>,
    /// Whether all nodes are on this machine or on private addresses.
    pub local: bool,
    /// The least from a block to the next; which takes little longer.
    pub block_time: Length,
    /// What it logs, in its own words; errors of consensus come whatever is said here.
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

/// The development engine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Instant {
    /// When it makes blocks.
    pub blocks: Blocks,
}

impl Default for Instant {
    fn default() -> Self {
        Self { blocks: Blocks(BlockMode::OnDemand) }
    }
}

const fn loopback(port: u16) -> SocketAddr {
    SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), port)
}

impl Config {
    /// Reads the file and puts the environment and then the flags over it.
    ///
    /// # Errors
    /// [`ConfigError`]: what is wrong, where, and the nearest key that is known.
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
        config.check_addresses()?;
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

    /// What the type of a setting does not say.
    fn check(&self) -> Result<(), String> {
        check::check(self)
    }

    /// Checks that no two settings listen at the same place. For a whole configuration: on the way to it, one layer may
    /// put an address where another one takes it away.
    ///
    /// # Errors
    /// [`ConfigError::Override`] names both.
    pub fn check_addresses(&self) -> Result<(), ConfigError> {
        let wrong = |message| ConfigError::Override { place: "the configuration".into(), message };
        check::addresses(self).map_err(wrong)
    }

    /// The same with other values put over it.
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

    /// All settings as TOML.
    pub fn table(&self) -> Table {
        #[expect(clippy::expect_used, reason = "a configuration has string keys and values that TOML has too")]
        Table::try_from(self).expect("a configuration is TOML")
    }

    /// The name of every setting, `api.listen`.
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
