//! The machine: clock, disk, memory, open files, ports and who can reach them.

use std::{fs, net::SocketAddr};

use diem_config::SignerAddress;
use diem_engine::EngineKind;
use diem_host::{clock::wall_clock, ports};
use rustix::process::{Resource, getrlimit};

use super::{Finding, Patient, Weight};
use crate::disk::{self, Shown};

/// The difference from the clocks of others that is worth a word, and the one from which blocks of this validator are
/// refused, in milliseconds. Half a second of it is the way of the answer, whose date has no fractions either.
const CLOCK_OFF: u64 = 3_000;
const CLOCK_WRONG: u64 = 60_000;
/// The memory that a node needs beside its cache, in bytes.
const MEMORY_BESIDE_CACHE: u64 = 1 << 30;
/// The open files that RocksDB, CometBFT's databases and all connections take.
const FILES_NEEDED: u64 = 1_024;
const FILES_WISHED: u64 = 4_096;
/// File systems over a network, on which a lock or a sync may not hold: their numbers in `statfs(2)`.
const NETWORK_FILE_SYSTEMS: [(u64, &str); 4] =
    [(0x6969, "NFS"), (0xff53_4d42, "CIFS"), (0xfe53_4d42, "SMB2"), (0x6573_5546, "FUSE")];

pub(super) async fn examine(patient: &Patient<'_>, readable: bool, found: &mut Vec<Finding>) {
    clock(patient, found).await;
    disk(patient, found);
    memory(patient, found);
    files(found);
    if readable {
        busy_ports(patient, found);
        open_ports(patient, found);
        external_address(patient, found);
    }
}

async fn clock(patient: &Patient<'_>, found: &mut Vec<Finding>) {
    let mut differences = Vec::new();
    for node in patient.nodes {
        let Ok(theirs) = node.date().await else { continue };
        let own = wall_clock()();
        differences.push(own.abs_diff(theirs.millis()));
    }
    differences.sort_unstable();
    // The median, and of two the lower one, so that one node with a wrong clock accuses nobody.
    let Some(off) = differences.get(differences.len().saturating_sub(1) / 2).copied().filter(|off| *off >= CLOCK_OFF)
    else {
        return;
    };
    let what =
        format!("the clock of this machine differs by {} s from those of the nodes that were asked", off / 1_000);
    let why =
        "a validator whose clock is off has its blocks refused, and a light client believes no header of the future";
    let todo = "timedatectl set-ntp true, or run chrony or another NTP client";
    let weight = if off >= CLOCK_WRONG { Weight::Stops } else { Weight::Advice };
    found.push(Finding::new("clock", weight, what, why, todo));
}

fn disk(patient: &Patient<'_>, found: &mut Vec<Finding>) {
    let (root, limits) = (patient.home.root(), &patient.config.disk);
    for system in disk::of_home(patient.home) {
        let (free, size) = (system.room.free, system.room.size);
        let what = format!("{} of {} are free on the disk of {}", Shown(free), Shown(size), system.folder.display());
        let todo = "make room, give the home a larger disk, or keep less: store.keep_blocks and diemd prune";
        if free < limits.needed() {
            let why = format!("a node does not start with less than {} (disk.stop)", Shown(limits.needed()));
            found.push(Finding::stops("disk", what, why, todo));
        } else if free < limits.low(size) {
            found.push(Finding::advice("disk", what, "at this rate it may fill while nobody looks", todo));
        }
    }
    let Ok(kind) = rustix::fs::statfs(root) else { return };
    let number = kind.f_type.cast_unsigned() & 0xffff_ffff;
    if let Some((_, name)) = NETWORK_FILE_SYSTEMS.iter().find(|(known, _)| *known == number) {
        let what = format!("{} is on {name}, a file system of another machine", root.display());
        let why = "the lock that keeps two nodes apart may not hold there, nor the sync that a commit stands on";
        found.push(Finding::advice("file_system", what, why, "move the home to a disk of this machine"));
    }
}

fn memory(patient: &Patient<'_>, found: &mut Vec<Finding>) {
    let text = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let total =
        text.lines().find_map(|line| line.strip_prefix("MemTotal:")?.split_whitespace().next()?.parse::<u64>().ok());
    let Some(total) = total.map(|kib| kib.saturating_mul(1_024)) else { return };
    let cache = (patient.config.store.cache_mib as u64).saturating_mul(1 << 20);
    let needed = cache.saturating_add(MEMORY_BESIDE_CACHE);
    if total < needed {
        let what = format!("this machine has {} MiB of memory, and the node may take {}", total >> 20, needed >> 20);
        let why = "the system ends a process that takes more than there is";
        let todo = format!("diemd config set store.cache_mib {}", (total >> 22).max(1));
        found.push(Finding::stops("memory", what, why, todo));
    }
}

fn files(found: &mut Vec<Finding>) {
    let Some(limit) = getrlimit(Resource::Nofile).current else { return };
    if limit >= FILES_WISHED {
        return;
    }
    let what = format!("a process of this user may open {limit} files");
    let why = "database and connections need more, and fail one by one when there are none left";
    let todo = format!("ulimit -n {FILES_WISHED} before the start, or LimitNOFILE={FILES_WISHED} in the unit");
    let weight = if limit < FILES_NEEDED { Weight::Stops } else { Weight::Advice };
    found.push(Finding::new("open_files", weight, what, why, todo));
}

/// The addresses at which a node with this configuration listens, each with its setting.
fn listens(patient: &Patient<'_>) -> Vec<(&'static str, &'static str, SocketAddr)> {
    let config = patient.config;
    let mut all = vec![("api.listen", "the HTTP API", config.api.listen)];
    all.extend(config.metrics.listen.0.map(|at| ("metrics.listen", "metrics", at)));
    if config.engine == EngineKind::Comet {
        let comet = &config.comet;
        all.extend([("comet.p2p", "peers", comet.p2p), ("comet.rpc", "CometBFT's RPC", comet.rpc)]);
        all.extend(comet.metrics.0.map(|at| ("comet.metrics", "CometBFT's metrics", at)));
        if let Some(SignerAddress::Tcp(at)) = comet.signer.0 {
            all.push(("comet.signer", "the remote signer", at));
        }
    }
    all
}

fn busy_ports(patient: &Patient<'_>, found: &mut Vec<Finding>) {
    if patient.runs {
        return;
    }
    for (setting, purpose, at) in listens(patient) {
        let Err(error) = ports::check(at, purpose, &format!("set `{setting}` to another port")) else { continue };
        let todo = format!("diemd config set {setting} ADDRESS --home {}", patient.home.root().display());
        found.push(Finding::stops("ports", error, "the node cannot start without it", todo));
    }
}

fn open_ports(patient: &Patient<'_>, found: &mut Vec<Finding>) {
    for (setting, purpose, at) in listens(patient) {
        if at.ip().is_loopback() || setting == "comet.p2p" {
            continue;
        }
        let what = format!("{purpose} listens at {at}, where other machines reach it");
        let (why, todo) = match setting {
            "api.listen" => (
                "anybody can take its connections and its work",
                "put a proxy with limits in front, and listen on loopback",
            ),
            "comet.rpc" => (
                "its RPC has no limits and takes transactions unasked",
                "listen on loopback: others need the HTTP API only",
            ),
            "comet.signer" => (
                "whoever answers there first is asked for signatures",
                "listen where the signer's machine alone reaches it",
            ),
            _ => ("it tells strangers how this node is", "listen on loopback or a private address"),
        };
        found.push(Finding::advice(
            "open_to_the_world",
            what,
            why,
            format!("{todo}: diemd config set {setting} ADDRESS"),
        ));
    }
}

fn external_address(patient: &Patient<'_>, found: &mut Vec<Finding>) {
    let comet = &patient.config.comet;
    if patient.config.engine != EngineKind::Comet || comet.local || !comet.pex {
        return;
    }
    let todo = "diemd config set comet.external_address HOST:PORT";
    let announced: Option<SocketAddr> = comet.external_address.parse().ok();
    if comet.external_address.is_empty() && comet.p2p.ip().is_unspecified() {
        let what = "comet.external_address is empty, and comet.p2p listens at every address";
        found.push(Finding::advice(
            "external_address",
            what,
            "peers are told no address at which they could connect",
            todo,
        ));
    } else if announced.is_some_and(is_private) {
        let what = format!("comet.external_address is {}, which only this network knows", comet.external_address);
        found.push(Finding::advice("external_address", what, "peers elsewhere try it in vain", todo));
    }
}

fn is_private(at: SocketAddr) -> bool {
    match at {
        SocketAddr::V4(at) => at.ip().is_private() || at.ip().is_loopback() || at.ip().is_link_local(),
        SocketAddr::V6(at) => at.ip().is_unique_local() || at.ip().is_loopback() || at.ip().is_unicast_link_local(),
    }
}
