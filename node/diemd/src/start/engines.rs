//! The start of a node's engine, by its configuration.

use std::{path::Path, sync::Arc, time::Duration};

use diem_comet::{
    self, FindError, LaunchError, Peer, Settings, Signing, StateSync, Timing,
    abci::{Address, OnFatal},
    config::Exchange,
};
use diem_config::{
    Config,
    bridge_key::{BridgeKeyError, found_bridge_key},
    exported::{Exported, ExportedError},
    is_host_and_port,
    known_keys::{self, KnownKeyError},
};
use diem_core::{development::is_development, keys::SecretKey};
use diem_engine::{Commits, Engine, EngineKind, origin::Origin};
use diem_host::clock;
use diem_instant::{InstantEngine, OpenError};
use diem_runtime::App;
use ed25519_dalek::SigningKey;

use super::Home;

/// The number of public keys of validators that are tried for a development chain.
pub(super) const PRESET_KEYS: usize = 64;

/// The age of the last commit from which on a node listens before it signs: its key may have been given to another
/// machine meanwhile.
const STALE: Duration = Duration::from_secs(300);

/// The reason why the engine does not start.
#[derive(Debug, thiserror::Error)]
pub enum EngineStartError {
    /// No CometBFT of an accepted version was found.
    #[error(transparent)]
    Find(#[from] FindError),
    /// CometBFT does not start.
    #[error(transparent)]
    Launch(#[from] LaunchError),
    /// The instant engine does not start.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// A configured peer is not of the form `id@host:port`.
    #[error("`{0}` in `{1}` is not a node: write it as id@host:port")]
    Peer(String, &'static str),
    /// The instant engine made the blocks of this home so far.
    #[error(
        "{0} holds a chain made by the instant engine: start it with --engine instant, or give CometBFT a home of its own"
    )]
    MadeInstantly(String),
    /// A key of the home cannot be read.
    #[error(transparent)]
    Key(#[from] diem_config::consensus_key::KeyError),
    /// The key for the bridge cannot be read.
    #[error(transparent)]
    Bridge(#[from] BridgeKeyError),
    /// The home holds a key whose secret is public.
    #[error(transparent)]
    Known(#[from] KnownKeyError),
    /// The socket for CometBFT cannot be made.
    #[error("the application cannot be served to CometBFT: {0}")]
    Socket(std::io::Error),
}

/// The parts that an engine is started from.
pub(super) struct Parts<'a> {
    pub(super) home: &'a Home,
    pub(super) config: &'a Config,
    pub(super) origin: Origin,
    pub(super) app: &'a Arc<App>,
    pub(super) commits: &'a Arc<Commits>,
    pub(super) on_fatal: OnFatal,
    /// How CometBFT restores a snapshot, where this home joins by one.
    pub(super) state_sync: Option<StateSync>,
    /// How the key of this home is kept from signing twice.
    pub(super) signing: Signing,
}

/// A running engine.
pub(super) enum Running {
    Comet(Box<diem_comet::Running>),
    Instant(Arc<InstantEngine>),
}

impl Running {
    pub(super) fn engine(&self) -> Arc<dyn Engine> {
        match self {
            Self::Comet(running) => Arc::clone(&running.engine) as Arc<dyn Engine>,
            Self::Instant(engine) => Arc::clone(engine) as Arc<dyn Engine>,
        }
    }

    /// What starts CometBFT anew while the node joins. The development engine never does.
    pub(super) fn joining(&self) -> Option<diem_comet::Joining> {
        match self {
            Self::Comet(running) => Some(running.joining.clone()),
            Self::Instant(_) => None,
        }
    }

    /// Ends long work that nobody waits for any more, before the API and then the engine stop.
    pub(super) fn prepare_stop(&self) {
        match self {
            Self::Comet(running) => running.prepare_stop(),
            Self::Instant(engine) => engine.end_mining(),
        }
    }

    pub(super) fn stop(self) {
        match self {
            Self::Comet(running) => running.stop(),
            Self::Instant(engine) => engine.stop(),
        }
    }
}

/// Starts the engine that the configuration asks for. Must be called on a tokio runtime, and blocks.
pub(super) fn start(parts: Parts<'_>) -> Result<Running, EngineStartError> {
    tokio::task::block_in_place(|| match parts.config.engine {
        EngineKind::Comet => start_comet(parts),
        EngineKind::Instant => start_instant(parts),
    })
}

fn start_comet(parts: Parts<'_>) -> Result<Running, EngineStartError> {
    let Parts { home, config, origin, app, commits, on_fatal, state_sync, signing } = parts;
    let height = app.info().height;
    if height > 0 && matches!(diem_instant::made(app, height), Ok(true)) {
        return Err(EngineStartError::MadeInstantly(home.root().display().to_string()));
    }
    refuse_known_keys(home, config, origin.chain_id())?;
    let named = (!config.comet.binary.is_empty()).then(|| Path::new(&config.comet.binary));
    let found = diem_comet::find(named, &|text| tracing::info!("{text}"))?;
    tracing::info!("{found}");
    let running = diem_comet::Launch {
        home: home.comet(),
        binary: found.path,
        origin,
        signing,
        settings: Settings { state_sync, ..settings(home, config)? },
        app: Arc::clone(app),
        commits: Arc::clone(commits),
        on_fatal,
    };
    Ok(Running::Comet(Box::new(running.start()?)))
}

/// How the key of a home is kept from signing twice. `raise` names the key whose owner vouches for it, and `on_unsafe` is
/// called where signing is not safe, before what must not go on is told.
pub(super) fn signing(
    home: &Home,
    config: &Config,
    chain_id: &str,
    raise: Option<[u8; 20]>,
    on_unsafe: OnFatal,
) -> Result<Signing, ExportedError> {
    Ok(Signing {
        listen: config.signing.listen,
        listen_still: config.signing.listen_still.duration(),
        // A chain for development is stopped and started as its developer likes.
        stale: (!is_development(chain_id)).then_some(STALE),
        remote: config.comet.signer.0.is_some(),
        away: Exported::read(home)?.map(|exported| exported.address),
        raise,
        on_unsafe,
        ..Signing::new(home.run())
    })
}

/// Refuses public keys: a home that was made for development and then given a real chain's genesis still has them.
fn refuse_known_keys(home: &Home, config: &Config, chain_id: &str) -> Result<(), EngineStartError> {
    let has_key = config.comet.signer.0.is_none();
    if has_key && let Some(key) = diem_config::consensus_key::found_validator_key(&home.comet())? {
        let file = diem_config::consensus_key::key_file_of(&home.comet());
        known_keys::refuse_consensus(&file, &key.verifying_key().to_bytes(), chain_id)?;
    }
    if let Some(key) = found_bridge_key(home)? {
        known_keys::refuse_bridge(&home.bridge_key_file(), &key, chain_id)?;
    }
    Ok(())
}

fn settings(home: &Home, config: &Config) -> Result<Settings, EngineStartError> {
    let app = match config.comet.abci.0 {
        Some(address) => Address::Tcp(address),
        None => Address::of_home(home.root()).map_err(EngineStartError::Socket)?,
    };
    Ok(Settings {
        signer: config.comet.signer.0.clone(),
        rpc: config.comet.rpc,
        p2p: config.comet.p2p,
        external_address: config.comet.external_address.clone(),
        metrics: config.comet.metrics.0,
        peers: peers(&config.comet.peers, "comet.peers")?,
        seeds: peers(&config.comet.seeds, "comet.seeds")?,
        exchange: Exchange {
            pex: config.comet.pex,
            seed_mode: config.comet.seed_mode,
            private_peers: config.comet.private_peers.clone(),
            unconditional_peers: config.comet.unconditional_peers.clone(),
            max_inbound: config.comet.max_inbound,
            max_outbound: config.comet.max_outbound,
        },
        raw: config.comet.raw.clone(),
        local: config.comet.local,
        timing: Timing::of_block_time(config.comet.block_time.duration()),
        log_level: config.comet.log_level.clone(),
        ..Settings::new(&ascii_moniker(&config.moniker), app)
    })
}

/// The moniker in the form that CometBFT takes: printable ASCII, and not only spaces. With any other it ends as soon as
/// it starts.
fn ascii_moniker(moniker: &str) -> String {
    let printable = |c: char| if c == ' ' || c.is_ascii_graphic() { c } else { '?' };
    let ascii: String = moniker.chars().map(printable).collect();
    if ascii.trim().is_empty() { Config::default().moniker } else { ascii }
}

fn peers(texts: &[String], setting: &'static str) -> Result<Vec<Peer>, EngineStartError> {
    let peer = |text: &String| {
        let (id, address) = text.split_once('@')?;
        let is_id = id.len() == 40 && id.bytes().all(|byte| byte.is_ascii_hexdigit());
        (is_id && is_host_and_port(address)).then(|| Peer { id: id.to_lowercase(), address: address.into() })
    };
    texts.iter().map(|text| peer(text).ok_or_else(|| EngineStartError::Peer(text.clone(), setting))).collect()
}

fn start_instant(parts: Parts<'_>) -> Result<Running, EngineStartError> {
    let Parts { home, config, origin, app, commits, on_fatal, .. } = parts;
    tracing::warn!(
        "the instant engine is for development: one process makes all blocks, with keys that everyone knows"
    );
    let secrets = (1..=PRESET_KEYS).map(diem_genesis::presets::validator_secret);
    let mut keys: Vec<SigningKey> = secrets.map(|secret| SigningKey::from_bytes(&secret)).collect();
    // The home's own key, where there is one, is among the keys: a validator that joins with it signs here too.
    if let Ok(SecretKey::Ed25519(own)) = diem_config::consensus_key::validator_signing_key(&home.comet()) {
        keys.push(own);
    }
    let options = diem_instant::Options { keys, mode: config.instant.blocks.0, clock: clock::wall_clock(), on_fatal };
    let mut engine = InstantEngine::start(Arc::clone(app), Arc::clone(commits), &origin, options)?;
    if !config.bridge.base_rpc.is_empty() {
        let base = diem_node_bridge::BaseCompanion::new(Arc::clone(app), &config.bridge.base_rpc);
        engine = engine.with_companion(Arc::new(base));
    }
    Ok(Running::Instant(Arc::new(engine)))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn the_moniker_of_cometbft_is_printable_ascii_and_not_empty() {
        for (moniker, expected) in [
            ("my node-1 \"~", "my node-1 \"~"),
            ("Zoë", "Zo?"),
            ("a\tb\u{7f}\n", "a?b??"),
            ("節点", "??"),
            ("", "node"),
            ("  ", "node"),
        ] {
            assert_eq!(ascii_moniker(moniker), expected);
        }
    }

    #[test]
    fn the_settings_of_cometbft_have_its_form_of_the_moniker() {
        let folder = tempfile::tempdir().unwrap();
        let config = Config { moniker: "Zoë".into(), ..Config::default() };
        assert_eq!(settings(&Home::at(folder.path()), &config).unwrap().moniker, "Zo?");
    }

    #[test]
    fn peers_are_id_host_and_port() {
        let id = "0123456789abcdef0123456789ABCDEF01234567";
        let read = |text: &str| peers(&[text.into()], "comet.peers");
        let peer = read(&format!("{id}@127.0.0.1:26656")).unwrap();
        assert_eq!(peer.first().unwrap().to_string(), format!("{}@127.0.0.1:26656", id.to_lowercase()));
        for bad in
            ["127.0.0.1:26656", "abc@127.0.0.1:1", &format!("{id}@host"), &format!("{id}@:1"), &format!("{id}@h:x")]
        {
            let error = read(bad).unwrap_err().to_string();
            assert!(error.contains("id@host:port"), "{error}");
        }
    }
}
