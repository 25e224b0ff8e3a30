//! A devnet whose nodes and local Base the test runs by itself, so that they have settings that no devnet gives them.

use std::{fs, time::Duration};

use diem_anvil::{LocalBase, Options};
use diem_client::Client;
use diem_core::{Address, Amount};
use diem_genesis::presets::TEST_MNEMONIC;
use serde_json::{Value, json};

use super::base::rpc;
use crate::support::{
    client::answering,
    devnet::{Devnet, EngineUnderTest},
    process::{run, words},
    program::{self, Ran},
    single::Single,
};

/// The number of accounts of the phrase that have ETH on the local Base, as in a devnet.
const ACCOUNTS: u16 = 80;
/// The number of blocks of an epoch of the local Base, as in a devnet; a block is final two epochs later.
const EPOCH: u32 = 2;

/// A devnet whose processes are those of the test.
pub(super) struct Apart {
    /// The nodes that run, each in its place.
    nodes: Vec<Option<Single>>,
    _base: LocalBase,
    pub(super) devnet: Devnet,
}

impl Apart {
    /// Has a devnet bring its bridge to work and stop, and starts its local Base again with a block each `block_time`. No
    /// node runs yet. `None`, and a line that says so, where anvil is not installed.
    pub(super) fn prepared(engine: EngineUnderTest, block_time: Duration) -> Option<Self> {
        Self::with_epoch(engine, block_time, EPOCH)
    }

    /// As [`Self::prepared`], with so many blocks in an epoch of the local Base.
    pub(super) fn with_epoch(engine: EngineUnderTest, block_time: Duration, epoch: u32) -> Option<Self> {
        let mut devnet = Devnet::with_base(engine, &[])?;
        assert!(devnet.stop().success(), "{}", devnet.said());
        let anvil = diem_anvil::find(None).unwrap().unwrap();
        let (_, port) = rpc(&devnet).rsplit_once(':').unwrap();
        let options = Options {
            port: port.parse().unwrap(),
            chain_id: devnet.ready["base"]["chain_id"].as_u64().unwrap(),
            phrase: TEST_MNEMONIC.into(),
            accounts: ACCOUNTS,
            block_time: Some(block_time),
            epoch,
            state: Some(devnet.dir().join("base.json")),
            log: devnet.dir().join("base.log"),
        };
        let base = LocalBase::start(&anvil, &options).unwrap();
        let nodes = (0..devnet.nodes()).map(|_| None).collect();
        Some(Self { nodes, _base: base, devnet })
    }

    /// Starts the nodes that do not run, with these settings, and waits until they answer.
    pub(super) async fn start(&mut self, settings: &[&str]) {
        for node in 0..self.nodes.len() {
            if self.nodes[node].is_none() {
                self.start_one(node, settings);
            }
        }
        for node in 0..self.nodes.len() {
            self.answers(node).await;
        }
    }

    /// Starts a node with these settings, each `KEY=VALUE`.
    pub(super) fn start_one(&mut self, node: usize, settings: &[&str]) {
        let flags: Vec<&str> = settings.iter().flat_map(|setting| ["--set", setting]).collect();
        let before = self.nodes[node].replace(Single::start(&self.devnet.home(node), &flags));
        assert!(before.is_none(), "it runs");
    }

    pub(super) async fn answers(&self, node: usize) -> u64 {
        answering(&self.devnet.client(node)).await
    }

    pub(super) fn kill(&mut self, node: usize) {
        self.nodes[node].take().unwrap().kill();
    }

    /// Stops all nodes that run, in order.
    pub(super) fn stop(&mut self) {
        for node in self.nodes.iter_mut().filter_map(Option::take) {
            assert!(node.stop().success());
        }
    }

    /// Stops all nodes and has each check its state.
    pub(super) fn stop_and_check(&mut self) {
        self.stop();
        for node in 0..self.nodes.len() {
            let checked = run(&["check", "--home", self.devnet.home(node).to_str().unwrap()]);
            assert!(checked.status.success(), "{}", words(&checked));
        }
    }

    /// The client of the first node.
    pub(super) fn client(&self) -> Client {
        self.devnet.client(0)
    }

    /// Runs a command of the wallet against the first node to its end.
    pub(super) async fn run(&self, line: &str) -> Ran {
        let mut command = program::diemd(&self.devnet.wallet(), self.devnet.ready["nodes"][0]["api"].as_str().unwrap());
        command.args(line.split_whitespace());
        program::run(command, "").await
    }

    /// Runs a command of the bridge, which has to succeed and answers in JSON.
    pub(super) async fn bridge(&self, line: &str) -> Value {
        self.run(&format!("bridge {line} --output json")).await.ok().json()
    }

    /// Checks that every nDIEM is covered, as anybody can from both sides.
    pub(super) async fn supply_is_proven(&self) {
        let hash = hex::encode(self.client().genesis().await.unwrap().hash());
        let line = format!("verify-supply --genesis-hash {hash} --base-rpc {}", rpc(&self.devnet));
        let proven = self.bridge(&line).await;
        assert_eq!((&proven["covered"], &proven["proven_by_base"]), (&true.into(), &true.into()), "{proven}");
    }

    /// The DIEM of an account of this chain.
    pub(super) async fn diem(&self, account: &Address) -> Amount {
        self.client().account(account, None, false).await.unwrap().diem.amount
    }

    /// Moves the clock of a development chain ahead, and that of Base.
    pub(super) async fn warp(&self, by: &str) {
        let url = format!("{}/v1/dev/warp", self.devnet.ready["nodes"][0]["api"].as_str().unwrap());
        let answer = reqwest::Client::new().post(url).json(&json!({ "by": by })).send().await.unwrap();
        assert!(answer.status().is_success(), "{}", answer.text().await.unwrap());
    }
}

impl Drop for Apart {
    fn drop(&mut self) {
        if std::thread::panicking() {
            for node in 0..self.nodes.len() {
                let log = fs::read_to_string(self.devnet.home(node).join("node.log")).unwrap_or_default();
                let lines: Vec<&str> = log.lines().collect();
                println!("--- node {}\n{}", node + 1, lines[lines.len().saturating_sub(40)..].join("\n"));
            }
        }
    }
}
