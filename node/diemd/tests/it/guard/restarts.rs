//! Ordinary restarts under load: nobody is suspected, and nothing that was committed is missing.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use diem_api::{State, Wait};
use diem_client::Client;
use diem_config::consensus_key;
use diem_core::{Address, Amount};
use diem_testkit::TxBuilder;
use diem_types::GenesisDoc;
use rustix::process::Signal;
use serde_json::Value;

use super::{Four, Log, log, signed};
use crate::support::{
    client::{height, person, reach, until},
    process::{run, signal, words},
    single::Single,
    stopping::{events, says_that_it_stops, transfers},
};

/// The number of times that each validator is started anew: `DIEM_GUARD_RESTARTS` for more.
fn rounds() -> u32 {
    std::env::var("DIEM_GUARD_RESTARTS").map_or(1, |text| text.parse().unwrap())
}

/// A time to drain that only a second signal ends, so that all that a node does in it can be seen.
const DRAINS: [&str; 2] = ["--set", "api.drain=40s"];

/// Sends one transfer after the other through a node until told to stop; returns the next nonce and the transactions that
/// were committed.
async fn load(client: Client, doc: GenesisDoc, from: u64, stop: Arc<AtomicBool>) -> (u64, Vec<[u8; 32]>) {
    let (mut nonce, mut committed) = (from, Vec::new());
    while !stop.load(Ordering::Relaxed) {
        let tx = TxBuilder::transfer(&doc, &person(0), nonce, Address([0x61; 20]), Amount::ONE).bytes();
        let sent = client.submit(tx.to_vec(), Wait::Committed, Duration::from_secs(60)).await.unwrap();
        assert_eq!(sent.state, State::Committed, "{sent:?}");
        committed.push(diem_core::tx::tx_hash(&tx));
        nonce += 1;
    }
    (nonce, committed)
}

/// A name of 9 kB that would end its quotes: as bad as CometBFT lets a peer's be.
fn moniker() -> String {
    format!("x\" (diem1) {}", "y".repeat(9_000))
}

/// Checks that a node lists the others, whatever they call themselves.
async fn the_others_are_listed(four: &Four) {
    let peers = until("three peers with their heights", async || {
        let peers = four.ask(0, &["peers"])["peers"].as_array().unwrap().clone();
        (peers.len() == 3 && peers.iter().all(|peer| peer["height"].as_u64() > Some(1))).then_some(peers)
    })
    .await;
    let id = |node| consensus_key::node_key(&four.home(node).join("cometbft")).unwrap().id;
    let mut others: Vec<String> = (1..4).map(id).collect();
    others.sort();
    let listed: Vec<&str> = peers.iter().map(|peer| peer["id"].as_str().unwrap()).collect();
    assert_eq!(listed, others);
    for peer in &peers {
        let moniker = peer["moniker"].as_str().unwrap();
        assert!(moniker.starts_with("x\" (diem1) yyy") && moniker.chars().count() == 81, "{moniker}");
        assert!(peer["address"].as_str().unwrap().starts_with("127.0.0.1:"), "{peer}");
        assert!(["inbound", "outbound"].contains(&peer["direction"].as_str().unwrap()), "{peer}");
        assert!(peer["since"].as_str().unwrap().ends_with('Z'), "{peer}");
    }
    let table = run(&["peers", "--home", four.home(0).to_str().unwrap()]);
    let table = String::from_utf8(table.stdout).unwrap();
    assert_eq!(table.matches(r#""x\u{22} (diem1) yyy"#).count(), 3, "{table}");
}

/// Checks that the log of a running node gets another level, and that what is none is refused.
async fn a_level_is_set(four: &Four) {
    let log = Log::from_now(&four.home(0));
    assert_eq!(four.ask(0, &["log", "level"])["level"], "info");
    assert_eq!(
        four.ask(0, &["log", "level", "info,diem_comet=trace,cometbft=debug"])["level"],
        "info,diem_comet=trace,cometbft=debug"
    );
    // What is not named keeps its level, and the answer says so.
    assert_eq!(four.ask(0, &["log", "level", "diem_comet=debug"])["level"], "info,diem_comet=debug");
    let wrong = run(&["log", "level", "loud", "--home", four.home(0).to_str().unwrap()]);
    assert!(wrong.status.code() == Some(2) && words(&wrong).contains("`loud` is no level"), "{}", words(&wrong));
    assert_eq!(four.ask(0, &["log", "level", "error"])["level"], "error");
    let last = four.others_make(2).await;
    assert!(!log.text().contains(&format!("height={last}")), "{}", log.text());
    assert_eq!(four.ask(0, &["log", "level", "info"])["level"], "info");
}

/// Checks that a node halts with exactly the height that it was told while it fetches blocks that others have.
async fn a_node_that_catches_up_halts(four: &mut Four) {
    let home = four.home(3);
    let Value::Object(stops) = four.ask(3, &["drain"]) else { panic!("no object") };
    assert_eq!(stops["drain_ms"], 0);
    let (status, _) = four.nodes[3].take().unwrap().ended();
    assert!(status.success());
    for command in ["peers", "drain"] {
        let none = run(&[command, "--home", home.to_str().unwrap()]);
        assert!(none.status.code() == Some(1) && words(&none).contains("no node runs in"), "{}", words(&none));
    }
    let at = four.others_make(6).await - 3;
    let log = Log::from_now(&home);
    let (status, _) = Single::start(&home, &["--halt-at", &at.to_string()]).ended();
    assert_eq!(status.code(), Some(6), "{}", log.text());
    assert!(!log.text().contains(" ERROR "), "{}", log.text());
    let checked = four.ask(3, &["check"]);
    assert_eq!(checked["height"], at, "{}", log.text());
    four.start_one(3, &[]);
    reach(&four.client(3), at + 4).await;
}

/// Ends a node whose time to drain is long, while it is loaded and its events are read: it says so first, and the streams say
/// goodbye. Returns the transactions that it called committed.
async fn says_so_and_ends(four: &mut Four, node: usize) -> Vec<[u8; 32]> {
    let ending = four.nodes[node].take().unwrap();
    let loading = tokio::spawn(transfers(ending.client(), four.devnet.doc.clone(), 1));
    let reading = tokio::spawn(events(&ending.api).await);
    signal(ending.pid(), Signal::TERM);
    says_that_it_stops(&ending).await;
    assert!(!loading.is_finished() && !reading.is_finished(), "both are served");
    assert!(ending.stop().success());
    let said = reading.await.unwrap();
    assert!(said.contains("event: bye\n"), "{said}");
    loading.await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn restarts_in_turn_under_load_alarm_nobody_and_lose_nothing() {
    let mut four = Four::stopped().await;
    for node in 0..4 {
        four.start_one(node, &DRAINS);
    }
    four.others_make(2).await;
    let logs: Vec<Log> = (0..4).map(|node| Log::from_now(&four.home(node))).collect();
    let (doc, mut nonce, mut committed, mut last_words) = (four.devnet.doc.clone(), 0, Vec::new(), Vec::new());
    for round in 1..=rounds() {
        for node in 0..4 {
            let stop = Arc::new(AtomicBool::new(false));
            let other = four.client((node + 1) % 4);
            let loading = tokio::spawn(load(other, doc.clone(), nonce, Arc::clone(&stop)));
            let before = signed(&four.home(node));
            last_words.extend(says_so_and_ends(&mut four, node).await);
            // A second signal ends that time, which those who come after must not wait for.
            let drains = if round < rounds() { &DRAINS[..] } else { &[] };
            four.start_one(node, &[&["--moniker", &moniker()], drains].concat());
            four.signs_above(node, before + 1).await;
            stop.store(true, Ordering::Relaxed);
            let (next, sent) = loading.await.unwrap();
            (nonce, committed) = (next, [committed, sent].concat());
        }
    }
    assert!(committed.len() as u64 == nonce && nonce > 4, "{nonce}");
    assert!(last_words.len() >= 4, "the nodes that ended were under load: {}", last_words.len());
    committed.extend(last_words);
    let last = until("the height", async || height(&four.client(0)).await).await;
    for node in 0..4 {
        let client = four.client(node);
        reach(&client, last).await;
        for hash in &committed {
            client.transaction(&diem_api::Hash(*hash)).await.unwrap();
        }
    }
    the_others_are_listed(&four).await;
    a_level_is_set(&four).await;
    a_node_that_catches_up_halts(&mut four).await;
    for log in &logs {
        assert!(!log.text().contains("not safe") && !log.text().contains("listens"), "{}", log.text());
    }
    all_halt_at_the_same_height(&mut four).await;
}

/// The time after which a node that has not halted with the others is taken for one that is late.
const LATE: Duration = Duration::from_secs(20);

/// Checks that a whole chain halts at the same height, each node in order, and goes on from there.
async fn all_halt_at_the_same_height(four: &mut Four) {
    four.stop();
    let at = four.ask(0, &["check"])["height"].as_u64().unwrap() + 5;
    for node in 0..4 {
        four.start_one(node, &["--halt-at", &at.to_string()]);
    }
    let (mut halted, mut since) = (Vec::new(), Instant::now());
    until("the halt of all", async || {
        for node in 0..4 {
            if halted.contains(&node) || four.nodes[node].as_mut().is_some_and(Single::is_running) {
                continue;
            }
            let (status, log) = four.nodes[node].take().unwrap().ended();
            assert_eq!(status.code(), Some(6), "{log}");
            assert_eq!(four.ask(node, &["check"])["height"], at, "{log}");
            halted.push(node);
            since = Instant::now();
        }
        // On a slow machine one may be so late that the others have gone: it gets its last blocks when they go on.
        if halted.len() < 4 && since.elapsed() > LATE {
            go_on(four, &halted);
        }
        (halted.len() == 4).then_some(())
    })
    .await;
    go_on(four, &halted);
    four.others_make(2).await;
    four.stop();
    let (mut starts, mut kills) = (0, 0);
    for node in 0..4 {
        let log = log(&four.home(node));
        assert!(!log.contains("not safe"), "{log}");
        starts += log.matches("CometBFT started").count();
        kills += log.matches("was killed").count();
    }
    // One or the other CometBFT may need more than its grace period where the machine stands still meanwhile.
    assert!(3 * kills < starts, "{kills} of {starts} CometBFTs did not end when they were asked to");
}

/// Starts those of these nodes that do not run.
fn go_on(four: &mut Four, nodes: &[usize]) {
    for node in nodes {
        if four.nodes[*node].is_none() {
            four.start_one(*node, &[]);
        }
    }
}
