//! Ordinary restarts under load: nobody is suspected, and nothing that was committed is missing.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use diem_api::{State, Wait};
use diem_client::Client;
use diem_core::{Address, Amount};
use diem_testkit::TxBuilder;
use diem_types::GenesisDoc;

use super::{Four, Log, signed};
use crate::support::client::{height, person, reach, until};

/// The number of times that each validator is started anew: `DIEM_GUARD_RESTARTS` for more.
fn rounds() -> u32 {
    std::env::var("DIEM_GUARD_RESTARTS").map_or(1, |text| text.parse().unwrap())
}

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

#[tokio::test(flavor = "multi_thread")]
async fn restarts_in_turn_under_load_alarm_nobody_and_lose_nothing() {
    let mut four = Four::start().await;
    let logs: Vec<Log> = (0..4).map(|node| Log::from_now(&four.home(node))).collect();
    let (doc, mut nonce, mut committed) = (four.devnet.doc.clone(), 0, Vec::new());
    for _ in 0..rounds() {
        for node in 0..4 {
            let stop = Arc::new(AtomicBool::new(false));
            let other = four.client((node + 1) % 4);
            let loading = tokio::spawn(load(other, doc.clone(), nonce, Arc::clone(&stop)));
            let before = signed(&four.home(node));
            four.stop_one(node);
            four.start_one(node, &[]);
            four.signs_above(node, before + 1).await;
            stop.store(true, Ordering::Relaxed);
            let (next, sent) = loading.await.unwrap();
            (nonce, committed) = (next, [committed, sent].concat());
        }
    }
    assert!(committed.len() as u64 == nonce && nonce > 4, "{nonce}");
    let last = until("the height", async || height(&four.client(0)).await).await;
    for node in 0..4 {
        let client = four.client(node);
        reach(&client, last).await;
        for hash in &committed {
            client.transaction(&diem_api::Hash(*hash)).await.unwrap();
        }
    }
    for log in &logs {
        assert!(!log.text().contains("not safe") && !log.text().contains("listens"), "{}", log.text());
    }
    four.stop();
}
