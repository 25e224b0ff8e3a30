//! The command of a watch: it runs once for each change of state, one after the other, beside the watching.

use std::{
    process::{Command, Stdio},
    sync::Arc,
    time::Duration,
};

use diem_host::child::die_with_thread;
use parking_lot::Mutex;
use rustix::process::{Pid, Signal, kill_process_group};
use tokio::{
    sync::mpsc::{Receiver, Sender, channel, error::TrySendError},
    task::JoinHandle,
};

use super::state::Change;

/// The longest that a command may take.
const PATIENCE: Duration = Duration::from_secs(60);
/// The most changes that wait for the command of one before.
const WAITING: usize = 16;

/// The runner of a command. Dropping it kills what runs, and what that has started.
pub(super) struct Commands {
    changes: Sender<Change>,
    trouble: Arc<Mutex<Vec<String>>>,
    running: JoinHandle<()>,
}

impl Commands {
    /// Makes a runner. Must be called on a tokio runtime, on the thread that lives as long as the process: the kernel kills a
    /// command whose thread has ended.
    pub(super) fn start(command: &str) -> Self {
        let (changes, waiting) = channel(WAITING);
        let trouble = Arc::new(Mutex::new(Vec::new()));
        let running = tokio::spawn(run_all(command.into(), waiting, Arc::clone(&trouble)));
        Self { changes, trouble, running }
    }

    /// Has the command run for a change.
    pub(super) fn run(&self, change: &Change) {
        if let Err(TrySendError::Full(change)) = self.changes.try_send(change.clone()) {
            let state = change.state.name();
            self.trouble
                .lock()
                .push(format!("the command was not run for {state}: {WAITING} changes wait for it already"));
        }
    }

    /// What went wrong last, once.
    pub(super) fn trouble(&self) -> Option<String> {
        self.trouble.lock().drain(..).next_back()
    }

    /// Waits until the command has run for every change; returns what went wrong.
    pub(super) async fn finish(self) -> Vec<String> {
        let Self { changes, trouble, running } = self;
        drop(changes);
        // An error says that it has panicked, and then there is nothing to wait for.
        let _ = running.await;
        std::mem::take(&mut *trouble.lock())
    }
}

async fn run_all(command: String, mut changes: Receiver<Change>, trouble: Arc<Mutex<Vec<String>>>) {
    while let Some(change) = changes.recv().await {
        if let Err(why) = run(&command, &change).await {
            trouble.lock().push(format!("the command for {}: {why}", change.state.name()));
        }
    }
}

async fn run(command: &str, change: &Change) -> Result<(), String> {
    let mut shell = Command::new("/bin/sh");
    shell.args(["-c", command]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    for (name, value) in [
        ("VALIDATOR_STATE", change.state.name().to_owned()),
        ("VALIDATOR_WAS", change.was.name().to_owned()),
        ("VALIDATOR_OPERATOR", change.operator.map(|operator| operator.to_string()).unwrap_or_default()),
        ("VALIDATOR_HEIGHT", change.height.map(|height| height.to_string()).unwrap_or_default()),
        ("VALIDATOR_TEXT", change.text.replace('\0', "")),
    ] {
        shell.env(name, value);
    }
    die_with_thread(&mut shell);
    let mut child = tokio::process::Command::from(shell).spawn().map_err(|error| error.to_string())?;
    // Whatever ends this function before the command ends the command with all that it has started.
    let group = Group(child.id());
    let ended = tokio::time::timeout(PATIENCE, child.wait()).await;
    if matches!(ended, Ok(Ok(_))) {
        group.has_ended();
    }
    match ended {
        Ok(Ok(status)) if status.success() => Ok(()),
        Ok(Ok(status)) => Err(format!("it ended with {status}")),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err(format!("it was killed, because it took more than {} s", PATIENCE.as_secs())),
    }
}

/// The process group of a command that has not ended, killed on drop. Until then nobody else can have its id.
struct Group(Option<u32>);

impl Group {
    /// Leaves alone what the command has started and not waited for: its operator wants that to go on.
    fn has_ended(mut self) {
        self.0 = None;
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        let leader = self.0.and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        // An error says that it has just ended.
        let _ = leader.map(|leader| kill_process_group(leader, Signal::KILL));
    }
}
