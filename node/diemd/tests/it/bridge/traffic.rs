//! Transfers of dave to Base, each of an amount of its own.

use std::{cell::Cell, time::Duration};

use bytes::Bytes;
use diem_api::{State, Wait};
use diem_bridge::Msg;
use diem_client::Client;
use diem_core::{Address, Amount, keccak256};
use diem_testkit::TxBuilder;
use diem_types::{Call, GenesisDoc};

use crate::support::{
    client::{person, until},
    devnet::Devnet,
};

/// The fee of a transfer: the least that the chain takes.
pub(super) const FEE: Amount = Amount::new(Amount::ONE.get() / 10_000);
/// The time from one transfer to the next.
const PAUSE: Duration = Duration::from_millis(200);

/// What dave sends, through whichever node listens.
pub(super) struct Traffic {
    nodes: Vec<Client>,
    doc: GenesisDoc,
    /// The nonce of the first transfer.
    first: u64,
    txs: Vec<Bytes>,
    /// The recipients, and what each gets.
    pub(super) sent: Vec<(Address, Amount)>,
}

/// The amount of the transfer with this number. No two are the same, so that a balance tells which transfer made it.
pub(super) fn amount(number: u64) -> Amount {
    Amount::new(Amount::ONE.get() / 50 + u128::from(number))
}

impl Traffic {
    pub(super) async fn new(devnet: &Devnet) -> Self {
        let nodes: Vec<Client> = (0..devnet.nodes()).map(|node| devnet.client(node)).collect();
        let first = nodes[0].account(&person(3).address, None, false).await.unwrap().nonce;
        Self { nodes, doc: devnet.doc.clone(), first, txs: Vec::new(), sent: Vec::new() }
    }

    /// Sends that many transfers to recipients that nobody else has, and waits until all are in blocks.
    pub(super) async fn send(&mut self, count: usize) {
        let own = |number: u64| Address(keccak256(&number.to_be_bytes())[..20].try_into().unwrap());
        self.send_to(count, own).await;
    }

    /// Sends that many transfers while something else happens, and goes on with one after the other until that is done.
    pub(super) async fn send_during(&mut self, count: usize, other: impl Future<Output = ()>) {
        let is_done = Cell::new(false);
        let other = async {
            other.await;
            is_done.set(true);
        };
        let sending = async {
            self.send(count).await;
            while !is_done.get() {
                self.send(1).await;
            }
        };
        tokio::join!(other, sending);
    }

    /// Sends that many transfers, each to the recipient for its number, and waits until all are in blocks.
    pub(super) async fn send_to(&mut self, count: usize, recipient: impl Fn(u64) -> Address) {
        for _ in 0..count {
            let number = u64::try_from(self.txs.len()).unwrap();
            let (recipient, amount) = (recipient(number), amount(number));
            let call = Call::Bridge(Msg::BridgeOut { amount, fee: FEE, recipient });
            let tx = TxBuilder::new(&self.doc, &person(3), self.first + number, vec![call]).bytes();
            self.offer(&tx, self.txs.len()).await;
            self.txs.push(tx);
            self.sent.push((recipient, amount));
            tokio::time::sleep(PAUSE).await;
        }
        // A node that was killed may have had some to itself.
        let goal = self.first + u64::try_from(self.txs.len()).unwrap();
        until("the blocks of all transfers", async || {
            let landed = self.landed().await?;
            let missing = usize::try_from(landed - self.first).unwrap();
            for (at, tx) in self.txs.iter().enumerate().skip(missing) {
                self.offer(tx, at).await;
            }
            (landed == goal).then_some(())
        })
        .await;
    }

    /// The amounts and fees of all that was sent.
    pub(super) fn total(&self) -> Amount {
        let each = self.sent.iter().map(|(_, amount)| amount.get() + FEE.get());
        Amount::new(each.sum())
    }

    /// Offers a transfer to one node after the other, until one takes it. The next one is offered elsewhere first.
    async fn offer(&self, tx: &Bytes, first: usize) {
        for node in self.nodes.iter().cycle().skip(first % self.nodes.len()).take(self.nodes.len()) {
            let sent = node.submit(tx.to_vec(), Wait::Checked, Duration::from_secs(5)).await;
            if sent.is_ok_and(|sent| matches!(sent.state, State::Checked | State::Committed)) {
                return;
            }
        }
    }

    /// The nonce of dave's account, as the first node that answers sees it.
    async fn landed(&self) -> Option<u64> {
        for node in &self.nodes {
            if let Ok(account) = node.account(&person(3).address, None, false).await {
                return Some(account.nonce);
            }
        }
        None
    }
}
