//! The tasks of the bridge beside the engine: they are started with the node and end with it.

use std::sync::Arc;

use diem_config::{Config, bridge_key::relayer_key};
use diem_core::keys::EthereumKey;
use diem_engine::{EngineKind, Node};
use diem_genesis::presets;
use diem_node_bridge::{Keys, Metrics, Relayer, Relaying, Signer, Tasks, Watch};

use super::{Home, StartError, engines::PRESET_KEYS};

/// Starts the signer, and the relayer where the configuration asks for one.
pub(super) fn start(node: &Arc<Node>, home: &Home, config: &Config, chain_id: &str) -> Result<Tasks, StartError> {
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
        relay(&mut tasks, node, home.clone(), config, keys.clone(), Arc::clone(&metrics));
    }
    let (app, memory) = (Arc::clone(&node.app), home.bridge_signed_file());
    let base_rpc = config.bridge.base_rpc.clone();
    tasks.spawn("signer", move || {
        let signer = Signer::new(Arc::clone(&app), keys.clone(), &memory, Arc::clone(&metrics));
        let signer = signer.map(|signer| if is_development { signer.on_a_chain_that_reverts() } else { signer });
        let signer = signer.map(|signer| if base_rpc.is_empty() { signer } else { signer.that_looks_at(&base_rpc) });
        let watch = watch.clone();
        async move { signer.map_err(|error| error.to_string())?.run(watch).await }
    });
    Ok(tasks)
}

fn relay(tasks: &mut Tasks, node: &Node, home: Home, config: &Config, keys: Keys, metrics: Arc<Metrics>) {
    let settings = Relaying {
        base_rpc: config.bridge.base_rpc.clone(),
        out_of_turn: config.bridge.out_of_turn.duration(),
        max_gas_gwei: config.bridge.max_gas_gwei,
        low_balance_gwei: config.bridge.low_balance_gwei,
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
