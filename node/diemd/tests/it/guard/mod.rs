//! No validator signs twice: the guard, the listening, and the moving of a key, on real CometBFT.

mod killed;
mod listening;
mod moving;
mod restarts;
mod twins;
mod votes;

use std::{
    fs,
    path::{Path, PathBuf},
};

use diem_client::Client;
use diem_config::{consensus_key, signing_state};
use tokio::sync::SemaphorePermit;

use crate::support::{
    client::{height, until},
    devnet::Devnet,
    network::turn,
    process::run,
    single::Single,
};

/// The validator whose key these tests lead into temptation.
const LAST: usize = 3;

/// Four validators of one chain, each a process of its own.
struct Four {
    devnet: Devnet,
    nodes: Vec<Option<Single>>,
    _turn: SemaphorePermit<'static>,
}

impl Four {
    /// Makes a chain of four and starts its nodes.
    async fn start() -> Self {
        let mut four = Self::stopped().await;
        for node in 0..4 {
            four.start_one(node, &[]);
        }
        four.others_make(2).await;
        four
    }

    /// Makes a chain of four that has some blocks and stands.
    async fn stopped() -> Self {
        let turn = turn().await;
        let mut devnet = Devnet::that_jails_nobody();
        until("the first blocks", async || height(&devnet.client(0)).await.filter(|height| *height >= 3)).await;
        assert!(devnet.stop().success());
        Self { devnet, nodes: (0..4).map(|_| None).collect(), _turn: turn }
    }

    fn home(&self, node: usize) -> PathBuf {
        self.devnet.home(node)
    }

    fn start_one(&mut self, node: usize, args: &[&str]) {
        self.nodes[node] = Some(Single::start(&self.home(node), args));
    }

    fn stop_one(&mut self, node: usize) {
        assert!(self.nodes[node].take().unwrap().stop().success());
    }

    /// Runs a command on the home of a node, for an answer in JSON.
    fn ask(&self, node: usize, words: &[&str]) -> serde_json::Value {
        let (home, form) = (self.home(node), ["--output", "json", "--home"]);
        let output = run(&[words, &form, &[home.to_str().unwrap()]].concat());
        assert!(output.status.success(), "{}", crate::support::process::words(&output));
        serde_json::from_slice(&output.stdout).unwrap()
    }

    fn stop(&mut self) {
        for node in 0..4 {
            if self.nodes[node].is_some() {
                self.stop_one(node);
            }
        }
    }

    fn client(&self, node: usize) -> Client {
        self.nodes[node].as_ref().unwrap().client()
    }

    /// Waits until the first validator has made so many more blocks; returns its height.
    async fn others_make(&self, blocks: u64) -> u64 {
        let client = self.client(0);
        let from = until("an answer", async || height(&client).await).await;
        until("blocks of the others", async || height(&client).await.filter(|height| *height >= from + blocks)).await
    }

    /// Waits until a validator has signed a height above `height`; returns the height that it signed.
    async fn signs_above(&self, node: usize, height: u64) -> u64 {
        let file = state_file(&self.home(node));
        until("a signature", async || signing_state::height(&file).ok().filter(|signed| *signed > height)).await
    }
}

fn state_file(home: &Path) -> PathBuf {
    signing_state::file_of(&home.join("cometbft"))
}

/// The height that the key of a home signed last, by its own account.
fn signed(home: &Path) -> u64 {
    signing_state::height(&state_file(home)).unwrap()
}

fn address(home: &Path) -> [u8; 20] {
    consensus_key::key_address(&home.join("cometbft")).unwrap()
}

fn log(home: &Path) -> String {
    fs::read_to_string(home.join("node.log")).unwrap_or_default()
}

/// What a node logs from now on.
struct Log {
    home: PathBuf,
    from: usize,
}

impl Log {
    fn from_now(home: &Path) -> Self {
        Self { home: home.into(), from: log(home).len() }
    }

    fn text(&self) -> String {
        log(&self.home)[self.from..].to_owned()
    }
}

/// Starts a node that must not sign: it ends with exit code 7. Returns what it said.
fn refused(home: &Path, args: &[&str]) -> String {
    let log = Log::from_now(home);
    let (status, _) = Single::start(home, args).ended();
    let said = log.text();
    assert_eq!(status.code(), Some(7), "{said}");
    assert!(said.contains("signing is not safe") && said.contains("priv_validator_state.json"), "{said}");
    said
}
