//! Checks of what the type of a setting does not say: bounds, forms that CometBFT wants, and settings that exclude each
//! other.
//!
//! CometBFT reads its own file only when it starts, and ends with a stack of Go where it does not like a value. Every
//! value of ours that goes in there is checked here first.

use std::{
    net::{IpAddr, SocketAddr},
    ops::RangeInclusive,
    path::Path,
};

use diem_engine::{EngineKind, engine::MAX_BLOCK_TIME};

use super::{Bridge, Bytes, Comet, Config, Disk, KeepTime, Length, Period, SignerAddress, Store, Warn};
use crate::{levels, log_path, raw, roles::PeerAddress};

/// The bounds of the number of past heights: at least one is kept, from which blocks and answers are made.
const PAST_HEIGHTS: RangeInclusive<usize> = 1..=10_000;
/// The bounds of the size of the cache in MiB; the largest is 1 TiB.
const CACHE_MIB: RangeInclusive<usize> = 1..=1_048_576;
/// The bounds of the number of snapshots that are kept.
const SNAPSHOTS: RangeInclusive<usize> = 1..=100;
/// The bounds of the number of blocks for which a node listens before it signs.
const LISTEN: RangeInclusive<u64> = 1..=1_000;
/// The bounds of the time for which it listens where no block comes, in milliseconds: a validator that listens for longer is as
/// good as gone.
const LISTENING: RangeInclusive<u64> = 1_000..=3_600_000;
/// The shortest period of snapshots, in milliseconds: taking one reads all rows.
const SHORTEST_PERIOD: u64 = 1_000;
/// The shortest time for which blocks are kept, in milliseconds.
const SHORTEST_KEPT: u64 = 1_000;
/// The longest time for which a node that was asked to end still answers, in milliseconds. The servers, CometBFT and the store
/// then take up to 5 s each, and all of it must fit into the 60 s after which service managers kill.
pub const LONGEST_DRAIN: u64 = 40_000;
/// The bounds of the price of gas on Base, in gwei. It is a hundredth of a gwei on most days.
const MAX_GAS_GWEI: RangeInclusive<u64> = 1..=100_000;

/// The units of work that the dearest request costs: with fewer at once it could never be made.
const DEAREST: u32 = 20;
/// The bounds of the size of a file of the log: a line of CometBFT can have some KiB.
const LOG_SIZE: RangeInclusive<u64> = (64 << 10)..=(4 << 30);
/// The longest name of a node, in bytes: of all that CometBFT tells a peer of a node, the peer takes 10,240 bytes.
const LONGEST_MONIKER: usize = 9_216;
/// The bounds of the number of files of the log.
const LOG_FILES: RangeInclusive<usize> = 1..=100;

/// Checks each setting for itself.
pub(super) fn check(config: &Config) -> Result<(), String> {
    let Store { past_heights, cache_mib, .. } = config.store;
    for (key, value, bounds, unit) in [
        ("store.past_heights", past_heights, PAST_HEIGHTS, "heights"),
        ("store.cache_mib", cache_mib, CACHE_MIB, "MiB"),
        ("snapshot.keep", config.snapshot.keep, SNAPSHOTS, "snapshots"),
        ("log.files", config.log.files, LOG_FILES, "files"),
    ] {
        if !bounds.contains(&value) {
            return Err(format!("`{key}` is {value}: set it to {} to {} {unit}", bounds.start(), bounds.end()));
        }
    }
    moniker(&config.moniker)?;
    if let KeepTime(Some(length)) = config.store.keep_time
        && length.0 < SHORTEST_KEPT
    {
        return Err(format!("`store.keep_time` is {length}: set it to at least 1s, or off"));
    }
    if let Period::Every(length) = config.snapshot.every
        && length.0 < SHORTEST_PERIOD
    {
        return Err(format!("`snapshot.every` is {length}: set it to at least 1s, or off"));
    }
    if !LISTEN.contains(&config.signing.listen) {
        let (least, most) = (LISTEN.start(), LISTEN.end());
        return Err(format!("`signing.listen` is {}: set it to {least} to {most} blocks", config.signing.listen));
    }
    if !LISTENING.contains(&config.signing.listen_still.0) {
        return Err(format!("`signing.listen_still` is {}: set it to 1s to 1h", config.signing.listen_still));
    }
    if config.comet.block_time.0 > MAX_BLOCK_TIME {
        return Err(format!("`comet.block_time` is {}: set it to at most 1d", config.comet.block_time));
    }
    if config.log.standstill.0 < 100 {
        return Err(format!("`log.standstill` is {}: wait for at least 100ms", config.log.standstill));
    }
    if !LOG_SIZE.contains(&config.log.file_size.0) {
        let (least, most) = (Bytes(*LOG_SIZE.start()), Bytes(*LOG_SIZE.end()));
        return Err(format!("`log.file_size` is {}: set it to {least} to {most}", config.log.file_size));
    }
    if config.log.file.ends_with('/') || config.log.file.contains('\0') {
        return Err(format!("`log.file` is {:?}: write the path of a file, such as node.log", config.log.file));
    }
    log_path::check(&config.log.file, Path::new(""))?;
    if let Some(bad) = config.api.cors.iter().find(|origin| !is_origin(origin)) {
        return Err(format!("`api.cors` names `{bad}`: write sites as browsers do, such as https://app.example, or *"));
    }
    if config.api.burst < DEAREST {
        return Err(format!(
            "`api.burst` is {}: set it to at least {DEAREST}, which a simulation costs",
            config.api.burst
        ));
    }
    if config.api.drain.0 > LONGEST_DRAIN {
        let most = Length(LONGEST_DRAIN);
        return Err(format!(
            "`api.drain` is {}: set it to at most {most}, because service managers kill a node that takes a minute to end",
            config.api.drain
        ));
    }
    bridge(&config.bridge)?;
    comet(&config.comet)
}

/// Checks the name of the node as CometBFT does, which ends where it does not like it. A peer refuses one that is too long.
fn moniker(name: &str) -> Result<(), String> {
    if name.len() > LONGEST_MONIKER {
        let length = name.len();
        return Err(format!("`moniker` has {length} bytes: peers refuse a name of more than {LONGEST_MONIKER} bytes"));
    }
    let is_text = name.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ');
    if !is_text || name.trim().is_empty() {
        return Err(format!("`moniker` is {name:?}: write ASCII letters, digits and signs, and not only spaces"));
    }
    Ok(())
}

/// Whether the text is an origin as a browser names it: scheme and host, and a port where it is not the usual one.
fn is_origin(text: &str) -> bool {
    let site = ["http://", "https://"].into_iter().find_map(|scheme| text.strip_prefix(scheme));
    let is_site = |site: &str| is_host_and_port(site) || is_host_and_port(&format!("{site}:1"));
    text == "*" || site.is_some_and(is_site)
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

/// Checks that a disk is low before it stops the node.
pub(super) fn disk(disk: &Disk) -> Result<(), String> {
    match disk.warn {
        Warn::Below(warn) if warn.0 > 0 && warn.0 <= disk.stop.0 => Err(format!(
            "`disk.warn` is {warn} and `disk.stop` is {}: let the warning come first, by a larger `disk.warn` or a \
             smaller `disk.stop`",
            disk.stop
        )),
        _ => Ok(()),
    }
}

fn comet(comet: &Comet) -> Result<(), String> {
    let Comet { external_address, log_level, .. } = comet;
    if !external_address.is_empty() && !is_host_and_port(external_address) {
        return Err(format!(
            "`comet.external_address` is `{external_address}`: write what peers can connect to as host:port, such as node.example:26656"
        ));
    }
    for (key, peers) in [("peers", &comet.peers), ("seeds", &comet.seeds)] {
        for peer in peers {
            peer.parse::<PeerAddress>().map_err(|error| format!("`comet.{key}`: {error}"))?;
        }
    }
    if !levels::is_good(log_level) {
        return Err(format!(
            "`comet.log_level` is `{log_level}`: write {} for everything, or by module such as main:info,*:error",
            levels::LEVELS.join(", ")
        ));
    }
    for (key, ids) in [("private_peers", &comet.private_peers), ("unconditional_peers", &comet.unconditional_peers)] {
        if let Some(id) = ids.iter().find(|id| !is_node_id(id)) {
            return Err(format!(
                "`comet.{key}` names `{id}`: write ids of nodes, 40 hex digits each, as `diemd init` and the log show them"
            ));
        }
    }
    if comet.seed_mode && !comet.pex {
        return Err(
            "`comet.seed_mode` is true and `comet.pex` is false: a seed node lives by exchanging addresses".into()
        );
    }
    raw::check(&comet.raw)
}

/// Whether the text is the id of a node: the 20 bytes of its key's address in hex.
pub(crate) fn is_node_id(text: &str) -> bool {
    text.len() == 40 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
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
    let signer = match comet.signer.0 {
        Some(SignerAddress::Tcp(address)) => Some(address),
        Some(SignerAddress::Unix(_)) | None => None,
    };
    let of_comet = [
        ("comet.p2p", Some(comet.p2p)),
        ("comet.rpc", Some(comet.rpc)),
        ("comet.metrics", comet.metrics.0),
        ("comet.abci", comet.abci.0),
        ("comet.signer", signer),
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
