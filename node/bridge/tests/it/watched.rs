//! A watcher beside a real contract on a local Base, through endpoints of which each can lie.

use std::{path::PathBuf, sync::Arc, time::Duration};

use diem_base::Dev;
use diem_bridge::{Checkpoint, inbound::attested};
use diem_lying_base::{LyingBase, Options};
use diem_node_bridge::{Desk, Keys, Metrics, Registry, Signer, Watcher, Watching};

use crate::world::World;

/// A world whose bridge mints, and endpoints of its Base that can lie one by one.
pub(crate) struct Watched {
    pub(crate) world: World,
    pub(crate) proxy: LyingBase,
}

/// A node that watches, and signs with the keys of all validators.
pub(crate) struct WatchingNode {
    pub(crate) watcher: Watcher,
    pub(crate) signer: Signer,
    pub(crate) stop: PathBuf,
    pub(crate) registry: Registry,
}

impl Watched {
    pub(crate) async fn start() -> Option<Self> {
        Self::of(4).await
    }

    /// With so many validators.
    pub(crate) async fn of(validators: u8) -> Option<Self> {
        let world = World::of(validators).await?;
        let proxy = LyingBase::start(Options::new(&world.local.url())).unwrap();
        let watched = Self { world, proxy };
        watched.relay(1).await;
        Some(watched)
    }

    /// Sends what enough validators have signed.
    pub(crate) async fn relay(&self, account: u8) {
        let (mut relayer, _) = self.world.relayer(account, &[1, 2, 3, 4], Duration::ZERO).await;
        relayer.round().await;
    }

    /// The node of that name with so many endpoints, which are named `one`, `two` and `three`.
    pub(crate) fn node(&self, name: &str, endpoints: usize) -> WatchingNode {
        self.node_with(name, endpoints, |_| ())
    }

    pub(crate) fn node_with(&self, name: &str, endpoints: usize, adjust: impl FnOnce(&mut Watching)) -> WatchingNode {
        let names: Vec<&str> = ["one", "two", "three"].into_iter().take(endpoints).collect();
        let all: Vec<u32> = (1..=self.world.validators).collect();
        self.node_of(name, &all, &names, Duration::MAX, adjust)
    }

    /// A node with the keys of these validators, whose endpoints have these names, and which states something new if its
    /// last statement was not attested for this long.
    pub(crate) fn node_of(
        &self,
        name: &str,
        validators: &[u32],
        endpoints: &[&str],
        patience: Duration,
        adjust: impl FnOnce(&mut Watching),
    ) -> WatchingNode {
        let node = self.world.scene.node_at(name);
        for validator in validators {
            node.put_key(*validator, &format!("bridge_key-{validator}.json"));
        }
        let registry = Registry::new();
        let metrics = Arc::new(Metrics::new(&registry).unwrap());
        let stop = node.home.root().join("bridge_stopped.json");
        let desk = Arc::new(Desk::new(&stop));
        let mut settings = Watching {
            endpoints: endpoints.iter().map(|name| self.proxy.url_of(name)).collect(),
            min_age: Duration::ZERO,
            look_every: Duration::ZERO,
            refuse_for: Duration::ZERO,
            pause_on_alarm: true,
            reverts: false,
        };
        adjust(&mut settings);
        let folder = node.home.root().join("proofs");
        let app = Arc::clone(&self.world.scene.chain.app);
        let watcher =
            Watcher::new(Arc::clone(&app), Arc::clone(&desk), settings, &folder, Arc::clone(&metrics)).unwrap();
        let keys = Keys::of_home(node.home.clone(), self.world.scene.chain.doc.chain_id.clone());
        let signer = Signer::new(app, keys, &node.memory(), metrics).unwrap();
        let signer = signer.again_after(Duration::ZERO).that_heeds(desk, patience);
        WatchingNode { watcher, signer, stop, registry }
    }

    pub(crate) async fn mine(&self, blocks: u64) {
        Dev::new(self.world.bridge.base().clone()).mine(blocks).await.unwrap();
    }

    pub(crate) fn state(&self) -> diem_store::Snapshot {
        self.world.scene.state()
    }

    /// Looks, signs and makes a block, so many times, with two blocks of Base between.
    pub(crate) async fn live(&self, node: &mut WatchingNode, rounds: usize) {
        for _ in 0..rounds {
            self.mine(2).await;
            node.watcher.round().await.unwrap();
            node.signer.round();
            self.world.scene.chain.propose(Vec::new());
        }
    }

    pub(crate) fn last(&self) -> Option<Checkpoint> {
        attested(&self.state()).last
    }
}
