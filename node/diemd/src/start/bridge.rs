//! The tasks of the bridge beside the engine: they are started with the node and end with it.

use std::{sync::Arc, time::Duration};

use diem_config::{Config, bridge_key::relayer_key};
use diem_core::keys::EthereumKey;
use diem_engine::{EngineKind, Node, relay_cost::RelayCosts};
use diem_genesis::presets;
use diem_node_bridge::{Desk, Keys, Metrics, Relayer, Relaying, Signer, Tasks, Watch, Watcher, Watching, show_health};

use super::{Home, StartError, engines::PRESET_KEYS};

/// The interval at which Base is looked at: a proof of a young block is served for some 26 seconds at least.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// The time for which a statement of Base waits for those of others, and for which an endpoint that did wrong is not
/// believed.
const PATIENCE: Duration = Duration::from_secs(600);

/// Starts the signer, what shows how the bridge stands, the watcher where the configuration names endpoints, and the relayer where the configuration asks for one.
/// A relayer lays down in `costs` what relaying costs.
pub(super) fn start(
    node: &Arc<Node>,
    home: &Home,
    config: &Config,
    chain_id: &str,
    costs: RelayCosts,
) -> Result<Tasks, StartError> {
    let metrics = Metrics::new(node.metrics.registry()).map_err(|error| StartError::Fatal(error.to_string()))?;
    let metrics = Arc::new(metrics);
    let watch = Watch { commits: node.commits.clone(), engine: Arc::clone(&node.engine) };
    let is_development = config.engine == EngineKind::Instant;
    let mut keys = Keys::of_home(home.clone(), chain_id.into());
    if is_development {
        let secrets = (1..=PRESET_KEYS).map(presets::bridge_secret);
        keys = keys.and_development(secrets.filter_map(|secret| EthereumKey::new(&secret)).collect());
    }
    let mut tasks = Tasks::default();
    if config.bridge.relay {
        relay(&mut tasks, node, home.clone(), config, costs, keys.clone(), Arc::clone(&metrics));
    }
    let desk = Arc::new(Desk::new(&home.bridge_stopped_file()));
    let patience = watch_base(&mut tasks, node, home, config, &watch, &desk, &metrics);
    let (app, shown, commits) = (Arc::clone(&node.app), Arc::clone(&metrics), node.commits.clone());
    tasks.spawn("health", move || show_health(Arc::clone(&app), Arc::clone(&shown), commits.clone()));
    let (app, memory) = (Arc::clone(&node.app), home.bridge_signed_file());
    let base_rpc = config.bridge.base_rpc.clone();
    tasks.spawn("signer", move || {
        let signer = Signer::new(Arc::clone(&app), keys.clone(), &memory, Arc::clone(&metrics));
        let signer = signer.map(|signer| if is_development { signer.on_a_chain_that_reverts() } else { signer });
        let signer = signer.map(|signer| if base_rpc.is_empty() { signer } else { signer.that_looks_at(&base_rpc) });
        let signer = signer.map(|signer| signer.that_heeds(Arc::clone(&desk), patience));
        let watch = watch.clone();
        async move { signer.map_err(|error| error.to_string())?.run(watch).await }
    });
    Ok(tasks)
}

/// Starts the watcher, where the configuration names endpoints of Base. Returns the time after which a statement of Base
/// waits no longer for those of others.
fn watch_base(
    tasks: &mut Tasks,
    node: &Node,
    home: &Home,
    config: &Config,
    watch: &Watch,
    desk: &Arc<Desk>,
    metrics: &Arc<Metrics>,
) -> Duration {
    // A local Base has no age to wait for, and everything about it is fast.
    let is_local = config.bridge.min_age.duration().is_zero();
    let (look_every, patience) =
        if is_local { (Duration::from_millis(500), Duration::from_secs(20)) } else { (LOOK_EVERY, PATIENCE) };
    if config.bridge.endpoints.is_empty() {
        return patience;
    }
    let settings = Watching {
        endpoints: config.bridge.endpoints.clone(),
        min_age: config.bridge.min_age.duration(),
        look_every,
        refuse_for: patience,
        pause_on_alarm: config.bridge.pause_on_alarm,
        reverts: config.engine == EngineKind::Instant,
    };
    let (app, folder) = (Arc::clone(&node.app), home.bridge_proofs());
    let (watch, desk, metrics) = (watch.clone(), Arc::clone(desk), Arc::clone(metrics));
    tasks.spawn("watcher", move || {
        let (app, desk, metrics) = (Arc::clone(&app), Arc::clone(&desk), Arc::clone(&metrics));
        let watcher = Watcher::new(app, desk, settings.clone(), &folder, metrics);
        let watch = watch.clone();
        async move { watcher.map_err(|error| error.to_string())?.run(watch).await }
    });
    patience
}

fn relay(
    tasks: &mut Tasks,
    node: &Node,
    home: Home,
    config: &Config,
    costs: RelayCosts,
    keys: Keys,
    metrics: Arc<Metrics>,
) {
    let settings = Relaying {
        base_rpc: config.bridge.base_rpc.clone(),
        out_of_turn: config.bridge.out_of_turn.duration(),
        max_gas_gwei: config.bridge.max_gas_gwei,
        low_balance_gwei: config.bridge.low_balance_gwei,
        adiem_per_eth: config.bridge.diem_per_eth.0,
        costs,
    };
    let (app, commits) = (Arc::clone(&node.app), node.commits.clone());
    tasks.spawn("relayer", move || {
        let relayer = relayer_key(&home).map(|account| {
            Relayer::new(Arc::clone(&app), keys.clone(), account, settings.clone(), Arc::clone(&metrics))
        });
        let commits = commits.clone();
        async move { relayer.map_err(|error| error.to_string())?.run(commits).await }
    });
}
