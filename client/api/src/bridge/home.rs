//! What comes back from Base: credits for burns, and the queue there.

use diem_core::{Address, Time};
use serde::{Deserialize, Serialize};

use crate::{BaseAddress, BaseNumber, Coin, Moment};

/// `GET /v1/bridge/burns/{id}?height=&prove=true`, and an item of
/// `GET /v1/bridge/burns?recipient=&event=&height=&after=&limit=`: an amount that is owed here for what happened on Base.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BridgeBurn {
    /// The number of the credit.
    #[serde(with = "diem_core::json::number")]
    pub id: u64,
    /// The reason for which it is owed.
    pub kind: BurnKind,
    /// The nonce of the event on Base, of a burn.
    pub event: Option<BaseNumber>,
    /// The account on Base whose balance was burned, of a burn.
    pub sender: Option<BaseAddress>,
    /// The item of the queue on Base that was cancelled, if one was.
    pub queue_id: Option<BaseNumber>,
    /// The account that gets it; `null` is the treasury.
    pub recipient: Option<Address>,
    /// The amount that is owed, or was paid.
    pub amount: Coin,
    /// The moment at which its event was applied; `null` once it is paid.
    pub since: Option<Moment>,
    /// The state that it is in.
    pub state: BurnState,
    /// Why it is in that state.
    pub reason: String,
    /// What comes next, and what can be done meanwhile.
    pub next_step: String,
    /// The moment from which the next step is expected, where one can be told.
    pub expected: Option<Moment>,
    /// The payment, once it is paid.
    pub paid: Option<BridgePayment>,
}

/// The payment of a credit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct BridgePayment {
    /// The height of the payment.
    pub height: u64,
    /// The moment of the payment.
    pub at: Moment,
}

/// The reason for which an amount is owed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BurnKind {
    /// It was burned on Base.
    Burn,
    /// An item of the queue on Base was cancelled.
    Cancelled,
    /// The escrow held more than was owed when the bridge was resumed.
    Surplus,
}

/// The state of a credit. That something was burned is seen on Base alone until the block of Base is attested.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BurnState {
    /// Its event was applied, and it is next in line.
    Attested,
    /// It found no room and waits a day.
    Delayed,
    /// The authority holds it back for a time, once.
    Held,
    /// It was paid out of the escrow; nothing of it is owed any more.
    Credited,
}

/// `GET /v1/bridge/queue/{id}?height=&prove=true`, and an item of `GET /v1/bridge/queue?height=&after=&limit=`: an item
/// that waits on Base to be minted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BridgeQueueItem {
    /// Its number in the queue, by which it is released.
    #[serde(with = "diem_core::json::number")]
    pub id: u64,
    /// The nonce of its batch.
    #[serde(with = "diem_core::json::number")]
    pub batch: u64,
    /// The part of the batch that it is.
    pub part: QueuedPart,
    /// The transfer that it is, if it is one.
    pub transfer: Option<BaseNumber>,
    /// The amount that waits.
    pub amount: Coin,
    /// The time of Base from which anybody may release it.
    pub ready_at: Time,
    /// The time of Base until which the guardian has frozen it.
    pub vetoed_until: Option<Time>,
    /// The state that it is in.
    pub state: QueueState,
    /// Why it is in that state.
    pub reason: String,
    /// What comes next, and what can be done meanwhile.
    pub next_step: String,
    /// The moment from which the next step is expected.
    pub expected: Option<Moment>,
}

/// A part of an executed batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum QueuedPart {
    /// The amount of a transfer to Base.
    Transfer,
    /// The fee of whoever relayed it.
    Fee,
    /// What this chain never issued.
    Forged,
}

/// The state of an item of the queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum QueueState {
    /// It waits for its time.
    Waiting,
    /// Anybody may release it.
    Ready,
    /// The guardian has frozen it.
    Vetoed,
}
