//! Devnets for tests: `diemd devnet` with a folder and ports of its own.

use std::{
    fs::{self, File},
    os::unix::process::CommandExt as _,
    path::PathBuf,
    process::{Child, Command, ExitStatus, Stdio},
    time::{Duration, Instant},
};

use bytes::Bytes;
use diem_client::{Client, verify::Trust};
use diem_core::{Address, Amount};
use diem_testkit::TxBuilder;
use diem_types::GenesisDoc;
use rustix::process::Signal;
use serde_json::Value;

use super::{
    client::{PATIENCE, person},
    ports::Ports,
    process::{diemd, pid_of, processes_of, signal, wait},
    single::change_genesis,
};

const A_DAY_MS: u64 = 24 * 60 * 60 * 1_000;

/// A window of blocks of which no test sees the half that a validator may miss.
pub const LONG_WINDOW: u32 = 100_000;

/// The engine of a test.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EngineUnderTest {
    Comet,
    Instant,
}

/// A devnet: `diemd devnet` with a folder and ports of its own.
pub struct Devnet {
    engine: EngineUnderTest,
    /// Whether it has a local Base.
    base: bool,
    /// Whether it finds no program that is installed on this machine.
    alone: bool,
    /// The period of its nodes' snapshots, where it is not the one that the chain gives.
    snapshots: Option<&'static str>,
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

    /// Starts a devnet with a local Base; `None`, and a line that says so, where its program is not installed.
    pub fn with_base(engine: EngineUnderTest, more: &[&str]) -> Option<Self> {
        diem_anvil::find_for_tests()?;
        let mut devnet = Self::prepared(engine);
        devnet.base = true;
        devnet.again(more);
        Some(devnet)
    }

    /// Starts a devnet that wants a local Base where its program is not installed and cannot be.
    pub fn without_anvil(engine: EngineUnderTest) -> Self {
        let mut devnet = Self::prepared(engine);
        (devnet.base, devnet.alone) = (true, true);
        devnet.again(&[]);
        devnet
    }

    /// Claims a folder and ports for a devnet that is not started yet.
    pub fn prepared(engine: EngineUnderTest) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let ports = Ports::claim();
        let doc = diem_testkit::genesis(&[]);
        Self { engine, base: false, alone: false, snapshots: None, folder, ports, child: None, ready: Value::Null, doc }
    }

    /// Makes a devnet with a single validator and stops it: its home can be started by [`Single`].
    pub fn of_one(engine: EngineUnderTest) -> Self {
        let mut devnet = Self::start_with(engine, &["--validators", "1"]);
        assert!(devnet.stop().success(), "{}", devnet.said());
        devnet
    }

    /// Starts a devnet of CometBFT whose trusted headers do not grow too old while a test goes on, however slow the machine
    /// is. Its first snapshot comes at the hundredth height: a devnet hands no variable of its own on to its nodes, and by
    /// themselves they take one an hour where stake unbonds for a day.
    pub fn of_long_trust(validators: usize, change: impl FnOnce(&mut GenesisDoc)) -> Self {
        Self::of_another_genesis(validators, Some("10s"), |doc| {
            trust_for_long(doc);
            change(doc);
        })
    }

    /// Starts a devnet of four validators with CometBFT that jails nobody who misses blocks: a test that starts nodes again
    /// may take long on a slow machine, and the others go on meanwhile.
    pub fn that_jails_nobody() -> Self {
        Self::changed(|doc| doc.app.staking.params.signed_window = LONG_WINDOW)
    }

    /// Starts a devnet of four validators with CometBFT whose genesis is changed.
    pub fn changed(change: impl FnOnce(&mut GenesisDoc)) -> Self {
        Self::of_changed(4, change)
    }

    /// As [`Self::changed`], of so many validators.
    pub fn of_changed(validators: usize, change: impl FnOnce(&mut GenesisDoc)) -> Self {
        Self::of_another_genesis(validators, None, change)
    }

    fn of_another_genesis(
        validators: usize,
        snapshots: Option<&'static str>,
        change: impl FnOnce(&mut GenesisDoc),
    ) -> Self {
        let more = ["--validators", &validators.to_string()];
        let mut devnet = Self::start_with(EngineUnderTest::Comet, &more);
        devnet.snapshots = snapshots;
        assert!(devnet.stop().success(), "{}", devnet.said());
        let genesis = devnet.dir().join("genesis.json");
        change_genesis(&genesis, change);
        // The chain begins anew with it: what the homes hold of the former one goes, and their keys stay.
        for node in 0..devnet.nodes() {
            let (home, zero) = (devnet.home(node), r#"{"height":"0","round":0,"step":0}"#);
            fs::copy(&genesis, home.join("genesis.json")).unwrap();
            for folder in ["data", "run", "cometbft/data"] {
                fs::remove_dir_all(home.join(folder)).unwrap();
            }
            fs::remove_file(home.join("cometbft/config/genesis.json")).unwrap();
            fs::create_dir(home.join("cometbft/data")).unwrap();
            fs::write(home.join("cometbft/data/priv_validator_state.json"), zero).unwrap();
        }
        devnet.again(&more);
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

    /// The standard error of the devnet.
    pub fn said(&self) -> String {
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
        if !self.base {
            command.arg("--no-base");
        }
        if self.alone {
            command.current_dir(self.folder.path()).env("PATH", "").env("XDG_CACHE_HOME", self.folder.path());
        }
        command.envs(self.snapshots.map(|every| ("DIEM_SNAPSHOT_EVERY", every)));
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
            // The screen is there a moment after the file.
            if let Ok(text) = fs::read_to_string(self.ready_file())
                && self.screen().contains("Ctrl-C stops everything")
            {
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

/// Has validators answer for what they signed for a day, so that headers are trusted for longer than a test takes, however
/// slow the machine is.
pub fn trust_for_long(doc: &mut GenesisDoc) {
    doc.app.staking.params.unbonding_ms = A_DAY_MS;
    doc.consensus.evidence_max_age_ms = A_DAY_MS;
}

impl Drop for Devnet {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            // One that has ended by itself is only waited for.
            if child.try_wait().unwrap().is_none() {
                signal(child.id(), Signal::TERM);
            }
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
