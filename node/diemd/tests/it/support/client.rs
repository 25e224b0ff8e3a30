//! What a user of a node does in these tests: people, transactions, and waiting for heights.

use std::time::{Duration, Instant};

use bytes::Bytes;
use diem_api::{BlockId, State, Submitted, Wait};
use diem_client::Client;
use diem_core::keys::KeyKind;
use diem_genesis::presets::{TEST_MNEMONIC, person_path};
use diem_testkit::Person;
use diem_wallet::derive;

/// The patience of a test: far longer than anything here takes, so that a slow machine fails no test.
pub const PATIENCE: Duration = Duration::from_secs(180);

/// Polls `look` until it returns a value.
pub async fn until<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let started = Instant::now();
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(started.elapsed() < PATIENCE, "{what} did not happen");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// A person of the genesis: alice is 0, bob 1, carol 2, dave 3.
pub fn person(number: u32) -> Person {
    let phrase = derive::parse_phrase(TEST_MNEMONIC).unwrap();
    let key = derive::derive(&phrase, KeyKind::Ed25519, &person_path(number)).unwrap().key();
    Person { address: key.address(), key }
}

/// Submits a transaction and waits for its block.
pub async fn commit(client: &Client, tx: Bytes) -> Submitted {
    let submitted = client.submit(tx.to_vec(), Wait::Committed, Duration::from_secs(60)).await.unwrap();
    assert_eq!(submitted.state, State::Committed, "{submitted:?}");
    submitted
}

/// The last committed height; `None` while the node does not answer.
pub async fn height(client: &Client) -> Option<u64> {
    client.status().await.ok()?.latest.map(|head| head.height)
}

/// Waits until a node that was started takes transactions: its state is read before its engine answers. Returns the last
/// committed height.
pub async fn answering(client: &Client) -> u64 {
    until("the answer of a node and its engine", async || {
        let status = client.status().await.ok()?;
        // What only the engine knows is there as soon as it answers.
        status.catching_up?;
        status.latest.map(|head| head.height)
    })
    .await
}

/// The root of the state after a height.
pub async fn root(client: &Client, height: u64) -> String {
    serde_json::to_value(client.block(BlockId::Height(height), None).await.unwrap()).unwrap()["root"].to_string()
}

/// Waits until the node has committed `wanted`.
pub async fn reach(client: &Client, wanted: u64) -> u64 {
    until(&format!("height {wanted}"), async || height(client).await.filter(|height| *height >= wanted)).await
}
