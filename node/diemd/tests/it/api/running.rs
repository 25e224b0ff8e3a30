//! A whole node in this process: application, instant engine, HTTP on a free port, and a client of it.

use std::{net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

use diem_api::{State, Transaction, Wait};
use diem_client::{Client, verify::Trust};
use diem_core::{Address, Amount, keys::SecretKey};
use diem_engine::{
    Engine,
    engine::{BlockMode, Warp},
};
use diem_host::clock::{Clock, wall_clock};
use diem_http::health::ReadyLimits;
use diem_instant::InstantEngine;
use diem_runtime::App;
use diem_testkit::{
    economy,
    people::{Person, TxBuilder, genesis, people, with_validators},
};
use diem_types::{Call, GenesisDoc};

use crate::support::instant::{InstantNode, Start, genesis_file};

/// A running node, which ends when dropped.
pub struct Running {
    pub client: Client,
    pub app: Arc<App>,
    pub engine: Arc<InstantEngine>,
    pub doc: GenesisDoc,
    pub people: Vec<Person>,
    pub address: SocketAddr,
    node: InstantNode,
    folder: tempfile::TempDir,
}

/// A genesis that the instant engine can run: four people, and two validators whose keys are known.
pub fn dev_genesis(people: &[Person]) -> (GenesisDoc, Vec<ed25519_dalek::SigningKey>) {
    let keys: Vec<_> = [21, 22].map(|seed| ed25519_dalek::SigningKey::from_bytes(&[seed; 32])).into();
    let validators: Vec<_> = keys.iter().map(|key| (SecretKey::ed25519(key.as_bytes()), 10)).collect();
    (with_validators(genesis(people), &validators), keys)
}

/// Starts a node with that mode of making blocks.
pub async fn start(mode: BlockMode) -> Running {
    start_behind(mode, |engine| engine).await
}

/// Starts a node whose HTTP API sees the engine through `disguise`.
pub async fn start_behind(mode: BlockMode, disguise: impl FnOnce(Arc<dyn Engine>) -> Arc<dyn Engine>) -> Running {
    let people = people(4);
    let (doc, keys) = dev_genesis(&people);
    launch(people, doc, keys, mode, wall_clock(), disguise, |_| {}).await
}

/// Starts a node whose server has other options.
pub async fn start_with(mode: BlockMode, change: impl FnOnce(&mut diem_http::Options)) -> Running {
    let people = people(4);
    let (doc, keys) = dev_genesis(&people);
    launch(people, doc, keys, mode, wall_clock(), |engine| engine, change).await
}

/// Starts a node of the small economy, whose time moves by only a millisecond from block to block.
pub async fn start_economy() -> Running {
    start_economy_with(|_| {}).await
}

/// Starts a node of the small economy with a changed genesis.
pub async fn start_economy_with(change: impl FnOnce(&mut GenesisDoc)) -> Running {
    let people = people(economy::PEOPLE);
    let mut doc = economy::economy_genesis(&people);
    change(&mut doc);
    start_economy_of(people, doc).await
}

async fn start_economy_of(people: Vec<Person>, doc: GenesisDoc) -> Running {
    let keys = [0, 1, 2].map(|number| match economy::consensus(number) {
        SecretKey::Ed25519(key) => key,
        SecretKey::Ethereum(_) => panic!("a consensus key is ed25519"),
    });
    let start = doc.genesis_time.millis();
    launch(people, doc, keys.into(), BlockMode::OnDemand, Arc::new(move || start), |engine| engine, |_| {}).await
}

async fn launch(
    people: Vec<Person>,
    doc: GenesisDoc,
    keys: Vec<ed25519_dalek::SigningKey>,
    mode: BlockMode,
    clock: Clock,
    disguise: impl FnOnce(Arc<dyn Engine>) -> Arc<dyn Engine>,
    change: impl FnOnce(&mut diem_http::Options),
) -> Running {
    let folder = tempfile::tempdir().unwrap();
    let mut http = diem_http::Options {
        // The time is short, so that a test need not wait long until a chain stalls.
        ready: ReadyLimits { last_block: Duration::from_secs(1), ..ReadyLimits::default() },
        // Under this name the node looks to its clients like one on another machine.
        hosts: vec!["0.0.0.0".into()],
        ..diem_http::Options::default()
    };
    change(&mut http);
    let node = InstantNode::start(folder.path(), Start { doc: &doc, keys, mode, clock, http }, disguise).await;
    let client = Client::new(&node.url()).unwrap();
    let (app, engine, address) = (Arc::clone(&node.app), Arc::clone(&node.engine), node.address);
    Running { client, app, engine, doc, people, address, node, folder }
}

impl Running {
    /// Builds a transfer of one person to another, which can be changed before it is signed.
    pub fn transfer(&self, from: usize, nonce: u64, to: usize, units: u128) -> TxBuilder {
        TxBuilder::transfer(&self.doc, &self.people[from], nonce, self.people[to].address, Amount::new(units))
    }

    /// Commits a transaction with the sender's next nonce and these calls.
    ///
    /// # Panics
    /// The transaction fails in its block.
    pub async fn commit(&self, sender: &Person, calls: Vec<Call>) -> Transaction {
        let nonce = self.client.account(&sender.address, None, false).await.unwrap().nonce;
        let tx = TxBuilder::new(&self.doc, sender, nonce, calls).bytes();
        let answer = self.client.submit(tx.to_vec(), Wait::Committed, Duration::from_secs(30)).await.unwrap();
        assert_eq!(answer.state, State::Committed, "{answer:?}");
        answer.tx.unwrap()
    }

    /// Moves the time of the next block on by that many milliseconds and makes it.
    pub async fn pass(&self, millis: u64) {
        let controls = self.engine.dev().unwrap();
        controls.warp(Warp::By(millis)).await.unwrap();
        controls.mine(1).await.unwrap();
    }

    /// Starts another node, whose chain starts from an export of this one.
    pub async fn continued(&self) -> Running {
        let time = self.app.index().block(self.app.info().height).unwrap().time;
        start_economy_of(people(economy::PEOPLE), self.app.export(time).unwrap()).await
    }

    /// The address of a person.
    pub fn address_of(&self, person: usize) -> Address {
        self.people[person].address
    }

    /// The trust of a light client in the genesis validators.
    pub fn trust(&self) -> Trust {
        Trust::from_genesis(&self.doc).unwrap()
    }

    /// The path of the file that `GET /v1/genesis` serves.
    pub fn genesis_file(&self) -> PathBuf {
        genesis_file(self.folder.path())
    }

    /// Asks the server to stop and waits until it has stopped.
    pub async fn stop(&mut self) {
        self.node.stop().await;
    }
}
