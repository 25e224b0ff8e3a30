//! What is seen of a node that ends in order: what it says, and what becomes of transactions and streams.

use std::{fs, future::Future, path::Path, time::Duration};

use diem_api::{State, Wait};
use diem_client::Client;
use diem_core::{Address, Amount};
use diem_testkit::TxBuilder;
use diem_types::GenesisDoc;
use serde_json::Value;

use super::{
    client::{height, person, reach, until},
    single::Single,
};

/// The time in which a node promises to end. Tests allow ten times as much, so that a slow machine fails none.
pub const END: Duration = Duration::from_secs(10);

/// Sends one transfer after the other until the node answers no more; returns those that it called committed.
pub async fn transfers(client: Client, doc: GenesisDoc, who: u32) -> Vec<[u8; 32]> {
    let sender = person(who);
    let Ok(account) = client.account(&sender.address, None, false).await else { return Vec::new() };
    let (mut nonce, mut committed) = (account.nonce_to_send(), Vec::new());
    loop {
        let tx = TxBuilder::transfer(&doc, &sender, nonce, Address([0x61; 20]), Amount::ONE).bytes();
        match client.submit(tx.to_vec(), Wait::Committed, Duration::from_secs(60)).await {
            Ok(sent) if sent.state == State::Committed => committed.push(diem_core::tx::tx_hash(&tx)),
            _ => return committed,
        }
        nonce += 1;
    }
}

/// Opens the stream of a node's events; returns what reads it to its end.
pub async fn events(api: &str) -> impl Future<Output = String> + Send + use<> {
    let mut answer = reqwest::get(format!("{api}/v1/events")).await.unwrap();
    async move {
        let mut text = Vec::new();
        while let Ok(Some(chunk)) = answer.chunk().await {
            text.extend_from_slice(&chunk);
        }
        String::from_utf8(text).unwrap()
    }
}

async fn get(url: &str) -> Option<(u16, String)> {
    let answer = reqwest::get(url).await.ok()?;
    Some((answer.status().as_u16(), answer.text().await.ok()?))
}

/// The URL of a home's server of metrics.
fn metrics(home: &Path) -> String {
    let config: toml::Table = fs::read_to_string(home.join("config.toml")).unwrap().parse().unwrap();
    format!("http://{}", config["metrics"]["listen"].as_str().unwrap())
}

/// Checks that a node whose end was asked for says so everywhere, and answers all the same.
pub async fn says_that_it_stops(node: &Single) {
    let probes = [node.api.clone(), metrics(&node.home)];
    for probe in &probes {
        let url = format!("{probe}/readyz");
        let ready = until("word that the node is stopping", async || {
            let (status, text) = get(&url).await?;
            (status == 503).then(|| serde_json::from_str::<Value>(&text).unwrap())
        })
        .await;
        assert_eq!(ready["reasons"][0]["name"], "stopping", "{ready}");
        assert_eq!((&ready["checks"]["stopping"], &ready["ready"]), (&"not".into(), &false.into()), "{ready}");
    }
    let (_, series) = get(&format!("{}/metrics", probes[1])).await.unwrap();
    assert!(series.contains("diem_ready{check=\"stopping\"} 0\n"), "{series}");
    let before = height(&node.client()).await.unwrap();
    reach(&node.client(), before + 1).await;
}
