//! The node under a service manager, which this test plays: it has the socket and the watchdog of systemd, and looks at
//! when it would start the node again.

use std::{
    fs, io,
    os::unix::net::UnixDatagram,
    path::Path,
    sync::{Arc, mpsc},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use nix::{
    sys::{
        ptrace,
        wait::{WaitPidFlag, waitpid},
    },
    unistd::Pid,
};
use parking_lot::Mutex;
use rustix::process::Signal;

use crate::support::{
    client::{PATIENCE, height, reach, until},
    left_out::left_out,
    ports::Ports,
    process::{run, signal},
    single::{Single, comet_home, instant_home},
};

/// The time after which this service manager would start the node again.
const WATCHDOG: Duration = Duration::from_secs(4);

/// A service manager.
struct Manager {
    socket: String,
    heard: Arc<Mutex<Heard>>,
    _folder: tempfile::TempDir,
}

/// What a service manager has heard.
#[derive(Default)]
struct Heard {
    ready: usize,
    stopping: usize,
    alive: Vec<Instant>,
    /// The last line for people.
    line: String,
}

impl Manager {
    fn listen() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notify");
        let socket = UnixDatagram::bind(&path).unwrap();
        socket.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
        let heard = Arc::new(Mutex::new(Heard::default()));
        let weak = Arc::downgrade(&heard);
        thread::spawn(move || {
            let mut buffer = [0; 4_096];
            while let Some(heard) = weak.upgrade() {
                let length = match socket.recv(&mut buffer) {
                    // It is interrupted where somebody stops this process for a while.
                    Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => {
                        continue;
                    }
                    length => length.unwrap(),
                };
                let mut heard = heard.lock();
                for line in String::from_utf8_lossy(&buffer[..length]).lines() {
                    match line.split_once('=').unwrap() {
                        ("READY", "1") => heard.ready += 1,
                        ("STOPPING", "1") => heard.stopping += 1,
                        ("WATCHDOG", "1") => heard.alive.push(Instant::now()),
                        ("STATUS", line) => heard.line = line.into(),
                        _ => panic!("no service manager knows {line}"),
                    }
                }
            }
        });
        Self { socket: path.to_str().unwrap().into(), heard, _folder: folder }
    }

    fn start(&self, home: &Path) -> Single {
        self.start_with(home, &[])
    }

    fn start_with(&self, home: &Path, args: &[&str]) -> Single {
        let time = WATCHDOG.as_micros().to_string();
        Single::with_environment(home, args, &[("NOTIFY_SOCKET", &self.socket), ("WATCHDOG_USEC", &time)])
    }

    async fn is_ready(&self) {
        until("READY=1", async || (self.heard.lock().ready > 0).then_some(())).await;
    }

    /// Waits until the line for people has these words.
    async fn tells(&self, words: &str) {
        until(words, async || self.line().contains(words).then_some(())).await;
    }

    /// Waits until all has been heard that the node said before it ended.
    async fn hears_the_end(&self) {
        until("STOPPING=1", async || (self.heard.lock().stopping > 0).then_some(())).await;
    }

    /// Waits until the node has said once more that it lives.
    async fn hears(&self) {
        let asked = Instant::now();
        until("WATCHDOG=1", async || self.heard.lock().alive.last().is_some_and(|at| *at > asked).then_some(())).await;
    }

    /// Waits until the node has said nothing for so long that it would be started again.
    async fn hears_nothing(&self) {
        let last = || self.heard.lock().alive.last().copied();
        until("the silence of the node", async || last().is_some_and(|at| at.elapsed() > WATCHDOG).then_some(())).await;
    }

    fn line(&self) -> String {
        self.heard.lock().line.clone()
    }
}

/// The threads of a process by their names.
fn threads(pid: u32) -> Vec<(String, i32)> {
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).unwrap().flatten();
    let named = tasks.map(|task| {
        let name = fs::read_to_string(task.path().join("comm")).unwrap_or_default();
        (name.trim().to_owned(), task.file_name().to_str().unwrap().parse().unwrap())
    });
    named.collect()
}

/// One thread of a process that does not move, while all others do.
struct Frozen {
    thaw: mpsc::Sender<()>,
    tracer: JoinHandle<()>,
}

impl Frozen {
    /// Stops the thread with this id; `None`, and a line that says so, where this machine lets nobody do that.
    fn thread(id: i32) -> Option<Self> {
        let (thaw, thawed) = mpsc::channel();
        let (tell, told) = mpsc::channel();
        // The thread that has stopped another is the only one that may let it go.
        let tracer = thread::spawn(move || {
            let id = Pid::from_raw(id);
            let stopped = ptrace::seize(id, ptrace::Options::empty())
                .and_then(|()| ptrace::interrupt(id))
                .and_then(|()| waitpid(id, Some(WaitPidFlag::__WALL)).map(drop));
            let is_stopped = stopped.is_ok();
            tell.send(stopped).unwrap();
            if is_stopped {
                let _ = thawed.recv();
                ptrace::detach(id, None).unwrap();
            }
        });
        match told.recv().unwrap() {
            Ok(()) => Some(Self { thaw, tracer }),
            Err(error) => {
                left_out("threads", format!("this machine lets no test stop a thread ({error})"));
                None
            }
        }
    }

    fn go_on(self) {
        drop(self.thaw);
        self.tracer.join().unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_manager_hears_that_the_node_lives_as_long_as_nothing_in_it_hangs() {
    let (folder, ports, manager) = (tempfile::tempdir().unwrap(), Ports::claim(), Manager::listen());
    let (home, _) = comet_home(folder.path(), &ports, ["--preset", "dev"]);
    let node = manager.start(&home);
    manager.is_ready().await;
    let (healthy, _) = node.client().probe("/healthz", PATIENCE).await.expect("a node that says READY=1 answers");
    assert!(healthy);
    reach(&node.client(), 2).await;
    manager.hears().await;
    manager.tells("at height ").await;
    let comet = || fs::read_to_string(home.join("cometbft/cometbft.pid")).unwrap().trim().parse::<u32>().unwrap();

    // CometBFT speaks to no service manager.
    let environment = fs::read(format!("/proc/{}/environ", comet())).unwrap();
    let environment = String::from_utf8_lossy(&environment);
    assert!(environment.contains("PATH=") && !environment.contains("NOTIFY") && !environment.contains("WATCHDOG"));

    // A CometBFT that is frozen.
    signal(comet(), Signal::STOP);
    manager.hears_nothing().await;
    manager.tells("CometBFT does not move").await;
    let doctor = run(&["doctor", "--home", home.to_str().unwrap()]);
    let found = String::from_utf8_lossy(&doctor.stdout);
    let suspended = format!("cometbft (process {}) is suspended", comet());
    assert!(found.contains(&suspended) && found.contains(&format!("kill -CONT {}", comet())), "{found}");
    signal(comet(), Signal::CONT);
    manager.hears().await;

    // The thread that commits: of the connections it is the one that CometBFT opened last.
    let number = |name: &str| name.strip_prefix("abci-")?.parse::<u32>().ok();
    let all = threads(node.pid());
    let commits = all.iter().filter_map(|(name, id)| Some((number(name)?, *id))).max().unwrap();
    let supervises = all.iter().find(|(name, _)| name == "diem-comet").unwrap();
    reach(&node.client(), height(&node.client()).await.unwrap() + 1).await;
    if let Some(frozen) = Frozen::thread(commits.1) {
        manager.hears_nothing().await;
        manager.tells(&format!("ABCI connection {}", commits.0)).await;
        let stood = height(&node.client()).await.unwrap();
        frozen.go_on();
        reach(&node.client(), stood + 1).await;
        manager.hears().await;
    }
    // The thread that supervises CometBFT.
    if let Some(frozen) = Frozen::thread(supervises.1) {
        manager.hears_nothing().await;
        manager.tells("supervisor").await;
        frozen.go_on();
        manager.hears().await;
    }
    // A CometBFT that is killed is no reason: its supervisor starts another one.
    signal(comet(), Signal::KILL);
    let stood = height(&node.client()).await.unwrap();
    reach(&node.client(), stood + 2).await;
    manager.hears().await;

    assert_eq!(manager.heard.lock().stopping, 0);
    let log = || fs::read_to_string(home.join("node.log")).unwrap();
    assert!(log().contains("CometBFT has not moved for") && log().contains("everything moves again"), "{}", log());
    assert!(node.stop().success());
    manager.hears_the_end().await;
    let heard = manager.heard.lock();
    assert_eq!((heard.ready, heard.stopping, heard.line.as_str()), (1, 1, "stopping"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chain_that_stands_and_a_genesis_that_lies_ahead_are_no_reason_to_start_a_node_again() {
    // One of four makes no block.
    let (folder, ports, manager) = (tempfile::tempdir().unwrap(), Ports::claim(), Manager::listen());
    let (home, _) = comet_home(folder.path(), &ports, ["--preset", "localnet"]);
    waits(&manager, &home).await;
    // Until its genesis time, CometBFT answers nothing.
    let (folder, manager) = (tempfile::tempdir().unwrap(), Manager::listen());
    let (home, _) = comet_home(folder.path(), &ports, ["--preset", "dev"]);
    let genesis = home.join("genesis.json");
    let mut doc = diem_genesis::load(&genesis, None).unwrap();
    doc.genesis_time = diem_core::Time(doc.genesis_time.0 + 3_600_000);
    fs::write(&genesis, diem_genesis::to_json(&doc)).unwrap();
    waits(&manager, &home).await;
}

/// Starts a node that has to wait before its first block, and checks that it is left to wait.
async fn waits(manager: &Manager, home: &Path) {
    let node = manager.start(home);
    manager.is_ready().await;
    let begun = Instant::now();
    while begun.elapsed() < 2 * WATCHDOG {
        manager.hears().await;
    }
    manager.tells("waiting for the first block").await;
    assert!(node.stop().success());
    manager.hears_the_end().await;
    assert_eq!(manager.heard.lock().stopping, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_development_engine_speaks_to_a_service_manager_too_and_a_start_that_fails_says_nothing() {
    let (folder, ports, manager) = (tempfile::tempdir().unwrap(), Ports::claim(), Manager::listen());
    let home = instant_home(folder.path(), &ports);
    let node = manager.start_with(&home, &["--set", "api.drain=40s"]);
    manager.is_ready().await;
    manager.hears().await;
    // The home is in use, so a second node does not start.
    let other = Manager::listen();
    let (status, log) = other.start(&home).ended();
    assert!(!status.success() && log.contains("is in use"), "{log}");
    assert_eq!(other.heard.lock().ready, 0);
    // Whoever supervises the node hears that it stops while it still answers.
    signal(node.pid(), Signal::TERM);
    manager.hears_the_end().await;
    assert!(height(&node.client()).await.is_some());
    assert!(node.stop().success());
    assert_eq!(manager.heard.lock().stopping, 1);
}
