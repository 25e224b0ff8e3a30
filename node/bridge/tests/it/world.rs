//! A chain of validators beside a real contract on a local Base. Where anvil is not installed, it says so.

use std::{sync::Arc, time::Duration};

use diem_anvil::{LocalBase, Options};
use diem_base::{Base, Bridge, Dev, Sender, init_code};
use diem_bridge::{OutboundKind, booking, inbound::applied, setup, state};
use diem_core::keys::EthereumKey;
use diem_engine::relay_cost::RelayCosts;
use diem_node_bridge::{Keys, Metrics, Registry, Relayer, Relaying};
use diem_testkit::operator;

use crate::scene::{BASE, CHECKPOINT_BLOCKS, RECIPIENT, Scene, activate, prepare};

/// The patience with a local Base: far longer than anything here takes, so that a slow machine fails no test.
const PATIENCE: Duration = Duration::from_secs(180);
const ETHER: u128 = 1_000_000_000_000_000_000;

/// A chain of validators, and a local Base with the bridge that it has activated.
pub(crate) struct World {
    pub(crate) scene: Scene,
    pub(crate) bridge: Bridge,
    pub(crate) local: LocalBase,
    /// The number of validators.
    pub(crate) validators: u32,
}

impl World {
    /// `None` where anvil is not installed.
    pub(crate) async fn start() -> Option<Self> {
        Self::of(4).await
    }

    /// With so many validators.
    pub(crate) async fn of(validators: u8) -> Option<Self> {
        let anvil = diem_anvil::find_for_tests()?;
        // The contract takes no sets of another time than Base's.
        let scene = Scene::of_today(validators);
        let options = Options {
            port: 0,
            chain_id: BASE,
            phrase: "test test test test test test test test test test test junk".into(),
            accounts: 1,
            block_time: None,
            epoch: 1,
            state: None,
            log: scene.folder.path().join("anvil.log"),
        };
        let local = LocalBase::start(&anvil, &options).unwrap();
        let base = Base::connect_patiently(&local.url(), BASE, PATIENCE).await.unwrap();
        scene.run(&operator(0), prepare());
        let deployer = funded(&base, 1).await;
        let arguments = setup::constructor(&scene.state()).unwrap();
        let deployed =
            Sender::new(base.clone(), deployer).deploy(&init_code(&arguments), &arguments.salt).await.unwrap();
        scene.run(&operator(0), activate(&scene.state()));
        assert_eq!(deployed.address, state::domain(&scene.state()).unwrap().bridge);
        let world = Self { scene, bridge: Bridge::new(base, deployed.address), local, validators: validators.into() };
        world.sign();
        Some(world)
    }

    /// Lets all validators sign what they owe.
    pub(crate) fn sign(&self) {
        let node = self.scene.node_at("validators");
        for validator in 1..=self.validators {
            node.put_key(validator, &format!("bridge_key-{validator}.json"));
        }
        node.signer().round();
        self.scene.chain.propose(Vec::new());
    }

    /// Seals a batch and has it signed.
    pub(crate) fn batch(&self, fee: u128) -> u64 {
        let nonce = self.scene.seal(fee);
        self.sign();
        assert!(booking::has_quorum(&self.scene.state(), OutboundKind::Batch, nonce, applied(&self.scene.state()).set));
        nonce
    }

    /// A relayer with the bridge keys of these validators, and an account with ETH.
    pub(crate) async fn relayer(&self, account: u8, validators: &[u32], out_of_turn: Duration) -> (Relayer, Registry) {
        let node = self.scene.node_at(&format!("relayer-{account}"));
        for validator in validators {
            node.put_key(*validator, &format!("bridge_key-{validator}.json"));
        }
        let registry = Registry::new();
        let settings = Relaying { out_of_turn, ..settings(self.bridge.base().url()) };
        let account = funded(self.bridge.base(), account).await;
        let keys = Keys::of_home(node.home.clone(), self.scene.chain.doc.chain_id.clone());
        let metrics = Arc::new(Metrics::new(&registry).unwrap());
        (Relayer::new(Arc::clone(&self.scene.chain.app), keys, account, settings, metrics), registry)
    }

    pub(crate) async fn minted(&self) -> u128 {
        self.bridge.balance_of(&RECIPIENT).await.unwrap().get()
    }
}

pub(crate) fn settings(base_rpc: &str) -> Relaying {
    Relaying {
        base_rpc: base_rpc.into(),
        out_of_turn: Duration::ZERO,
        max_gas_gwei: 20,
        low_balance_gwei: 1_000_000,
        adiem_per_eth: None,
        costs: RelayCosts::default(),
    }
}

pub(crate) async fn funded(base: &Base, number: u8) -> EthereumKey {
    let key = EthereumKey::new(&[number; 32]).unwrap();
    // anvil gives the balance to the newest block, whose header then has another state root: none that is attested.
    if base.latest().await.unwrap().number.is_multiple_of(CHECKPOINT_BLOCKS) {
        Dev::new(base.clone()).mine(1).await.unwrap();
    }
    Dev::new(base.clone()).set_balance(&key.address(), ETHER).await.unwrap();
    key
}
