//! A local Base with a bridge on it, and the validators that sign for it.

use std::{path::Path, time::Duration};

use diem_anvil::{LocalBase, Options};
use diem_base::{Base, Bridge, Call, Sender, init_code};
use diem_bridge::{
    Batch, Constructor, DENOM, Domain, Member, Preimage, SignatureList, Transfer, ValidatorSet, Valset, salt,
};
use diem_core::{Address, Amount, keccak256, keys::EthereumKey};
use tempfile::TempDir;

/// The patience with a local Base: far longer than anything here takes, so that a slow machine fails no test.
pub(crate) const PATIENCE: Duration = Duration::from_secs(180);
pub(crate) const CHAIN_ID: u64 = 84_530;
pub(crate) const PHRASE: &str = "test test test test test test test test test test test junk";
/// The first account of the phrase, which has ETH on every anvil.
const RICH: &str = "ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80";

pub(crate) const DIEM: Amount = Amount::new(1_000_000_000_000_000_000);

pub(crate) fn options(folder: &Path) -> Options {
    Options {
        port: 0,
        chain_id: CHAIN_ID,
        phrase: PHRASE.into(),
        accounts: 4,
        block_time: None,
        epoch: 1,
        state: None,
        log: folder.join("anvil.log"),
    }
}

pub(crate) fn rich() -> EthereumKey {
    EthereumKey::new(&hex::decode(RICH).unwrap().try_into().unwrap()).unwrap()
}

/// A key that has nothing on Base unless somebody sends it something.
pub(crate) fn key(seed: &str) -> EthereumKey {
    EthereumKey::new(&keccak256(seed.as_bytes())).unwrap()
}

/// The binary; without it the line says what is left out.
pub(crate) fn anvil() -> Option<std::path::PathBuf> {
    diem_anvil::find_for_tests()
}

/// A set of validators with their keys.
pub(crate) struct Validators {
    keys: Vec<EthereumKey>,
    pub(crate) set: ValidatorSet,
}

impl Validators {
    pub(crate) fn new(label: &str, count: usize) -> Self {
        let mut keys: Vec<_> = (0..count).map(|number| key(&format!("{label} {number}"))).collect();
        keys.sort_by_key(EthereumKey::address);
        let members = keys.iter().map(|key| Member { address: key.address(), power: 10 });
        let set = ValidatorSet::new(members.collect()).unwrap();
        Self { keys, set }
    }

    /// The signatures of the first members, so many of them.
    pub(crate) fn sign(&self, digest: &[u8; 32], signers: usize) -> SignatureList {
        let sign = |(place, key): (usize, &EthereumKey)| (place < signers).then(|| key.sign(digest));
        SignatureList::new(self.keys.iter().enumerate().map(sign).collect())
    }
}

pub(crate) struct World {
    pub(crate) local: LocalBase,
    pub(crate) sender: Sender,
    /// Where its log is.
    _folder: TempDir,
}

impl World {
    /// A local Base and whoever pays on it; `None` where anvil is not installed.
    pub(crate) async fn start(adjust: impl FnOnce(&mut Options)) -> Option<Self> {
        let anvil = anvil()?;
        let folder = tempfile::tempdir().unwrap();
        let mut options = options(folder.path());
        adjust(&mut options);
        let local = LocalBase::start(&anvil, &options).unwrap();
        let base = Base::connect_patiently(&local.url(), CHAIN_ID, PATIENCE).await.unwrap();
        Some(Self { local, sender: Sender::new(base, rich()), _folder: folder })
    }

    pub(crate) fn base(&self) -> &Base {
        self.sender.base()
    }

    /// Any request of JSON-RPC.
    pub(crate) async fn ask(&self, method: &str, params: serde_json::Value) -> serde_json::Value {
        let body = serde_json::json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder().tls_certs_only([]).build().unwrap();
        http.post(self.local.url()).json(&body).send().await.unwrap().json().await.unwrap()
    }
}

/// A bridge, whoever signs for it, and what is signed.
pub(crate) struct Signing {
    pub(crate) bridge: Bridge,
    pub(crate) arguments: Constructor,
    pub(crate) stored: Validators,
}

pub(crate) fn arguments(label: &str, created_at: u64) -> (Constructor, Validators) {
    let stored = Validators::new(label, 4);
    let salt = salt(&keccak256(label.as_bytes()), "diem-test-1");
    let arguments = Constructor {
        salt,
        set_hash: stored.set.hash(&salt, 0, created_at),
        created_at,
        max_set_age: 30 * 86_400,
        mint_capacity: Amount::new(10_000 * DIEM.get()),
        share_bps: 1_000,
        guardian: key("guardian").address(),
        chain_id: "diem-test-1".into(),
        denom: DENOM.into(),
    };
    (arguments, stored)
}

impl Signing {
    /// Deploys a bridge that has its constructor's set.
    pub(crate) async fn deploy(sender: &Sender) -> Self {
        let (arguments, stored) = arguments("validator", sender.base().latest().await.unwrap().timestamp);
        let deployed = sender.deploy(&init_code(&arguments), &arguments.salt).await.unwrap();
        Self { bridge: Bridge::new(sender.base().clone(), deployed.address), arguments, stored }
    }

    fn digest(&self, content: &Preimage) -> [u8; 32] {
        let bridge = *self.bridge.address();
        let domain = Domain { base_chain_id: CHAIN_ID, bridge, salt: self.arguments.salt };
        domain.digest(&content.struct_hash())
    }

    /// The call that installs another set, signed by so many of the stored one.
    pub(crate) fn update(&self, nonce: u64, next: &Validators, signers: usize) -> Call {
        let created_at = self.arguments.created_at + nonce;
        let set_hash = next.set.hash(&self.arguments.salt, nonce, created_at);
        let digest = self.digest(&Preimage::Valset(Valset { nonce, created_at, set_hash }));
        Call::update_set(&self.stored.set, &self.stored.sign(&digest, signers), nonce, created_at, &next.set)
    }

    /// Installs the first set, after which the bridge mints.
    pub(crate) async fn activate(mut self, sender: &Sender) -> Self {
        let next = Validators::new("next", 7);
        sender.send(&self.bridge, &self.update(1, &next, 3)).await.unwrap();
        self.stored = next;
        self
    }

    pub(crate) fn batch(&self, nonce: u64, recipients: &[Address]) -> Batch {
        let transfers = recipients.iter().map(|recipient| Transfer { recipient: *recipient, amount: DIEM }).collect();
        let deadline = self.arguments.created_at + 3_600;
        Batch { nonce, deadline, fee: Amount::new(DIEM.get() / 10), transfers }
    }

    /// The call that executes a batch, signed by so many of the stored set.
    pub(crate) fn submit(&self, batch: &Batch, signers: usize) -> Call {
        let digest = self.digest(&Preimage::Batch(batch.clone()));
        Call::submit_batch(&self.stored.set, &self.stored.sign(&digest, signers), batch)
    }

    /// The call that does what the validators decided.
    pub(crate) fn decide(&self, action: &Preimage) -> Call {
        Call::admin(&self.stored.set, &self.stored.sign(&self.digest(action), 7), action).unwrap()
    }
}
