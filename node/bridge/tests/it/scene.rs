//! A chain whose bridge is at work, and the home of one of its validators.

use std::{
    fs,
    path::PathBuf,
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use bytes::Bytes;
use diem_bridge::{Msg, OutboundKind, Params, Statement, booking, decode_extension, setup, state};
use diem_config::bridge_key::write_bridge_key;
use diem_core::{Address, Amount, Time, keccak256, keys::SecretKey};
use diem_host::home::Home;
use diem_node_bridge::{Keys, Metrics, Registry, Signer};
use diem_runtime::{App, Options};
use diem_store::Snapshot;
use diem_testkit::{
    BlockOutcome, Person, TestChain, genesis, operator, people, people::bridge_secret, with_validators,
};
use diem_types::{Call, GenesisDoc};

/// The recipient on Base.
pub(crate) const RECIPIENT: Address = Address([0xb5; 20]);
/// Base's chain id, as anvil has it.
pub(crate) const BASE: u64 = 31_337;
/// The distance of the blocks of Base that are attested.
pub(crate) const CHECKPOINT_BLOCKS: u64 = 5;
/// The account on Base that may pause.
const GUARDIAN: Address = Address([7; 20]);

/// A chain of validators of equal power.
pub(crate) struct Scene {
    pub(crate) chain: TestChain,
    pub(crate) folder: tempfile::TempDir,
}

/// A home without a key.
pub(crate) struct Node<'a> {
    scene: &'a Scene,
    pub(crate) home: Home,
}

/// The genesis of such a chain.
pub(crate) fn doc(validators: u8) -> GenesisDoc {
    let keys: Vec<_> = (1..=validators).map(|seed| (SecretKey::ed25519(&[seed; 32]), 10_000)).collect();
    let mut doc = with_validators(genesis(&people(4)), &keys);
    doc.app.bridge.params = Params {
        seal_wait_ms: 2_000,
        batch_life_ms: 3_600_000,
        set_every_ms: 600_000,
        set_gap_ms: 5_000,
        share_bps: 10_000,
        checkpoint_blocks: CHECKPOINT_BLOCKS,
        authority: operator(0).address,
        ..Params::default()
    };
    doc
}

pub(crate) fn prepare() -> Msg {
    let mint_capacity = Amount::ONE.checked_mul(10_000).unwrap();
    Msg::Prepare { chain_id: BASE, max_set_age: 30 * 86_400, mint_capacity, share_bps: 10_000, guardian: GUARDIAN }
}

/// Activates the contract that this version creates with the arguments of the chain.
pub(crate) fn activate(state: &Snapshot) -> Msg {
    let init_code_hash = keccak256(&diem_base::init_code(&setup::constructor(state).unwrap()));
    Msg::Activate { init_code_hash, deploy_block: 1 }
}

/// A tenth of a DIEM for the recipient, and so many ten-thousandths for whoever relays it.
pub(crate) fn bridge_out(fee: u128) -> Msg {
    let part = |of: u128| Amount::new(Amount::ONE.get() / of);
    Msg::BridgeOut { amount: part(10), fee: part(10_000).checked_mul(fee).unwrap(), recipient: RECIPIENT }
}

impl Scene {
    pub(crate) fn new(validators: u8) -> Self {
        Self::of(doc(validators))
    }

    fn of(doc: GenesisDoc) -> Self {
        let chain = TestChain::start(App::in_memory(Options::default()), people(4), doc);
        chain.force(Vec::new());
        Self { chain, folder: tempfile::tempdir().unwrap() }
    }

    /// A scene whose chain begins now.
    pub(crate) fn of_today(validators: u8) -> Self {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis();
        let doc = GenesisDoc { genesis_time: Time(now.try_into().unwrap()), ..doc(validators) };
        Self::of(doc)
    }

    /// A scene whose contract is activated, and that no set has taken up yet.
    pub(crate) fn activated(validators: u8) -> Self {
        let scene = Self::new(validators);
        scene.run(&operator(0), prepare());
        scene.run(&operator(0), activate(&scene.state()));
        scene
    }

    pub(crate) fn state(&self) -> Snapshot {
        self.chain.app.store().latest()
    }

    /// Runs a call in a block of its own, which must succeed.
    pub(crate) fn run(&self, sender: &Person, msg: Msg) -> BlockOutcome {
        let outcome = self.chain.propose(vec![self.chain.tx(sender, vec![Call::Bridge(msg)]).bytes()]);
        assert!(outcome.results().iter().all(|result| result.code == 0), "{:?}", outcome.results());
        outcome
    }

    /// Sends a transfer, and makes blocks until a batch of it is sealed.
    pub(crate) fn seal(&self, fee: u128) -> u64 {
        self.run(&self.chain.people[0], bridge_out(fee));
        for _ in 0..3 {
            self.chain.propose(Vec::new());
        }
        state::issued(&self.state()).batches
    }

    /// Makes the next block of what waits in the application and of these extensions.
    pub(crate) fn block_with(&self, extensions: &[Vec<u8>]) -> BlockOutcome {
        let (app, block) = (&self.chain.app, self.chain.next_block());
        let extensions: Vec<Bytes> = extensions.iter().cloned().map(Bytes::from).collect();
        let txs = app.prepare(&block, Vec::new(), &extensions, self.chain.doc.consensus.block_max_bytes);
        self.chain.run(block, txs)
    }

    pub(crate) fn node(&self, name: &str) -> Node<'_> {
        let home = Home::at(&self.folder.path().join(name));
        home.create().unwrap();
        self.node_at(name)
    }

    /// The home of that name, which may be there already.
    pub(crate) fn node_at(&self, name: &str) -> Node<'_> {
        let home = Home::at(&self.folder.path().join(name));
        fs::create_dir_all(home.root()).unwrap();
        Node { scene: self, home }
    }

    /// Whether the chain holds the statement of a validator's key, counted from 1.
    pub(crate) fn holds(&self, validator: u32, kind: OutboundKind, nonce: u64) -> bool {
        let owed = booking::owed_by(&self.state(), &key(validator).address(), 1_000);
        booking::wanted_hash(&self.state(), kind, nonce).is_some() && !owed.contains(&(kind, nonce))
    }

    /// The statements that the vote's extension carries now.
    pub(crate) fn extension(&self) -> Vec<Statement> {
        decode_extension(&self.chain.app.extend_vote()).unwrap()
    }
}

/// The value of a metric, by its name and labels.
pub(crate) fn metric(registry: &Registry, name: &str) -> String {
    let text = prometheus::TextEncoder::new().encode_to_string(&registry.gather()).unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ').map(str::to_owned));
    line.unwrap_or_else(|| panic!("no {name} in\n{text}"))
}

/// The bridge key of a validator, counted from 1.
pub(crate) fn key(validator: u32) -> SecretKey {
    SecretKey::ethereum(&bridge_secret(validator)).unwrap()
}

impl Node<'_> {
    /// Puts the bridge key of a validator into the home, in the file of that name.
    pub(crate) fn put_key(&self, validator: u32, file: &str) {
        write_bridge_key(&self.home, &bridge_secret(validator).into(), &key(validator)).unwrap();
        fs::rename(self.home.bridge_key_file(), self.home.root().join(file)).unwrap();
    }

    pub(crate) fn with_key(self, validator: u32) -> Self {
        self.put_key(validator, "bridge_key.json");
        self
    }

    pub(crate) fn memory(&self) -> PathBuf {
        self.home.bridge_signed_file()
    }

    pub(crate) fn signer(&self) -> Signer {
        self.signer_with(&Registry::new())
    }

    pub(crate) fn signer_with(&self, registry: &Registry) -> Signer {
        let metrics = Arc::new(Metrics::new(registry).unwrap());
        let keys = Keys::of_home(self.home.clone(), self.scene.chain.doc.chain_id.clone());
        let signer = Signer::new(Arc::clone(&self.scene.chain.app), keys, &self.memory(), metrics).unwrap();
        signer.again_after(Duration::ZERO)
    }
}
