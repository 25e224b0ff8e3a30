//! Stops in order: at random moments under load, with a time in which the node still answers, and at a height that its
//! operator has named.

use std::{
    fs,
    path::Path,
    time::{Duration, Instant},
};

use diem_client::Client;
use diem_core::sha256;
use diem_types::GenesisDoc;
use rustix::process::Signal;
use serde_json::Value;

use crate::support::{
    client::{PATIENCE, answering, reach},
    devnet::{Devnet, EngineUnderTest},
    ports::Ports,
    process::{run, signal, words},
    single::{Single, instant_home},
    stopping::{END, events, says_that_it_stops, transfers},
};

/// A number by which the test is made larger or repeated.
fn number(variable: &str, usual: u32) -> u32 {
    std::env::var(variable).map_or(usual, |text| text.parse().unwrap())
}

/// The time for which a node is left alone in a round.
fn moment(seed: u32, round: u32) -> Duration {
    let random = sha256(&[&seed.to_be_bytes(), &round.to_be_bytes()]);
    Duration::from_millis(u64::from(u16::from_be_bytes([random[0], random[1]])) % 2_000)
}

/// Has four people send until the node answers no more; returns what it called committed.
async fn load(client: Client, doc: GenesisDoc) -> Vec<[u8; 32]> {
    futures::future::join_all((0..4).map(|who| transfers(client.clone(), doc.clone(), who))).await.concat()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_is_told_to_end_under_load_says_so_first_and_loses_nothing() {
    let (stops, seed) = (number("TERM_STOPS", 2), number("TERM_SEED", 20_261_130));
    let devnet = Devnet::of_one(EngineUnderTest::Comet);
    let (home, mut committed, mut longest) = (devnet.home(0), Vec::new(), Duration::ZERO);
    for round in 0..stops {
        // The first has a time to drain that only a second signal ends.
        let drains = round == 0;
        let node = Single::start(&home, if drains { &["--set", "api.drain=40s"] } else { &[] });
        let begun = answering(&node.client()).await;
        let loading = tokio::spawn(load(node.client(), devnet.doc.clone()));
        // A node that was stopped after it had signed a proposal makes its next block a round later.
        reach(&node.client(), begun + 2).await;
        let reading = tokio::spawn(events(&node.api).await);
        tokio::time::sleep(moment(seed, round)).await;
        if drains {
            signal(node.pid(), Signal::TERM);
            says_that_it_stops(&node).await;
            assert!(!loading.is_finished() && !reading.is_finished(), "both are served");
        }
        let asked = Instant::now();
        assert!(node.stop().success());
        longest = longest.max(asked.elapsed());
        committed.extend(loading.await.unwrap());
        let said = tokio::time::timeout(PATIENCE, reading).await.unwrap().unwrap();
        assert!(said.contains("event: bye\n"), "{said}");
    }
    assert!(committed.len() >= stops as usize, "{}", committed.len());
    // Ten times as long as is promised, on a machine that does other things too.
    assert!(longest < 10 * END, "a stop took {} s", longest.as_secs());
    println!(
        "{stops} stops, seed {seed}: {} were committed; the longest stop took {} ms",
        committed.len(),
        longest.as_millis()
    );
    let log = fs::read_to_string(home.join("node.log")).unwrap();
    assert!(log.contains("asked again: stopping now"), "{log}");
    let node = Single::start(&home, &[]);
    let last = answering(&node.client()).await;
    for hash in &committed {
        node.client().transaction(&diem_api::Hash(*hash)).await.unwrap();
    }
    assert!(node.stop().success());
    halts(&home, &devnet.doc, last + 6).await;
    // One CometBFT may need more than its grace period where the machine stands still meanwhile.
    let log = fs::read_to_string(home.join("node.log")).unwrap();
    let [starts, kills] = ["CometBFT started", "was killed"].map(|words| log.matches(words).count());
    assert!(3 * kills < starts, "{kills} of {starts} CometBFTs did not end when they were asked to: {log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_asks_a_node_twice_to_end_waits_for_nothing() {
    let (folder, ports) = (tempfile::tempdir().unwrap(), Ports::claim());
    let home = instant_home(folder.path(), &ports);
    let drain = || {
        let output = run(&["drain", "--home", home.to_str().unwrap(), "--output", "json"]);
        assert!(output.status.success(), "{}", words(&output));
        serde_json::from_slice::<Value>(&output.stdout).unwrap()["drain_ms"].as_u64()
    };
    // The first time it is asked by the command, and then by a signal.
    for by_signal in [false, true] {
        let node = Single::start(&home, &["--set", "api.drain=40s", "--block-time", "200ms"]);
        answering(&node.client()).await;
        if by_signal {
            signal(node.pid(), Signal::TERM)
        } else {
            assert_eq!(drain(), Some(40_000))
        }
        says_that_it_stops(&node).await;
        assert_eq!(drain(), Some(0));
        let (status, log) = node.ended();
        assert!(status.success(), "{log}");
        assert_eq!(log.matches("asked again: stopping now").count(), 1 + usize::from(by_signal), "{log}");
    }
}

/// Starts the node with this height to halt at; returns its exit code and what it said.
fn halted(home: &Path, at: u64) -> (Option<i32>, String) {
    let before = fs::read_to_string(home.join("node.log")).unwrap_or_default().len();
    let (status, log) = Single::start(home, &["--halt-at", &at.to_string()]).ended();
    (status.code(), log[before..].to_owned())
}

/// The height of a stopped home.
fn height_of(home: &Path) -> u64 {
    let checked = run(&["check", "--home", home.to_str().unwrap(), "--output", "json"]);
    assert!(checked.status.success(), "{}", words(&checked));
    serde_json::from_slice::<Value>(&checked.stdout).unwrap()["height"].as_u64().unwrap()
}

/// Checks that a node halts under load with exactly this height, and goes on when it is told nothing of it any more.
async fn halts(home: &Path, doc: &GenesisDoc, at: u64) {
    let log_before = fs::read_to_string(home.join("node.log")).unwrap().len();
    let node = Single::start(home, &["--halt-at", &at.to_string()]);
    let (client, doc) = (node.client(), doc.clone());
    // It may have halted before it is heard of.
    let loading = tokio::spawn(async move {
        loop {
            let committed = load(client.clone(), doc.clone()).await;
            if !committed.is_empty() {
                return committed;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    });
    let (status, log) = tokio::task::spawn_blocking(move || node.ended()).await.unwrap();
    let log = &log[log_before..];
    let committed = tokio::time::timeout(Duration::from_secs(5), loading).await.map(Result::unwrap).unwrap_or_default();
    assert_eq!(status.code(), Some(6), "{log}");
    assert!(log.contains(&format!("the node has halted: height {at} is there")), "{log}");
    // It is an end in order like any other.
    assert!(log.contains("CometBFT stopped") && !log.contains(" ERROR "), "{log}");
    assert_eq!(height_of(home), at);
    // A service manager that starts it again all the same gains nothing.
    let (code, said) = halted(home, at);
    assert_eq!(code, Some(6), "{said}");
    let says = format!("the next block of this home is {}, and --halt-at {at} lies below it", at + 1);
    assert!(said.contains(&says) && !said.contains("CometBFT started"), "{said}");
    let node = Single::start(home, &[]);
    reach(&node.client(), at + 2).await;
    for hash in &committed {
        node.client().transaction(&diem_api::Hash(*hash)).await.unwrap();
    }
    assert!(node.stop().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_development_engine_halts_too_whoever_asks_it_for_more() {
    let (folder, ports) = (tempfile::tempdir().unwrap(), Ports::claim());
    let home = instant_home(folder.path(), &ports);
    let node = Single::start(&home, &["--halt-at", "4"]);
    reach(&node.client(), 1).await;
    let mine = reqwest::Client::new().post(format!("{}/v1/dev/mine", node.api));
    let answer = mine.header("content-type", "application/json").body(r#"{"blocks":10}"#).send().await;
    if let Ok(answer) = answer {
        let said = answer.text().await.unwrap();
        assert!(said.contains("halts at height 4") || said.contains("stopp"), "{said}");
    }
    let (status, log) = node.ended();
    assert_eq!(status.code(), Some(6), "{log}");
    assert!(log.contains("height 4 is there") && !log.contains(" ERROR "), "{log}");
    assert_eq!(height_of(&home), 4);
    let (code, said) = halted(&home, 3);
    assert!(code == Some(6) && said.contains("the next block of this home is 5"), "{code:?} {said}");
    let node = Single::start(&home, &[]);
    reach(&node.client(), 4).await;
    assert!(node.stop().success());
    let wrong = run(&["start", "--home", home.to_str().unwrap(), "--halt-at", "0"]);
    assert!(wrong.status.code() == Some(2) && words(&wrong).contains("--halt-at"), "{}", words(&wrong));
}
