//! Checks of what the type of a setting does not say: bounds, forms that CometBFT wants, and settings that exclude each
//! other.
//!
//! CometBFT reads its own file only when it starts, and ends with a stack of Go where it does not like a value. Every
//! value of ours that goes in there is checked here first.

use std::{
    net::{IpAddr, SocketAddr},
    ops::RangeInclusive,
};

use diem_engine::{EngineKind, engine::MAX_BLOCK_TIME};

use super::{Bridge, Comet, Config, Store};
use crate::levels;

/// The bounds of the number of past heights: at least one is kept, from which blocks and answers are made.
const PAST_HEIGHTS: RangeInclusive<usize> = 1..=10_000;
/// The bounds of the size of the cache in MiB; the largest is 1 TiB.
const CACHE_MIB: RangeInclusive<usize> = 1..=1_048_576;
/// The bounds of the price of gas on Base, in gwei. It is a hundredth of a gwei on most days.
const MAX_GAS_GWEI: RangeInclusive<u64> = 1..=100_000;

/// Checks each setting for itself.
pub(super) fn check(config: &Config) -> Result<(), String> {
    let Store { past_heights, cache_mib, .. } = config.store;
    for (key, value, bounds, unit) in [
        ("store.past_heights", past_heights, PAST_HEIGHTS, "heights"),
        ("store.cache_mib", cache_mib, CACHE_MIB, "MiB"),
    ] {
        if !bounds.contains(&value) {
            return Err(format!("`{key}` is {value}: set it to {} to {} {unit}", bounds.start(), bounds.end()));
        }
    }
    if config.comet.block_time.0 > MAX_BLOCK_TIME {
        return Err(format!("`comet.block_time` is {}: set it to at most 1d", config.comet.block_time));
    }
    if config.log.standstill.0 < 100 {
        return Err(format!("`log.standstill` is {}: wait for at least 100ms", config.log.standstill));
    }
    bridge(&config.bridge)?;
    comet(&config.comet)
}

/// The most endpoints by which Base is watched.
const MAX_ENDPOINTS: usize = 3;

fn bridge(bridge: &Bridge) -> Result<(), String> {
    let Bridge { base_rpc, endpoints, max_gas_gwei, .. } = bridge;
    let is_url =
        |url: &str| ["http://", "https://"].iter().any(|scheme| url.len() > scheme.len() && url.starts_with(scheme));
    if let Some(bad) = endpoints.iter().find(|url| !is_url(url)) {
        return Err(format!(
            "`bridge.endpoints` names `{bad}`: write URLs of endpoints of Base, such as https://base.example/key"
        ));
    }
    let is_twice = |(place, url): (usize, &String)| endpoints.iter().take(place).any(|other| other == url);
    if endpoints.len() > MAX_ENDPOINTS || endpoints.iter().enumerate().any(is_twice) {
        return Err(format!(
            "`bridge.endpoints` names {} endpoints: name one for development, or two or three different ones",
            endpoints.len()
        ));
    }
    if !base_rpc.is_empty() && !is_url(base_rpc) {
        return Err(format!(
            "`bridge.base_rpc` is `{base_rpc}`: write the URL of an endpoint of Base, such as http://127.0.0.1:8545"
        ));
    }
    if !MAX_GAS_GWEI.contains(max_gas_gwei) {
        let (least, most) = (MAX_GAS_GWEI.start(), MAX_GAS_GWEI.end());
        return Err(format!("`bridge.max_gas_gwei` is {max_gas_gwei}: set it to {least} to {most} gwei"));
    }
    Ok(())
}

/// Checks that a relayer knows where Base is.
pub(super) fn relayer(bridge: &Bridge) -> Result<(), String> {
    if bridge.relay && bridge.base_rpc.is_empty() {
        return Err(
            "`bridge.relay` is true and `bridge.base_rpc` is empty: name an endpoint of Base, or relay nothing".into(),
        );
    }
    Ok(())
}

fn comet(comet: &Comet) -> Result<(), String> {
    let Comet { external_address, log_level, .. } = comet;
    if !external_address.is_empty() && !is_host_and_port(external_address) {
        return Err(format!(
            "`comet.external_address` is `{external_address}`: write what peers can connect to as host:port, such as node.example:26656"
        ));
    }
    if !levels::is_good(log_level) {
        return Err(format!(
            "`comet.log_level` is `{log_level}`: write {} for everything, or by module such as main:info,*:error",
            levels::LEVELS.join(", ")
        ));
    }
    Ok(())
}

/// Whether the text is a host and a port; the host may be an IPv6 address in brackets.
pub fn is_host_and_port(text: &str) -> bool {
    let Some((host, port)) = text.rsplit_once(':') else { return false };
    let is_port = port.parse::<u16>().is_ok_and(|port| port > 0);
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b".-_".contains(&byte);
    let is_host = match host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok(),
        None => !host.is_empty() && host.bytes().all(is_name),
    };
    is_port && is_host
}

/// Checks the addresses together: two settings cannot listen at the same address.
pub(super) fn addresses(config: &Config) -> Result<(), String> {
    let comet = &config.comet;
    let own = [("api.listen", Some(config.api.listen)), ("metrics.listen", config.metrics.listen.0)];
    let of_comet = [
        ("comet.p2p", Some(comet.p2p)),
        ("comet.rpc", Some(comet.rpc)),
        ("comet.metrics", comet.metrics.0),
        ("comet.abci", comet.abci.0),
    ];
    let of_comet = of_comet.into_iter().filter(|_| config.engine == EngineKind::Comet);
    let used: Vec<(&str, SocketAddr)> =
        own.into_iter().chain(of_comet).filter_map(|(key, address)| Some((key, address?))).collect();
    for (at, (key, address)) in used.iter().enumerate() {
        for (other, taken) in used.iter().take(at) {
            if meet(*address, *taken) {
                return Err(format!(
                    "`{other}` and `{key}` both listen on port {}: give each a port of its own",
                    address.port()
                ));
            }
        }
    }
    Ok(())
}

/// Whether a program that listens at `a` prevents another from listening at `b`.
fn meet(a: SocketAddr, b: SocketAddr) -> bool {
    // Port 0 stands for any free port, so it never conflicts.
    a.port() == b.port() && a.port() != 0 && (a.ip() == b.ip() || covers(a.ip(), b.ip()) || covers(b.ip(), a.ip()))
}

/// Whether listening at `all` also takes `one`: the unspecified address covers its own kind, and that of IPv6 covers
/// both.
fn covers(all: IpAddr, one: IpAddr) -> bool {
    all.is_unspecified() && (all.is_ipv6() || one.is_ipv4())
}
