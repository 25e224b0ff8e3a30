//! A network of validators with real CometBFT in the process of the test, and checks of its economy.

use std::sync::Arc;

use bytes::Bytes;
use diem_api::{Base64Bytes, Hash, LightBlock, Validator, encoding::encode_header};
use diem_bank as bank;
use diem_comet::Peer;
use diem_config::consensus_key;
use diem_core::{Address, encoding::HexBytes};
use diem_engine::engine::{Engine as _, Wait};
use diem_runtime::App;
use diem_testkit::{Person, TxBuilder, genesis, people, with_validators};
use diem_types::{Call, Event, GenesisDoc};
use tokio::sync::{Semaphore, SemaphorePermit};

use super::home::{Home, Node, PATIENCE, until};

/// The stake of each validator of a network, in VVV.
pub const POWER: u64 = 10_000;

/// What a network of several validators holds while it is there: all tests are threads of one process, and two such
/// networks beside each other would only make each other late.
static TURN: Semaphore = Semaphore::const_new(1);

/// Waits until no other network of several validators is there, for as long as this is held.
pub async fn turn() -> SemaphorePermit<'static> {
    TURN.acquire().await.unwrap()
}

/// A network of validators. A place is empty while its node does not run.
pub struct Network {
    pub homes: Vec<Home>,
    pub nodes: Vec<Option<Node>>,
    /// It is the last field: the nodes end before the next network begins.
    _turn: SemaphorePermit<'static>,
}

impl Network {
    /// Makes the homes of a chain with four people, and starts nothing. The operators are those of the testkit.
    pub async fn new(count: usize, change: impl FnOnce(&mut GenesisDoc)) -> Self {
        let turn = turn().await;
        let mut homes: Vec<Home> = (0..count).map(|_| Home::new()).collect();
        let keys = homes.iter().map(|home| (consensus_key::validator_signing_key(&home.comet()).unwrap(), POWER));
        let mut doc = with_validators(genesis(&people(4)), &keys.collect::<Vec<_>>());
        change(&mut doc);
        let doc = doc.canonical();
        let peer = |home: &Home| Peer {
            id: consensus_key::node_key(&home.comet()).unwrap().id,
            address: home.settings.p2p.to_string(),
        };
        let peers: Vec<Peer> = homes.iter().map(peer).collect();
        for (at, home) in homes.iter_mut().enumerate() {
            home.genesis = doc.clone();
            // The time is enough for votes to arrive on a busy machine.
            home.settings.timing.commit = std::time::Duration::from_millis(300);
            let others = peers.iter().enumerate().filter(|(other, _)| *other != at);
            home.settings.peers = others.map(|(_, peer)| peer.clone()).collect();
        }
        Self { nodes: homes.iter().map(|_| None).collect(), homes, _turn: turn }
    }

    /// Makes a network and starts it.
    pub async fn start(count: usize, change: impl FnOnce(&mut GenesisDoc)) -> Self {
        let mut network = Self::new(count, change).await;
        for at in 0..count {
            network.start_one(at);
        }
        network.reach(2).await;
        network.node(0).running.engine.ready(PATIENCE).await.unwrap();
        network
    }

    pub fn start_one(&mut self, at: usize) {
        let node = self.homes.get(at).unwrap().start();
        *self.nodes.get_mut(at).unwrap() = Some(node);
    }

    pub async fn stop_one(&mut self, at: usize) {
        self.nodes.get_mut(at).unwrap().take().unwrap().stop().await;
    }

    pub async fn stop(mut self) {
        for node in self.nodes.drain(..).flatten() {
            node.stop().await;
        }
    }

    pub fn node(&self, at: usize) -> &Node {
        self.nodes.get(at).unwrap().as_ref().unwrap()
    }

    pub fn app(&self, at: usize) -> &Arc<App> {
        &self.node(at).app
    }

    pub fn doc(&self) -> &GenesisDoc {
        &self.homes.first().unwrap().genesis
    }

    fn running(&self) -> impl Iterator<Item = &Node> {
        self.nodes.iter().flatten()
    }

    /// Waits until all running nodes have this height.
    pub async fn reach(&self, height: u64) {
        for node in self.running() {
            node.reach(height).await;
        }
    }

    /// Waits until all running nodes have this height, and compares their roots.
    pub async fn agree(&self, height: u64) {
        self.reach(height).await;
        let roots: Vec<_> = self.running().map(|node| node.app.index().block(height).unwrap().root).collect();
        assert!(roots.windows(2).all(|pair| pair.first() == pair.last()), "height {height}: {roots:?}");
    }

    /// Checks the invariants of the state on all running nodes.
    pub fn check(&self) {
        for node in self.running() {
            node.app.check_invariants().unwrap();
        }
    }

    /// Sends a call through the first node and waits for its block; returns the height.
    pub async fn call(&self, who: &Person, call: Call) -> u64 {
        let node = self.node(0);
        let nonce = bank::nonce(&node.app.store().latest(), &who.address);
        let tx: Bytes = TxBuilder::new(self.doc(), who, nonce, vec![call]).bytes();
        let hash = diem_core::tx::tx_hash(&tx);
        assert_eq!(node.running.engine.submit(vec![tx.try_into().unwrap()], Wait::Checked).await, [Ok(())]);
        until("the transaction's block", || node.app.index().transaction(&hash).is_some()).await;
        let stored = node.app.index().transaction(&hash).unwrap();
        assert_eq!(stored.result.code, 0, "{}", stored.result.log);
        stored.height
    }

    /// Reads a height as the first node shows it to light clients.
    pub async fn light(&self, height: u64) -> LightBlock {
        let engine = &self.node(0).running.engine;
        let header = engine.signed_header(height, PATIENCE).await.unwrap();
        let listed = async |height| {
            let set = engine.validators(height).await.unwrap();
            let of = |info: &tendermint::validator::Info| Validator {
                address: HexBytes(info.address.as_bytes().into()),
                public_key: Hash(info.pub_key.to_bytes().try_into().unwrap()),
                power: info.power(),
                proposer_priority: info.proposer_priority.value(),
            };
            set.validators().iter().map(of).collect()
        };
        LightBlock {
            height,
            signed_header: Base64Bytes(encode_header(&header)),
            validators: listed(height).await,
            next_validators: listed(height + 1).await,
        }
    }

    /// The power of an operator's validator at a height; 0 if it is not in the set.
    pub async fn power(&self, height: u64, operator: &Address) -> u64 {
        self.reach(height.saturating_sub(1)).await;
        let latest = self.app(0).snapshot(None).unwrap();
        let key = diem_staking::validator(&latest, operator).unwrap().consensus_key;
        let set = self.node(0).running.engine.validators(height).await.unwrap();
        let found = set.validators().iter().find(|info| info.pub_key.to_bytes() == key);
        found.map_or(0, tendermint::validator::Info::power)
    }
}

/// The events of a node's block steps, by height.
pub fn block_events(app: &App) -> Vec<(u64, Event)> {
    let mut found = Vec::new();
    for height in 1..=app.info().height {
        let events = Event::decode_all(&app.index().block(height).unwrap().events).unwrap();
        found.extend(events.into_iter().map(|event| (height, event)));
    }
    found
}
