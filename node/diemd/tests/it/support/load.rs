//! Transfers that people send all the time.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    time::Duration,
};

use diem_api::Wait;
use diem_client::Client;
use diem_core::{Address, Amount};
use diem_testkit::TxBuilder;
use tokio::task::JoinHandle;

use super::{client::person, devnet::Devnet};

/// The transfers of a batch.
const BATCH: u64 = 50;
/// The people who send; the first of the genesis is left to the test.
const SENDERS: std::ops::Range<u32> = 1..4;

/// Transfers through the first node, until they are stopped.
pub struct Load {
    done: Arc<AtomicBool>,
    senders: Vec<JoinHandle<u64>>,
}

impl Load {
    pub fn start(devnet: &Arc<Devnet>) -> Self {
        let done = Arc::<AtomicBool>::default();
        let senders = SENDERS.map(|number| tokio::spawn(send(number, Arc::clone(devnet), Arc::clone(&done))));
        Self { done: Arc::clone(&done), senders: senders.collect() }
    }

    /// Stops all senders, and returns how many of their transfers were in blocks.
    pub async fn stop(self) -> u64 {
        self.done.store(true, SeqCst);
        let mut sent = 0;
        for sender in self.senders {
            sent += sender.await.unwrap();
        }
        sent
    }
}

/// Keeps one batch in the next block and another one behind it, so that no block is empty.
async fn send(number: u32, devnet: Arc<Devnet>, done: Arc<AtomicBool>) -> u64 {
    let (client, who) = (devnet.client(0), person(number).address);
    // The hash of a large genesis takes a while, so that it is not computed for each transaction.
    let transfer = TxBuilder::transfer(&devnet.doc, &person(number), 0, Address([0x53; 20]), Amount::ONE);
    let first = nonces(&client, &who).await.0;
    while !done.load(SeqCst) {
        let (now, next) = nonces(&client, &who).await;
        if next < now + 2 * BATCH {
            let numbered = |nonce| transfer.clone().with(|tx| tx.nonce = nonce).bytes().to_vec();
            let txs: Vec<_> = (next..next + BATCH).map(numbered).collect();
            let _ = client.submit_batch(&txs, Wait::Checked, Duration::from_secs(10)).await;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    nonces(&client, &who).await.0 - first
}

/// The nonce of an account, and that of the next transaction behind those that wait.
async fn nonces(client: &Client, who: &Address) -> (u64, u64) {
    loop {
        match client.account(who, None, false).await {
            Ok(account) => return (account.nonce, account.next_nonce.unwrap_or(account.nonce)),
            Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
        }
    }
}
