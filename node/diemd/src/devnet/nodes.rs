//! The processes of a devnet.

use std::{
    fs::File,
    os::unix::process::{CommandExt as _, ExitStatusExt as _},
    path::Path,
    process::{Child, Command, ExitStatus, Stdio},
    time::{Duration, Instant},
};

use diem_host::{child, service};
use rustix::process::{Pid, Signal, test_kill_process};

use super::{
    DevnetError,
    homes::{NodePlan, Plan, node_homes},
    screen,
};

/// The longest time that a validator may take to stop when asked. The HTTP API, CometBFT and the threads that use the
/// store take up to 5 s each of it, one after the other.
const GRACE: Duration = Duration::from_secs(20);
/// The interval at which a stopping process is polled.
const TICK: Duration = Duration::from_millis(50);
/// The number of lines of the log that are shown when its validator has ended.
const LAST_LINES: usize = 12;

/// A validator's process.
struct Node {
    number: usize,
    log: std::path::PathBuf,
    child: Child,
    ended: Option<ExitStatus>,
    reported: bool,
}

/// The processes of all validators.
pub(super) struct Nodes(Vec<Node>);

impl Nodes {
    /// Starts every validator. They end when the thread that calls this does.
    pub(super) fn start(plan: &Plan) -> Result<Self, DevnetError> {
        let mut nodes = Self(Vec::new());
        for node in &plan.nodes {
            match spawn(node) {
                Ok(child) => {
                    nodes.0.push(Node { number: node.number, log: node.log(), child, ended: None, reported: false });
                }
                Err(error) => {
                    nodes.kill();
                    return Err(error);
                }
            }
        }
        Ok(nodes)
    }

    fn look(&mut self) {
        for node in &mut self.0 {
            if node.ended.is_none() {
                node.ended = node.child.try_wait().ok().flatten();
            }
        }
    }

    /// The first validator that has ended, with the last lines of its log.
    pub(super) fn first_ended(&mut self) -> Option<DevnetError> {
        self.newly_ended().into_iter().next()
    }

    /// The validators that have ended since the last call.
    pub(super) fn newly_ended(&mut self) -> Vec<DevnetError> {
        self.look();
        let ended = self.0.iter_mut().filter(|node| !node.reported);
        let ended = ended.filter_map(|node| {
            let status = node.ended?;
            node.reported = true;
            Some(DevnetError::Ended {
                validator: node.number,
                how: describe(status),
                code: status.code(),
                log: node.log.clone(),
                last_lines: last_lines(&node.log),
            })
        });
        ended.collect()
    }

    pub(super) fn all_ended(&self) -> bool {
        self.0.iter().all(|node| node.ended.is_some())
    }

    pub(super) fn running(&self) -> usize {
        self.0.iter().filter(|node| node.ended.is_none()).count()
    }

    /// Asks all to end and waits for them, at most for the grace period.
    pub(super) async fn stop(&mut self) {
        self.look();
        for node in self.0.iter().filter(|node| node.ended.is_none()) {
            child::signal(node.child.id(), Signal::TERM);
        }
        let asked = Instant::now();
        while !self.all_ended() && asked.elapsed() < GRACE {
            tokio::time::sleep(TICK).await;
            self.look();
        }
    }

    /// Kills those that still run.
    pub(super) fn kill(&mut self) {
        self.look();
        for node in self.0.iter_mut().filter(|node| node.ended.is_none()) {
            // Each call fails only when the process has ended already.
            let _ = node.child.kill();
            node.ended = node.child.wait().ok();
        }
    }
}

impl Drop for Nodes {
    fn drop(&mut self) {
        self.kill();
    }
}

fn spawn(node: &NodePlan) -> Result<Child, DevnetError> {
    let failed = || DevnetError::io(format!("validator {} cannot be started", node.number));
    let log = File::options().create(true).append(true).open(node.log()).map_err(failed())?;
    let mut command = Command::new(std::env::current_exe().map_err(failed())?);
    command.arg("start").arg("--home").arg(node.home.root());
    command.arg("--die-with-parent").arg(std::process::id().to_string());
    // Each validator reads its own configuration, not that of whoever typed `diemd devnet`.
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("DIEM_")) {
        command.env_remove(name);
    }
    service::conceal(&mut command);
    let output = log.try_clone().map_err(failed())?;
    command.stdin(Stdio::null()).stdout(output).stderr(log);
    // The child has a process group of its own: Ctrl-C at the terminal reaches us, and we stop the validators in order.
    command.process_group(0);
    command.spawn().map_err(failed())
}

pub(super) fn describe(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(0), _) => "has stopped".into(),
        (Some(code), _) => format!("has ended with code {code}"),
        (None, Some(signal)) => format!("was ended by signal {signal}"),
        (None, None) => "has ended".into(),
    }
}

fn last_lines(log: &Path) -> String {
    let text = std::fs::read(log).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    lines.get(lines.len().saturating_sub(LAST_LINES)..).unwrap_or_default().join("\n")
}

/// Ends validators that a killed devnet, which could not tell them to stop, left behind in these homes.
pub(super) fn end_leftovers(dir: &Path) -> Result<(), DevnetError> {
    for home in node_homes(dir)? {
        let pid_file = home.run().join("diemd.pid");
        let Some(pid) = std::fs::read_to_string(&pid_file).ok().and_then(|text| text.trim().parse().ok()) else {
            continue;
        };
        if !is_node_of(pid, home.root()) {
            continue;
        }
        screen::note(&format!("a validator of an earlier devnet still runs (process {pid}) and is ended"));
        child::signal(pid, Signal::TERM);
        if !gone_within(pid, home.root(), GRACE) {
            child::signal(pid, Signal::KILL);
            if !gone_within(pid, home.root(), Duration::from_secs(5)) {
                return Err(DevnetError::Usage(format!(
                    "process {pid} of an earlier devnet cannot be ended: end it yourself and start again"
                )));
            }
        }
    }
    Ok(())
}

/// Whether a process is the node of this home. Process ids are reused: only one that runs `start` for this home is
/// meant.
fn is_node_of(pid: u32, home: &Path) -> bool {
    let Ok(line) = std::fs::read(format!("/proc/{pid}/cmdline")) else { return false };
    let words: Vec<&[u8]> = line.split(|byte| *byte == 0).collect();
    let is_home = |word: &&[u8]| *word == home.as_os_str().as_encoded_bytes();
    words.get(1).is_some_and(|word| *word == b"start") && words.iter().any(is_home)
}

fn gone_within(pid: u32, home: &Path, patience: Duration) -> bool {
    let started = Instant::now();
    let alive = || {
        let known = i32::try_from(pid).ok().and_then(Pid::from_raw);
        known.is_some_and(|known| test_kill_process(known).is_ok()) && is_node_of(pid, home)
    };
    while alive() {
        if started.elapsed() > patience {
            return false;
        }
        std::thread::sleep(TICK);
    }
    true
}
