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
mod disk;
mod document;
pub mod edit;
pub mod exported;
pub mod init;
pub mod known_keys;
mod layers;
pub mod levels;
mod log_path;
pub mod raw;
mod ready;
pub mod roles;
mod sections;
mod signing;
pub mod signing_state;
mod values;
pub mod version;

use std::path::Path;

use diem_engine::EngineKind;
use diem_genesis::readable;
use serde::{Deserialize, Serialize};
use toml::{Table, Value};

use layers::{from_environment, set};

pub use check::{LONGEST_DRAIN, is_host_and_port};
pub use disk::{Bytes, Disk, Warn};
pub use document::document;
pub use layers::{Override, service_links, variable};
pub use ready::Ready;
pub use sections::{Api, Bridge, Comet, Instant, Log, LogFormat, Metrics, Snapshot, Store};
pub use signing::Signing;
pub use values::{Blocks, KeepTime, Length, Optional, Period, Rate, Signer, SignerAddress};

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
    /// The file is of a later version than this program.
    #[error(
        "{path} is of version {found}, and this diemd knows versions up to {known}: run the diemd that wrote it, or make the \
         file anew with `diemd init` in another home and copy what you need"
    )]
    Newer {
        /// The path of the file.
        path: String,
        /// The version that it names.
        found: u64,
        /// The newest version that this program knows.
        known: u64,
    },
    /// A value does not fit its setting.
    #[error("{}", placed(.place, .message))]
    Override {
        /// The file, variable or flag that has the value.
        place: String,
        /// The fault of the value, for people.
        message: String,
    },
}

/// The message with its place before it, unless the message begins with the same name.
fn placed(place: &str, message: &str) -> String {
    if message.starts_with(place) { message.into() } else { format!("{place}: {message}") }
}

/// The configuration of a node.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// The version of the file, [`version::CURRENT`]; an older file is read as if it had been migrated.
    #[serde(skip_serializing)]
    pub config_version: u64,
    /// The node's name among its peers.
    pub moniker: String,
    /// The engine that makes the blocks.
    pub engine: EngineKind,
    /// The settings of the HTTP API.
    pub api: Api,
    /// The settings of the Prometheus metrics.
    pub metrics: Metrics,
    /// The limits of the checks of `/readyz`.
    pub ready: Ready,
    /// The room that the node wants on its disk.
    pub disk: Disk,
    /// The settings of the log.
    pub log: Log,
    /// The settings of the store, the state on disk.
    pub store: Store,
    /// The settings of the snapshots of the state that others join by.
    pub snapshot: Snapshot,
    /// The settings of the guard against signing twice.
    pub signing: Signing,
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
            config_version: version::CURRENT,
            moniker: "node".into(),
            engine: EngineKind::Comet,
            api: Api::default(),
            metrics: Metrics::default(),
            ready: Ready::default(),
            disk: Disk::default(),
            log: Log::default(),
            store: Store::default(),
            snapshot: Snapshot::default(),
            signing: Signing::default(),
            comet: Comet::default(),
            instant: Instant::default(),
            bridge: Bridge::default(),
        }
    }
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
        config.check_in(path)?;
        Ok(config)
    }

    /// Checks what depends on the home, where the file of the configuration lies.
    fn check_in(&self, path: &Path) -> Result<(), ConfigError> {
        let wrong = |message| ConfigError::Override { place: path.display().to_string(), message };
        log_path::check(&self.log.file, path.parent().unwrap_or(path)).map_err(wrong)
    }

    /// Reads the text of a file.
    ///
    /// # Errors
    /// [`ConfigError::File`], or [`ConfigError::Override`] for a value out of its bounds.
    pub fn parse(text: &str, source_name: &str) -> Result<Self, ConfigError> {
        let migrated = version::migrate(text, source_name)?;
        let config = Self { config_version: version::CURRENT, ..readable::parse(&migrated.text, source_name)? };
        config.check().map_err(|message| ConfigError::Override { place: source_name.into(), message })?;
        Ok(config)
    }

    /// Checks what the type of a setting does not say.
    fn check(&self) -> Result<(), String> {
        check::check(self)
    }

    /// Checks that no two settings contradict each other: that no two listen at the same address, that a relayer knows
    /// Base, and that the warning of a low disk comes before the stop. It judges a whole configuration only: one layer may set what conflicts until the next layer replaces
    /// it.
    ///
    /// # Errors
    /// [`ConfigError::Override`] names both settings.
    pub fn check_whole(&self) -> Result<(), ConfigError> {
        let wrong = |message| ConfigError::Override { place: "the configuration".into(), message };
        check::addresses(self)
            .and_then(|()| check::relayer(&self.bridge))
            .and_then(|()| check::disk(&self.disk))
            .map_err(wrong)
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

    /// Returns the value of the setting of this name.
    pub fn value(&self, key: &str) -> Option<Value> {
        edit::look_up(&self.table(), key).cloned()
    }

    /// Returns the name of every setting, for example `api.listen`.
    pub fn keys() -> Vec<String> {
        let mut keys = Vec::new();
        for (name, value) in Self::default().table() {
            match value {
                Value::Table(section) => {
                    let settings = section.into_iter().filter(|(_, value)| !value.is_table());
                    keys.extend(settings.map(|(key, _)| format!("{name}.{key}")));
                }
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
