//! Checks that everything that will listen can.

use std::net::SocketAddr;

use diem_config::Config;
use diem_engine::EngineKind;
use diem_host::ports::{self, ListenError};

use super::{DevnetError, homes::Plan};

/// The step between the offsets that are tried as a suggestion.
const STEP: u16 = 1_000;

/// Checks all ports before anything is started; the error names the first that is taken.
pub(super) fn check(plan: &Plan, base: Option<u16>) -> Result<(), DevnetError> {
    if let Some(port) = base {
        let remedy = || format!("move all ports with --port-offset {}", free_offset(plan).unwrap_or(STEP));
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        ports::check(address, "the local Base", "").map_err(|error| ListenError { remedy: remedy(), ..error })?;
    }
    for node in &plan.nodes {
        for (address, purpose) in addresses(&node.config) {
            let purpose = format!("{purpose} of validator {}", node.number);
            let remedy = || format!("move all ports with --port-offset {}", free_offset(plan).unwrap_or(STEP));
            ports::check(address, &purpose, "").map_err(|error| ListenError { remedy: remedy(), ..error })?;
        }
    }
    Ok(())
}

fn addresses(config: &Config) -> Vec<(SocketAddr, &'static str)> {
    let mut addresses = vec![(config.api.listen, "the HTTP API")];
    addresses.extend(config.metrics.listen.0.map(|address| (address, "metrics")));
    if config.engine == EngineKind::Comet {
        addresses.push((config.comet.p2p, "CometBFT's peers"));
        addresses.push((config.comet.rpc, "CometBFT's RPC"));
        addresses.extend(config.comet.metrics.0.map(|address| (address, "CometBFT's metrics")));
    }
    addresses
}

/// Whether everything that a node with this configuration will listen on is free.
pub(crate) fn all_are_free(config: &Config) -> bool {
    addresses(config).iter().all(|(address, purpose)| ports::check(*address, purpose, "").is_ok())
}

/// The least offset, counted from the usual ports, at which all ports are free.
fn free_offset(plan: &Plan) -> Option<u16> {
    let moved_already =
        plan.nodes.first()?.config.api.listen.port().saturating_sub(Config::default().api.listen.port());
    (1..=20u16)
        .map(|steps| steps.saturating_mul(STEP))
        .find(|more| {
            plan.nodes.iter().all(|node| {
                let mut config = node.config.clone();
                config.move_ports(*more).is_ok() && all_are_free(&config)
            })
        })
        .map(|more| more.saturating_add(moved_already))
}
