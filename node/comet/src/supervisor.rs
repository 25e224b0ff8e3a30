//! The supervisor that runs CometBFT as a child for as long as this process lives.
//!
//! One thread starts it, watches it, restarts it when it ends on its own, and stops it. The kernel ends the child when
//! the *thread* that started it ends, and so this thread, which lives on, starts it. A child that a killed process left
//! behind is found by its pid file and ended at the next start.

mod advice;
mod chunks;
mod log;
mod process;
mod signer;

use std::{
    io,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, ExitStatus},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc::{Receiver, RecvTimeoutError, Sender, channel},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

use diem_host::{
    critical,
    ports::{self, ListenError},
    pulse::{BEAT, Pulse},
};
use parking_lot::Mutex;

use crate::abci::ConnectionWatch;
use advice::Outlook;
pub(crate) use advice::{NO_HEADER, ONE_KEY};
use log::{LastWords, Story};
pub(crate) use process::end_leftover;
use signer::{News, SignerWatch};

/// The interval at which the child is polled.
const TICK: Duration = Duration::from_millis(50);
/// The pauses before a restart, which double from the first to the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// The run time after which a child counts as started well.
const HEALTHY: Duration = Duration::from_secs(30);
/// The number of short lives in a row after which the supervisor gives up.
const MAX_SHORT_LIVES: u32 = 6;
/// The longest that connections of a dead CometBFT may last before they are closed from our side.
const CONNECTION_PATIENCE: Duration = Duration::from_secs(30);

/// A port that CometBFT will listen on, and the setting to change if it is taken.
#[derive(Debug, Clone)]
pub struct Port {
    /// The address of the port.
    pub address: SocketAddr,
    /// The purpose of the port, for people.
    pub purpose: &'static str,
    /// The setting of `diemd` that moves it.
    pub setting: &'static str,
}

/// The plan by which CometBFT is run.
pub struct Plan {
    /// The path of the binary, from [`super::find()`].
    pub binary: PathBuf,
    /// CometBFT's home.
    pub home: PathBuf,
    /// The path of the file with the child's process id.
    pub pid_file: PathBuf,
    /// The ports that it will listen on.
    pub ports: Vec<Port>,
    /// The grace period: the longest time that it may take to stop when asked.
    pub grace: Duration,
    /// The connections of the ABCI server: a new CometBFT starts when those of the last one are closed.
    pub connections: ConnectionWatch,
    /// The socket at which CometBFT waits for a remote signer. It leaves the file behind, and does not start where one is.
    pub signer_socket: Option<PathBuf>,
    /// Set while the remote signer is away. A CometBFT that does not start without it is started again for ever.
    pub waits_for_signer: Arc<AtomicBool>,
    /// The last committed height.
    pub height: Box<dyn Fn() -> u64 + Send>,
    /// The callback that is called when CometBFT has ended by itself and is started again.
    pub on_restart: Box<dyn Fn() + Send>,
    /// The callback that is called with a sentence when CometBFT cannot be kept running.
    pub on_give_up: Arc<dyn Fn(&str) + Send + Sync>,
}

/// The reason why CometBFT is not started.
#[derive(Debug, thiserror::Error)]
pub enum SupervisorError {
    /// CometBFT could not listen where it should.
    #[error(transparent)]
    Port(#[from] ListenError),
    /// The child of an earlier run, with this process id, does not end.
    #[error("CometBFT of an earlier run (process {0}) cannot be ended: end it yourself and start again")]
    Leftover(u32),
    /// The binary does not start, or a file cannot be written.
    #[error("CometBFT cannot be started: {0}")]
    Start(#[from] io::Error),
}

/// What the supervisor is told to do with the child.
enum Command {
    /// To stop it, and end.
    Stop,
    /// To stop it and start it anew, with the configuration that it finds then.
    Restart,
}

/// Has CometBFT started anew, from anywhere.
#[derive(Clone)]
pub struct Restarter(Sender<Command>);

impl Restarter {
    /// Stops CometBFT in order and starts it anew, with the configuration that it finds then.
    pub fn restart(&self) {
        // The send fails if the supervisor has ended, and CometBFT with it.
        let _ = self.0.send(Command::Restart);
    }
}

/// A running supervisor. Dropping it stops CometBFT.
pub struct Supervisor {
    commands: Sender<Command>,
    thread: Option<JoinHandle<()>>,
    status: Arc<Mutex<Status>>,
    stopping: Arc<AtomicBool>,
}

/// The state of the child.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Status {
    /// The child's process id, while there is one.
    pub pid: Option<u32>,
    /// The number of restarts.
    pub restarts: u64,
}

impl Supervisor {
    /// Ends a child that an earlier run left, checks the ports, starts CometBFT and returns when it runs.
    ///
    /// # Errors
    /// [`SupervisorError`] says what to do.
    pub fn start(plan: Plan) -> Result<Self, SupervisorError> {
        let (commands, received) = channel();
        let (started, first) = channel();
        let status = Arc::new(Mutex::new(Status::default()));
        let stopping = Arc::new(AtomicBool::new(false));
        let watcher = Watcher {
            plan,
            commands: received,
            status: Arc::clone(&status),
            stopping: Arc::clone(&stopping),
            pulse: Pulse::start("the supervisor of CometBFT"),
        };
        let thread = critical::spawn("comet", move || watcher.run(&started))?;
        let refused = match first.recv() {
            Ok(Ok(())) => return Ok(Self { commands, thread: Some(thread), status, stopping }),
            Ok(Err(error)) => error,
            Err(_) => io::Error::other("its supervisor ended at once").into(),
        };
        // What the thread holds, the application among it, is let go of before the caller hears of the failure.
        let _ = thread.join();
        Err(refused)
    }

    /// The present state of the child.
    pub fn status(&self) -> Status {
        *self.status.lock()
    }

    /// A handle that has CometBFT started anew.
    pub fn restarter(&self) -> Restarter {
        Restarter(self.commands.clone())
    }

    /// Announces that this node, and perhaps others with it, are about to stop: CometBFT's messages about that are not
    /// shown as warnings.
    pub fn prepare_stop(&self) {
        self.stopping.store(true, Ordering::Relaxed);
    }

    /// Stops CometBFT: it is asked to, and killed after the grace period.
    pub fn stop(mut self) {
        self.finish();
    }

    fn finish(&mut self) {
        self.prepare_stop();
        // The send fails if the thread has ended already, and then it has stopped its child.
        let _ = self.commands.send(Command::Stop);
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the supervisor of CometBFT panicked");
        }
    }
}

impl Drop for Supervisor {
    fn drop(&mut self) {
        self.finish();
    }
}

/// The way in which a child's life ended.
enum End {
    Asked,
    /// It was stopped to be started anew.
    ToRestart,
    OnItsOwn(ExitStatus),
    /// The process lived on, but consensus in it had failed; it was stopped.
    Failed(Story),
}

struct Watcher {
    plan: Plan,
    commands: Receiver<Command>,
    status: Arc<Mutex<Status>>,
    stopping: Arc<AtomicBool>,
    /// It beats while the child is watched, and while a pause before its next start lasts.
    pulse: Pulse,
}

impl Watcher {
    fn run(self, started: &Sender<Result<(), SupervisorError>>) {
        let first = self.prepare().and_then(|()| Ok(self.spawn()?));
        let (mut child, mut words) = match first {
            Ok(first) => first,
            Err(error) => {
                let _ = started.send(Err(error));
                return;
            }
        };
        let _ = started.send(Ok(()));
        let mut short_lives = 0u32;
        loop {
            let born = Instant::now();
            let end = self.watch(&mut child, &words);
            self.status.lock().pid = None;
            let _ = std::fs::remove_file(&self.plan.pid_file);
            let Story { text: story, outlook } = match end {
                End::Asked => return,
                End::ToRestart => match self.again(Duration::ZERO) {
                    Some(Ok((next, next_words))) => {
                        (child, words) = (next, next_words);
                        continue;
                    }
                    Some(Err(error)) => return self.give_up(&format!("CometBFT cannot be started anew: {error}")),
                    None => return,
                },
                End::Failed(Story { text, .. }) => return self.give_up(&format!("consensus has failed: {text}")),
                End::OnItsOwn(status) => words.explain(status),
            };
            let waited = self.plan.waits_for_signer.swap(outlook == Outlook::Waiting, Ordering::Relaxed);
            match outlook {
                Outlook::Same => return self.give_up(&format!("CometBFT ended, and would again: {story}")),
                Outlook::Waiting => {
                    if !waited {
                        tracing::info!("waiting for the signer, for as long as it takes: {story}");
                    }
                    match self.again(FIRST_PAUSE) {
                        Some(Ok(next)) => (child, words) = next,
                        Some(Err(error)) => return self.give_up(&format!("CometBFT cannot be started again: {error}")),
                        None => return,
                    }
                    continue;
                }
                Outlook::Open | Outlook::Later => {}
            }
            short_lives = if born.elapsed() < HEALTHY { short_lives.saturating_add(1) } else { 1 };
            if outlook == Outlook::Open && short_lives >= MAX_SHORT_LIVES {
                return self.give_up(&format!("CometBFT ended {short_lives} times in a row: {story}"));
            }
            let pause = pause(short_lives);
            tracing::warn!("CometBFT ended: {story}; it is started again in {} ms", pause.as_millis());
            match self.again(pause) {
                Some(Ok((next, next_words))) => {
                    (self.plan.on_restart)();
                    (child, words) = (next, next_words);
                }
                Some(Err(error)) => return self.give_up(&format!("CometBFT cannot be started again: {error}")),
                None => return,
            }
        }
    }

    /// Establishes the conditions of the first start: no leftover child, free ports.
    fn prepare(&self) -> Result<(), SupervisorError> {
        process::end_leftover(&self.plan.pid_file, &self.plan.home, self.plan.grace)
            .map_err(SupervisorError::Leftover)?;
        self.plan.ports.iter().try_for_each(check_port)
    }

    fn spawn(&self) -> io::Result<(Child, LastWords)> {
        if let Some(socket) = &self.plan.signer_socket {
            remove_left(socket)?;
        }
        forget_unfinished(&self.plan.home);
        self.plan.connections.hold_requests(true);
        let mut child = process::spawn(&self.plan.binary, &self.plan.home)?;
        let pid = child.id();
        let mut follow = || LastWords::follow(child.stdout.take(), child.stderr.take(), Arc::clone(&self.stopping));
        let words = match write_pid(&self.plan.pid_file, pid).and_then(|()| follow()) {
            Ok(words) => words,
            Err(error) => {
                process::stop(&mut child, Duration::ZERO);
                return Err(error);
            }
        };
        self.status.lock().pid = Some(pid);
        if self.plan.waits_for_signer.load(Ordering::Relaxed) {
            tracing::debug!(pid, "CometBFT started");
        } else {
            tracing::info!(pid, "CometBFT started");
        }
        Ok((child, words))
    }

    /// Waits until the child has ended, the supervisor is told to stop, or consensus in the child has failed; then
    /// makes sure that the child has ended.
    fn watch(&self, child: &mut Child, words: &LastWords) -> End {
        let mut signer = SignerWatch::default();
        loop {
            self.pulse.beat();
            match child.try_wait() {
                Ok(Some(status)) => return End::OnItsOwn(status),
                Ok(None) => {}
                Err(error) => tracing::error!(%error, "CometBFT cannot be watched"),
            }
            if let Some(story) = words.failure() {
                self.stopping.store(true, Ordering::Relaxed);
                self.end(child);
                return End::Failed(story);
            }
            let news = signer.look(words.signer(), &self.plan.waits_for_signer, (self.plan.height)(), Instant::now());
            let command = self.commands.recv_timeout(TICK);
            match news {
                News::Nothing => {}
                News::Away => tracing::warn!("waiting for the signer, for as long as it takes: none is connected"),
                News::Back => tracing::info!("the signer is connected again"),
                News::Stuck => tracing::warn!(
                    "the signer is back and no block comes: CometBFT has given up the vote that it asked for, and is started anew"
                ),
            }
            match command {
                Err(RecvTimeoutError::Timeout) if news != News::Stuck => {}
                Err(RecvTimeoutError::Timeout) | Ok(Command::Restart) => {
                    words.quiet();
                    self.end(child);
                    return End::ToRestart;
                }
                Ok(Command::Stop) | Err(RecvTimeoutError::Disconnected) => {
                    self.end(child);
                    tracing::info!("CometBFT stopped");
                    return End::Asked;
                }
            }
        }
    }

    /// Ends the child. It cannot end in order while a request of its consensus is held.
    fn end(&self, child: &mut Child) {
        self.plan.connections.hold_requests(false);
        process::stop(child, self.plan.grace);
    }

    /// Waits, lets the connections of the last child close, and starts the next one. `None` if told to stop meanwhile.
    fn again(&self, pause: Duration) -> Option<io::Result<(Child, LastWords)>> {
        match self.next_command(pause) {
            Err(RecvTimeoutError::Timeout) | Ok(Command::Restart) => {}
            Ok(Command::Stop) | Err(RecvTimeoutError::Disconnected) => return None,
        }
        self.plan.connections.hold_requests(false);
        // The last connection to close drops the pending block; a new CometBFT may replay only after that.
        if !self.wait_idle() {
            tracing::warn!("connections of the last CometBFT are still open and are closed now");
            self.plan.connections.close_all();
            self.wait_idle();
        }
        let next = self.spawn();
        if next.is_ok() {
            let mut status = self.status.lock();
            status.restarts = status.restarts.saturating_add(1);
        }
        Some(next)
    }

    /// The next command, waited for at most for this time.
    fn next_command(&self, patience: Duration) -> Result<Command, RecvTimeoutError> {
        let started = Instant::now();
        loop {
            self.pulse.beat();
            let left = patience.saturating_sub(started.elapsed());
            match self.commands.recv_timeout(left.min(BEAT)) {
                Err(RecvTimeoutError::Timeout) if left > BEAT => {}
                other => return other,
            }
        }
    }

    /// Waits until no connection of CometBFT is open; `false` if that takes too long.
    fn wait_idle(&self) -> bool {
        let started = Instant::now();
        loop {
            self.pulse.beat();
            if self.plan.connections.wait_idle(BEAT) {
                return true;
            }
            if started.elapsed() >= CONNECTION_PATIENCE {
                return false;
            }
        }
    }

    fn give_up(&self, sentence: &str) {
        (self.plan.on_give_up)(sentence);
    }
}

/// The pause before a restart, which grows with each short life.
fn pause(short_lives: u32) -> Duration {
    let factor = 2u32.saturating_pow(short_lives.saturating_sub(1));
    FIRST_PAUSE.saturating_mul(factor).min(LONGEST_PAUSE)
}

fn check_port(port: &Port) -> Result<(), SupervisorError> {
    Ok(ports::check(port.address, port.purpose, &format!("set `{}` to another port", port.setting))?)
}

/// Removes the files that CometBFT had begun to write when it was killed: it gives each its name when all of it is there, and
/// never looks at one without a name again. What cannot be removed takes a little room and no more.
fn forget_unfinished(home: &Path) {
    for folder in ["config", "data"] {
        for entry in std::fs::read_dir(home.join(folder)).into_iter().flatten().flatten() {
            if entry.file_name().as_encoded_bytes().starts_with(b"write-file-atomic-") {
                let _ = std::fs::remove_file(entry.path());
            }
        }
    }
}

/// Removes a socket that an earlier CometBFT left. What is no socket is not touched: the start then fails at it.
fn remove_left(socket: &Path) -> io::Result<()> {
    use std::os::unix::fs::FileTypeExt as _;
    match std::fs::symlink_metadata(socket) {
        Ok(found) if found.file_type().is_socket() => std::fs::remove_file(socket),
        _ => Ok(()),
    }
}

fn write_pid(path: &Path, pid: u32) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    std::fs::write(path, format!("{pid}\n"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn pauses_grow_to_a_limit() {
        assert_eq!(pause(1), Duration::from_millis(500));
        assert_eq!(pause(3), Duration::from_secs(2));
        assert_eq!(pause(u32::MAX), Duration::from_secs(30));
    }

    #[test]
    fn what_was_not_written_to_its_end_goes_and_nothing_else() {
        let home = tempfile::tempdir().unwrap();
        let names = ["config/write-file-atomic-017", "data/write-file-atomic-9", "config/addrbook.json", "data/cs.wal"];
        for name in names {
            std::fs::create_dir_all(home.path().join(name).parent().unwrap()).unwrap();
            std::fs::write(home.path().join(name), "x").unwrap();
        }
        forget_unfinished(home.path());
        assert_eq!(names.map(|name| home.path().join(name).exists()), [false, false, true, true]);
    }

    #[test]
    fn a_busy_port_is_named_with_its_setting() {
        let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = taken.local_addr().unwrap();
        let port = Port { address, purpose: "CometBFT's RPC", setting: "comet.rpc" };
        let error = check_port(&port).unwrap_err().to_string();
        assert!(error.contains(&format!("port {} on 127.0.0.1", address.port())), "{error}");
        assert!(error.contains("CometBFT's RPC") && error.contains("`comet.rpc`"), "{error}");
        ports::give_back(taken);
        check_port(&port).unwrap();
    }
}
