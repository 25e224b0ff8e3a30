//! The watcher beside a real contract on a local Base, through endpoints of which some lie.

use std::{path::PathBuf, sync::Arc, time::Duration};

use diem_base::{Call, Dev, Sender};
use diem_bridge::{
    Batch, Checkpoint, OutboundKind, Preimage, SignatureList, Statement, Transfer, attesting,
    inbound::{self, attested},
    replay, state,
};
use diem_core::{Address, Amount, keys::SecretKey};
use diem_lying_base::{Lie, LyingBase, Options, Scope};
use diem_node_bridge::{Desk, Keys, Metrics, Registry, Signer, Watcher, Watching};
use serde_json::json;

use crate::{
    scene::{RECIPIENT, key, metric},
    world::{World, funded},
};

/// A world whose bridge mints, and endpoints of its Base that can lie one by one.
struct Watched {
    world: World,
    proxy: LyingBase,
}

/// A node that watches, and signs with the keys of all validators.
struct WatchingNode {
    watcher: Watcher,
    signer: Signer,
    stop: PathBuf,
    registry: Registry,
}

impl Watched {
    async fn start() -> Option<Self> {
        let world = World::start().await?;
        let proxy = LyingBase::start(Options::new(&world.local.url())).unwrap();
        let watched = Self { world, proxy };
        watched.relay(1).await;
        Some(watched)
    }

    /// Sends what enough validators have signed.
    async fn relay(&self, account: u8) {
        let (mut relayer, _) = self.world.relayer(account, &[1, 2, 3, 4], Duration::ZERO).await;
        relayer.round().await;
    }

    /// The node of that name with so many endpoints, which are named `one`, `two` and `three`.
    fn node(&self, name: &str, endpoints: usize) -> WatchingNode {
        self.node_with(name, endpoints, |_| ())
    }

    fn node_with(&self, name: &str, endpoints: usize, adjust: impl FnOnce(&mut Watching)) -> WatchingNode {
        let node = self.world.scene.node_at(name);
        for validator in 1..=4 {
            node.put_key(validator, &format!("bridge_key-{validator}.json"));
        }
        let registry = Registry::new();
        let metrics = Arc::new(Metrics::new(&registry).unwrap());
        let stop = node.home.root().join("bridge_stopped.json");
        let desk = Arc::new(Desk::new(&stop));
        let mut settings = Watching {
            endpoints: ["one", "two", "three"].iter().take(endpoints).map(|name| self.proxy.url_of(name)).collect(),
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
        let signer = signer.again_after(Duration::ZERO).that_heeds(desk, Duration::MAX);
        WatchingNode { watcher, signer, stop, registry }
    }

    async fn mine(&self, blocks: u64) {
        Dev::new(self.world.bridge.base().clone()).mine(blocks).await.unwrap();
    }

    fn state(&self) -> diem_store::Snapshot {
        self.world.scene.state()
    }

    /// Looks, signs and makes a block, so many times, with two blocks of Base between.
    async fn live(&self, node: &mut WatchingNode, rounds: usize) {
        for _ in 0..rounds {
            self.mine(2).await;
            node.watcher.round().await.unwrap();
            node.signer.round();
            self.world.scene.chain.propose(Vec::new());
        }
    }

    fn last(&self) -> Option<Checkpoint> {
        attested(&self.state()).last
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn final_blocks_are_attested_and_their_events_come_home() {
    let Some(watched) = Watched::start().await else { return };
    let mut node = watched.node("node", 3);
    watched.live(&mut node, 10).await;
    let first = watched.last().expect("a block is attested");
    let real = watched.world.bridge.base().header(diem_base::BlockName::Number(first.number)).await.unwrap().unwrap();
    assert_eq!((first.number % 5, &first.block_hash), (0, real.hash()));
    let state = watched.state();
    assert_eq!(replay::missing(&state), None, "the event of the first set is applied");
    assert_eq!(inbound::applied(&state).set, 1);
    assert_eq!(attested(&state).completed.map(|done| done.event_nonce), Some(1));

    // A batch is minted, and a later block brings it home.
    let nonce = watched.world.batch(3);
    watched.relay(2).await;
    assert!(state::open_batch(&watched.state(), nonce).is_some());
    watched.live(&mut node, 12).await;
    assert!(watched.last().unwrap().number > first.number);
    assert!(state::open_batch(&watched.state(), nonce).is_none(), "it was executed");
    assert_eq!(inbound::applied(&watched.state()).supply(), watched.world.bridge.supply().await.unwrap());
    assert_eq!(node.watcher.refusal(), None);
    assert_eq!(metric(&node.registry, "diem_bridge_refused_endpoints"), "0");
    let found: u64 = metric(&node.registry, "diem_bridge_found_chunks_total").parse().unwrap();
    assert!(found >= 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_repeats_what_was_stated_and_keeps_its_proofs() {
    let Some(watched) = Watched::start().await else { return };
    let mut node = watched.node("node", 3);
    for _ in 0..6 {
        watched.mine(2).await;
        node.watcher.round().await.unwrap();
    }
    // Proofs are served of young blocks only, so that what is stated now was proven before.
    watched.proxy.lie(Lie::NoProofs);
    drop(node);
    let mut node = watched.node("node", 3);
    node.watcher.round().await.unwrap();
    node.watcher.round().await.unwrap();
    node.signer.round();
    let signed = watched.world.scene.extension();
    assert!(signed.iter().any(|one| matches!(one, Statement::Inbound { .. })), "{signed:?}");
    drop(node);
    let mut node = watched.node("node", 3);
    node.signer.round();
    assert_eq!(watched.world.scene.extension(), signed, "without having seen anything");
    watched.world.scene.chain.propose(Vec::new());
    assert!(watched.last().is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_checkpoint_without_a_proof_is_skipped_and_later_ones_are_attested() {
    let Some(watched) = Watched::start().await else { return };
    let mut node = watched.node("node", 3);
    watched.proxy.lie(Lie::NoProofs);
    watched.live(&mut node, 10).await;
    assert_eq!(watched.last(), None);
    let reason = node.watcher.refusal().unwrap().to_owned();
    assert!(reason.contains("serves eth_getProof of recent blocks"), "{reason}");
    let from = watched.world.bridge.base().latest().await.unwrap().number;
    watched.proxy.honest();
    watched.proxy.lie(Lie::ProofWindow(4));
    watched.live(&mut node, 12).await;
    assert!(watched.last().is_some_and(|last| last.number > from - 5), "{:?} after {from}", watched.last());
}

#[tokio::test(flavor = "multi_thread")]
async fn one_lying_endpoint_of_three_changes_nothing_and_is_named() {
    for lie in [
        Lie::WrongChainId(1),
        Lie::ForgeStateRoot,
        Lie::ForgeHeader("timestamp".into()),
        Lie::ForgeHeaderRehashed("number".into()),
        Lie::ForgeProof,
        Lie::ForgeAbsentSlot,
        Lie::ForgeAbsentAccount,
        Lie::LatestAsFinalized,
        Lie::FinalityBack(3),
        Lie::DropLogs(1),
        Lie::ForgeLogs,
        Lie::DuplicateLogs,
        Lie::InventLogs,
        Lie::UnknownHeaderField,
        Lie::InternalError,
        Lie::CutOff,
    ] {
        let Some(watched) = Watched::start().await else { return };
        watched.proxy.lie_within(Scope::victim("two"), lie.clone());
        let mut node = watched.node("node", 3);
        let mut named = Vec::new();
        for _ in 0..12 {
            watched.live(&mut node, 1).await;
            named.extend(node.watcher.refusal().map(str::to_owned));
        }
        let last = watched.last().unwrap_or_else(|| panic!("{lie:?}: nothing attested, {named:?}"));
        let real = watched.world.bridge.base().header(diem_base::BlockName::Number(last.number)).await.unwrap();
        assert_eq!(&last.block_hash, real.unwrap().hash(), "{lie:?}");
        assert_eq!(replay::missing(&watched.state()), None, "{lie:?}");
        // Logs are asked of one endpoint, which need not be this one; and what is final too early is only outvoted.
        let is_outvoted = matches!(
            lie,
            Lie::LatestAsFinalized | Lie::DropLogs(_) | Lie::ForgeLogs | Lie::DuplicateLogs | Lie::InventLogs
        );
        let is_named = named.iter().any(|text| text.contains("an endpoint of Base does not count"));
        assert!(is_named || is_outvoted, "{lie:?}: {named:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_that_lie_alike_or_are_gone_let_nothing_be_stated_until_they_stop() {
    for lie in [Lie::ForgeStateRoot, Lie::Refuse, Lie::WrongChainId(1), Lie::UnknownHeaderField] {
        let Some(watched) = Watched::start().await else { return };
        let mut node = watched.node("node", 3);
        for victim in ["two", "three"] {
            watched.proxy.lie_within(Scope::victim(victim), lie.clone());
        }
        watched.live(&mut node, 8).await;
        assert_eq!(attesting::named(&watched.state()), Vec::<u64>::new(), "{lie:?}");
        let reason = node.watcher.refusal().unwrap_or_default().to_owned();
        watched.proxy.honest();
        watched.live(&mut node, 10).await;
        assert!(watched.last().is_some(), "{lie:?}: {reason}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reorg_below_finality_stops_the_signer_until_an_operator_acts() {
    let Some(watched) = Watched::start().await else { return };
    let mut node = watched.node("node", 3);
    // All endpoints serve the newest block as the final one.
    watched.proxy.lie(Lie::LatestAsFinalized);
    for _ in 0..6 {
        watched.mine(1).await;
        node.watcher.round().await.unwrap();
    }
    node.signer.round();
    watched.world.scene.chain.propose(Vec::new());
    node.signer.round();
    let stated = watched.last().unwrap().number;
    let head = watched.world.bridge.base().latest().await.unwrap().number;
    let depth = head - stated + 2;
    ask(&watched.world.local.url(), "anvil_reorg", json!([depth, []])).await;
    Dev::new(watched.world.bridge.base().clone()).warp(7).await.unwrap();
    watched.mine(20).await;
    for _ in 0..3 {
        node.watcher.round().await.unwrap();
    }
    assert!(node.stop.exists(), "{:?}", node.watcher.refusal());
    let nonce = watched.world.scene.seal(1);
    node.signer.round();
    assert_eq!(watched.world.scene.extension(), []);
    assert!(node.signer.refusal().unwrap().contains("changed below its finality"));
    assert_eq!(metric(&node.registry, "diem_bridge_present_faults{fault=\"reorg\"}"), "1");
    // A restart does not forget it, and the operator's removal of the file ends it.
    drop(node);
    let mut node = watched.node("node", 3);
    node.signer.round();
    assert_eq!(watched.world.scene.extension(), []);
    let stop = std::fs::read_to_string(&node.stop).unwrap();
    std::fs::remove_file(&node.stop).unwrap();
    node.signer.round();
    assert!(watched.world.scene.extension().iter().any(|one| one.place().number == nonce));
    assert_eq!(node.signer.refusal(), None);
    // The endpoints still say so: only who accepts it goes on.
    node.watcher.round().await.unwrap();
    node.watcher.round().await.unwrap();
    assert!(node.stop.exists());
    std::fs::write(&node.stop, stop.replace("\"accepted\": false", "\"accepted\": true")).unwrap();
    node.watcher.round().await.unwrap();
    node.signer.round();
    assert_eq!((node.signer.refusal(), node.watcher.refusal()), (None, None));
}

#[tokio::test(flavor = "multi_thread")]
async fn one_endpoint_that_shows_another_past_is_no_reorg() {
    let Some(watched) = Watched::start().await else { return };
    let mut node = watched.node("node", 3);
    watched.live(&mut node, 10).await;
    assert!(watched.last().is_some());
    watched.proxy.lie_within(Scope::victim("three"), Lie::ForgeHeaderRehashed("extraData".into()));
    watched.live(&mut node, 10).await;
    assert!(!node.stop.exists());
    assert!(node.watcher.refusal().is_some_and(|reason| reason.contains("not that of the others")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forged_mint_raises_the_early_alarm_and_asks_for_a_pause() {
    for pause in [true, false] {
        let Some(watched) = Watched::start().await else { return };
        let mut node = watched.node_with("node", 3, |settings| settings.pause_on_alarm = pause);
        watched.live(&mut node, 4).await;
        assert_eq!(node.watcher.refusal(), None);
        forge_a_mint(&watched).await;
        // Two checkpoints in a row, long before they are final.
        for _ in 0..6 {
            watched.mine(3).await;
            node.watcher.round().await.unwrap();
            watched.world.scene.chain.propose(Vec::new());
        }
        node.watcher.round().await.unwrap();
        let reason = node.watcher.refusal().unwrap_or_default().to_owned();
        assert!(reason.contains("what this chain never caused"), "{reason}");
        node.signer.round();
        let signed = watched.world.scene.extension();
        let pauses = signed.iter().filter(
            |one| matches!(one, Statement::Outbound(outbound) if outbound.kind == OutboundKind::Pause && outbound.nonce == 1),
        );
        assert_eq!(pauses.count() > 0, pause, "{signed:?}");
    }
}

/// All four bridge keys sign a batch that the chain never issued.
async fn forge_a_mint(watched: &Watched) {
    let (world, state) = (&watched.world, watched.state());
    let set_nonce = world.bridge.state().await.unwrap().set_nonce;
    let set = state::stored_set(&state, set_nonce).unwrap().set();
    let transfers = vec![Transfer { recipient: RECIPIENT, amount: Amount::ONE }];
    let deadline = world.bridge.base().latest().await.unwrap().timestamp + 600;
    let batch = Batch { nonce: 77, deadline, fee: Amount::ZERO, transfers };
    let digest = state::domain(&state).unwrap().digest(&Preimage::Batch(batch.clone()).struct_hash());
    let sign = |member: Address| {
        let keys = (1..=4).map(key).find(|key| matches!(key, SecretKey::Ethereum(key) if key.address() == member));
        match keys.unwrap() {
            SecretKey::Ethereum(key) => key.sign(&digest),
            SecretKey::Ed25519(_) => unreachable!("bridge keys are Ethereum's"),
        }
    };
    let list = SignatureList::new(set.members().iter().map(|member| Some(sign(member.address))).collect());
    let sender = Sender::new(world.bridge.base().clone(), funded(world.bridge.base(), 99).await);
    sender.send(&world.bridge, &Call::submit_batch(&set, &list, &batch)).await.unwrap();
    assert_eq!(world.minted().await, Amount::ONE.get());
}

/// Any request of JSON-RPC.
async fn ask(url: &str, method: &str, params: serde_json::Value) {
    let body = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).to_string();
    let target = url.trim_start_matches("http://").to_owned();
    let answer = tokio::task::spawn_blocking(move || {
        use std::io::{Read as _, Write as _};
        let mut stream = std::net::TcpStream::connect(target).unwrap();
        let length = body.len();
        let head = format!("POST / HTTP/1.0\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n");
        stream.write_all(format!("{head}{body}").as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    });
    let answer = answer.await.unwrap();
    assert!(!answer.contains("\"error\""), "{answer}");
}
