//! Relayers against a real contract on a local Base. Where anvil is not installed, each test says so in one line.

use std::{sync::Arc, time::Duration};

use diem_base::Dev;
use diem_bridge::{AdminAction, Msg, Outbound, OutboundKind, Statement, UNTIL_UNPAUSE, booking, sealing, state};
use diem_core::{
    Address, Amount,
    keys::{EthereumKey, SecretKey},
};
use diem_engine::relay_cost::{KnownCost, RelayCosts};
use diem_node_bridge::{Keys, Metrics, Registry, Relayer, Relaying};
use diem_testkit::operator;

use crate::{
    scene::{BASE, Scene, key, metric},
    world::{World, funded, settings},
};

const LONG: Duration = Duration::from_secs(3_600);
const TENTH: u128 = Amount::ONE.get() / 10;

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_arrives_once_though_two_relay_and_one_is_killed_in_the_middle() {
    let Some(world) = World::start().await else { return };
    let batches: Vec<u64> = (1..=4).map(|fee| world.batch(fee)).collect();
    let (mut first, _) = world.relayer(11, &[1, 2], Duration::ZERO).await;
    let (mut second, _) = world.relayer(12, &[3, 4], Duration::ZERO).await;
    // The contract is fresh, so whoever relays a batch first sends the set that it needs.
    assert!(!world.bridge.state().await.unwrap().active);
    let killed = tokio::spawn(async move { first.round().await });
    let other = tokio::spawn(async move {
        second.round().await;
        second
    });
    while world.minted().await == 0 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    killed.abort();
    let mut second = other.await.unwrap();
    // It comes back with nothing but its key, and reads chain and contract anew.
    let (mut first, _) = world.relayer(11, &[1, 2], Duration::ZERO).await;
    for _ in 0..3 {
        first.round().await;
        second.round().await;
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    for nonce in &batches {
        assert!(world.bridge.executed(*nonce).await.unwrap(), "batch {nonce}");
    }
    assert_eq!(world.minted().await, 4 * TENTH);
    let fees: u128 = (1..=4).map(|fee| fee * Amount::ONE.get() / 10_000).sum();
    assert_eq!(world.bridge.supply().await.unwrap().get(), 4 * TENTH + fees);
    assert_eq!(world.bridge.state().await.unwrap().set_nonce, state::issued(&world.scene.state()).sets);
    // What came later goes on with the set that is installed now.
    let nonce = world.batch(5);
    first.round().await;
    assert!(world.bridge.executed(nonce).await.unwrap());
    assert_eq!(world.minted().await, 5 * TENTH);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_has_the_turn_sends_and_others_after_a_while() {
    let Some(world) = World::start().await else { return };
    // Nobody's keys: it waits for its time, which does not come.
    let (mut stranger, registry) = world.relayer(21, &[], LONG).await;
    stranger.round().await;
    assert_eq!(metric(&registry, "diem_bridge_relayer_balance_gwei"), "1000000000");
    assert!(!world.bridge.state().await.unwrap().active);
    // Whoever has all keys has every turn.
    let (mut all, registry) = world.relayer(22, &[1, 2, 3, 4], LONG).await;
    let nonce = world.batch(1);
    all.round().await;
    assert!(world.bridge.executed(nonce).await.unwrap());
    for (what, count) in [("set", "1"), ("batch", "1")] {
        assert_eq!(metric(&registry, &format!("diem_bridge_relayed_txs_total{{what=\"{what}\"}}")), count);
    }
    // Of four relayers with a key each, exactly one has the turn of the next batch.
    let nonce = world.batch(2);
    let mut senders = 0;
    for validator in 1..=4_u8 {
        let (mut relayer, registry) = world.relayer(30 + validator, &[validator.into()], LONG).await;
        relayer.round().await;
        let text = prometheus::TextEncoder::new().encode_to_string(&registry.gather()).unwrap();
        senders += usize::from(text.contains("what=\"batch\""));
    }
    assert!(world.bridge.executed(nonce).await.unwrap());
    assert_eq!(senders, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_relaying_costs_is_laid_down_with_and_without_the_oracle_of_base() {
    /// A stand-in for the `GasPriceOracle`, which answers 0x1234 to every question.
    const ORACLE: ([u8; 20], [u8; 11]) = (
        [0x42, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x0f],
        [0x61, 0x12, 0x34, 0x60, 0, 0x52, 0x60, 0x20, 0x60, 0, 0xf3],
    );
    let Some(world) = World::start().await else { return };
    let costs = RelayCosts::default();
    let adiem_per_eth = Some(Amount::new(20 * Amount::ONE.get()));
    let account = funded(world.bridge.base(), 71).await;
    let settings = Relaying { adiem_per_eth, costs: costs.clone(), ..settings(world.bridge.base().url()) };
    let node = world.scene.node_at("costs");
    let keys = Keys::of_home(node.home.clone(), world.scene.chain.doc.chain_id.clone());
    assert_eq!(costs.last(), KnownCost::NoRelayer);
    let metrics = Arc::new(Metrics::new(&Registry::new()).unwrap());
    let mut relayer = Relayer::new(Arc::clone(&world.scene.chain.app), keys, account, settings, metrics);
    relayer.round().await;
    assert_eq!(costs.last(), KnownCost::NoBatch);
    let seen = || match costs.last() {
        KnownCost::Seen(cost) => cost,
        other => panic!("{other:?}"),
    };
    world.batch(1);
    relayer.round().await;
    let plain = seen();
    assert_eq!((plain.l1_fee, plain.transfers), (None, 1));
    assert!(plain.gas > 100_000 && plain.gas_price > 0, "{plain:?}");
    assert_eq!(plain.wei_per_transfer(), plain.gas * plain.gas_price);
    assert_eq!(plain.fee(), Some(Amount::new(u128::from(plain.wei_per_transfer()) * 20)));
    Dev::new(world.bridge.base().clone()).set_code(&Address(ORACLE.0), &ORACLE.1).await.unwrap();
    world.batch(2);
    relayer.round().await;
    assert_eq!(seen().l1_fee, Some(0x1234));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_decided_action_is_sent_and_nothing_close_to_its_deadline() {
    let Some(world) = World::start().await else { return };
    let guardian = Address([8; 20]);
    world.scene.run(&operator(0), Msg::Admin { action: AdminAction::SetGuardian { guardian } });
    let nonce = world.batch(1);
    let dev = Dev::new(world.bridge.base().clone());
    let deadline = state::open_batch(&world.scene.state(), nonce).unwrap().deadline;
    let now = world.bridge.base().latest().await.unwrap().timestamp;
    // Base's clock shows five minutes before the deadline.
    dev.warp(deadline - 300 - now).await.unwrap();
    dev.mine(1).await.unwrap();
    let (mut relayer, registry) = world.relayer(41, &[], Duration::ZERO).await;
    relayer.round().await;
    assert_eq!(world.bridge.admin_nonce().await.unwrap(), 1);
    assert!(!world.bridge.executed(nonce).await.unwrap());
    assert_eq!(metric(&registry, "diem_bridge_unrelayed_batches"), "0");
    assert_eq!(metric(&registry, "diem_bridge_present_faults{fault=\"sending\"}"), "0");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pause_is_sent_once_a_third_of_the_power_has_signed_it() {
    let Some(world) = World::start().await else { return };
    let (mut relayer, registry) = world.relayer(43, &[], Duration::ZERO).await;
    let states = |validator: u32| {
        let digest = booking::wanted_digest(&world.scene.state(), OutboundKind::Pause, 1).unwrap();
        let SecretKey::Ethereum(key) = key(validator) else { unreachable!("bridge keys are Ethereum's") };
        let signature = key.sign(&digest);
        let statement = Statement::Outbound(Outbound { kind: OutboundKind::Pause, nonce: 1, digest, signature });
        world.scene.run(&operator(0), Msg::Submit { statements: vec![statement] });
    };
    states(1);
    relayer.round().await;
    assert_eq!(world.bridge.pause_state().await.unwrap().pause_nonce, 0);
    states(2);
    for _ in 0..2 {
        relayer.round().await;
    }
    let now = world.bridge.pause_state().await.unwrap();
    assert_eq!((now.paused_until, now.pause_nonce), (UNTIL_UNPAUSE, 1));
    assert_eq!(metric(&registry, "diem_bridge_relayed_txs_total{what=\"pause\"}"), "1");
    assert_eq!(metric(&registry, "diem_bridge_present_faults{fault=\"sending\"}"), "0");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_without_eth_is_told_and_the_next_relayer_sends() {
    let Some(world) = World::start().await else { return };
    let nonce = world.batch(1);
    let (mut poor, registry) = world.relayer(51, &[], Duration::ZERO).await;
    let account = EthereumKey::new(&[51; 32]).unwrap().address();
    Dev::new(world.bridge.base().clone()).set_balance(&account, 1).await.unwrap();
    poor.round().await;
    for fault in ["funds", "sending"] {
        assert_eq!(metric(&registry, &format!("diem_bridge_present_faults{{fault=\"{fault}\"}}")), "1", "{fault}");
    }
    let (mut rich, _) = world.relayer(52, &[], Duration::ZERO).await;
    rich.round().await;
    assert!(world.bridge.executed(nonce).await.unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_set_that_base_lacks_is_sent_before_the_batch_that_needs_it() {
    let Some(world) = World::start().await else { return };
    let (mut relayer, registry) = world.relayer(61, &[], Duration::ZERO).await;
    relayer.round().await;
    assert_eq!(world.bridge.state().await.unwrap().set_nonce, 1);
    // Nothing new: Base is not asked for more.
    relayer.round().await;
    assert_eq!(metric(&registry, "diem_bridge_relayed_txs_total{what=\"set\"}"), "1");
    // After a while the next set is made, and the relayer keeps Base up to date without a batch.
    let mut block = world.scene.chain.next_block();
    block.info.time = diem_core::Time(block.info.time.millis() + 600_000);
    world.scene.chain.propose_in(block, Vec::new());
    assert_eq!(state::issued(&world.scene.state()).sets, 2);
    world.sign();
    relayer.round().await;
    assert_eq!(world.bridge.state().await.unwrap().set_nonce, 2);
    let nonce = world.batch(1);
    assert!(sealing::batch(&world.scene.state(), nonce).is_some());
    relayer.round().await;
    assert!(world.bridge.executed(nonce).await.unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_that_is_gone_wrong_or_mad_is_a_fault_and_nothing_else() {
    let scene = Scene::activated(1);
    let node = scene.node("home").with_key(1);
    node.signer().round();
    scene.chain.propose(Vec::new());
    let (listener, gone) = (stand_in("not json"), "http://127.0.0.1:1".to_owned());
    let wrong_chain = stand_in(r#"{"jsonrpc":"2.0","id":1,"result":"0x1"}"#);
    // It names the right chain, and answers every other question with the same word.
    let liar = stand_in(&format!(r#"{{"jsonrpc":"2.0","id":1,"result":"{BASE:#x}"}}"#));
    for url in [gone, listener, wrong_chain, liar] {
        let registry = Registry::new();
        let keys = Keys::of_home(node.home.clone(), scene.chain.doc.chain_id.clone());
        let metrics = Arc::new(Metrics::new(&registry).unwrap());
        let account = EthereumKey::new(&[1; 32]).unwrap();
        let app = Arc::clone(&scene.chain.app);
        let mut relayer = Relayer::new(app, keys, account, settings(&url), metrics);
        relayer.round().await;
        assert_eq!(metric(&registry, "diem_bridge_present_faults{fault=\"endpoint\"}"), "1", "{url}");
        scene.chain.propose(Vec::new());
    }
}

/// A server that gives every request the same answer. It ends with the test's runtime.
fn stand_in(answer: &str) -> String {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let listener = tokio::net::TcpListener::from_std(listener).unwrap();
    let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{answer}", answer.len());
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let _ = stream.read(&mut [0; 4_096]).await;
            let _ = stream.write_all(answer.as_bytes()).await;
        }
    });
    url
}
