//! Devnets and single nodes for tests. Everything binds loopback and ends when its value is dropped.

use std::{
    fs::{self, File},
    io::{PipeReader, PipeWriter, Write as _},
    os::unix::process::CommandExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Output, Stdio},
    time::{Duration, Instant},
};

use bytes::Bytes;
use diem_api::{BlockId, State, Submitted, Wait};
use diem_client::{Client, verify::Trust};
use diem_core::{Address, Amount, keys::KeyKind};
use diem_genesis::presets::{TEST_MNEMONIC, person_path};
use diem_testkit::{Person, TxBuilder};
use diem_types::GenesisDoc;
use diem_wallet::derive;
use rustix::{
    fs::{OFlags, fcntl_getfl, fcntl_setfl},
    process::{Pid, Signal, kill_process},
};
use serde_json::Value;

#[path = "../support/ports.rs"]
mod ports;

pub(crate) use ports::Ports;

/// The patience of a test: far longer than anything here takes, so that a slow machine fails no test.
pub const PATIENCE: Duration = Duration::from_secs(180);

/// The program under test. It reads no setting of the shell that runs the test, where the size of a test is a variable
/// of the same prefix.
pub fn diemd() -> Command {
    program(Path::new(env!("CARGO_BIN_EXE_diemd")))
}

/// A program like [`diemd`] that stands elsewhere.
pub fn program(path: &Path) -> Command {
    let mut command = Command::new(path);
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("DIEM_")) {
        command.env_remove(name);
    }
    command
}

/// Runs the program to its end.
pub fn run(args: &[&str]) -> Output {
    diemd().args(args).stdin(Stdio::null()).output().unwrap()
}

/// The standard error of a command.
pub fn words(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Sends a signal to one process.
pub fn signal(pid: u32, signal: Signal) {
    let pid = Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
    kill_process(pid, signal).unwrap();
}

/// Polls `look` until it returns a value.
pub async fn until<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let started = Instant::now();
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(started.elapsed() < PATIENCE, "{what} did not happen");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// The engine of a test.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EngineUnderTest {
    Comet,
    Instant,
}

/// A devnet: `diemd devnet` with a folder and ports of its own.
pub struct Devnet {
    engine: EngineUnderTest,
    folder: tempfile::TempDir,
    ports: Ports,
    child: Option<Child>,
    pub ready: Value,
    pub doc: GenesisDoc,
}

impl Devnet {
    /// Starts a devnet and waits until it is ready.
    pub fn start(engine: EngineUnderTest) -> Self {
        Self::start_with(engine, &[])
    }

    /// Starts a devnet with further arguments.
    pub fn start_with(engine: EngineUnderTest, more: &[&str]) -> Self {
        let mut devnet = Self::prepared(engine);
        devnet.again(more);
        devnet
    }

    /// Claims a folder and ports for a devnet that is not started yet.
    pub fn prepared(engine: EngineUnderTest) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let ports = Ports::claim();
        let doc = diem_testkit::genesis(&[]);
        Self { engine, folder, ports, child: None, ready: Value::Null, doc }
    }

    /// Makes a devnet with a single validator and stops it: its home can be started by [`Single`].
    pub fn of_one(engine: EngineUnderTest) -> Self {
        let mut devnet = Self::start_with(engine, &["--validators", "1"]);
        assert!(devnet.stop().success(), "{}", devnet.said());
        devnet
    }

    pub fn dir(&self) -> PathBuf {
        self.folder.path().join("devnet")
    }

    /// The folder with the keys of the wallet.
    pub fn wallet(&self) -> PathBuf {
        self.folder.path().join("wallet")
    }

    pub fn home(&self, node: usize) -> PathBuf {
        self.dir().join(format!("node{}", node + 1))
    }

    pub fn ready_file(&self) -> PathBuf {
        self.folder.path().join("ready.json")
    }

    /// The standard output of the devnet.
    pub fn screen(&self) -> String {
        fs::read_to_string(self.folder.path().join("stdout")).unwrap()
    }

    fn said(&self) -> String {
        fs::read_to_string(self.folder.path().join("stderr")).unwrap()
    }

    /// The command that starts the devnet.
    pub fn command(&self, more: &[&str]) -> Command {
        let mut command = diemd();
        command.arg("devnet").arg("--dir").arg(self.dir()).arg("--home").arg(self.wallet());
        command.arg("--ready-file").arg(self.ready_file());
        command.arg("--port-offset").arg(self.ports.offset.to_string());
        match self.engine {
            EngineUnderTest::Comet => command.args(["--engine", "comet", "--block-time", "400ms"]),
            EngineUnderTest::Instant => command.args(["--engine", "instant"]),
        };
        command.args(more).stdin(Stdio::null()).process_group(0);
        command
    }

    /// Starts the devnet again in the same folder.
    pub fn again(&mut self, more: &[&str]) {
        assert!(self.child.is_none(), "it runs");
        // A devnet that was killed leaves its ready file.
        let _ = fs::remove_file(self.ready_file());
        let output = |name: &str| File::create(self.folder.path().join(name)).unwrap();
        let mut command = self.command(more);
        self.child = Some(command.stdout(output("stdout")).stderr(output("stderr")).spawn().unwrap());
        let started = Instant::now();
        let text = loop {
            if let Ok(text) = fs::read_to_string(self.ready_file()) {
                break text;
            }
            let ended = self.child.as_mut().unwrap().try_wait().unwrap();
            assert!(ended.is_none(), "the devnet ended: {}", self.said());
            assert!(started.elapsed() < PATIENCE, "the devnet is not ready: {}", self.said());
            std::thread::sleep(Duration::from_millis(50));
        };
        self.ready = serde_json::from_str(&text).unwrap();
        self.doc = diem_genesis::load(&self.home(0).join("genesis.json"), None).unwrap();
    }

    pub fn nodes(&self) -> usize {
        self.ready["nodes"].as_array().unwrap().len()
    }

    pub fn client(&self, node: usize) -> Client {
        Client::new(self.ready["nodes"][node]["api"].as_str().unwrap()).unwrap()
    }

    pub fn last(&self) -> Client {
        self.client(self.nodes() - 1)
    }

    /// The trust of a light client in the genesis validators.
    pub fn trust(&self) -> Trust {
        Trust::from_genesis(&self.doc).unwrap()
    }

    /// Asks the devnet to stop, as Ctrl-C does, and waits.
    pub fn stop(&mut self) -> ExitStatus {
        let mut child = self.child.take().unwrap();
        signal(child.id(), Signal::INT);
        wait(&mut child)
    }

    /// Waits until the devnet ends on its own; returns its status and standard error.
    pub fn ended(&mut self) -> (ExitStatus, String) {
        let mut child = self.child.take().unwrap();
        (wait(&mut child), self.said())
    }

    /// Kills the devnet without warning; the kernel tells its nodes.
    pub fn kill(&mut self) {
        let mut child = self.child.take().unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
    }

    /// The ids of the processes of its nodes and their CometBFTs that run now.
    pub fn processes(&self) -> Vec<u32> {
        processes_of(&self.dir())
    }

    /// The id of the process that runs a node, from its pid file.
    pub fn pid(&self, node: usize) -> u32 {
        pid_of(&self.home(node))
    }

    /// Makes a transfer of whole VVV between people of the genesis.
    pub fn transfer(&self, from: u32, nonce: u64, to: Address, vvv: u128) -> Bytes {
        let amount = Amount::ONE.checked_mul(vvv).unwrap();
        TxBuilder::transfer(&self.doc, &person(from), nonce, to, amount).bytes()
    }
}

impl Drop for Devnet {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            signal(child.id(), Signal::TERM);
            wait(&mut child);
        }
        if std::thread::panicking() {
            println!("{}", self.said());
            for node in 0..4 {
                let log = fs::read_to_string(self.home(node).join("node.log")).unwrap_or_default();
                let lines: Vec<&str> = log.lines().collect();
                println!("--- node {}\n{}", node + 1, lines[lines.len().saturating_sub(25)..].join("\n"));
            }
        }
    }
}

/// Waits for a process, and kills it when the patience is over.
pub fn wait(child: &mut Child) -> ExitStatus {
    let started = Instant::now();
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status;
        }
        if started.elapsed() > PATIENCE {
            child.kill().unwrap();
            child.wait().unwrap();
            panic!("process {} does not end", child.id());
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// The process id in a home's pid file.
pub fn pid_of(home: &Path) -> u32 {
    fs::read_to_string(home.join("run/diemd.pid")).unwrap().trim().parse().unwrap()
}

/// The ids of running processes with `folder` in their command line.
pub fn processes_of(folder: &Path) -> Vec<u32> {
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc").unwrap().flatten() {
        let Ok(pid) = entry.file_name().to_string_lossy().parse::<u32>() else { continue };
        let line = fs::read(entry.path().join("cmdline")).unwrap_or_default();
        if String::from_utf8_lossy(&line).contains(&*folder.to_string_lossy()) {
            found.push(pid);
        }
    }
    found
}

/// A person of the genesis: alice is 0, bob 1, carol 2, dave 3.
pub fn person(number: u32) -> Person {
    let phrase = derive::parse_phrase(TEST_MNEMONIC).unwrap();
    let key = derive::derive(&phrase, KeyKind::Ed25519, &person_path(number)).unwrap().key();
    Person { address: key.address(), key }
}

/// Submits a transaction and waits for its block.
pub async fn commit(client: &Client, tx: Bytes) -> Submitted {
    let submitted = client.submit(tx.to_vec(), Wait::Committed, Duration::from_secs(60)).await.unwrap();
    assert_eq!(submitted.state, State::Committed, "{submitted:?}");
    submitted
}

/// The last committed height; `None` while the node does not answer.
pub async fn height(client: &Client) -> Option<u64> {
    client.status().await.ok()?.latest.map(|head| head.height)
}

/// The root of the state after a height.
pub async fn root(client: &Client, height: u64) -> String {
    serde_json::to_value(client.block(BlockId::Height(height), None).await.unwrap()).unwrap()["root"].to_string()
}

/// Waits until the node has committed `wanted`.
pub async fn reach(client: &Client, wanted: u64) -> u64 {
    until(&format!("height {wanted}"), async || height(client).await.filter(|height| *height >= wanted)).await
}

/// A single node, started from its home.
pub struct Single {
    pub home: PathBuf,
    child: Option<Child>,
    pub api: String,
}

impl Single {
    pub fn start(home: &Path, args: &[&str]) -> Self {
        Self::with_environment(home, args, &[])
    }

    pub fn with_environment(home: &Path, args: &[&str], variables: &[(&str, &str)]) -> Self {
        let log = File::options().create(true).append(true).open(home.join("node.log")).unwrap();
        Self::start_with(home, args, variables, log)
    }

    /// Starts the node with its standard error led to `to` instead of a file in its home.
    pub fn start_telling(home: &Path, args: &[&str], to: impl Into<Stdio>) -> Self {
        Self::start_with(home, args, &[], to)
    }

    fn start_with(home: &Path, args: &[&str], variables: &[(&str, &str)], to: impl Into<Stdio>) -> Self {
        let mut command = diemd();
        command.envs(variables.iter().copied());
        command.arg("start").arg("--home").arg(home).args(args).stdin(Stdio::null());
        let child = command.stdout(Stdio::null()).stderr(to).spawn().unwrap();
        let config = fs::read_to_string(home.join("config.toml")).unwrap();
        let config: toml::Table = toml::from_str(&config).unwrap();
        let api = format!("http://{}", config["api"]["listen"].as_str().unwrap());
        Self { home: home.into(), child: Some(child), api }
    }

    pub fn client(&self) -> Client {
        Client::new(&self.api).unwrap()
    }

    pub fn pid(&self) -> u32 {
        self.child.as_ref().unwrap().id()
    }

    pub fn stop(self) -> ExitStatus {
        self.stop_by(Signal::TERM)
    }

    pub fn stop_by(mut self, kind: Signal) -> ExitStatus {
        let mut child = self.child.take().unwrap();
        signal(child.id(), kind);
        wait(&mut child)
    }

    pub fn kill(mut self) {
        let mut child = self.child.take().unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
    }

    /// Waits until the node ends on its own; returns its status and log.
    pub fn ended(mut self) -> (ExitStatus, String) {
        let status = wait(self.child.as_mut().unwrap());
        self.child = None;
        (status, fs::read_to_string(self.home.join("node.log")).unwrap())
    }
}

impl Drop for Single {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Makes a home for the instant engine on these ports.
pub fn instant_home(folder: &Path, ports: &Ports) -> PathBuf {
    let home = folder.join("home");
    let (api, metrics) = (1_317 + ports.offset, 9_464 + ports.offset);
    let (api, metrics) = (format!("127.0.0.1:{api}"), format!("127.0.0.1:{metrics}"));
    let args = ["init", "--engine", "instant", "--api", &api, "--metrics", &metrics, "--home", home.to_str().unwrap()];
    let made = run(&args);
    assert!(made.status.success(), "{}", words(&made));
    home
}

/// Makes a pipe that is full, and whose reader reads nothing.
pub fn full_pipe() -> (PipeReader, PipeWriter) {
    let (reader, mut writer) = std::io::pipe().unwrap();
    let flags = fcntl_getfl(&writer).unwrap();
    fcntl_setfl(&writer, flags | OFlags::NONBLOCK).unwrap();
    while writer.write(&[b'x'; 4_096]).is_ok() {}
    while writer.write(b"x").is_ok() {}
    fcntl_setfl(&writer, flags).unwrap();
    (reader, writer)
}

/// Makes a home for CometBFT on these ports from `source`, which is `--preset NAME` or `--genesis FILE`.
pub fn comet_home(folder: &Path, ports: &Ports, source: [&str; 2]) -> (PathBuf, Value) {
    let home = folder.join("home");
    let at = |port: u16| format!("127.0.0.1:{}", port + ports.offset);
    let set = [("comet.p2p", 26_656), ("comet.rpc", 26_657), ("comet.metrics", 26_660)];
    let set: Vec<String> = set.iter().map(|(key, port)| format!("--set={key}={}", at(*port))).collect();
    let (api, metrics) = (at(1_317), at(9_464));
    let mut args = vec!["init", "--api", &api, "--metrics", &metrics, "--home", home.to_str().unwrap()];
    args.extend(source);
    args.extend(["--output", "json", "--block-time", "400ms"]);
    args.extend(set.iter().map(String::as_str));
    let made = run(&args);
    assert!(made.status.success(), "{}", words(&made));
    (home, serde_json::from_slice(&made.stdout).unwrap())
}

/// The genesis of a chain whose keys are not public: its only account is one that nobody knows, and the node that is
/// made for it becomes its validator.
pub fn own_chain(chain_id: &str) -> String {
    let account = Address([0x5a; 20]);
    format!(
        "chain_id = \"{chain_id}\"\ngenesis_time = \"now\"\n\n[[accounts]]\nname = \"founder\"\naddress = \"{account}\"\n\
         balances = [\"1000000VVV\"]\n"
    )
}
