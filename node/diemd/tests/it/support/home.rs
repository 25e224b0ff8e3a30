//! Nodes with real CometBFT, in the process of the test.

use std::{
    net::SocketAddr,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::{Duration, Instant},
};

use bytes::Bytes;
use diem_bank as bank;
use diem_comet::{
    self, Launch, Peer, Running, Settings, Signing, Timing,
    abci::{Address, OnFatal},
};
use diem_config::consensus_key;
use diem_core::{Amount, Denom};
use diem_engine::Commits;
use diem_runtime::{App, Options};
use diem_testkit::{Person, TxBuilder, genesis, people, with_validators};
use diem_types::GenesisDoc;

use super::{ports::is_free, recorder};

/// The patience of a test: far longer than anything here takes, so that a slow machine fails no test.
pub const PATIENCE: Duration = Duration::from_secs(120);

/// The home of a node in a test: its own folder, ports and chain.
pub struct Home {
    pub folder: tempfile::TempDir,
    pub settings: Settings,
    pub genesis: GenesisDoc,
    /// How its key is kept from signing twice.
    pub signing: Signing,
}

/// The first of the ports that nodes here get, and their number: above and below them are those of whole devnets. They
/// lie below the ephemeral range, from which the system gives a port to every connection, so that a node which was
/// stopped finds its own free again.
const FIRST_PORT: u16 = 15_000;
const PORTS: u32 = 4_900;

/// Finds ports that are free at this moment; each process begins to look somewhere else.
pub fn free_ports<const N: usize>() -> [SocketAddr; N] {
    static TAKEN: AtomicU32 = AtomicU32::new(0);
    let next = || {
        let step = std::process::id().wrapping_mul(97).wrapping_add(TAKEN.fetch_add(1, Ordering::Relaxed));
        FIRST_PORT + u16::try_from(step % PORTS).unwrap()
    };
    let free = || std::iter::repeat_with(next).find(|port| is_free(*port)).unwrap();
    std::array::from_fn(|_| SocketAddr::from(([127, 0, 0, 1], free())))
}

impl Home {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        consensus_key::validator_key(&folder.path().join("comet")).unwrap();
        let key = consensus_key::validator_signing_key(&folder.path().join("comet")).unwrap();
        let genesis = with_validators(genesis(&people(4)), &[(key, 10)]);
        let [rpc, p2p, metrics] = free_ports();
        let mut settings = Settings::new("test", Address::of_home(folder.path()).unwrap());
        (settings.rpc, settings.p2p, settings.metrics) = (rpc, p2p, Some(metrics));
        settings.timing = Timing { commit: Duration::from_millis(50), ..Timing::default() };
        let signing = Signing::new(folder.path().join("run"));
        Self { folder, settings, genesis, signing }
    }

    /// Makes a home of the same chain whose key validates nothing, and which stays connected to this one.
    pub fn follower(&self) -> Self {
        let mut home = Self::new();
        home.genesis = self.genesis.clone();
        let id = consensus_key::node_key(&self.comet()).unwrap().id;
        home.settings.peers = vec![Peer { id, address: self.settings.p2p.to_string() }];
        home
    }

    pub fn comet(&self) -> PathBuf {
        self.folder.path().join("comet")
    }

    pub fn launch(&self, app: Arc<App>, commits: Arc<Commits>, on_fatal: OnFatal) -> Launch {
        Launch {
            home: self.comet(),
            binary: binary(),
            origin: self.genesis.clone().into(),
            settings: self.settings.clone(),
            app,
            commits,
            signing: self.signing.clone(),
            on_fatal,
        }
    }

    pub fn start(&self) -> Node {
        // However late a test looks at a height on a slow machine, its state is there.
        let store = diem_store::Options { ring: 1_000, ..diem_store::Options::default() };
        let options = Options { store, ..Options::default() };
        let app = Arc::new(App::open(&self.folder.path().join("data"), options).unwrap());
        let commits = super::commits(&app);
        let (on_fatal, _) = recorder();
        let running = self.launch(Arc::clone(&app), Arc::clone(&commits), on_fatal).start().unwrap();
        Node { app, commits, running }
    }

    pub fn transfer(&self, from: &Person, nonce: u64) -> Bytes {
        TxBuilder::transfer(&self.genesis, from, nonce, people(2)[1].address, Amount::ONE).bytes()
    }
}

pub fn binary() -> PathBuf {
    diem_comet::find(None, &|_| {}).unwrap().path
}

pub struct Node {
    pub app: Arc<App>,
    pub commits: Arc<Commits>,
    pub running: Running,
}

impl Node {
    pub async fn reach(&self, height: u64) {
        let mut heights = self.commits.subscribe();
        let reached = tokio::time::timeout(PATIENCE, heights.wait_for(|found| *found >= height)).await;
        assert!(reached.is_ok(), "height {height} was not reached, but {}", self.app.info().height);
    }

    pub async fn stop(self) {
        tokio::task::spawn_blocking(move || self.running.stop()).await.unwrap();
    }
}

pub async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let started = Instant::now();
    while !holds() {
        assert!(started.elapsed() < PATIENCE, "{what} did not happen");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

pub fn vvv(app: &App, person: &Person) -> Amount {
    bank::balance(&app.store().latest(), &person.address, Denom::Vvv)
}
