//! The node that runs in the home: its process, what the system allows it, and what it says of itself.

use std::{
    fs::{self, File, TryLockError},
    io::{self, Read as _},
    path::Path,
};

use diem_api::{CheckState, Ready, Reason};
use diem_client::Client;
use diem_host::home::{Home, HomeError};
use serde_json::{Value, json};

use super::{Finding, PATIENCE, Patient, Weight};
use crate::{
    cli::health::reached,
    control::{self, Request},
};

/// Whether a node runs in a home.
pub(super) enum Running {
    No,
    /// With the id of its process, unless that belongs to another namespace, as in a container.
    Yes(Option<u32>),
}

/// Looks whether a process holds the lock of a home. Unlike taking the lock, this writes nothing.
///
/// # Errors
/// This user may not look.
pub(super) fn find(home: &Home) -> Result<Running, HomeError> {
    let path = home.run().join("diemd.pid");
    let failed = |error| HomeError::io(&path, error);
    let mut file = match File::open(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Running::No),
        Err(error) => return Err(failed(error)),
    };
    match file.try_lock_shared() {
        // It is given back with the file.
        Ok(()) => return Ok(Running::No),
        Err(TryLockError::WouldBlock) => {}
        Err(TryLockError::Error(error)) => return Err(failed(error)),
    }
    let mut text = String::new();
    file.read_to_string(&mut text).map_err(failed)?;
    let is_node = |id: &u32| {
        fs::read_to_string(format!("/proc/{id}/comm")).is_ok_and(|name| name.trim_end().starts_with("diemd"))
    };
    Ok(Running::Yes(text.trim().parse().ok().filter(is_node)))
}

/// The names and ids of a node's process and of those that it has started, as far as they are suspended.
fn suspended(node: u32) -> Vec<(String, u32)> {
    let ids = fs::read_dir("/proc").into_iter().flatten().flatten();
    let ids = ids.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let of_node = ids.filter_map(|id: u32| {
        let stat = fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
        let (name, state, parent) = name_state_parent(&stat)?;
        ((id == node || parent == node) && "Tt".contains(state)).then(|| (name.to_owned(), id))
    });
    of_node.collect()
}

/// The name, the state and the parent in the text of `/proc/ID/stat` (proc(5)). A name may hold spaces and parentheses.
fn name_state_parent(stat: &str) -> Option<(&str, &str, u32)> {
    let (name, rest) = stat.split_once('(')?.1.rsplit_once(')')?;
    let mut fields = rest.split_whitespace();
    Some((name, fields.next()?, fields.next()?.parse().ok()?))
}

/// The number of files that a process may open; `None` if they are unlimited or the system does not tell.
pub(super) fn open_files(process: u32) -> Option<u64> {
    let limits = fs::read_to_string(format!("/proc/{process}/limits")).ok()?;
    let files = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    files.split_whitespace().next()?.parse().ok()
}

/// The memory that the control groups of a process leave it, in bytes, or of this one; `None` without a limit.
pub(super) fn memory_limit(process: Option<u32>) -> Option<u64> {
    let of = process.map_or_else(|| "self".into(), |id| id.to_string());
    let groups = fs::read_to_string(format!("/proc/{of}/cgroup")).ok()?;
    least_limit(Path::new("/sys/fs/cgroup"), &groups)
}

/// The least limit on the way from each of these groups up to what is mounted. In a container the upper part of the way is
/// often not to be seen, and the group is itself what is mounted.
fn least_limit(mounted: &Path, groups: &str) -> Option<u64> {
    let limits = groups.lines().filter_map(|line| {
        let (controllers, group) = line.split_once(':')?.1.split_once(':')?;
        let (top, name) = match controllers {
            // Version 2 has one hierarchy for all controllers.
            "" => (mounted.to_path_buf(), "memory.max"),
            _ if controllers.split(',').any(|one| one == "memory") => (mounted.join("memory"), "memory.limit_in_bytes"),
            _ => return None,
        };
        let group = top.join(group.trim_start_matches('/'));
        let way = group.ancestors().take_while(|folder| folder.starts_with(&top));
        // Where there is no limit, the file says "max", or a number above all memory.
        way.filter_map(|folder| fs::read_to_string(folder.join(name)).ok()?.trim().parse::<u64>().ok()).min()
    });
    limits.min()
}

/// What a node says of itself: the answers of two of its routes, or why there are none.
pub(crate) struct Answers {
    pub(crate) ready: Value,
    pub(crate) status: Value,
}

impl Answers {
    pub(super) fn none(why: &str) -> Self {
        let none = json!({ "none": why });
        Self { ready: none.clone(), status: none }
    }
}

/// Asks the node that runs how it is: each reason why it is not ready is a finding, and so is a node that does not answer.
pub(super) async fn ask(patient: &Patient<'_>, found: &mut Vec<Finding>) -> Answers {
    for (name, id) in patient.process.iter().flat_map(|node| suspended(*node)) {
        let what = format!("{name} (process {id}) is suspended");
        let why = "somebody has sent it SIGSTOP, or a debugger holds it: it does nothing until it may go on";
        found.push(Finding::stops("readiness", what, why, format!("let it go on: kill -CONT {id}")));
    }
    let url = format!("http://{}", reached(patient.config.api.listen));
    let client = match Client::new(&url) {
        Ok(client) => client,
        Err(error) => return Answers::none(&error.to_string()),
    };
    let answer = match client.probe("/readyz", PATIENCE).await {
        Ok((_, body)) => {
            serde_json::from_slice::<Ready>(&body).map_err(|error| format!("it says no readiness: {error}"))
        }
        Err(error) => Err(error.to_string()),
    };
    let ready = match answer {
        Ok(ready) => ready,
        Err(error) => {
            found.push(silent(patient, &url, &error));
            return Answers::none(&error);
        }
    };
    for reason in &ready.reasons {
        let what = format!("the node that runs is not ready: {} ({})", reason.text, reason.name);
        let why = "it says so itself on /readyz, by which balancers and alerts go";
        let todo = format!("look at its log, and ask again: {}", patient.command("healthz --ready"));
        found.push(Finding::new("readiness", weight(&ready, reason), what, why, todo));
    }
    let status = match client.probe("/v1/status", PATIENCE).await {
        Ok((_, body)) => serde_json::from_slice(&body).unwrap_or_else(|error| json!({ "none": error.to_string() })),
        Err(error) => json!({ "none": error.to_string() }),
    };
    Answers { ready: json!(ready), status }
}

/// A node that is on its way, or whose chain is, needs time and nothing else.
fn weight(ready: &Ready, reason: &Reason) -> Weight {
    let is_not = |name: &str| ready.checks.get(name) == Some(&CheckState::Not);
    let is_on_its_way = ready.height == 0 || ["stopping", "restoring", "catching_up"].into_iter().any(is_not);
    match reason.name.as_str() {
        "settlement_late" | "disk" => Weight::Advice,
        _ if is_on_its_way => Weight::Advice,
        _ => Weight::Stops,
    }
}

/// The finding about a node that does not answer where its configuration says. Its control socket tells a node that hangs
/// from one that was started with another address.
fn silent(patient: &Patient<'_>, url: &str, error: &str) -> Finding {
    let process = patient.process.map(|id| format!(" (process {id})")).unwrap_or_default();
    if control::ask(patient.home, &Request::Level(None)).is_ok() {
        let what = format!("the node that runs{process} works, and does not say at {url} how it is: {error}");
        let why = "it was started with another address of its API, or nobody reaches that";
        let todo = "name the address that it has: diemd healthz --ready --api ADDRESS";
        return Finding::advice("readiness", what, why, todo);
    }
    let what = format!("a process{process} holds this home, and does not say at {url} how it is: {error}");
    let why = "it hangs, or it still starts, or it is another command of diemd, such as prune";
    let todo = "look at its log; where it hangs, end it (kill, then kill -9) and start the node again";
    Finding::stops("readiness", what, why, todo)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn a_process_is_read_whatever_its_name_is() {
        assert_eq!(name_state_parent("12 (cometbft) T 7 12 7 0 -1"), Some(("cometbft", "T", 7)));
        assert_eq!(name_state_parent("12 (a) R (b) S 1 12"), Some(("a) R (b", "S", 1)));
        assert_eq!((name_state_parent("12 (cut"), name_state_parent("12 (a) S")), (None, None));
    }

    #[test]
    fn the_least_limit_of_memory_on_the_way_up_counts_in_both_versions_of_control_groups() {
        let folder = tempfile::tempdir().unwrap();
        let limit = |path: &str, text: &str| {
            let file = folder.path().join(path);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, format!("{text}\n")).unwrap();
        };
        let least = |groups: &str| least_limit(folder.path(), groups);
        let (unit, container) = ("0::/system.slice/diemd.service\n", "4:cpu,memory:/docker/abc\n3:cpuset:/x\n");
        assert_eq!((least(unit), least(container), least("")), (None, None, None));

        limit("system.slice/diemd.service/memory.max", "max");
        assert_eq!(least(unit), None);
        limit("system.slice/memory.max", "3000");
        limit("system.slice/other.service/memory.max", "10");
        assert_eq!(least(unit), Some(3_000));
        limit("system.slice/diemd.service/memory.max", "2000");
        assert_eq!(least(unit), Some(2_000));
        // A group outside of what is mounted here leads nowhere else.
        assert_eq!(least("0::/../../x\n"), None);

        // The group of a container is what is mounted, and its way from the root of the machine is not there.
        limit("memory/memory.limit_in_bytes", "1500");
        assert_eq!(least(container), Some(1_500));
        limit("memory/docker/abc/memory.limit_in_bytes", "9223372036854771712");
        assert_eq!(least(container), Some(1_500));
        assert_eq!(least(&format!("{container}{unit}")), Some(1_500));
    }

    #[test]
    fn what_time_alone_mends_stops_no_node() {
        let weighed = |height: u64, reasons: &[(&str, CheckState)]| {
            let checks = reasons.iter().map(|(name, state)| ((*name).to_owned(), *state)).collect();
            let reasons: Vec<Reason> =
                reasons.iter().map(|(name, _)| Reason { name: (*name).into(), text: "x".into() }).collect();
            let ready = Ready { ready: false, reasons: reasons.clone(), checks, height, peers: None };
            reasons.iter().map(|reason| weight(&ready, reason)).collect::<Vec<_>>()
        };
        let (not, unknown) = (CheckState::Not, CheckState::Unknown);
        let (stops, advice) = (Weight::Stops, Weight::Advice);
        assert_eq!(weighed(7, &[("last_block", not), ("no_peers", not)]), [stops, stops]);
        assert_eq!(weighed(7, &[("last_block", not), ("disk", not)]), [stops, advice]);
        assert_eq!(weighed(7, &[("last_block", not), ("catching_up", not)]), [advice, advice]);
        // An engine that says nothing is told under this name too.
        assert_eq!(weighed(7, &[("catching_up", unknown)]), [stops]);
        assert_eq!(weighed(0, &[("last_block", not)]), [advice]);
    }
}
