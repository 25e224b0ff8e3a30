//! The configuration of a node: `config.toml`, then `DIEM_*` from the environment, then flags; the later one wins.
//!
//! Every setting has a default, a place in the environment and a line in the generated file. Nothing here can change
//! a result of the chain.

mod document;

use std::{fmt, net::SocketAddr, path::Path, str::FromStr, time::Duration};

use diem_genesis::{parse_millis, readable};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use toml::{Table, Value};

use crate::{EngineKind, engine::BlockMode};

pub use document::document;

/// How far apart the ports of two nodes of a devnet are.
pub const PORT_STEP: u16 = 100;

/// Variables of the environment that begin with `DIEM_` and are no settings.
const OTHER_VARIABLES: &[&str] = &["DIEM_HOME", "DIEM_NODE", "DIEM_OUTPUT", "DIEM_FROM"];

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
    /// A variable or flag is wrong.
    #[error("{place}: {message}")]
    Override {
        /// The variable or flag.
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
}

impl Default for Api {
    fn default() -> Self {
        Self { listen: loopback(1317) }
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
}

impl Default for Log {
    fn default() -> Self {
        Self { level: "info".into(), format: LogFormat::Text }
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
    /// How long a block takes, about.
    pub block_time: Length,
    /// What it logs, in its own words.
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

/// Values that are written as one word in the file, in the environment and in flags.
macro_rules! as_text {
    ($($name:ty),+) => {$(
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                <String as Deserialize>::deserialize(deserializer)?.parse().map_err(de::Error::custom)
            }
        }
    )+};
}

as_text!(Optional, Length, Blocks);

/// An address to listen on, or `off`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Optional(pub Option<SocketAddr>);

impl fmt::Display for Optional {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(address) => write!(f, "{address}"),
            None => f.write_str("off"),
        }
    }
}

impl FromStr for Optional {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "off" {
            return Ok(Self(None));
        }
        let address =
            text.parse().map_err(|_| format!("`{text}` is no address: write it as 127.0.0.1:9464, or off"))?;
        Ok(Self(Some(address)))
    }
}

/// A length of time in milliseconds, written as `1s` or `500ms`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Length(pub u64);

impl Length {
    /// The same, as the standard library has it.
    pub const fn duration(self) -> Duration {
        Duration::from_millis(self.0)
    }
}

impl fmt::Display for Length {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.0 / 1_000, self.0 % 1_000) {
            (seconds, 0) => write!(f, "{seconds}s"),
            _ => write!(f, "{}ms", self.0),
        }
    }
}

impl FromStr for Length {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        parse_millis(text).map(Self)
    }
}

/// When the development engine makes blocks: `on-demand`, `manual`, or a length of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Blocks(pub BlockMode);

impl fmt::Display for Blocks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            BlockMode::OnDemand => f.write_str("on-demand"),
            BlockMode::Manual => f.write_str("manual"),
            BlockMode::Every(period) => Length(u64::try_from(period.as_millis()).unwrap_or(u64::MAX)).fmt(f),
        }
    }
}

impl FromStr for Blocks {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "on-demand" => Ok(Self(BlockMode::OnDemand)),
            "manual" => Ok(Self(BlockMode::Manual)),
            _ => match parse_millis(text) {
                Ok(millis) if millis > 0 => Ok(Self(BlockMode::Every(Duration::from_millis(millis)))),
                _ => Err(format!("`{text}` is not known: write on-demand, manual, or a length of time such as 1s")),
            },
        }
    }
}

/// Something that was given beside the file: where, which setting, and what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Override {
    /// The variable or flag, for messages.
    pub place: String,
    /// The setting, `api.listen`.
    pub key: String,
    /// Its value as text; lists are separated by commas.
    pub value: String,
}

impl Override {
    /// What the flag `--flag` sets.
    pub fn flag(flag: &str, key: &str, value: impl fmt::Display) -> Self {
        Self { place: format!("--{flag}"), key: key.into(), value: value.to_string() }
    }
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
        Self::parse(&text, &name)?.with(&layers)
    }

    /// Reads the text of a file.
    ///
    /// # Errors
    /// [`ConfigError::File`].
    pub fn parse(text: &str, source_name: &str) -> Result<Self, ConfigError> {
        Ok(readable::parse(text, source_name)?)
    }

    /// The same with other values put over it.
    ///
    /// # Errors
    /// [`ConfigError::Override`] for a key that is not known, or a value that does not fit it.
    pub fn with(self, overrides: &[Override]) -> Result<Self, ConfigError> {
        let mut config = self;
        for layer in overrides {
            let wrong = |message: String| ConfigError::Override { place: layer.place.clone(), message };
            let mut table = config.table();
            set(&mut table, &layer.key, &layer.value).map_err(wrong)?;
            config = table.try_into().map_err(|error: toml::de::Error| wrong(readable::explain(error.message())))?;
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

/// The variable of a setting: `DIEM_API_LISTEN` of `api.listen`.
pub fn variable(key: &str) -> String {
    format!("DIEM_{}", key.replace('.', "_").to_uppercase())
}

fn from_environment(variables: impl IntoIterator<Item = (String, String)>) -> Result<Vec<Override>, ConfigError> {
    let keys: Vec<(String, String)> = Config::keys().into_iter().map(|key| (variable(&key), key)).collect();
    let mut found = Vec::new();
    for (name, value) in variables {
        if !name.starts_with("DIEM_") || OTHER_VARIABLES.contains(&name.as_str()) {
            continue;
        }
        match keys.iter().find(|(variable, _)| *variable == name) {
            Some((_, key)) => found.push(Override { place: name, key: key.clone(), value }),
            None => {
                let known: Vec<&str> = keys.iter().map(|(variable, _)| variable.as_str()).collect();
                let hint = readable::nearest(&name, &known).map(|near| format!(": did you mean {near}?"));
                let message = format!("no setting has this variable{}", hint.unwrap_or_default());
                return Err(ConfigError::Override { place: name, message });
            }
        }
    }
    Ok(found)
}

/// Puts a value given as text into a table, as the type that the setting has now.
fn set(table: &mut Table, key: &str, value: &str) -> Result<(), String> {
    let known = Config::keys();
    let unknown = || {
        let known: Vec<&str> = known.iter().map(String::as_str).collect();
        let hint = readable::nearest(key, &known).map(|near| format!(": did you mean `{near}`?"));
        format!("unknown key `{key}`{}", hint.unwrap_or_default())
    };
    let place = match key.split_once('.') {
        Some((section, name)) => table.get_mut(section).and_then(|section| section.get_mut(name)),
        None => table.get_mut(key).filter(|value| !value.is_table()),
    };
    let place = place.ok_or_else(unknown)?;
    *place = match place {
        Value::Integer(_) => Value::Integer(value.parse().map_err(|_| format!("`{value}` is not a whole number"))?),
        Value::Boolean(_) => Value::Boolean(value.parse().map_err(|_| format!("`{value}` is neither true nor false"))?),
        Value::Array(_) => {
            Value::Array(value.split(',').filter(|part| !part.is_empty()).map(|part| part.trim().into()).collect())
        }
        _ => Value::String(value.into()),
    };
    Ok(())
}

#[cfg(test)]
mod tests;
