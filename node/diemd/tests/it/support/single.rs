//! Single nodes for tests: a home, and `diemd start` on it. Everything binds loopback and ends when its value is dropped.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Child, ExitStatus, Stdio},
};

use diem_client::Client;
use diem_core::{Address, Amount};
use diem_types::GenesisDoc;
use rustix::process::Signal;
use serde_json::Value;

use super::{
    ports::Ports,
    process::{diemd, run, signal, wait, words},
};

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

    pub fn is_running(&mut self) -> bool {
        self.child.as_mut().unwrap().try_wait().unwrap().is_none()
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

/// Changes a genesis of a chain that has not begun yet.
pub fn change_genesis(genesis: &Path, change: impl FnOnce(&mut GenesisDoc)) {
    let mut doc = diem_genesis::load(genesis, None).unwrap();
    change(&mut doc);
    fs::write(genesis, diem_genesis::to_json(&doc)).unwrap();
}

/// Adds so many accounts of one VVV to a genesis.
pub fn add_accounts(doc: &mut GenesisDoc, accounts: u32) {
    for number in 0..accounts {
        let mut address = [0x77; 20];
        address[..4].copy_from_slice(&number.to_be_bytes());
        let account = diem_bank::Account { vvv: Amount::ONE, ..diem_bank::Account::default() };
        doc.app.bank.accounts.insert(Address(address), account);
    }
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
