//! The watcher beside a real contract on a local Base, through endpoints of which some lie.

use diem_base::{Call, Dev, Sender};
use diem_bridge::{
    Batch, OutboundKind, Preimage, SignatureList, Statement, Transfer,
    inbound::{self, attested},
    replay, state,
};
use diem_core::{Address, Amount, keys::SecretKey};
use diem_lying_base::{Lie, Scope};
use serde_json::json;

use crate::{
    scene::{RECIPIENT, key, metric},
    watched::Watched,
    world::funded,
};

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
