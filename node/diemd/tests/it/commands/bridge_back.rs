//! Out and back on a local Base by the commands alone, with Base's own proofs; what waits in the queue there, and a pause.

use diem_anvil::LocalBase;
use diem_base::{Base, Dev};
use diem_bridge::{OutboundKind, attesting, state};
use diem_genesis::presets::bridge_secret;
use serde_json::Value;

use super::{
    bridge_base::{CHAIN_ID, local_base},
    chain::{Chain, units, whole},
};
use crate::support::{
    bridge::{state_all, state_newest_set},
    client::PATIENCE,
    far_side::{is_level, state_block},
};

/// The first account of the phrase, which has ETH on every local Base.
const RICH: (&str, &str) =
    ("0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266", "ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80");
/// The second one, which is the guardian.
const GUARDIAN: (&str, &str) =
    ("0x70997970C51812dc3A010C7d01b50e0d17dc79C8", "59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d");

/// A chain whose bridge lies on a local Base that mints at most a DIEM at once.
struct Scene {
    chain: Chain,
    local: LocalBase,
    base: Base,
    /// The options of whoever pays on Base.
    payer: String,
}

impl Scene {
    async fn start() -> Option<Self> {
        let chain = Chain::start().await;
        let local = local_base(chain.home.path())?;
        let base = Base::connect_patiently(&local.url(), CHAIN_ID, PATIENCE).await.unwrap();
        let payer = format!("--base-rpc {} --key-file {}", local.url(), chain.file("payer", RICH.1));
        let scene = Self { chain, local, base, payer };
        scene
            .json(&format!(
                "prepare --base-chain-id {CHAIN_ID} --guardian {} --mint-capacity 10DIEM --from validator-1 --yes",
                GUARDIAN.0
            ))
            .await;
        scene.json(&format!("deploy {} --activate validator-1 --yes", scene.payer)).await;
        state_newest_set(scene.chain.app(), &[bridge_secret(1)]);
        scene.chain.mine(1).await;
        Some(scene)
    }

    async fn json(&self, line: &str) -> Value {
        self.chain.run(&format!("bridge {line} --output json")).await.ok().json()
    }

    /// Sends so much to the payer's account on Base and has it relayed, as batch `nonce`.
    async fn out(&self, amount: &str, nonce: u64) {
        self.json(&format!("out {amount} --to {} --from dave --yes", RICH.0)).await;
        self.chain.pass(2_000).await;
        self.chain.mine(1).await;
        state_all(self.chain.app(), &[bridge_secret(1)], OutboundKind::Batch, nonce);
        self.chain.mine(1).await;
        self.json(&format!("relay {nonce} {} --yes", self.payer)).await;
    }

    /// Has the validator attest the newest block of Base that may be stated, by Base's own proof.
    async fn attest(&self) {
        let bounds = attesting::bounds(&self.chain.app().store().latest()).unwrap();
        let bridge = state::domain(&self.chain.app().store().latest()).unwrap().bridge;
        Dev::new(self.base.clone()).mine(bounds.every).await.unwrap();
        let number = self.base.latest().await.unwrap().number / bounds.every * bounds.every;
        assert!(bounds.has(number), "{number} is not above {}", bounds.above);
        let (_, facts) = self.base.checkpoint_proof(&bridge, number).await.unwrap().unwrap();
        state_block(self.chain.app(), &[bridge_secret(1)], facts.checkpoint);
        self.chain.mine(1).await;
    }

    /// Hands in what is missing by the command, and has it applied.
    async fn replay(&self) {
        self.json(&format!("replay --base-rpc {} --from bob --yes", self.local.url())).await;
        while !is_level(self.chain.app()) {
            self.chain.mine(1).await;
        }
        self.chain.mine(2).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn diem_goes_out_and_back_and_both_sides_prove_it() {
    let Some(scene) = Scene::start().await else { return };
    let (chain, url) = (&scene.chain, scene.local.url());
    // anvil proves nothing of the block with which it starts.
    Dev::new(scene.base.clone()).mine(200).await.unwrap();
    let checked = scene.json(&format!("check-endpoint {url}")).await;
    assert_eq!((&checked["good"], &checked["chain_id"]), (&true.into(), &CHAIN_ID.into()));
    assert!(chain.run(&format!("bridge check-endpoint {url}")).await.ok().stdout.contains("verify-supply"));
    scene.out("1DIEM", 1).await;

    let before = units(&chain.query("account dave").await["diem"]);
    let back = format!("bridge back 0.5DIEM --to dave {}", scene.payer);
    let asked = chain.run(&back).await;
    assert_eq!(asked.code, 2, "there is nobody to ask");
    for words in ["0.5 DIEM", "cannot be taken back", "within seconds", &chain.address("dave")] {
        assert!(asked.stderr.contains(words), "{words}: {}", asked.stderr);
    }
    chain.fails(&format!("bridge back 5DIEM --to dave {} --yes", scene.payer), 1, "Nothing was signed").await;
    let nobody = "0x0000000000000000000000000000000000000000";
    chain.fails(&format!("bridge back 0.5DIEM --to {nobody} {} --yes", scene.payer), 2, "nobody has the zero").await;
    let burned = chain.run(&format!("{back} --yes --output json")).await.ok().json();
    let event = burned["event"].as_u64().unwrap();
    let seen = scene.json(&format!("status --event {event} --base-rpc {url}")).await;
    assert_eq!(seen["burned_in"], burned["block"], "{seen}");

    scene.attest().await;
    let status = chain.run("bridge status").await.ok().stdout;
    assert!(status.contains("diemd bridge replay"), "{status}");
    scene.replay().await;
    assert_eq!(scene.json(&format!("status --event {event}")).await["state"], "credited");
    assert_eq!(units(&chain.query("account dave").await["diem"]), before + whole("0.5"));
    assert_eq!(scene.json("status 1").await["state"], "minted");
    chain.fails(&format!("bridge replay --base-rpc {url} --from bob"), 2, "no events are missing").await;

    let hash = hex::encode(diem_client::Client::new(chain.url()).unwrap().genesis().await.unwrap().hash());
    let verify = format!("verify-supply --genesis-hash {hash} --base-rpc {url}");
    let proven = scene.json(&verify).await;
    assert_eq!((&proven["covered"], &proven["proven_by_base"]), (&true.into(), &true.into()), "{proven}");
    assert_eq!(units(&proven["supply"]["left_sum"]), whole("0.5001"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_found_no_room_on_base_is_released_after_a_day() {
    let Some(scene) = Scene::start().await else { return };
    // More than a tenth of what Base mints in a day waits there.
    scene.out("2DIEM", 1).await;
    let release = format!("bridge release 1 {} --yes", scene.payer);
    scene.chain.fails(&release, 1, "TooEarly").await;
    scene.attest().await;
    scene.replay().await;
    let queued = scene.json("status 1").await;
    assert_eq!((&queued["state"], &queued["queue_id"]), (&"queued".into(), &"1".into()));
    let listed = scene.json("list --queue").await;
    assert_eq!((&listed["items"][0]["part"], &listed["items"][0]["state"]), (&"transfer".into(), &"waiting".into()));
    let dev = Dev::new(scene.base.clone());
    dev.warp(86_401).await.unwrap();
    dev.mine(1).await.unwrap();
    let released = scene.chain.run(&release).await.ok();
    assert!(released.stderr.contains("2 DIEM") && released.stdout.contains("is minted"), "{}", released.stderr);
    scene.attest().await;
    scene.replay().await;
    assert_eq!(scene.json("status 1").await["state"], "minted");
}

#[tokio::test(flavor = "multi_thread")]
async fn minting_is_paused_by_the_guardian_and_by_a_third_of_the_power() {
    let Some(scene) = Scene::start().await else { return };
    let chain = &scene.chain;
    scene.out("1DIEM", 1).await;
    let guardian = format!("--base-rpc {} --key-file {}", scene.local.url(), chain.file("guardian", GUARDIAN.1));
    chain.fails(&format!("bridge pause guardian {} --yes", scene.payer), 1, "NotGuardian").await;
    let paused = chain.run(&format!("bridge pause guardian {guardian} --yes")).await.ok().stdout;
    assert!(paused.contains("paused by the guardian for 72 hours"), "{paused}");

    // The guardian's pause was number 1.
    let send = format!("bridge pause send --pause 2 {} --yes", scene.payer);
    chain.fails(&send, 1, "it takes a third").await;
    let secret = bridge_secret(1);
    let address = diem_core::keys::EthereumKey::new(&secret).unwrap().address();
    let text = serde_json::json!({ "address": address, "secret": hex::encode(secret) }).to_string();
    let key = chain.file("bridge_key.json", &text);
    scene.json(&format!("pause sign --bridge-key {key} --pause 2 --from alice --yes")).await;
    chain.run(&send).await.ok();
    let status = chain.run(&format!("bridge status --base-rpc {}", scene.local.url())).await.ok().stdout;
    assert!(status.contains("until the validators end it"), "{status}");
}
