//! The machine: clock, disk, memory, open files, ports and who can reach them.

use std::{collections::BTreeSet, fs, net::SocketAddr};

use diem_config::SignerAddress;
use diem_engine::EngineKind;
use diem_host::{
    clock::{WRONG_MS, wall_clock},
    ports,
};
use rustix::{
    fs::StatVfsMountFlags,
    process::{Resource, getrlimit},
};
use tokio::{net::lookup_host, time::timeout};

use super::{Finding, PATIENCE, Patient, Weight, running};
use crate::disk::{self, Shown};

/// The difference from the clocks of others that is worth a word, and the one from which blocks of this validator are
/// refused, in milliseconds. The date of an answer has no fractions.
const CLOCK_OFF: u64 = 3_000;
const CLOCK_WRONG: u64 = WRONG_MS;
/// The memory that a node needs beside its cache, in bytes.
const MEMORY_BESIDE_CACHE: u64 = 1 << 30;
/// The open files that RocksDB, CometBFT's databases and all connections take.
const FILES_NEEDED: u64 = 1_024;
const FILES_WISHED: u64 = 4_096;
/// File systems that are often another machine's, on which a lock or a sync may not hold: their numbers in `statfs(2)`.
const NETWORK_FILE_SYSTEMS: [(u64, &str); 4] =
    [(0x6969, "NFS"), (0xff53_4d42, "CIFS"), (0xfe53_4d42, "SMB2"), (0x6573_5546, "FUSE")];

pub(super) async fn examine(patient: &Patient<'_>, readable: bool, found: &mut Vec<Finding>) {
    clock(patient, found).await;
    disk(patient, found);
    file_system(patient, found);
    memory(patient, found);
    files(patient, found);
    if readable {
        busy_ports(patient, found);
        open_ports(patient, found);
        external_address(patient, found).await;
        folder_of_log(patient, found);
    }
}

fn folder_of_log(patient: &Patient<'_>, found: &mut Vec<Finding>) {
    let file = patient.home.root().join(&patient.config.log.file);
    let Some(folder) = file.parent().filter(|folder| !patient.config.log.file.is_empty() && !folder.is_dir()) else {
        return;
    };
    let what = format!("log.file is {}, and {} is no folder", patient.config.log.file, folder.display());
    let why = "standard error alone has the log";
    let todo = format!("make it, for the user of the node, or {}", patient.command("config set log.file node.log"));
    found.push(Finding::advice("log", what, why, todo));
}

async fn clock(patient: &Patient<'_>, found: &mut Vec<Finding>) {
    let mut differences = Vec::new();
    for node in patient.nodes {
        let asked = wall_clock()();
        let Ok(theirs) = node.date().await else { continue };
        differences.push(outside(theirs.millis(), asked, wall_clock()()));
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

/// How far a moment lies outside of the time from `from` to `to`: an answer was written at some moment between question
/// and answer, however long its way was.
fn outside(moment: u64, from: u64, to: u64) -> u64 {
    from.saturating_sub(moment).max(moment.saturating_sub(to))
}

fn disk(patient: &Patient<'_>, found: &mut Vec<Finding>) {
    let limits = &patient.config.disk;
    for system in disk::of_home(patient.home) {
        let (free, size) = (system.room.free, system.room.size);
        let what = format!("{} of {} are free on the disk of {}", Shown(free), Shown(size), system.folder.display());
        let todo = patient.command("prune");
        let todo = format!("make room, give the home a larger disk, or keep less: set store.keep_blocks, then {todo}");
        if free < limits.needed() {
            let why = format!("a node does not start with less than {} (disk.stop)", Shown(limits.needed()));
            found.push(Finding::stops("disk", what, why, todo));
        } else if free < limits.low(size) {
            found.push(Finding::advice("disk", what, "at this rate it may fill while nobody looks", todo));
        }
    }
}

/// Judges the file systems of all parts of the home, each of which may be a mount of its own.
fn file_system(patient: &Patient<'_>, found: &mut Vec<Finding>) {
    let (data, comet) = (patient.home.data(), patient.home.comet());
    let (snapshots, blocks) = (data.join("snapshots"), comet.join("data"));
    let (mut kinds, mut is_read_only) = (BTreeSet::new(), false);
    for part in [patient.home.root(), &data, &snapshots, &comet, &blocks] {
        let number = rustix::fs::statfs(part).map(|kind| kind.f_type.cast_unsigned() & 0xffff_ffff);
        let name = NETWORK_FILE_SYSTEMS.iter().find(|(known, _)| number == Ok(*known)).map(|(_, name)| *name);
        if let Some(name) = name.filter(|name| kinds.insert(*name)) {
            let what = format!("{} is on {name}, a file system that may be another machine's", part.display());
            let why = "the lock that keeps two nodes apart may not hold there, nor the sync that a commit stands on";
            found.push(Finding::advice("file_system", what, why, "move the home to a disk of this machine"));
        }
        let flags = rustix::fs::statvfs(part).map(|system| system.f_flag).unwrap_or(StatVfsMountFlags::empty());
        if flags.contains(StatVfsMountFlags::RDONLY) && !is_read_only {
            is_read_only = true;
            let what = format!("{} is on a file system that is mounted read-only", part.display());
            let todo = "mount it writable; look with dmesg whether the system has done this because the disk fails";
            found.push(Finding::stops("file_system", what, "the node cannot write there", todo));
        }
    }
}

/// Judges the memory that the node that runs may take, or one that is started from here.
fn memory(patient: &Patient<'_>, found: &mut Vec<Finding>) {
    let text = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let total =
        text.lines().find_map(|line| line.strip_prefix("MemTotal:")?.split_whitespace().next()?.parse::<u64>().ok());
    let Some(total) = total.map(|kib| kib.saturating_mul(1_024)) else { return };
    let (most, whose) = match running::memory_limit(patient.process).filter(|limit| *limit < total) {
        Some(limit) if patient.process.is_some() => (limit, "the control group of the node that runs has"),
        Some(limit) => (limit, "the control group of a node that is started from here has"),
        None => (total, "this machine has"),
    };
    let cache = (patient.config.store.cache_mib as u64).saturating_mul(1 << 20);
    let needed = cache.saturating_add(MEMORY_BESIDE_CACHE);
    if most < needed {
        let what = format!("{whose} {} MiB of memory, and the node may take {}", most >> 20, needed >> 20);
        let why = "the system ends a process that takes more than there is";
        let todo = patient.command(&format!("config set store.cache_mib {}", (most >> 22).max(1)));
        let todo = format!("{todo}, or give it more (MemoryMax= of a unit, --memory of a container)");
        found.push(Finding::stops("memory", what, why, todo));
    }
}

/// Judges the files that the node that runs may open, or one that is started from here: it raises its limit itself, as
/// CometBFT does, as far as the system lets it.
fn files(patient: &Patient<'_>, found: &mut Vec<Finding>) {
    let (limit, whose) = match patient.runs {
        true => (patient.process.and_then(running::open_files), "the node that runs"),
        false => (getrlimit(Resource::Nofile).maximum, "a node that is started from here"),
    };
    let Some(limit) = limit.filter(|limit| *limit < FILES_WISHED) else { return };
    let what = format!("{whose} may open {limit} files");
    let why = "database and connections need more, and fail one by one when there are none left";
    let todo = format!("ulimit -n {FILES_WISHED} before its start, or LimitNOFILE={FILES_WISHED} in the unit");
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
        all.extend(comet.abci.0.map(|at| ("comet.abci", "the application", at)));
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
        let todo = patient.command(&format!("config set {setting} ADDRESS"));
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
            "comet.abci" => (
                "whoever speaks there as CometBFT does has this node execute blocks that no validator has signed",
                "listen on loopback, or set it to off for a socket in the home",
            ),
            _ => ("it tells strangers how this node is", "listen on loopback or a private address"),
        };
        let todo = format!("{todo}: {}", patient.command(&format!("config set {setting} ADDRESS")));
        found.push(Finding::advice("open_to_the_world", what, why, todo));
    }
}

async fn external_address(patient: &Patient<'_>, found: &mut Vec<Finding>) {
    let comet = &patient.config.comet;
    if patient.config.engine != EngineKind::Comet {
        return;
    }
    let (address, todo) = (&comet.external_address, patient.command("config set comet.external_address HOST:PORT"));
    let announced: Vec<SocketAddr> = match timeout(PATIENCE, lookup_host(address)).await {
        Ok(Ok(all)) => all.collect(),
        _ => Vec::new(),
    };
    if !address.is_empty() && announced.is_empty() {
        let what = format!("comet.external_address is {address}, and no address is known here for this name");
        let why = "CometBFT does not start with it, and peers would connect to nobody";
        let todo = format!("enter the name where its zone is kept, or {todo}");
        found.push(Finding::stops("external_address", what, why, todo));
        return;
    }
    if comet.local || !comet.pex {
        return;
    }
    if address.is_empty() && comet.p2p.ip().is_unspecified() {
        let what = "comet.external_address is empty, and comet.p2p listens at every address";
        let why = "peers are told no address at which they could connect";
        found.push(Finding::advice("external_address", what, why, todo));
    } else if announced.into_iter().any(is_private) {
        let what = format!("comet.external_address is {address}, which only this network knows");
        found.push(Finding::advice("external_address", what, "peers elsewhere try it in vain", todo));
    }
}

fn is_private(at: SocketAddr) -> bool {
    match at {
        SocketAddr::V4(at) => at.ip().is_private() || at.ip().is_loopback() || at.ip().is_link_local(),
        SocketAddr::V6(at) => at.ip().is_unique_local() || at.ip().is_loopback() || at.ip().is_unicast_link_local(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_on_its_way_for_long_accuses_no_clock() {
        // Asked at 10 s, answered at 20 s: it was written somewhere between.
        for within in [10_000, 15_000, 20_000] {
            assert_eq!(outside(within, 10_000, 20_000), 0);
        }
        assert_eq!((outside(7_000, 10_000, 20_000), outside(23_000, 10_000, 20_000)), (3_000, 3_000));
    }
}
